package table

import (
	"cmp"
	"slices"
	"unicode/utf8"

	"github.com/brigata/brigata/actors/bill"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/payment"
	"github.com/brigata/brigata/actors/printer"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/store"
)

var (
	ErrUnknown   = refusal.New(refusal.NotFound, "", "There is no such table").With(refusal.Fields{Kind: "table"})
	errState     = refusal.New(refusal.Conflict, "state", "The table is not in a state for this")
	errOccupied  = refusal.New(refusal.Conflict, "occupied", "The table is taken")
	errSession   = refusal.New(refusal.Closed, "", "The table is not open").With(refusal.Fields{Kind: "session"})
	errDirty     = refusal.New(refusal.Closed, "", "The table is not ready yet").With(refusal.Fields{Kind: "table", State: "dirty"})
	errOpenItems = refusal.New(refusal.Conflict, "open_items", "Something is still being made")
	errPending   = refusal.New(refusal.Conflict, "paid", "Somebody is paying right now")
	errCart      = refusal.New(refusal.Conflict, "version", "The cart has changed")
	errNotYours  = refusal.New(refusal.Forbidden, "", "Not yours")
	errManager   = refusal.New(refusal.Forbidden, "", "Only a manager may")
)

const (
	guestsMax = 99
	callsMax  = 50
	peopleMax = 99
	cartMax   = menu.LinesMax
	ordersMax = 200
	textMax   = 200
)

func invalid(at, reason string) error {
	return refusal.Faults(refusal.Fault{At: at, Reason: reason})
}

// turn is a decision being made: the events so far, and the state that they lead to.
type turn struct {
	s      State
	events []Event
	h      *command.Header
	today  *store.Today
	id     string // as the command names the table
}

func (t *turn) do(e Event) {
	t.events = append(t.events, e)
	t.s = Apply(t.s, e)
}

// Decide answers a command with the events that follow from it, or a refusal.
func Decide(s State, c Command) ([]Event, Reply, error) { return Step(&s, c) }

// Step is Decide that leaves in s what Apply makes of its events: the decision has it
// at hand. A refusal leaves s as it was.
func Step(s *State, c Command) ([]Event, Reply, error) {
	t := &turn{s: *s, h: c.Head(), today: store.Of(c.Head())}
	reply, err := t.decide(c)
	if err != nil {
		return nil, nil, err
	}
	if len(t.events) > 0 {
		*s = t.s
	}
	return t.events, reply, nil
}

func (t *turn) decide(c Command) (Reply, error) {
	switch c := c.(type) {
	case *OrderJoins:
		return t.joins(&c.Join)
	case *OrderTold:
		return t.told(&c.Tell), nil
	case *Adopt:
		return t.adopt(c)
	case *command.Answered:
		return t.answered(c), nil
	case *command.Tick:
		return nil, nil
	case *bill.Claim, *bill.Unclaim, *bill.Credit, *bill.Refund, *bill.CallStaff:
		return t.payment(c)
	}
	t.id = tableOf(c)
	if t.s.Leaving != nil {
		return nil, t.state()
	}
	switch c := c.(type) {
	case *Open:
		return t.open(c)
	case *Clear:
		return t.clear(c)
	case *Go:
		return t.leave(c)
	case *Ring:
		return t.ring(c)
	case *Ack:
		return t.ack(c)
	case *SetCart:
		return t.setCart(c)
	case *SplitBill:
		return t.split(c)
	case *DiscountBill:
		return t.discount(c)
	case *PrintBill:
		return t.printBill(c)
	}
	panic("table: unknown command")
}

func tableOf(c Command) string {
	switch c := c.(type) {
	case *Open:
		return c.Table
	case *Clear:
		return c.Table
	case *Go:
		return c.Table
	case *Ring:
		return c.Table
	case *Ack:
		return c.Table
	case *SetCart:
		return c.Table
	case *SplitBill:
		return c.Table
	case *DiscountBill:
		return c.Table
	case *PrintBill:
		return c.Table
	}
	return ""
}

func (s *State) status() Status {
	if s.Status == "" {
		return Free
	}
	return s.Status
}

func (s *State) occupied() bool {
	return s.Status == Seated || s.Status == BillRequested || s.Status == Paid
}

func (t *turn) state() error {
	st := string(t.s.status())
	if t.s.Leaving != nil {
		st = "moving"
	}
	return errState.With(refusal.Fields{Kind: "table", ID: t.name(), State: st})
}

// name is the table's id, which its state does not know before it was first opened.
func (t *turn) name() string { return cmp.Or(t.s.ID, t.id) }

// known refuses tables that are not on the floor.
func (t *turn) known(id string) error {
	if _, ok := t.today.Table(id); !ok {
		return ErrUnknown.With(refusal.Fields{Kind: "table", ID: id})
	}
	return nil
}

// guest refuses a guest who does not sit here; the staff may.
func (t *turn) guest(isGuest bool, session string) error {
	if !t.s.occupied() || isGuest && !t.s.Session.is(session) {
		return errSession.With(refusal.Fields{Kind: "session", ID: t.name(), State: string(t.s.status())})
	}
	return nil
}

// is says that a token of that session is good here: its own, or of one that joined it.
func (s *Session) is(id string) bool {
	return id != "" && (s.ID == id || slices.Contains(s.Joined, id))
}

func (t *turn) open(c *Open) (Reply, error) {
	if err := t.known(c.Table); err != nil {
		return nil, err
	}
	switch {
	case c.Guests < 1 || c.Guests > guestsMax:
		return nil, invalid("/guests", "range")
	case t.s.occupied():
		return nil, errOccupied.With(refusal.Fields{Kind: "table", ID: c.Table, State: string(t.s.Status)})
	case t.s.Status == Dirty:
		return nil, t.state()
	case c.Server != "" && !menu.IsName(c.Server):
		return nil, invalid("/server", "id")
	}
	server := &c.By
	if c.Server != "" && c.Server != c.By.ID {
		server = &command.Who{ID: c.Server, Role: command.Waiter}
	}
	t.do(&Opened{c.At, c.By, c.Table, string(c.ID), c.Guests, server})
	return &OpenReply{c.Table, t.s.Session.ID, t.s.Status}, nil
}

func (t *turn) clear(c *Clear) (Reply, error) {
	if err := t.known(c.Table); err != nil {
		return nil, err
	}
	if t.s.occupied() {
		if err := t.clearable(c); err != nil {
			return nil, err
		}
		t.do(&Cleared{c.At, c.By, c.Reason})
	}
	if c.Clean && t.s.Status == Dirty {
		t.do(&Cleaned{c.At, c.By})
	}
	return &ClearReply{c.Table, t.s.status()}, nil
}

// clearable refuses while somebody pays, and, but to a manager with a reason, while
// anything is being made or due.
func (t *turn) clearable(c *Clear) error {
	sums := t.s.Session.sums()
	open := false
	for _, e := range t.s.Session.Orders {
		if e.Status == order.Submitted {
			return t.state()
		}
		open = open || e.Items.Queued+e.Items.Cooking > 0
	}
	switch {
	case sums.Pending > 0:
		return errPending
	case !open && sums.Due <= 0:
		return nil
	case c.IsManager():
		return t.today.NeedReason(c.Reason)
	case open:
		return errOpenItems.With(refusal.Fields{Kind: "table", ID: c.Table})
	}
	return bill.ErrDue.With(refusal.Fields{Due: sums.Due})
}

// came notes a guest's phone that was not seen before.
func (t *turn) came(guest, name string) {
	people := t.s.Session.People
	if guest == "" || len(people) >= peopleMax || slices.ContainsFunc(people, func(p Person) bool { return p.Guest == guest }) {
		return
	}
	if name == "" {
		name = string(rune('A' + len(people)%26))
	}
	t.do(&PersonCame{Person{guest, name, len(people)}})
}

func (t *turn) caller() string {
	if t.h.IsGuest() {
		for _, p := range t.s.Session.People {
			if p.Guest == t.h.Guest {
				return p.Name
			}
		}
	}
	return t.h.By.Name
}

func (t *turn) ring(c *Ring) (Reply, error) {
	if err := t.known(c.Table); err != nil {
		return nil, err
	}
	if !slices.Contains([]string{"waiter", "hurry", "bill"}, c.Kind) {
		return nil, invalid("/kind", "range")
	}
	if utf8.RuneCountInString(c.Note) > textMax {
		return nil, invalid("/note", "length")
	}
	if err := t.guest(c.IsGuest(), c.Session); err != nil {
		return nil, err
	}
	t.came(c.Guest, c.By.Name)
	had := len(t.s.Session.Calls)
	rang := t.rang(Call{ID: string(c.ID), Kind: c.Kind, Note: c.Note, By: t.caller(), At: c.At, Guest: c.Guest})
	if c.Kind == "bill" && t.today.BillPrinter != "" && len(t.s.Session.Calls) > had {
		_, _ = t.paper("", "") // where nothing was ordered there is nothing to print
	}
	return rang, nil
}

// rang raises a call, unless the same one is waiting already.
func (t *turn) rang(call Call) *RingReply {
	for _, x := range t.s.Session.Calls {
		if x.ID == call.ID || x.AckedAt.IsZero() && x.Kind == call.Kind && x.Guest == call.Guest {
			return &RingReply{x.ID, x.At}
		}
	}
	t.do(&Rang{call})
	return &RingReply{call.ID, call.At}
}

func (t *turn) ack(c *Ack) (Reply, error) {
	i := slices.IndexFunc(t.s.Session.Calls, func(x Call) bool { return x.ID == c.Call })
	if i < 0 {
		return nil, refusal.New(refusal.NotFound, "", "There is no such call").With(refusal.Fields{Kind: "call", ID: c.Call})
	}
	if t.s.Session.Calls[i].AckedAt.IsZero() {
		t.do(&CallAcked{c.At, c.By, c.Call})
	}
	return &AckReply{c.Call, t.s.Session.Calls[i].AckedAt}, nil
}

func (t *turn) setCart(c *SetCart) (Reply, error) {
	if err := t.known(c.Table); err != nil {
		return nil, err
	}
	if err := t.guest(c.IsGuest(), c.Session); err != nil {
		return nil, err
	}
	if !menu.IsName(c.LineID) {
		return nil, invalid("/line", "id")
	}
	cart := t.s.Session.Cart
	i := slices.IndexFunc(cart, func(l CartLine) bool { return l.ID == c.LineID })
	if i >= 0 && c.IsGuest() && cart[i].Guest != c.Header.Guest {
		return nil, errNotYours.With(refusal.Fields{Need: "cart.set"})
	}
	if c.Qty == 0 {
		if i >= 0 {
			t.do(&CartChanged{Line: CartLine{Line: menu.Line{ID: c.LineID}}, Removed: true})
		}
		return t.cartReply(), nil
	}
	if i < 0 && len(cart) >= cartMax {
		return nil, invalid("/line", "too_many")
	}
	t.came(c.Header.Guest, c.By.Name)
	line := c.Line
	line.ID = c.LineID
	if c.IsGuest() {
		line.Guest = c.Header.Guest
	} else if i >= 0 && line.Guest == "" {
		line.Guest = cart[i].Guest
	}
	priced, err := t.price(c.Channel, line)
	if err != nil {
		return nil, err
	}
	t.do(&CartChanged{Line: *priced})
	return t.cartReply(), nil
}

func (t *turn) price(channel string, line menu.Line) (*CartLine, error) {
	q := menu.Quote{Channel: channel, At: t.today.Local(t.h.At), Route: t.today.Route(store.DineIn), By: t.today}
	p, bad := t.today.Menu.Price(q, []menu.Line{line})
	if bad != nil {
		return nil, bad
	}
	return &CartLine{Line: line, Name: p[0].Name, UnitPrice: p[0].UnitPrice, Amount: p[0].Amount, Options: p[0].Options, Parts: p[0].Parts}, nil
}

func (t *turn) cartReply() *CartReply {
	return &CartReply{t.s.ID, t.s.Session.CartV, t.s.Session.cartTotal()}
}

func (s *Session) cartTotal() (sum int64) {
	for i := range s.Cart {
		sum += s.Cart[i].Amount
	}
	return sum
}

// answered takes what became of a duty.
func (t *turn) answered(c *command.Answered) Reply {
	switch do := c.Duty.Do.(type) {
	case *order.TableSays:
		t.do(&OrderHeard{c.Duty.To.ID, do.Rev})
	case *Adopt:
		return t.left(c)
	case *order.NameLines:
		t.named(c)
	case *printer.Print:
		t.do(&BillTaken{c.Duty.N})
	case *payment.Rehome:
		t.do(&PaymentRehomed{c.Duty.To.ID, c.Duty.N})
	}
	return nil
}
