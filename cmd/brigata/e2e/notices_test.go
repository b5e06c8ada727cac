package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/cmd/brigata/client"
	"github.com/brigata/brigata/gateway/payments/fake"
)

// due is an order of which a provider is to charge all, and who tells the node of it.
type due struct {
	t              *testing.T
	n              *node
	till           *client.Conn
	bank           *fake.Bank
	order, payment string
	total          int64
}

func owing(t *testing.T, n *node, till *client.Conn, bank *fake.Bank) *due {
	t.Helper()
	x := &due{t: t, n: n, till: till, bank: bank, order: newID()}
	x.total = x.asks("order.place", x.order, `{"type":"pickup","lines":[{"dish":"mapo-tofu","qty":1}],"contact":{"name":"A","phone":"1"}}`).D.Total
	x.pay()
	return x
}

// asks has the till do something. Cases come faster than one till may ask: it waits for as
// long as it is told to.
func (x *due) asks(cmd, cid, d string) ok {
	x.t.Helper()
	for {
		m := send(x.t, x.till, cmd, cid, d)
		if m.Err == nil || m.Err.Code != string(refusal.RateLimited) {
			return must(x.t, m)
		}
		<-time.After(time.Duration(m.Err.AfterMS) * time.Millisecond)
	}
}

// pay begins a payment of all of it.
func (x *due) pay() {
	x.t.Helper()
	x.payment = newID()
	x.asks("payment.create", x.payment, fmt.Sprintf(`{"order":%q,"provider":%q,"amount":%d}`, x.order, x.bank.Name, x.total))
}

// says is what the provider would tell of the charge if it were so; it is not.
func (x *due) says(change func(*fake.Charge)) (body []byte, header http.Header) {
	return x.bank.NoticeIf(x.payment, change)
}

func paid(c *fake.Charge) { c.State = "paid" }

// told delivers a notification, and holds its answer to what it must be.
func (x *due) told(body []byte, header http.Header, want int) {
	x.t.Helper()
	status, err := fake.Deliver(x.t.Context(), x.n.url+"/v1/payments/"+x.bank.Name+"/notify", body, header)
	if err != nil || status != want {
		x.t.Errorf("it is answered %d %v, want %d", status, err, want)
	}
}

// charged has the payer pay, and the node told of it.
func (x *due) charged() {
	x.t.Helper()
	if !x.bank.Pay(x.payment) {
		x.t.Error("it cannot be paid any more")
	}
	body, header := x.bank.Notice(x.payment)
	x.told(body, header, http.StatusOK)
}

func (x *due) bill() (b bill) {
	x.t.Helper()
	if err := json.Unmarshal(x.n.rest(x.t, "GET", "/v1/stores/demo/orders/"+x.order, "", ""), &b); err != nil {
		x.t.Fatal(err)
	}
	return b
}

// What must be so after a notification.
type verdict string

const (
	stillDue   verdict = "nothing is paid, and it can be"
	paidOnce   verdict = "it is paid, once"
	gaveBack   verdict = "the bill asks for all of it, what was taken went back, and it can be paid"
	cameToLate verdict = "the order stays off, and all of it went back"
)

func (x *due) must(be verdict) {
	x.t.Helper()
	if be == stillDue || be == gaveBack {
		if b := x.bill(); b.Paid != 0 || b.Refunded != 0 || b.State != "sent" && b.State != "placed" {
			x.t.Errorf("%s, but %+v", be, b)
		}
	}
	back := func() {
		within(x.t, 20*time.Second, "the money goes back", func() bool { return len(x.bank.Charge(x.payment).Refunds) > 0 })
		if c := x.bank.Charge(x.payment); len(c.Refunds) != 1 || c.Refunds[0].Amount != c.Amount {
			x.t.Errorf("%+v", c)
		}
	}
	switch be {
	case stillDue:
		x.charged()
	case gaveBack:
		back()
		x.pay()
		x.charged()
	case cameToLate:
		back()
		within(x.t, 20*time.Second, "the bill has that it went back", func() bool { b := x.bill(); return b.Refunded == x.total })
		if b := x.bill(); b.State != "cancelled" || b.Paid != x.total {
			x.t.Errorf("%+v", b)
		}
		return
	}
	within(x.t, 20*time.Second, "it is paid", func() bool { return x.bill().Paid != 0 })
	if b, c := x.bill(), x.bank.Charge(x.payment); b.Paid != x.total || b.Refunded != 0 || b.Payment != "paid" || c.State != "paid" || len(c.Refunds) != 0 {
		x.t.Errorf("%+v, and the provider has %+v", b, c)
	}
}

// paidByAll is a node with an account at each provider, and its till.
func paidByAll(t *testing.T) (n *node, till *client.Conn, banks []*fake.Bank) {
	t.Helper()
	for _, name := range []string{"stripe", "wechat", "alipay"} {
		b := fake.New(name)
		t.Cleanup(b.Close)
		banks = append(banks, b)
	}
	n = startNode(t, t.TempDir(), "--payments", fake.Write(t, banks...))
	return n, n.dial(n.token, "till"), banks
}

// TestNotifications has each provider tell a real node, over HTTP, what it may and what
// it may not, and looks at the bill and at the provider's ledger afterwards.
func TestNotifications(t *testing.T) {
	t.Parallel()
	n, till, banks := paidByAll(t)
	must(t, send(t, till, "stock.count", newID(), `{"dish":"mapo-tofu","unlimited":true}`))
	for _, c := range []struct {
		name string
		send func(x *due)
		then verdict
	}{
		{"duplicate", func(x *due) {
			x.charged()
			body, header := x.bank.Notice(x.payment)
			var all sync.WaitGroup
			for range 5 {
				all.Go(func() { x.told(body, header, http.StatusOK) })
			}
			all.Wait()
		}, paidOnce},
		{"late: the payment was cancelled meanwhile", func(x *due) {
			x.asks("payment.cancel", newID(), fmt.Sprintf(`{"payment":%q}`, x.payment))
			x.bank.Change(x.payment, paid)
			body, header := x.bank.Notice(x.payment)
			x.told(body, header, http.StatusOK)
		}, paidOnce},
		{"late: the order is off", func(x *due) {
			x.asks("payment.cancel", newID(), fmt.Sprintf(`{"payment":%q}`, x.payment))
			x.asks("order.cancel", newID(), fmt.Sprintf(`{"order":%q,"reason":"other"}`, x.order))
			x.bank.Change(x.payment, paid)
			for range 2 {
				body, header := x.bank.Notice(x.payment)
				x.told(body, header, http.StatusOK)
			}
		}, cameToLate},
		{"reordered: older ones come after", func(x *due) {
			open, openHeader := x.bank.Notice(x.payment)
			closed, closedHeader := x.says(func(c *fake.Charge) { c.State = "closed" })
			x.charged()
			x.told(open, openHeader, http.StatusOK)
			x.told(closed, closedHeader, http.StatusOK)
		}, paidOnce},
		{"forged: changed", func(x *due) {
			body, header := x.says(paid)
			x.told(bytes.Replace(body, []byte("e"), []byte("f"), 1), header, http.StatusUnauthorized)
		}, stillDue},
		{"forged: not signed", func(x *due) {
			body, _ := x.says(paid)
			if x.bank.Name == "alipay" { // it is in the form
				body = append(body[:bytes.Index(body, []byte("&sign="))], []byte("&sign_type=RSA2")...)
			}
			x.told(body, http.Header{"Content-Type": {"application/json"}}, http.StatusUnauthorized)
		}, stillDue},
		{"forged: the signature of another", func(x *due) {
			_, header := x.says(func(c *fake.Charge) { c.State, c.Amount = "paid", 1 })
			body, _ := x.says(paid)
			if x.bank.Name == "alipay" {
				body = append(body, "&total_amount=1"...)
			}
			x.told(body, header, http.StatusUnauthorized)
		}, stillDue},
		{"clocks: two minutes apart", func(x *due) {
			x.bank.Skew(-2 * time.Minute)
			defer x.bank.Skew(0)
			x.charged()
		}, paidOnce},
		{"clocks: ten minutes apart", func(x *due) {
			x.bank.Skew(-10 * time.Minute)
			body, header := x.says(func(c *fake.Charge) { c.State = "open" })
			if x.bank.Skew(0); x.bank.Name == "alipay" { // it repeats the same for a day
				x.told(body, header, http.StatusOK)
				return
			}
			x.told(body, header, http.StatusUnauthorized)
		}, stillDue},
		{"another amount", func(x *due) {
			x.bank.Change(x.payment, func(c *fake.Charge) { c.Amount-- })
			x.charged()
		}, gaveBack},
		{"another currency", func(x *due) {
			x.bank.Change(x.payment, func(c *fake.Charge) { c.Currency = "USD" })
			x.charged()
		}, gaveBack},
		{"another store's", func(x *due) {
			body, header := x.says(func(c *fake.Charge) { c.State, c.Store = "paid", "demo-2" })
			x.told(body, header, http.StatusOK) // it would be no other the next time
		}, stillDue},
		{"another payment's", func(x *due) {
			body, header := x.says(func(c *fake.Charge) { c.State, c.ID = "paid", newID() })
			x.told(body, header, http.StatusOK)
		}, stillDue},
		{"10 MB", func(x *due) {
			_, header := x.says(paid)
			x.told(make([]byte, 10<<20), header, http.StatusRequestEntityTooLarge)
		}, stillDue},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, bank := range banks {
				t.Run(bank.Name, func(t *testing.T) {
					x := owing(t, n, till, bank)
					c.send(x)
					x.must(c.then)
				})
			}
		})
	}
}
