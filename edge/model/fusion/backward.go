package fusion

import (
	"math"

	"gonum.org/v1/gonum/blas"

	"github.com/brigata/brigata/edge/model/features"
)

// scratch is what gradients flow through.
type scratch struct {
	x, y, q, k, v, o, h []float32
	scores              []float32
}

// train makes room for gradients.
func (p *Pass) train() *Pass {
	n, rows := p.net, p.size*tokens
	wide := n.Heads * n.Head
	for _, t := range n.tensors {
		p.grads = append(p.grads, make([]float32, len(t.W)))
	}
	f := func(c int) []float32 { return make([]float32, c) }
	p.back = scratch{x: f(rows * n.Width), y: f(rows * n.Width), q: f(rows * wide), k: f(rows * wide), v: f(rows * wide), o: f(rows * wide),
		h: f(rows * n.Hidden), scores: f(tokens * tokens)}
	return p
}

// backward adds the gradients of the weights for the gradient of the last forward's logits.
func (p *Pass) backward(size int, logits []float32) {
	n, d := p.net, p.net.Width
	rows := size * tokens
	pooled := make([]float32, size*d)
	p.unapply(size, p.pooled, n.head, logits, pooled, false)
	dy, dw := p.back.y[:rows*d], make([]float32, rows)
	for b := range size {
		dp := pooled[b*d : (b+1)*d]
		w := p.weight[b*tokens : (b+1)*tokens]
		dot, back := float32(0), dw[b*tokens:(b+1)*tokens]
		for t, a := range w {
			y := p.y[(b*tokens+t)*d:][:d]
			for j, g := range dp {
				back[t] += g * y[j]
				dy[(b*tokens+t)*d+j] = g * a
			}
			dot += a * back[t]
		}
		for t, a := range w {
			back[t] = a * (back[t] - dot)
		}
	}
	p.unapply(rows, p.y, n.pool, dw, dy, true)
	dx := p.back.x[:rows*d]
	clear(dx)
	p.unnormalise(rows, p.y, n.last, p.inv, dy, dx)
	for i := len(n.blocks) - 1; i >= 0; i-- {
		p.unblock(i, size, dx)
	}
	for b := range size {
		for i := range n.place.W {
			p.grads[n.place.index][i] += dx[b*tokens*d+i]
		}
		for g, span := range features.Groups {
			p.unapply(span[1]-span[0], p.in[(b*tokens+span[0])*width:], n.embed[g], dx[(b*tokens+span[0])*d:], nil, false)
		}
	}
}

// unblock turns the gradient of a block's output into that of its input.
func (p *Pass) unblock(i, size int, dx []float32) {
	n, b, a, s := p.net, &p.net.blocks[i], &p.blocks[i], &p.back
	rows, wide, d := size*tokens, n.Heads*n.Head, n.Width
	dh, dy := s.h[:rows*n.Hidden], s.y[:rows*d]
	p.unapply(rows, a.h, b.down, dx, dh, false)
	for j, v := range a.h[:rows*n.Hidden] {
		if v <= 0 {
			dh[j] = 0
		}
	}
	p.unapply(rows, a.z, b.up, dh, dy, false)
	p.unnormalise(rows, a.z, b.n2, a.i2, dy, dx)
	p.unapply(rows, a.o, b.o, dx, s.o, false)
	scale := float32(1 / math.Sqrt(float64(n.Head)))
	for sample := range size {
		for h := range n.Heads {
			at := sample*tokens*wide + h*n.Head
			attention := a.attention[(sample*n.Heads+h)*tokens*tokens:][:tokens*tokens]
			algebra.Sgemm(blas.Trans, blas.NoTrans, tokens, n.Head, tokens, 1, attention, tokens, s.o[at:], wide, 0, s.v[at:], wide)
			algebra.Sgemm(blas.NoTrans, blas.Trans, tokens, tokens, n.Head, 1, s.o[at:], wide, a.v[at:], wide, 0, s.scores, tokens)
			for t := range tokens {
				g, w := s.scores[t*tokens:(t+1)*tokens], attention[t*tokens:(t+1)*tokens]
				dot := float32(0)
				for j := range g {
					dot += g[j] * w[j]
				}
				for j := range g {
					g[j] = w[j] * (g[j] - dot)
				}
			}
			algebra.Sgemm(blas.NoTrans, blas.NoTrans, tokens, n.Head, tokens, scale, s.scores, tokens, a.k[at:], wide, 0, s.q[at:], wide)
			algebra.Sgemm(blas.Trans, blas.NoTrans, tokens, n.Head, tokens, scale, s.scores, tokens, a.q[at:], wide, 0, s.k[at:], wide)
		}
	}
	p.unapply(rows, a.y, b.q, s.q, dy, false)
	p.unapply(rows, a.y, b.k, s.k, dy, true)
	p.unapply(rows, a.y, b.v, s.v, dy, true)
	p.unnormalise(rows, a.y, b.n1, a.i1, dy, dx)
}

// unapply adds the gradients of a linear layer's weights, and sets that of its input, or
// adds to it.
func (p *Pass) unapply(rows int, x []float32, l linear, dy, dx []float32, add bool) {
	out, in := l.w.Rows, l.w.Cols
	algebra.Sgemm(blas.Trans, blas.NoTrans, out, in, rows, 1, dy, out, x, in, 1, p.grads[l.w.index], in)
	bias := p.grads[l.b.index]
	for r := range rows {
		for j, v := range dy[r*out : (r+1)*out] {
			bias[j] += v
		}
	}
	if dx != nil {
		keep := float32(0)
		if add {
			keep = 1
		}
		algebra.Sgemm(blas.NoTrans, blas.NoTrans, rows, in, out, 1, dy, out, l.w.W, in, keep, dx, in)
	}
}

// unnormalise adds to the gradient of a normalisation's input.
func (p *Pass) unnormalise(rows int, y []float32, l norm, inv, dy, dx []float32) {
	d := l.g.Cols
	dg, db, hat := p.grads[l.g.index], p.grads[l.b.index], make([]float32, d)
	for r := range rows {
		g, out := dy[r*d:(r+1)*d], y[r*d:(r+1)*d]
		s1, s2 := float32(0), float32(0)
		for j := range g {
			hat[j] = 0
			if l.g.W[j] != 0 {
				hat[j] = (out[j] - l.b.W[j]) / l.g.W[j]
			}
			dg[j] += g[j] * hat[j]
			db[j] += g[j]
			t := g[j] * l.g.W[j]
			s1, s2 = s1+t, s2+t*hat[j]
		}
		s1, s2 = s1/float32(d), s2/float32(d)
		for j := range g {
			dx[r*d+j] += inv[r] * (g[j]*l.g.W[j] - s1 - hat[j]*s2)
		}
	}
}
