package sim

import (
	"fmt"
	"slices"
	"strings"
)

// shrinkRuns bounds the tries to make a plan shorter.
const shrinkRuns = 600

// Shrink takes faults, chains and steps from a plan that fails, as long as what is left
// still fails of the same invariant, and returns what is left.
func Shrink(p *Plan) *Plan {
	kind := invariant(Run(p, nil).Violation)
	if kind == "" {
		return p
	}
	s := &shrinker{best: p, kind: kind}
	for before := -1; before != s.best.size() && s.runs < shrinkRuns; {
		before = s.best.size()
		s.each(len(s.best.Faults), func(q *Plan, i, n int) { q.Faults = slices.Delete(q.Faults, i, i+n) })
		s.each(len(s.best.Chains), func(q *Plan, i, n int) { q.Chains = slices.Delete(q.Chains, i, i+n) })
		s.each(len(s.best.Warm), func(q *Plan, i, n int) { q.Warm = slices.Delete(slices.Clone(q.Warm), i, i+n) })
		for c := range s.best.Chains {
			s.each(len(s.best.Chains[c].Steps), func(q *Plan, i, n int) {
				q.Chains[c].Steps = slices.Delete(slices.Clone(q.Chains[c].Steps), i, i+n)
			})
		}
		for _, quiet := range []func(*Plan){
			func(q *Plan) { q.Drop = 0 }, func(q *Plan) { q.Twice = 0 }, func(q *Plan) { q.Tail = 0 },
			func(q *Plan) { q.Slow = 0 }, func(q *Plan) { q.Panics = 0 },
		} {
			s.try(quiet)
		}
	}
	return s.best
}

func invariant(violation string) string {
	kind, _, _ := strings.Cut(violation, ":")
	return kind
}

type shrinker struct {
	best *Plan
	kind string
	runs int
}

// each takes runs of elements out, long ones first.
func (s *shrinker) each(n int, without func(q *Plan, i, n int)) {
	for size := n; size > 0; size /= 2 {
		for i := 0; i+size <= n; {
			if s.try(func(q *Plan) { without(q, i, size) }) {
				n -= size
			} else {
				i += size
			}
		}
	}
}

func (s *shrinker) try(change func(*Plan)) bool {
	if s.runs >= shrinkRuns {
		return false
	}
	s.runs++
	q := *s.best
	q.Faults, q.Chains = slices.Clone(q.Faults), slices.Clone(q.Chains)
	change(&q)
	if invariant(Run(&q, nil).Violation) != s.kind {
		return false
	}
	s.best = &q
	return true
}

func (p *Plan) size() (n int) {
	for _, c := range p.Chains {
		n += 1 + len(c.Steps)
	}
	return n + len(p.Faults) + len(p.Warm)
}

// String is the plan as people read it.
func (p *Plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d nodes; of messages %.0f %% lost, %.0f %% doubled, %.0f %% late; %.0f %% of commits slow, %.1f %% of turns panic\n",
		p.Nodes, 100*p.Drop, 100*p.Twice, 100*p.Tail, 100*p.Slow, 100*p.Panics)
	for i, c := range p.Chains {
		fmt.Fprintf(&b, "client %d, from %.3f s:\n", i, float64(c.At)/float64(second))
		for _, s := range c.Steps {
			if s.Cmd == "" {
				fmt.Fprintf(&b, "  read %s %s\n", s.Read.Kind, short(s.Read.ID))
			} else {
				fmt.Fprintf(&b, "  %s %s %s\n", s.Cmd, short(string(s.ID)), s.D)
			}
		}
	}
	for _, f := range p.Faults {
		fmt.Fprintf(&b, "fault at %s\n", f)
	}
	return b.String()
}
