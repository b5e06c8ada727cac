package actors

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/threads"
)

// Lease is a node's right to the cells that it has, where nodes share a database.
type Lease interface {
	// Good reports whether the node may answer from memory. It is asked for every
	// answer that does not come with a commit.
	Good() bool
	// Lost hears that a cell cannot be written any more, and was dropped.
	Lost(store string, claim int64, err error)
	// Outdated hears that a cell holds something that this version cannot read.
	Outdated(store string, claim int64)
}

// good reports whether what is in memory may be answered.
func (n *Node) good() bool { return n.config.Lease == nil || n.config.Lease.Good() }

// absent says why a store is not here.
func (n *Node) absent(storeID string) *refusal.Refusal {
	switch {
	case !n.good() || n.fenced.Load() || n.reopens(storeID):
		return errLost
	case n.config.Lease != nil: // only the cluster knows which stores there are
		return errMoved
	}
	return refusal.New(refusal.NotFound, "", "There is no such store").With(refusal.Fields{Kind: "store", ID: storeID})
}

// Activate opens a store's cell as the activation that claim names: it loads what is
// live, lets every entity see its duties and its due time again, and publishes all
// views. A cell that is open as that activation stays as it is.
func (n *Node) Activate(ctx context.Context, storeID string, claim int64) error {
	return n.Activator()(ctx, storeID, claim)
}

// Activator is Activate for later: it opens nothing once DropAll was called in between.
func (n *Node) Activator() func(ctx context.Context, storeID string, claim int64) error {
	n.mu.RLock()
	defer n.mu.RUnlock()
	life := n.life
	return func(ctx context.Context, storeID string, claim int64) error {
		return n.activate(ctx, storeID, claim, life)
	}
}

func (n *Node) activate(ctx context.Context, storeID string, claim int64, life int) error {
	n.mu.RLock()
	had, overtaken := n.cells[storeID], n.life != life
	n.mu.RUnlock()
	if overtaken {
		return errOvertaken
	}
	if had != nil {
		if had.claim != claim {
			return fmt.Errorf("the cell of %s is open as activation %d", storeID, had.claim)
		}
		return nil
	}
	c, err := n.load(ctx, storeID, claim)
	if err != nil {
		return fmt.Errorf("open the cell of %s: %w", storeID, err)
	}
	n.mu.Lock()
	in := n.cells[storeID] == nil && n.life == life && !n.stopping.Load()
	if in {
		n.cells[storeID] = c
	}
	n.mu.Unlock()
	if !in {
		c.close(nil)
		return errOvertaken
	}
	c.resume()
	return nil
}

var errOvertaken = errors.New("what was loaded may be old by now")

// HandOver ends a cell that another node is to have: its actors take nothing any more,
// and all that they appended becomes durable. When it returns nil, nothing of that
// activation can be written any more; after an error it may be called again.
func (n *Node) HandOver(ctx context.Context, storeID string, claim int64) error {
	c := n.cell(storeID)
	if c == nil || c.claim != claim {
		return nil // it was lost
	}
	if !c.leaving() {
		// First while it still answers, so that little is left to do when it does not.
		c.tellAll(snapshot{})
		if err := n.writer.Flush(ctx); err != nil {
			return err
		}
	}
	if threads.First(n.config.Threads, threads.Forever, c.leave(), ctx.Done(), nil) != 0 {
		return ctx.Err()
	}
	if err := n.writer.Flush(ctx); err != nil {
		return err
	}
	n.remove(c)
	c.close(nil)
	n.writer.Forget(c)
	return nil
}

// DropAll ends every cell at once, and whatever is being loaded. What waits at the gates
// is answered that it is unavailable.
func (n *Node) DropAll() {
	n.mu.Lock()
	n.life++
	all := n.cells
	n.cells = map[string]*cell{}
	n.mu.Unlock()
	for _, c := range byStore(all) {
		c.close(errLost)
	}
}

// remove takes a cell off the node, and reports whether it was there.
func (n *Node) remove(c *cell) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	was := n.cells[c.store] == c
	if was {
		delete(n.cells, c.store)
	}
	return was
}

// departure is what a cell that leaves waits for: its actors. When the cell is lost meanwhile
// nothing of it can be written any more, and those that are gone would never say that they leave.
type departure struct {
	actors atomic.Int64
	once   sync.Once
	gone   chan struct{}
}

func (d *departure) one() {
	if d.actors.Add(-1) == 0 {
		d.end()
	}
}

func (d *departure) end() { d.once.Do(func() { close(d.gone) }) }

// departs tells an entity that its cell leaves the node: it takes nothing any more.
type departs struct{ from *departure }

func (c *cell) leaving() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.departure != nil
}

// leave has every actor of the cell end, and returns what is closed when they have. From
// here on the cell makes no new ones.
func (c *cell) leave() <-chan struct{} {
	c.mu.Lock()
	if c.departure != nil {
		defer c.mu.Unlock()
		return c.departure.gone
	}
	d := &departure{gone: make(chan struct{})}
	c.departure, c.shut = d, true
	if c.closed {
		d.end()
	}
	c.mu.Unlock()
	all := c.all()
	d.actors.Store(int64(len(all)) + 1)
	for _, e := range all {
		e.tell(departs{d})
	}
	d.one()
	return d.gone
}

// leave ends an entity whose cell leaves. What it decided and nobody has heard of yet is
// written; those who still wait for an answer are told to ask where the cell is then.
func (e *entity) leave(d *departure) {
	defer d.one()
	if e.gone {
		return
	}
	defer e.end() // whatever happens: an actor that is left could append
	if !e.loading {
		e.flush()
	}
	e.unstash()
}
