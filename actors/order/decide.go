package order

import (
	"time"

	"github.com/brigata/brigata/actors/bill"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/payment"
	"github.com/brigata/brigata/actors/printer"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/stock"
	"github.com/brigata/brigata/actors/store"
)

var (
	ErrUnknown     = refusal.New(refusal.NotFound, "", "There is no such order").With(refusal.Fields{Kind: "order"})
	errState       = refusal.New(refusal.Conflict, "state", "The order is not in a state for this")
	errItemState   = refusal.New(refusal.Conflict, "state", "An item is not in a state for this")
	errOpenItems   = refusal.New(refusal.Conflict, "open_items", "Something is still being made")
	errNoDriver    = refusal.New(refusal.Conflict, "no_driver", "A driver is needed first")
	errUnpaid      = refusal.New(refusal.Conflict, "due", "It must be paid first")
	errManager     = refusal.New(refusal.Forbidden, "", "Only a manager may")
	errNotYours    = refusal.New(refusal.Forbidden, "", "Not your order")
	errPayTable    = refusal.New(refusal.Conflict, "state", "This order is on its table's bill").With(refusal.Fields{Kind: "table"})
	errStalePrice  = refusal.New(refusal.StalePrice, "", "Prices have changed")
	errStoreClosed = refusal.New(refusal.Closed, "", "The store is closed").With(refusal.Fields{Kind: "store"})
	errNoStore     = refusal.New(refusal.NotFound, "", "There is no such store").With(refusal.Fields{Kind: "store"})
	errChannel     = refusal.New(refusal.Closed, "", "Orders of this kind are paused").With(refusal.Fields{Kind: "channel"})
	errFired       = refusal.New(refusal.Conflict, "state", "It is being made already; only a manager can void it")
)

func invalid(at, reason string) error {
	return refusal.Faults(refusal.Fault{At: at, Reason: reason})
}

func between(at string, lo, hi int64) error {
	return refusal.Faults(refusal.Fault{At: at, Reason: "range", Min: &lo, Max: &hi})
}

func need(r *refusal.Refusal, permission string) error {
	return r.With(refusal.Fields{Need: permission})
}

// turn is a decision being made: the events so far, and the state that they lead to.
type turn struct {
	s      *State
	events []Event
	h      *command.Header
	today  *store.Today
}

func (t *turn) do(e Event) {
	t.events = append(t.events, e)
	t.s.apply(e)
}

// Decide answers a command with the events that follow from it, or a refusal.
func Decide(s State, c Command) ([]Event, Reply, error) {
	s.own, s.alone = false, false
	return Step(&s, c)
}

// Step is Decide that leaves in s what Apply makes of its events: the decision has it
// at hand. A refusal leaves s as it was.
func Step(s *State, c Command) ([]Event, Reply, error) {
	t := &turn{s: s, h: c.Head(), today: store.Of(c.Head())}
	reply, err := t.decide(c)
	if err != nil {
		return nil, nil, err
	}
	if t.today.Printing && len(t.events) > 0 {
		t.print()
	}
	return t.events, reply, nil
}

func (t *turn) decide(c Command) (Reply, error) {
	switch c := c.(type) {
	case *Place:
		return t.place(c)
	case *command.Answered:
		return t.answered(c), nil
	case *command.Tick:
		return t.tick(), nil
	case *FlagDish:
		t.flagDish(c)
		return nil, nil
	}
	if t.s.ID == "" {
		return nil, ErrUnknown.With(refusal.Fields{Kind: "order", ID: orderOf(c)})
	}
	if err := t.owner(c); err != nil {
		return nil, err
	}
	t.s.own, t.s.alone = false, false // so that what was can come back
	was := *t.s
	reply, err := t.known(c)
	if err != nil {
		*t.s = was
		return nil, err
	}
	t.settle()
	return reply, nil
}

func (t *turn) known(c Command) (Reply, error) {
	switch c := c.(type) {
	case *Add:
		return t.add(c)
	case *Accept:
		return t.accept(c)
	case *End:
		return t.end(c)
	case *Change:
		return t.change(c)
	case *VoidItems:
		return t.voidItems(c)
	case *Rush:
		return t.rush(c)
	case *Reprint:
		return t.reprint(c)
	case *PrintBill:
		return t.printBill(c)
	case *NameLines:
		return t.s.named(), nil
	case *HandOff:
		return t.handOff(c)
	case *Assign:
		return t.assign(c)
	case *Deliver:
		return t.deliver(c)
	case *SplitBill:
		return t.split(c)
	case *DiscountBill:
		return t.discount(c)
	case *TableSays:
		return t.tableSays(c)
	case *bill.Claim, *bill.Unclaim, *bill.Credit, *bill.Refund, *bill.CallStaff:
		return t.payment(c)
	}
	panic("order: unknown command")
}

func orderOf(c Command) string {
	switch c := c.(type) {
	case *Add:
		return c.Order
	case *Accept:
		return c.Order
	case *End:
		return c.Order
	case *Change:
		return c.Order
	case *VoidItems:
		return c.Order
	case *Rush:
		return c.Order
	case *Reprint:
		return c.Order
	case *PrintBill:
		return c.Order
	case *HandOff:
		return c.Order
	case *Assign:
		return c.Order
	case *Deliver:
		return c.Order
	case *SplitBill:
		return c.Order
	case *DiscountBill:
		return c.Order
	}
	return ""
}

// owner refuses a guest whose order it is not.
func (t *turn) owner(c Command) error {
	if !t.h.IsGuest() || Mine(&t.s.View, t.h.Session, t.h.Guest) {
		return nil
	}
	return errNotYours.With(refusal.Fields{Need: "order." + t.s.ID})
}

// Mine says that an order belongs to a guest: to its table's session, or, without a
// table, to who placed it.
func Mine(v *View, session, guest string) bool {
	if v.Table != "" {
		return session != "" && v.Session == session
	}
	return guest != "" && v.GuestID == guest
}

// in refuses unless the order's status is one of these.
func (t *turn) in(states ...Status) error {
	for _, st := range states {
		if t.s.State == st {
			return nil
		}
	}
	return errState.With(refusal.Fields{Kind: "order", ID: t.s.ID, State: string(t.s.State)})
}

// answered takes what became of a duty.
func (t *turn) answered(c *command.Answered) Reply {
	if t.s.ID == "" {
		return nil
	}
	d := c.Duty
	switch do := d.Do.(type) {
	case *Join:
		t.joined(c)
	case *stock.Reserve, *stock.Return, *stock.Release:
		t.stockAnswered(c, d.To.ID)
	case *store.TakeNumber:
		return t.numbered(c)
	case *printer.Print:
		t.do(&SlipTaken{d.N})
		return nil
	case *payment.Return:
		t.do(&ReturnAsked{d.To.ID, d.N})
		return nil
	case *Tell:
		if t.s.ToldRev < do.Rev {
			t.do(&TableKnows{do.Rev})
		}
		return nil
	}
	return t.proceed()
}

func (t *turn) stockAnswered(c *command.Answered, id string) {
	if c.Refusal == nil {
		t.do(&StockGave{id, c.Duty.N})
		return
	}
	var left int64
	if c.Refusal.Fields.Left != nil {
		left = *c.Refusal.Fields.Left
	}
	t.do(&StockDenied{id, c.Duty.N, left})
}

// proceed goes on once everybody who was asked has answered.
func (t *turn) proceed() Reply {
	switch {
	case !t.s.answered():
		return nil
	case t.s.State == Submitted:
		if no := t.refusedBy(); no != nil {
			return t.refuse(no)
		}
	case t.s.Reviving:
		t.revive()
	case t.s.Adding != nil:
		return t.finishAdding()
	default:
		t.flagShort()
	}
	return nil
}

// refusedBy is the answer that the order is refused with: the table's, or all that is sold out.
func (t *turn) refusedBy() *refusal.Refusal {
	if t.s.TableNo != nil {
		return t.s.TableNo
	}
	return t.soldOut()
}

func (t *turn) refuse(no *refusal.Refusal) Reply {
	asked := t.s.Asked
	t.do(&Ended{At: t.h.At, As: Refused, Reason: string(no.Code)})
	return command.Settled{ID: asked, Refusal: no}
}

// tick does what has come due.
func (t *turn) tick() Reply {
	s := t.s
	if s.ID == "" || s.State.Final() {
		return nil
	}
	if !s.LaterAt.IsZero() && !t.h.At.Before(s.LaterAt) {
		t.do(&DayCame{t.asks(s.Lines)})
	}
	if s.State == Placed {
		switch {
		case s.unpaid() && !t.h.At.Before(s.PayBy) && !s.PayBy.IsZero() && !s.Account.Pending():
			asked := t.dropAdding()
			t.do(&Ended{At: t.h.At, As: Expired})
			return t.tooLate(asked)
		case !s.unpaid() && s.Auto && !t.h.At.Before(s.startAt()):
			t.accepted(command.Who{}, time.Time{})
		}
	}
	t.settle()
	return nil
}

// settle does what follows by itself: acceptance of what is paid, the next course, the end.
func (t *turn) settle() {
	s := t.s
	if s.State == Placed && s.Auto && !s.unpaid() && !t.h.At.Before(s.startAt()) {
		t.accepted(command.Who{}, time.Time{})
	}
	if s.State != Accepted {
		return
	}
	if items, at := s.planned(); len(items) > 0 && !t.h.At.Before(at) {
		t.do(&Moved{At: t.h.At, To: Queued, Items: items})
	}
	if s.Adding == nil && s.allServed() && s.Paid-s.Refunded >= s.Total {
		t.do(&Ended{At: t.h.At, As: Closed})
	}
}

func (s *State) allServed() bool {
	for l := range s.Lines {
		for i := range s.Lines[l].Items {
			if st := s.Lines[l].Items[i].State; st != Served && st != Void {
				return false
			}
		}
	}
	return true
}

// accepted accepts and, unless it is scheduled for later, fires the first course.
func (t *turn) accepted(by command.Who, promise time.Time) {
	if promise.IsZero() {
		if promise = t.s.DueAt; promise.IsZero() {
			promise = t.h.At.Add(t.s.prep())
		}
	}
	t.do(&WasAccepted{At: t.h.At, By: by, PromiseAt: promise})
}
