package actors

import (
	"errors"
	"sync"
	"time"

	"github.com/brigata/brigata/actors/journal"
	"github.com/brigata/brigata/actors/mutant"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/wire"
)

// gate holds a cell's log until the writer takes it, and everything that leaves the
// cell until what it depends on is durable: a cell's log is durable only as a prefix,
// so what waits goes with the last row appended before it.
type gate struct {
	cell *cell

	mu      sync.Mutex
	blocks  []*block
	heads   []journal.Head
	outs    []out
	views   []shown
	traces  []wire.Trace // sampled ones of what waits
	since   time.Time    // of the first turn that waits
	cuts    []cut        // handed to the writer, oldest first
	durable int64        // token of the last cut that is
	queued  bool         // the writer knows that something waits
	lost    bool

	freeBlocks []*block
	freeCuts   []cut
	publish    []View // scratch of Durable
}

// block is what an entity has appended since the last cut: one row of the journal.
type block struct {
	entity  *entity
	seq     int64
	n       int
	payload []byte
}

// out is an answer that waits.
type out struct {
	to     Replier
	tag    int64
	answer Answer
}

// shown is an entity's newest view since the last cut; older ones are not published.
type shown struct {
	entity *entity
	view   View
}

// cut is what one transaction makes durable of this cell.
type cut struct {
	token  int64
	blocks []*block
	outs   []out
	views  []shown
	traces []wire.Trace
	since  time.Time
}

const (
	payloadKept = 64 << 10 // a larger buffer is not used again
	blocksKept  = 4096
	cutsKept    = 8
)

// appended is what a turn adds to the log, and what waits for it.
type appended struct {
	payload []byte
	n       int           // slots; 0 for a snapshot alone
	head    *journal.Head // snapshot
	view    any
	live    bool
	trace   wire.Trace
	outs    []out
}

// append adds a turn of an entity to the log. It reports false when the cell is lost:
// nothing of the turn will ever be.
func (g *gate) append(e *entity, a appended) bool {
	g.mu.Lock()
	if g.lost {
		g.mu.Unlock()
		return false
	}
	if a.trace.Sampled() {
		g.traces = append(g.traces, a.trace)
	}
	if a.n > 0 {
		b := e.block
		if b == nil {
			b = g.newBlock(e)
		}
		b.n += a.n
		b.payload = append(b.payload, a.payload...)
	}
	if a.head != nil {
		g.heads = append(g.heads, *a.head)
	}
	if a.view != nil {
		v := View{Store: g.cell.store, Target: e.target, V: e.seq, View: a.view, Live: a.live, At: e.at, Trace: a.trace}
		if e.viewAt > 0 && mutant.Is(mutant.PushFirst) {
			v = g.views[e.viewAt-1].view
		}
		if e.viewAt > 0 {
			before := &g.views[e.viewAt-1].view
			if !v.Trace.Sampled() { // it shows what the traced turn led to as well
				v.Trace = before.Trace
			}
			*before = v
		} else {
			g.views = append(g.views, shown{e, v})
			e.viewAt = len(g.views)
		}
	}
	if mutant.Any() {
		a.outs = g.mutated(e, a)
	}
	g.outs = append(g.outs, a.outs...)
	queued := g.queued
	g.queued = true
	g.mu.Unlock()
	if queued {
		g.cell.node.writer.Grow()
	} else {
		g.cell.node.writer.Append(g.cell)
	}
	return true
}

func (g *gate) newBlock(e *entity) (b *block) {
	if last := len(g.freeBlocks) - 1; last >= 0 {
		b, g.freeBlocks = g.freeBlocks[last], g.freeBlocks[:last]
	} else {
		b = new(block)
	}
	b.entity, b.seq, b.n, b.payload = e, e.durableSeq+1, 0, b.payload[:0]
	e.block = b
	if len(g.blocks) == 0 {
		g.since = g.cell.node.config.Now()
	}
	g.blocks = append(g.blocks, b)
	return b
}

// pass lets an answer out that adds nothing to the log, as soon as all of the log that
// it may have seen is durable.
func (g *gate) pass(o out) {
	g.mu.Lock()
	switch last := len(g.cuts) - 1; {
	case g.lost:
		o.answer = Answer{Refusal: errMoved}
	case !g.cell.node.good() && !(mutant.Is(mutant.AbsenceWithoutLease) && o.answer.Refusal != nil && o.answer.Refusal.Code == refusal.NotFound): // what is in memory may be old
		o.answer = Answer{Refusal: errLost}
	case len(g.blocks)+len(g.heads) > 0:
		g.outs = append(g.outs, o)
		g.mu.Unlock()
		return
	case last >= 0:
		g.cuts[last].outs = append(g.cuts[last].outs, o)
		g.mu.Unlock()
		return
	}
	g.mu.Unlock()
	o.to.Reply(o.tag, o.answer)
}

// settled says that nothing of the entity waits or is on its way to the database.
func (g *gate) settled(e *entity) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return e.block == nil && e.viewAt == 0 && e.cutAt <= g.durable
}

// Cut implements journal.Source.
func (c *cell) Cut(b *journal.Batch) {
	g := &c.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	g.queued = false
	if len(g.blocks)+len(g.heads) == 0 {
		return
	}
	for _, x := range g.blocks {
		e := x.entity
		b.Rows = append(b.Rows, journal.Row{Key: e.key, Cell: c.store, Kind: e.kind.id, Seq: x.seq, N: x.n, Payload: x.payload})
		e.block, e.cutAt, e.durableSeq = nil, b.Token, x.seq+int64(x.n)-1
	}
	b.Heads = append(b.Heads, g.heads...)
	for i := range g.views {
		g.views[i].entity.viewAt = 0
	}
	for i := range g.traces {
		b.Traces = append(b.Traces, journal.Trace{ID: g.traces[i].ID, Span: g.traces[i].Span})
	}
	next := cut{token: b.Token, blocks: g.blocks, outs: g.outs, views: g.views, traces: g.traces, since: g.since}
	g.cuts = append(g.cuts, next)
	g.blocks, g.outs, g.views, g.traces = nil, nil, nil, nil
	if last := len(g.freeCuts) - 1; last >= 0 {
		old := g.freeCuts[last]
		g.freeCuts = g.freeCuts[:last]
		g.blocks, g.outs, g.views = old.blocks, old.outs, old.views
	}
	clear(g.heads)
	g.heads = g.heads[:0]
}

// Durable implements journal.Source: the gate opens up to that cut.
func (c *cell) Durable(token int64) {
	g := &c.gate
	g.mu.Lock()
	if len(g.cuts) == 0 || g.cuts[0].token != token {
		g.mu.Unlock()
		return
	}
	done := g.cuts[0]
	copy(g.cuts, g.cuts[1:])
	g.cuts[len(g.cuts)-1] = cut{}
	g.cuts = g.cuts[:len(g.cuts)-1]
	g.durable = token
	for _, b := range done.blocks {
		b.entity = nil
		if cap(b.payload) <= payloadKept && len(g.freeBlocks) < blocksKept {
			g.freeBlocks = append(g.freeBlocks, b)
		}
	}
	g.mu.Unlock()

	if hook := c.node.config.Hooks.Opened; hook != nil && len(done.blocks) > 0 {
		hook(Opened{Since: done.since, At: c.node.config.Now(), Traces: done.traces})
	}
	if c.node.config.Publish != nil && len(done.views) > 0 {
		for i := range done.views {
			g.publish = append(g.publish, done.views[i].view)
		}
		c.node.config.Publish(g.publish)
		clear(g.publish)
		g.publish = g.publish[:0]
	}
	for i := range done.outs {
		done.outs[i].to.Reply(done.outs[i].tag, done.outs[i].answer)
	}

	clear(done.blocks)
	clear(done.outs)
	clear(done.views)
	done.blocks, done.outs, done.views = done.blocks[:0], done.outs[:0], done.views[:0]
	g.mu.Lock()
	if len(g.freeCuts) < cutsKept {
		g.freeCuts = append(g.freeCuts, done)
	}
	g.mu.Unlock()
}

// Lost implements journal.Source: nothing that waits will ever be durable.
func (c *cell) Lost(err error) {
	answer := errMoved
	if errors.Is(err, journal.ErrFenced) {
		answer = errLost
	}
	c.gate.shut(answer)
	if c.node.stopping.Load() {
		return
	}
	c.node.tasks.Go(func() { c.node.lost(c, err) })
}

// shut ends the gate: what waits is answered that it was not done.
func (g *gate) shut(answer *refusal.Refusal) {
	if answer == nil {
		answer = errMoved
	}
	g.mu.Lock()
	g.lost = true
	var outs []out
	for i := range g.cuts {
		outs = append(outs, g.cuts[i].outs...)
	}
	outs = append(outs, g.outs...)
	g.cuts, g.outs, g.views, g.blocks, g.heads = nil, nil, nil, nil, nil
	g.mu.Unlock()
	for i := range outs {
		outs[i].to.Reply(outs[i].tag, Answer{Refusal: answer})
	}
}
