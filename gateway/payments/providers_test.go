package payments_test

import (
	"bytes"
	"errors"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/brigata/brigata/actors/payment"
	"github.com/brigata/brigata/gateway/payments"
	"github.com/brigata/brigata/gateway/payments/fake"
	"github.com/brigata/brigata/gateway/payments/stripe"
	"github.com/brigata/brigata/gateway/payments/wechat"
)

const shop = "demo"

// today is the date where the stand-ins are.
func today() string { return time.Now().In(midday).Format(time.DateOnly) }

var names = []string{"stripe", "wechat", "alipay"}

func id(n byte) string { return "0192f3a1-7b2c-7d3e-8f40-00000000000" + string('0'+n) }

// each runs a test with every provider and its stand-in.
func each(t *testing.T, f func(t *testing.T, b *fake.Bank, p payments.Provider)) {
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			b := fake.New(name)
			b.Zone = midday
			t.Cleanup(b.Close)
			f(t, b, fake.Accounts(t, b)[0].Provider)
		})
	}
}

// charge asks for an amount, with what the payment knows of it by then.
func charge(b *fake.Bank, n byte, amount int64) payments.Charge {
	c := payments.Charge{Store: shop, ID: id(n), Amount: amount, Currency: "CNY", Method: "native", ExpiresAt: time.Now().Add(payment.Within)}
	if b.Name == "stripe" {
		c.Method, c.Reference = "card", b.Charge(c.ID).Reference
	}
	return c
}

func outcome(t *testing.T, r payments.Result, err error, want payment.Outcome) payments.Result {
	t.Helper()
	if err != nil || r.Outcome != want {
		t.Fatalf("%+v %+v %v, want %s", r, r.Failure, err, want)
	}
	return r
}

func TestAChargeIsOneHoweverOftenItIsStarted(t *testing.T) {
	each(t, func(t *testing.T, b *fake.Bank, p payments.Provider) {
		ctx := t.Context()
		r, err := p.Start(ctx, charge(b, 1, 7650))
		first := outcome(t, r, err, payment.Started)
		if first.Action == nil || first.Action.Data == "" || b.Name == "stripe" && first.Action.Params["publishable_key"] != fake.StripePublishable {
			t.Fatalf("there is nothing for the payer to do: %+v", first)
		}
		again := charge(b, 1, 7650)
		again.Reference = ""
		r, err = p.Start(ctx, again)
		if got := outcome(t, r, err, payment.Started); got.Action.Data != first.Action.Data {
			t.Errorf("%+v, then %+v", first.Action, got.Action)
		}
		if all := b.Charges(); len(all) != 1 || all[0].Amount != 7650 || all[0].Store != shop {
			t.Fatalf("%+v", all)
		}
		b.Pay(id(1))
		r, err = p.Query(ctx, charge(b, 1, 7650))
		if got := outcome(t, r, err, payment.Charged); got.Amount != 7650 {
			t.Errorf("%+v", got)
		}
		r, err = p.Start(ctx, charge(b, 1, 7650))
		outcome(t, r, err, payment.Charged)
	})
}

func TestWhatWasNeverAskedFor(t *testing.T) {
	each(t, func(t *testing.T, b *fake.Bank, p payments.Provider) {
		if b.Name == "stripe" {
			t.Log("asking Stripe without a reference makes the intent: it has no query by our id")
			return
		}
		if _, err := p.Query(t.Context(), charge(b, 1, 100)); !errors.Is(err, payments.ErrNone) {
			t.Error(err)
		}
		r, err := p.Cancel(t.Context(), charge(b, 1, 100))
		outcome(t, r, err, payment.Dropped)
	})
}

func TestCancelIsThePayersLastWord(t *testing.T) {
	each(t, func(t *testing.T, b *fake.Bank, p payments.Provider) {
		ctx := t.Context()
		for n := byte(1); n < 3; n++ {
			r, err := p.Start(ctx, charge(b, n, 100))
			outcome(t, r, err, payment.Started)
		}
		for range 2 {
			r, err := p.Cancel(ctx, charge(b, 1, 100))
			outcome(t, r, err, payment.Dropped)
		}
		if b.Pay(id(1)) {
			t.Error("what was cancelled can still be paid")
		}
		b.Pay(id(2))
		r, err := p.Cancel(ctx, charge(b, 2, 100))
		if got := outcome(t, r, err, payment.Charged); got.Amount != 100 {
			t.Errorf("%+v", got)
		}
	})
}

func TestRefundsGoBackOnce(t *testing.T) {
	each(t, func(t *testing.T, b *fake.Bank, p payments.Provider) {
		ctx := t.Context()
		r, err := p.Start(ctx, charge(b, 1, 1000))
		outcome(t, r, err, payment.Started)
		b.Pay(id(1))
		for range 2 {
			r, err = p.Refund(ctx, charge(b, 1, 1000), payments.Refund{ID: id(7), Amount: 300, Reason: "quality"})
			outcome(t, r, err, payment.Charged)
		}
		r, err = p.Refund(ctx, charge(b, 1, 1000), payments.Refund{ID: id(8), Amount: 701, Reason: "quality"})
		if got := outcome(t, r, err, payment.Declined); got.Failure == nil || got.Failure.Code == "" {
			t.Errorf("%+v", got)
		}
		if c := b.Charge(id(1)); len(c.Refunds) != 1 || c.Refunds[0] != (fake.Refund{ID: id(7), Amount: 300}) {
			t.Errorf("%+v", c.Refunds)
		}
		if got, err := p.Statement(ctx, "2026-01-01"); err != nil || len(got) != 0 {
			t.Errorf("another day: %+v %v", got, err)
		}
		got, err := p.Statement(ctx, today())
		if want := b.Statement(); err != nil || len(got) != len(want) || !slices.Equal(got, want) {
			t.Errorf("the statement says %+v %v, the ledger %+v", got, err, want)
		}
	})
}

// A provider that fails, or whose answer is lost, has said nothing; asked again, it does.
func TestFailuresAreUnknown(t *testing.T) {
	each(t, func(t *testing.T, b *fake.Bank, p payments.Provider) {
		for _, fault := range []fake.Fault{fake.Fail, fake.Page, fake.Cut} {
			b.Next(fault)
			c := charge(b, 1, 500)
			c.Reference = ""
			r, err := p.Start(t.Context(), c)
			if fault == fake.Cut && err == nil && b.Name == "stripe" { // net/http repeats what carries an idempotency key
				outcome(t, r, err, payment.Started)
			} else if err == nil {
				t.Fatalf("%s: %+v", fault, r)
			}
		}
		r, err := p.Start(t.Context(), charge(b, 1, 500))
		outcome(t, r, err, payment.Started)
		if all := b.Charges(); len(all) != 1 {
			t.Errorf("%+v", all)
		}
	})
}

func TestNotices(t *testing.T) {
	each(t, func(t *testing.T, b *fake.Bank, p payments.Provider) {
		r, err := p.Start(t.Context(), charge(b, 1, 2500))
		outcome(t, r, err, payment.Started)
		b.Pay(id(1))
		body, header := b.Notice(id(1))
		read := func(body []byte) (payments.Notice, error) {
			q := httptest.NewRequest("POST", "/", bytes.NewReader(body))
			q.Header = header
			return p.Notice(q, body)
		}
		n, err := read(body)
		if err != nil || n.Store != shop || n.Payment != id(1) || n.Refund != "" || n.Outcome != payment.Charged || n.Amount != 2500 {
			t.Fatalf("%+v %v", n, err)
		}
		for name, forged := range map[string][]byte{"another amount": bytes.Replace(body, []byte("25"), []byte("95"), 1), "nothing": nil, "cut": body[:len(body)/2]} {
			if bytes.Equal(forged, body) {
				forged = append(bytes.Clone(body), ' ')
			}
			if n, err := read(forged); !errors.Is(err, payments.ErrForged) {
				t.Errorf("%s: %+v %v", name, n, err)
			}
		}
		other := fake.New(b.Name)
		defer other.Close()
		if b.Name == "stripe" {
			return // its stand-ins share a secret
		}
		if _, err := fake.Accounts(t, other)[0].Provider.Notice(httptest.NewRequest("POST", "/", nil), body); !errors.Is(err, payments.ErrForged) {
			t.Error("another account takes it", err)
		}
	})
}

// A store offers what it has an account at, its own or everybody's.
func TestWhatAStoreOffers(t *testing.T) {
	all := payments.Accounts{{Name: "stripe", Provider: &stripe.Account{}}, {Name: "wechat", Store: "a", Provider: &wechat.Account{}}, {Name: "stripe", Store: "b", Provider: &stripe.Account{}}}
	for store, want := range map[string][]string{"a": {"stripe", "wechat"}, "b": {"stripe"}, "c": {"stripe"}} {
		if got := all.Of(store); !slices.Equal(got, want) {
			t.Errorf("%s offers %v, want %v", store, got, want)
		}
	}
}

func TestJSAPI(t *testing.T) {
	b := fake.New("wechat")
	defer b.Close()
	c := charge(b, 1, 100)
	c.Method, c.OpenID = "jsapi", "o-1"
	r, err := fake.Accounts(t, b)[0].Provider.Start(t.Context(), c)
	outcome(t, r, err, payment.Started)
	if r.Action.Kind != "jsapi" || r.Action.Params["paySign"] == "" || !strings.HasPrefix(r.Action.Params["package"], "prepay_id=") {
		t.Errorf("%+v", r.Action)
	}
	c.ID, c.Currency = id(2), "EUR"
	r, err = fake.Accounts(t, b)[0].Provider.Start(t.Context(), c)
	outcome(t, r, err, payment.Declined)
}
