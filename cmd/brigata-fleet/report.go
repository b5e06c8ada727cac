package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// Report writes what was kept as Markdown.
type Report struct {
	Results string `help:"File of results that faults --results made." default:"bin/faults.jsonl" type:"existingfile"`
	Out     string `help:"Markdown file to write." default:"docs/faults.md" type:"path"`
}

// Run writes the report. Rounds of what is no commit are left out: nobody could repeat them.
func (x *Report) Run() error {
	all, err := readResults(x.Results)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(r result) bool { return strings.HasSuffix(r.Commit, dirty) })
	if len(all) == 0 {
		return fmt.Errorf("%s holds no result of a commit", x.Results)
	}
	return os.WriteFile(x.Out, []byte(markdown(all)), 0o644)
}

// kinds are the faults that are counted, in the report's order.
var kinds = []string{"kill", "pause", "partition", "database", "cut from database", "join", "drain"}

// sum is of some rounds.
type sum struct {
	rounds, failed, acked, orders, payments, repeats, retried, histories, undecided int
	again, longest, healed                                                          int64
	waits                                                                           []int64
	waitsOf                                                                         map[string][]int64 // by kind of fault
	happened, found                                                                 map[string]int
}

func sumOf(all []result) *sum {
	s := &sum{happened: map[string]int{}, found: map[string]int{}, waitsOf: map[string][]int64{}}
	for i := range all {
		r := &all[i]
		s.rounds++
		if len(r.Faults) > 0 {
			s.failed++
		}
		s.acked, s.orders, s.payments, s.repeats = s.acked+r.Acked, s.orders+r.Orders, s.payments+r.Payments, s.repeats+r.Repeats
		s.retried, s.histories, s.undecided = s.retried+r.Retried, s.histories+r.Histories, s.undecided+r.Undecided
		s.again, s.longest, s.healed = max(s.again, r.AgainMS), max(s.longest, r.LongestMS), max(s.healed, r.HealedMS)
		for k, w := range r.Waits {
			s.waits = append(s.waits, w...)
			s.waitsOf[k] = append(s.waitsOf[k], w...)
		}
		for k, n := range r.Happened {
			s.happened[k] += n
		}
		for k, n := range r.Found {
			s.found[k] += n
		}
	}
	return s
}

func markdown(all []result) string {
	var b strings.Builder
	p := func(format string, v ...any) { fmt.Fprintf(&b, format, v...) }
	first, last := all[0].At, all[0].At
	by := map[string][]result{}
	var names, machines, commits, commands, links, loads []string
	note := func(list *[]string, v string) {
		if !slices.Contains(*list, v) {
			*list = append(*list, v)
		}
	}
	for i := range all {
		r := &all[i]
		if r.At.Before(first) {
			first = r.At
		}
		if r.At.After(last) {
			last = r.At
		}
		note(&names, r.Scenario)
		by[r.Scenario] = append(by[r.Scenario], *r)
		note(&machines, r.Machine)
		note(&commits, r.Commit)
		note(&commands, plain(r.Command))
		note(&links, r.Links)
		loads = append(loads, r.Load)
	}
	total := sumOf(all)
	p("# Faults\n\nWritten by `brigata-fleet report` of what `brigata-fleet faults` kept; not by hand.\n\n")
	p("Real processes and a real Postgres with `fsync` and `synchronous_commit` on, under load; each round has a fleet and a database of its own and is audited by itself.\n\n")
	p("- machine: %s; its load average when rounds began: %s\n", strings.Join(machines, "; "), span(loads))
	p("- commits: %s\n- rounds began from %s to %s\n- links between nodes and database: %s\n", strings.Join(commits, ", "), first.Format("2006-01-02 15:04"), last.Format("2006-01-02 15:04 MST"), strings.Join(links, ", "))
	p("- commands:\n")
	for _, c := range commands {
		p("  - `%s`\n", c)
	}
	p("\n## What happened\n\n| scenario | rounds | failed |")
	for _, k := range kinds {
		p(" %s |", k)
	}
	p(" commands acknowledged | orders | payments | repeats | tried again |\n|---|---|---|%s---|---|---|---|---|\n", strings.Repeat("---|", len(kinds)))
	row := func(name string, s *sum) {
		p("| %s | %d | %d |", name, s.rounds, s.failed)
		for _, k := range kinds {
			p(" %d |", s.happened[k])
		}
		p(" %d | %d | %d | %d | %d |\n", s.acked, s.orders, s.payments, s.repeats, s.retried)
	}
	for _, n := range names {
		row(n, sumOf(by[n]))
	}
	row("**all**", total)
	if is := by[long.name]; len(is) > 0 {
		b.WriteString(longRun(sumOf(is)))
	}
	p("\n## How long clients waited\n\nOf every store and fault that it felt: the longest that one of its clients waited for an answer, from the fault or from when it asked, until the next fault. A store felt a fault if a command failed at first or took more than %d ms. "+
		"A fault is from its beginning: one that lasts 5 s is felt for as long. \"Every store answers\" is from the round's first fault until the last store had answered a command; it holds the time between two commands of a client. \"Boards seen right\" holds the looking itself, at every topic of every store on every node.\n\n", felt.Milliseconds())
	p("| scenario | felt | p50 ms | p99 ms | longest ms | every store answers, ms | boards seen right, ms |\n|---|---|---|---|---|---|---|\n")
	waits := func(name string, s *sum) {
		p("| %s | %d | %d | %d | %d | %d | %d |\n", name, len(s.waits), percentile(s.waits, 50), percentile(s.waits, 99), s.longest, s.again, s.healed)
	}
	for _, n := range names {
		waits(n, sumOf(by[n]))
	}
	waits("**all**", total)
	p("\n| fault | felt | p50 ms | p99 ms | longest ms |\n|---|---|---|---|---|\n")
	for _, k := range kinds {
		if w := total.waitsOf[k]; len(w) > 0 {
			p("| %s | %d | %d | %d | %d |\n", k, len(w), percentile(w, 50), percentile(w, 99), percentile(w, 100))
		}
	}
	p("\n## What was checked\n\nAfter every round, at rest; %d histories were held to their models by porcupine, %d of them undecided in time.\n\n| | broken | what |\n|---|---|---|\n", total.histories, total.undecided)
	for _, i := range invariants {
		p("| %s | %d | %s |\n", i.name, total.found[i.name], i.what)
	}
	if total.failed > 0 {
		p("\n## Rounds that failed\n\n")
		for i := range all {
			if r := &all[i]; len(r.Faults) > 0 {
				p("- %s %d, %s: %s\n", r.Scenario, r.Round, r.At.Format("15:04:05"), strings.Join(r.Faults, ", "))
			}
		}
	}
	return b.String()
}

// longRun holds what the rounds of the long run came to, counted together, to what they were to be.
func longRun(s *sum) string {
	var b strings.Builder
	p := func(format string, v ...any) { fmt.Fprintf(&b, format, v...) }
	p("\n## The long run\n\nFaults of every kind at random, most of them while the last one heals; %d rounds, counted together.\n\n| | is to be | is |\n|---|---|---|\n", s.rounds)
	p("| orders acknowledged, each held to the log | ≥ %d | %d |\n", enough["orders"], s.orders)
	for _, k := range []struct{ kind, what string }{{"kill", "kill -9 of a node"}, {"pause", "SIGSTOP of a node"}, {"partition", "partitions"}, {"database", "kill -9 of Postgres"}} {
		p("| %s | ≥ %d | %d |\n", k.what, enough[k.kind], s.happened[k.kind])
	}
	broken := 0
	for _, n := range s.found {
		broken += n
	}
	p("| violations of what is checked below | 0 | %d |\n| recovery, p99 over all faults, ms | ≤ %d | %d |\n", broken, recoverIn.Milliseconds(), percentile(s.waits, 99))
	return b.String()
}

// plain is a command without where its files are.
func plain(command string) string {
	words := strings.Fields(command)
	for i := 0; i+1 < len(words); {
		if words[i] == "--brigata" || words[i] == "--results" || words[i] == "--logs" {
			words = slices.Delete(words, i, i+2)
		} else {
			i++
		}
	}
	return strings.Join(words, " ")
}

// span is the least and the most of numbers that are texts.
func span(all []string) string {
	parse := func(s string) (f float64) { fmt.Sscan(s, &f); return f }
	low, high := all[0], all[0]
	for _, s := range all {
		if parse(s) < parse(low) {
			low = s
		}
		if parse(s) > parse(high) {
			high = s
		}
	}
	if low == high {
		return low
	}
	return low + " to " + high
}
