package sim

import (
	"context"
	"fmt"
	"time"

	"github.com/brigata/brigata/actors/journal"
	"github.com/brigata/brigata/actors/mutant"
	"github.com/brigata/brigata/cluster/cells"
)

// keeping drives a process's keeper: it is what cells.Runner is in a real one, on the
// event heap.
type keeping struct {
	process *process
	conn    *conn
	keeper  *cells.Keeper
	planned int64 // of the next tick; earlier ones are left alone
}

var _ cells.World = (*keeping)(nil)

func newKeeping(p *process, c *conn) *keeping {
	k := &keeping{process: p, conn: c}
	w := p.world
	k.keeper = cells.NewKeeper(k, c, cells.Options{TTL: 2 * time.Second, Dwell: 500 * time.Millisecond, Settle: 200 * time.Millisecond}, cells.Events{
		Joined: func(l journal.Lease) { w.tell("node %d joins as %d, epoch %d", p.node.index, l.Node, l.Epoch) },
		Lapsed: func(why error) {
			p.lapsed = true
			w.tell("node %d drops its cells: %v", p.node.index, why)
		},
		Evicted: func(l journal.Lease) { w.tell("node %d evicts %s", p.node.index, l.Name) },
		Changed: p.spread,
	})
	return k
}

// spread tells the other processes of a claim: late, or not at all. Nobody is told twice.
func (p *process) spread(c journal.Claim) {
	w := p.world
	for _, n := range w.nodes {
		to := n.process
		if to == nil || to == p || n.unseen || p.node.unseen || w.chance(w.plan.Drop) {
			continue
		}
		w.after(w.latency(), func() {
			to.after(0, func() { to.node.keeping.turn(func(k *cells.Keeper) { k.Heard([]journal.Claim{c}) }) })
		})
	}
}

// turn calls the keeper, and plans its next tick.
func (k *keeping) turn(do func(*cells.Keeper)) {
	do(k.keeper)
	k.process.world.checks.alone(k)
	k.tick()
}

// answers reports whether the process answers for a cell at this moment.
func (k *keeping) answers(cell string) bool {
	o, ok := k.keeper.Where(cell)
	return ok && o.Open && k.keeper.Good() > k.Now()
}

func (k *keeping) tick() {
	w := k.process.world
	next := k.keeper.Tick() - k.Now()
	at := w.now + k.process.node.real(max(next, time.Millisecond))
	if k.planned > w.now && k.planned <= at {
		return
	}
	k.planned = at
	k.process.after(at-w.now, func() {
		if k.planned == at {
			k.planned = 0
			k.tick()
		}
	})
}

// Now implements cells.World: a clock that may run fast or slow, and is never set.
func (k *keeping) Now() time.Duration {
	if mutant.Is(mutant.WallClock) {
		return k.process.node.sinceBoot() + k.process.node.offset + time.Minute
	}
	return k.process.node.sinceBoot()
}

// Ask implements cells.World.
func (k *keeping) Ask(within time.Duration, op func(context.Context) error, done func(error)) {
	k.process.Go(func() {
		err := op(bounded(within))
		k.process.after(0, func() { k.turn(func(*cells.Keeper) { done(err) }) })
	})
}

// Members implements cells.World: who is there, as gossip has it.
func (k *keeping) Members() (all []cells.Member) {
	for _, n := range k.process.world.nodes {
		if n.process != nil && (n == k.process.node || !n.unseen) {
			all = append(all, cells.Member{Name: n.name(), Node: n.process.stream, Draining: n.draining})
		}
	}
	return all
}

// Open implements cells.World.
func (k *keeping) Open(cell string, claim int64, done func(error)) {
	activate := k.process.node.host.Activator()
	if mutant.Is(mutant.OpenAfterLapse) {
		activate = k.process.node.host.Activate
	}
	k.process.Go(func() {
		err := activate(context.Background(), cell, claim)
		k.process.world.tell("node %d opens the cell, claim %d: %v", k.process.node.index, claim, err)
		k.process.after(0, func() { k.turn(func(*cells.Keeper) { done(err) }) })
	})
}

// HandOver implements cells.World.
func (k *keeping) HandOver(cell string, claim int64, done func(error)) {
	k.process.Go(func() {
		k.process.world.tell("node %d hands the cell over", k.process.node.index)
		var err error
		if !mutant.Is(mutant.ReleaseBeforeFlush) {
			err = k.process.node.host.HandOver(context.Background(), cell, claim)
		}
		k.process.after(0, func() { k.turn(func(*cells.Keeper) { done(err) }) })
	})
}

// DropAll implements cells.World.
func (k *keeping) DropAll(done func()) {
	k.process.Go(func() {
		k.process.node.host.DropAll()
		k.process.after(0, func() { k.turn(func(*cells.Keeper) { done() }) })
	})
}

// Good implements actors.Lease.
func (k *keeping) Good() bool {
	return k.keeper.Good() > k.Now() || mutant.Is(mutant.ReadWithoutLease)
}

// Lost implements actors.Lease.
func (k *keeping) Lost(store string, claim int64, err error) {
	k.process.after(0, func() { k.turn(func(keeper *cells.Keeper) { keeper.Lost(store, claim, err) }) })
}

func (n *node) name() string { return fmt.Sprintf("node-%d", n.index) }

// Outdated implements actors.Lease.
func (k *keeping) Outdated(store string, claim int64) {
	k.process.after(0, func() { k.turn(func(keeper *cells.Keeper) { keeper.Outdated(store, claim) }) })
}
