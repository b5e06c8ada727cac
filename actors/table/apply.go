package table

import (
	"slices"
	"time"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/payment"
)

// Apply folds one fact into the state.
func Apply(s State, e Event) State {
	switch e := e.(type) {
	case *Opened:
		s.ID, s.Status = e.Table, Seated
		s.Session = Session{ID: e.Session, SeatedAt: e.At, Guests: e.Guests, Server: e.Server}
	case *Cleared:
		s = s.cleared(e)
	case *Cleaned:
		s.Status = Free
	case *LeaveBegan:
		s.Leaving = &Leave{e.To, e.Merge, e.Asked}
	case *LeaveEnded:
		s.Leaving = nil
		if e.Done {
			s.Status, s.Session = Free, Session{}
		}
	case *SessionCame:
		s = s.came(e)
	case *OrderHeard:
		return s.heard(e)
	case *BillDue, *BillNamed, *BillTaken:
		return s.onPaper(e)
	case *PaymentRehomed:
		s.Rehome = slices.DeleteFunc(slices.Clone(s.Rehome), func(m Moved) bool { return m.Payment == e.Payment })
		return s
	default:
		s.Session = s.Session.apply(e)
	}
	s.follow(e)
	s.share()
	return s
}

// apply folds what happens within a session.
func (s Session) apply(e Event) Session {
	switch e := e.(type) {
	case *PersonCame:
		s.People = append(slices.Clone(s.People), e.Person)
	case *Rang:
		s.Calls = append(slices.Clone(s.Calls), e.Call)
		if i := slices.IndexFunc(s.Calls, func(c Call) bool { return !c.AckedAt.IsZero() }); len(s.Calls) > callsMax {
			s.Calls = slices.Delete(s.Calls, max(i, 0), max(i, 0)+1)
		}
		if e.Call.Kind == "hurry" {
			s.Hurried = e.Call.At
		}
	case *CallAcked:
		s.Calls = slices.Clone(s.Calls)
		for i := range s.Calls {
			if s.Calls[i].ID == e.Call {
				s.Calls[i].AckedAt, s.Calls[i].AckedBy = e.At, e.By.Name
			}
		}
	case *CartChanged:
		s.CartV++
		s.Cart = slices.Clone(s.Cart)
		i := slices.IndexFunc(s.Cart, func(l CartLine) bool { return l.ID == e.Line.ID })
		switch {
		case e.Removed && i >= 0:
			s.Cart = slices.Delete(s.Cart, i, i+1)
		case e.Removed:
		case i >= 0:
			s.Cart[i] = e.Line
		default:
			s.Cart = append(s.Cart, e.Line)
		}
	case *OrderJoined:
		s.Round = e.Round
		x := Entry{Order: e.Order, Round: e.Round, Status: order.Submitted}
		if e.Cart {
			x.Cart, s.Cart = s.Cart, nil
			s.CartV++
		}
		s.Orders = append(slices.Clone(s.Orders), x)
	case *OrderChanged:
		s = s.changed(e)
	case *Reckoned:
		s.Orders = slices.Clone(s.Orders)
		for _, r := range e.Orders {
			x := s.entry(r.Order)
			h := &x.Share
			if r.Discount != h.Discount || r.Allowed != h.Allowed || r.Paid != h.Paid || r.Refunded != h.Refunded {
				x.Rev++
			}
			h.Discount, h.Allowed, h.Paid, h.Refunded, h.Totals, h.Of = r.Discount, r.Allowed, r.Paid, r.Refunded, r.Totals, r.Of
		}
	case *SplitSet:
		s.Account.Split = e.Split
	case *DiscountSet:
		s.DiscountBP, s.Discount = e.RateBP, e.Amount
	case *PaymentNoted:
		s.Account = s.Account.With(e.Payment)
		s.Account.Allowed = e.Allowed
	}
	return s
}

// changed takes an order's news. What it took from the cart comes back when it was
// refused.
func (s Session) changed(e *OrderChanged) Session {
	s.Orders = slices.Clone(s.Orders)
	x := s.entry(e.Order)
	x.Told, x.Status, x.No, x.At, x.Items, x.LateAt = e.Rev, e.Status, e.No, e.At, e.Items, e.LateAt
	if e.Bill {
		x.Lines, x.Of = e.Lines, e.Rev
	}
	if e.Status == order.Refused && x.Cart != nil && e.No == 0 {
		s.Cart = append(slices.Clone(x.Cart), s.Cart...)
		s.CartV++
	}
	x.Cart = nil
	return s
}

// follow follows the bill: asked for, paid, or open again because of a further order.
func (s *State) follow(e Event) {
	if !s.occupied() {
		return
	}
	switch e := e.(type) {
	case *Rang:
		if e.Call.Kind == "bill" && s.Status == Seated {
			s.Status = BillRequested
		}
	case *OrderJoined:
		s.Status = Seated
	case *OrderChanged, *Reckoned, *PaymentNoted, *DiscountSet, *SessionCame:
		ordered := slices.ContainsFunc(s.Session.Orders, func(x Entry) bool { return x.counts() })
		waiting := slices.ContainsFunc(s.Session.Orders, func(x Entry) bool { return x.Status == order.Submitted })
		sums := s.Session.sums()
		switch {
		case ordered && !waiting && sums.Due <= 0 && sums.Pending == 0 && sums.Paid > 0:
			s.Status = Paid
		case s.Status == Paid && sums.Due > 0:
			s.Status = Seated
		}
	}
}

// share brings what each order is to hear up to date.
func (s *State) share() {
	cloned := false
	for i := range s.Session.Orders {
		e := &s.Session.Orders[i]
		h := e.Share
		h.Table, h.Session, h.Guests, h.Server, h.Hurried = s.ID, s.Session.ID, s.Session.Guests, s.Session.Server, s.Session.Hurried
		first := e.Share.Table == ""
		if !first && e.same(&h) {
			continue
		}
		if !cloned {
			s.Session.Orders = slices.Clone(s.Session.Orders)
			e, cloned = &s.Session.Orders[i], true
		}
		e.Share = h
		if !first { // at first it heard all of it in its welcome
			e.Rev++
		}
	}
}

// same says that the order knows h: what it was told last is in Share, but for the
// money, whose latest is.
func (e *Entry) same(h *Share) bool {
	x := &e.Share
	return x.Table == h.Table && x.Session == h.Session && x.Guests == h.Guests && sameWho(x.Server, h.Server) && x.Hurried.Equal(h.Hurried)
}

// sameWho compares the people, not where they stand in memory: a state that was loaded
// must fold as the one that was live.
func sameWho(a, b *command.Who) bool {
	return a == b || a != nil && b != nil && *a == *b
}

// cleared ends the session: its orders hear of it, then they are forgotten.
func (s State) cleared(e *Cleared) State {
	s.Past = slices.Clone(s.Past)
	for _, x := range s.Session.Orders {
		if x.counts() {
			x.Share.Clear, x.Share.By, x.Share.Reason = true, e.By, e.Reason
			x.Lines, x.Cart = nil, nil
			x.Rev++
			s.Past = append(s.Past, x)
		}
	}
	s.Status, s.Session = Dirty, Session{}
	return s
}

// came puts a session at this table, or joins it to the one here.
func (s State) came(e *SessionCame) State {
	s.ID = e.Table
	in := e.Session
	if e.Asked != "" {
		c := Came{e.From, e.Asked, in.ID}
		if e.Merge {
			c.Session = s.Session.ID
		}
		s.Came = append(slices.DeleteFunc(slices.Clone(s.Came), func(x Came) bool { return x.From == e.From }), c)
	}
	if !e.Merge {
		s.Status, s.Session = Seated, in
		for _, p := range in.Account.Payments {
			s.Rehome = append(slices.Clone(s.Rehome), Moved{p.ID, e.At.UnixMilli()})
		}
		return s
	}
	here := s.Session
	here.Guests = min(here.Guests+in.Guests, guestsMax)
	here.Joined = append(append(slices.Clone(here.Joined), in.ID), in.Joined...)
	here.People = slices.Clone(here.People)
	for _, p := range in.People {
		p.Color = len(here.People)
		here.People = append(here.People, p)
	}
	here.Cart = append(slices.Clone(here.Cart), in.Cart...)
	here.CartV++
	here.Calls = append(slices.Clone(here.Calls), in.Calls...)
	for _, x := range in.Orders {
		x.Round += here.Round
		here.Orders = append(slices.Clone(here.Orders), x)
	}
	here.Round += in.Round
	s.Session, s.Status = here, Seated
	return s
}

func (s State) heard(e *OrderHeard) State {
	done := func(x *Entry) {
		if x.Order == e.Order && x.Heard < e.Rev {
			x.Heard = e.Rev
		}
	}
	s.Session.Orders, s.Past = slices.Clone(s.Session.Orders), slices.Clone(s.Past)
	for i := range s.Session.Orders {
		done(&s.Session.Orders[i])
	}
	for i := range s.Past {
		done(&s.Past[i])
	}
	s.Past = slices.DeleteFunc(s.Past, func(x Entry) bool { return x.Heard >= x.Rev })
	if len(s.Past) == 0 {
		s.Past = nil
	}
	return s
}

// Owes is what orders are still to hear, and a session that is on its way.
func Owes(s State) (duties []Duty) {
	for i := range s.Session.Orders {
		duties = s.Session.Orders[i].owes(duties)
	}
	for i := range s.Past {
		duties = s.Past[i].owes(duties)
	}
	if l := s.Leaving; l != nil {
		in := s.Session
		duties = append(duties, Duty{To: command.Target{Kind: "table", ID: l.To}, Do: &Adopt{From: s.ID, To: l.To, Merge: l.Merge, Session: in, Asked: l.Asked}})
	}
	for i := range s.Slips {
		duties = s.Slips[i].owes(duties)
	}
	for _, m := range s.Rehome {
		duties = append(duties, Duty{To: command.Target{Kind: "payment", ID: m.Payment}, N: m.N, Do: &payment.Rehome{Table: s.ID}})
	}
	return duties
}

func (e *Entry) owes(duties []Duty) []Duty {
	if e.Rev <= e.Heard || e.Status == order.Submitted && !e.Share.Clear {
		return duties
	}
	h := &e.Share
	return append(duties, Duty{To: command.Target{Kind: "order", ID: e.Order}, N: e.Rev, Do: &order.TableSays{Rev: e.Rev, Table: h.Table,
		Label: h.Table, Session: h.Session, Guests: h.Guests, Server: h.Server, Discount: h.Discount, Allowed: h.Allowed,
		Paid: h.Paid, Refunded: h.Refunded, Totals: h.Totals, Of: h.Of, Hurried: h.Hurried, Clear: h.Clear, ByWho: h.By, Reason: h.Reason}})
}

// Due is never: a table waits for people.
func Due(State) time.Time { return time.Time{} }
