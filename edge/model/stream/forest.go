package stream

import (
	"math"
	"math/rand/v2"

	"github.com/brigata/brigata/edge/model/drift"
)

// Change is how sure a forest is that a tree judges worse than before until it grows
// another in the background, and until that takes the tree's place.
type Change struct{ Warning, Drift float64 }

// The two of Gomes et al.: fast forgets soon and sometimes for nothing.
var (
	Fast     = Change{0.01, 0.001}
	Moderate = Change{0.0001, 0.00001}
)

const (
	often = 6 // how often a tree sees a row, on average: online bagging, leveraged
	// A leaf of a forest splits sooner than one of a tree alone: many of them are asked.
	grace, confidence, tie = 50, 0.01, 0.05
	leavesMax              = 1024
)

// Forest is trees that each see the rows in other numbers, and other features of them.
type Forest struct {
	Shape
	change  Change
	members []*member
	p       []float64
	alarms  int
}

// member is a tree, and what watches over it.
type member struct {
	tree, next  *Tree // next: in the background; nil: there was no warning
	warn, drift *drift.ADWIN
	right, seen float64
	rand        *rand.Rand
}

// NewForest makes a forest of so many trees.
func NewForest(s Shape, trees int, c Change, seed uint64) *Forest {
	f := &Forest{Shape: s, change: c, p: make([]float64, s.Classes)}
	for i := range trees {
		m := &member{rand: rand.New(rand.NewPCG(seed, uint64(i)<<8|19))}
		m.tree = f.plant(m)
		f.watch(m)
		f.members = append(f.members, m)
	}
	return f
}

func (f *Forest) plant(m *member) *Tree {
	subset := int(math.Round(math.Sqrt(float64(f.Features)))) + 1
	return NewTree(f.Shape, Growth{grace, confidence, tie, subset, leavesMax}, m.rand.Uint64())
}

func (f *Forest) watch(m *member) {
	m.warn, m.drift = drift.New(f.change.Warning, drift.Whole), drift.New(f.change.Drift, drift.Whole)
}

// Alarms counts the trees that were replaced.
func (f *Forest) Alarms() int { return f.alarms }

// Read writes the probability of each class to p: the mean of the trees, each by the share
// of its rows that it was right of.
func (f *Forest) Read(x, p []float64) {
	clear(p)
	for _, m := range f.members {
		m.tree.Read(x, f.p)
		weight := (m.right + 1) / (m.seen + 2)
		for c, v := range f.p {
			p[c] += weight * v
		}
	}
	scale(p)
}

// Learn takes a row. A tree whose errors have become more is replaced.
func (f *Forest) Learn(r Row) {
	for _, m := range f.members {
		m.tree.Read(r.X, f.p)
		wrong := 1.0
		if top(f.p) == r.Class {
			wrong = 0
		}
		m.seen, m.right = m.seen+1, m.right+1-wrong
		if k := poisson(m.rand, often); k > 0 {
			m.tree.weigh(r, k)
			if m.next != nil {
				m.next.weigh(r, k)
			}
		}
		if more(m.warn, wrong) {
			m.next = f.plant(m)
			m.warn = drift.New(f.change.Warning, drift.Whole)
		}
		if more(m.drift, wrong) {
			f.replace(m)
		}
	}
}

// replace puts the tree of the background in, or a new one.
func (f *Forest) replace(m *member) {
	if m.tree = m.next; m.tree == nil {
		m.tree = f.plant(m)
	}
	m.next, m.right, m.seen = nil, 0, 0
	f.watch(m)
	f.alarms++
}

// more says that the errors have changed, and not for the better.
func more(a *drift.ADWIN, wrong float64) bool {
	before := a.Mean()
	return a.Add(wrong) && a.Mean() > before
}

// poisson draws from that distribution (Knuth).
func poisson(r *rand.Rand, mean float64) (k float64) {
	for p, stop := r.Float64(), math.Exp(-mean); p > stop; k++ {
		p *= r.Float64()
	}
	return k
}
