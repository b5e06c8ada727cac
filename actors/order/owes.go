package order

import (
	"slices"
	"strconv"
	"time"

	"github.com/brigata/brigata/actors/bill"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/payment"
	"github.com/brigata/brigata/actors/printer"
	"github.com/brigata/brigata/actors/stock"
	"github.com/brigata/brigata/actors/store"
)

// Owes is what the order still has to ask of its table, of its stock and of the store,
// and what it has to tell the table.
func Owes(s State) []Duty { return s.Owes() }

// Owes is Owes without a copy of the state.
func (s *State) Owes() (duties []Duty) {
	if s.ID == "" {
		return nil
	}
	if s.Table != "" && !s.Joined && s.State == Submitted {
		join := &Join{Order: s.ID, Table: s.Table, Guest: s.Guest, Session: s.Session, GuestID: s.GuestID, Guests: s.Guests, By: s.By}
		if s.FromCart {
			cartV := s.CartV
			join.Cart = &cartV
		}
		duties = append(duties, Duty{To: command.Target{Kind: "table", ID: s.Table}, Do: join})
	}
	for i := range s.Takes {
		if t := &s.Takes[i]; !t.Done {
			if duties == nil {
				duties = make([]Duty, 0, len(s.Takes)-i)
			}
			duties = append(duties, Duty{To: command.Target{Kind: "stock", ID: t.Stock}, N: t.Rev, Do: s.wants(t)})
		}
	}
	if s.State == Submitted && s.ready() {
		duties = append(duties, Duty{To: command.Target{Kind: "store"}, Do: &store.TakeNumber{Order: s.ID, PrepMS: s.prep().Milliseconds()}})
	}
	if s.Table != "" && s.Round > 0 && s.State != Submitted && s.ToldRev < s.Rev { // a table that never took it need not hear
		duties = append(duties, Duty{To: command.Target{Kind: "table", ID: s.Table}, N: s.Rev, Do: s.tell()})
	}
	for i := range s.Slips {
		x := &s.Slips[i]
		duties = append(duties, Duty{To: command.Target{Kind: "printer", ID: x.Printer}, N: x.N, Do: &printer.Print{Printer: x.Printer, Job: x.Job}})
	}
	if s.Table == "" && s.State.Final() && s.State != Closed && !s.Reviving {
		duties = s.returns(duties)
	}
	return duties
}

// What a payment of an order that is off is told to do, as the duty's N.
const (
	returnPending = 1 // not to be paid any more
	returnPaid    = 2 // to go back
)

// returns tells the payments of an order that is off to give the money back.
func (s *State) returns(duties []Duty) []Duty {
	for _, p := range s.Account.Payments {
		n := int64(0)
		switch {
		case p.State == "pending":
			n = returnPending
		case p.State == "succeeded" && p.Refunded < p.Amount+p.Tip:
			n = returnPaid
		}
		if n > 0 && !slices.Contains(s.Returns, Returned{p.ID, n}) {
			duties = append(duties, Duty{To: command.Target{Kind: "payment", ID: p.ID}, N: n, Do: &payment.Return{Reason: string(s.State)}})
		}
	}
	return duties
}

// wants is what is asked of one stock now.
func (s *State) wants(t *Take) command.Command {
	switch {
	case s.Reviving && t.Want > 0:
		return &stock.Reserve{Order: s.ID, Qty: t.Want, Lines: s.linesOf(t.Stock), Again: true}
	case s.State == Refused || s.State == Cancelled || s.State == Expired:
		return &stock.Release{Order: s.ID}
	case t.Back:
		return &stock.Return{Order: s.ID, Left: t.Want}
	}
	return &stock.Reserve{Order: s.ID, Qty: t.Want, Lines: s.linesOf(t.Stock)}
}

func (s *State) linesOf(id string) (lines []string) {
	of := s.Lines
	if s.Adding != nil {
		of = s.Adding.Lines
	}
	for i := range of {
		if of[i].takes(id) > 0 {
			lines = append(lines, of[i].ID)
		}
	}
	return lines
}

// ready says that everybody who was asked has agreed.
func (s *State) ready() bool {
	if s.Table != "" && (!s.Joined || s.TableNo != nil) {
		return false
	}
	for i := range s.Takes {
		if !s.Takes[i].Done || s.Takes[i].Denied != nil {
			return false
		}
	}
	return true
}

// answered says that everybody who was asked has answered.
func (s *State) answered() bool {
	if s.Table != "" && !s.Joined {
		return false
	}
	for i := range s.Takes {
		if !s.Takes[i].Done {
			return false
		}
	}
	return true
}

func (s *State) tell() *Tell {
	t := &Tell{Order: s.ID, Rev: s.Rev, Status: s.State, No: s.No, Round: s.Round, At: s.PlacedAt, Done: s.State.Final()}
	var oldest command.Instant
	for l := range s.Lines {
		for i := range s.Lines[l].Items {
			item := &s.Lines[l].Items[i]
			n := item.Qty - item.VoidQty
			switch item.State {
			case Held:
				t.Items.Held += n
			case Queued:
				t.Items.Queued += n
			case Cooking:
				t.Items.Cooking += n
			case Ready:
				t.Items.Ready += n
			case Served:
				t.Items.Served += n
			}
			if (item.State == Queued || item.State == Cooking) && (oldest == 0 || item.FiredAt < oldest) {
				oldest = item.FiredAt
			}
		}
	}
	if oldest != 0 && s.LateMS > 0 {
		t.LateAt = oldest.Time().Add(time.Duration(s.LateMS) * time.Millisecond)
	}
	if s.ToldRev < s.BillRev {
		t.HasBill = true
		t.Bill = s.totals()
		t.Lines = s.billLines()
	}
	return t
}

func (s *State) totals() bill.Totals {
	return bill.Totals{Subtotal: s.Subtotal, Discount: s.Discount, Service: s.Service, Tax: s.Tax, Total: s.Total, Taxes: s.Taxes}
}

func (s *State) billLines() []bill.Line {
	return appendBillLines(make([]bill.Line, 0, len(s.Lines)), s.ID, s.Lines)
}

func appendBillLines(to []bill.Line, order string, of []Line) []bill.Line {
	for i := range of {
		l := &of[i]
		to = append(to, bill.Line{Order: order, ID: l.ID, Amount: l.Amount, TaxClass: l.TaxClass, Seat: l.Seat, Guest: l.Guest})
	}
	return to
}

// Due is when the order does something by itself: asks for stock on its day, expires,
// is accepted, or fires a course.
func Due(s State) time.Time { return s.Due() }

// Due is Due without a copy of the state.
func (s *State) Due() (due time.Time) {
	earlier := func(t time.Time) {
		if !t.IsZero() && (due.IsZero() || t.Before(due)) {
			due = t
		}
	}
	switch s.State {
	case Placed:
		earlier(s.LaterAt)
		switch {
		case s.unpaid():
			if !s.Account.Pending() {
				earlier(s.PayBy)
			}
		case s.Auto:
			earlier(s.startAt())
		}
	case Accepted:
		earlier(s.LaterAt)
		if items, at := s.planned(); len(items) > 0 {
			earlier(at)
		}
	}
	return due
}

// unpaid says that the order waits for its money before it is made.
func (s *State) unpaid() bool { return !s.PayBy.IsZero() && s.Paid-s.Refunded < s.Total }

// prep is how long the longest item takes.
func (s *State) prep() time.Duration {
	var most int64
	for l := range s.Lines {
		for i := range s.Lines[l].Items {
			most = max(most, s.Lines[l].Items[i].PrepMS)
		}
	}
	return time.Duration(most) * time.Millisecond
}

// startAt is when a scheduled order starts to be made: what is due less its longest
// preparation; when it was placed, for one that is not scheduled.
func (s *State) startAt() time.Time {
	if s.DueAt.IsZero() {
		return s.PlacedAt
	}
	return s.DueAt.Add(-s.prep())
}

// planned are the items that fire next by themselves, and when: the lowest course at
// the start, the next one when every live item of the courses before it is ready, and
// what was added to a course that has begun at once.
func (s *State) planned() (items []string, at time.Time) {
	course, begun := -1, -1
	for l := range s.Lines {
		for i := range s.Lines[l].Items {
			item := &s.Lines[l].Items[i]
			if item.waits() && (course < 0 || item.Course < course) {
				course = item.Course
			}
			if item.FireSeq > 0 {
				begun = max(begun, item.Course)
			}
		}
	}
	switch {
	case course < 0:
		return nil, at
	case begun < 0:
		if at = s.AcceptedAt; s.startAt().After(at) {
			at = s.startAt()
		}
		return s.every(func(i *Item) bool { return i.waits() && i.Course == course }), at
	}
	if late := s.every(func(i *Item) bool { return i.waits() && !i.AddedAt.IsZero() && i.Course <= begun }); late != nil {
		return late, s.AcceptedAt
	}
	last, ready := s.readyBefore(course)
	if !ready || s.AutoFireMS < 0 {
		return nil, at
	}
	items = s.every(func(i *Item) bool { return i.waits() && i.Course == course })
	return items, last.Time().Add(time.Duration(s.AutoFireMS) * time.Millisecond)
}

// waits says that the item fires with its course.
func (i *Item) waits() bool { return i.State == Held && !i.Hold }

// readyBefore says that all live items of the courses before are ready, and since when.
func (s *State) readyBefore(course int) (last command.Instant, ready bool) {
	for l := range s.Lines {
		for i := range s.Lines[l].Items {
			item := &s.Lines[l].Items[i]
			done := item.ReadyAt
			switch {
			case item.Course >= course:
				continue
			case item.State == Void:
				done = item.VoidAt
			case item.State != Ready && item.State != Served:
				return last, false
			}
			last = max(last, done)
		}
	}
	return last, true
}

// ViewOf is the order as it stands, with what is derived of it.
func ViewOf(s State) *View { return s.Shown() }

// Shown is ViewOf without a copy: the view is the state's own, which must not change
// as long as somebody looks at it.
func (s *State) Shown() *View {
	s.own = false
	s.derive()
	if s.State == Accepted && s.AutoFireMS > 0 {
		if items, at := s.planned(); len(items) > 0 {
			planned := State{View: s.View}
			planned.items(items, func(i *Item) { i.FireAt = command.At(at) })
			return &planned.View
		}
	}
	return &s.View
}

// derive sets what follows from the rest. What is so already is not written: others may
// be reading it.
func (s *State) derive() {
	if p := s.progress(); s.Progress != p {
		s.Progress = p
	}
	if p := s.payment(); s.Payment != p {
		s.Payment = p
	}
}

func (s *State) progress() string {
	if s.AcceptedAt.IsZero() {
		return "sent"
	}
	started, ready, served, live := false, true, true, false
	for l := range s.Lines {
		for i := range s.Lines[l].Items {
			switch s.Lines[l].Items[i].State {
			case Void:
				continue
			case Held, Queued:
				ready, served = false, false
			case Cooking:
				started, ready, served = true, false, false
			case Ready:
				started, served = true, false
			case Served:
				started = true
			}
			live = true
		}
	}
	switch {
	case !live:
		return "accepted"
	case served:
		return "served"
	case ready:
		return "ready"
	case started:
		return "cooking"
	}
	return "accepted"
}

func (s *State) payment() string {
	switch net := s.Paid - s.Refunded; {
	case s.Refunded > 0 && net <= 0:
		return "refunded"
	case s.Refunded > 0:
		return "partly_refunded"
	case s.Paid >= s.Total && (s.Paid > 0 || s.State == Closed):
		return "paid"
	case s.Paid > 0:
		return "partly_paid"
	}
	return "unpaid"
}

// code is what a guest without a table is called by.
func code(orderType string, no int) string {
	if orderType == store.DineIn {
		return ""
	}
	c := strconv.Itoa(no)
	for len(c) < 3 {
		c = "0" + c
	}
	return c
}

// Over says that nothing will happen any more unless somebody asks. A voided order is
// not over until the kitchen has seen it.
func (s *State) Over() bool {
	if !s.State.Final() || len(s.Owes()) > 0 {
		return false
	}
	return s.State != Voided || len(s.every(func(i *Item) bool { return i.State == Void && i.FireSeq > 0 && !i.Bumped })) == 0
}
