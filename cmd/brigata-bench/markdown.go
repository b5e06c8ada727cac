package main

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// target is what a figure is held to.
type target struct {
	workload, system, metric string
	least, most              float64 // 0: no bound
}

var targets = []target{
	{"W2", "brigata in process/redis script", "ratio", 1, 0},
	{"W3", "brigata/loop 1000", "cpu_ratio", 0, 1.3},
	{"W3", "brigata/loop 10000", "cpu_ratio", 0, 1.3},
	{"W3", "stalled/healthy 1000", "p99_ratio", 0, 1.2},
	{"W3", "stalled/healthy 10000", "p99_ratio", 0, 1.2},
	{"W4", "raw/brigata", "ratio", 0.5, 0},
	{"W5", "menu not modified", "reads_per_s", 20_000, 0},
	{"W5", "menu whole", "reads_per_s", 5000, 0},
	{"W5", "menu not modified", "p99_at_half_ms", 0, 10},
	{"W5", "menu whole", "p99_at_half_ms", 0, 10},
	{"W5", "article/menu whole", "p99_ratio", 20, 0},
	{"W5", "article/menu not modified", "p99_ratio", 20, 0},
	{"W5", "article/menu first level", "p99_ratio", 20, 0},
	{"W8", "brigata 10 stores/1", "ratio", 0, 1.2},
	{"W8", "brigata 100 stores/1", "ratio", 0, 1.2},
	{"W8", "brigata 1000 stores/1", "ratio", 0, 1.2},
}

func (t target) verdict(v float64) string {
	held, bound := true, ""
	if t.least > 0 {
		held, bound = v >= t.least, "at least "+figure(t.least)
	}
	if t.most > 0 {
		held, bound = held && v <= t.most, "at most "+figure(t.most)
	}
	if held {
		return bound + ": held"
	}
	return bound + ": **missed**"
}

// markdown writes the report, and a plot of each workload.
func (s *suite) markdown() error {
	var b strings.Builder
	plots := strings.TrimSuffix(s.Markdown, ".md")
	if err := os.MkdirAll(plots, 0o755); err != nil {
		return err
	}
	fmt.Fprintf(&b, "# Benchmarks\n\nWritten by `make bench`. Both sides of a comparison ran in one run, one after the other, on one machine and one database,\nequally durable. Medians of %d rounds of %s, with their range; W6, W7 and W9 are played once. Every order that was acknowledged was looked for afterwards.\n\n", s.Rounds, s.Duration)
	b.WriteString(s.machine())
	for _, w := range workloads {
		rows := slices.DeleteFunc(slices.Clone(s.report.rows), func(x row) bool { return x.Workload != w.id })
		if len(rows) == 0 {
			continue
		}
		r := report{workload: w.id, rows: rows}
		fmt.Fprintf(&b, "\n## %s: %s\n\n`bin/brigata-bench suite %s`\n\n", w.id, w.title, w.id)
		if metric := r.plotted(); metric != "" {
			name := strings.ToLower(w.id) + ".svg"
			if err := os.WriteFile(filepath.Join(plots, name), []byte(r.svg(metric)), 0o644); err != nil {
				return err
			}
			fmt.Fprintf(&b, "![%s](%s/%s)\n\n", metric, filepath.Base(plots), name)
		}
		r.rowsTo(&b)
	}
	return os.WriteFile(s.Markdown, []byte(b.String()), 0o644)
}

// rowsTo writes every figure once, with what it is held to.
func (r *report) rowsTo(b *strings.Builder) {
	b.WriteString("| | figure | median | range | |\n| --- | --- | ---: | --- | --- |\n")
	seen := map[string]bool{}
	for _, x := range r.rows {
		key := x.System + "|" + x.Metric
		if seen[key] {
			continue
		}
		seen[key] = true
		v := r.values(x.System, x.Metric)
		spread, held := "", ""
		if len(v) > 1 {
			spread = figure(v[0]) + " … " + figure(v[len(v)-1])
		}
		for _, t := range targets {
			if t.workload == r.workload && t.system == x.System && t.metric == x.Metric {
				held = t.verdict(v[len(v)/2])
			}
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", x.System, strings.ReplaceAll(x.Metric, "_", " "), figure(v[len(v)/2]), spread, held)
	}
}

// plotted is the figure that a workload's plot shows: the first that says most.
func (r *report) plotted() string {
	for _, m := range []string{"cpu_us_per_delivery", "reads_per_s", "cpu_us_per_order", "orders_per_s", "ms", "all_counted_after_ms", "resident_bytes"} {
		if slices.ContainsFunc(r.rows, func(x row) bool { return x.Metric == m }) {
			if m == "cpu_us_per_order" && r.workload != "W8" {
				continue
			}
			return m
		}
	}
	return ""
}

// svg draws a bar for each system, as long as its median, with its range.
func (r *report) svg(metric string) string {
	var systems []string
	most := 0.0
	for _, x := range r.rows {
		if x.Metric == metric && !slices.Contains(systems, x.System) {
			systems = append(systems, x.System)
		}
		if x.Metric == metric {
			most = math.Max(most, x.Value)
		}
	}
	const left, wide, line = 230, 420, 26
	var b strings.Builder
	height := line*len(systems) + 44
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13">`+"\n", left+wide+110, height, left+wide+110, height)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="#fff"/><text x="10" y="22" font-weight="bold">%s, %s</text>`+"\n", r.workload, strings.ReplaceAll(metric, "_", " "))
	for i, name := range systems {
		v := r.values(name, metric)
		x := func(v float64) float64 { return left + wide*v/most }
		y := 36 + line*i
		fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end">%s</text><rect x="%d" y="%d" width="%.1f" height="16" fill="%s"/>`, left-8, y+13, name, left, y, x(v[len(v)/2])-left, colour(name))
		fmt.Fprintf(&b, `<path d="M%.1f %dH%.1f" stroke="#111"/><text x="%.1f" y="%d">%s</text>`+"\n", x(v[0]), y+8, x(v[len(v)-1]), x(v[len(v)-1])+6, y+13, figure(v[len(v)/2]))
	}
	return b.String() + "</svg>\n"
}

func colour(system string) string {
	if strings.HasPrefix(system, "brigata") || strings.HasPrefix(system, "menu") || system == "killed" {
		return "#c2410c"
	}
	return "#94a3b8"
}

// machine says what it ran on.
func (s *suite) machine() string {
	line := func(name string, args ...string) string {
		out, err := exec.Command(name, args...).Output()
		if err != nil {
			return "?"
		}
		return strings.TrimSpace(string(out))
	}
	cpu, memory := "?", "?"
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if _, rest, ok := strings.Cut(string(b), "model name"); ok {
			cpu, _, _ = strings.Cut(strings.TrimLeft(rest, "\t :"), "\n")
		}
	}
	if b, err := os.ReadFile("/proc/meminfo"); err == nil {
		if f := strings.Fields(string(b)); len(f) > 1 {
			memory = f[1] + " kB"
		}
	}
	database := "?"
	if c, err := pgx.Connect(s.ctx, s.database); err == nil {
		_ = c.QueryRow(s.ctx, "SELECT version()").Scan(&database)
		c.Close(s.ctx)
	}
	load := "?"
	if b, err := os.ReadFile("/proc/loadavg"); err == nil {
		load = strings.Join(strings.Fields(string(b))[:3], " ")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "| | |\n| --- | --- |\n| processor | %s, %d cores |\n| memory | %s |\n| system | %s |\n| Go | %s |\n| database | %s |\n", cpu, runtime.NumCPU(), memory, line("uname", "-sr"), runtime.Version(), database)
	if s.redis != "" {
		fmt.Fprintf(&b, "| Redis | %s, appendfsync always |\n", s.redis)
	}
	fmt.Fprintf(&b, "| commit | %s |\n| load average at the end | %s |\n| written | %s |\n", line("git", "rev-parse", "--short", "HEAD"), load, time.Now().UTC().Format("2006-01-02 15:04 MST"))
	return b.String()
}
