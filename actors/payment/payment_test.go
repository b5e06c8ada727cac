package payment

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/brigata/brigata/actors/bill"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/store"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

var today = func() *store.Today {
	t := store.State{Config: &store.Config{ID: "s", DayStarts: "05:00", Reasons: []string{"quality"}}}.Today(nil, time.UTC, nil)
	t.Providers = []string{"stripe"}
	return t
}()

// attempt is a payment under test: each step checks that deciding changes nothing.
type attempt struct {
	t     *testing.T
	s     State
	guest string // whose commands those of guests are; "g1"
}

func (a *attempt) do(role command.Role, c Command) (any, error) {
	a.t.Helper()
	h := c.Head()
	h.ID, h.At, h.By, h.Today, h.Session = "p1", noon, command.Who{ID: "x", Name: "X", Role: role}, today, "s1"
	if role == command.Guest {
		h.Guest = a.guest
	}
	was := a.s
	events, reply, err := Decide(a.s, c)
	if !reflect.DeepEqual(was, a.s) {
		a.t.Fatal("deciding has changed the state")
	}
	for _, e := range events {
		a.s = Apply(a.s, e)
	}
	return reply, err
}

func (a *attempt) refused(role command.Role, c Command, code refusal.Code) {
	a.t.Helper()
	if _, err := a.do(role, c); refusal.Of(err) == nil || refusal.Of(err).Code != code {
		a.t.Errorf("%T of a %s: %v, want %s", c, role, err, code)
	}
}

// settle answers what is owed until nothing is, and lists it.
func (a *attempt) settle(no *refusal.Refusal) (owed []string) {
	a.t.Helper()
	for range 20 {
		duties := Owes(a.s)
		if len(duties) == 0 {
			return owed
		}
		owed = append(owed, fmt.Sprintf("%T to %s", duties[0].Do, duties[0].To.Kind))
		if _, err := a.do("", &command.Answered{Duty: duties[0], Reply: &bill.Ack{Currency: "CNY"}, Refusal: no}); err != nil {
			a.t.Fatal(err)
		}
	}
	a.t.Fatalf("there is no end to what is owed: %v", owed)
	return nil
}

func begun(t *testing.T, role command.Role) *attempt {
	a := &attempt{t: t, guest: "g1"}
	if reply, err := a.do(role, &Create{Table: "T1", Provider: "cash", Amount: 900, Tip: 100}); err != nil || reply != (command.Later{}) {
		t.Fatal(reply, err)
	}
	return a
}

func want(t *testing.T, got []string, all ...string) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(all) {
		t.Errorf("owed %v, want %v", got, all)
	}
}

func TestCash(t *testing.T) {
	a := begun(t, command.Waiter)
	want(t, a.settle(nil), "*bill.Claim to table")
	if v := ViewOf(a.s); v.State != Pending || v.Currency != "CNY" || v.Action != nil {
		t.Fatalf("%+v", v)
	}
	a.refused(command.Guest, &Confirm{}, refusal.Forbidden)
	a.refused(command.Waiter, &Confirm{Tendered: 999}, refusal.Invalid)
	a.refused(command.Manager, &GiveBack{Amount: 1, Reason: "quality"}, refusal.Conflict)
	r, err := a.do(command.Waiter, &Confirm{Tendered: 1500})
	if v := r.(*View); err != nil || v.State != Succeeded || *v.Change != 500 {
		t.Fatalf("%+v %v", v, err)
	}
	want(t, a.settle(nil), "*bill.Credit to table", "*store.PaymentTold to store")
	if r, err := a.do(command.Waiter, &Confirm{}); err != nil || r.(*View).State != Succeeded || len(Owes(a.s)) != 0 {
		t.Error("confirmed twice", r, err)
	}
	a.refused(command.Waiter, &Cancel{}, refusal.Conflict)
	a.refused(command.Cashier, &GiveBack{Amount: 1, Reason: "quality"}, refusal.Forbidden)
	a.refused(command.Manager, &GiveBack{Amount: 1}, refusal.Invalid)
	a.refused(command.Manager, &GiveBack{Amount: 1001, Reason: "quality"}, refusal.Invalid)
	if _, err := a.do(command.Manager, &GiveBack{Amount: 600, Reason: "quality"}); err != nil {
		t.Fatal(err)
	}
	want(t, a.settle(nil), "*bill.Refund to table", "*store.PaymentTold to store")
	a.refused(command.Manager, &GiveBack{Amount: 401, Reason: "quality"}, refusal.Invalid)
	if !a.s.Over() {
		t.Error("it is over")
	}
}

func TestGuest(t *testing.T) {
	a := begun(t, command.Guest)
	want(t, a.settle(nil), "*bill.Claim to table", "*bill.CallStaff to table")
	if v := ViewOf(a.s); v.State != Pending || v.Action.Kind != "wait_staff" {
		t.Fatalf("%+v", v)
	}
	for _, a.guest = range []string{"", "g2"} { // at the same table, under the same id
		a.refused(command.Guest, &Cancel{}, refusal.Forbidden)
		a.refused(command.Guest, &Create{Table: "T1", Provider: "cash", Amount: 900}, refusal.Forbidden)
	}
	a.guest = "g1"
	if _, err := a.do(command.Guest, &Cancel{}); err != nil {
		t.Fatal(err)
	}
	want(t, a.settle(nil), "*bill.Unclaim to table")
	if _, err := a.do(command.Guest, &Cancel{}); err != nil || a.s.Status != Cancelled {
		t.Error(err)
	}
	a.refused(command.Waiter, &Confirm{}, refusal.Conflict)
	b := begun(t, command.Waiter)
	b.settle(nil)
	b.refused(command.Guest, &Cancel{}, refusal.Forbidden)
	for _, b.guest = range []string{"", "g1"} {
		b.refused(command.Guest, &Cancel{}, refusal.Forbidden)
	}
}

func TestRefusedClaim(t *testing.T) {
	a := begun(t, command.Waiter)
	duty := Owes(a.s)[0]
	reply, err := a.do("", &command.Answered{Duty: duty, Refusal: bill.ErrDue})
	if s, ok := reply.(command.Settled); err != nil || !ok || s.ID != "p1" || s.Refusal != bill.ErrDue {
		t.Fatal(reply, err)
	}
	if v := ViewOf(a.s); v.State != Failed || v.Failure.Code != "conflict" || len(Owes(a.s)) != 0 || !a.s.Over() {
		t.Errorf("%+v, owes %v", v, Owes(a.s))
	}
}

// What is not due any more once its claim is answered is cancelled, by the provider where there is one; whoever
// waits hears of it, and so does the bill.
func TestClaimOfWhatIsOff(t *testing.T) {
	for _, provider := range []string{"cash", "stripe"} {
		a := &attempt{t: t}
		if _, err := a.do(command.Waiter, &Create{Order: "o1", Provider: provider, Amount: 900, Tip: 100}); err != nil {
			t.Fatal(err)
		}
		reply, err := a.do("", &command.Answered{Duty: Owes(a.s)[0], Reply: &bill.Ack{Currency: "CNY", Back: 1000}})
		if provider != "cash" {
			if w := a.s.work(); reply != nil || err != nil || w == nil || w.Do != "cancel" {
				t.Fatal(reply, err, w)
			}
			reply, err = a.do("", &Report{Outcome: Dropped})
		}
		if s, ok := reply.(command.Settled); err != nil || !ok || s.ID != "p1" || a.s.Status != Cancelled {
			t.Fatal(provider, reply, err, a.s.Status)
		}
		want(t, a.settle(nil), "*bill.Unclaim to order")
	}
}

func TestForm(t *testing.T) {
	a := &attempt{t: t}
	a.refused(command.Waiter, &Confirm{Payment: "p1"}, refusal.NotFound)
	for _, c := range []struct {
		c    Create
		code refusal.Code
	}{
		{Create{Provider: "cash", Amount: 1}, refusal.Invalid},
		{Create{Table: "T1", Order: "o", Provider: "cash", Amount: 1}, refusal.Invalid},
		{Create{Table: "T1", Provider: "cash"}, refusal.Invalid},
		{Create{Table: "T1", Provider: "cash", Amount: AmountMax + 1}, refusal.Invalid},
		{Create{Table: "T1", Provider: "cash", Amount: 1, Tip: -1}, refusal.Invalid},
		{Create{Table: "T1", Provider: "barter", Amount: 1}, refusal.Invalid},
		{Create{Table: "T1", Provider: "wechat", Amount: 1}, refusal.Unavailable},
	} {
		a.refused(command.Waiter, &c.c, c.code)
	}
}
