package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// row is one figure, and the shape of a line of --json.
type row struct {
	Workload string  `json:"workload"`
	System   string  `json:"system"`
	Metric   string  `json:"metric"`
	Value    float64 `json:"value"`
	Unit     string  `json:"unit"`
}

type report struct {
	workload string
	rows     []row
}

func (r *report) add(system, metric string, value float64, unit string) {
	r.rows = append(r.rows, row{r.workload, system, metric, value, unit})
}

// measured adds one system's run.
func (r *report) measured(system string, m measured) {
	perSecond := float64(m.orders) / m.seconds
	r.add(system, "orders_per_s", perSecond, "1/s")
	r.add(system, "p50_ms", ms(m.p50), "ms")
	r.add(system, "p99_ms", ms(m.p99), "ms")
	r.add(system, "cpu_us_per_order", us(m.cpu.server)/float64(m.orders), "us")
	if m.cpu.database > 0 {
		r.add(system, "db_cpu_us_per_order", us(m.cpu.database)/float64(m.orders), "us")
	}
	r.add(system, "load_cpu_us_per_order", us(m.cpu.load)/float64(m.orders), "us")
	if m.pushes > 0 {
		r.add(system, "pushes_per_s", float64(m.pushes)/m.seconds, "1/s")
	}
	if m.refused > 0 {
		r.add(system, "refused", float64(m.refused), "1")
	}
}

// ratio says how many times more orders system placed than other, in this run.
func (r *report) ratio(system, other string) {
	a, b := r.median(system, "orders_per_s"), r.median(other, "orders_per_s")
	if a > 0 && b > 0 {
		r.add(system+"/"+other, "ratio", a/b, "1")
	}
}

func (r *report) values(system, metric string) (v []float64) {
	for _, x := range r.rows {
		if x.System == system && x.Metric == metric {
			v = append(v, x.Value)
		}
	}
	slices.Sort(v)
	return v
}

func (r *report) median(system, metric string) float64 {
	v := r.values(system, metric)
	if len(v) == 0 {
		return 0
	}
	return v[len(v)/2]
}

func (r *report) json(w io.Writer) error {
	e := json.NewEncoder(w)
	for _, x := range r.rows {
		if err := e.Encode(x); err != nil {
			return err
		}
	}
	return nil
}

// table prints the median of every figure with its range over the rounds.
func (r *report) table(w io.Writer) {
	fmt.Fprintf(w, "\n%-28s %-22s %12s  %s\n", r.workload, "metric", "median", "range")
	seen := map[string]bool{}
	for _, x := range r.rows {
		key := x.System + " " + x.Metric
		if seen[key] {
			continue
		}
		seen[key] = true
		v := r.values(x.System, x.Metric)
		spread := ""
		if len(v) > 1 {
			spread = fmt.Sprintf("%s … %s", figure(v[0]), figure(v[len(v)-1]))
		}
		fmt.Fprintf(w, "%-28s %-22s %12s  %s\n", x.System, x.Metric, figure(v[len(v)/2]), spread)
	}
}

func figure(v float64) string {
	switch {
	case v >= 1000:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return strings.TrimRight(strings.TrimRight(fmt.Sprintf("%.2f", v), "0"), ".")
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
func us(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }
