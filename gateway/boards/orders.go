package boards

import (
	"slices"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/wire"
)

// putOrder is on the path of every order: with nobody watching it costs a map's place.
func (b *board) putOrder(v int64, o *order.View, live bool) {
	old := b.orders[o.ID]
	if !old.newer(v, live) {
		return
	}
	switch {
	case live || b.listed(o.ID, o.Session):
		b.orders[o.ID] = held[order.View]{v, live, o}
	case old.view != nil:
		delete(b.orders, o.ID)
	}
	if len(b.kitchens) > 0 {
		b.putTickets(v, old.view, o, live)
	}
	if b.dispatch != nil {
		b.putDispatch(v, o, live)
	}
	if t := b.ofOrder[o.ID]; t != nil {
		b.putOrderTopic(t, held[order.View]{v, live, o})
	}
	if len(b.ofTable) > 0 {
		b.putOrderAtTable(v, o)
	}
}

func (b *board) putOrderTopic(t *topic, o held[order.View]) {
	if !t.order.newer(o.v, o.live) {
		return
	}
	t.order = o
	t.Put("order/"+t.id, o.v, o.view)
}

// listed says that the order is one of its session's table.
func (b *board) listed(id, session string) bool {
	if session == "" {
		return false
	}
	t := b.tables[b.sessions[session]]
	return t.view != nil && slices.Contains(t.view.Orders, id)
}

func (b *board) putOrderAtTable(v int64, o *order.View) {
	t := b.ofTable[b.sessions[o.Session]]
	if o.Session != "" && t != nil && b.listed(o.ID, o.Session) {
		t.Put("order/"+o.ID, v, o)
	}
}

func (b *board) putDispatch(v int64, o *order.View, live bool) {
	if key := "dispatch/" + o.ID; live && wire.OnDispatch(o) {
		b.dispatch.put(key, v, (*dispatched)(o))
	} else {
		b.dispatch.Delete(key)
	}
}

// shown says that a ticket is on the boards, and, of a done one, until when.
func shown(o *order.View, live bool, t *wire.Ticket, now time.Time) (until time.Time, ok bool) {
	switch {
	case !live:
		return time.Time{}, false
	case o.State == order.Voided: // until the kitchen has seen it
		return time.Time{}, !t.Done
	case o.State.Final():
		return time.Time{}, false
	case !t.Done:
		return time.Time{}, true
	}
	until = t.DoneAt.Add(recallFor)
	return until, now.Before(until)
}

// putTickets brings an order's tickets onto the kitchen's topics, and takes away those
// that only its view before had.
func (b *board) putTickets(v int64, old, o *order.View, live bool) {
	var room, oldRoom [16]wire.Ticket
	now := b.config.Now()
	tickets := wire.Tickets(room[:0], o)
	for i := range tickets {
		t := &tickets[i]
		until, ok := shown(o, live, t, now)
		if !until.IsZero() && ok && (b.nextDone.IsZero() || until.Before(b.nextDone)) {
			b.nextDone = until
		}
		b.putTicket(v, o, t, ok)
	}
	if old == nil {
		return
	}
	for _, was := range wire.Tickets(oldRoom[:0], old) {
		if !slices.ContainsFunc(tickets, func(t wire.Ticket) bool { return t.Station == was.Station && t.Course == was.Course }) {
			b.putTicket(v, o, &was, false)
		}
	}
}

const allStations = "all"

// fillKitchen puts the tickets of all live orders into a new topic.
func (b *board) fillKitchen(into *topic) {
	var room [16]wire.Ticket
	now := b.config.Now()
	b.nextDone = now // whatever is done already: the next sweep looks
	for _, o := range b.sortedOrders() {
		for _, t := range wire.Tickets(room[:0], o.view) {
			if _, ok := shown(o.view, true, &t, now); ok && (into.id == allStations || into.id == t.Station) {
				into.Put(t.Key(o.view.ID), o.v, &ticket{order: o.view, of: t})
			}
		}
	}
}

func (b *board) putTicket(v int64, o *order.View, t *wire.Ticket, ok bool) {
	one, all := b.kitchens[t.Station], b.kitchens[allStations]
	if one == nil && all == nil {
		return
	}
	key := t.Key(o.ID)
	view := &ticket{order: o, of: *t}
	for _, board := range [...]*topic{one, all} {
		switch {
		case board == nil:
		case ok:
			board.put(key, v, view)
		default:
			board.Delete(key)
		}
	}
}

// sweepDone takes away tickets that were done for long enough.
func (b *board) sweepDone(now time.Time) {
	if b.nextDone.IsZero() || now.Before(b.nextDone) {
		return
	}
	b.nextDone = time.Time{}
	if len(b.kitchens) == 0 {
		return
	}
	var room [16]wire.Ticket
	for _, o := range b.orders {
		if !o.live {
			continue
		}
		tickets := wire.Tickets(room[:0], o.view)
		for i := range tickets {
			t := &tickets[i]
			switch until, ok := shown(o.view, true, t, now); {
			case !ok:
				b.putTicket(o.v, o.view, t, false)
			case !until.IsZero() && (b.nextDone.IsZero() || until.Before(b.nextDone)):
				b.nextDone = until
			}
		}
	}
}

// missing lists orders that a watched table lists and nobody has published: they were
// over before this node knew the store.
func (b *board) missing() (ids []string) {
	for _, t := range b.ofTable {
		if !t.missing || t.holds == 0 {
			continue
		}
		t.missing = false
		for _, id := range b.tables[t.id].view.Orders {
			if b.orders[id].view == nil && !b.asking[id] {
				b.asking[id] = true
				ids = append(ids, id)
			}
		}
	}
	return ids
}

// fetched takes an order that the host was asked for. It is never taken for a live one:
// if it were, it would have been published, and so would its end.
func (b *board) fetched(id string, a actors.Answer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.asking, id)
	if a.Refusal != nil && a.Refusal.Code.Retry() {
		for _, t := range b.ofTable {
			x := b.tables[t.id].view
			t.missing = t.missing || x != nil && slices.Contains(x.Orders, id)
		}
	}
	b.take(a)
}

func (b *board) take(a actors.Answer) {
	o, ok := a.View.(*order.View)
	if !ok || o == nil {
		return
	}
	if t := b.ofOrder[o.ID]; t != nil && t.order.v < a.V {
		b.putOrderTopic(t, held[order.View]{a.V, false, o})
	}
	if b.orders[o.ID].view != nil || !b.listed(o.ID, o.Session) {
		return
	}
	b.orders[o.ID] = held[order.View]{a.V, false, o}
	b.putOrderAtTable(a.V, o)
}
