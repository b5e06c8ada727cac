package payments_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/payment"
	"github.com/brigata/brigata/gateway/payments"
	"github.com/brigata/brigata/gateway/payments/fake"
)

// found lists differences as their kinds, in the order in which the payments were made.
func found(t *testing.T, out *payments.Reconciliation, err error) (all []string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range out.Items {
		of := "charge"
		if d.Refund != "" {
			of = "refund"
		}
		all = append(all, fmt.Sprintf("%s %s %d:%d", d.Kind, of, d.Ours, d.Theirs))
	}
	return all
}

// A day at each provider: what both have in the same amount is not spoken of; what one of
// them lacks, or has in another amount, is listed, charges and refunds.
func TestReconcile(t *testing.T) {
	every(t, func(x *till) {
		ctx := x.t.Context()
		var ids []string
		for range 4 {
			id, to := x.owed()
			<-to
			x.bank.Pay(id)
			x.notify(id)
			x.until(id, in(payment.Succeeded))
			ids = append(ids, id)
		}
		x.ask("payment", ids[3], &payment.GiveBack{Payment: ids[3], Amount: 500, Reason: "quality"})
		x.until(ids[3], func(v *payment.View) bool { return v.Refunded == 500 })
		x.node.Flush(ctx)
		day := time.Now().In(midday).Format(time.DateOnly)
		run := func() []string {
			x.t.Helper()
			out, err := x.driver.Reconcile(ctx, "s", x.node.Today("s"), day)
			if err == nil && (len(out.Held) != 1 || out.Held[0].Provider != x.bank.Name) {
				x.t.Errorf("%+v", out)
			}
			return found(x.t, out, err)
		}
		if got := run(); len(got) != 0 {
			x.t.Fatalf("it differs: %v", got)
		}
		x.bank.Change(ids[0], func(c *fake.Charge) { c.State = "closed" })
		x.bank.Change(ids[1], func(c *fake.Charge) { c.Amount = 2999 })
		x.bank.Change(ids[3], func(c *fake.Charge) { c.Refunds[0].Amount = 600 })
		x.bank.Book(fake.Charge{ID: "0192f3a1-7b2c-7d3e-8f40-000000000001", Store: "s", Amount: 700, Currency: "cny"})
		x.bank.Book(fake.Charge{ID: "0192f3a1-7b2c-7d3e-8f40-000000000002", Store: "other", Amount: 800, Currency: "cny"})
		if got, want := run(), "[extra charge 0:700 missing charge 3000:0 amount charge 3000:2999 amount refund 500:600]"; fmt.Sprint(got) != want {
			x.t.Errorf("%v, want %s", got, want)
		}
		x.bank.Change(ids[3], func(c *fake.Charge) { c.Refunds = nil })
		if got, want := run(), "[extra charge 0:700 missing charge 3000:0 amount charge 3000:2999 missing refund 500:0]"; fmt.Sprint(got) != want {
			x.t.Errorf("%v, want %s", got, want)
		}
		x.bank.Next(fake.Fail)
		if out, err := x.driver.Reconcile(ctx, "s", x.node.Today("s"), day); err == nil {
			x.t.Errorf("the provider was down, and yet %+v", out)
		}
	})
}

// told hands on the records of a message.
type told struct {
	slog.Handler
	message string
	to      chan slog.Record
}

func (h told) Enabled(context.Context, slog.Level) bool { return true }

func (h told) WithAttrs([]slog.Attr) slog.Handler { return h }

func (h told) Handle(_ context.Context, r slog.Record) error {
	if r.Message == h.message {
		h.to <- r
	}
	return nil
}

// Once yesterday's statements are ready, they are compared without being asked for; a
// provider that is down is asked again.
func TestReconciledDaily(t *testing.T) {
	x := newTill(t, nil, "wechat")
	id, to := x.owed()
	<-to
	x.bank.Pay(id)
	x.notify(id)
	x.until(id, in(payment.Succeeded))
	x.node.Flush(t.Context())
	x.bank.Change(id, func(c *fake.Charge) { c.Amount = 1 })
	x.bank.Next(fake.Fail)
	differs := make(chan slog.Record, 10)
	now := time.Now().In(midday)
	d := payments.NewDriver(payments.Config{Engine: x.node, Accounts: fake.Accounts(t, x.bank), Look: time.Millisecond,
		Log:     slog.New(told{slog.DiscardHandler, "payment differs", differs}),
		Reports: x.reports, Stores: func() []string { return []string{"elsewhere", "s"} },
		Now: func() time.Time { return time.Date(now.Year(), now.Month(), now.Day()+1, 11, 0, 0, 0, midday) }})
	defer d.Stop()
	select {
	case <-differs:
	case <-time.After(20 * time.Second):
		t.Fatal("yesterday was not compared")
	}
	calls := len(x.bank.Calls())
	for range 3 {
		if out, err := d.Reconcile(t.Context(), "s", x.node.Today("s"), now.Format(time.DateOnly)); err != nil || len(out.Items) != 1 {
			t.Fatal(out, err)
		}
	}
	if more := len(x.bank.Calls()) - calls; more%3 != 0 { // ours alone: the day is not compared again
		t.Errorf("%d more calls: %v", more, x.bank.Calls()[calls:])
	}
}

func (x *till) reports(store string) actors.Reports {
	return actors.Reports{Archive: actors.Archive{Journal: x.journal}, Store: store}
}
