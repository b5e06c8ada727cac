package actors

import (
	"encoding/hex"
	"reflect"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/journal"
	"github.com/brigata/brigata/actors/mutant"
	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/actors/wire"
)

// entity is one entity in memory. But for what is marked, it belongs to its mailbox.
type entity struct {
	cell   *cell
	kind   *kind
	target command.Target
	key    journal.Key
	mail   Mailbox

	machine machine
	seq     int64 // its version: slots of the journal it has used
	at      time.Time
	answers answers
	waiting []waiter // for deferred answers
	flying  []flight
	dueAt   time.Time
	loading bool
	dirty   bool       // it has changed since it was last asked what it owes
	trace   wire.Trace // of what it did last
	held    *wire.Turn // what is not in the log yet: see hold; nil: nothing
	heldN   int        // its slots
	stash   []any
	gone    bool // out of memory: messages go to its successor

	since     int   // slots since the last snapshot
	bytes     int   // of payload since then
	snapBytes int   // of the last snapshot
	snapAt    int64 // ms of it

	queued atomic.Int32 // messages that wait
	used   atomic.Int64 // ms of the last message from outside
	shown  atomic.Value // the newest view, which may not be durable yet: for previews

	// These are guarded by the gate.
	block      *block
	viewAt     int   // 1 + index of its view that waits
	cutAt      int64 // token of its last cut
	durableSeq int64 // last slot that was cut
}

// waiter is somebody who waits for the answer to a command.
type waiter struct {
	id command.ID
	out
}

// flight is a duty on its way.
type flight struct {
	to command.Target
	n  int64
	do reflect.Type
}

// Messages to an entity beside *Request, *duty and *outcome.
type (
	tick     struct{}
	snapshot struct{}                      // write one if anything happened since the last
	idle     struct{ after time.Duration } // leave memory if nothing is under way
	closed   struct{}                      // the cell is
	flag     struct {                      // for orders: food of a dish is held, or not any more
		dish string
		held bool
	}
	loaded struct {
		stored *journal.Stored // nil: the journal does not have it
	}
)

const (
	// A snapshot is due after so many slots, once the log since the last one is so many times
	// as large: snapshots of a large state must not outgrow the log. In a rush they wait for
	// a while, unless the log is far ahead of them.
	snapshotEvery, snapshotTimes, snapshotTimesMost = 100, 2, 8
	snapshotAfter                                   = 10 * time.Second

	stashMax = 4096

	// againAfter is when a duty is sent again whose receiver panicked.
	againAfter = time.Second
)

func newEntity(c *cell, k *kind, t command.Target, key journal.Key) *entity {
	e := &entity{cell: c, kind: k, target: t, key: key, machine: k.make()}
	e.used.Store(c.node.now().UnixMilli())
	return e
}

// tell puts a message into the entity's mailbox; a request that finds it full is
// refused. What entities of a cell owe one another is bounded by what they are.
func (e *entity) tell(m any) {
	r, isRequest := m.(*Request)
	if isRequest {
		e.used.Store(e.cell.node.now().UnixMilli())
		if int(e.queued.Load()) >= e.cell.node.config.MailboxMax {
			r.To.Reply(r.Tag, Answer{Refusal: errFull})
			return
		}
	}
	e.queued.Add(1)
	e.mail.Send(m)
}

// Receive implements Actor.
func (e *entity) Receive(m any) {
	e.queued.Add(-1)
	e.receive(m)
}

// Settled implements Actor.
func (e *entity) Settled() { e.after() }

// receive takes one message. A panic of the rules ends this state, not the node: the
// entity is loaded again from the journal.
func (e *entity) receive(m any) {
	defer func() {
		if v := recover(); v != nil {
			e.panicked(m, v)
		}
	}()
	if d, ok := m.(departs); ok {
		e.leave(d.from)
		return
	}
	switch {
	case e.gone:
		e.forward(m)
		return
	case e.loading:
		e.receiveLoading(m)
		return
	}
	if o, ok := m.(*outcome); ok {
		if mutant.Is(mutant.InnerByIdentity) {
			e.cross(o)
		}
		e.outcome(o)
		putDuty(o)
		return
	}
	if !mutant.Is(mutant.SnapshotHeld) || m != any(snapshot{}) {
		e.flush()
	}
	switch m := m.(type) {
	case *Request:
		e.request(m)
	case *duty:
		e.duty(m)
	case tick:
		e.dueAt = time.Time{}
		e.dirty = true // it may be time to try a duty again
		t := &command.Tick{}
		e.fill(&t.Header)
		e.step(t, wire.Turn{}, nil)
	case snapshot:
		if e.since > 0 {
			e.cell.gate.append(e, appended{head: e.head()})
		}
	case idle:
		e.idle(m.after)
	case flag:
		c := &order.FlagDish{Dish: m.dish, Held: m.held}
		e.fill(&c.Header)
		e.step(c, wire.Turn{}, nil)
	case resumed:
		e.dirty = true
	case closed:
		e.end()
	case loaded:
	}
}

// forward gives what came too late to the entity's next life.
func (e *entity) forward(m any) {
	switch m := m.(type) {
	case *Request:
		e.cell.node.Do(m)
	case *duty:
		if next := e.cell.entity(e.target, true); next != nil {
			next.tell(m)
		}
	case *outcome:
		if next := e.cell.entity(e.target, false); next != nil && next != e {
			next.tell(m)
		}
	case tick, resumed: // loading it is enough: then it looks at what it owes and when it is due
		e.cell.entity(e.target, false)
	}
}

func (e *entity) end() {
	e.gone = true
	for _, w := range e.waiting {
		w.to.Reply(w.tag, Answer{Refusal: errMoved})
	}
	e.waiting, e.machine, e.answers, e.flying = nil, e.kind.make(), answers{}, nil
}

// idle takes the entity out of memory, unless something is under way.
func (e *entity) idle(after time.Duration) {
	quiet := e.cell.node.now().Sub(time.UnixMilli(e.used.Load()))
	if e.machine.live() && quiet < after || quiet < min(after, overAfter) {
		return
	}
	if e.dirty || len(e.waiting)+len(e.flying) > 0 || !e.cell.gate.settled(e) && !mutant.Is(mutant.PassivateEarly) {
		return // dirty: what it owes since the message before this one is not under way yet
	}
	e.gone = true
	e.cell.drop(e, e.seq > 0)
}

// fill sets a command's header for a message from within the cell.
func (e *entity) fill(h *command.Header) {
	h.At = e.now()
	h.Today = e.cell.today.Load()
}

// now is the time, never before the entity's last event.
func (e *entity) now() time.Time {
	now := e.cell.node.now()
	if now.Before(e.at) && !mutant.Is(mutant.TimeGoesBack) {
		return e.at
	}
	return now
}

func fill(h *command.Header, r *Request, c *cell, at time.Time) {
	h.ID, h.At, h.By, h.Channel, h.Guest = r.ID, at, r.By, r.Channel, r.Guest
	h.Session = c.session(r.Session)
	h.Today = c.today.Load()
}

// request takes a client's command or read.
func (e *entity) request(r *Request) {
	o := out{to: r.To, tag: r.Tag}
	if !r.Deadline.IsZero() && e.cell.node.now().After(r.Deadline) {
		o.to.Reply(o.tag, Answer{Refusal: errLate})
		return
	}
	switch {
	case r.Command == nil:
		e.read(o)
		return
	case r.Dry:
		fill(r.Command.Head(), r, e.cell, e.now())
		o.answer = replyTo(e.machine.preview(e.cell.today.Load(), r.Command))
		e.cell.gate.pass(o)
		return
	}
	if had := e.answers.find(r.ID); had != nil && r.ID != "" {
		e.repeat(r, had, o)
		return
	}
	fill(r.Command.Head(), r, e.cell, e.now())
	if c, ok := r.Command.(*store.Configure); ok {
		if no := e.cell.zoned(c); no != nil {
			o.answer.Refusal = no
			e.cell.gate.pass(o)
			return
		}
	}
	e.step(r.Command, wire.Turn{ID: r.ID, Body: r.Body, Principal: r.Principal, By: r.By, Trace: r.Trace}, &o)
}

func (e *entity) read(o out) {
	v := e.machine.view(e.cell.today.Load(), e.target.ID)
	if v == nil {
		o.answer.Refusal = notFound(e.target)
	} else {
		o.answer.V, o.answer.View, o.answer.Live = e.seq, v, e.machine.live()
	}
	if mutant.Is(mutant.ReadUngated) {
		o.to.Reply(o.tag, o.answer)
		return
	}
	e.cell.gate.pass(o)
}

// repeat gives a command's first answer again.
func (e *entity) repeat(r *Request, had *wire.Answered, o out) {
	switch {
	case had.Body != r.Body && !mutant.Is(mutant.BodyIgnored) || had.Principal != r.Principal && !mutant.Is(mutant.PrincipalIgnored):
		o.answer.Refusal = errReused
	case had.Later && !mutant.Is(mutant.LaterForgotten):
		e.wait(r.ID, o)
		return
	default:
		o.answer = Answer{V: had.V, Dup: true, D: had.Reply, Refusal: had.Refusal}
	}
	e.cell.gate.pass(o)
}

func (e *entity) wait(id command.ID, o out) { e.waiting = append(e.waiting, waiter{id, o}) }

// awaiting lists those who wait for an answer.
func (e *entity) awaiting(id command.ID) (outs []out) {
	for _, w := range e.waiting {
		if w.id == id {
			outs = append(outs, w.out)
		}
	}
	return outs
}

// heard takes those who waited for an answer off the list.
func (e *entity) heard(id command.ID) {
	if e.waiting = slices.DeleteFunc(e.waiting, func(w waiter) bool { return w.id == id }); len(e.waiting) == 0 {
		e.waiting = nil
	}
}

func replyTo(reply any, err error) Answer {
	if err != nil {
		return Answer{Refusal: asRefusal(err)}
	}
	return Answer{D: replyJSON(reply)}
}

func asRefusal(err error) *refusal.Refusal {
	if r := refusal.Of(err); r != nil {
		return r
	}
	return refusal.New(refusal.Internal, "", "Internal error")
}

// duty takes what another entity owes this one, and tells it what became of it.
func (e *entity) duty(d *duty) {
	c := Delivered(d.is.Do)
	e.fill(c.Head())
	d.reply, d.refusal = e.step(c, wire.Turn{Trace: d.trace}, nil)
	d.from.tell((*outcome)(d))
}

// outcome takes what became of a duty of this entity.
func (e *entity) outcome(o *outcome) {
	f := flightOf(o.is)
	for i := range e.flying {
		if e.flying[i] == f {
			e.flying = append(e.flying[:i], e.flying[i+1:]...)
			break
		}
	}
	if no := o.refusal; no != nil && no.Code == refusal.Internal && !mutant.Is(mutant.PanicIsAnswer) {
		// Its receiver panicked: nothing was done, and it is still owed.
		e.cell.node.clock.set(e.cell.node.now().Add(againAfter), e.cell, e.target)
		return
	}
	a := news.Get().(*command.Answered)
	*a = command.Answered{Duty: o.is, Reply: o.reply, Refusal: o.refusal}
	e.fill(&a.Header)
	e.step(a, wire.Turn{Trace: o.trace}, nil)
	*a = command.Answered{}
	news.Put(a)
}

// news is scratch for what an outcome tells the rules, who keep nothing of a command.
var news = sync.Pool{New: func() any { return new(command.Answered) }}

func flightOf(d command.Duty) flight { return flight{d.To, d.N, reflect.TypeOf(d.Do)} }

// traceOf is the trace that a message belongs to, or "".
func traceOf(m any) string {
	var t wire.Trace
	switch m := m.(type) {
	case *Request:
		t = m.Trace
	case *duty:
		t = m.trace
	case *outcome:
		t = m.trace
	}
	if t.ID == [16]byte{} {
		return ""
	}
	return hex.EncodeToString(t.ID[:])
}

// panicked answers internal and has the entity loaded again once all it appended is
// durable. Messages wait for that.
func (e *entity) panicked(m, value any) {
	stack := debug.Stack()
	n := e.cell.node
	n.log.Error("rules panicked", "store", e.cell.store, "kind", e.target.Kind, "id", e.target.ID, "value", value, "trace_id", traceOf(m), "stack", string(stack))
	if n.config.Hooks.Panicked != nil {
		n.config.Hooks.Panicked(e.cell.store, e.target.Kind, e.target.ID, value, stack)
	}
	no := refusal.New(refusal.Internal, "", "Internal error")
	switch m := m.(type) {
	case *Request:
		no = no.With(refusal.Fields{Trace: m.Trace.String()})
		m.To.Reply(m.Tag, Answer{Refusal: no})
	case *duty:
		m.reply, m.refusal = nil, no
		m.from.tell((*outcome)(m))
	}
	for _, w := range e.waiting {
		w.to.Reply(w.tag, Answer{Refusal: no})
	}
	e.waiting, e.flying = nil, nil
	e.held, e.heldN = nil, 0
	if mutant.Is(mutant.PanicKeepsState) {
		return
	}
	e.loading = true
	e.reload(!mutant.Is(mutant.ReloadAround))
}
