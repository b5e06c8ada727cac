package sim

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/journal"
	"github.com/brigata/brigata/actors/refusal"
)

// node is a machine that runs one process after the other.
type node struct {
	world  *World
	index  int
	rate   float64 // of its clock: 1.01 runs a hundredth fast
	offset time.Duration

	process *process // nil: down
	host    *actors.Node
	serving bool

	cutOff       bool // from gateways
	toDB, fromDB bool // cut
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

// real is how long a wait by the node's clock takes, in µs.
func (n *node) real(d time.Duration) int64 { return int64(float64(d.Microseconds())/n.rate) + 1 }

var silent = slog.New(slog.NewTextHandler(io.Discard, nil))

// start brings up a process: it fences what an earlier one may still have on its way,
// opens the store, and then serves.
func (n *node) start() {
	n.world.tell("node %d starts", n.index)
	p := &process{world: n.world, node: n}
	n.process, n.serving = p, false
	c := n.world.db.connect(p)
	p.Go(func() {
		for !c.fence() {
			p.Wait(100*time.Millisecond, never)
		}
		host, err := actors.NewNode(n.config(p, c))
		if err != nil {
			panic(err)
		}
		n.host = host
		for host.Open(context.Background(), storeID) != nil {
			p.Wait(100*time.Millisecond, never)
		}
		n.serving = true
		n.world.tell("node %d serves", n.index)
	})
}

func never() bool { return false }

func (n *node) config(p *process, c *conn) actors.Config {
	return actors.Config{
		Journal: c, Engine: p, Threads: p, Now: n.clock, Log: silent, IdleAfter: n.world.plan.IdleAfter,
		Writer: journal.Options{RowsMax: n.world.plan.RowsMax},
		Publish: func(views []actors.View) {
			for i := range views {
				n.world.checks.pushed(&views[i])
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
			Lost: func(_ string, err error) { n.world.tell("node %d loses its cell: %v", n.index, err) },
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
		n.process, n.host, n.serving = nil, nil, false
		n.world.checks.forget()
	}
}

// restart stops the process as SIGTERM would, and starts another.
func (n *node) restart() {
	p, host := n.process, n.host
	if p == nil || !n.serving {
		return
	}
	n.world.tell("node %d stops", n.index)
	n.serving = false
	p.after(0, func() {
		p.Go(func() {
			if err := host.Stop(context.Background()); err != nil {
				n.world.tell("node %d stopped: %v", n.index, err)
			}
			n.world.after(0, func() { // from outside: a process does not end itself in mid-step
				if n.process == p {
					n.kill()
					n.world.after(n.world.between(millisecond, second), func() {
						if n.process == nil {
							n.start()
						}
					})
				}
			})
		})
	})
}

// arrive takes a request from a gateway.
func (n *node) arrive(c *call, try int) {
	p := n.process
	if p == nil {
		return
	}
	p.after(0, func() {
		if !n.serving {
			n.answer(p, c, try, actors.Answer{Refusal: &refusal.Refusal{Code: refusal.Moved}})
			return
		}
		r := c.request(n.clock())
		r.To, r.Tag = replier(func(_ int64, a actors.Answer) { n.answer(p, c, try, a) }), int64(try)
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
