package telemetry

import (
	"context"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/journal"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/cluster/routes"
	"github.com/brigata/brigata/gateway"
	"github.com/brigata/brigata/gateway/webhooks"
)

// Host returns the host's hooks, and those of its writer.
func (t *Telemetry) Host() (actors.Hooks, journal.Hooks) {
	if t.options.Off {
		return actors.Hooks{}, journal.Hooks{}
	}
	return actors.Hooks{
			Turn:       func(kind string, _ int) { t.m.turns[kind].Add(1) },
			Traced:     t.turn,
			Opened:     t.opened,
			Panicked:   func(_, kind, _ string, _ any, _ []byte) { t.m.count(t.m.panics, "kind", kind) },
			Unreadable: func(_, _, _ string, err error) { t.m.count(t.m.unreadable, "reason", reasonOf(err)) },
			Lost:       func(_ string, err error) { t.m.count(t.m.lost, "reason", reasonOf(err)) },
		}, journal.Hooks{
			Committed: t.committed,
			Unknown:   func(err error) { t.m.unknown.Add(context.Background(), 1); t.Asked(err) },
			Probed:    t.Asked,
		}
}

// Asked tells whether the database has answered.
func (t *Telemetry) Asked(err error) {
	if err == nil {
		t.m.silent.Store(0)
		return
	}
	t.m.silent.CompareAndSwap(0, time.Now().UnixNano())
}

func reasonOf(err error) string {
	switch {
	case errors.Is(err, journal.ErrFenced):
		return "fenced"
	case errors.Is(err, journal.ErrConflict):
		return "conflict"
	case errors.Is(err, journal.ErrInvalid):
		return "invalid"
	case errors.Is(err, journal.ErrNewer):
		return "newer"
	}
	return "other"
}

// Refused counts a cell that was left to a newer version.
func (t *Telemetry) Refused() { t.m.refused.Add(context.Background(), 1) }

// CellOpened tells how long a claimed cell took to answer.
func (t *Telemetry) CellOpened(took time.Duration) {
	t.m.opened.Record(context.Background(), took.Seconds())
}

// HandedOver tells how long a cell answered nobody until it was free for another node.
func (t *Telemetry) HandedOver(paused time.Duration) {
	t.m.handed.Record(context.Background(), paused.Seconds())
}

// Evicted counts a lease of another node that this one ended.
func (t *Telemetry) Evicted() { t.m.evicted.Add(context.Background(), 1) }

// Lapsed counts a loss of this node's own lease.
func (t *Telemetry) Lapsed() { t.m.lapsed.Add(context.Background(), 1) }

// Gateway returns the gateway's hooks.
func (t *Telemetry) Gateway() gateway.Hooks {
	if t.options.Off {
		return gateway.Hooks{}
	}
	return gateway.Hooks{
		Trace:      t.trace,
		Answered:   t.answered,
		Published:  t.published,
		Subscribed: func(mode string) { t.m.count(t.m.resumes, "mode", mode) },
		Closed:     t.m.closed,
	}
}

// Webhooks returns the hooks of what tells partners.
func (t *Telemetry) Webhooks() webhooks.Hooks {
	return webhooks.Hooks{Delivered: t.delivered, Dead: func(string) { t.m.dead.Add(context.Background(), 1) }}
}

func (t *Telemetry) delivered(d webhooks.Delivered) {
	t.m.delivery.Record(context.Background(), d.Ended.Sub(d.Began).Seconds(), t.m.set("result", d.Result, "", ""))
	if t.traces == nil || !d.Trace.Sampled() {
		return
	}
	s := span{name: "webhook " + d.Type, is: d.Trace, parent: d.Parent, kind: trace.SpanKindClient, began: d.Began, ended: d.Ended,
		attributes: []attribute.KeyValue{attribute.String("brigata.store", d.Store), attribute.String("brigata.result", d.Result)}}
	if d.Result != "ok" {
		s.failed = d.Result
	}
	t.traces.add(s)
}

// trace gives a command its place in a trace: below its client's, or, for some, a new
// one. The zero value means that nothing inside is traced.
func (t *Telemetry) trace(parent wire.Trace) wire.Trace {
	switch {
	case t.traces == nil:
		return parent
	case parent.Flags&1 != 0:
		is := newTrace()
		is.ID = parent.ID
		return is
	case parent == wire.Trace{} && t.options.Sample > 0 && rand.Float64() < t.options.Sample:
		return newTrace()
	}
	return parent
}

// kept says that a command's span is exported whether it was sampled or not.
func (t *Telemetry) kept(code refusal.Code, took time.Duration) bool {
	return took >= t.options.Slow || code == refusal.Internal || code == refusal.Unavailable || code == refusal.Overloaded || code == refusal.Moved
}

func (t *Telemetry) answered(c gateway.Command) {
	took, code := c.Answered.Sub(c.Received), "ok"
	if c.Code != "" {
		code = string(c.Code)
	}
	ctx, sampled := context.Background(), c.Trace.Flags&1 != 0
	if sampled && t.traces != nil { // for the exemplar
		ctx = trace.ContextWithRemoteSpanContext(ctx, contextOf(c.Trace))
	}
	t.m.answered(ctx, c.Name, code, took)
	kept := t.kept(c.Code, took)
	if !sampled && !kept {
		return
	}
	if !sampled {
		c.Trace = newTrace()
		if c.Parent.ID != [16]byte{} {
			c.Trace.ID = c.Parent.ID
		}
	}
	if kept && t.options.Log != nil && t.logs.Allow() {
		t.options.Log.Warn("command failed or slow", "command", c.Name, "store", c.Store, "code", code, "took", took, "trace_id", hex.EncodeToString(c.Trace.ID[:]))
	}
	if t.traces == nil {
		return
	}
	s := span{name: c.Name, is: c.Trace, parent: c.Parent, kind: trace.SpanKindServer, began: c.Received, ended: c.Answered,
		attributes: []attribute.KeyValue{attribute.String("brigata.store", c.Store), attribute.String("brigata.code", code)}}
	if t.kept(c.Code, 0) {
		s.failed = code
	}
	t.traces.add(s)
}

func (t *Telemetry) turn(x actors.TracedTurn) {
	if t.traces != nil {
		t.traces.add(span{name: x.Kind + " turn", parent: x.Trace, began: x.Began, ended: x.Ended,
			attributes: []attribute.KeyValue{attribute.String("brigata.kind", x.Kind), attribute.String("brigata.id", x.ID), attribute.Int("brigata.events", x.Events)}})
	}
}

func (t *Telemetry) opened(o actors.Opened) {
	t.m.gate.Record(context.Background(), o.At.Sub(o.Since).Seconds())
	if t.traces == nil {
		return
	}
	for _, x := range o.Traces {
		t.traces.add(span{name: "gate", parent: x, began: o.Since, ended: o.At})
	}
}

func (t *Telemetry) committed(c journal.Committed) {
	t.Asked(nil)
	ctx := context.Background()
	t.m.commit.Record(ctx, c.Took.Seconds())
	t.m.rows.Record(ctx, int64(c.Rows))
	t.m.bytes.Record(ctx, int64(c.Bytes))
	if t.traces == nil || len(c.Traces) == 0 {
		return
	}
	links := make([]wire.Trace, len(c.Traces))
	for i, x := range c.Traces {
		links[i] = wire.Trace{ID: x.ID, Span: x.Span, Flags: 1}
	}
	ended := time.Now()
	t.traces.add(span{name: "journal commit", kind: trace.SpanKindClient, began: ended.Add(-c.Took), ended: ended, links: links,
		attributes: []attribute.KeyValue{attribute.Int("brigata.rows", c.Rows), attribute.Int("brigata.bytes", c.Bytes)}})
}

// Routed tells of a request that another node was asked.
func (t *Telemetry) Routed(r routes.Routed) {
	code := "ok"
	if r.Code != "" {
		code = string(r.Code)
	}
	t.m.route.Record(context.Background(), r.Ended.Sub(r.Began).Seconds(), t.m.set("code", code, "", ""))
	if t.traces != nil && r.Trace.Sampled() {
		t.traces.add(span{name: "route", parent: r.Trace, kind: trace.SpanKindClient, began: r.Began, ended: r.Ended,
			attributes: []attribute.KeyValue{attribute.String("brigata.code", code)}})
	}
}

// Noted gives readings of a box their place in the trace that the box has begun, and tells
// of them when done is called. Of a box that begins more than it should, most are not traced.
func (t *Telemetry) Noted(store, id string, parent wire.Trace, done func(*refusal.Refusal)) (wire.Trace, func(*refusal.Refusal)) {
	if t.traces == nil || !t.boxes.Allow() {
		return wire.Trace{}, done
	}
	is, began := newTrace(), time.Now()
	is.ID = parent.ID
	return is, func(no *refusal.Refusal) {
		s := span{name: "sensor.note", is: is, parent: parent, kind: trace.SpanKindConsumer, began: began, ended: time.Now(),
			attributes: []attribute.KeyValue{attribute.String("brigata.store", store), attribute.String("brigata.id", id)}}
		if no != nil {
			s.failed = string(no.Code)
		}
		t.traces.add(s)
		done(no)
	}
}

// Arrived tells of a view of another node's. Its way began by that node's clock.
func (t *Telemetry) Arrived(v *actors.View) {
	if t.traces != nil && v.Trace.Sampled() {
		now := time.Now()
		t.traces.add(span{name: "bus", parent: v.Trace, kind: trace.SpanKindConsumer, began: earlier(v.At, now), ended: now,
			attributes: []attribute.KeyValue{attribute.String("brigata.kind", v.Target.Kind), attribute.String("brigata.id", v.Target.ID)}})
	}
}

// earlier is when something began that ended then, should the clock that said so be ahead.
func earlier(began, ended time.Time) time.Time {
	if began.After(ended) {
		return ended
	}
	return began
}

func (t *Telemetry) published(p gateway.Published) {
	t.m.lag.Record(context.Background(), p.Done.Sub(earlier(p.Oldest, p.Done)).Seconds())
	if t.traces == nil {
		return
	}
	for _, x := range p.Traces {
		t.traces.add(span{name: "push", parent: x, kind: trace.SpanKindProducer, began: p.Began, ended: p.Done})
	}
}
