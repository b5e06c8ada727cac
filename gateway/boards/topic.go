package boards

import (
	"bytes"
	"cmp"
	"container/list"
	"maps"
	"slices"
	"time"

	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/stock"
	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/actors/table"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/gateway/feed"
)

// Views of topics that show an entity in another way than it is.
type (
	availability stock.View
	dispatched   order.View
	// ticket is encoded once for all topics that show it.
	ticket struct {
		order *order.View
		of    wire.Ticket
		json  []byte
	}
	seat struct {
		view     *table.View
		place    *store.Table
		currency string
		at       time.Time
	}
)

func encode(b []byte, view any, a feed.Audience) []byte {
	to := wire.Staff
	if a == feed.Guest {
		to = wire.Guests
	}
	switch v := view.(type) {
	case *ticket:
		if v.json != nil {
			return append(b, v.json...)
		}
		before := len(b)
		b = wire.AppendTicket(b, v.order, &v.of)
		v.json = bytes.Clone(b[before:])
		return b
	case *dispatched:
		return wire.AppendDispatch(b, (*order.View)(v))
	case *seat:
		return wire.AppendFloor(b, v.view, v.place, v.currency, v.at)
	case *wire.Node:
		return wire.AppendNode(b, v)
	case *wire.Pass:
		return wire.AppendPass(b, v)
	case *availability:
		return wire.AppendAvailability(b, (*stock.View)(v))
	}
	return wire.AppendView(b, view, to)
}

// topic is a feed's topic and who holds it.
type topic struct {
	*feed.Topic
	kind, id string
	holds    int             // subscriptions, and those that are being made
	guests   []*Subscription // of a table or an order: those that may have to leave
	at       *list.Element   // among the idle ones
	since    time.Time       // idle

	order   held[order.View] // of a topic of one order
	missing bool             // of a topic of one table: an order is listed that is not known
}

// put makes view the newest of its entity, unless it looks like the one before: boards
// show less than a whole entity, and most of its changes are not theirs.
func (t *topic) put(key string, v int64, view any) {
	if len(t.Subscribers()) > 0 {
		t.PutChanged(key, v, view)
	} else {
		t.Put(key, v, view)
	}
}

// idleList is the topics that nobody holds, the longest idle first.
type idleList struct{ list.List }

func (l *idleList) add(t *topic, now time.Time) {
	t.since = now
	t.at = l.PushBack(t)
}

func (l *idleList) take(t *topic) {
	if t.at != nil {
		l.Remove(t.at)
		t.at = nil
	}
}

func (l *idleList) sweep(now time.Time, drop func(*topic)) {
	for el := l.Front(); el != nil; el = l.Front() {
		t := el.Value.(*topic)
		if l.Len() <= idleMax && now.Sub(t.since) < linger {
			return
		}
		drop(t)
	}
}

// hold returns a topic, made now if need be. Whoever holds it must release it.
func (b *board) hold(kind, id string) *topic {
	name := kind
	if id != "" {
		name += "." + id
	}
	t := b.topics[name]
	if t == nil {
		t = &topic{Topic: feed.NewTopic(name, &b.source), kind: kind, id: id}
		b.topics[name] = t
		b.place(t, t)
		b.fill(t)
	}
	b.idle.take(t)
	t.holds++
	return t
}

func (b *board) release(t *topic) {
	if t.holds--; t.holds > 0 {
		return
	}
	now := b.config.Now()
	b.idle.add(t, now)
	b.idle.sweep(now, b.drop)
}

func (b *board) drop(t *topic) {
	b.idle.take(t)
	delete(b.topics, t.Name)
	b.place(t, nil)
}

// place makes t findable for those who publish; nil takes it away.
func (b *board) place(t, as *topic) {
	switch t.kind {
	case "kitchen":
		set(b.kitchens, t.id, as)
	case "order":
		set(b.ofOrder, t.id, as)
	case "table":
		set(b.ofTable, t.id, as)
	case "dispatch":
		b.dispatch = as
	case "floor":
		b.floor = as
	case "menu":
		b.menus = as
	case "stock":
		b.counts = as
	case "store":
		b.status = as
	case "sensors":
		b.sensors = as
	case "printers":
		b.printers = as
	case "pass":
		b.pass = as
	case "nodes":
		b.nodes = as
	}
}

func set(m map[string]*topic, id string, t *topic) {
	if t == nil {
		delete(m, id)
	} else {
		m[id] = t
	}
}

// fill puts into a new topic what is known.
func (b *board) fill(t *topic) {
	switch t.kind {
	case "kitchen":
		b.fillKitchen(t)
	case "dispatch":
		for _, o := range b.sortedOrders() {
			b.putDispatch(o.v, o.view, o.live)
		}
	case "floor":
		b.document = nil
		b.configure()
	case "menu":
		if b.menu.view != nil {
			t.put("menu/"+b.id, b.menu.v, b.menu.view)
		}
		for _, id := range slices.Sorted(maps.Keys(b.stocks)) {
			b.putAvailability(id, b.stocks[id].v, b.stocks[id].view)
		}
	case "stock":
		for _, id := range slices.Sorted(maps.Keys(b.stocks)) {
			t.put(id, b.stocks[id].v, b.stocks[id].view)
		}
	case "sensors":
		for _, id := range slices.Sorted(maps.Keys(b.probes)) {
			if x := b.probes[id]; x.live {
				t.put("sensor/"+id, x.v, x.view)
			}
		}
		for _, id := range slices.Sorted(maps.Keys(b.works)) {
			t.put("workorder/"+id, b.works[id].v, b.works[id].view)
		}
	case "printers":
		for _, id := range slices.Sorted(maps.Keys(b.papers)) {
			t.put("printer/"+id, b.papers[id].v, b.papers[id].view)
		}
	case "pass":
		b.fillPass()
	case "store":
		if b.store.view != nil {
			t.put("store/"+b.id, b.store.v, b.store.view)
		}
	case "nodes":
		b.putNodes(b.all.nodes.Load())
	case "order":
		if o, ok := b.orders[t.id]; ok {
			t.order = o
			t.Put("order/"+t.id, o.v, o.view)
		}
	case "table":
		if x, ok := b.tables[t.id]; ok {
			b.putTableTopic(t, x.v, nil, x.view)
		}
	}
}

// sortedOrders lists the orders that live, the oldest first.
func (b *board) sortedOrders() []held[order.View] {
	all := make([]held[order.View], 0, len(b.orders))
	for _, o := range b.orders {
		if o.live {
			all = append(all, o)
		}
	}
	slices.SortFunc(all, func(x, y held[order.View]) int { return cmp.Compare(x.view.ID, y.view.ID) })
	return all
}
