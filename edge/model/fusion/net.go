// Package fusion is a small transformer that reads the tokens of a machine's senses, each
// sense in its own embedding, lets them attend to one another, and says what the machine
// suffers from. Senses that are not there are masked.
//
// Its promise: the same weights and tokens give the same answer to the bit on one kind of
// processor, and a file that is not a sound model of the schema is refused. The box reads
// with it; the trainer trains, prunes, distils and rounds it.
package fusion

import (
	"errors"
	"math"
	"math/rand/v2"

	"github.com/brigata/brigata/edge/model/features"
)

// Shape is how large a net is.
type Shape struct {
	Width   int // of a token within
	Layers  int
	Heads   int
	Head    int // width of a head
	Hidden  int
	Classes int
}

const (
	widthMax, layersMax, hiddenMax, classesMax = 256, 8, 1024, 64
)

var errShape = errors.New("no shape of a net")

func (s Shape) check() error {
	in := func(v, most int) bool { return v >= 1 && v <= most }
	if !in(s.Width, widthMax) || !in(s.Layers, layersMax) || !in(s.Heads, widthMax) || !in(s.Head, widthMax) || !in(s.Heads*s.Head, widthMax) ||
		!in(s.Hidden, hiddenMax) || !in(s.Classes, classesMax) {
		return errShape
	}
	return nil
}

// Tensor is a matrix of weights, a row for each output, or a vector of one row.
type Tensor struct {
	Rows, Cols int
	W          []float32
	index      int
}

type linear struct{ w, b *Tensor }

type norm struct{ g, b *Tensor }

type block struct {
	n1, n2               norm
	q, k, v, o, up, down linear
}

// Net is a model. Many may read it at once, each with its own Pass; nobody while it is trained.
type Net struct {
	Shape
	// Heat divides the logits, so that what is said with confidence p is right in p of the
	// cases (Guo et al., 2017).
	Heat      float32
	mean, dev *Tensor // of the inputs, a row for each of features.Groups
	place     *Tensor
	embed     []linear // one for each of features.Groups
	blocks    []block
	last      norm
	pool      linear
	head      linear
	tensors   []*Tensor // all that are trained
}

// New makes a net with random weights.
func New(s Shape, seed uint64) (*Net, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	r := rand.New(rand.NewPCG(seed, 5))
	groups := len(features.Groups)
	n := &Net{Shape: s, Heat: 1, mean: newTensor(groups, features.Width), dev: newTensor(groups, features.Width)}
	fill(n.dev.W, 1)
	n.place = n.add(features.Tokens, s.Width)
	for i := range n.place.W {
		n.place.W[i] = float32(0.02 * r.NormFloat64())
	}
	for range groups {
		n.embed = append(n.embed, n.linear(s.Width, features.Width, r))
	}
	wide := s.Heads * s.Head
	for range s.Layers {
		n.blocks = append(n.blocks, block{n1: n.norm(), n2: n.norm(), q: n.linear(wide, s.Width, r), k: n.linear(wide, s.Width, r), v: n.linear(wide, s.Width, r),
			o: n.linear(s.Width, wide, r), up: n.linear(s.Hidden, s.Width, r), down: n.linear(s.Width, s.Hidden, r)})
	}
	n.last, n.pool, n.head = n.norm(), n.linear(1, s.Width, r), n.linear(s.Classes, s.Width, r)
	return n, nil
}

func newTensor(rows, cols int) *Tensor {
	return &Tensor{Rows: rows, Cols: cols, W: make([]float32, rows*cols)}
}

func fill(w []float32, v float32) {
	for i := range w {
		w[i] = v
	}
}

func (n *Net) add(rows, cols int) *Tensor {
	t := newTensor(rows, cols)
	t.index = len(n.tensors)
	n.tensors = append(n.tensors, t)
	return t
}

func (n *Net) linear(out, in int, r *rand.Rand) linear {
	l := linear{n.add(out, in), n.add(1, out)}
	a := 1 / math.Sqrt(float64(in))
	for i := range l.w.W {
		l.w.W[i] = float32((2*r.Float64() - 1) * a)
	}
	return l
}

func (n *Net) norm() norm {
	l := norm{n.add(1, n.Width), n.add(1, n.Width)}
	fill(l.g.W, 1)
	return l
}

// Parameters counts the weights that are trained.
func (n *Net) Parameters() (sum int) {
	for _, t := range n.tensors {
		sum += len(t.W)
	}
	return sum
}

// Clone is the same net, to be changed.
func (n *Net) Clone() *Net {
	c, _ := New(n.Shape, 0) // its shape was checked
	c.Heat = n.Heat
	copy(c.mean.W, n.mean.W)
	copy(c.dev.W, n.dev.W)
	for i, t := range n.tensors {
		copy(c.tensors[i].W, t.W)
	}
	return c
}

// Towards is a net whose weights are on the way to those of another of the same shape, by a
// share, rounded to eight bits.
func (n *Net) Towards(to *Net, share float32) *Net {
	c := n.Clone()
	for i, t := range c.tensors {
		for j, w := range to.tensors[i].W {
			t.W[j] += share * (w - t.W[j])
		}
	}
	c.Round()
	return c
}

// Normalise sets what inputs are scaled by: the mean and deviation over windows, of the
// senses that they have.
func (n *Net) Normalise(windows []*features.Window) {
	for g, span := range features.Groups {
		sense := senseOf[span[0]]
		var sum, square [features.Width]float64
		count := 0.0
		for _, w := range windows {
			if !w.Has[sense] {
				continue
			}
			for t := span[0]; t < span[1]; t++ {
				for f := range features.Width {
					v := float64(w.X[t*features.Width+f])
					sum[f], square[f] = sum[f]+v, square[f]+v*v
				}
				count++
			}
		}
		for f := range features.Width {
			mean := sum[f] / max(1, count)
			n.mean.W[g*features.Width+f] = float32(mean)
			n.dev.W[g*features.Width+f] = float32(math.Sqrt(max(1e-4, square[f]/max(1, count)-mean*mean)))
		}
	}
}

// senseOf is the sense of each token.
var senseOf = func() (of [features.Tokens]features.Sense) {
	for s, span := range features.Spans {
		for t := span[0]; t < span[1]; t++ {
			of[t] = features.Sense(s)
		}
	}
	return of
}()
