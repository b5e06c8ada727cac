package order

import (
	"slices"
	"time"

	"github.com/brigata/brigata/actors/bill"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/printer"
)

// Apply folds one fact into the state.
func Apply(s State, e Event) State {
	s.own, s.alone = false, false
	s.apply(e)
	return s
}

// apply is Apply in place; what s shares with others it copies before it changes it.
func (s *State) apply(e Event) {
	s.fold(e)
	s.derive()
}

func (s *State) fold(e Event) {
	switch e := e.(type) {
	case *Sent:
		s.sent(e)
	case *TableTook:
		s.Joined, s.Session, s.Label, s.Round, s.Guests, s.Server = true, e.Session, e.Label, e.Round, e.Guests, e.Server
		if e.Lines != nil {
			s.Lines = e.Lines
		}
		if e.Totals != nil {
			s.total(*e.Totals)
		}
		s.ask(e.Ask)
	case *StockGave:
		s.stock(e.Stock, e.Rev, func(t *Take) { t.Done = true })
		return
	case *StockDenied:
		s.stock(e.Stock, e.Rev, func(t *Take) { t.Done, t.Denied = true, &e.Left })
		return
	case *TableDenied:
		s.Joined, s.TableNo = true, e.Refusal
	case *WasPlaced:
		s.State, s.PlacedAt, s.No, s.Date, s.Code, s.PayBy, s.Auto, s.Asked = Placed, e.At, e.No, e.Date, e.Code, e.PayBy, e.Auto, ""
	case *WasAccepted:
		s.State, s.AcceptedAt, s.PromiseAt = Accepted, e.At, e.PromiseAt
		if s.Type == "delivery" && s.Delivery == "" {
			s.Delivery = "pending"
		}
	case *Ended:
		s.ended(e)
	case *SlipsDue, *SlipTaken, *ReturnAsked: // neither the table nor anybody else need hear
		s.applyLater(e)
		return
	case *TableKnows:
		s.ToldRev = e.Rev
		return
	case *TableSaid:
		s.said(e)
		return
	default:
		s.applyLater(e)
	}
	s.Rev++
}

// applyLater folds what happens once an order is placed.
func (s *State) applyLater(e Event) {
	switch e := e.(type) {
	case *Moved:
		s.moved(e)
	case *ItemsVoided:
		s.voided(e)
	case *VoidSeen:
		s.items(e.Items, func(i *Item) { i.Bumped = true })
	case *RushSet:
		s.Rush = e.On
	case *LeftPass:
		s.HandedOff, s.Shelf = true, e.Shelf
		if e.Delivery != "" {
			s.Delivery = e.Delivery
		}
		if e.Overridden {
			s.OverriddenBy = &e.By
		}
	case *DriverSet:
		s.Driver, s.EtaAt, s.Delivery = &e.Driver, e.EtaAt, "assigned"
	case *DeliverySet:
		s.Delivery = e.Delivery
		if !e.EtaAt.IsZero() {
			s.EtaAt = e.EtaAt
		}
	case *LinesSent:
		s.Adding = &Adding{e.Asked, e.At, e.By, e.Lines}
		s.ask(e.Ask)
	case *LinesAdded:
		s.Lines = append(slices.Clone(s.Lines), s.Adding.Lines...)
		s.Adding = nil
		s.total(e.Totals)
	case *LinesRefused:
		s.Adding = nil
		s.ask(e.Ask)
	case *DayCame:
		s.LaterAt = time.Time{}
		s.ask(e.Ask)
	case *Shorted:
		s.items(e.Items, func(i *Item) { i.Flag = "short" })
	case *DishFlagged:
		s.items(e.Items, func(i *Item) { i.Flag = e.Flag })
	case *PaymentNoted:
		s.Account = s.Account.With(e.Payment)
		s.Allowed = e.Allowed
		s.total(e.Totals)
		sums := s.Account.Sums(s.Total)
		s.Paid, s.Refunded = sums.Paid, sums.Refunded
	case *SlipsDue:
		s.Slips = append(slices.Clone(s.Slips), e.Slips...)
		s.Printed = slices.Clone(s.Printed)
		for _, x := range e.Slips {
			if s.SlipN = x.N; x.Job.Kind == printer.Check {
				s.Bills = x.Job.Copy
				continue
			}
			s.Copies = max(s.Copies, x.Job.Copy)
			for i := range x.Job.Items {
				s.Printed = append(s.Printed, mark(&x.Job.Items[i], x.Job.Kind, x.Job.Station))
			}
		}
	case *SlipTaken:
		s.Slips = slices.DeleteFunc(slices.Clone(s.Slips), func(x Slip) bool { return x.N == e.N })
	case *PaidLate:
		s.Reviving = true
		s.ask(e.Ask)
	case *Revived:
		s.State, s.ClosedAt, s.Reviving = Placed, time.Time{}, false
	case *StayedExpired:
		s.Reviving = false
		s.letGo()
	case *ReturnAsked:
		s.Returns = append(slices.Clone(s.Returns), Returned{e.Payment, e.N})
	case *WrittenOff:
		s.Allowed = e.Allowed
		s.total(e.Totals)
	case *SplitSet:
		s.Account.Split = e.Split
	case *DiscountSet:
		s.Off = e.Off
		s.total(e.Totals)
	}
}

// said takes the table's word. It need not be told of it, unless it is another table
// now: that one is told everything.
func (s *State) said(e *TableSaid) {
	moved := s.Table != e.Table
	s.Heard, s.Table, s.Label, s.Session, s.Guests, s.Server = e.Rev, e.Table, e.Label, e.Session, e.Guests, e.Server
	s.Off, s.Allowed, s.Paid, s.Refunded, s.HurriedAt = e.Discount, e.Allowed, e.Paid, e.Refunded, e.Hurried
	rev := s.BillRev
	s.total(e.Totals)
	s.BillRev = rev
	if moved {
		s.Rev++
		s.BillRev, s.ToldRev = s.Rev, 0
	}
}

func (s *State) sent(e *Sent) {
	*s = State{Asked: e.Asked, Guest: e.Guest, FromCart: e.FromCart, CartV: e.CartV, WantSum: e.WantTotal, HoldAll: e.Hold,
		LaterAt: e.LaterAt, AutoFireMS: e.AutoFireMS}
	s.View = View{ID: e.ID, Type: e.Type, Channel: e.Channel, Table: e.Table, Session: e.Session, Guests: e.Guests,
		State: Submitted, Note: e.Note, MenuVersion: e.MenuVersion, Currency: e.Currency, TaxIncluded: e.TaxIncluded,
		DueAt: e.DueAt, Contact: e.Contact, Ref: e.Ref, Lines: e.Lines, WarnMS: e.WarnMS, LateMS: e.LateMS, By: e.By,
		GuestID: e.GuestID}
	s.total(e.Totals)
	s.ask(e.Ask)
}

func (s *State) total(t bill.Totals) {
	s.Subtotal, s.Discount, s.Service, s.Tax, s.Total, s.Taxes = t.Subtotal, t.Discount, t.Service, t.Tax, t.Total, t.Taxes
	s.BillRev = s.Rev + 1
}

// ask puts new wants in place of the old ones for the same stock.
func (s *State) ask(list []Take) {
	if len(list) == 0 {
		return
	}
	s.Takes, s.alone = append(make([]Take, 0, len(s.Takes)+len(list)), s.Takes...), true
	for _, t := range list {
		t.Done, t.Denied = false, nil
		if i := slices.IndexFunc(s.Takes, func(x Take) bool { return x.Stock == t.Stock }); i >= 0 {
			s.Takes[i] = t
		} else {
			s.Takes = append(s.Takes, t)
		}
	}
}

func (s *State) stock(id string, rev int64, change func(*Take)) {
	i := slices.IndexFunc(s.Takes, func(t Take) bool { return t.Stock == id && t.Rev == rev })
	if i < 0 {
		return
	}
	if !s.alone {
		s.Takes, s.alone = slices.Clone(s.Takes), true
	}
	change(&s.Takes[i])
}

// cloneLines copies lines with their items, these all at once.
func cloneLines(of []Line) []Line {
	n := 0
	for l := range of {
		n += len(of[l].Items)
	}
	lines, items := slices.Clone(of), make([]Item, 0, n)
	for l := range lines {
		first := len(items)
		items = append(items, lines[l].Items...)
		lines[l].Items = items[first:len(items):len(items)]
	}
	return lines
}

// items changes the named items, in a copy of the lines unless they are the state's own.
func (s *State) items(ids []string, change func(*Item)) {
	if !s.own {
		s.Lines = cloneLines(s.Lines)
	}
	for l := range s.Lines {
		for i := range s.Lines[l].Items {
			if item := &s.Lines[l].Items[i]; slices.Contains(ids, item.ID) {
				change(item)
			}
		}
	}
}

func (s *State) moved(e *Moved) {
	at := command.At(e.At)
	s.items(e.Items, func(i *Item) {
		i.State = e.To
		switch e.To {
		case Held:
			i.Hold, i.FiredAt = true, 0
		case Queued:
			i.Hold, i.FiredAt = false, at
			i.FireSeq++
		case Cooking:
			if e.Recall {
				i.ReadyAt, i.ServedAt = 0, 0
			}
			if i.StartedAt.IsZero() {
				i.StartedAt = at
			}
		case Ready:
			i.ReadyAt, i.BumpedBy = at, &e.By
		case Served:
			i.ServedAt = at
		}
	})
	if e.Recall {
		s.HandedOff = false
	}
}

func (s *State) voided(e *ItemsVoided) {
	ids := make([]string, len(e.Items))
	for i, v := range e.Items {
		ids[i] = v.ID
	}
	s.items(ids, func(i *Item) {
		v := e.Items[slices.Index(ids, i.ID)]
		i.VoidQty += v.Qty
		i.VoidAt, i.VoidReason, i.VoidBy = command.At(e.At), e.Reason, &e.By
		if i.VoidQty >= i.Qty {
			i.State = Void
		}
	})
	for l := range s.Lines {
		s.Lines[l].revalue()
		for _, r := range e.Return {
			if r.Line == s.Lines[l].ID {
				s.Lines[l].Returned += r.Qty
			}
		}
	}
	s.total(e.Totals)
	s.ask(e.Ask)
}

// revalue sets what is voided of a line: as many portions as lack in all of its items.
func (l *Line) revalue() {
	if len(l.Items) == 0 {
		return
	}
	void := l.Items[0].VoidQty
	for _, i := range l.Items[1:] {
		void = min(void, i.VoidQty)
	}
	l.VoidQty = void
	l.Amount = l.UnitPrice * int64(l.Qty-void)
}

// ended settles an order's fate. What was fired stays taken; the rest goes back.
func (s *State) ended(e *Ended) {
	s.State, s.ClosedAt, s.Reason, s.ReasonNote, s.Asked, s.Adding = e.As, e.At, e.Reason, e.Note, "", nil
	s.BillRev = s.Rev + 1
	if e.As == Closed {
		return
	}
	s.letGo()
	if e.As == Voided {
		s.items(s.every(func(i *Item) bool { return i.live() }), func(i *Item) {
			i.State, i.VoidQty, i.VoidAt, i.VoidReason, i.VoidBy = Void, i.Qty, command.At(e.At), e.Reason, &e.By
		})
		for l := range s.Lines {
			s.Lines[l].revalue()
		}
		s.total(bill.Totals{Taxes: []bill.Tax{}})
	}
}

// letGo gives back what was taken of every stock and not fired.
func (s *State) letGo() {
	s.Takes, s.alone = slices.Clone(s.Takes), true
	for i := range s.Takes {
		t := &s.Takes[i]
		t.Want, t.Rev, t.Back, t.Done, t.Denied = min(t.Want, s.fired(t.Stock)), t.Rev+1, true, false, nil
	}
}

// fired is how much of a stock has gone into what was ever fired.
func (s *State) fired(stock string) (n int64) {
	for l := range s.Lines {
		line := &s.Lines[l]
		if !line.everFired() {
			continue
		}
		n += line.takes(stock) * int64(line.Qty-line.Returned)
	}
	return n
}

// wanted is how much of a stock the lines need in all.
func (s *State) wanted(stock string) (n int64) {
	for l := range s.Lines {
		n += s.Lines[l].takes(stock) * int64(s.Lines[l].Qty-s.Lines[l].Returned)
	}
	return n
}

func (l *Line) takes(stock string) int64 {
	for _, t := range l.Takes {
		if t.Stock == stock {
			return t.N
		}
	}
	return 0
}

func (l *Line) everFired() bool {
	return slices.ContainsFunc(l.Items, func(i Item) bool { return i.FireSeq > 0 })
}

// every lists the ids of the items that match.
func (s *State) every(match func(*Item) bool) (ids []string) {
	for l := range s.Lines {
		for i := range s.Lines[l].Items {
			if match(&s.Lines[l].Items[i]) {
				ids = append(ids, s.Lines[l].Items[i].ID)
			}
		}
	}
	return ids
}
