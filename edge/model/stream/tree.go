// Package stream learns from rows one at a time, and forgets what is no longer so: the
// Hoeffding tree of Domingos and Hulten (2000), and the adaptive random forest of Gomes et
// al. (2017).
//
// Its promise: the same rows and seed give the same answers, and a tree never has more
// leaves than its options say. The report uses it; it belongs to one goroutine.
package stream

import (
	"errors"
	"math"
	"math/rand/v2"
)

// Shape is how wide a row is, and of how many classes one may be.
type Shape struct{ Features, Classes int }

const featuresMax, classesMax = 1024, 64

// Row is one of a stream.
type Row struct {
	X     []float64
	Class int
}

var (
	errShape = errors.New("no shape of a stream")
	errRow   = errors.New("not a row of the stream")
)

// Check says whether anything can be learnt of such rows.
func (s Shape) Check() error {
	if s.Features < 1 || s.Features > featuresMax || s.Classes < 2 || s.Classes > classesMax {
		return errShape
	}
	return nil
}

// Takes says whether a row is of the shape, and finite: Read and Learn want no others.
func (s Shape) Takes(r Row) error {
	if len(r.X) != s.Features || r.Class < 0 || r.Class >= s.Classes {
		return errRow
	}
	for _, v := range r.X {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return errRow
		}
	}
	return nil
}

// Growth is when a tree's leaf is split.
type Growth struct {
	Grace      float64 // weight of rows between looks
	Confidence float64 // how likely a split may be that more rows would not have made
	Tie        float64 // bound below which two features are as good as one another
	Subset     int     // of features that a leaf looks at, drawn anew for each; 0: all
	LeavesMax  int
}

// Plain is how Domingos and Hulten grow a tree.
var Plain = Growth{Grace: 200, Confidence: 1e-7, Tie: 0.05, LeavesMax: 4096}

// Tree decides by the features of a row which leaf it belongs to. Its leaves answer with
// naive Bayes where that has been right more often than the commonest class.
type Tree struct {
	Shape
	growth Growth
	rand   *rand.Rand
	root   *node
	leaves int
}

// node is a leaf, or sends rows low or high.
type node struct {
	*leaf
	feature   int
	at        float64
	low, high *node
}

// NewTree makes a tree of one leaf.
func NewTree(s Shape, g Growth, seed uint64) *Tree {
	t := &Tree{Shape: s, growth: g, rand: rand.New(rand.NewPCG(seed, 17))}
	t.root = t.sprout(make([]float64, s.Classes))
	return t
}

// sprout makes a leaf that has heard of so many rows of each class.
func (t *Tree) sprout(counts []float64) *node {
	t.leaves++
	l := &leaf{counts: counts, tried: sum(counts)}
	if k := t.growth.Subset; k > 0 && k < t.Features {
		l.looksAt = t.rand.Perm(t.Features)[:k]
	} else {
		for f := range t.Features {
			l.looksAt = append(l.looksAt, f)
		}
	}
	l.bells = make([]bell, len(l.looksAt)*t.Classes)
	return &node{leaf: l}
}

// Leaves counts them.
func (t *Tree) Leaves() int { return t.leaves }

func (t *Tree) find(x []float64) *node {
	n := t.root
	for n.leaf == nil {
		if x[n.feature] <= n.at {
			n = n.low
		} else {
			n = n.high
		}
	}
	return n
}

// Read writes the probability of each class to p.
func (t *Tree) Read(x, p []float64) {
	l := t.find(x).leaf
	if l.bayes >= l.commonest {
		l.naive(x, p)
	} else {
		l.shares(p)
	}
}

// Learn takes a row.
func (t *Tree) Learn(r Row) { t.weigh(r, 1) }

// weigh takes a row as so many of its kind.
func (t *Tree) weigh(r Row, weight float64) {
	n := t.find(r.X)
	n.learn(r, weight, make([]float64, t.Classes))
	seen := sum(n.counts)
	if seen-n.tried < t.growth.Grace || t.leaves >= t.growth.LeavesMax || n.pure() {
		return
	}
	n.tried = seen
	best, second := n.splits()
	bits := math.Log2(float64(t.Classes))
	bound := math.Sqrt(bits * bits * math.Log(1/t.growth.Confidence) / (2 * seen))
	if best.gain <= 0 || best.gain-second <= bound && bound >= t.growth.Tie {
		return
	}
	t.leaves--
	*n = node{feature: best.feature, at: best.at, low: t.sprout(best.low), high: t.sprout(best.high)}
}

func sum(v []float64) (total float64) {
	for _, x := range v {
		total += x
	}
	return total
}
