package boards

import (
	"slices"
	"strings"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/table"
)

func (b *board) putTable(v int64, x *table.View) {
	old := b.tables[x.ID]
	if !old.newer(v, true) {
		return
	}
	b.tables[x.ID] = held[table.View]{v, true, x}
	left := b.reseat(old.view, x)
	if old.view != nil && !slices.Equal(old.view.Orders, x.Orders) {
		b.forget(old.view.Orders, x.Orders)
	}
	if b.floor != nil {
		b.putSeat(v, x, b.config.Now())
	}
	if t := b.ofTable[x.ID]; t != nil {
		b.endGuests(t, x)
		b.putTableTopic(t, v, old.view, x)
	}
	for _, session := range left {
		b.endOrders(session)
	}
}

// reseat notes at which table which session is, and returns those that are at none any more.
func (b *board) reseat(old, x *table.View) (left []string) {
	if old != nil && old.Session == x.Session && len(old.Joined) == len(x.Joined) {
		return nil
	}
	b.settle(x)
	if old == nil {
		return nil
	}
	for _, s := range append([]string{old.Session}, old.Joined...) {
		if s == "" || b.sessions[s] != old.ID || at(x, s) {
			continue
		}
		delete(b.sessions, s)
		for _, other := range b.tables {
			if at(other.view, s) {
				b.sessions[s] = other.view.ID
			}
		}
		if b.sessions[s] == "" {
			left = append(left, s)
		}
	}
	return left
}

func (b *board) settle(x *table.View) {
	if x.Session != "" {
		b.sessions[x.Session] = x.ID
	}
	for _, s := range x.Joined {
		b.sessions[s] = x.ID
	}
}

// at says that a session, or one that it was merged into, is at the table.
func at(x *table.View, session string) bool {
	return session != "" && (x.Session == session || slices.Contains(x.Joined, session))
}

// forget drops orders that have ended and that no session lists any more.
func (b *board) forget(old, now []string) {
	for _, id := range old {
		o := b.orders[id]
		if o.view != nil && !o.live && !slices.Contains(now, id) && !b.listed(id, o.view.Session) {
			delete(b.orders, id)
		}
	}
}

func (b *board) putTableTopic(t *topic, v int64, old, x *table.View) {
	t.Put("table/"+x.ID, v, x)
	if old != nil && !t.missing && slices.Equal(old.Orders, x.Orders) {
		return
	}
	for _, key := range t.Keys() {
		if id, ok := strings.CutPrefix(key, "order/"); ok && !slices.Contains(x.Orders, id) {
			t.Delete(key)
		}
	}
	t.missing = false
	for _, id := range x.Orders {
		o := b.orders[id]
		switch {
		case o.view == nil:
			t.missing = true
		case !t.Has("order/" + id):
			t.Put("order/"+id, o.v, o.view)
		}
	}
}

// configure follows the store's document: the floor shows its tables and no others.
func (b *board) configure() {
	if b.floor == nil {
		return
	}
	today := b.config.Today(b.id)
	if today == nil || today.Config == b.document {
		return
	}
	b.document = today.Config
	now := b.config.Now()
	for i := range today.Config.Tables {
		id := today.Config.Tables[i].ID
		x := b.tables[id]
		if x.view == nil {
			x.view = &table.View{ID: id, State: table.Free}
		}
		b.putSeat(x.v, x.view, now)
	}
	for _, key := range b.floor.Keys() {
		if _, ok := today.Table(strings.TrimPrefix(key, "table/")); !ok {
			b.floor.Delete(key)
		}
	}
}

func (b *board) putSeat(v int64, x *table.View, now time.Time) {
	today := b.config.Today(b.id)
	if today == nil {
		return
	}
	if place, ok := today.Table(x.ID); ok {
		b.floor.put("table/"+x.ID, v, &seat{x, place, today.Config.Currency, now})
	}
}

// sweepLate shows tables as late whose time has come since the last sweep.
func (b *board) sweepLate(now time.Time) {
	if b.floor == nil {
		return
	}
	for _, x := range b.tables {
		if late := x.view.LateAt; !late.IsZero() && now.After(late) && !b.swept.After(late) {
			b.putSeat(x.v, x.view, now)
		}
	}
}

// endGuests ends the subscriptions of guests whose session is no longer at the table,
// before they would see what is not theirs.
func (b *board) endGuests(t *topic, x *table.View) {
	for _, s := range slices.Clone(t.guests) {
		if at(x, s.client.Session) {
			continue
		}
		if there := b.sessions[s.client.Session]; there != "" && there != x.ID {
			b.end(s, "moved", there)
		} else {
			b.end(s, "closed", "")
		}
	}
}

// endOrders ends what guests of a session that is over see of its orders.
func (b *board) endOrders(session string) {
	for _, t := range b.ofOrder {
		if len(t.guests) == 0 || t.order.view == nil || t.order.view.Table == "" {
			continue
		}
		for _, s := range slices.Clone(t.guests) {
			if s.client.Session == session {
				b.end(s, "closed", "")
			}
		}
	}
}

func (b *board) takeTable(id string, a actors.Answer) {
	x, ok := a.View.(*table.View)
	if ok && x != nil && b.tables[id].view == nil {
		b.putTable(a.V, x)
	}
}
