package table

import (
	"slices"

	"github.com/brigata/brigata/actors/bill"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/money"
	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/store"
)

func (s *Session) entry(id string) *Entry {
	for i := range s.Orders {
		if s.Orders[i].Order == id {
			return &s.Orders[i]
		}
	}
	return nil
}

// joins takes an order into the session; one of the staff seats a free table.
func (t *turn) joins(j *order.Join) (Reply, error) {
	t.id = j.Table
	if e := t.s.Session.entry(j.Order); e != nil {
		return t.welcome(e), nil
	}
	switch {
	case t.s.Leaving != nil:
		return nil, t.state()
	case t.s.Status == Dirty:
		return nil, errDirty.With(refusal.Fields{Kind: "table", ID: t.s.ID, State: "dirty"})
	case t.s.occupied() || j.Guest:
		if err := t.guest(j.Guest, j.Session); err != nil {
			return nil, err
		}
	default:
		t.do(&Opened{t.h.At, j.By, j.Table, j.Order, max(j.Guests, 1), &j.By})
	}
	if len(t.s.Session.Orders) >= ordersMax {
		return nil, errState.With(refusal.Fields{Kind: "table", ID: t.s.ID, State: "full"})
	}
	t.came(j.GuestID, j.By.Name)
	if j.Cart != nil {
		switch {
		case *j.Cart != t.s.Session.CartV:
			return nil, errCart.With(refusal.Fields{CartV: t.s.Session.CartV})
		case len(t.s.Session.Cart) == 0:
			return nil, invalid("/cart", "required")
		}
	}
	t.do(&OrderJoined{j.Order, t.s.Session.Round + 1, j.Cart != nil})
	return t.welcome(t.s.Session.entry(j.Order)), nil
}

func (t *turn) welcome(e *Entry) *order.Welcome {
	s := &t.s.Session
	w := &order.Welcome{Session: s.ID, Label: t.s.ID, Round: e.Round, Guests: s.Guests, Server: s.Server}
	for i := range e.Cart {
		l := order.CartLine{Line: e.Cart[i].Line}
		for k := range s.People {
			if s.People[k].Guest == l.Guest {
				l.Name, l.Color = s.People[k].Name, &s.People[k].Color
			}
		}
		w.Lines = append(w.Lines, l)
	}
	return w
}

// told takes what an order says of itself. One that is not of this session any more is
// heard and forgotten.
func (t *turn) told(c *order.Tell) Reply {
	e := t.s.Session.entry(c.Order)
	if e == nil || e.Told >= c.Rev {
		return &Heard{}
	}
	t.do(&OrderChanged{Order: c.Order, Rev: c.Rev, Status: c.Status, No: c.No, At: c.At, Items: c.Items, LateAt: c.LateAt,
		Bill: c.HasBill, Lines: c.Lines})
	t.reckon()
	return &Heard{}
}

// reckon divides discount and payments among the orders, oldest first, and adds up
// what each comes to. It says so only when anything changes.
func (t *turn) reckon() {
	s := &t.s.Session
	var on []*Entry
	var subtotals []int64
	var subtotal int64
	for i := range s.Orders {
		e := &s.Orders[i]
		if !e.counts() {
			continue
		}
		on = append(on, e)
		var sum int64
		for _, l := range e.Lines {
			sum += l.Amount
		}
		subtotals = append(subtotals, sum)
		subtotal += sum
	}
	off := min(s.Discount, subtotal)
	if s.DiscountBP > 0 {
		off = money.BP(subtotal, s.DiscountBP, money.HalfUp)
	}
	out := make([]Reckoning, len(on))
	discounts := money.Apportion(off, subtotals)
	allowed, sums := s.Account.Allowed, s.Account.Sums(0)
	paid, refunded := sums.Paid, sums.Refunded
	for i, e := range on {
		full := bill.Total(t.today, store.DineIn, s.Guests, e.Lines, discounts[i])
		r := Reckoning{Order: e.Order, Discount: discounts[i], Allowed: min(allowed, full.Total), Of: e.Of}
		r.Totals = full.Less(r.Allowed)
		allowed -= r.Allowed
		r.Paid = paid
		if i < len(on)-1 {
			r.Paid = min(paid, r.Totals.Total)
		}
		paid -= r.Paid
		out[i] = r
	}
	for i := range out { // what went back comes off what is over first, then oldest first
		out[i].Refunded = min(refunded, max(0, out[i].Paid-out[i].Totals.Total))
		refunded -= out[i].Refunded
	}
	for i := range out {
		more := min(refunded, out[i].Paid-out[i].Refunded)
		out[i].Refunded += more
		refunded -= more
	}
	if s.differs(out) {
		t.do(&Reckoned{out})
	}
}

func (s *Session) differs(rs []Reckoning) bool {
	for i := range rs {
		r, h := &rs[i], &s.entry(rs[i].Order).Share
		if r.Discount != h.Discount || r.Allowed != h.Allowed || r.Paid != h.Paid || r.Refunded != h.Refunded ||
			r.Of != h.Of || !sameTotals(r.Totals, h.Totals) {
			return true
		}
	}
	return false
}

func sameTotals(a, b bill.Totals) bool {
	return a.Subtotal == b.Subtotal && a.Discount == b.Discount && a.Service == b.Service && a.Tax == b.Tax &&
		a.Total == b.Total && slices.Equal(a.Taxes, b.Taxes)
}

func (s *Session) totals() bill.Totals {
	var all []bill.Totals
	for i := range s.Orders {
		if s.Orders[i].counts() {
			all = append(all, s.Orders[i].Share.Totals)
		}
	}
	return bill.Sum(all)
}

func (s *Session) sums() bill.Sums { return s.Account.Sums(s.totals().Total) }

func (s *Session) lines() (lines []bill.Line) {
	for i := range s.Orders {
		if s.Orders[i].counts() {
			lines = append(lines, s.Orders[i].Lines...)
		}
	}
	return lines
}

// payment takes what a payment asks of the bill.
func (t *turn) payment(c Command) (Reply, error) {
	ack := &bill.Ack{Currency: t.today.Config.Currency}
	s := &t.s.Session
	switch c := c.(type) {
	case *bill.Claim:
		if err := t.guest(c.Guest, c.Session); err != nil {
			return nil, err
		}
		if t.s.Leaving != nil {
			return nil, t.state()
		}
		if no := s.Account.CanClaim(c, s.totals().Total, s.Account.Parts(s.lines(), s.totals().Total)); no != nil {
			return nil, no
		}
	case *bill.Credit:
		if !t.s.occupied() || s.Account.Has(c.Payment) == "" { // the party has left, or never claimed it
			ack.Back = c.Amount + c.Tip
			return ack, nil
		}
	case *bill.CallStaff:
		if t.s.occupied() {
			t.rang(Call{ID: c.Payment, Kind: "bill", By: c.By, At: c.At})
		}
		return ack, nil
	}
	p, changes := s.Account.Next(c, ack.Currency)
	if !changes || !t.s.occupied() {
		return ack, nil
	}
	e := &PaymentNoted{Payment: p, Allowed: s.Account.Allowed}
	if c, ok := c.(*bill.Refund); ok {
		e.Allowed += s.Account.Over(p, s.totals().Total)
		e.Reason = c.Reason
	}
	t.do(e)
	t.reckon()
	if c, ok := c.(*bill.Credit); ok { // others may have paid meanwhile, or an order is off
		ack.Back = max(0, min(-s.sums().Due, c.Amount))
	}
	return ack, nil
}

func (t *turn) split(c *SplitBill) (Reply, error) {
	if err := t.guest(c.IsGuest(), c.Session); err != nil {
		return nil, err
	}
	s := &t.s.Session
	if s.Account.Begun() {
		return nil, bill.ErrSplit
	}
	if _, bad := bill.Parts(c.Split, s.lines(), s.totals().Total); bad != nil {
		return nil, bad
	}
	t.do(&SplitSet{c.At, c.By, c.Split})
	return t.s.Bill(t.today), nil
}

// PreviewSplit shows a split without making it.
func PreviewSplit(today *store.Today, s State, c *SplitBill) (*bill.View, error) {
	_, reply, err := Decide(s, c)
	if err != nil {
		return nil, err
	}
	return reply.(*bill.View), nil
}

func (t *turn) discount(c *DiscountBill) (Reply, error) {
	if err := t.guest(false, ""); err != nil {
		return nil, err
	}
	if !c.IsManager() {
		return nil, errManager.With(refusal.Fields{Need: "bill.discount"})
	}
	s := &t.s.Session
	if _, err := bill.Off(c.RateBP, c.Amount, s.totals().Subtotal); err != nil {
		return nil, err
	}
	if err := t.today.NeedReason(c.Reason); err != nil {
		return nil, err
	}
	before := *t
	if c.RateBP != s.DiscountBP || c.Amount != s.Discount {
		t.do(&DiscountSet{c.At, c.By, c.RateBP, c.Amount, c.Reason})
		t.reckon()
	}
	if sums := t.s.Session.sums(); sums.Due < sums.Pending {
		*t = before
		return nil, bill.ErrSplit
	}
	return t.s.Bill(t.today), nil
}

// Bill is the session's bill.
func (s State) Bill(today *store.Today) *bill.View {
	var orders []string
	for i := range s.Session.Orders {
		if s.Session.Orders[i].counts() {
			orders = append(orders, s.Session.Orders[i].Order)
		}
	}
	return bill.ViewOf(today.Config.Currency, today.Config.Tax.Included, orders, s.Session.totals(), s.Session.Account, s.Session.lines())
}

// leave moves the session to a free table, or joins it to another's.
func (t *turn) leave(c *Go) (Reply, error) {
	if err := t.known(c.To); err != nil {
		return nil, err
	}
	switch {
	case !t.s.occupied():
		return nil, t.state()
	case c.To == c.Table:
		return nil, invalid("/to", "range")
	case t.s.Session.Account.Pending():
		return nil, errPending
	case c.Merge && t.s.Session.Account.Begun():
		return nil, bill.ErrSplit
	}
	for i := range t.s.Session.Orders {
		if t.s.Session.Orders[i].Status == order.Submitted {
			return nil, t.state()
		}
	}
	t.do(&LeaveBegan{c.At, c.By, c.To, c.Merge, c.ID})
	return command.Later{}, nil
}

// adopt takes a session over, once for each move: by the time that a move is sent again
// its session may have left this table as well.
func (t *turn) adopt(c *Adopt) (Reply, error) {
	if i := slices.IndexFunc(t.s.Came, func(x Came) bool { return x.From == c.From && x.Asked == c.Asked }); i >= 0 {
		return &Adopted{t.s.Came[i].Session}, nil
	}
	if t.s.occupied() && t.s.Session.is(c.Session.ID) {
		return &Adopted{t.s.Session.ID}, nil
	}
	switch {
	case t.s.Leaving != nil, t.s.Status == Dirty, c.Merge && !t.s.occupied():
		return nil, t.state()
	case !c.Merge && t.s.occupied():
		return nil, errOccupied.With(refusal.Fields{Kind: "table", ID: t.s.ID, State: string(t.s.Status)})
	case c.Merge && t.s.Session.Account.Begun():
		return nil, bill.ErrSplit
	}
	t.do(&SessionCame{t.h.At, c.To, c.From, c.Merge, c.Session, c.Asked})
	t.reckon()
	return &Adopted{t.s.Session.ID}, nil
}

func (t *turn) left(c *command.Answered) Reply {
	l := t.s.Leaving
	if l == nil || c.Duty.Do.(*Adopt).Asked != l.Asked {
		return nil
	}
	t.do(&LeaveEnded{c.Refusal == nil})
	if c.Refusal != nil {
		return command.Settled{ID: l.Asked, Refusal: c.Refusal}
	}
	return command.Settled{ID: l.Asked, Reply: &GoReply{t.s.ID, l.To, c.Reply.(*Adopted).Session}}
}
