package bus

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"google.golang.org/protobuf/proto"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/actors/wire/pb"
)

// mirror is what this node has of a store that lives on another: its values, and, where
// somebody watches, its views on our boards.
type mirror struct {
	bus   *Bus
	store string
	used  atomic.Int64 // unix ms
	// today and what it is a copy of.
	today   atomic.Pointer[store.Today]
	fetches sync.Mutex // one at a time
	of      atomic.Pointer[standing]

	right   atomic.Int64 // unix ms: when the boards were last known to be right
	told    bool         // that they are stale; heal's
	syncing atomic.Bool
	watched atomic.Bool

	subs sync.Mutex
	sub  *nats.Subscription

	// mu is held while views are taken, one by one or all: what comes over the bus in the
	// meantime waits, and is taken after it, in order.
	mu     sync.Mutex
	at     standing // the views on the boards
	stale  bool     // something is missing
	synced bool
}

// standing is where a store's node stands.
type standing struct {
	source string
	n      uint64
}

const (
	// What may wait for us in our own subscriptions.
	pendingMessages, pendingBytes = 16384, 64 << 20

	watchIn   = 5 * time.Second
	askIn     = time.Second
	storedIn  = 2 * time.Second
	fetchWait = 3 * time.Second
)

var errNode = &refusal.Refusal{Code: refusal.Unavailable, Message: "The store's node does not answer; try again",
	Fields: refusal.Fields{What: "node"}, AfterMS: 1000}

func natsHandler(f func([]byte)) nats.MsgHandler { return func(m *nats.Msg) { f(m.Data) } }

// mirror returns a store's, made now if need be, watched if that is asked.
func (b *Bus) mirror(id string, watch bool) *mirror {
	b.mu.Lock()
	m := b.mirrors[id]
	if m == nil {
		m = &mirror{bus: b, store: id, stale: true}
		b.mirrors[id] = m
	}
	b.mu.Unlock()
	m.used.Store(time.Now().UnixMilli())
	m.subscribe(watch)
	return m
}

// subscribe listens for what the store's node tells: of its values, or of everything.
func (m *mirror) subscribe(watch bool) {
	m.subs.Lock()
	defer m.subs.Unlock()
	if m.sub != nil && (m.watched.Load() || !watch) {
		return
	}
	if m.sub != nil {
		m.sub.Unsubscribe() // fails only with its connection
	}
	subjects := valuesOf(m.store)
	if watch {
		subjects = subjectsOf(m.store)
	}
	conn := m.bus.config.Server.conn
	sub, err := conn.Subscribe(subjects, m.take)
	if err == nil {
		sub.SetPendingLimits(pendingMessages, pendingBytes)
		err = conn.Flush() // the server has it before the store's node is asked
	}
	if err != nil {
		m.bus.log.Error("bus not subscribed", "store", m.store, "error", err)
	}
	m.sub = sub
	m.watched.Store(watch)
	m.bus.Changed()
}

func (m *mirror) unsubscribe() {
	m.subs.Lock()
	defer m.subs.Unlock()
	if m.sub != nil {
		m.sub.Unsubscribe()
	}
}

// take takes what came over the bus.
func (m *mirror) take(msg *nats.Msg) {
	if msg.Subject == valuesOf(m.store) {
		m.bus.spawn(func() { m.renew(true) })
		return
	}
	var p pb.View
	err := proto.Unmarshal(msg.Data, &p)
	var v actors.View
	if err == nil {
		v, err = readView(m.store, &p)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.bus
	if err != nil { // perhaps a newer version's: it counts, but cannot be shown
		b.stats.Malformed.Add(1)
		b.log.Debug("view not read", "store", m.store, "error", err)
	} else {
		b.stats.Taken.Add(1)
		if p.AtUs != 0 {
			v.At = time.UnixMicro(p.AtUs)
		}
		if b.config.Arrived != nil {
			b.config.Arrived(&v)
		}
		b.config.Boards.Publish([]actors.View{v})
	}
	switch {
	case p.Source == m.at.source && p.N <= m.at.n:
	case p.Source == m.at.source && p.N == m.at.n+1:
		m.at.n = p.N
	default:
		if !m.stale {
			b.stats.Gaps.Add(1)
		}
		m.stale = true
		b.Changed()
	}
}

// Watch has a store's views come to the boards here, and returns when those of all that
// lives are there, or why not.
func (b *Bus) Watch(id string) *refusal.Refusal {
	if b.config.Here(id) != nil {
		return nil
	}
	if _, ok := b.config.Where(id); !ok {
		return nil // there is no such store: the boards say so
	}
	m := b.mirror(id, true)
	timer := time.NewTimer(watchIn)
	defer timer.Stop()
	if !m.fresh() {
		b.Changed()
	}
	for !m.fresh() {
		select {
		case <-time.After(20 * time.Millisecond): // the cell may have come here meanwhile
			if b.config.Here(id) != nil {
				return nil
			}
		case <-timer.C:
			return errNode
		case <-b.ctx.Done():
			return errNode
		}
	}
	return nil
}

// fresh says that the boards were right not long ago.
func (m *mirror) fresh() bool {
	return time.Since(time.UnixMilli(m.right.Load())) < m.bus.config.StaleAfter
}

// Today returns the values of a store that lives elsewhere: those at hand, or, the first
// time, what its node or the database says. nil if neither answers.
func (b *Bus) Today(id string) *store.Today {
	m := b.mirror(id, false)
	if t := m.today.Load(); t != nil {
		return t
	}
	m.renew(false)
	return m.today.Load()
}

// renew fetches the store's values anew, or, unless again, the first time only.
func (m *mirror) renew(again bool) {
	m.fetches.Lock()
	defer m.fetches.Unlock()
	if m.today.Load() != nil && !again {
		return
	}
	ctx, cancel := context.WithTimeout(m.bus.ctx, fetchWait)
	defer cancel()
	t, at, err := m.fetchValues(ctx)
	switch {
	case err == nil:
		m.of.Store(&at)
		m.today.Store(t)
		m.bus.config.Renewed(m.store)
	case m.today.Load() == nil && m.bus.config.Stored != nil:
		if t, err = m.bus.config.Stored(ctx, m.store); err == nil && t != nil {
			m.today.Store(t) // of remains unset: the next comparison fetches it from the node
		}
	}
	if err != nil {
		m.bus.log.Debug("values not fetched", "store", m.store, "error", err)
	}
}

var errElsewhere = errors.New("bus: no node says that it has the store")

func (m *mirror) fetchValues(ctx context.Context) (*store.Today, standing, error) {
	a, err := m.ask(ctx, &pb.Parcel{Body: &pb.Parcel_Values{Values: &pb.Values{Store: m.store}}})
	if err != nil {
		return nil, standing{}, err
	}
	p := a.GetStoreValues()
	if p == nil || len(p.Refusal) > 0 {
		return nil, standing{}, errElsewhere
	}
	t, err := wire.TodayOf(p, m.bus.config.Zone)
	return t, standing{p.Source, p.N}, err
}

// ask puts a question to the node that has the store.
func (m *mirror) ask(ctx context.Context, q *pb.Parcel) (*pb.Parcel, error) {
	o, ok := m.bus.config.Where(m.store)
	if !ok || o.Address == "" || o.Mine {
		return nil, errElsewhere
	}
	type result struct {
		m   *pb.Parcel
		err error
	}
	got := make(chan result, 1)
	m.bus.config.Ask(o.Address, q, askIn, func(a *pb.Parcel, err error) { got <- result{a, err} })
	select {
	case r := <-got:
		return r.m, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
