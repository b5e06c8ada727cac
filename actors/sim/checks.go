package sim

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"slices"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/journal"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/sensor"
	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/actors/wire"
)

// checks holds the run to the invariants. It knows the log alone: every block that has
// been committed, folded by the rules.
type checks struct {
	world     *World
	violation string // the first

	all      map[journal.Key]*entity
	order    []*entity // in the order in which they came to be
	byName   map[command.Target]*entity
	outcomes map[command.ID]*outcome
	today    *store.Today
	alerts   map[string]int // by work order

	answers, reads, pushes, commits int

	snapshots int
	scratch   []byte
}

// entity is what the log says of one.
type entity struct {
	key   journal.Key
	kind  uint8
	fold  *actors.Fold
	views []seen       // what is to be seen, by version
	shown bool         // there is something to be seen now
	moved bool         // something has happened to it: answers alone are not shown
	at    time.Time    // of the last turn
	known int64        // version that its node knows of: an intruder's is not
	board *actors.View // the newest that has been published
	from  *process     // by whom
	by    *process     // whose events the last ones are
	items map[string]item

	answers []*outcome // of the commands that it was asked to do
}

// seen is a view as the log has it. Few are ever compared.
type seen struct {
	view any // nil: there is none
	live bool
	hash uint64 // 0: not yet known
}

// outcome is what the log says became of a command.
type outcome struct {
	id       command.ID
	of       *entity
	body     [16]byte
	by       string
	v        int64
	at       time.Time
	reply    []byte
	refusal  *refusal.Refusal
	answered bool
}

var seed = maphash.MakeSeed()

func newChecks(w *World) *checks {
	return &checks{world: w, all: map[journal.Key]*entity{}, byName: map[command.Target]*entity{}, outcomes: map[command.ID]*outcome{},
		alerts: map[string]int{}}
}

// fail notes what is wrong, and ends the run.
func (k *checks) fail(invariant, format string, args ...any) {
	if k.violation == "" {
		k.violation = invariant + ": " + fmt.Sprintf(format, args...)
		k.world.tell("VIOLATION %s", k.violation)
	}
}

// entities lists those of a kind.
func (k *checks) entities(kind string) (of []*entity) {
	for _, e := range k.order {
		if e.fold.Kind == kind {
			of = append(of, e)
		}
	}
	return of
}

// durable is the version that a read which starts now must not go behind: 0 while there
// may be nothing to see.
func (k *checks) durable(t command.Target) int64 {
	if e := k.byName[t]; e != nil && e.shown {
		return e.known
	}
	return 0
}

// alone: no two processes answer for one cell (I12).
func (k *checks) alone(is *keeping) {
	for _, cell := range k.world.cells {
		if !is.answers(cell) {
			continue
		}
		for _, n := range k.world.nodes {
			if n.keeping != nil && n.keeping != is && n.keeping.answers(cell) {
				k.fail("I12", "nodes %d and %d both answer for %s", is.process.node.index, n.index, cell)
			}
		}
	}
}

// committed folds what has become durable.
func (k *checks) committed(by *process, b *journal.Batch) {
	k.commits++
	held := make([]bool, len(b.Heads)) // to what the log folded to at their version
	snapshots := func(e *entity) {
		for i := range b.Heads {
			if h := &b.Heads[i]; !held[i] && h.Seq == e.fold.V && h.Key == e.key {
				held[i] = true
				k.snapshot(e, h)
			}
		}
	}
	for i := range b.Rows {
		r := &b.Rows[i]
		k.world.hash.bytes(r.Key[:])
		k.world.hash.number(uint64(r.Seq))
		k.world.hash.bytes(r.Payload)
		e := k.entity(r)
		if e == nil || r.Seq != e.fold.V+1 {
			k.fail("I0", "the log of %s %x has %d slots, and a block at %d", e.fold.Kind, r.Key, e.fold.V, r.Seq)
			return
		}
		turns, err := wire.DecodeBlock(r.Payload)
		if err != nil {
			k.fail("I0", "a block does not decode: %v", err)
			return
		}
		for j := range turns {
			if len(turns[j].Events) > 0 {
				e.by = by
			}
			k.turn(e, &turns[j])
			snapshots(e)
		}
		if by != nil { // not an intruder
			e.known = e.fold.V
		}
		if e.fold.V != r.Seq+int64(r.N)-1 {
			k.fail("I0", "a block of %s says it has %d slots, and has %d", e.fold.Kind, r.N, e.fold.V-r.Seq+1)
		}
	}
	for i := range b.Heads {
		h := &b.Heads[i]
		if e := k.all[h.Key]; e == nil || h.Seq > e.fold.V {
			k.fail("snapshot", "one of %x is as of version %d, which is not in the log", h.Key, h.Seq)
		} else {
			snapshots(e)
		}
	}
}

func (k *checks) entity(r *journal.Row) *entity {
	if e := k.all[r.Key]; e != nil {
		return e
	}
	f, err := actors.NewFold(r.Kind)
	if err != nil {
		k.fail("I0", "%v", err)
		return nil
	}
	e := &entity{key: r.Key, kind: r.Kind, fold: f, items: map[string]item{}}
	k.all[r.Key] = e
	k.order = append(k.order, e)
	return e
}

func (k *checks) turn(e *entity, t *wire.Turn) {
	before := e.fold.V
	if t.At.Before(e.at) {
		k.fail("time", "%s %s has a turn at %v after one at %v", e.fold.Kind, short(e.fold.ID), t.At, e.at)
	}
	e.at = t.At
	e.fold.Turn(t)
	for _, x := range t.Events {
		if a, ok := x.(*sensor.Alerted); ok {
			k.alerts[a.WorkOrder]++
		}
	}
	e.moved = e.moved || len(t.Events) > 0
	v := e.fold.V
	if before == 0 {
		k.byName[command.Target{Kind: e.fold.Kind, ID: e.fold.ID}] = e
	}
	k.answer(e, t, v)
	switch s := e.fold.State().(type) {
	case *store.State, *menu.State:
		k.renew()
	default:
		k.holds(e, s)
	}
	view := e.fold.View(k.today)
	if e.shown = view != nil; e.shown {
		e.views = append(e.views, make([]seen, int(v)+1-len(e.views))...)
		e.views[v] = seen{view: view, live: e.fold.Live()}
	}
	if k.world.story != nil {
		k.world.tell("  log: %s %s v%d %s", e.fold.Kind, short(e.fold.ID), v, sayTurn(t))
	}
}

func sayTurn(t *wire.Turn) (s string) {
	for _, x := range t.Events {
		s += fmt.Sprintf(" %T", x)
	}
	if t.Answer != wire.None {
		s += fmt.Sprintf(" [%s %d]", short(string(t.ID)), t.Answer)
	}
	if t.Answers != "" {
		s += fmt.Sprintf(" [answers %s]", short(string(t.Answers)))
	}
	return s
}

// hashView is a hash of a view, never 0.
func (k *checks) hashView(view any) uint64 {
	k.scratch = wire.AppendView(k.scratch[:0], view, wire.Staff)
	return maphash.Bytes(seed, k.scratch) | 1
}

// had says that the log had an entity look like that at a version.
func (k *checks) had(e *entity, v int64, view any, live bool) bool {
	if v >= int64(len(e.views)) || e.views[v].view == nil || e.views[v].live != live {
		return false
	}
	s := &e.views[v]
	if s.hash == 0 {
		s.hash = k.hashView(s.view)
	}
	return s.hash == k.hashView(view)
}

func (k *checks) renew() {
	var s store.State
	var m *menu.Menu
	for _, e := range k.order {
		switch x := e.fold.State().(type) {
		case *store.State:
			s = *x
		case *menu.State:
			m = x.Menu
		}
	}
	k.today = s.Today(m, time.UTC, nil)
	k.today.Providers = []string{providerName}
}

// answer notes what a turn answers: a command has one outcome (I4).
func (k *checks) answer(e *entity, t *wire.Turn, v int64) {
	if t.ID != "" && t.Answer != wire.None && t.Answers == "" {
		if had := k.outcomes[t.ID]; had != nil {
			k.fail("I4", "command %s is done at version %d of %s %s, and was at version %d of %s", short(string(t.ID)), v, e.fold.Kind, short(e.fold.ID), had.v, had.of.fold.Kind)
			return
		}
		if made := minted(t.ID); t.At.Sub(made) > 25*time.Hour {
			k.fail("retention", "command %s was minted at %v and is done at %v: nobody remembers whether it was done before", short(string(t.ID)), made, t.At)
		}
		if made := minted(t.ID); made.Sub(t.At) > 2*time.Hour {
			k.fail("retention", "command %s was minted at %v and is done at %v: its answer is forgotten before its id is too old", short(string(t.ID)), made, t.At)
		}
		o := &outcome{id: t.ID, of: e, body: t.Body, by: t.Principal, v: v, at: t.At, reply: t.Reply, refusal: t.Refusal, answered: t.Answer != wire.Later}
		k.outcomes[t.ID] = o
		e.answers = append(e.answers, o)
	}
	if t.Answers == "" {
		return
	}
	o := k.outcomes[t.Answers]
	if o == nil || o.answered {
		k.fail("I4", "%s %s answers command %s, which does not wait", e.fold.Kind, short(e.fold.ID), short(string(t.Answers)))
		return
	}
	o.v, o.reply, o.refusal, o.answered = v, t.Reply, t.Refusal, true
}

// is says that an entity remembers the outcome as the log has it.
func (o *outcome) is(a *wire.Answered) bool {
	return a.Later != o.answered && a.V == o.v && bytes.Equal(a.Reply, o.reply) && a.Body == o.body && a.Principal == o.by &&
		(a.Refusal == nil) == (o.refusal == nil) && (a.Refusal == nil || a.Refusal.Code == o.refusal.Code)
}

// pushed takes what a node shows to everybody: it is durable, and as the log has it.
func (k *checks) pushed(by *process, v *actors.View) {
	k.pushes++
	e := k.byName[v.Target]
	if e == nil || v.V > e.fold.V {
		k.fail("I2", "version %d of %s %s is shown before it is durable", v.V, v.Target.Kind, short(v.Target.ID))
		return
	}
	if !k.had(e, v.V, v.View, v.Live) {
		k.fail("I2", "%s %s is shown at version %d as the log never had it: %s", v.Target.Kind, short(v.Target.ID), v.V, wire.AppendView(nil, v.View, wire.Staff))
		return
	}
	if e.board != nil && e.board.V > v.V {
		if e.from != by {
			return // an earlier owner's: boards know better
		}
		k.fail("I10", "%s %s is shown at version %d after version %d", v.Target.Kind, short(v.Target.ID), v.V, e.board.V)
	}
	shown := *v
	e.board, e.from = &shown, by
}

// answered holds an answer that leaves a node to the log.
func (k *checks) answered(c *call, try int, a *actors.Answer) {
	k.answers++
	k.world.hash.bytes([]byte(c.step.ID))
	k.world.hash.number(uint64(a.V)<<1 | one(a.Refusal != nil))
	switch {
	case a.Refusal != nil && (a.Refusal.Code.Retry() || a.Refusal.Code == refusal.Internal):
	case c.isRead():
		k.read(c, c.floors[try-1], a)
	default:
		k.outcome(c, a)
	}
}

func (k *checks) read(c *call, floor int64, a *actors.Answer) {
	k.reads++
	t := c.step.Read
	if a.Refusal != nil {
		if floor > 0 {
			k.fail("I6", "%s %s is not there, and was at version %d when the read began", t.Kind, short(t.ID), floor)
		}
		return
	}
	e := k.byName[t]
	switch {
	case a.V < floor:
		k.fail("I6", "%s %s is read at version %d, and was at %d when the read began", t.Kind, short(t.ID), a.V, floor)
	case a.V == 0: // a table that nothing has happened to
	case e == nil || a.V > e.fold.V:
		k.fail("I2", "version %d of %s %s is read before it is durable", a.V, t.Kind, short(t.ID))
	case !k.had(e, a.V, a.View, a.Live):
		k.fail("I2", "%s %s is read at version %d as the log never had it: %s", t.Kind, short(t.ID), a.V, wire.AppendView(nil, a.View, wire.Staff))
	}
}

// outcome holds a command's answer to its outcome in the log.
func (k *checks) outcome(c *call, a *actors.Answer) {
	o, id := k.outcomes[c.step.ID], short(string(c.step.ID))
	if a.Refusal != nil && len(a.Refusal.Fields.Errors) == 1 && a.Refusal.Fields.Errors[0].At == "/cid" {
		if age := k.world.time().Sub(minted(c.step.ID)); age > 23*time.Hour || age < -30*time.Minute {
			return // too old to be known, or from a clock that is far ahead
		}
	}
	if o != nil && (o.body != c.body || o.by != c.principal()) {
		if a.Refusal == nil || a.Refusal.Fields.Reason != "cid_reused" {
			k.fail("I4", "command id %s was used for something else, and %s is answered %s", id, c, sayAnswer(a))
		}
		return
	}
	if o == nil || !o.answered {
		if a.Refusal == nil || a.Refusal.Code.Outcome() && a.Refusal.Fields.Reason != "cid_reused" {
			k.fail("I2", "%s is answered %s, and the log has no outcome", c, sayAnswer(a))
		}
		return
	}
	same := a.V == o.v && bytes.Equal(a.D, o.reply) && (a.Refusal == nil) == (o.refusal == nil)
	if same && a.Refusal != nil {
		same = bytes.Equal(wire.AppendRefusal(nil, a.Refusal), wire.AppendRefusal(nil, o.refusal))
	}
	if a.Refusal != nil && o.refusal != nil && a.V == 0 { // a first refusal does not say its version
		same = bytes.Equal(wire.AppendRefusal(nil, a.Refusal), wire.AppendRefusal(nil, o.refusal))
	}
	if !same {
		k.fail("I4", "%s is answered %s, and the log says v%d %s %v", c, sayAnswer(a), o.v, o.reply, o.refusal)
	}
}

// snapshot holds one to what the log folds to at its version, with every answer that a
// repeat may still ask for.
func (k *checks) snapshot(e *entity, h *journal.Head) {
	if !h.Live && e.fold.Live() {
		k.fail("snapshot", "%s %s would not be opened with its cell", e.fold.Kind, short(e.fold.ID))
	}
	if k.snapshots++; k.snapshots%decoded != 0 && bytes.Equal(h.State, k.wanted(e)) {
		return
	}
	f, _ := actors.NewFold(e.kind)
	s, err := wire.DecodeSnapshot(h.State, f.State())
	if err != nil {
		k.fail("snapshot", "%s %s: %v", e.fold.Kind, short(e.fold.ID), err)
		return
	}
	is, want := wire.AppendSnapshot(nil, &wire.Snapshot{State: f.State()}), wire.AppendSnapshot(nil, &wire.Snapshot{State: e.fold.State()})
	if s.Entity != e.fold.ID || s.V != h.Seq || !bytes.Equal(is, want) {
		k.fail("snapshot", "%s %s at version %d is not what its log folds to:\n%+v\n%+v", e.fold.Kind, short(e.fold.ID), h.Seq, f.State(), e.fold.State())
	}
	for _, o := range e.answers {
		if k.world.time().Sub(o.at) > 24*time.Hour {
			continue
		}
		i := slices.IndexFunc(s.Answers, func(a wire.Answered) bool { return a.ID == o.id })
		if i < 0 || !o.is(&s.Answers[i]) {
			k.fail("snapshot", "%s %s at version %d lost the answer to %s", e.fold.Kind, short(e.fold.ID), h.Seq, short(string(o.id)))
			return
		}
	}
}

// decoded is that of so many snapshots one is decoded although it has the bytes that it
// should.
const decoded = 4

// wanted is the snapshot of an entity as of now, if nothing of it is too old to be kept.
func (k *checks) wanted(e *entity) []byte {
	s := wire.Snapshot{Entity: e.fold.ID, State: e.fold.State(), V: e.fold.V, At: e.at}
	for _, o := range e.answers {
		s.Answers = append(s.Answers, wire.Answered{ID: o.id, Body: o.body, Principal: o.by, V: o.v, At: o.at, Reply: o.reply, Refusal: o.refusal, Later: !o.answered})
	}
	k.scratch = wire.AppendSnapshot(k.scratch[:0], &s)
	return k.scratch
}
