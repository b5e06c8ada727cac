package telemetry

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/gateway"
)

// TestKept: what fails or is slow is exported though nothing is sampled, and all else
// is not.
func TestKept(t *testing.T) {
	var bodies []byte
	to := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		bodies = append(bodies, b...)
	}))
	defer to.Close()
	var log strings.Builder
	x, err := New(t.Context(), Options{Node: "n1", OTLP: to.URL, Slow: 100 * time.Millisecond, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for name, c := range map[string]gateway.Command{
		"quick.one":   {Answered: began.Add(time.Millisecond)},
		"refused.one": {Answered: began.Add(time.Millisecond), Code: refusal.SoldOut},
		"failed.one":  {Answered: began.Add(time.Millisecond), Code: refusal.Internal},
		"slow.one":    {Answered: began.Add(time.Second)},
	} {
		c.Name, c.Received, c.Trace = name, began, x.Gateway().Trace(wire.Trace{})
		if c.Trace.Sampled() {
			t.Errorf("%s is sampled", name)
		}
		x.Gateway().Answered(c)
	}
	if err := x.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{"quick.one": false, "refused.one": false, "failed.one": true, "slow.one": true} {
		if got := strings.Contains(string(bodies), name); got != want {
			t.Errorf("%s exported: %v", name, got)
		}
		if got := strings.Contains(log.String(), "command="+name); got != want {
			t.Errorf("%s logged: %v", name, got)
		}
	}
	if n := strings.Count(log.String(), "trace_id="); n != 2 {
		t.Errorf("%d lines of the log name their trace:\n%s", n, &log)
	}
}

// TestCells: what becomes of cells is in the metrics.
func TestCells(t *testing.T) {
	x, err := New(t.Context(), Options{Node: "n1"})
	if err != nil {
		t.Fatal(err)
	}
	x.CellOpened(time.Second)
	x.HandedOver(30 * time.Millisecond)
	x.Evicted()
	x.Lapsed()
	w := httptest.NewRecorder()
	x.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, line := range []string{
		"brigata_cell_open_duration_seconds_sum 1", `brigata_handover_duration_seconds_bucket{le="0.05"} 1`, `brigata_handover_duration_seconds_bucket{le="0.025"} 0`,
		"brigata_evictions_total 1", "brigata_lease_lapses_total 1", "brigata_cells_refused_total 0",
	} {
		if !strings.Contains(w.Body.String(), line+"\n") {
			t.Errorf("no %s in\n%s", line, w.Body)
		}
	}
}

func TestOptions(t *testing.T) {
	for _, o := range []Options{{Sample: -1}, {Sample: 1.5}, {OTLP: "here"}} {
		if _, err := New(t.Context(), o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}

// BenchmarkAnswered is what telemetry adds to a command that is not traced.
func BenchmarkAnswered(b *testing.B) {
	x, err := New(b.Context(), Options{Node: "n1"})
	if err != nil {
		b.Fatal(err)
	}
	c := gateway.Command{Name: "order.place", Store: "demo", Received: time.Now(), Answered: time.Now()}
	b.ReportAllocs()
	for b.Loop() {
		x.answered(c)
	}
}
