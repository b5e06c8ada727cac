package actors

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/journal"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/mutant"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/stock"
	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/actors/table"
	"github.com/brigata/brigata/actors/threads"
	"github.com/brigata/brigata/actors/wire"
)

// load reads a cell: everything that is live, and which keys exist.
func (n *Node) load(ctx context.Context, storeID string, claim int64) (_ *cell, err error) {
	c := newCell(n, storeID)
	c.claim = claim
	defer func() {
		if err != nil {
			c.close(nil)
		}
	}()
	err = n.config.Journal.Open(ctx, storeID, func(s journal.Stored) error {
		e, err := c.restored(&s)
		if err != nil {
			return err
		}
		e.mail = n.engine.Spawn(e)
		if !e.kind.stays {
			n.resident.Add(1)
		}
		c.entities[e.target] = e
		for i := range e.answers.list {
			if id := e.answers.list[i].ID; string(id) != e.target.ID {
				c.ids[id] = e
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = n.config.Journal.Known(ctx, storeID, c.since, func(k journal.Key) error {
		c.known[k] = struct{}{}
		return nil
	})
	if err != nil {
		return nil, err
	}
	c.values()
	return c, nil
}

// restored makes an entity of what the journal holds of it.
func (c *cell) restored(s *journal.Stored) (*entity, error) {
	k := kindsByID[s.Head.Kind]
	if k == nil {
		return nil, fmt.Errorf("%w: entity %x is of kind %d", journal.ErrNewer, s.Head.Key, s.Head.Kind)
	}
	e := newEntity(c, k, command.Target{Kind: k.name}, s.Head.Key)
	if err := e.restore(s); err != nil {
		return nil, fmt.Errorf("%s %q: %w", k.name, e.target.ID, err)
	}
	return e, nil
}

// restore folds a snapshot and what follows it. What a newer version wrote there is not
// skipped: the next snapshot would lose it.
func (e *entity) restore(s *journal.Stored) error {
	err := e.fold(s)
	if errors.Is(err, wire.ErrNewer) {
		return fmt.Errorf("%w: %w", journal.ErrNewer, err)
	}
	return err
}

func (e *entity) fold(s *journal.Stored) error {
	if mutant.Is(mutant.NewKeepsState) && s.Head.Seq == 0 && len(s.Tail) == 0 {
		return nil
	}
	e.machine, e.answers = e.kind.make(), answers{}
	e.seq, e.since, e.bytes, e.snapBytes, e.snapAt, e.at = 0, 0, 0, len(s.Head.State), 0, time.Time{}
	if len(s.Head.State) > 0 {
		snap, err := wire.DecodeSnapshot(s.Head.State, e.machine.state())
		if err != nil {
			return err
		}
		e.target.ID, e.seq, e.at, e.snapAt = snap.Entity, snap.V, snap.At, snap.At.UnixMilli()
		for _, a := range snap.Answers {
			e.answers.add(a, snap.At)
		}
	}
	for i := range s.Tail {
		if err := e.replay(&s.Tail[i]); err != nil {
			return err
		}
	}
	e.durableSeq = e.seq
	return nil
}

func (e *entity) replay(row *journal.Row) error {
	if row.Seq+int64(row.N)-1 <= e.seq {
		return nil
	}
	turns, err := wire.DecodeBlock(row.Payload)
	if err != nil {
		return err
	}
	v := row.Seq - 1
	for i := range turns {
		t := &turns[i]
		n := int64(max(1, len(t.Events)))
		v += n
		if v <= e.seq { // a snapshot in the middle of the block has it
			continue
		}
		if v != e.seq+n {
			return fmt.Errorf("the log goes from version %d to %d", e.seq, v-n+1)
		}
		if t.Entity != "" {
			e.target.ID = t.Entity
		}
		for _, x := range t.Events {
			e.machine.restore(x)
		}
		e.answers.fold(t, v)
		e.seq, e.at = v, t.At
		e.since += int(n)
	}
	e.bytes += len(row.Payload)
	return nil
}

// values makes what rules look up from what was loaded.
func (c *cell) values() {
	for _, e := range c.entities {
		switch s := e.machine.state().(type) {
		case *store.State:
			c.storeS = *s
		case *menu.State:
			c.menuM = s.Menu
		case *stock.State:
			if s.Exists {
				v := stock.ViewOf(*s)
				c.tracked[e.target.ID] = v.Tracked()
				if dish, ok := strings.CutPrefix(e.target.ID, "dish/"); ok && v.Mode == stock.Held {
					c.held[dish] = true
				}
			}
		case *table.State:
			c.joined(s)
		}
	}
	c.renew(func() {})
}

// resume lets every entity of an opened cell see its duties and its due time, after
// the views of all are published.
func (c *cell) resume() {
	all := c.all()
	var views []View
	t := c.today.Load()
	for _, e := range all {
		if v := e.machine.view(t, e.target.ID); v != nil {
			if e.kind.stays {
				e.shown.Store(v)
			}
			views = append(views, View{Store: c.store, Target: e.target, V: e.seq, View: v, Live: true})
		}
	}
	if c.node.config.Publish != nil && len(views) > 0 && !mutant.Is(mutant.OpenUnseen) {
		c.node.config.Publish(views)
	}
	if mutant.Is(mutant.InnerByIdentity) {
		c.crossed()
	}
	for _, e := range all {
		if mutant.Is(mutant.DutiesForgotten) {
			break
		}
		e.tell(resumed{})
		c.flags(e)
	}
}

// resumed tells an entity that its cell is open.
type resumed struct{}

// reload reads the entity from the journal, after all it has appended is durable when
// it has been in memory before, and gives itself the result.
func (e *entity) reload(flush bool) {
	n := e.cell.node
	n.tasks.Go(func() {
		for wait := 20 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
			s, err := e.fetch(flush)
			if err == nil {
				e.tell(loaded{stored: s})
				return
			}
			n.log.Error("entity not loaded", "store", e.cell.store, "kind", e.target.Kind, "id", e.target.ID, "error", err)
			if threads.First(n.config.Threads, wait, n.stop, nil, nil) == 0 {
				e.tell(closed{})
				return
			}
		}
	})
}

func (e *entity) fetch(flush bool) (*journal.Stored, error) {
	n := e.cell.node
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if flush {
		if err := n.writer.Flush(ctx); err != nil {
			return nil, err
		}
	}
	threads.Receive(n.config.Threads, n.loads)
	defer func() { n.loads <- struct{}{} }()
	all, err := n.config.Journal.Load(ctx, []journal.Key{e.key})
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return &all[0], nil
}

// receiveLoading keeps what comes until the entity is loaded.
func (e *entity) receiveLoading(m any) {
	switch m := m.(type) {
	case loaded:
		e.loaded(m)
	case closed:
		e.unstash()
		e.end()
	case *Request:
		if len(e.stash) >= stashMax {
			m.To.Reply(m.Tag, Answer{Refusal: errFull})
			return
		}
		e.stash = append(e.stash, m)
	case *duty, *outcome, tick, flag:
		if mutant.Every(2, mutant.StashLost) {
			return
		}
		e.stash = append(e.stash, m)
	}
}

// unstash answers who waits for the entity to be loaded that it is not here any more.
func (e *entity) unstash() {
	for _, x := range e.stash {
		if r, ok := x.(*Request); ok {
			r.To.Reply(r.Tag, Answer{Refusal: errMoved})
		}
	}
	e.stash = nil
}

func (e *entity) loaded(m loaded) {
	if m.stored == nil { // the journal does not have it: it is as new, whatever it was
		m.stored = &journal.Stored{}
	}
	id := e.target.ID
	if err := e.restore(m.stored); err != nil {
		e.cell.node.log.Error("entity cannot be read", "store", e.cell.store, "kind", e.kind.name, "id", id, "error", err)
		e.target.ID = id
		e.unreadable(err)
		return
	}
	e.target.ID = id
	e.loading = false
	e.cell.flags(e)
	stash := e.stash
	e.stash = nil
	e.dirty = true
	for _, x := range stash {
		e.receive(x)
	}
}

// unreadable answers all that wait; the next who asks has it loaded again. What a newer
// version wrote is left to a node that can read it, if there is one.
func (e *entity) unreadable(err error) {
	n := e.cell.node
	no := refusal.New(refusal.Internal, "", "Internal error")
	if errors.Is(err, journal.ErrNewer) {
		no = errNewer
		if n.config.Lease != nil {
			n.tasks.Go(func() { n.config.Lease.Outdated(e.cell.store, e.cell.claim) })
		}
	}
	if n.config.Hooks.Unreadable != nil {
		n.config.Hooks.Unreadable(e.cell.store, e.kind.name, e.target.ID, err)
	}
	stash := e.stash
	e.stash, e.gone, e.loading = nil, true, false
	e.cell.drop(e, true)
	for _, x := range stash {
		if r, ok := x.(*Request); ok {
			r.To.Reply(r.Tag, Answer{Refusal: no})
		}
	}
}

var errNewer = &refusal.Refusal{Code: refusal.Unavailable, Message: "A newer version has written this; this node cannot read it",
	Fields: refusal.Fields{What: "version"}, AfterMS: 2000}
