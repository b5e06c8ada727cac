package actors

import (
	"bytes"
	"slices"
	"sync"
	"time"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/journal"
	"github.com/brigata/brigata/actors/mutant"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/wire"
)

// payloads are scratch for a turn's bytes before the gate has them.
var payloads = sync.Pool{New: func() any { b := make([]byte, 0, 2048); return &b }}

// turns are scratch for the events of a turn, and for what is held.
var turns = sync.Pool{New: func() any { return &wire.Turn{Events: make([]any, 0, 8)} }}

func putTurn(t *wire.Turn) {
	clear(t.Events)
	if cap(t.Events) <= 64 {
		*t = wire.Turn{Events: t.Events[:0]}
		turns.Put(t)
	}
}

// replyJSON is a reply as it is sent and kept: no larger than it is.
func replyJSON(reply any) []byte {
	p := payloads.Get().(*[]byte)
	b := wire.AppendReply((*p)[:0], reply)
	out := bytes.Clone(b)
	putPayload(p, b)
	return out
}

func putPayload(p *[]byte, b []byte) {
	if cap(b) <= payloadKept {
		*p = b
		payloads.Put(p)
	}
}

// step is one turn: decide, apply, append to the cell's log with what waits for it,
// then look at what the entity owes and when it is due. o is who asked, if anybody
// outside did. What it returns is for whoever asked inside.
func (e *entity) step(c command.Command, t wire.Turn, o *out) (reply any, no *refusal.Refusal) {
	if hook := e.cell.node.config.Hooks.Traced; hook != nil && t.Trace.Sampled() {
		began := e.cell.node.config.Now()
		defer func() {
			hook(TracedTurn{t.Trace, e.kind.name, e.target.ID, len(t.Events), began, e.cell.node.config.Now()})
		}()
	}
	scratch := turns.Get().(*wire.Turn)
	defer putTurn(scratch)
	events, reply, err := e.decide(c, scratch.Events)
	if err != nil {
		no = asRefusal(err)
		e.refused(t, c.Head().At, no, o)
		return nil, no
	}
	t.At, t.Events, scratch.Events = c.Head().At, events, events
	e.trace = t.Trace
	outs := e.answer(&t, reply, o)
	n := len(events)
	if n == 0 && (t.Answer != wire.None || t.Answers != "") {
		n = 1 // an answer alone takes a slot: what was said once stays said
	}
	if hook := e.cell.node.config.Hooks.Turn; hook != nil {
		hook(e.kind.name, len(events))
	}
	if n == 0 {
		if o != nil && t.Answer != wire.Later {
			e.cell.gate.pass(*o)
		}
		return reply, nil
	}
	e.dirty = e.dirty || len(events) > 0
	if _, news := c.(*command.Answered); news && t.Answers == "" {
		e.hold(&t, n)
		return reply, nil
	}
	e.commit(&t, n, outs)
	if t.Answer == wire.Later {
		e.wait(t.ID, *o) // now that it is written: who waits for a turn that panics would hear of it twice
	}
	return reply, nil
}

// answer fills in what the turn answers, and returns who is to hear of it.
func (e *entity) answer(t *wire.Turn, reply any, o *out) []out {
	n := max(1, len(t.Events))
	v := e.seq + int64(e.heldN+n)
	switch r := reply.(type) {
	case command.Later:
		if o == nil {
			return nil
		}
		t.Answer = wire.Later
		e.answers.add(wire.Answered{ID: t.ID, Body: t.Body, Principal: t.Principal, V: v, At: t.At, Later: true}, t.At)
		return nil
	case command.Settled:
		outs := e.settle(t, r, v)
		if o != nil { // who brought the answer hears that it is taken
			o.answer = Answer{V: v}
			outs = append(outs, *o)
		}
		return outs
	}
	if o == nil {
		return nil
	}
	if t.ID == "" { // idempotent by itself: nothing is remembered
		o.answer = Answer{V: v, D: replyJSON(reply)}
		return []out{*o}
	}
	t.Answer, t.Reply = wire.Replied, replyJSON(reply)
	e.answers.add(wire.Answered{ID: t.ID, Body: t.Body, Principal: t.Principal, V: v, At: t.At, Reply: t.Reply}, t.At)
	o.answer = Answer{V: v, D: t.Reply}
	return []out{*o}
}

// settle answers an earlier command, whoever still waits for it.
func (e *entity) settle(t *wire.Turn, s command.Settled, v int64) []out {
	if s.ID == "" {
		return nil
	}
	t.Answers, t.Refusal = s.ID, s.Refusal
	if s.Refusal == nil {
		t.Reply = replyJSON(s.Reply)
	}
	if had := e.answers.find(s.ID); had != nil {
		had.V, had.Reply, had.Refusal, had.Later = v, t.Reply, t.Refusal, false
	}
	outs := e.awaiting(s.ID)
	for i := range outs {
		outs[i].answer = Answer{V: v, Dup: i > 0, D: t.Reply, Refusal: t.Refusal}
	}
	return outs
}

// refused records a refusal that could later turn out otherwise, and answers it.
func (e *entity) refused(t wire.Turn, at time.Time, no *refusal.Refusal, o *out) {
	if o == nil {
		return
	}
	o.answer = Answer{Refusal: no}
	if !no.Code.Outcome() || t.ID == "" || mutant.Is(mutant.RefusalForgotten) {
		e.cell.gate.pass(*o)
		return
	}
	t.At, t.Answer, t.Refusal = at, wire.Refused, no
	e.answers.add(wire.Answered{ID: t.ID, Body: t.Body, Principal: t.Principal, V: e.seq + 1, At: at, Refusal: no}, at) // nothing is held: a request came
	e.commit(&t, 1, []out{*o})
}

// hold keeps what news of duties led to, so that news that came together makes one
// turn. It is written before the entity says anything to anybody.
func (e *entity) hold(t *wire.Turn, n int) {
	if e.held == nil {
		e.held = turns.Get().(*wire.Turn)
	}
	e.held.At, e.held.Trace = t.At, t.Trace
	e.at = t.At // a clock that is set back meanwhile does not take what comes next before it
	e.held.Events = append(e.held.Events, t.Events...)
	e.heldN += n
}

// flush writes what was held.
func (e *entity) flush() {
	if e.heldN == 0 {
		return
	}
	t, n := e.held, e.heldN
	e.held, e.heldN = nil, 0
	e.commit(t, n, nil)
	putTurn(t)
}

// commit appends the turn to the cell's log.
func (e *entity) commit(t *wire.Turn, n int, outs []out) {
	e.flush()
	if e.seq == 0 {
		t.Entity = e.target.ID
	}
	p := payloads.Get().(*[]byte)
	b := wire.AppendTurn((*p)[:0], t)
	e.seq += int64(n)
	e.at = t.At
	e.since += n
	e.bytes += len(b)
	live := e.machine.live()
	var head *journal.Head
	if !live || e.snapshotDue() {
		head = e.head()
	}
	var view any
	if len(t.Events) > 0 {
		if view = e.machine.view(e.cell.today.Load(), e.target.ID); view != nil && e.kind.stays {
			e.shown.Store(view)
		}
	}
	if !e.cell.gate.append(e, appended{b, n, head, view, live, t.Trace, outs}) {
		for _, o := range outs {
			o.to.Reply(o.tag, Answer{Refusal: errMoved})
		}
	}
	if t.Answers != "" {
		e.heard(t.Answers)
	}
	putPayload(p, b)
	if e.kind.stays && len(t.Events) > 0 {
		e.cell.noticed(e, view)
	}
}

func (e *entity) snapshotDue() bool {
	times := snapshotTimes
	if e.at.UnixMilli()-e.snapAt < snapshotAfter.Milliseconds() {
		times = snapshotTimesMost
	}
	return e.since >= snapshotEvery && e.bytes >= times*e.snapBytes
}

// head is a snapshot as of now.
func (e *entity) head() *journal.Head {
	s := wire.Snapshot{Entity: e.target.ID, State: e.machine.state(), V: e.seq, At: e.at, Answers: e.answers.list}
	p := payloads.Get().(*[]byte)
	whole := wire.AppendSnapshot((*p)[:0], &s)
	b := bytes.Clone(whole) // as large as it is, for it waits
	putPayload(p, whole)
	e.since, e.bytes, e.snapBytes, e.snapAt = 0, 0, len(b), e.at.UnixMilli()
	return &journal.Head{Key: e.key, Cell: e.cell.store, Kind: e.kind.id, Seq: e.seq, Live: e.machine.live(), Due: e.machine.due(), State: b}
}

// after runs when the messages that waited have been taken: what the entity owes is
// looked at once for all of them.
func (e *entity) after() {
	if !e.dirty || e.loading || e.gone {
		return
	}
	e.dirty = false
	defer func() {
		if v := recover(); v != nil {
			e.panicked(nil, v)
		}
	}()
	e.flush()
	e.follow()
}

// follow sends what the entity owes and is not on its way, and sets its alarm.
func (e *entity) follow() {
	duties := e.machine.owes()
	if len(duties)+len(e.flying) == 0 {
		e.flying = nil // an idle actor holds none
	}
	e.flying = slices.Grow(e.flying, len(duties))
	for _, d := range duties {
		d.To = e.cell.target(d.To)
		f := flightOf(d)
		if e.isFlying(f) {
			continue
		}
		e.flying = append(e.flying, f)
		if mutant.Any() && e.forgets(d) {
			continue
		}
		if to := e.cell.entity(d.To, true); to != nil {
			to.tell(newDuty(e, d, e.trace))
		}
	}
	if due := e.machine.due(); !due.Equal(e.dueAt) {
		e.dueAt = due
		if !due.IsZero() && !mutant.Every(2, mutant.WakeDropped) {
			e.cell.node.clock.set(due, e.cell, e.target)
		}
	}
}

func (e *entity) isFlying(f flight) bool {
	for i := range e.flying {
		if e.flying[i] == f {
			return true
		}
	}
	return false
}
