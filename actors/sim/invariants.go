package sim

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/brigata/brigata/actors/bill"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/journal"
	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/payment"
	"github.com/brigata/brigata/actors/sensor"
	"github.com/brigata/brigata/actors/stock"
	"github.com/brigata/brigata/actors/table"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/persistence/memory"
)

// item is what is known of an order's item: how often it was fired, and how it stands.
type item struct {
	fired int
	state order.ItemState
}

// holds is what must hold after every turn.
func (k *checks) holds(e *entity, state any) {
	switch s := state.(type) {
	case *stock.State:
		if s.Counts && s.Taken > s.Count {
			k.fail("I1", "%s is oversold: %d of %d", s.ID, s.Taken, s.Count)
		}
	case *table.State:
		k.claims(e, s)
	case *order.State:
		k.fate(e, s)
		k.tickets(e, s)
	case *sensor.State:
		k.counted(s)
	case *payment.State:
		if d := (item{fired: 1, state: order.ItemState(s.Status)}); e.items[""].fired == 1 && e.items[""].state == order.ItemState(payment.Succeeded) && s.Status != payment.Succeeded {
			k.fail("I8", "payment %s was %s, and is %s", short(s.ID), payment.Succeeded, s.Status)
		} else {
			e.items[""] = d
		}
		k.returned(s)
	}
}

// fate: what is over stays as it is, but for an order that was paid after it expired (I3).
func (k *checks) fate(e *entity, s *order.State) {
	was := order.Status(e.items[""].state)
	if was.Final() && s.State != was && !(was == order.Closed && s.State == order.Voided) &&
		!(was == order.Expired && s.Paid-s.Refunded >= s.Total) {
		k.fail("I3", "order %s was %s, and is %s", short(s.ID), was, s.State)
	}
	if s.State == order.Accepted && was != order.Accepted && !s.PayBy.IsZero() && s.Paid-s.Refunded < s.Total {
		k.fail("I8", "order %s is to be paid first, and is accepted with %d paid of %d", short(s.ID), s.Paid-s.Refunded, s.Total)
	}
	e.items[""] = item{state: order.ItemState(s.State)}
}

// returned: nothing goes back that was not taken (I8).
func (k *checks) returned(s *payment.State) {
	left := s.Amount + s.Tip
	if s.Mischarge != nil {
		left = s.Mischarge.Amount
	}
	for _, r := range s.Refunds {
		if r.State != "failed" {
			left -= r.Amount
		}
	}
	if left < 0 {
		k.fail("I8", "payment %s gives back %d more than it took", short(s.ID), -left)
	}
}

// tickets: an item is fired from held alone, each time under the next number, and then
// stands on one ticket of each of its stations (I7).
func (k *checks) tickets(e *entity, s *order.State) {
	for l := range s.Lines {
		for i := range s.Lines[l].Items {
			x := &s.Lines[l].Items[i]
			was, known := e.items[x.ID]
			if !known {
				was.state = order.Held
			}
			next := item{x.FireSeq, x.State}
			switch queued := x.State == order.Queued && was.state == order.Held; {
			case x.FireSeq < was.fired, x.FireSeq > was.fired+1,
				x.FireSeq > was.fired && was.state != order.Held,
				x.FireSeq == 0 && (x.State == order.Queued || x.State == order.Cooking || x.State == order.Ready),
				queued && x.FireSeq == was.fired:
				k.fail("I7", "item %s of order %s was %s with fire %d, and is %s with fire %d", x.ID, short(s.ID), was.state, was.fired, x.State, x.FireSeq)
			}
			e.items[x.ID] = next
		}
	}
}

// atRest is what must hold when nothing is under way any more.
func (k *checks) atRest() {
	w := k.world
	if w.clients > 0 {
		k.fail("L1", "%d clients have no answer", w.clients)
	}
	numbers := map[string]string{}
	for _, e := range k.order {
		if owes := e.fold.Owes(); len(owes) > 0 {
			k.fail("I5", "%s %s still owes %s %s a %T", e.fold.Kind, short(e.fold.ID), owes[0].To.Kind, short(owes[0].To.ID), owes[0].Do)
		}
		if due := e.fold.Due(); !due.IsZero() && w.slowest().Sub(due) > 10*time.Second {
			k.fail("I5", "%s %s was due at %v, and nobody woke it", e.fold.Kind, short(e.fold.ID), due)
		}
		switch s := e.fold.State().(type) {
		case *order.State:
			k.orderAtRest(s, numbers)
		case *stock.State:
			k.stockAtRest(s)
		case *table.State:
			k.tableAtRest(s)
		}
		k.boardAtRest(e)
	}
	k.ledger()
	k.sensorsAtRest()
	k.headsAtRest()
	if k.world.screens != nil {
		k.screensAtRest()
	}
}

func (k *checks) orderOf(id string) *order.State {
	e := k.byName[command.Target{Kind: "order", ID: id}]
	if e == nil {
		return &order.State{}
	}
	return e.fold.State().(*order.State)
}

func (k *checks) orderAtRest(o *order.State, numbers map[string]string) {
	if o.ID == "" {
		return // answers alone
	}
	if o.State == order.Submitted {
		k.fail("I5", "order %s is neither placed nor refused", short(o.ID))
	}
	if no := fmt.Sprint(o.Date, o.No); o.No > 0 {
		if other := numbers[no]; other != "" {
			k.fail("I3", "orders %s and %s have number %d", short(other), short(o.ID), o.No)
		}
		numbers[no] = o.ID
	}
	for _, t := range o.Takes {
		e := k.byName[command.Target{Kind: "stock", ID: t.Stock}]
		has := int64(0)
		if e != nil {
			has, _ = e.fold.State().(*stock.State).Orders.Get(o.ID)
		}
		over := o.State == order.Refused || o.State == order.Cancelled || o.State == order.Expired
		if wants := linesWant(o, t.Stock); !over && t.Want > wants {
			k.fail("I5", "order %s has %d of %s, and its lines want %d", short(o.ID), t.Want, t.Stock, wants)
		}
		if over && has > 0 {
			k.fail("I5", "order %s is %s, and %s keeps %d for it", short(o.ID), o.State, t.Stock, has)
		}
	}
	var lines int64
	for i := range o.Lines {
		l := &o.Lines[i]
		if l.VoidQty < 0 || l.VoidQty > l.Qty || l.Amount != l.UnitPrice*int64(l.Qty-l.VoidQty) {
			k.fail("I11", "order %s: line %s comes to %d", short(o.ID), l.ID, l.Amount)
		}
		lines += l.Amount
	}
	if total := bill.Total(k.today, o.Type, o.Guests, billLines(o), o.Off).Less(o.Allowed).Total; !o.State.Final() && total != o.Total {
		k.fail("I11", "order %s comes to %d by its lines, and says %d", short(o.ID), total, o.Total)
	}
	for _, p := range o.Account.Payments {
		k.paymentAtRest("order "+short(o.ID), p.ID, p.State, p.Amount, p.Tip, p.Refunded)
	}
	if !o.State.Final() && lines != o.Subtotal {
		k.fail("I11", "order %s: its lines come to %d, its subtotal is %d", short(o.ID), lines, o.Subtotal)
	}
}

// linesWant is what an order's lines need of a stock, without what went back.
func linesWant(o *order.State, stock string) (n int64) {
	for i := range o.Lines {
		for _, t := range o.Lines[i].Takes {
			if t.Stock == stock {
				n += t.N * int64(o.Lines[i].Qty-o.Lines[i].Returned)
			}
		}
	}
	return n
}

func billLines(o *order.State) (lines []bill.Line) {
	for i := range o.Lines {
		l := &o.Lines[i]
		lines = append(lines, bill.Line{Order: o.ID, ID: l.ID, Amount: l.Amount, TaxClass: l.TaxClass, Seat: l.Seat, Guest: l.Guest})
	}
	return lines
}

// claims: what open payments have set aside is due (I11).
func (k *checks) claims(e *entity, s *table.State) {
	if s.Session.ID == "" || len(s.Session.Account.Payments) == 0 {
		return
	}
	b := s.Bill(k.today)
	last := s.Session.Account.Payments[len(s.Session.Account.Payments)-1]
	if _, known := e.items[last.ID]; last.State == "pending" && !known && b.Pending > b.Due {
		k.fail("I11", "table %s: payment %s claims %d, of %d that are due", s.ID, short(last.ID), last.Amount, b.Due-b.Pending+last.Amount)
	}
	e.items[last.ID] = item{}
}

func (k *checks) stockAtRest(s *stock.State) {
	var taken int64
	for id, n := range s.Orders.All() {
		taken += n
		o := k.orderOf(id)
		i := slices.IndexFunc(o.Takes, func(t order.Take) bool { return t.Stock == s.ID })
		if i < 0 || o.Takes[i].Want != n && o.Takes[i].Denied == nil {
			k.fail("I5", "%s keeps %d for order %s, which wants %+v", s.ID, n, short(id), o.Takes)
		}
	}
	if s.Counts && taken != s.Taken {
		k.fail("I1", "%s: %d are taken, orders have %d", s.ID, s.Taken, taken)
	}
}

// tableAtRest: the bill is the sum of its orders, and what was paid is what its payments
// took (I11).
func (k *checks) tableAtRest(s *table.State) {
	if s.Session.ID == "" {
		return
	}
	b := s.Bill(k.today)
	if b.Due != b.Total-b.Paid+b.Refunded {
		k.fail("I11", "table %s: %d is due of %d, %d are paid, %d refunded", s.ID, b.Due, b.Total, b.Paid, b.Refunded)
	}
	var orders, parts int64
	for _, id := range b.Orders {
		o := k.orderOf(id)
		orders += o.Total
		if o.Table != s.ID {
			k.fail("I11", "order %s is on the bill of %s and says it sits at %s", short(id), s.ID, o.Table)
		}
	}
	if orders != b.Total {
		k.fail("I11", "table %s: its orders come to %d, its bill to %d", s.ID, orders, b.Total)
	}
	for _, p := range b.Parts {
		parts += p.Amount
	}
	if len(b.Parts) > 0 && parts != b.Total {
		k.fail("I11", "table %s: its parts come to %d, its bill to %d", s.ID, parts, b.Total)
	}
	for _, p := range s.Session.Account.Payments {
		k.paymentAtRest("table "+s.ID, p.ID, p.State, p.Amount, p.Tip, p.Refunded)
	}
}

func (k *checks) paymentAtRest(of, id, state string, amount, tip, refunded int64) {
	e := k.byName[command.Target{Kind: "payment", ID: id}]
	if e == nil {
		k.fail("I8", "%s knows payment %s, which does not exist", of, short(id))
		return
	}
	p := e.fold.State().(*payment.State)
	var back int64
	for _, r := range p.Refunds {
		back += r.Amount
	}
	if state == "succeeded" && (p.Amount != amount || p.Tip != tip) || string(p.Status) != state || back != refunded {
		k.fail("I8", "payment %s is %s, %d and %d with %d back; %s says %s, %d and %d with %d back", short(id), p.Status, p.Amount, p.Tip, back, of, state, amount, tip, refunded)
	}
}

// boardAtRest: what was shown last is what is (I9).
func (k *checks) boardAtRest(e *entity) {
	if e.board == nil && e.shown && e.moved && e.fold.Live() {
		k.fail("I9", "no board shows %s %s", e.fold.Kind, short(e.fold.ID))
	}
	if e.board == nil || !e.shown || e.by == nil || !e.fold.Live() && (e.by.dead || e.by.lapsed) {
		// Nothing told its node of an intruder; and what closed as its node died is for the
		// gateways' comparison, which is not the host's.
		return
	}
	is := wire.AppendView(nil, e.board.View, wire.Staff)
	if want := wire.AppendView(nil, e.fold.View(k.today), wire.Staff); !bytes.Equal(is, want) {
		k.fail("I9", "boards show version %d of %s %s, which is at %d:\n%s\n%s", e.board.V, e.fold.Kind, short(e.fold.ID), e.fold.V, is, want)
	}
}

// headsAtRest: what has something to do is opened with its cell.
func (k *checks) headsAtRest() {
	live := map[journal.Key]bool{}
	err := k.world.db.rows.Open(memory.Options{}).Open(context.Background(), storeID, func(s journal.Stored) error {
		live[s.Head.Key] = true
		return nil
	})
	if err != nil {
		k.fail("heads", "%v", err)
	}
	for _, e := range k.order {
		if e.fold.Live() && !live[e.key] {
			k.fail("heads", "%s %s would not be opened with its cell", e.fold.Kind, short(e.fold.ID))
		}
	}
}
