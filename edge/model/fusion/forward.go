package fusion

import (
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"

	"github.com/brigata/brigata/edge/model/features"
)

var algebra gonum.Implementation

const (
	tokens  = features.Tokens
	width   = features.Width
	epsilon = 1e-5
	clip    = 8 // deviations: what is beyond says no more
)

// Pass is the memory of reading a few windows at once. It belongs to one goroutine.
type Pass struct {
	net    *Net
	size   int
	mask   []bool // of tokens that are there
	in     []float32
	x      []float32 // of the last block
	blocks []pass
	y, inv []float32
	weight []float32 // of the pooling
	pooled []float32
	logits []float32
	grads  [][]float32 // of the net's tensors; nil unless it trains
	back   scratch
}

type pass struct {
	x, y, q, k, v, attention, o, x2, z, h []float32
	i1, i2                                []float32
}

// NewPass makes room for so many windows at once.
func (n *Net) NewPass(size int) *Pass {
	rows, wide := size*tokens, n.Heads*n.Head
	f := func(c int) []float32 { return make([]float32, c) }
	p := &Pass{net: n, size: size, mask: make([]bool, rows), in: f(rows * width), x: f(rows * n.Width), y: f(rows * n.Width), inv: f(rows),
		weight: f(rows), pooled: f(size * n.Width), logits: f(size * n.Classes)}
	for range n.blocks {
		p.blocks = append(p.blocks, pass{x: f(rows * n.Width), y: f(rows * n.Width), q: f(rows * wide), k: f(rows * wide), v: f(rows * wide),
			attention: f(size * n.Heads * tokens * tokens), o: f(rows * wide), x2: f(rows * n.Width), z: f(rows * n.Width), h: f(rows * n.Hidden), i1: f(rows), i2: f(rows)})
	}
	return p
}

// Read gives the probability of each class; the slice is the pass's own, until the next.
func (p *Pass) Read(w *features.Window) []float32 {
	out := p.forward([]*features.Window{w})[:p.net.Classes]
	for i := range out {
		out[i] /= p.net.Heat
	}
	softmax(out, nil)
	return out
}

// forward gives the logits of windows, at most as many as the pass has room for.
func (p *Pass) forward(windows []*features.Window) []float32 {
	n := p.net
	p.load(windows)
	size := len(windows)
	rows := size * tokens
	for i := range n.blocks {
		out := p.x
		if i+1 < len(n.blocks) {
			out = p.blocks[i+1].x
		}
		p.block(i, size, out)
	}
	normalise(rows, n.Width, p.x, n.last, p.y, p.inv)
	apply(rows, p.y, n.pool, p.weight)
	for b := range size {
		w := p.weight[b*tokens : (b+1)*tokens]
		softmax(w, p.mask[b*tokens:(b+1)*tokens])
		to := p.pooled[b*n.Width : (b+1)*n.Width]
		clear(to)
		for t, a := range w {
			for j, v := range p.y[(b*tokens+t)*n.Width:][:n.Width] {
				to[j] += a * v
			}
		}
	}
	apply(size, p.pooled, n.head, p.logits)
	return p.logits[:size*n.Classes]
}

// load scales the windows' tokens and embeds each group in its own way.
func (p *Pass) load(windows []*features.Window) {
	n := p.net
	to := p.blocks[0].x
	for b, w := range windows {
		for t := range tokens {
			p.mask[b*tokens+t] = w.Has[senseOf[t]]
		}
		for g, span := range features.Groups {
			mean, dev := n.mean.W[g*width:(g+1)*width], n.dev.W[g*width:(g+1)*width]
			for t := span[0]; t < span[1]; t++ {
				in := p.in[(b*tokens+t)*width:][:width]
				for f, v := range w.X[t*width : (t+1)*width] {
					in[f] = min(clip, max(-clip, (v-mean[f])/dev[f]))
				}
			}
			rows := span[1] - span[0]
			apply(rows, p.in[(b*tokens+span[0])*width:], n.embed[g], to[(b*tokens+span[0])*n.Width:])
		}
		for i, v := range n.place.W {
			to[b*tokens*n.Width+i] += v
		}
	}
}

// block is attention and a hidden layer, each after a normalisation and added to what came in.
func (p *Pass) block(i, size int, out []float32) {
	n, b, a := p.net, &p.net.blocks[i], &p.blocks[i]
	rows, wide := size*tokens, n.Heads*n.Head
	normalise(rows, n.Width, a.x, b.n1, a.y, a.i1)
	apply(rows, a.y, b.q, a.q)
	apply(rows, a.y, b.k, a.k)
	apply(rows, a.y, b.v, a.v)
	scale := float32(1 / math.Sqrt(float64(n.Head)))
	for s := range size {
		for h := range n.Heads {
			at := s*tokens*wide + h*n.Head
			scores := a.attention[(s*n.Heads+h)*tokens*tokens:][:tokens*tokens]
			algebra.Sgemm(blas.NoTrans, blas.Trans, tokens, tokens, n.Head, scale, a.q[at:], wide, a.k[at:], wide, 0, scores, tokens)
			for t := range tokens {
				softmax(scores[t*tokens:(t+1)*tokens], p.mask[s*tokens:(s+1)*tokens])
			}
			algebra.Sgemm(blas.NoTrans, blas.NoTrans, tokens, n.Head, tokens, 1, scores, tokens, a.v[at:], wide, 0, a.o[at:], wide)
		}
	}
	apply(rows, a.o, b.o, a.x2)
	for j, v := range a.x[:rows*n.Width] {
		a.x2[j] += v
	}
	normalise(rows, n.Width, a.x2, b.n2, a.z, a.i2)
	apply(rows, a.z, b.up, a.h)
	for j, v := range a.h[:rows*n.Hidden] {
		a.h[j] = max(0, v)
	}
	apply(rows, a.h, b.down, out)
	for j, v := range a.x2[:rows*n.Width] {
		out[j] += v
	}
}

// apply is y = x·wᵀ + b, for each row of x.
func apply(rows int, x []float32, l linear, y []float32) {
	out, in := l.w.Rows, l.w.Cols
	for r := range rows {
		copy(y[r*out:(r+1)*out], l.b.W)
	}
	algebra.Sgemm(blas.NoTrans, blas.Trans, rows, out, in, 1, x, in, l.w.W, in, 1, y, out)
}

// normalise is layer normalisation (Ba, Kiros and Hinton, 2016).
func normalise(rows, d int, x []float32, l norm, y, inv []float32) {
	for r := range rows {
		row, out := x[r*d:(r+1)*d], y[r*d:(r+1)*d]
		mean, variance := float32(0), float32(0)
		for _, v := range row {
			mean += v
		}
		mean /= float32(d)
		for _, v := range row {
			variance += (v - mean) * (v - mean)
		}
		inv[r] = float32(1 / math.Sqrt(float64(variance/float32(d))+epsilon))
		for j, v := range row {
			out[j] = (v-mean)*inv[r]*l.g.W[j] + l.b.W[j]
		}
	}
}

// softmax is over what the mask leaves; all of it when the mask is nil or leaves nothing.
func softmax(v []float32, mask []bool) {
	top := float32(math.Inf(-1))
	for i, x := range v {
		if mask == nil || mask[i] {
			top = max(top, x)
		}
	}
	if math.IsInf(float64(top), -1) {
		fill(v, 1/float32(len(v)))
		return
	}
	sum := float32(0)
	for i, x := range v {
		v[i] = 0
		if mask == nil || mask[i] {
			v[i] = float32(math.Exp(float64(x - top)))
			sum += v[i]
		}
	}
	for i := range v {
		v[i] /= sum
	}
}

// Sure is how far probabilities are from saying nothing: 1 less their entropy, by that of
// classes that are all as likely.
func Sure(p []float32) float64 {
	entropy := 0.0
	for _, v := range p {
		if v > 0 {
			entropy -= float64(v) * math.Log(float64(v))
		}
	}
	return 1 - entropy/math.Log(float64(len(p)))
}

// Inputs is how many numbers Scaled gives.
const Inputs = len(features.Groups) * width

// Scaled gives each input of a window in deviations from those that the net was trained on, as a mean
// over the tokens of a group that it is in; zeros of a sense that is not there.
func (n *Net) Scaled(w *features.Window) (z [Inputs]float64) {
	for g, span := range features.Groups {
		mean, dev := n.mean.W[g*width:(g+1)*width], n.dev.W[g*width:(g+1)*width]
		for t := span[0]; t < span[1] && w.Has[senseOf[t]]; t++ {
			for f, v := range w.X[t*width : (t+1)*width] {
				z[g*width+f] += float64(min(clip, max(-clip, (v-mean[f])/dev[f]))) / float64(span[1]-span[0])
			}
		}
	}
	return z
}

// Right is the share of examples whose class the net holds for the likeliest.
func (n *Net) Right(list []Example) (share float64) {
	share, _ = n.Judge(list)
	return share
}

// Judge is that share, and how much the net is surprised by an example's class, on average: the
// logarithm of 1 by what it held it for. That tells two nets apart by fewer examples.
func (n *Net) Judge(list []Example) (right, surprise float64) {
	p := n.NewPass(1)
	for _, e := range list {
		said := p.Read(e.Window)
		if Top(said) == e.Class {
			right++
		}
		surprise -= math.Log(float64(said[e.Class]) + 1e-9)
	}
	return right / float64(len(list)), surprise / float64(len(list))
}

// Top is the class of the highest probability.
func Top[F float32 | float64](p []F) (best int) {
	for i, v := range p {
		if v > p[best] {
			best = i
		}
	}
	return best
}
