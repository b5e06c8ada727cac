package sim

import (
	"context"
	"io"
	"runtime/debug"
	"sync"
)

// Garbage is how much of it a program that runs many seeds lets lie, in percent of what
// lives (GOGC): a world is small, and soon over.
const Garbage = 1600

// Result is what one run came to.
type Result struct {
	Seed      uint64
	Violation string // "" when all held
	Hash      uint64 // of all that happened, in order
	Events    uint64
	Steps     int // of processes
	Faults    int
	Answers   int
	Commits   int
}

// Run plays a plan. The story, if anybody wants it, is a line for each thing that
// happened.
func Run(p *Plan, story io.Writer) Result {
	w := newWorld(p, story)
	w.guarded()
	return w.result()
}

func (w *World) result() Result {
	return Result{Seed: w.plan.Seed, Violation: w.checks.violation, Hash: uint64(w.hash), Events: w.n, Steps: w.steps,
		Faults: w.faults, Answers: w.checks.answers, Commits: w.checks.commits}
}

// guarded plays, and takes a panic for a violation: the process would be gone.
func (w *World) guarded() {
	defer func() {
		if v := recover(); v != nil {
			w.checks.fail("panic", "%v\n%s", v, debug.Stack())
		}
	}()
	w.play()
}

// Total is what many runs came to.
type Total struct {
	Runs            int
	Events          uint64
	Hash            uint64 // of theirs, whatever their order
	Faults, Answers int
	Failed          *Plan  // the first that did, or nil
	Violation       string // its
}

func (t *Total) add(r Result) {
	t.Runs++
	d := digest(r.Seed)
	d.number(r.Hash)
	t.Hash ^= uint64(d)
	t.Events += r.Events
	t.Faults += r.Faults
	t.Answers += r.Answers
}

// Join adds what further runs came to.
func (t *Total) Join(more Total) {
	t.Runs += more.Runs
	t.Hash ^= more.Hash
	t.Events += more.Events
	t.Faults += more.Faults
	t.Answers += more.Answers
	if t.Failed == nil {
		t.Failed, t.Violation = more.Failed, more.Violation
	}
}

// Seeds runs seeds from first on, some at a time, until one fails or ctx has ended. Of
// seeds that fail it keeps the first. What it ran is a run of seeds without a gap.
func Seeds(ctx context.Context, first uint64, n int, o Options, workers int) Total {
	return each(ctx, n, workers, func(i int) *Plan { return NewPlan(first+uint64(i), o) })
}

// Sweep runs the short story of a seed once for each step of its processes, and kills
// the process at that step.
func Sweep(seed uint64, workers int) Total {
	o := Options{Calm: true, Short: true}
	steps := Run(NewPlan(seed, o), nil).Steps
	return each(context.Background(), steps, workers, func(i int) *Plan {
		o := o
		o.CrashAt = i + 1
		return NewPlan(seed, o)
	})
}

// each plays n plans.
func each(ctx context.Context, n, workers int, plan func(i int) *Plan) (t Total) {
	var mu sync.Mutex
	next, failed := 0, -1
	var all sync.WaitGroup
	for range max(1, workers) {
		all.Go(func() {
			for {
				mu.Lock()
				i := next
				if i >= n || failed >= 0 || ctx.Err() != nil {
					mu.Unlock()
					return
				}
				next++
				mu.Unlock()
				p := plan(i)
				r := Run(p, nil)
				mu.Lock()
				t.add(r)
				if r.Violation != "" && (failed < 0 || i < failed) {
					failed, t.Failed, t.Violation = i, p, r.Violation
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	return t
}
