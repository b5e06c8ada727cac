// Package pass looks at the pass through a camera: how many dishes stand there, where, and
// with an infrared frame beside it, whether they are hot enough to wait. What it says is a
// hint for whoever is about to bump a ticket, and stops nobody.
//
// Its promise: the same image gives the same answer, a file that is no sound net is refused,
// and no image is kept.
package pass

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
)

var algebra gonum.Implementation

const (
	// Side of an image that the net sees, and Cells of its answer, both in each direction.
	Side, Cells = 64, 8
	kernel      = 3
)

// layer is a convolution of 3×3, and what is negative is cut off after it.
type layer struct {
	in, out, stride int
	side            int // of what comes in
	w, b            []float32
}

// shapes of the layers: each sees more of the image, in fewer places.
var shapes = []layer{{in: 3, out: 8, stride: 2, side: 64}, {in: 8, out: 16, stride: 2, side: 32}, {in: 16, out: 24, stride: 2, side: 16}, {in: 24, out: 24, stride: 1, side: 8}}

func (l *layer) sideOut() int { return l.side / l.stride }

// Net counts dishes: layers of convolutions, and what each of the last one's cells adds to
// the count.
type Net struct {
	layers []layer
	last   layer // of 1×1, to one number a cell
}

func newNet() *Net {
	n := &Net{last: layer{in: 24, out: 1, stride: 1, side: Cells, w: make([]float32, 24), b: make([]float32, 1)}}
	for _, l := range shapes {
		l.w, l.b = make([]float32, l.out*l.in*kernel*kernel), make([]float32, l.out)
		n.layers = append(n.layers, l)
	}
	return n
}

// start gives random weights (He et al., 2015).
func start(seed uint64) *Net {
	r, n := rand.New(rand.NewPCG(seed, 31)), newNet()
	for i := range n.layers {
		l := &n.layers[i]
		scale(l.w, l.in*kernel*kernel, r)
	}
	scale(n.last.w, n.last.in, r)
	n.last.b[0] = -3 // most cells have nothing
	return n
}

func scale(w []float32, in int, r *rand.Rand) {
	for i := range w {
		w[i] = float32(math.Sqrt(2/float64(in)) * r.NormFloat64())
	}
}

// weights are all that is trained.
func (n *Net) weights() (all [][]float32) {
	for i := range n.layers {
		all = append(all, n.layers[i].w, n.layers[i].b)
	}
	return append(all, n.last.w, n.last.b)
}

// view is the memory of looking at one image. It belongs to one goroutine.
type view struct {
	net     *Net
	columns [][]float32 // of each layer's input, a row for each weight of a filter
	outs    [][]float32 // of each layer, after the cut
	raw     [Cells * Cells]float32
	cells   [Cells * Cells]float32
	grads   [][]float32 // of the weights; nil unless it trains
}

func (n *Net) view() *view {
	v := &view{net: n}
	for i := range n.layers {
		l := &n.layers[i]
		size := l.sideOut() * l.sideOut()
		v.columns, v.outs = append(v.columns, make([]float32, l.in*kernel*kernel*size)), append(v.outs, make([]float32, l.out*size))
	}
	return v
}

// look computes what each cell adds to the count.
func (v *view) look(im *Image) *[Cells * Cells]float32 {
	x := im[:]
	for i := range v.net.layers {
		l := &v.net.layers[i]
		l.spread(x, v.columns[i])
		size := l.sideOut() * l.sideOut()
		for o := range l.out {
			fill(v.outs[i][o*size:(o+1)*size], l.b[o])
		}
		in := l.in * kernel * kernel
		algebra.Sgemm(blas.NoTrans, blas.NoTrans, l.out, size, in, 1, l.w, in, v.columns[i], size, 1, v.outs[i], size)
		for j, y := range v.outs[i] {
			v.outs[i][j] = max(0, y)
		}
		x = v.outs[i]
	}
	fill(v.raw[:], v.net.last.b[0])
	for c, w := range v.net.last.w {
		for j, y := range x[c*Cells*Cells : (c+1)*Cells*Cells] {
			v.raw[j] += w * y
		}
	}
	for j, z := range v.raw {
		v.cells[j] = softplus(z)
	}
	return &v.cells
}

func fill(v []float32, x float32) {
	for i := range v {
		v[i] = x
	}
}

func softplus(z float32) float32 {
	if z > 20 {
		return z
	}
	return float32(math.Log1p(math.Exp(float64(z))))
}

// spread writes the pixels under each filter as a column; what is outside is zero.
func (l *layer) spread(x, columns []float32) {
	to := l.sideOut()
	for c := range l.in {
		for ky := range kernel {
			for kx := range kernel {
				row := columns[((c*kernel+ky)*kernel+kx)*to*to:][:to*to]
				for y := range to {
					at := y*l.stride + ky - 1
					if at < 0 || at >= l.side {
						clear(row[y*to : (y+1)*to])
						continue
					}
					line := x[(c*l.side+at)*l.side:][:l.side]
					for i := range to {
						row[y*to+i] = 0
						if k := i*l.stride + kx - 1; k >= 0 && k < l.side {
							row[y*to+i] = line[k]
						}
					}
				}
			}
		}
	}
}

// gather adds columns back to the pixels that they were spread from.
func (l *layer) gather(columns, x []float32) {
	to := l.sideOut()
	for c := range l.in {
		for ky := range kernel {
			for kx := range kernel {
				row := columns[((c*kernel+ky)*kernel+kx)*to*to:][:to*to]
				for y := range to {
					at := y*l.stride + ky - 1
					if at < 0 || at >= l.side {
						continue
					}
					line := x[(c*l.side+at)*l.side:][:l.side]
					for i := range to {
						if k := i*l.stride + kx - 1; k >= 0 && k < l.side {
							line[k] += row[y*to+i]
						}
					}
				}
			}
		}
	}
}

// back adds the gradients of the weights for those of the cells.
func (v *view) back(cells *[Cells * Cells]float32) {
	n, last := v.net, len(v.net.layers)-1
	dy := make([]float32, len(v.outs[last]))
	gw, gb := v.grads[len(v.grads)-2], v.grads[len(v.grads)-1]
	for j, z := range v.raw {
		g := cells[j] / (1 + float32(math.Exp(-float64(z))))
		gb[0] += g
		for c, w := range n.last.w {
			gw[c] += g * v.outs[last][c*Cells*Cells+j]
			dy[c*Cells*Cells+j] = g * w
		}
	}
	for i := last; i >= 0; i-- {
		l := &n.layers[i]
		size, in := l.sideOut()*l.sideOut(), l.in*kernel*kernel
		for j, y := range v.outs[i] {
			if y <= 0 {
				dy[j] = 0
			}
		}
		algebra.Sgemm(blas.NoTrans, blas.Trans, l.out, in, size, 1, dy, size, v.columns[i], size, 1, v.grads[2*i], in)
		for o := range l.out {
			for _, g := range dy[o*size : (o+1)*size] {
				v.grads[2*i+1][o] += g
			}
		}
		if i == 0 {
			return
		}
		columns := v.columns[i] // no longer needed
		algebra.Sgemm(blas.Trans, blas.NoTrans, in, size, l.out, 1, l.w, in, dy, size, 0, columns, size)
		dy = make([]float32, len(v.outs[i-1]))
		l.gather(columns, dy)
	}
}

const magic = "brigata-pass-1\n"

// ErrFile says that bytes are no net.
var ErrFile = errors.New("not a net of the pass")

// Encode writes the net: magic, and all weights, four bytes each, little endian.
func (n *Net) Encode() []byte {
	b := []byte(magic)
	for _, w := range n.weights() {
		for _, v := range w {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		}
	}
	return b
}

// Decode reads a net; what it returns is finite throughout.
func Decode(file []byte) (*Net, error) {
	n := newNet()
	rest, ok := bytes.CutPrefix(file, []byte(magic))
	for _, w := range n.weights() {
		for i := range w {
			if !ok || len(rest) < 4 {
				return nil, ErrFile
			}
			w[i] = math.Float32frombits(binary.LittleEndian.Uint32(rest))
			if rest = rest[4:]; !(math.Abs(float64(w[i])) < 1e4) {
				return nil, ErrFile
			}
		}
	}
	if len(rest) > 0 {
		return nil, ErrFile
	}
	return n, nil
}
