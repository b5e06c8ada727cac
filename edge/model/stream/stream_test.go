package stream

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// A feature that tells the class splits the leaf at the first look at which the bound of
// Hoeffding, √(R²·ln(1/δ)/2n), is below its gain of R bits, and not before.
func TestALeafIsSplitWhenTheBoundAllows(t *testing.T) {
	for _, c := range []struct {
		classes int
		delta   float64
	}{{2, 1e-7}, {2, 1e-100}, {2, 1e-300}, {4, 1e-200}} {
		g := Growth{Grace: 10, Confidence: c.delta, LeavesMax: 10}
		tree, n := NewTree(Shape{1, c.classes}, g, 0), 0
		for tree.Leaves() == 1 && n < 10_000 {
			tree.Learn(Row{[]float64{float64(n % c.classes / (c.classes / 2))}, n % c.classes})
			n++
		}
		// Half of the classes on either side of the cut: one bit.
		bits := math.Log2(float64(c.classes))
		want := int(math.Ceil(bits*bits*math.Log(1/c.delta)/2/g.Grace)) * int(g.Grace)
		if n != want {
			t.Errorf("%d classes, δ %v: split after %d rows, not %d", c.classes, c.delta, n, want)
		}
	}
}

func TestNoiseIsNotSplit(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		g := Plain
		g.Tie = 0
		tree := NewTree(Shape{3, 2}, g, seed)
		for range 20_000 {
			tree.Learn(Row{[]float64{r.Float64(), r.NormFloat64(), float64(r.IntN(2))}, r.IntN(2)})
		}
		if tree.Leaves() > 1 {
			t.Errorf("seed %d: %d leaves of noise", seed, tree.Leaves())
		}
	}
}

func TestATreeHasNoMoreLeavesThanItMay(t *testing.T) {
	g := Growth{Grace: 20, Confidence: 0.5, Tie: 0.5, LeavesMax: 7}
	s := Sources[0]
	tree, most := NewTree(s.Shape, g, 1), 0
	for _, r := range s.Changing(1, 20_000) {
		tree.Learn(r)
		most = max(most, tree.Leaves())
	}
	if most != g.LeavesMax || count(tree.root) != tree.Leaves() {
		t.Errorf("%d leaves at most, %d counted, %d told of", most, count(tree.root), tree.Leaves())
	}
}

func count(n *node) int {
	if n.leaf != nil {
		return 1
	}
	return count(n.low) + count(n.high)
}

// A bell is the mean and deviation of what it was given, with its weights, and never has
// less below a higher value.
func TestABellIsItsValues(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 1))
	var b bell
	var all []float64
	for range 500 {
		v, k := 100+3*r.NormFloat64(), poisson(r, 2)
		if k == 0 {
			continue
		}
		b.add(v, k)
		for range int(k) {
			all = append(all, v)
		}
	}
	mean, square := 0.0, 0.0
	for _, v := range all {
		mean += v / float64(len(all))
	}
	for _, v := range all {
		square += (v - mean) * (v - mean)
	}
	if d := math.Sqrt(square / float64(len(all)-1)); math.Abs(b.mean-mean) > 1e-9 || math.Abs(b.deviation()-d) > 1e-9 || b.n != float64(len(all)) {
		t.Errorf("%+v, deviation %v; the values have %v, %v, %d", b, b.deviation(), mean, d, len(all))
	}
	last := 0.0
	for v := b.min - 1; v < b.max+1; v += 0.05 {
		below := b.below(v)
		if below < last {
			t.Fatalf("below %v there are %v, and %v below less", v, below, last)
		}
		last = below
	}
	if last != b.n {
		t.Errorf("%v of %v are below the highest", last, b.n)
	}
}

func TestPoisson(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 1))
	mean, square := 0.0, 0.0
	const n = 100_000
	for range n {
		k := poisson(r, often)
		mean, square = mean+k/n, square+k*k/n
	}
	if v := square - mean*mean; math.Abs(mean-often) > 0.05 || math.Abs(v-often) > 0.15 {
		t.Errorf("mean %v, variance %v", mean, v)
	}
}

// After each change of what is true, a forest is right more often than a tree that never
// forgets; it learns the same twice (asked of the fastest).
func TestAForestFollowsWhatChanges(t *testing.T) {
	const n, after = 16_000, 2000
	for _, s := range Sources {
		rows := s.Changing(5, n)
		forest := NewForest(s.Shape, 10, Fast, 1)
		a := Test(forest, s.Shape, rows, after)
		tree := Test(NewTree(s.Shape, Plain, 1), s.Shape, rows, after)
		first, later := [2]float64{}, [2]float64{}
		for i := range rows {
			for k, right := range [][]bool{a.Right, tree.Right} {
				switch at := i % (n / s.Truths); {
				case right[i] && i < n/s.Truths && at >= n/s.Truths-after:
					first[k] += 1.0 / after
				case right[i] && i >= n/s.Truths && at >= n/s.Truths-after:
					later[k] += 1.0 / after / float64(s.Truths-1)
				}
			}
		}
		t.Logf("%s: forest %.3f before, %.3f at the ends of later truths, %d trees replaced; tree %.3f, %.3f", s.Name, first[0], later[0], forest.Alarms(), first[1], later[1])
		if later[0] < later[1]+0.01 || a.Accuracy < tree.Accuracy {
			t.Errorf("%s: the forest is right of %.3f, the tree of %.3f", s.Name, later[0], later[1])
		}
		if forest.Alarms() == 0 {
			t.Errorf("%s: no tree was replaced", s.Name)
		}
		if s.Name != Sources[0].Name {
			continue
		}
		if again := Test(NewForest(s.Shape, 10, Fast, 1), s.Shape, rows, after); !slices.Equal(again.Right, a.Right) {
			t.Errorf("%s: another forest of the same seed and rows", s.Name)
		}
	}
}

// Where nothing changes hardly a tree is replaced.
func TestAForestStaysWhereNothingChanges(t *testing.T) {
	s := Sources[0]
	s.Truths = 1
	forest := NewForest(s.Shape, 10, Moderate, 1)
	Test(forest, s.Shape, s.Changing(6, 20_000), 2000)
	if forest.Alarms() > 1 {
		t.Errorf("%d trees were replaced", forest.Alarms())
	}
}

func TestAreaIsTheShareOfPairs(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 1))
	for range 50 {
		var rows []Row
		var says []float64
		for range 40 {
			rows, says = append(rows, Row{Class: r.IntN(2)}), append(says, float64(r.IntN(12)))
		}
		pairs, won := 0.0, 0.0
		for i := range rows {
			for j := range rows {
				if rows[i].Class == 1 && rows[j].Class == 0 {
					pairs++
					switch {
					case says[i] > says[j]:
						won++
					case says[i] == says[j]:
						won += 0.5
					}
				}
			}
		}
		if a := area(says, rows); math.Abs(a-won/pairs) > 1e-12 {
			t.Fatalf("%v, by pairs %v", a, won/pairs)
		}
	}
	if a := area([]float64{1, 2}, []Row{{Class: 1}, {Class: 1}}); !math.IsNaN(a) {
		t.Errorf("one class alone: %v", a)
	}
}

func TestTables(t *testing.T) {
	for _, text := range []string{
		"date,period,price,class\n0,0.5,1,UP\n0,1,2,DOWN\n0.1,0.2,-3,UP\n",
		"@relation elec\n% a remark\n@attribute date numeric\n@data\n\n0,0.5,1,UP\n0,'1',2,DOWN\n0.1,0.2,-3,UP\n",
		"0,0.5,1,\"1\"\n0,1,2,0\n0.1,0.2,-3,1",
	} {
		s, rows, err := Table(strings.NewReader(text))
		if err != nil || s != (Shape{3, 2}) || len(rows) != 3 || rows[0].Class != 1 || rows[1].Class != 0 || !slices.Equal(rows[2].X, []float64{0.1, 0.2, -3}) {
			t.Errorf("%q: %v, %v, %v", text, s, rows, err)
		}
	}
	for _, text := range []string{"", "a,b,c\n", "a,b\nc,d\n1,A\n", "1,2,A\n1,B\n", "1,2,A\n1,2,A\n", "NaN,A\n1,B\n", "1,A\nx,B\n", "A\nB\n"} {
		if s, rows, err := Table(strings.NewReader(text)); err == nil {
			t.Errorf("%q is taken: %v, %v", text, s, rows)
		}
	}
}
