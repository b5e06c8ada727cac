package bus

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/wire/pb"
)

const (
	syncIn   = 20 * time.Second
	syncsMax = 8 // stores at a time
	readsMax = 64
	// underWay is how long a view may take over the bus before it counts as lost.
	underWay = 500 * time.Millisecond
)

// heal compares every few seconds, and when something has changed.
func (b *Bus) heal() {
	tick := time.NewTicker(healEvery)
	defer tick.Stop()
	gate := make(chan struct{}, syncsMax)
	for {
		select {
		case <-tick.C:
			b.unwatch(time.Now())
		case <-b.kick:
		case <-b.ctx.Done():
			return
		}
		b.tend()
		for address, all := range b.byOwner() {
			b.compare(address, all, gate)
		}
	}
}

// tend makes a mirror for what is watched here and lives elsewhere, and gives up what is
// not used, or has come here.
func (b *Bus) tend() {
	for id, watched := range b.config.Boards.Stores() {
		if b.config.Here(id) != nil {
			continue
		}
		b.mu.Lock()
		m := b.mirrors[id]
		b.mu.Unlock()
		switch {
		case watched && (m == nil || !m.watched.Load()):
			b.mirror(id, true)
		case watched:
			m.used.Store(time.Now().UnixMilli())
			m.tellStale()
		case m == nil:
			b.config.Boards.Forget(id)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for id, m := range b.mirrors {
		here := b.config.Here(id) != nil
		if !here && time.Since(time.UnixMilli(m.used.Load())) < keptFor {
			continue
		}
		delete(b.mirrors, id)
		m.unsubscribe()
		if here && m.watched.Load() {
			b.config.Came(id)
		}
	}
}

// tellStale tells those who watch, once, that the boards cannot be held to the store's
// node any more.
func (m *mirror) tellStale() {
	switch fresh := m.fresh(); {
	case fresh:
		m.told = false
	case !m.told && m.right.Load() != 0:
		m.told = true
		m.bus.log.Warn("boards are stale", "store", m.store)
		m.bus.config.Boards.Stale(m.store)
	}
}

func (b *Bus) byOwner() map[string][]*mirror {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := map[string][]*mirror{}
	for id, m := range b.mirrors {
		if o, ok := b.config.Where(id); ok && o.Address != "" && !o.Mine {
			all[o.Address] = append(all[o.Address], m)
		}
	}
	return all
}

// compare asks a node where its stores stand, and brings those up that are behind.
func (b *Bus) compare(address string, all []*mirror, gate chan struct{}) {
	for some := range slices.Chunk(all, standMax) {
		q := &pb.Stand{Node: b.config.Self}
		for _, m := range some {
			q.Stores, q.Watch = append(q.Stores, m.store), append(q.Watch, m.watched.Load())
		}
		b.config.Ask(address, &pb.Parcel{Body: &pb.Parcel_Stand{Stand: q}}, askIn, func(a *pb.Parcel, err error) {
			s := a.GetStands()
			if err != nil || s == nil || len(s.Of) != len(some) || b.ctx.Err() != nil {
				return
			}
			for i, m := range some {
				if s.Of[i].Here {
					b.compared(m, s.Of[i], gate)
				}
			}
		})
	}
}

func (b *Bus) compared(m *mirror, s *pb.StandOf, gate chan struct{}) {
	if of := m.of.Load(); of == nil || *of != (standing{s.Source, s.Values}) {
		b.spawn(func() { m.renew(true) })
	}
	if !m.watched.Load() || m.syncing.Swap(true) {
		return
	}
	b.spawn(func() {
		defer m.syncing.Store(false)
		select {
		case gate <- struct{}{}:
			defer func() { <-gate }()
		case <-b.ctx.Done():
			return
		}
		ctx, cancel := context.WithTimeout(b.ctx, syncIn)
		defer cancel()
		if err := m.sync(ctx, standing{s.Source, s.N}); err != nil {
			b.log.Debug("store not healed", "store", m.store, "error", err)
		}
	})
}

// sync brings the boards to where the store's node stands. Views that come meanwhile over
// the bus wait for it: they are newer, or change nothing.
func (m *mirror) sync(ctx context.Context, said standing) error {
	if m.reaches(ctx, said) {
		m.right.Store(time.Now().UnixMilli())
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	held := map[command.Target]int64{}
	for _, v := range m.bus.config.Boards.Known(m.store) {
		held[v.Target] = v.V
	}
	at, err := m.stands(ctx) // before the list: it holds all that this counts
	if err != nil {
		return err
	}
	want, err := m.lacks(ctx, held)
	if err != nil {
		return err
	}
	if err := m.fetch(ctx, want); err != nil {
		return err
	}
	if err := m.bus.readEnds(ctx, m.store, held); err != nil {
		return err
	}
	if m.synced {
		m.bus.stats.Healed.Add(1)
	} else {
		m.synced = true
	}
	m.at, m.stale = at, false
	m.right.Store(time.Now().UnixMilli())
	return nil
}

// reaches says that the boards are where the store's node stands, or will be as soon as
// what is on its way over the bus is here.
func (m *mirror) reaches(ctx context.Context, said standing) bool {
	for until := time.Now().Add(underWay); ; {
		m.mu.Lock()
		lost, there := !m.synced || m.stale || m.at.source != said.source, m.at.n >= said.n
		m.mu.Unlock()
		switch {
		case lost:
			return false
		case there:
			return true
		case time.Now().After(until):
			return false
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return false
		}
	}
}

func (m *mirror) stands(ctx context.Context) (standing, error) {
	a, err := m.ask(ctx, &pb.Parcel{Body: &pb.Parcel_Stand{Stand: &pb.Stand{Node: m.bus.config.Self, Stores: []string{m.store}, Watch: []bool{true}}}})
	if err != nil {
		return standing{}, err
	}
	s := a.GetStands()
	if s == nil || len(s.Of) != 1 || !s.Of[0].Here {
		return standing{}, errElsewhere
	}
	return standing{s.Of[0].Source, s.Of[0].N}, nil
}

// lacks lists what the node holds that held does not, or only in an older version. What
// it lists is taken out of held: what remains lives there no more.
func (m *mirror) lacks(ctx context.Context, held map[command.Target]int64) (want []command.Target, err error) {
	for after := ""; ; {
		a, err := m.ask(ctx, &pb.Parcel{Body: &pb.Parcel_List{List: &pb.List{Store: m.store, After: after}}})
		if err != nil {
			return nil, err
		}
		l := a.GetListed()
		if l == nil || len(l.Refusal) > 0 {
			return nil, errElsewhere
		}
		for _, h := range l.Of {
			t := command.Target{Kind: h.Kind, ID: h.Id}
			if v, ok := held[t]; !ok || v < h.V {
				want = append(want, t)
			}
			delete(held, t)
			after = key(t)
		}
		if !l.More || len(l.Of) == 0 {
			return want, nil
		}
	}
}

func (m *mirror) fetch(ctx context.Context, want []command.Target) error {
	for some := range slices.Chunk(want, fetchMax) {
		q := &pb.Fetch{Store: m.store}
		for _, t := range some {
			q.Of = append(q.Of, &pb.Held{Kind: t.Kind, Id: t.ID})
		}
		a, err := m.ask(ctx, &pb.Parcel{Body: &pb.Parcel_Fetch{Fetch: q}})
		if err != nil {
			return err
		}
		p := a.GetViews()
		if p == nil || len(p.Refusal) > 0 {
			return errElsewhere
		}
		views := make([]actors.View, 0, len(p.Of))
		for _, x := range p.Of {
			v, err := readView(m.store, x)
			if err != nil { // a newer version's: what we cannot show we leave out
				m.bus.stats.Malformed.Add(1)
				continue
			}
			views = append(views, v)
		}
		m.bus.config.Boards.Publish(views)
	}
	return nil
}

var errUnread = errors.New("bus: an entity was not read")

// readEnds reads what the boards took for living, a few at a time, and publishes how it
// is now.
func (b *Bus) readEnds(ctx context.Context, id string, held map[command.Target]int64) error {
	gate := make(chan struct{}, readsMax)
	failed := make(chan struct{}, len(held))
	for t := range held {
		select {
		case gate <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		b.config.Read(id, t, func(a actors.Answer) {
			defer func() { <-gate }()
			switch {
			case a.View != nil:
				b.config.Boards.Publish([]actors.View{{Store: id, Target: t, V: a.V, View: a.View, Live: a.Live}})
			case a.Refusal != nil && a.Refusal.Code != refusal.NotFound:
				failed <- struct{}{}
			}
		})
	}
	for range cap(gate) { // all have answered
		select {
		case gate <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if len(failed) > 0 {
		return errUnread
	}
	return nil
}
