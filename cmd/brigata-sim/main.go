// Command brigata-sim plays the simulation of actors/sim: seeds, a crash sweep and
// mutants, on all processors. Its last line says what came of it; it exits 1 when
// anything fails, or a mutant goes unnoticed.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/brigata/brigata/actors/sim"
)

type flags struct {
	seeds, sweep, hunt int
	from               uint64
	mutant             string
	faults             string
	slow, panics       float64
	story, list, short bool
	budget, limit      time.Duration
	workers            int
}

func main() {
	var f flags
	flag.IntVar(&f.seeds, "seeds", 2000, "random seeds to play")
	flag.Uint64Var(&f.from, "from", 1, "the first seed")
	flag.DurationVar(&f.limit, "for", 0, "stop after that time")
	flag.BoolVar(&f.short, "short", false, "short stories of few clients, about ten times as many seeds a second")
	flag.IntVar(&f.sweep, "sweep", 2, "short stories to play once for each step at which a process may be killed")
	flag.StringVar(&f.mutant, "mutants", "", "hunt these mutants, by name and comma; all")
	flag.IntVar(&f.hunt, "hunt", 5000, "seeds that a mutant may take")
	flag.DurationVar(&f.budget, "budget", 20*time.Minute, "the time that a mutant may take, on however busy a machine")
	flag.StringVar(&f.faults, "faults", "", "these kinds of faults, by comma, instead of a seed's own")
	flag.Float64Var(&f.slow, "slow", 0, "share of slow commits, instead of a seed's own")
	flag.Float64Var(&f.panics, "panics", 0, "share of turns that panic, instead of a seed's own")
	flag.BoolVar(&f.story, "story", false, "tell the story of the first seed")
	flag.BoolVar(&f.list, "list", false, "list the mutants: what each breaks, and what should notice it")
	flag.IntVar(&f.workers, "workers", runtime.GOMAXPROCS(0), "seeds or mutants at a time")
	flag.Parse()
	if f.list {
		for _, m := range sim.Mutants {
			fmt.Printf("%-24s %-70s %s\n", m.Name, m.Breaks, m.Kills)
		}
		return
	}
	debug.SetGCPercent(sim.Garbage)
	os.Exit(run(f))
}

func run(f flags) int {
	o := sim.Options{Slow: f.slow, Panics: f.panics, Short: f.short}
	if f.faults != "" {
		o.Faults = strings.Split(f.faults, ",")
	}
	if f.story {
		sim.Run(sim.NewPlan(f.from, o), os.Stdout)
	}
	total, next := seeds(f, o)
	stopped := next < f.from+uint64(f.seeds)
	swept := 0
	for s := uint64(1); s <= uint64(f.sweep) && total.Failed == nil && !stopped; s++ {
		t := sim.Sweep(s, f.workers)
		swept += t.Runs
		total.Join(t)
	}
	if total.Failed != nil {
		return failed(total)
	}
	killed, of := 0, 0
	if stopped {
		fmt.Printf("stopped: the next seed is %d\n", next)
	} else {
		killed, of = hunt(f)
	}
	fmt.Printf("%d seeds, %d swept crashes, %d events, %d answers, %d faults", total.Runs-swept, swept, total.Events, total.Answers, total.Faults)
	if of > 0 {
		fmt.Printf(", mutants killed: %d of %d", killed, of)
	}
	fmt.Println()
	if killed < of {
		return 1
	}
	return 0
}

// told is how many seeds are played between two lines of progress.
const told = 10_000

// seeds plays them, until ^C or the time is up, and says which comes next: whoever stopped
// it goes on from there.
func seeds(f flags, o sim.Options) (total sim.Total, next uint64) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if f.limit > 0 {
		ctx, stop = context.WithTimeout(ctx, f.limit)
		defer stop()
	}
	began := time.Now()
	next = f.from
	last := f.from + uint64(f.seeds)
	for next < last && total.Failed == nil && ctx.Err() == nil {
		t := sim.Seeds(ctx, next, min(told, int(last-next)), o, f.workers)
		next += uint64(t.Runs)
		total.Join(t)
		if f.seeds > told {
			fmt.Printf("%s %s: seeds %d to %d, %.0f a second: %d events, %d answers, %d faults, hash %016x\n", time.Now().UTC().Format(time.TimeOnly), version(),
				f.from, next-1, float64(total.Runs)/time.Since(began).Seconds(), total.Events, total.Answers, total.Faults, total.Hash)
		}
	}
	return total, next
}

// version is the commit that this was built of.
func version() string {
	is := "unknown version"
	if b, ok := debug.ReadBuildInfo(); ok {
		for _, s := range b.Settings {
			switch {
			case s.Key == "vcs.revision":
				is = s.Value[:min(len(s.Value), 10)]
			case s.Key == "vcs.modified" && s.Value == "true":
				is += "-dirty"
			}
		}
	}
	return is
}

// failed tells the shortest story that still fails.
func failed(t sim.Total) int {
	p := sim.Shrink(t.Failed)
	fmt.Printf("seed %d: %s\n\nThe shortest plan that still fails, and its story:\n%s\n", p.Seed, t.Violation, p)
	sim.Run(p, os.Stdout)
	return 1
}

// hunt reports how many mutants were noticed, and of how many. Which mutant is on is one
// for a process, so each has a process of its own.
func hunt(f flags) (killed, of int) {
	if f.mutant == "" {
		return 0, 0
	}
	names := strings.Split(f.mutant, ",")
	hunted := slices.DeleteFunc(slices.Clone(sim.Mutants), func(m sim.Mutant) bool { return f.mutant != "all" && !slices.Contains(names, m.Name) })
	if len(hunted) == 1 {
		if alone(f, hunted[0]) {
			return 1, 1
		}
		return 0, 1
	}
	self, err := os.Executable()
	if err != nil {
		fmt.Fprintln(os.Stderr, "brigata-sim:", err)
		return 0, len(hunted)
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	turn := make(chan struct{}, max(1, f.workers))
	for _, m := range hunted {
		all.Go(func() {
			turn <- struct{}{}
			defer func() { <-turn }()
			cmd := exec.Command(self, "-seeds", "0", "-sweep", "0", "-mutants", m.Name, "-hunt", fmt.Sprint(f.hunt), "-budget", f.budget.String())
			cmd.Stderr = os.Stderr
			out, err := cmd.Output()
			line, _, _ := strings.Cut(string(out), "\n")
			mu.Lock()
			defer mu.Unlock()
			if fmt.Println(line); err == nil {
				killed++
			}
		})
	}
	all.Wait()
	return killed, len(hunted)
}

// alone hunts one mutant in this process.
func alone(f flags, m sim.Mutant) bool {
	t := m.Hunt(f.hunt, time.Now().Add(f.budget))
	how := "SURVIVES"
	if t.Failed != nil {
		how, _, _ = strings.Cut(t.Violation, "\n")
		how = how[:min(len(how), 110)]
	}
	fmt.Printf("%-24s %5d runs  %s\n", m.Name, t.Runs, how)
	return t.Failed != nil
}
