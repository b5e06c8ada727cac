package fusion

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/brigata/brigata/edge/model/features"
)

var tiny = Shape{Width: 8, Layers: 2, Heads: 2, Head: 4, Hidden: 12, Classes: 4}

func made(t *testing.T, s Shape) *Net {
	t.Helper()
	n, err := New(s, 3)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func random(r *rand.Rand, classes int) Example {
	e := Example{Window: &features.Window{}, Class: r.IntN(classes)}
	for i := range e.X {
		e.X[i] = float32(r.NormFloat64()) + 0.4*float32(e.Class*(i%5))
	}
	for s := range e.Has {
		e.Has[s] = true
	}
	if r.Float64() < 0.5 {
		e.Drop(features.Sense(r.IntN(features.Senses)))
	}
	return e
}

// Each tensor's gradient, along a random direction, is what a small step along it does
// to the loss.
func TestGradientsAreThoseOfTheLoss(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	n := made(t, tiny)
	for _, w := range n.tensors { // no layer at its start, where some gradients are none
		for i := range w.W {
			w.W[i] += float32(0.1 * r.NormFloat64())
		}
	}
	windows := []*features.Window{random(r, 4).Window, random(r, 4).Window, random(r, 4).Window}
	p := n.NewPass(len(windows)).train()
	weights := make([]float32, len(windows)*n.Classes)
	for i := range weights {
		weights[i] = float32(r.NormFloat64())
	}
	loss := func() (sum float64) {
		for i, v := range p.forward(windows) {
			sum += float64(v) * float64(weights[i])
		}
		return sum
	}
	loss()
	p.backward(len(windows), weights)
	for i, w := range n.tensors {
		direction, along, length := make([]float64, len(w.W)), 0.0, 0.0
		for j := range direction {
			direction[j] = r.NormFloat64()
			length += direction[j] * direction[j]
		}
		const step = 4e-3
		before := slices.Clone(w.W)
		at := func(sign float64) float64 {
			for j := range w.W {
				w.W[j] = before[j] + float32(sign*step*direction[j]/math.Sqrt(length))
			}
			return loss()
		}
		for j, d := range direction {
			along += float64(p.grads[i][j]) * d / math.Sqrt(length)
		}
		numeric := (at(1) - at(-1)) / (2 * step)
		copy(w.W, before)
		if math.Abs(numeric-along) > 0.01*(math.Abs(numeric)+math.Abs(along))+2e-3 {
			t.Errorf("tensor %d (%d×%d): %v by the gradient, %v by steps", i, w.Rows, w.Cols, along, numeric)
		}
	}
}

func TestSensesThatAreNotThereSayNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 2))
	n := made(t, tiny)
	p := n.NewPass(1)
	w := random(r, 4).Window
	w.Drop(features.Thermal)
	before := slices.Clone(p.Read(w))
	span := features.Spans[features.Thermal]
	for i := span[0] * features.Width; i < span[1]*features.Width; i++ {
		w.X[i] = 1000
	}
	if after := p.Read(w); !slices.Equal(before, after) {
		t.Errorf("%v, then %v", before, after)
	}
	if sum := before[0] + before[1] + before[2] + before[3]; math.Abs(float64(sum)-1) > 1e-5 {
		t.Errorf("probabilities add up to %v", sum)
	}
	var none features.Window
	for _, v := range p.Read(&none) {
		if math.IsNaN(float64(v)) {
			t.Fatal("no sense at all: no number")
		}
	}
}

func learn(t *testing.T, f Fit) (*Net, []Example) {
	r := rand.New(rand.NewPCG(9, 9))
	var list []Example
	for range 320 {
		list = append(list, random(r, 4))
	}
	n := made(t, tiny)
	var w []*features.Window
	for _, e := range list {
		w = append(w, e.Window)
	}
	n.Normalise(w)
	n.Train(list, f)
	return n, list
}

func TestTrainingLearnsTheSameTwice(t *testing.T) {
	a, list := learn(t, Fit{Epochs: 12, Rate: 1e-2, Seed: 1, Drop: 0.1})
	b, _ := learn(t, Fit{Epochs: 12, Rate: 1e-2, Seed: 1, Drop: 0.1})
	if !slices.Equal(a.Encode(false), b.Encode(false)) {
		t.Error("two trainings of one seed differ")
	}
	if share := a.Right(list); share < 0.9 {
		t.Errorf("%.2f right of what it was shown", share)
	}
	taught, _ := learn(t, Fit{Epochs: 12, Rate: 1e-2, Seed: 2, Teacher: a, Rounded: true})
	if share := taught.Right(list); share < 0.85 {
		t.Errorf("%.2f right when taught and rounded", share)
	}
	file := taught.Encode(true)
	read, err := Decode(file)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(read.Encode(true), file) || read.Right(list) != taught.Right(list) {
		t.Error("what was trained rounded is another when it is read")
	}
}

func TestPruningNothingChangesNothing(t *testing.T) {
	n, list := learn(t, Fit{Epochs: 6, Rate: 1e-2, Seed: 1})
	same, err := n.Prune(tiny.Heads, tiny.Hidden)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(n.Encode(false), same.Encode(false)) {
		t.Error("a net from which nothing was pruned is another")
	}
	less, err := n.Prune(1, 4)
	if err != nil {
		t.Fatal(err)
	}
	if less.Parameters() >= n.Parameters() || len(less.Encode(false)) >= len(n.Encode(false)) {
		t.Error("nothing was pruned")
	}
	less.Right(list) // it can be read
}

func TestDamagedFilesAreRefused(t *testing.T) {
	n := made(t, tiny)
	for _, eightBits := range []bool{false, true} {
		file := n.Encode(eightBits)
		if _, err := Decode(file); err != nil {
			t.Fatal(err)
		}
		for cut := 0; cut < len(file); cut += 1 + cut/40 {
			if _, err := Decode(file[:cut]); !errors.Is(err, ErrFile) {
				t.Fatalf("cut at %d: %v", cut, err)
			}
		}
		if _, err := Decode(append(slices.Clone(file), 0)); !errors.Is(err, ErrFile) {
			t.Error("one byte too many is taken")
		}
	}
	n.tensors[0].W[0] = float32(math.NaN())
	if _, err := Decode(n.Encode(false)); !errors.Is(err, ErrFile) {
		t.Error("a weight that is no number is taken")
	}
}

func FuzzDecode(f *testing.F) {
	n, err := New(tiny, 1)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(n.Encode(true))
	f.Add(n.Encode(false))
	f.Fuzz(func(t *testing.T, file []byte) {
		if n, err := Decode(file); err == nil {
			n.NewPass(1).Read(new(features.Window))
		}
	})
}

// Products of a window's tokens with a matrix, in floats as the net computes them, and in
// integers: docs/decisions/0104.
func BenchmarkProducts(b *testing.B) {
	for _, s := range []struct {
		name    string
		in, out int
	}{{"embedding", width, 16}, {"hidden", 40, 80}} {
		b.Run(s.name+"/floats", func(b *testing.B) {
			l := linear{newTensor(s.out, s.in), newTensor(1, s.out)}
			x, y := make([]float32, tokens*s.in), make([]float32, tokens*s.out)
			for b.Loop() {
				apply(tokens, x, l, y)
			}
		})
		b.Run(s.name+"/integers", func(b *testing.B) {
			x, w, y := make([]int8, tokens*s.in), make([]int8, s.out*s.in), make([]int32, tokens*s.out)
			for b.Loop() {
				for r := range tokens {
					for o := range s.out {
						y[r*s.out+o] = dot(x[r*s.in:(r+1)*s.in], w[o*s.in:(o+1)*s.in])
					}
				}
			}
		})
	}
}

// dot is of vectors of the same length, a multiple of four.
func dot(x, w []int8) int32 {
	w = w[:len(x)]
	var a, b, c, d int32
	for i := 0; i+4 <= len(x); i += 4 {
		a += int32(x[i]) * int32(w[i])
		b += int32(x[i+1]) * int32(w[i+1])
		c += int32(x[i+2]) * int32(w[i+2])
		d += int32(x[i+3]) * int32(w[i+3])
	}
	return a + b + c + d
}

// A window that is mixed has each sense whole, of one window or the other, and those that it had; what
// is recent is mixed with what is recent, and keeps its senses.
func TestMixedWindowsAreOfTheSameKind(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 2))
	of := func(class int, recent bool, v float32) Example {
		e := Example{Window: &features.Window{}, Class: class, Recent: recent}
		fill(e.X[:], v)
		for s := range e.Has {
			e.Has[s] = true
		}
		return e
	}
	list := []Example{of(0, true, 1), of(0, true, 2), of(0, false, 3), of(1, true, 4)}
	list[1].Drop(features.Power)
	tr := trainer{Fit: Fit{Mix: 1, Drop: 0.9}, alike: map[kin][]*features.Window{}}
	for _, e := range list {
		tr.alike[e.kin()] = append(tr.alike[e.kin()], e.Window)
	}
	from := map[float32]int{}
	for range 100 {
		w := tr.seen(list[0], r)
		if w.Count() != features.Senses {
			t.Fatalf("senses are gone: %v", w.Has)
		}
		for s, span := range features.Spans {
			x := w.X[span[0]*width : span[1]*width]
			if slices.Min(x) != slices.Max(x) || x[0] > 2 || x[0] == 2 && features.Sense(s) == features.Power {
				t.Fatalf("%s is of %v to %v", features.Names[s], slices.Min(x), slices.Max(x))
			}
			from[x[0]]++
		}
	}
	if from[2] < 50 || list[0].X[0] != 1 || slices.Max(list[0].X[:]) != 1 {
		t.Errorf("of the other: %d; its own: %v", from[2], list[0].X[0])
	}
	if w := tr.seen(list[2], r); w.Count() == features.Senses {
		t.Error("what is not recent keeps all its senses")
	}
}
