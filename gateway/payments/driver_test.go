package payments_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/journal"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/payment"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/actors/story"
	"github.com/brigata/brigata/actors/table"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/gateway/payments"
	"github.com/brigata/brigata/gateway/payments/fake"
	"github.com/brigata/brigata/persistence/memory"
)

// till is a host with a store, a driver, and providers' stand-ins.
type till struct {
	t       *testing.T
	bank    *fake.Bank // the first
	banks   []*fake.Bank
	journal journal.Journal
	node    *actors.Node
	driver  *payments.Driver
	web     *httptest.Server
	seen    chan actors.View
	ids     int

	refuse atomic.Int64 // reports that are answered "try again"
}

// Do has the host take a command, or says to try again.
func (x *till) Do(r *actors.Request) {
	if r.Principal == "provider" && x.refuse.Add(-1) >= 0 {
		r.To.Reply(r.Tag, actors.Answer{Refusal: &refusal.Refusal{Code: refusal.Unavailable, AfterMS: 1}})
		return
	}
	x.node.Do(r)
}

func (x *till) Today(store string) *store.Today { return x.node.Today(store) }

// midday is where it is about noon now: the tests are of one day there.
var midday = func() *time.Location {
	z, err := time.LoadLocation(fmt.Sprintf("Etc/GMT%+d", time.Now().UTC().Hour()-12))
	if err != nil {
		panic(err)
	}
	return z
}()

// opened starts one on a database; what it shows, and works on, is the database's.
func opened(t *testing.T, db *memory.Database, change func(*payments.Config), banks ...*fake.Bank) *till {
	for _, b := range banks {
		b.Zone = midday
	}
	x := &till{t: t, bank: banks[0], banks: banks, journal: db.Open(memory.Options{}), seen: make(chan actors.View, 1000)}
	var driver *payments.Driver
	ready := make(chan struct{})
	node, err := actors.NewNode(actors.Config{Journal: x.journal, Providers: func(string) []string { return names }, Publish: func(v []actors.View) {
		<-ready
		driver.Publish(v)
		for _, v := range v {
			x.seen <- v
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	x.node = node
	c := payments.Config{Engine: x, Accounts: fake.Accounts(t, banks...), Poll: 20 * time.Millisecond, Within: 2 * time.Second,
		Live: actors.Archive{Journal: x.journal}.Live, Reports: x.reports, Stores: func() []string { return nil }}
	if change != nil {
		change(&c)
	}
	driver = payments.NewDriver(c)
	x.driver = driver
	close(ready)
	mux := http.NewServeMux()
	mux.Handle("POST /v1/payments/{provider}/notify", driver.Notifications(node))
	x.web = httptest.NewServer(mux)
	if err := node.Open(t.Context(), "s"); err != nil {
		t.Fatal(err)
	}
	return x
}

func (x *till) close() {
	x.web.Close()
	x.driver.Stop()
	if err := x.node.Stop(context.Background()); err != nil {
		x.t.Error(err)
	}
}

func newTill(t *testing.T, change func(*payments.Config), providers ...string) *till {
	var banks []*fake.Bank
	for _, name := range providers {
		b := fake.New(name)
		t.Cleanup(b.Close)
		banks = append(banks, b)
	}
	x := opened(t, memory.NewDatabase(), change, banks...)
	t.Cleanup(x.close)
	x.load()
	return x
}

func (x *till) load() {
	c, m, text, err := wire.DecodeStoreFile(story.Store)
	if err != nil {
		x.t.Fatal(err)
	}
	x.ask("menu", "", &menu.Load{Menu: m, Text: text})
	c.Zone = midday.String()
	x.ask("store", "", &store.Configure{Config: c})
	offered := until(x, func(v actors.View) ([]string, bool) {
		s, ok := v.View.(*store.View)
		if !ok {
			return nil, false
		}
		return s.Providers, true
	})
	if !slices.Equal(offered, []string{"cash", "terminal", "stripe", "wechat", "alipay"}) {
		x.t.Errorf("the store offers %v", offered)
	}
}

type once chan actors.Answer

func (o once) Reply(_ int64, a actors.Answer) { o <- a }

// send gives a command to the host, and returns its id and where its answer comes.
func (x *till) send(kind, id string, c command.Command) (string, once) {
	x.ids++
	ms := time.Now().UnixMilli()
	cid := fmt.Sprintf("%08x-%04x-7%03x-8000-%012x", ms>>16, ms&0xffff, x.ids&0xfff, x.ids)
	if id == "" && (kind == "order" || kind == "payment") {
		id = cid
	}
	to := make(once, 1)
	x.node.Do(&actors.Request{Store: "s", Target: command.Target{Kind: kind, ID: id}, Command: c, ID: command.ID(cid), Channel: "pos",
		By: command.Who{ID: "boss", Name: "Boss", Role: command.Manager}, Principal: "boss", To: to})
	return cid, to
}

func (x *till) ask(kind, id string, c command.Command) (string, actors.Answer) {
	x.t.Helper()
	cid, to := x.send(kind, id, c)
	select {
	case a := <-to:
		if a.Refusal != nil {
			x.t.Fatalf("%T: %+v", c, a.Refusal)
		}
		return cid, a
	case <-time.After(10 * time.Second):
		x.t.Fatalf("%T was not answered", c)
	}
	panic("unreachable")
}

// owed orders a wine for 3000 at T1 and begins to pay it.
func (x *till) owed() (paying string, to once) {
	x.t.Helper()
	x.ask("order", "", &order.Place{Type: "dine_in", Table: "T1", Lines: []menu.Line{{Dish: "wine", Qty: 1}}})
	return x.pay(3000)
}

func (x *till) pay(amount int64) (string, once) {
	return x.send("payment", "", &payment.Create{Table: "T1", Provider: x.bank.Name, Amount: amount})
}

// until waits for a view of a payment that is as it should be.
func (x *till) until(id string, is func(*payment.View) bool) *payment.View {
	x.t.Helper()
	return until(x, func(v actors.View) (*payment.View, bool) {
		p, ok := v.View.(*payment.View)
		return p, ok && p.ID == id && is(p)
	})
}

func until[T any](x *till, is func(actors.View) (T, bool)) T {
	x.t.Helper()
	late := time.After(10 * time.Second)
	for {
		select {
		case v := <-x.seen:
			if p, ok := is(v); ok {
				return p
			}
		case <-late:
			x.t.Fatalf("it did not come about; the provider was asked %v", x.bank.Calls())
		}
	}
}

func in(s payment.Status) func(*payment.View) bool {
	return func(v *payment.View) bool { return v.State == s }
}

// paid waits for the table's bill to say that all of it is.
func (x *till) paid(total, refunded int64) {
	x.t.Helper()
	until(x, func(v actors.View) (bool, bool) {
		p, ok := v.View.(*table.View)
		return true, ok && p.Bill.Paid == total && p.Bill.Refunded == refunded && p.Bill.Pending == 0
	})
}

func (x *till) notify(id string) int {
	x.t.Helper()
	status, err := x.bank.Notify(x.t.Context(), x.web.URL+"/v1/payments/"+x.bank.Name+"/notify", id)
	if err != nil {
		x.t.Fatal(err)
	}
	return status
}

func every(t *testing.T, f func(x *till)) {
	for _, name := range names {
		t.Run(name, func(t *testing.T) { f(newTill(t, nil, name)) })
	}
}

func TestPaidByNotification(t *testing.T) {
	every(t, func(x *till) {
		id, to := x.owed()
		if a := <-to; a.Refusal != nil || !strings.Contains(string(a.D), `"state":"pending"`) || !strings.Contains(string(a.D), `"action"`) {
			x.t.Fatalf("%s %+v", a.D, a.Refusal)
		}
		x.bank.Pay(id)
		if status := x.notify(id); status != http.StatusOK {
			x.t.Fatal(status)
		}
		x.paid(3000, 0)
		for range 3 { // it comes again and again
			if status := x.notify(id); status != http.StatusOK {
				x.t.Error(status)
			}
		}
		refund, back := x.send("payment", id, &payment.GiveBack{Payment: id, Amount: 1000, Reason: "quality"})
		if a := <-back; a.Refusal != nil || !strings.Contains(string(a.D), `"refunded":1000`) {
			x.t.Fatalf("%s %+v", a.D, a.Refusal)
		}
		x.paid(3000, 1000)
		if c := x.bank.Charge(id); c.Amount != 3000 || len(c.Refunds) != 1 || c.Refunds[0].ID != refund {
			x.t.Errorf("%+v", c)
		}
	})
}

func TestPaidWithoutNotification(t *testing.T) {
	every(t, func(x *till) {
		id, to := x.owed()
		<-to
		x.bank.Pay(id)
		x.paid(3000, 0) // it is asked for
	})
}

// The first call is made, and its answer lost: nobody can say, and it is asked for.
func TestUnknownIsAskedFor(t *testing.T) {
	every(t, func(x *till) {
		x.bank.Next(fake.Hang)
		id, to := x.owed()
		if a := <-to; a.Refusal != nil || !strings.Contains(string(a.D), `"state":"unknown"`) {
			x.t.Fatalf("%s %+v", a.D, a.Refusal)
		}
		v := x.until(id, in(payment.Pending))
		if v.Action == nil || v.Action.Data == "" {
			x.t.Errorf("%+v", v)
		}
		if all := x.bank.Charges(); len(all) != 1 {
			x.t.Errorf("it was asked for %d times: %+v", len(all), all)
		}
		x.bank.Pay(id)
		x.paid(3000, 0)
	})
}

func TestCancelledAtTheProvider(t *testing.T) {
	every(t, func(x *till) {
		id, to := x.owed()
		<-to
		x.bank.Next(fake.Fail)
		x.ask("payment", id, &payment.Cancel{Payment: id})
		if x.bank.Pay(id) {
			x.t.Error("it can still be paid")
		}
		again, to := x.pay(3000)
		<-to
		x.bank.Pay(again)
		_, a := x.ask("payment", again, &payment.Cancel{Payment: again})
		if !strings.Contains(string(a.D), `"state":"succeeded"`) {
			x.t.Errorf("it was paid, and %s", a.D)
		}
		x.paid(3000, 0)
	})
}

func TestForgedNotificationsAreRefused(t *testing.T) {
	every(t, func(x *till) {
		id, to := x.owed()
		<-to
		x.bank.Pay(id)
		body, header := x.bank.Notice(id)
		url := x.web.URL + "/v1/payments/" + x.bank.Name + "/notify"
		for name, forged := range map[string]string{"changed": strings.Replace(string(body), "e", "f", 1), "empty": "", "another's": "{}"} {
			if status, err := fake.Deliver(x.t.Context(), url, []byte(forged), header); err != nil || status != http.StatusUnauthorized {
				x.t.Errorf("%s: %d %v", name, status, err)
			}
		}
		if status, _ := fake.Deliver(x.t.Context(), x.web.URL+"/v1/payments/gold/notify", body, header); status != http.StatusNotFound {
			x.t.Error(status)
		}
		if status, _ := fake.Deliver(x.t.Context(), url, make([]byte, 1<<20), header); status != http.StatusRequestEntityTooLarge {
			x.t.Error(status)
		}
	})
}

// A provider that is down fails fast, says that nothing was charged, and loses nothing
// that was under way.
func TestBreaker(t *testing.T) {
	every(t, func(x *till) {
		id, to := x.owed()
		<-to
		x.bank.Down(true)
		x.ask("order", "", &order.Place{Type: "dine_in", Table: "T2", Lines: []menu.Line{{Dish: "wine", Qty: 100}}})
		for n := 0; ; n++ {
			if n == 50 {
				x.t.Fatal("the breaker never opened")
			}
			calls := len(x.bank.Calls())
			other, to := x.send("payment", "", &payment.Create{Table: "T2", Provider: x.bank.Name, Amount: 100})
			if a := <-to; strings.Contains(string(a.D), `"unavailable"`) {
				if c := x.bank.Charge(other); c.ID != "" || !strings.Contains(string(a.D), `"state":"failed"`) {
					x.t.Errorf("%s, and the provider has %+v", a.D, c)
				}
				break
			}
			if len(x.bank.Calls()) == calls {
				x.t.Error("it was not asked, and the payment not refused")
			}
		}
		x.bank.Down(false)
		x.bank.Pay(id)
		x.paid(3000, 0)
	})
}

// A provider that takes calls and answers none has all of its workers wait; the other is
// as quick as ever.
func TestOneProviderHoldsUpNoOther(t *testing.T) {
	for i, stalled := range names {
		t.Run(stalled, func(t *testing.T) {
			const within = time.Minute
			x := newTill(t, func(c *payments.Config) { c.AtOnce, c.Within = 2, within }, names[(i+1)%len(names)], stalled)
			x.ask("order", "", &order.Place{Type: "dine_in", Table: "T2", Lines: []menu.Line{{Dish: "wine", Qty: 100}}})
			begun, end := x.banks[1].Stall()
			var waiting []once
			for range 4 {
				_, to := x.send("payment", "", &payment.Create{Table: "T2", Provider: stalled, Amount: 100})
				waiting = append(waiting, to)
			}
			for range 2 { // all of its workers
				<-begun
			}
			for range 3 {
				id, to := x.owed()
				if a := <-to; !strings.Contains(string(a.D), `"pending"`) {
					t.Fatalf("%s %+v", a.D, a.Refusal)
				}
				x.bank.Pay(id)
				x.until(id, in(payment.Succeeded))
			}
			for _, to := range waiting {
				select {
				case a := <-to:
					t.Errorf("it was to stall, and said %s", a.D)
				default:
				}
			}
			end()
			for _, to := range waiting {
				if a := <-to; !strings.Contains(string(a.D), `"pending"`) {
					t.Errorf("%s %+v", a.D, a.Refusal)
				}
			}
		})
	}
}

// Something else than was asked for is no payment: the bill asks for the money still, all
// of it goes back, once, the provider is not asked to tell again, and the day's report
// has the difference.
func TestChargedWithSomethingElse(t *testing.T) {
	for differs, change := range map[string]func(*fake.Charge){
		"amount":   func(c *fake.Charge) { c.Amount = 2999 },
		"currency": func(c *fake.Charge) { c.Currency = "USD" },
	} {
		t.Run(differs, func(t *testing.T) {
			every(t, func(x *till) {
				id, to := x.owed()
				<-to
				x.bank.Change(id, change)
				x.bank.Pay(id)
				for range 3 {
					if status := x.notify(id); status != http.StatusOK {
						x.t.Error(status)
					}
				}
				v := x.until(id, func(v *payment.View) bool { return v.Refunded != 0 })
				theirs := x.bank.Charge(id)
				if v.State != payment.Failed || v.Failure.Code != differs || v.Refunded != theirs.Amount || v.Work != nil {
					x.t.Errorf("%+v", v)
				}
				if len(theirs.Refunds) != 1 || theirs.Refunds[0] != (fake.Refund{ID: id, Amount: theirs.Amount}) {
					x.t.Errorf("%+v", theirs)
				}
				x.notify(id)
				again, to := x.pay(3000) // all of it is due
				<-to
				x.bank.Pay(again)
				x.paid(3000, 0)
				x.node.Flush(x.t.Context())
				out, err := x.driver.Reconcile(x.t.Context(), "s", x.node.Today("s"), time.Now().In(midday).Format(time.DateOnly))
				if got, want := fmt.Sprint(found(x.t, out, err)), fmt.Sprintf("[%s charge 3000:%d]", differs, theirs.Amount); got != want {
					x.t.Errorf("%s, want %s", got, want)
				}
			})
		})
	}
}

// Who pays hears that nobody can say, though the payment could not be told at first.
func TestDoubtIsToldUntilItIsTaken(t *testing.T) {
	every(t, func(x *till) {
		x.ask("order", "", &order.Place{Type: "dine_in", Table: "T1", Lines: []menu.Line{{Dish: "wine", Qty: 1}}})
		x.bank.Down(true)
		x.refuse.Store(2)
		id, to := x.pay(3000)
		if a := <-to; a.Refusal != nil || !strings.Contains(string(a.D), `"state":"unknown"`) {
			x.t.Fatalf("%s %+v", a.D, a.Refusal)
		}
		x.bank.Down(false)
		x.until(id, in(payment.Pending))
		x.bank.Pay(id)
		x.paid(3000, 0)
	})
}

// What there is no room for is read from the log when there is.
func TestMorePaymentsThanAreKept(t *testing.T) {
	x := newTill(t, func(c *payments.Config) { c.Most, c.Poll = 2, 5*time.Millisecond }, "wechat")
	x.ask("order", "", &order.Place{Type: "dine_in", Table: "T1", Lines: []menu.Line{{Dish: "wine", Qty: 10}}})
	var ids []string
	for range 6 {
		id, _ := x.pay(3000)
		ids = append(ids, id)
	}
	for range ids {
		until(x, func(v actors.View) (bool, bool) {
			p, ok := v.View.(*payment.View)
			if !ok || p.State != payment.Pending {
				return false, false
			}
			x.bank.Pay(p.ID)
			return true, true
		})
	}
	x.paid(18_000, 0)
}

// What a node leaves undone, the next one does: from the log alone.
func TestWorkSurvivesItsNode(t *testing.T) {
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			bank := fake.New(name)
			t.Cleanup(bank.Close)
			db := memory.NewDatabase()
			x := opened(t, db, nil, bank)
			x.load()
			bank.Next(fake.Hang, fake.Fail, fake.Fail, fake.Fail, fake.Fail)
			id, to := x.owed()
			<-to
			x.close()
			bank.Pay(id)
			y := opened(t, db, nil, bank)
			defer y.close()
			y.until(id, in(payment.Succeeded))
			if all := bank.Charges(); len(all) != 1 || all[0].State != "paid" {
				t.Errorf("%+v", all)
			}
		})
	}
}
