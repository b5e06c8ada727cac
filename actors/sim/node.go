package sim

import (
	"log/slog"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/journal"
	"github.com/brigata/brigata/actors/mutant"
	"github.com/brigata/brigata/cluster/cells"
	"github.com/brigata/brigata/persistence/memory"
)

// node is a machine that runs one process after the other.
type node struct {
	world  *World
	index  int
	rate   float64 // of its clock: 1.01 runs a hundredth fast
	offset time.Duration
	frozen time.Duration // that a clock which stops with the machine stood still

	process *process        // nil: down
	store   *memory.Journal // of the last process
	host    *actors.Node
	keeping *keeping
	cashier *cashier

	draining bool
	unseen   bool // by the others' gossip

	cutOff       bool // from gateways
	toDB, fromDB bool // cut
	strays       int  // statements about claims that are to be very late
}

// storeID is the one store of a world.
const storeID = "demo"

func newNode(w *World, index int) *node {
	n := &node{world: w, index: index, rate: 1}
	if !w.plan.Calm {
		n.rate = 1 + (w.rng.Float64()-0.5)*0.02
		n.offset = time.Duration(w.between(-2*second, 2*second)) * time.Microsecond
	}
	return n
}

// clock is what the node thinks the time is.
func (n *node) clock() time.Time {
	return n.world.plan.Began.Add(n.offset + time.Duration(float64(n.world.now)*n.rate)*time.Microsecond)
}

// slowest is what the node thinks whose clock is the farthest behind: what is due is due
// by the clock of whoever has it.
func (w *World) slowest() time.Time {
	at := w.nodes[0].clock()
	for _, n := range w.nodes[1:] {
		if c := n.clock(); c.Before(at) {
			at = c
		}
	}
	return at
}

// sinceBoot is a clock that nobody sets. It goes on while the machine sleeps.
func (n *node) sinceBoot() time.Duration {
	return time.Duration(float64(n.world.now)*n.rate)*time.Microsecond - n.frozen
}

// real is how long a wait by the node's clock takes, in µs.
func (n *node) real(d time.Duration) int64 { return int64(float64(d.Microseconds())/n.rate) + 1 }

var silent = slog.New(slog.DiscardHandler)

// start brings up a process: it takes a lease, and opens the cells that are its.
func (n *node) start() {
	n.world.tell("node %d starts", n.index)
	p := &process{world: n.world, node: n}
	n.process, n.draining = p, false
	c := n.world.db.connect(p)
	n.keeping = newKeeping(p, c)
	n.cashier = &cashier{process: p, jobs: map[string]*job{}}
	host, err := actors.NewNode(n.config(p, c))
	if err != nil {
		panic(err)
	}
	n.host = host
	p.after(0, func() {
		n.keeping.turn(func(k *cells.Keeper) {
			if n.world.checks.commits == 0 {
				for _, cell := range n.world.cells {
					k.Create(cell)
				}
			}
		})
	})
}

func (n *node) config(p *process, c *conn) actors.Config {
	return actors.Config{
		Journal: c, Engine: p, Threads: p, Lease: n.keeping, Now: n.clock, Log: silent, IdleAfter: n.world.plan.IdleAfter,
		Providers: func(string) []string { return []string{providerName} },
		Writer:    journal.Options{RowsMax: n.world.plan.RowsMax},
		Publish: func(views []actors.View) {
			n.cashier.see(views)
			views = misshow(views)
			for i := range views {
				n.world.checks.pushed(p, &views[i])
			}
			if s := n.world.screens; s != nil {
				s.Shown(p, n.clock(), n.host.Today(storeID), views)
			}
		},
		Hooks: actors.Hooks{
			Turn: func(kind string, events int) {
				if n.world.loaded && n.world.chance(n.world.plan.Panics) {
					n.world.tell("node %d: %s panics in its turn", n.index, kind)
					panic("injected")
				}
			},
			Panicked: func(_, kind, id string, value any, stack []byte) {
				if value != any("injected") {
					n.world.checks.fail("panic", "%s %s: %v\n%s", kind, id, value, stack)
				}
			},
			Lost: func(_ string, err error) {
				p.lapsed = true
				n.world.tell("node %d loses its cell: %v", n.index, err)
			},
		},
	}
}

// crash ends the process as kill -9 would, and starts another after a while.
func (n *node) crash(down int64) {
	if n.process == nil {
		return
	}
	n.world.tell("node %d CRASHES", n.index)
	n.kill()
	n.world.after(down, func() {
		if n.process == nil {
			n.start()
		}
	})
}

func (n *node) kill() {
	if n.process != nil {
		n.process.kill()
		n.process, n.host, n.keeping, n.cashier = nil, nil, nil, nil
	}
}

// restart stops the process as SIGTERM would, and starts another: it hands its cells over
// first, or gives up.
func (n *node) restart() {
	p := n.process
	if p == nil || n.draining {
		return
	}
	n.world.tell("node %d drains", n.index)
	n.draining = true
	p.after(0, func() { n.keeping.turn((*cells.Keeper).Drain) })
	var wait func(left int)
	wait = func(left int) {
		if n.process != p {
			return
		}
		if held, _ := n.keeping.keeper.Held(); held > 0 && left > 0 {
			n.world.after(100*millisecond, func() { wait(left - 1) })
			return
		}
		n.crash(n.world.between(millisecond, second))
	}
	n.world.after(100*millisecond, func() { wait(30) })
}

// arrive takes a request from a gateway.
func (n *node) arrive(c *call, try int) {
	p := n.process
	if p == nil {
		return
	}
	p.after(0, func() {
		r := c.request(n.clock())
		r.To, r.Tag = replier(func(_ int64, a actors.Answer) { n.answer(p, c, try, a) }), int64(try)
		if mutant.Is(mutant.OpenOnDemand) {
			n.keeping.turn(func(k *cells.Keeper) { k.Create(storeID) })
		}
		n.host.Do(r)
	})
}

type replier func(int64, actors.Answer)

func (f replier) Reply(tag int64, a actors.Answer) { f(tag, a) }

// answer sends an answer out: from here on it is the world's.
func (n *node) answer(p *process, c *call, try int, a actors.Answer) {
	p.after(0, func() {
		n.world.checks.answered(c, try, &a)
		n.world.net(n, func() { c.answered(try, &a) })
	})
}
