package payment

import (
	"cmp"
	"slices"
	"strings"

	"github.com/brigata/brigata/actors/bill"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/store"
)

func invalid(at, reason string) error {
	return refusal.Faults(refusal.Fault{At: at, Reason: reason})
}

// Decide answers a command with the events that follow from it, or a refusal.
func Decide(s State, c Command) ([]Event, Reply, error) {
	switch c := c.(type) {
	case *Create:
		return s.create(c)
	case *command.Tick:
		if due := Due(s); !due.IsZero() && !c.At.Before(due) {
			return []Event{&CancelAsked{At: c.At, Reason: "expired"}}, nil, nil
		}
		return nil, nil, nil
	case *command.Answered:
		return s.answered(c)
	}
	if s.ID == "" {
		return nil, nil, ErrUnknown.With(refusal.Fields{Kind: "payment", ID: idOf(c)})
	}
	switch c := c.(type) {
	case *Confirm:
		return s.confirm(c)
	case *Cancel:
		return s.cancel(c)
	case *GiveBack:
		return s.giveBack(c)
	case *Return:
		return s.giveAllBack(c), &bill.Ack{}, nil
	case *Report:
		return s.report(c)
	case *Rehome:
		if s.Table == c.Table {
			return nil, nil, nil
		}
		return []Event{&WasRehomed{c.Table}}, nil, nil
	}
	panic("payment: unknown command")
}

func idOf(c Command) string {
	switch c := c.(type) {
	case *Confirm:
		return c.Payment
	case *Cancel:
		return c.Payment
	case *GiveBack:
		return c.Payment
	case *Report:
		return c.Payment
	}
	return ""
}

func (s State) conflict() error {
	return errState.With(refusal.Fields{Kind: "payment", ID: s.ID, State: string(s.Status)})
}

// done is some events, with the view that they lead to as the reply.
func (s State) done(events ...Event) ([]Event, Reply, error) {
	for _, e := range events {
		s = Apply(s, e)
	}
	return events, ViewOf(s), nil
}

// settled is done, for an earlier command that waits; "" is nobody.
func (s State) settled(id command.ID, events ...Event) ([]Event, Reply, error) {
	_, view, _ := s.done(events...)
	if id == "" {
		return events, view, nil
	}
	return events, command.Settled{ID: id, Reply: view}, nil
}

// methods of each provider; the first is the default.
var methods = map[string][]string{"cash": {""}, "terminal": {""}, "stripe": {"card"}, "wechat": {"native", "jsapi"}, "alipay": {"native"}}

func (s State) create(c *Create) ([]Event, Reply, error) {
	switch {
	case s.ID != "" && c.IsGuest() && !s.isOf(c.Guest):
		return nil, nil, errCreate
	case s.ID != "":
		return nil, ViewOf(s), nil
	}
	method, err := c.check()
	if err != nil {
		return nil, nil, err
	}
	return []Event{&Began{At: c.At, By: c.By, Asked: c.ID, ID: string(c.ID), Table: c.Table, Order: c.Order, Part: c.Part,
		Provider: c.Provider, Amount: c.Amount, Tip: c.Tip, Guest: c.IsGuest(), Session: c.Session, GuestID: c.Guest, Method: method,
		ReturnURL: c.ReturnURL, OpenID: c.OpenID}}, command.Later{}, nil
}

// check says what is wrong with the form, or by which method it is paid.
func (c *Create) check() (method string, err error) {
	can, known := methods[c.Provider]
	if method = c.Method; method == "" && known {
		method = can[0]
	}
	switch {
	case (c.Table == "") == (c.Order == ""):
		return "", invalid("/table", "required")
	case c.Amount < 1 || c.Amount > AmountMax:
		return "", invalid("/amount", "range")
	case c.Tip < 0 || c.Tip > AmountMax:
		return "", invalid("/tip", "range")
	case !known:
		return "", invalid("/provider", "range")
	case can[0] == "":
		return "", nil
	case !slices.Contains(store.Of(&c.Header).Providers, c.Provider):
		return "", errProvider
	case !slices.Contains(can, method):
		return "", invalid("/method", "range")
	case method == "jsapi" && c.OpenID == "":
		return "", invalid("/openid", "required")
	case len(c.OpenID) > 128:
		return "", invalid("/openid", "length")
	case len(c.ReturnURL) > 500:
		return "", invalid("/return_url", "length")
	case c.ReturnURL != "" && !strings.HasPrefix(c.ReturnURL, "https://"):
		return "", invalid("/return_url", "range")
	}
	return method, nil
}

func (s State) answered(c *command.Answered) ([]Event, Reply, error) {
	switch c.Duty.Do.(type) {
	case *bill.Claim:
		return s.claimed(c)
	case *bill.CallStaff:
		return []Event{&StaffCalled{}}, nil, nil
	case *bill.Unclaim:
		if s.Status == Succeeded { // charged after all, meanwhile
			return nil, nil, nil
		}
		return []Event{&ClaimReturned{}}, nil, nil
	case *bill.Credit:
		return s.credited(c), nil, nil
	case *bill.Refund:
		return []Event{&RefundBooked{int(c.Duty.N)}}, nil, nil
	case *store.PaymentTold:
		return []Event{&StoreTold{int(c.Duty.N)}}, nil, nil
	}
	return nil, nil, nil
}

// claimed takes the bill's answer. A provider's payment still has to be started.
func (s State) claimed(c *command.Answered) ([]Event, Reply, error) {
	if s.Status != Created || s.Claimed {
		return nil, nil, nil
	}
	if r := c.Refusal; r != nil {
		return []Event{&WasRefused{c.At, Failure{string(r.Code), r.Message}}}, command.Settled{ID: s.Asked, Refusal: r}, nil
	}
	ack := c.Reply.(*bill.Ack)
	e := &WasClaimed{ack.Currency}
	switch off := ack.Back > 0; { // the order is, meanwhile
	case off && s.provided():
		return []Event{e, &CancelAsked{At: c.At, Reason: "late"}}, nil, nil
	case off:
		return s.settled(s.Asked, e, &WasCancelled{At: c.At, Reason: "late"})
	case s.provided():
		return []Event{e}, nil, nil
	}
	return s.settled(s.Asked, e)
}

// credited takes note that the bill has booked it. What the bill has no use for goes
// back by itself where a provider can do that.
func (s State) credited(c *command.Answered) []Event {
	if s.Credited {
		return nil
	}
	events := []Event{&WasCredited{}}
	if ack, ok := c.Reply.(*bill.Ack); ok && s.provided() && ack.Back > 0 {
		if back := min(ack.Back, s.left()); back > 0 {
			events = append(events, s.back(&c.Header, back, "late"))
		}
	}
	return events
}

// back is a refund by nobody's command: the payment's own id is its key.
func (s State) back(h *command.Header, amount int64, reason string) Event {
	return &GaveBack{At: h.At, Refund: Refund{ID: s.ID, Amount: amount, At: h.At, Reason: reason, State: "pending"}}
}

func (s State) giveAllBack(c *Return) []Event {
	switch {
	case !s.provided():
		return nil
	case s.open() && s.Claimed && !s.Cancelling:
		return []Event{&CancelAsked{At: c.At, Reason: c.Reason}}
	case s.Status != Succeeded || s.left() == 0:
		return nil
	case slices.ContainsFunc(s.Refunds, func(r Refund) bool { return r.ID == s.ID }): // once by itself; then by people
		return nil
	}
	return []Event{s.back(&c.Header, s.left(), c.Reason)}
}

func (s State) confirm(c *Confirm) ([]Event, Reply, error) {
	switch {
	case c.IsGuest() && !(s.provided() && s.isOf(c.Guest)): // it may have the provider asked of its own
		return nil, nil, errStaff
	case s.Status == Succeeded:
		return nil, ViewOf(s), nil
	case s.provided() && (s.Status == Pending || s.Status == Unknown):
		return s.done(&QueryAsked{c.At, c.By})
	case s.Status != Pending:
		return nil, nil, s.conflict()
	case c.Tendered < 0 || c.Tendered > 2*AmountMax || c.Tendered > 0 && c.Tendered < s.Amount+s.Tip:
		return nil, nil, invalid("/tendered", "range")
	case len(c.Reference) > 200:
		return nil, nil, invalid("/reference", "length")
	}
	return s.done(&Confirmed{c.At, c.By, c.Tendered, c.Reference})
}

// isOf says that a guest made it: the others at the table may not touch it, and nobody
// is the same as somebody else that has no name.
func (s *State) isOf(guest string) bool { return guest != "" && s.Guest && s.GuestID == guest }

func (s State) cancel(c *Cancel) ([]Event, Reply, error) {
	switch {
	case c.IsGuest() && !s.isOf(c.Guest):
		return nil, nil, errYours
	case s.Status == Cancelled || s.Status == Failed || s.Cancelling:
		return nil, ViewOf(s), nil
	case s.provided() && (s.Status == Pending || s.Status == Unknown):
		return []Event{&CancelAsked{At: c.At, By: c.By, Asked: c.ID, Reason: c.Reason}}, command.Later{}, nil
	case s.Status != Pending:
		return nil, nil, s.conflict()
	}
	return s.done(&WasCancelled{c.At, c.By, c.Reason})
}

func (s State) giveBack(c *GiveBack) ([]Event, Reply, error) {
	if !c.IsManager() {
		return nil, nil, errManager
	}
	if err := store.Of(&c.Header).NeedReason(c.Reason); err != nil {
		return nil, nil, err
	}
	switch {
	case !s.kept():
		return nil, nil, s.conflict()
	case c.Amount < 1 || c.Amount > s.left():
		return nil, nil, invalid("/amount", "range")
	}
	e := &GaveBack{c.At, c.By, Refund{ID: string(c.ID), Amount: c.Amount, At: c.At, Reason: c.Reason}}
	if s.provided() {
		e.Refund.State = "pending"
		return []Event{e}, command.Later{}, nil
	}
	return s.done(e)
}

// report takes a provider's word. What is known already, or came too late to matter,
// changes nothing; money that came is never too late.
func (s State) report(c *Report) ([]Event, Reply, error) {
	waits := s.Asked
	if waits == "" {
		waits = s.CancelID
	}
	switch {
	case !s.provided():
		return nil, nil, s.conflict()
	case c.Refund != "":
		return s.reportRefund(c)
	case c.Outcome == Charged && s.Claimed && !s.kept():
		return s.settled(waits, s.charged(c)...)
	case !s.open() || !s.Claimed:
		return nil, ViewOf(s), nil
	}
	switch c.Outcome {
	case Started:
		if s.Status != Pending {
			return s.settled(s.Asked, &WasStarted{c.At, c.Reference, c.Action})
		}
	case Declined:
		e := &WasDeclined{At: c.At, Failure: Failure{"declined", "The provider declined the payment"}}
		if c.Failure != nil {
			e.Failure = *c.Failure
		}
		return s.settled(waits, e)
	case Dropped:
		return s.settled(waits, &WasCancelled{At: c.At})
	case Doubtful:
		if s.Status == Created {
			return s.settled(s.Asked, &WasDoubted{c.At})
		}
	}
	return nil, ViewOf(s), nil
}

// charged is what a charge makes of an attempt. One that is not what was asked for is
// no payment of the bill: the attempt fails, and all of it goes back.
func (s State) charged(c *Report) []Event {
	differs := ""
	switch {
	case c.Currency != "" && !strings.EqualFold(c.Currency, s.Currency):
		differs = "currency"
	case c.Amount != 0 && c.Amount != s.Amount+s.Tip:
		differs = "amount"
	default:
		return []Event{&WasCharged{c.At, c.Reference}}
	}
	took := Mischarge{cmp.Or(c.Amount, s.Amount+s.Tip), cmp.Or(c.Currency, s.Currency)}
	return []Event{
		&WasMischarged{At: c.At, Reference: c.Reference, Took: took,
			Failure: Failure{differs, "The provider charged another " + differs + " than it was asked for"}},
		s.back(&c.Header, took.Amount, differs),
	}
}

func (s State) reportRefund(c *Report) ([]Event, Reply, error) {
	i := slices.IndexFunc(s.Refunds, func(r Refund) bool { return r.ID == c.Refund })
	if i < 0 || s.Refunds[i].State != "pending" || c.Outcome != Charged && c.Outcome != Declined {
		return nil, ViewOf(s), nil
	}
	e := &RefundEnded{At: c.At, Refund: c.Refund}
	if c.Outcome == Declined {
		if e.Failure = c.Failure; e.Failure == nil {
			e.Failure = &Failure{"declined", "The provider declined the refund"}
		}
	}
	waits := command.ID(c.Refund)
	if c.Refund == s.ID {
		waits = ""
	}
	return s.settled(waits, e)
}
