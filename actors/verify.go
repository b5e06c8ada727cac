package actors

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/brigata/brigata/actors/journal"
	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/stock"
	"github.com/brigata/brigata/actors/wire"
)

// Finding is something in a store's log that should not be.
type Finding struct {
	Store, Kind, ID string
	Problem         string
}

// Verified counts what was looked at.
type Verified struct{ Entities, Turns, Events, Snapshots int }

// verifyPage is how many blocks of a log are read at a time.
const verifyPage = 1000

// Verify folds every log of a store from its first event and holds it to what is stored
// beside it: no gap, every snapshot equal to the fold at its version, no dish oversold,
// no reservation that its order does not want. It is for a
// store that nobody writes meanwhile.
func (a Archive) Verify(ctx context.Context, storeID string, found func(Finding)) (v Verified, err error) {
	var keys []journal.Key
	err = a.Journal.Known(ctx, storeID, time.Time{}, func(k journal.Key) error {
		keys = append(keys, k)
		return nil
	})
	if err != nil {
		return v, err
	}
	c := check{store: storeID, found: found, orders: map[string]*order.State{}, stocks: map[string]*stock.State{}}
	for _, k := range keys {
		stored, err := a.Journal.Load(ctx, []journal.Key{k})
		if err != nil {
			return v, err
		}
		if len(stored) == 0 {
			continue
		}
		v.Entities++
		if err := a.refold(ctx, &stored[0].Head, &c, &v); err != nil {
			return v, err
		}
	}
	c.reservations()
	return v, nil
}

// check collects what is compared across entities.
type check struct {
	store  string
	found  func(Finding)
	orders map[string]*order.State
	stocks map[string]*stock.State
}

func (c *check) tell(kind, id, problem string, args ...any) {
	c.found(Finding{c.store, kind, id, fmt.Sprintf(problem, args...)})
}

// refold folds one entity's log from the start.
func (a Archive) refold(ctx context.Context, h *journal.Head, c *check, v *Verified) error {
	k := kindsByID[h.Kind]
	if k == nil {
		c.tell("", fmt.Sprintf("%x", h.Key), "kind %d is not known to this build", h.Kind)
		return nil
	}
	e := &entity{kind: k}
	for {
		rows, err := a.Journal.Log(ctx, h.Key, e.seq+1, verifyPage)
		if err != nil {
			return err
		}
		for i := range rows {
			if rows[i].Seq != e.seq+1 {
				c.tell(k.name, e.target.ID, "version %d is followed by %d", e.seq, rows[i].Seq)
				return nil
			}
			if !e.refoldBlock(&rows[i], h, c, v) {
				return nil
			}
		}
		if len(rows) < verifyPage {
			break
		}
	}
	switch s := e.machine.state().(type) {
	case *order.State:
		c.orders[e.target.ID] = s
	case *stock.State:
		c.stocks[e.target.ID] = s
	}
	if h.Seq > e.seq {
		c.tell(k.name, e.target.ID, "the snapshot is of version %d, the log ends at %d", h.Seq, e.seq)
	}
	return nil
}

// refoldBlock folds a block turn by turn; false: the rest cannot be read.
func (e *entity) refoldBlock(r *journal.Row, h *journal.Head, c *check, v *Verified) (ok bool) {
	defer func() {
		if p := recover(); p != nil {
			c.tell(e.kind.name, e.target.ID, "version %d cannot be folded: %v", e.seq+1, p)
			ok = false
		}
	}()
	if e.machine == nil {
		e.machine = e.kind.make()
	}
	turns, err := wire.DecodeBlock(r.Payload)
	if err != nil {
		c.tell(e.kind.name, e.target.ID, "block at %d: %v", r.Seq, err)
		return false
	}
	for i := range turns {
		t := &turns[i]
		if t.Entity != "" {
			e.target.ID = t.Entity
		}
		for _, x := range t.Events {
			e.machine.replay(x)
		}
		if t.At.Before(e.at) {
			c.tell(e.kind.name, e.target.ID, "time goes back at version %d", e.seq+1)
		}
		e.seq, e.at = e.seq+int64(max(1, len(t.Events))), t.At
		v.Turns++
		v.Events += len(t.Events)
		if e.seq == h.Seq && len(h.State) > 0 {
			v.Snapshots++
			e.compare(h, c)
		}
	}
	if e.seq != r.Seq+int64(r.N)-1 {
		c.tell(e.kind.name, e.target.ID, "the block at %d holds %d versions and says %d", r.Seq, e.seq-r.Seq+1, r.N)
	}
	return true
}

// compare holds a snapshot to the fold at its version. Answers are kept beside the state
// for a time only, and are not compared.
func (e *entity) compare(h *journal.Head, c *check) {
	snap, err := wire.DecodeSnapshot(h.State, e.kind.make().state())
	if err != nil {
		c.tell(e.kind.name, e.target.ID, "the snapshot cannot be read: %v", err)
		return
	}
	snap.Answers = nil
	want := wire.Snapshot{Entity: e.target.ID, State: e.machine.state(), V: e.seq, At: e.at}
	if !bytes.Equal(wire.AppendSnapshot(nil, &snap), wire.AppendSnapshot(nil, &want)) {
		c.tell(e.kind.name, e.target.ID, "the snapshot of version %d is not what the log folds to", h.Seq)
	}
}

// reservations holds stocks to the orders that took of them. Orders with something under
// way are left out: they still owe it.
func (c *check) reservations() {
	for id, s := range c.stocks {
		if s.Counts && s.Taken > s.Count {
			c.tell("stock", id, "%d taken of %d", s.Taken, s.Count)
		}
		for by, qty := range s.Orders.All() {
			o := c.orders[by]
			if o == nil {
				c.tell("stock", id, "order %s has %d and does not exist", by, qty)
				continue
			}
			for _, t := range o.Takes {
				if t.Stock == id && t.Done && t.Denied == nil && o.Adding == nil && t.Want != qty {
					c.tell("order", by, "takes %d of %s, which has given it %d", t.Want, id, qty)
				}
			}
		}
	}
}
