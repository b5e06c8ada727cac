package telemetry

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/brigata/brigata/actors/wire"
)

// traces makes spans of what has already happened: hooks tell begin and end, so that
// nothing of OpenTelemetry is carried along an order's path but its 25 bytes of context.
type traces struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
}

// queueMax is how many spans wait for the exporter; beyond, they are dropped.
const queueMax = 8192

func newTraces(ctx context.Context, o Options, what *resource.Resource) (*traces, error) {
	to, err := url.Parse(o.OTLP)
	if err != nil || to.Host == "" {
		return nil, fmt.Errorf("%q is not a URL such as http://127.0.0.1:4318", o.OTLP)
	}
	if strings.Trim(to.Path, "/") == "" {
		to = to.JoinPath("v1", "traces")
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(to.String()))
	if err != nil {
		return nil, err
	}
	// Hooks decide what is sampled: every span that is made is exported.
	p := sdktrace.NewTracerProvider(sdktrace.WithResource(what), sdktrace.WithIDGenerator(given{}), sdktrace.WithSampler(sdktrace.AlwaysSample()),
		sdktrace.WithBatcher(exporter, sdktrace.WithMaxQueueSize(queueMax), sdktrace.WithBatchTimeout(2*time.Second)))
	return &traces{p, p.Tracer("brigata")}, nil
}

// given makes a span with the ids that its context names, for they travelled before it
// was made; others are random.
type given struct{}

type idsKey struct{}

func (given) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	if t, ok := ctx.Value(idsKey{}).(wire.Trace); ok {
		return t.ID, t.Span
	}
	t := newTrace()
	return t.ID, t.Span
}

func (given) NewSpanID(ctx context.Context, _ trace.TraceID) trace.SpanID {
	if t, ok := ctx.Value(idsKey{}).(wire.Trace); ok {
		return t.Span
	}
	return newTrace().Span
}

// newTrace mints a sampled trace context. It need not be unguessable.
func newTrace() (t wire.Trace) {
	for i := 0; i < len(t.ID); i += 8 {
		put(t.ID[i:], rand.Uint64())
	}
	put(t.Span[:], rand.Uint64()|1)
	t.Flags = 1
	return t
}

func put(b []byte, x uint64) {
	for i := range 8 {
		b[i] = byte(x >> (8 * i))
	}
}

// span is one that has ended.
type span struct {
	name         string
	is           wire.Trace // zero: it is given ids of its own
	parent       wire.Trace // zero: a root
	kind         trace.SpanKind
	began, ended time.Time
	links        []wire.Trace
	failed       string // "": it went well
	attributes   []attribute.KeyValue
}

func (t *traces) add(s span) {
	ctx := context.Background()
	if s.parent.ID != [16]byte{} {
		ctx = trace.ContextWithRemoteSpanContext(ctx, contextOf(s.parent))
	}
	if s.is.ID != [16]byte{} {
		ctx = context.WithValue(ctx, idsKey{}, s.is)
	}
	links := make([]trace.Link, 0, len(s.links))
	for _, l := range s.links {
		links = append(links, trace.Link{SpanContext: contextOf(l)})
	}
	_, x := t.tracer.Start(ctx, s.name, trace.WithTimestamp(s.began), trace.WithSpanKind(s.kind), trace.WithLinks(links...), trace.WithAttributes(s.attributes...))
	if s.failed != "" {
		x.SetStatus(codes.Error, s.failed)
	}
	x.End(trace.WithTimestamp(s.ended))
}

func contextOf(t wire.Trace) trace.SpanContext {
	return trace.NewSpanContext(trace.SpanContextConfig{TraceID: t.ID, SpanID: t.Span, TraceFlags: trace.TraceFlags(t.Flags), Remote: true})
}
