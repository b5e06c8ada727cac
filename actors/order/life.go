package order

import (
	"slices"
	"time"

	"github.com/brigata/brigata/actors/bill"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/refusal"
)

func (t *turn) accept(c *Accept) (Reply, error) {
	if t.s.State == Accepted {
		return &AcceptReply{t.s.ID, t.s.State, t.s.PromiseAt}, nil
	}
	if err := t.in(Placed); err != nil {
		return nil, err
	}
	if t.s.unpaid() {
		return nil, errUnpaid.With(refusal.Fields{Due: t.s.Total - t.s.Paid + t.s.Refunded})
	}
	t.accepted(c.By, c.PromiseAt.UTC().Truncate(time.Millisecond))
	return &AcceptReply{t.s.ID, t.s.State, t.s.PromiseAt}, nil
}

// end rejects, cancels or voids.
func (t *turn) end(c *End) (Reply, error) {
	if t.s.State == c.How {
		return t.endReply(), nil
	}
	fired := len(t.s.every(func(i *Item) bool { return i.FireSeq > 0 })) > 0
	switch c.How {
	case Refused:
		if err := t.in(Placed); err != nil {
			return nil, err
		}
	case Cancelled:
		if err := t.in(Submitted, Placed, Accepted); err != nil {
			return nil, err
		}
		if fired {
			return nil, errFired.With(refusal.Fields{Kind: "order", ID: t.s.ID, State: string(t.s.State)})
		}
	case Voided:
		if err := t.in(Accepted); err != nil {
			return nil, err
		}
		if !c.IsManager() {
			return nil, need(errManager, "order.void")
		}
		if !fired {
			return nil, t.in(Voided) // to be cancelled, not voided
		}
	}
	if err := t.endReason(c); err != nil {
		return nil, err
	}
	if t.s.State == Submitted {
		return nil, errState.With(refusal.Fields{Kind: "order", ID: t.s.ID, State: string(t.s.State)})
	}
	if t.s.Adding != nil { // a turn answers one command: who adds hears first
		return nil, errState.With(refusal.Fields{Kind: "order", ID: t.s.ID, State: "adding"})
	}
	t.do(&Ended{At: c.At, By: c.By, As: c.How, Reason: c.Reason, Note: c.Note})
	return t.endReply(), nil
}

// endReason: the staff say why; a guest need not, but may.
func (t *turn) endReason(c *End) error {
	if c.IsGuest() && c.Reason == "" {
		return nil
	}
	return t.today.NeedReason(c.Reason)
}

func (t *turn) endReply() *EndReply {
	r := &EndReply{Order: t.s.ID, State: t.s.State, Payment: t.s.payment(), Refunds: []string{}}
	for _, p := range t.s.Account.Payments {
		if p.State == "succeeded" && p.Refunded < p.Amount+p.Tip {
			r.Refunds = append(r.Refunds, p.ID)
		}
	}
	return r
}

func (t *turn) rush(c *Rush) (Reply, error) {
	if err := t.in(Placed, Accepted); err != nil {
		return nil, err
	}
	if t.s.Rush != c.On {
		t.do(&RushSet{c.At, c.By, c.On})
	}
	return &RushReply{t.s.ID, c.On}, nil
}

// handOff takes the order from the pass: everything that is ready goes.
func (t *turn) handOff(c *HandOff) (Reply, error) {
	if err := t.in(Accepted); err != nil {
		return nil, err
	}
	if !slices.Contains([]string{"shelf", "guest", "driver", "table"}, c.To) {
		return nil, invalid("/to", "range")
	}
	if len(c.Shelf) > textMax {
		return nil, invalid("/shelf", "length")
	}
	if c.To == "driver" && t.s.Driver == nil {
		return nil, errNoDriver
	}
	if c.Code != "" && c.Code != t.s.Code {
		return nil, invalid("/code", "range")
	}
	open := t.s.every(func(i *Item) bool { return i.State == Held || i.State == Queued || i.State == Cooking })
	if len(open) > 0 {
		if !c.Override {
			return nil, t.openItems(open)
		}
		if !c.IsManager() {
			return nil, need(errManager, "order.void")
		}
		if err := t.today.NeedReason(c.Reason); err != nil {
			return nil, err
		}
	}
	e := &LeftPass{At: c.At, By: c.By, To: c.To, Shelf: c.Shelf, Overridden: len(open) > 0, Reason: c.Reason}
	if c.To == "driver" {
		e.Delivery = "picked_up"
	}
	t.do(e)
	if c.To != "shelf" {
		t.serveReady(c.By)
		t.settle()
	}
	return &HandOffReply{t.s.ID, t.s.State, t.s.Delivery}, nil
}

func (t *turn) openItems(ids []string) error {
	f := refusal.Fields{}
	for _, id := range ids {
		f.Items = append(f.Items, refusal.Item{ID: id, State: string(t.s.item(id).State)})
	}
	return errOpenItems.With(f)
}

func (t *turn) serveReady(by command.Who) {
	if ready := t.s.every(func(i *Item) bool { return i.State == Ready }); len(ready) > 0 {
		t.do(&Moved{At: t.h.At, By: by, To: Served, Items: ready})
	}
}

func (t *turn) assign(c *Assign) (Reply, error) {
	if err := t.in(Placed, Accepted); err != nil {
		return nil, err
	}
	switch {
	case t.s.Type != "delivery":
		return nil, errState.With(refusal.Fields{Kind: "order", ID: t.s.ID, State: t.s.Type})
	case c.Driver == nil || c.Driver.Name == "" || len(c.Driver.Name+c.Driver.ID+c.Driver.Phone) > textMax:
		return nil, invalid("/driver", "required")
	case t.s.Delivery == "delivered" || t.s.Delivery == "failed":
		return nil, t.deliveryState()
	}
	t.do(&DriverSet{c.At, c.By, *c.Driver, c.EtaAt.UTC().Truncate(time.Millisecond)})
	return &DeliverReply{t.s.ID, t.s.Delivery}, nil
}

func (t *turn) deliveryState() error {
	return errState.With(refusal.Fields{Kind: "delivery", ID: t.s.ID, State: t.s.Delivery})
}

// way is a delivery's states in order.
var way = []string{"pending", "assigned", "at_store", "picked_up", "en_route", "delivered"}

func (t *turn) deliver(c *Deliver) (Reply, error) {
	if err := t.in(Accepted); err != nil {
		return nil, err
	}
	to, from := slices.Index(way, c.Delivery), slices.Index(way, t.s.Delivery)
	switch {
	case to < 2 && c.Delivery != "failed":
		return nil, invalid("/delivery", "range")
	case t.s.Driver == nil:
		return nil, errNoDriver
	case t.s.Delivery == c.Delivery:
		return &DeliverReply{t.s.ID, t.s.Delivery}, nil
	case from < 0 || t.s.Delivery == "delivered" || to >= 0 && to < from:
		return nil, t.deliveryState()
	}
	if c.Delivery == "failed" {
		if err := t.today.NeedReason(c.Reason); err != nil {
			return nil, err
		}
	}
	if to >= 3 { // from picked_up on, the food is out
		if open := t.s.every(func(i *Item) bool { return i.State == Held || i.State == Queued || i.State == Cooking }); len(open) > 0 && !t.s.HandedOff {
			return nil, t.openItems(open)
		}
	}
	t.do(&DeliverySet{c.At, c.By, c.Delivery, c.EtaAt.UTC().Truncate(time.Millisecond), c.Reason})
	if to >= 3 {
		t.serveReady(c.By)
	}
	return &DeliverReply{t.s.ID, t.s.Delivery}, nil
}

// tableSays takes what the table knows better: who sits there, and who paid.
func (t *turn) tableSays(c *TableSays) (Reply, error) {
	if c.Rev <= t.s.Heard {
		return &Noted{}, nil
	}
	totals := c.Totals
	if c.Of < t.s.BillRev { // the table has not heard of the latest lines
		totals = bill.Total(t.today, t.s.Type, c.Guests, t.s.billLines(), c.Discount).Less(c.Allowed)
	}
	t.do(&TableSaid{At: c.At, Rev: c.Rev, Table: c.Table, Label: c.Label, Session: c.Session, Guests: c.Guests, Server: c.Server,
		Discount: c.Discount, Allowed: c.Allowed, Paid: c.Paid, Refunded: c.Refunded, Hurried: c.Hurried, Totals: totals})
	if c.Clear && !t.s.State.Final() {
		asked := t.dropAdding()
		t.cleared(c)
		if late := t.tooLate(asked); late != nil {
			return late, nil
		}
	}
	return &Noted{}, nil
}

// cleared ends the order with its table: what is ready was served, and what was never
// made is off, unless it was paid for. What is due still is written off, so that an
// order that is over comes to what was paid of it.
func (t *turn) cleared(c *TableSays) {
	if t.s.State != Accepted {
		t.do(&Ended{At: c.At, By: c.ByWho, As: Cancelled, Reason: c.Reason})
		return
	}
	t.serveReady(c.ByWho)
	paid := t.s.Paid - t.s.Refunded
	if open := t.s.every(func(i *Item) bool { return i.live() && i.State != Served }); open != nil {
		e := &ItemsVoided{At: c.At, By: c.ByWho, Reason: c.Reason}
		for _, id := range open {
			i := t.s.item(id)
			e.Items = append(e.Items, VoidedItem{id, i.Qty - i.VoidQty})
		}
		if t.reckonVoid(e); e.Totals.Total >= paid {
			t.do(e)
		} else {
			t.do(&Moved{At: c.At, By: c.ByWho, To: Served, Items: open})
		}
	}
	if due := t.s.Total - paid; due > 0 {
		t.do(&WrittenOff{At: c.At, By: c.ByWho, Reason: c.Reason, Allowed: t.s.Allowed + due, Totals: t.s.totals().Less(due)})
	}
	t.do(&Ended{At: c.At, By: c.ByWho, As: Closed, Reason: c.Reason})
}

// payment takes what a payment asks of an order without a table.
func (t *turn) payment(c Command) (Reply, error) {
	if t.s.Table != "" {
		return nil, errPayTable
	}
	ack := &bill.Ack{Currency: t.s.Currency}
	if claim, ok := c.(*bill.Claim); ok {
		off := t.s.State.Final() && t.s.State != Closed
		switch {
		case claim.Guest && (t.s.GuestID == "" || t.s.GuestID != claim.GuestID):
			return nil, errNotYours.With(refusal.Fields{Need: "payment.create"})
		case off && t.s.Account.Has(claim.Payment) == "pending": // it asks again, for it has not heard that it may
			ack.Back = claim.Amount + claim.Tip
		case off || t.s.State == Submitted:
			return nil, errState.With(refusal.Fields{Kind: "order", ID: t.s.ID, State: string(t.s.State)})
		}
		if no := t.s.Account.CanClaim(claim, t.s.Total, t.s.Account.Parts(t.s.billLines(), t.s.Total)); no != nil {
			return nil, no
		}
	}
	p, changes := t.s.Account.Next(c, t.s.Currency)
	if !changes {
		return ack, nil
	}
	e := &PaymentNoted{Payment: p, Allowed: t.s.Allowed, Totals: t.s.totals()}
	if _, ok := c.(*bill.Refund); ok {
		if over := t.s.Account.Over(p, t.s.Total); over > 0 {
			e.Allowed += over
			e.Totals = e.Totals.Less(over)
		}
	}
	t.do(e)
	if t.revivable() {
		late := &PaidLate{At: t.h.At}
		if t.s.LaterAt.IsZero() {
			late.Ask = t.asks(t.s.Lines)
		}
		if t.do(late); t.s.answered() {
			t.revive()
		}
	}
	return ack, nil
}

// revivable says that an order which expired is paid in full after all, while it can
// still be made, and nothing of its money was told to go back.
func (t *turn) revivable() bool {
	s := t.s
	return s.State == Expired && !s.Reviving && !s.unpaid() && s.Total > 0 && t.today.Open &&
		(s.DueAt.After(t.h.At) || s.DueAt.IsZero() && s.Date == t.today.BusinessDate(t.h.At)) &&
		!slices.ContainsFunc(s.Returns, func(r Returned) bool { return r.N == returnPaid })
}

// revive ends the asking: the order stands again if all of its stock is there.
func (t *turn) revive() {
	if slices.ContainsFunc(t.s.Takes, func(k Take) bool { return k.Denied != nil }) {
		t.do(&StayedExpired{t.h.At})
		return
	}
	t.do(&Revived{t.h.At})
	t.settle()
}

// Bill is the bill of an order without a table.
func (s State) Bill() *bill.View {
	return bill.ViewOf(s.Currency, s.TaxIncluded, []string{s.ID}, s.totals(), s.Account, s.billLines())
}

func (t *turn) split(c *SplitBill) (Reply, error) {
	if t.s.Table != "" {
		return nil, errPayTable
	}
	if t.s.Account.Begun() {
		return nil, bill.ErrSplit
	}
	if _, bad := bill.Parts(c.Split, t.s.billLines(), t.s.Total); bad != nil {
		return nil, bad
	}
	t.do(&SplitSet{c.At, c.By, c.Split})
	return t.s.Bill(), nil
}

func (t *turn) discount(c *DiscountBill) (Reply, error) {
	if t.s.Table != "" {
		return nil, errPayTable
	}
	if err := t.in(Placed, Accepted); err != nil {
		return nil, err
	}
	if !c.IsManager() {
		return nil, need(errManager, "bill.discount")
	}
	off, err := bill.Off(c.RateBP, c.Amount, t.s.Subtotal)
	if err != nil {
		return nil, err
	}
	if err := t.today.NeedReason(c.Reason); err != nil {
		return nil, err
	}
	totals := bill.Total(t.today, t.s.Type, t.s.Guests, t.s.billLines(), off).Less(t.s.Allowed)
	if s := t.s.Account.Sums(totals.Total); s.Due < s.Pending {
		return nil, bill.ErrSplit
	}
	if off != t.s.Off {
		t.do(&DiscountSet{c.At, c.By, off, c.Reason, totals})
	}
	return t.s.Bill(), nil
}
