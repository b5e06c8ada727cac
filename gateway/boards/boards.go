// Package boards derives live topics from the views that the host publishes: kitchen,
// dispatch, floor, menu, stock, sensors, store, and single orders and tables. Its promises: a
// topic is at all times what the newest views make of it, an order costs nothing on a
// board that nobody watches, and guests and partners get only what is theirs. The
// gateway calls it.
package boards

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/printer"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/sensor"
	"github.com/brigata/brigata/actors/stock"
	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/actors/table"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/actors/workorder"
	"github.com/brigata/brigata/gateway/feed"
)

const (
	// recallFor is how long a done ticket stays, so that any screen can recall it.
	recallFor = 10 * time.Minute
	// linger is how long a topic that nobody holds stays, for those who come back.
	linger = 2 * time.Minute
	// idleMax bounds how many such topics a store keeps.
	idleMax = 256
	// readWithin is how long a subscription waits for the host.
	readWithin = 5 * time.Second
)

// Config makes Boards; all of it but Watch and Exists is needed.
type Config struct {
	Epoch string // of this start of this node
	Now   func() time.Time
	// Today returns a store's current values, or nil if it is not here.
	Today func(store string) *store.Today
	// Read asks the host for an entity's view. It never blocks; got is called once, on
	// any goroutine.
	Read func(store string, t command.Target, got func(actors.Answer))
	// Watch sees to it that a store's views come here, and returns when those of all that
	// lives are here, or why not. nil: they always do.
	Watch func(store string) *refusal.Refusal
	// Exists says that a store is somewhere, though Today may not know it just now. nil:
	// Today knows all.
	Exists func(store string) bool
}

// Boards are the topics of all stores of a node.
type Boards struct {
	config Config
	nodes  atomic.Pointer[nodeList]

	mu     sync.RWMutex
	stores map[string]*board
}

// New makes Boards that know nothing yet.
func New(c Config) *Boards { return &Boards{config: c, stores: map[string]*board{}} }

// Publish takes the newest views, in the order of the versions of each entity. Those of
// one store must not be published by two at once.
func (b *Boards) Publish(views []actors.View) {
	for len(views) > 0 {
		n := 1
		for n < len(views) && views[n].Store == views[0].Store {
			n++
		}
		b.board(views[0].Store).publish(views[:n])
		views = views[n:]
	}
}

func (b *Boards) find(id string) *board {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.stores[id]
}

func (b *Boards) board(id string) *board {
	if x := b.find(id); x != nil {
		return x
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	x := b.stores[id]
	if x == nil {
		x = newBoard(id, b)
		b.stores[id] = x
	}
	return x
}

// Sweep does what time brings: tickets that leave, tables that are late, topics that
// nobody came back to. It is for each second.
func (b *Boards) Sweep(now time.Time) {
	b.mu.RLock()
	all := make([]*board, 0, len(b.stores))
	for _, x := range b.stores {
		all = append(all, x)
	}
	b.mu.RUnlock()
	for _, x := range all {
		x.sweep(now)
	}
}

// held is the newest view of an entity.
type held[V any] struct {
	v    int64
	live bool
	view *V
}

// newer says that version v tells something that h does not.
func (h held[V]) newer(v int64, live bool) bool {
	return h.view == nil || v > h.v || v == h.v && live != h.live
}

// board is one store's state and topics. Orders that have ended are kept while their
// table's session lists them, all others only as long as they live.
type board struct {
	id     string
	config *Config
	all    *Boards

	mu     sync.Mutex
	source feed.Source
	orders map[string]held[order.View]
	tables map[string]held[table.View]
	stocks map[string]held[stock.View]
	probes map[string]held[sensor.View]
	works  map[string]held[workorder.View] // that are not done
	papers map[string]held[printer.View]
	seen   map[string]*wire.Pass // by cameras, of late
	store  held[store.View]
	menu   held[menu.View]
	// sessions tells at which table a session is, merged ones too.
	sessions map[string]string

	topics   map[string]*topic
	idle     idleList
	kitchens map[string]*topic // by station; "all" too
	ofOrder  map[string]*topic
	ofTable  map[string]*topic
	dispatch *topic
	floor    *topic
	menus    *topic
	counts   *topic
	status   *topic
	sensors  *topic
	printers *topic
	pass     *topic
	nodes    *topic

	document *store.Config   // that the floor was made of
	swept    time.Time       // the last sweep
	nextDone time.Time       // no done ticket leaves before; zero: none is known
	asking   map[string]bool // orders that the host was asked for
}

func newBoard(id string, all *Boards) *board {
	return &board{id: id, config: &all.config, all: all, source: feed.Source{Epoch: all.config.Epoch, Encode: encode},
		orders: map[string]held[order.View]{}, tables: map[string]held[table.View]{}, stocks: map[string]held[stock.View]{},
		probes: map[string]held[sensor.View]{}, works: map[string]held[workorder.View]{}, papers: map[string]held[printer.View]{},
		seen: map[string]*wire.Pass{}, sessions: map[string]string{}, topics: map[string]*topic{}, kitchens: map[string]*topic{},
		ofOrder: map[string]*topic{}, ofTable: map[string]*topic{}, asking: map[string]bool{}}
}

func (b *board) publish(views []actors.View) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.source.Batch(func() { b.putAll(views) })
}

func (b *board) putAll(views []actors.View) {
	for i := range views {
		v := &views[i]
		switch view := v.View.(type) {
		case *order.View:
			if view != nil {
				b.putOrder(v.V, view, v.Live)
			}
		case *table.View:
			if view != nil {
				b.putTable(v.V, view)
			}
		case *stock.View:
			if view != nil {
				b.putStock(v.V, v.Target.ID, view)
			}
		case *sensor.View:
			if view != nil {
				b.putSensor(v.V, view, v.Live)
			}
		case *workorder.View:
			if view != nil {
				b.putWorkOrder(v.V, view, v.Live)
			}
		case *printer.View:
			if view != nil {
				b.putPrinter(v.V, view)
			}
		case *store.View:
			if view != nil {
				b.putStore(v.V, view)
			}
		case *menu.View:
			if view != nil {
				b.putMenu(v.V, view)
			}
		}
	}
}

func (b *board) putStock(v int64, id string, view *stock.View) {
	if !b.stocks[id].newer(v, true) {
		return
	}
	b.stocks[id] = held[stock.View]{v, true, view}
	if b.counts != nil {
		b.counts.put(id, v, view)
	}
	if b.menus != nil {
		b.putAvailability(id, v, view)
	}
}

func (b *board) putAvailability(id string, v int64, view *stock.View) {
	if view.Tracked() {
		b.menus.put(id, v, (*availability)(view))
	} else {
		b.menus.Delete(id)
	}
}

func (b *board) putSensor(v int64, view *sensor.View, live bool) {
	if !b.probes[view.ID].newer(v, live) {
		return
	}
	b.probes[view.ID] = held[sensor.View]{v, live, view}
	if b.sensors != nil {
		putOrDelete(b.sensors, "sensor/"+view.ID, v, view, live)
	}
}

// putWorkOrder keeps what is still to be done; what is done can be read over REST.
func (b *board) putWorkOrder(v int64, view *workorder.View, live bool) {
	if !b.works[view.ID].newer(v, live) {
		return
	}
	if live {
		b.works[view.ID] = held[workorder.View]{v, live, view}
	} else {
		delete(b.works, view.ID)
	}
	if b.sensors != nil {
		putOrDelete(b.sensors, "workorder/"+view.ID, v, view, live)
	}
}

func putOrDelete(t *topic, key string, v int64, view any, live bool) {
	if live {
		t.put(key, v, view)
	} else {
		t.Delete(key)
	}
}

func (b *board) putStore(v int64, view *store.View) {
	if !b.store.newer(v, true) {
		return
	}
	b.store = held[store.View]{v, true, view}
	if b.status != nil {
		b.status.put("store/"+b.id, v, view)
	}
	b.configure()
}

func (b *board) putMenu(v int64, view *menu.View) {
	if !b.menu.newer(v, true) {
		return
	}
	b.menu = held[menu.View]{v, true, view}
	if b.menus != nil {
		b.menus.put("menu/"+b.id, v, view)
	}
}

func (b *board) sweep(now time.Time) {
	b.mu.Lock()
	b.configure()
	b.sweepLate(now)
	b.sweepDone(now)
	b.sweepPass(now)
	b.idle.sweep(now, b.drop)
	missing := b.missing()
	b.swept = now
	b.mu.Unlock()
	for _, id := range missing { // outside: the host may answer on the spot
		b.config.Read(b.id, command.Target{Kind: "order", ID: id}, func(a actors.Answer) { b.fetched(id, a) })
	}
}

func (b *board) putPrinter(v int64, view *printer.View) {
	if !b.papers[view.ID].newer(v, true) {
		return
	}
	b.papers[view.ID] = held[printer.View]{v, true, view}
	if b.printers != nil {
		b.printers.put("printer/"+view.ID, v, view)
	}
}
