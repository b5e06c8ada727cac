package telemetry

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/gateway"
)

// instruments are what hooks record.
type instruments struct {
	command, commit, gate, lag, route metric.Float64Histogram // s
	opened, handed, delivery          metric.Float64Histogram // s

	rows, bytes              metric.Int64Histogram
	panics, lost             metric.Int64Counter
	unreadable, refused      metric.Int64Counter
	evicted, lapsed, dead    metric.Int64Counter
	unknown, resumes, closes metric.Int64Counter

	turns map[string]*atomic.Int64 // by kind: ten for an order, so nothing dearer

	silent atomic.Int64 // since when the database has not answered, in ns; 0: it has

	sets sync.Map // label values → metric.MeasurementOption: made once each
}

// Bounds of histograms: a commit is a fraction of a millisecond to seconds.
var (
	seconds = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
	counts  = []float64{1, 4, 16, 64, 256, 1024, 4096}
	sizes   = []float64{1 << 10, 1 << 12, 1 << 14, 1 << 16, 1 << 18, 1 << 20, 1 << 22}
)

func (m *instruments) make(meter metric.Meter) error {
	var errs []error
	duration := func(to *metric.Float64Histogram, name, help string) {
		h, err := meter.Float64Histogram(name, metric.WithUnit("s"), metric.WithDescription(help), metric.WithExplicitBucketBoundaries(seconds...))
		*to, errs = h, append(errs, err)
	}
	amount := func(to *metric.Int64Histogram, name, unit, help string, bounds []float64) {
		h, err := meter.Int64Histogram(name, metric.WithUnit(unit), metric.WithDescription(help), metric.WithExplicitBucketBoundaries(bounds...))
		*to, errs = h, append(errs, err)
	}
	count := func(to *metric.Int64Counter, name, help string) {
		c, err := meter.Int64Counter(name, metric.WithDescription(help))
		*to, errs = c, append(errs, err)
	}
	duration(&m.command, "brigata.command.duration", "From a command's receipt to its answer, by command and code (ok or the refusal's).")
	duration(&m.commit, "brigata.journal.commit.duration", "One transaction of the journal's writer.")
	duration(&m.gate, "brigata.gate.wait", "From a cell's first turn after a cut until the gate opened for it.")
	duration(&m.route, "brigata.route.duration", "From asking the node that has a store to its answer, by code (ok or the refusal's).")
	duration(&m.lag, "brigata.board.lag", "From a decision until its view stood in the queues of those who watch.")
	duration(&m.opened, "brigata.cell.open.duration", "From claiming a cell until it answered.")
	duration(&m.handed, "brigata.handover.duration", "From a cell's last answer here until another node could claim it.")
	duration(&m.delivery, "brigata.webhooks.delivery.duration", "One call of a webhook's receiver, by result: ok, refused, unreachable or forbidden.")
	amount(&m.rows, "brigata.journal.batch.rows", "", "Rows of one transaction.", counts)
	amount(&m.bytes, "brigata.journal.batch.size", "By", "Bytes of one transaction's payloads.", sizes)
	count(&m.panics, "brigata.panics", "Panics of rules, by kind; the entity was loaded again.")
	count(&m.lost, "brigata.cells.lost", "Cells that could not be written any more, by reason.")
	count(&m.unreadable, "brigata.entities.unreadable", "Entities whose log is damaged, or newer than this version, by reason.")
	count(&m.refused, "brigata.cells.refused", "Cells left to a newer version.")
	count(&m.evicted, "brigata.evictions", "Leases of other nodes that this one ended, as they were not renewed.")
	count(&m.lapsed, "brigata.lease.lapses", "Times that this node lost its lease and dropped its cells.")
	count(&m.unknown, "brigata.journal.unknown", "Commits whose outcome only a probe could tell.")
	count(&m.resumes, "brigata.subscriptions", "Answered subscriptions, by mode: delta is a resume.")
	count(&m.closes, "brigata.sessions.closed", "Sockets that the node closed, by code.")
	count(&m.dead, "brigata.webhooks.dead", "Events that webhooks gave up.")
	if err := errors.Join(append(errs, m.countTurns(meter), m.tellSilence(meter))...); err != nil {
		return err
	}
	m.zero()
	return nil
}

func (m *instruments) countTurns(meter metric.Meter) error {
	m.turns = map[string]*atomic.Int64{}
	for _, kind := range actors.Kinds() {
		m.turns[kind] = new(atomic.Int64)
	}
	_, err := meter.Int64ObservableCounter("brigata.turns", metric.WithDescription("Turns of entities, by kind."),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			for kind, n := range m.turns {
				o.Observe(n.Load(), m.set("kind", kind, "", ""))
			}
			return nil
		}))
	return err
}

func (m *instruments) tellSilence(meter metric.Meter) error {
	_, err := meter.Float64ObservableGauge("brigata.database.silence", metric.WithUnit("s"),
		metric.WithDescription("For how long the database has failed whatever it was asked; 0: it answers."),
		metric.WithFloat64Callback(func(_ context.Context, o metric.Float64Observer) error {
			if since := m.silent.Load(); since != 0 {
				o.Observe(time.Since(time.Unix(0, since)).Seconds())
			} else {
				o.Observe(0)
			}
			return nil
		}))
	return err
}

// zero makes the series that alerts watch: one that begins with its first increase
// never rises.
func (m *instruments) zero() {
	ctx := context.Background()
	for _, c := range []metric.Int64Counter{m.unknown, m.refused, m.evicted, m.lapsed, m.dead} {
		c.Add(ctx, 0)
	}
	for _, kind := range actors.Kinds() {
		m.panics.Add(ctx, 0, m.set("kind", kind, "", ""))
	}
	for _, reason := range []string{"fenced", "conflict", "invalid", "other"} {
		m.lost.Add(ctx, 0, m.set("reason", reason, "", ""))
	}
	for _, mode := range []string{"snap", "delta", "refused"} {
		m.resumes.Add(ctx, 0, m.set("mode", mode, "", ""))
	}
	for _, code := range gateway.CloseCodes() {
		m.closes.Add(ctx, 0, m.set("code", strconv.Itoa(code), "", ""))
	}
}

// set makes the option for label values once; both must come from closed sets.
func (m *instruments) set(k1, v1, k2, v2 string) metric.MeasurementOption {
	key := [4]string{k1, v1, k2, v2}
	if o, ok := m.sets.Load(key); ok {
		return o.(metric.MeasurementOption)
	}
	labels := []attribute.KeyValue{attribute.String(k1, v1)}
	if k2 != "" {
		labels = append(labels, attribute.String(k2, v2))
	}
	o := metric.WithAttributeSet(attribute.NewSet(labels...))
	m.sets.Store(key, o)
	return o
}

func (m *instruments) answered(ctx context.Context, command, code string, took time.Duration) {
	m.command.Record(ctx, took.Seconds(), m.set("command", command, "code", code))
}

func (m *instruments) count(c metric.Int64Counter, label, value string) {
	c.Add(context.Background(), 1, m.set(label, value, "", ""))
}

func (m *instruments) closed(code int) { m.count(m.closes, "code", strconv.Itoa(code)) }
