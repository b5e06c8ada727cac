// Package telemetry turns the hooks of the host, the journal and the gateway into
// OpenTelemetry metrics and traces. Its promises: labels come from closed sets, nothing
// personal leaves, and what is not sampled costs a counter and a histogram. cmd makes
// one per node; nobody else knows OpenTelemetry.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/attribute"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	semconv "go.opentelemetry.io/otel/semconv/v1.34.0"
	"golang.org/x/time/rate"
)

// Options say what is told, and where to.
type Options struct {
	Node    string // the node's stable name
	Version string // of the build

	// OTLP is where traces go, such as http://127.0.0.1:4318 (OTLP over HTTP); "": nowhere.
	OTLP string
	// Sample is the share of commands that are traced whole, 0 to 1. Commands that fail or
	// are slow are kept all the same, without the steps inside.
	Sample float64
	// Log takes commands that failed or were slow, ten a second at most; nil: none.
	Log *slog.Logger
	// Off has no hook called, to measure what they cost.
	Off bool
	// Slow is from when on a command counts as slow: 1 s.
	Slow time.Duration
}

// Telemetry is a node's metrics and traces. Stop ends it.
type Telemetry struct {
	options  Options
	registry *prometheus.Registry
	provider *sdkmetric.MeterProvider
	meter    metric.Meter
	m        instruments
	logs     *rate.Limiter
	boxes    *rate.Limiter // of traces that boxes begin
	traces   *traces       // nil: none are exported
}

// seriesMax bounds the label sets of one metric: nine of each box are the most. What is
// beyond is told as one, labelled otel_metric_overflow.
const seriesMax = 10_000

// New starts telemetry.
func New(ctx context.Context, o Options) (*Telemetry, error) {
	if o.Sample < 0 || o.Sample > 1 {
		return nil, fmt.Errorf("the sampled share is 0 to 1, not %v", o.Sample)
	}
	if o.Slow == 0 {
		o.Slow = time.Second
	}
	what := resource.NewSchemaless(semconv.ServiceName("brigata"), semconv.ServiceInstanceID(o.Node), semconv.ServiceVersion(o.Version))
	t := &Telemetry{options: o, registry: prometheus.NewRegistry(), logs: rate.NewLimiter(10, 10), boxes: rate.NewLimiter(20, 200)}
	t.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	exporter, err := otelprometheus.New(otelprometheus.WithRegisterer(t.registry), otelprometheus.WithoutScopeInfo())
	if err != nil {
		return nil, err
	}
	t.provider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter), sdkmetric.WithResource(what), sdkmetric.WithCardinalityLimit(seriesMax))
	t.meter = t.provider.Meter("brigata")
	if err := t.m.make(t.meter); err != nil {
		return nil, err
	}
	if o.OTLP != "" {
		if t.traces, err = newTraces(ctx, o, what); err != nil {
			return nil, fmt.Errorf("traces: %w", err)
		}
	}
	return t, nil
}

// Handler serves the metrics in Prometheus's forms, OpenMetrics with exemplars included.
func (t *Telemetry) Handler() http.Handler {
	return promhttp.HandlerFor(t.registry, promhttp.HandlerOpts{EnableOpenMetrics: true, MaxRequestsInFlight: 4})
}

// Stop exports what is left.
func (t *Telemetry) Stop(ctx context.Context) error {
	err := t.provider.Shutdown(ctx)
	if t.traces != nil {
		err = errors.Join(err, t.traces.provider.Shutdown(ctx))
	}
	return err
}

// Gauge tells what value returns at each scrape.
func (t *Telemetry) Gauge(name, unit, help string, value func() float64) error {
	_, err := t.meter.Float64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(help),
		metric.WithFloat64Callback(func(_ context.Context, o metric.Float64Observer) error {
			o.Observe(value())
			return nil
		}))
	return err
}

// Counter tells what value returns at each scrape; it must never fall.
func (t *Telemetry) Counter(name, help string, value func() int64) error {
	_, err := t.meter.Int64ObservableCounter(name, metric.WithDescription(help),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(value())
			return nil
		}))
	return err
}

// Counters tells one counter's values by a label; the keys are a closed set.
func (t *Telemetry) Counters(name, help, label string, values map[string]func() int64) error {
	_, err := t.meter.Int64ObservableCounter(name, metric.WithDescription(help),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			for key, value := range values {
				o.Observe(value(), t.m.set(label, key, "", ""))
			}
			return nil
		}))
	return err
}

// Sample is one value of a metric that has several.
type Sample struct {
	Labels [][2]string
	Value  float64
}

// Gauges tells samples that come and go, at each scrape.
func (t *Telemetry) Gauges(name, unit, help string, samples func() []Sample) error {
	_, err := t.meter.Float64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(help), metric.WithFloat64Callback(observe(samples)))
	return err
}

// Sums is Gauges for what only grows.
func (t *Telemetry) Sums(name, unit, help string, samples func() []Sample) error {
	_, err := t.meter.Float64ObservableCounter(name, metric.WithUnit(unit), metric.WithDescription(help), metric.WithFloat64Callback(observe(samples)))
	return err
}

func observe(samples func() []Sample) metric.Float64Callback {
	return func(_ context.Context, o metric.Float64Observer) error {
		for _, s := range samples() {
			labels := make([]attribute.KeyValue, len(s.Labels))
			for i, l := range s.Labels {
				labels[i] = attribute.String(l[0], l[1])
			}
			o.Observe(s.Value, metric.WithAttributes(labels...))
		}
		return nil
	}
}
