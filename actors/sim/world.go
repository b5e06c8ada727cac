package sim

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"time"
)

// World is one run: an event heap, a clock that jumps from event to event, one source of
// randomness, and everything that has been built on them. The same plan plays the same
// run, to the last event.
type World struct {
	plan *Plan
	rng  *rand.Rand
	now  int64 // µs since the start
	n    uint64
	heap []event

	db      *database
	nodes   []*node
	checks  *checks
	screens Screens // behind the nodes; nil: none
	cells   []string

	provider *provider
	reports  int // of it
	box      *box

	file    file  // once it was decoded
	clients int   // that still wait for an answer and will not give up
	heard   int64 // when the last of them was answered

	loaded bool // the store is
	healed bool
	steps  int // of processes: where a sweep may crash one
	faults int
	hash   digest
	story  io.Writer // nil: nobody reads it
}

// event is something that happens at a time; of those of one time the first one planned
// comes first.
type event struct {
	at int64
	n  uint64
	in *process // whose step it is; nil: the world's
	do func()
}

func (a *event) before(b *event) bool { return a.at < b.at || a.at == b.at && a.n < b.n }

const (
	overtime = 20 * second // what clients who were not answered by the end still have, in µs
	rest     = 12 * second // after the last answer
)

// eventsMax is many times what a run comes to.
const eventsMax = 1_000_000

const (
	millisecond int64 = 1000
	second            = 1000 * millisecond
)

func newWorld(p *Plan, story io.Writer) *World {
	w := &World{plan: p, rng: rand.New(rand.NewPCG(p.Seed, 0xB216A7A)), story: story}
	w.cells = append([]string{storeID}, p.Others...)
	w.provider = &provider{world: w, charges: map[string]*charge{}}
	w.box = &box{world: w}
	w.db = newDatabase(w)
	w.checks = newChecks(w)
	for i := range p.Nodes {
		w.nodes = append(w.nodes, newNode(w, i))
	}
	for _, n := range w.nodes {
		n.start()
	}
	w.open()
	return w
}

// after plans do for d µs from now.
func (w *World) after(d int64, do func()) { w.plans(d, nil, do) }

func (w *World) plans(d int64, in *process, do func()) {
	w.n++
	h := append(w.heap, event{w.now + max(d, 0), w.n, in, do})
	for i := len(h) - 1; i > 0; {
		p := (i - 1) / 2
		if !h[i].before(&h[p]) {
			break
		}
		h[i], h[p] = h[p], h[i]
		i = p
	}
	w.heap = h
}

func (w *World) pop() event {
	h := w.heap
	first, last := h[0], len(h)-1
	h[0] = h[last]
	h[last] = event{}
	h = h[:last]
	for i := 0; ; {
		c := 2*i + 1
		if c >= last {
			break
		}
		if c+1 < last && h[c+1].before(&h[c]) {
			c++
		}
		if !h[c].before(&h[i]) {
			break
		}
		h[i], h[c] = h[c], h[i]
		i = c
	}
	w.heap = h
	return first
}

// play runs until the end, or until something is wrong.
func (w *World) play() {
	for len(w.heap) > 0 && w.n <= eventsMax && w.checks.violation == "" && w.heap[0].at <= w.end() {
		e := w.pop()
		w.now = e.at
		w.hash.number(uint64(e.at))
		w.hash.number(e.n)
		if e.in != nil {
			e.in.step(e.do)
		} else {
			e.do()
		}
	}
	if w.n > eventsMax {
		w.checks.fail("L2", "there is no end to what happens")
	}
	if w.checks.violation == "" {
		w.now = w.end()
		w.checks.atRest()
	}
	for _, n := range w.nodes {
		n.kill()
	}
}

// end is the plan's, or later when a long story in a slow world took that long: what the last
// answer left to do takes its time.
func (w *World) end() int64 {
	if w.clients > 0 {
		return w.plan.End + overtime
	}
	return max(w.plan.End, w.heard+rest)
}

// tell adds a line to the story.
func (w *World) tell(format string, args ...any) {
	if w.story != nil {
		fmt.Fprintf(w.story, "%10.3f  %s\n", float64(w.now)/float64(second), bytes.TrimSpace(fmt.Appendf(nil, format, args...)))
	}
}

func (w *World) between(a, b int64) int64 { return a + w.rng.Int64N(b-a+1) }

// chance is true with probability p until the world has healed.
func (w *World) chance(p float64) bool { return !w.healed && p > 0 && w.rng.Float64() < p }

// time is what a clock that is right shows.
func (w *World) time() time.Time { return w.plan.Began.Add(time.Duration(w.now) * time.Microsecond) }

// latency is how long one message takes.
func (w *World) latency() int64 {
	d := w.between(200, 3000)
	if w.chance(w.plan.Tail) {
		d += w.between(0, 4*second)
	}
	return d
}

// net carries a message between a node and a gateway: late, twice, or not at all.
func (w *World) net(n *node, do func()) {
	for range 2 {
		if w.chance(w.plan.Drop) {
			return
		}
		w.after(w.latency(), func() {
			if !n.cutOff {
				do()
			}
		})
		if !w.chance(w.plan.Twice) {
			return
		}
	}
}
