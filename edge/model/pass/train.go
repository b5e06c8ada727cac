package pass

import (
	"math"
	"math/rand/v2"
	"sync"
)

// Labelled is an image, and how many dishes are on it.
type Labelled struct {
	*Image
	Dishes int
	At     [][2]float64 // where, in cells from the upper left; nil: nobody knows
}

const (
	shards, shard = 4, 8 // images of a step: fixed, so that the cores do not change the sums
	highest       = 2e-3 // rate of Adam
	beta1, beta2  = 0.9, 0.999
	steep         = 2 // error of the count beyond which the loss grows no faster
	placed        = 4 // weight of the squared errors of cells, where it is known what is in them
)

// Train makes a net of images: the same of the same seed on one kind of processor.
func Train(list []Labelled, epochs int, seed uint64, progress func(epoch int, loss float64)) *Net {
	n := start(seed)
	t := trainer{net: n}
	for i := range t.views {
		t.views[i] = n.view()
		for _, w := range n.weights() {
			t.views[i].grads = append(t.views[i].grads, make([]float32, len(w)))
		}
	}
	for _, w := range n.weights() {
		t.m, t.v = append(t.m, make([]float32, len(w))), append(t.v, make([]float32, len(w)))
	}
	r := rand.New(rand.NewPCG(seed, 37))
	per := shards * shard
	steps := epochs * (len(list) / per)
	for epoch := range epochs {
		order, loss := r.Perm(len(list)), 0.0
		for at := 0; at+per <= len(order); at += per {
			loss += t.one(list, order[at:at+per]) / float64(len(order)/per)
			t.adam(highest * (0.5 + 0.5*math.Cos(math.Pi*float64(t.step)/float64(steps))))
		}
		if progress != nil {
			progress(epoch, loss)
		}
	}
	return n
}

type trainer struct {
	net   *Net
	views [shards]*view
	m, v  [][]float32
	step  int
}

// one adds up the gradients of a step. The loss is Huber's, of the count, and the squares of
// the cells', of where the dishes stand.
func (t *trainer) one(list []Labelled, order []int) (loss float64) {
	var wait sync.WaitGroup
	var losses [shards]float64
	for i, v := range t.views {
		wait.Go(func() {
			for _, at := range order[i*shard : (i+1)*shard] {
				x := &list[at]
				cells := v.look(x.Image)
				e := count(cells) - float32(x.Dishes)
				g, share := max(-steep, min(steep, e)), 1/float32(len(order))
				losses[i] += float64(g * (e - g/2) * share)
				var grad [Cells * Cells]float32
				for j, want := range x.cells() {
					grad[j] = g * share
					if x.At != nil {
						d := cells[j] - want
						losses[i] += float64(placed * d * d / 2 * share)
						grad[j] += placed * d * share
					}
				}
				v.back(&grad)
			}
		})
	}
	wait.Wait()
	for _, l := range losses {
		loss += l
	}
	return loss
}

// cells are what each should add to the count: a dish is shared by the four that its middle
// is nearest to.
func (x *Labelled) cells() (c [Cells * Cells]float32) {
	for _, at := range x.At {
		left, up := math.Floor(at[0]-0.5), math.Floor(at[1]-0.5)
		for _, dy := range []float64{0, 1} {
			for _, dx := range []float64{0, 1} {
				share := (1 - math.Abs(at[0]-0.5-left-dx)) * (1 - math.Abs(at[1]-0.5-up-dy))
				x, y := max(0, min(Cells-1, int(left+dx))), max(0, min(Cells-1, int(up+dy)))
				c[y*Cells+x] += float32(share)
			}
		}
	}
	return c
}

func (t *trainer) adam(rate float64) {
	t.step++
	c1, c2 := 1-math.Pow(beta1, float64(t.step)), 1-math.Pow(beta2, float64(t.step))
	for i, w := range t.net.weights() {
		for j := range w {
			g := float32(0)
			for _, v := range t.views {
				g += v.grads[i][j]
				v.grads[i][j] = 0
			}
			t.m[i][j] = beta1*t.m[i][j] + (1-beta1)*g
			t.v[i][j] = beta2*t.v[i][j] + (1-beta2)*g*g
			w[j] -= float32(rate * float64(t.m[i][j]) / c1 / (math.Sqrt(float64(t.v[i][j])/c2) + 1e-8))
		}
	}
}

func count(cells *[Cells * Cells]float32) (sum float32) {
	for _, c := range cells {
		sum += c
	}
	return sum
}
