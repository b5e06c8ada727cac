package sim

import (
	"io"
	"runtime/debug"
	"time"
)

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
	return Result{Seed: p.Seed, Violation: w.checks.violation, Hash: w.hash.Sum64(), Events: w.n, Steps: w.steps,
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
	Faults, Answers int
	Failed          *Plan  // the first that did, or nil
	Violation       string // its
}

func (t *Total) add(p *Plan, r Result) {
	t.Runs++
	t.Events += r.Events
	t.Faults += r.Faults
	t.Answers += r.Answers
	if r.Violation != "" && t.Failed == nil {
		t.Failed, t.Violation = p, r.Violation
	}
}

// Join adds what further runs came to.
func (t *Total) Join(more Total) {
	t.Runs += more.Runs
	t.Events += more.Events
	t.Faults += more.Faults
	t.Answers += more.Answers
	if t.Failed == nil {
		t.Failed, t.Violation = more.Failed, more.Violation
	}
}

// Seeds runs seeds from first on until one fails, or until the time is up; a zero end
// has no time.
func Seeds(first uint64, n int, o Options, end time.Time) (t Total) {
	for seed := first; seed < first+uint64(n) && t.Failed == nil && (end.IsZero() || time.Now().Before(end)); seed++ {
		p := NewPlan(seed, o)
		t.add(p, Run(p, nil))
	}
	return t
}

// Sweep runs the short story of a seed once for each step of its processes, and kills
// the process at that step.
func Sweep(seed uint64) (t Total) {
	o := Options{Calm: true, Short: true}
	steps := Run(NewPlan(seed, o), nil).Steps
	for o.CrashAt = 1; o.CrashAt <= steps && t.Failed == nil; o.CrashAt++ {
		p := NewPlan(seed, o)
		t.add(p, Run(p, nil))
	}
	return t
}
