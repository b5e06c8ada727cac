// Command brigata-sim plays the simulation of actors/sim: seeds, a crash sweep and
// mutants. Its last line says what came of it; it exits 1 when anything fails.
package main

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/brigata/brigata/actors/sim"
)

type flags struct {
	seeds, sweep, hunt int
	from               uint64
	mutant             string
	faults             string
	slow, panics       float64
	story, list        bool
	budget             time.Duration
}

func main() {
	var f flags
	flag.IntVar(&f.seeds, "seeds", 2000, "random seeds to play")
	flag.Uint64Var(&f.from, "from", 1, "the first seed")
	flag.IntVar(&f.sweep, "sweep", 2, "short stories to play once for each step at which a process may be killed")
	flag.StringVar(&f.mutant, "mutants", "", "hunt these mutants, by name and comma; all")
	flag.IntVar(&f.hunt, "hunt", 2000, "seeds that a mutant may take")
	flag.DurationVar(&f.budget, "budget", 90*time.Second, "the time that a mutant may take; one that is known to survive takes 10 s at most")
	flag.StringVar(&f.faults, "faults", "", "these kinds of faults, by comma, instead of a seed's own")
	flag.Float64Var(&f.slow, "slow", 0, "share of slow commits, instead of a seed's own")
	flag.Float64Var(&f.panics, "panics", 0, "share of turns that panic, instead of a seed's own")
	flag.BoolVar(&f.story, "story", false, "tell the story of the first seed")
	flag.BoolVar(&f.list, "list", false, "list the mutants: what each breaks, and what should notice it")
	flag.Parse()
	if f.list {
		for _, m := range sim.Mutants {
			fmt.Printf("%-24s %-70s %s\n", m.Name, m.Breaks, m.Kills)
		}
		return
	}
	os.Exit(run(f))
}

func run(f flags) int {
	o := sim.Options{Slow: f.slow, Panics: f.panics}
	if f.faults != "" {
		o.Faults = strings.Split(f.faults, ",")
	}
	if f.story {
		sim.Run(sim.NewPlan(f.from, o), os.Stdout)
	}
	total := sim.Seeds(f.from, f.seeds, o, time.Time{})
	swept := 0
	for s := uint64(1); s <= uint64(f.sweep) && total.Failed == nil; s++ {
		t := sim.Sweep(s)
		swept += t.Runs
		total.Join(t)
	}
	if total.Failed != nil {
		return failed(total)
	}
	killed, of, fresh := hunt(f)
	fmt.Printf("%d seeds, %d swept crashes, %d events, %d answers, %d faults", total.Runs-swept, swept, total.Events, total.Answers, total.Faults)
	if of > 0 {
		fmt.Printf(", mutants killed: %d of %d", killed, of)
	}
	fmt.Println()
	if fresh > 0 {
		return 1
	}
	return 0
}

// failed tells the shortest story that still fails.
func failed(t sim.Total) int {
	p := sim.Shrink(t.Failed)
	fmt.Printf("seed %d: %s\n\nThe shortest plan that still fails, and its story:\n%s\n", p.Seed, t.Violation, p)
	sim.Run(p, os.Stdout)
	return 1
}

// hunt reports how many mutants were noticed, of how many, and how many were not that
// should have been.
func hunt(f flags) (killed, of, fresh int) {
	if f.mutant == "" {
		return 0, 0, 0
	}
	names := strings.Split(f.mutant, ",")
	for _, m := range sim.Mutants {
		budget := f.budget
		if f.mutant != "all" && !slices.Contains(names, m.Name) {
			continue
		}
		if m.Survives() {
			budget = min(budget, 40*time.Second)
		}
		of++
		t := m.Hunt(f.hunt, time.Now().Add(budget))
		how := "SURVIVES"
		switch {
		case t.Failed != nil:
			killed++
			how, _, _ = strings.Cut(t.Violation, "\n")
			how = how[:min(len(how), 110)]
		case m.Survives():
			how = "survives, as is known"
		default:
			fresh++
		}
		fmt.Printf("%-24s %5d runs  %s\n", m.Name, t.Runs, how)
	}
	return killed, of, fresh
}
