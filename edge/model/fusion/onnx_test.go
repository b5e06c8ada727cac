package fusion

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/brigata/brigata/edge/model/features"
)

// What ONNX writes, read anew and computed by the operators' own definitions, says what the
// net says: with all senses, without some, and without any.
func TestOnnxSaysWhatTheNetSays(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 2))
	n, list := learn(t, Fit{Epochs: 4, Rate: 1e-2, Seed: 1})
	n.Heat = 1.7
	rounded := n.Clone()
	rounded.Round()
	for _, c := range []struct {
		net   *Net
		eight bool
	}{{n, false}, {rounded, true}} {
		g := readOnnx(t, c.net.ONNX(c.eight))
		pass := c.net.NewPass(1)
		for i := range 40 {
			w := *list[i].Window
			for s := range features.Senses {
				if i > 20 && r.IntN(2) == 0 || i == 39 {
					w.Drop(features.Sense(s))
				}
			}
			got := g.run(t, &w)
			for k, want := range pass.Read(&w) {
				if math.Abs(got[k]-float64(want)) > 1e-4 {
					t.Fatalf("eight bits %v, window %d: %v, the net says %v", c.eight, i, got, pass.Read(&w))
				}
			}
		}
	}
	if whole, eight := len(n.ONNX(false)), len(n.ONNX(true)); eight >= whole {
		t.Errorf("%d bytes in eight bits, %d whole", eight, whole)
	}
}

// array is a tensor of any type, in floats, row by row.
type array struct {
	dims []int
	v    []float64
}

type onnxNode struct {
	kind string
	in   []string
	out  string
	ints map[string][]int
	eps  float64
}

type onnxGraph struct {
	nodes  []onnxNode
	known  map[string]array
	inputs []string
}

// fields splits a protobuf message: a number, or bytes, of each field in its order.
func protoFields(t *testing.T, b []byte, each func(field int, number uint64, bytes []byte)) {
	t.Helper()
	for len(b) > 0 {
		tag, n := binary.Uvarint(b)
		b = b[n:]
		switch tag & 7 {
		case 0:
			v, n := binary.Uvarint(b)
			each(int(tag>>3), v, nil)
			b = b[n:]
		case 2:
			size, n := binary.Uvarint(b)
			each(int(tag>>3), 0, b[n:n+int(size)])
			b = b[n+int(size):]
		case 5:
			each(int(tag>>3), uint64(binary.LittleEndian.Uint32(b)), nil)
			b = b[4:]
		default:
			t.Fatalf("wire type %d", tag&7)
		}
	}
}

func readOnnx(t *testing.T, file []byte) *onnxGraph {
	t.Helper()
	g := &onnxGraph{known: map[string]array{}}
	protoFields(t, file, func(field int, number uint64, b []byte) {
		switch field {
		case 1:
			if number != onnxIR {
				t.Errorf("version %d of the format", number)
			}
		case 8:
			protoFields(t, b, func(field int, number uint64, _ []byte) {
				if field == 2 && number != onnxOpset {
					t.Errorf("operators of version %d", number)
				}
			})
		case 7:
			protoFields(t, b, func(field int, _ uint64, b []byte) {
				switch field {
				case 1:
					g.nodes = append(g.nodes, readNode(t, b))
				case 5:
					name, a := readTensor(t, b)
					g.known[name] = a
				case 11:
					protoFields(t, b, func(field int, _ uint64, b []byte) {
						if field == 1 {
							g.inputs = append(g.inputs, string(b))
						}
					})
				}
			})
		}
	})
	if !slices.Equal(g.inputs, []string{OnnxTokens, OnnxHas}) {
		t.Errorf("inputs %v", g.inputs)
	}
	return g
}

func readNode(t *testing.T, b []byte) onnxNode {
	n := onnxNode{ints: map[string][]int{}}
	protoFields(t, b, func(field int, _ uint64, b []byte) {
		switch field {
		case 1:
			n.in = append(n.in, string(b))
		case 2:
			n.out = string(b)
		case 4:
			n.kind = string(b)
		case 5:
			name := ""
			protoFields(t, b, func(field int, number uint64, b []byte) {
				switch field {
				case 1:
					name = string(b)
				case 2:
					n.eps = float64(math.Float32frombits(uint32(number)))
				case 3, 8:
					n.ints[name] = append(n.ints[name], int(int64(number)))
				}
			})
		}
	})
	return n
}

func readTensor(t *testing.T, b []byte) (name string, a array) {
	kind, size := uint64(0), 1
	var raw []byte
	protoFields(t, b, func(field int, number uint64, b []byte) {
		switch field {
		case 1:
			a.dims = append(a.dims, int(number))
			size *= int(number)
		case 2:
			kind = number
		case 8:
			name = string(b)
		case 9:
			raw = b
		}
	})
	for i := range size {
		switch kind {
		case onnxFloat:
			a.v = append(a.v, float64(math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:]))))
		case onnxInt64:
			a.v = append(a.v, float64(int64(binary.LittleEndian.Uint64(raw[8*i:]))))
		case onnxInt8:
			a.v = append(a.v, float64(int8(raw[i])))
		}
	}
	return name, a
}

// run computes the graph for one window.
func (g *onnxGraph) run(t *testing.T, w *features.Window) []float64 {
	t.Helper()
	values := map[string]array{}
	x, has := array{dims: []int{1, tokens, width}}, array{dims: []int{1, features.Senses}, v: make([]float64, features.Senses)}
	for _, v := range w.X {
		x.v = append(x.v, float64(v))
	}
	for s, there := range w.Has {
		if there {
			has.v[s] = 1
		}
	}
	values[OnnxTokens], values[OnnxHas] = x, has
	for _, n := range g.nodes {
		var in []array
		for _, name := range n.in {
			a, ok := values[name]
			if !ok {
				if a, ok = g.known[name]; !ok {
					t.Fatalf("%s reads %s, which nothing has made", n.kind, name)
				}
			}
			in = append(in, a)
		}
		values[n.out] = n.compute(t, in)
	}
	return values[OnnxSays].v
}

func (n *onnxNode) compute(t *testing.T, in []array) array {
	t.Helper()
	axis := func() int { return (n.ints["axis"][0] + len(in[0].dims)) % len(in[0].dims) }
	switch n.kind {
	case "Identity":
		return in[0]
	case "Add":
		return pairwise(in[0], in[1], func(a, b float64) float64 { return a + b })
	case "Sub":
		return pairwise(in[0], in[1], func(a, b float64) float64 { return a - b })
	case "Mul":
		return pairwise(in[0], in[1], func(a, b float64) float64 { return a * b })
	case "Div":
		return pairwise(in[0], in[1], func(a, b float64) float64 { return a / b })
	case "Relu":
		return pairwise(in[0], array{v: []float64{0}}, math.Max)
	case "Clip":
		return pairwise(pairwise(in[0], in[1], math.Max), in[2], math.Min)
	case "Where":
		return pairwise(in[0], array{v: []float64{0}}, func(c, _ float64) float64 { return in[2-int(c)].v[0] })
	case "DequantizeLinear":
		if n.ints["axis"][0] != 1 {
			t.Fatal("scales are of columns")
		}
		return pairwise(in[0], in[1], func(a, b float64) float64 { return a * b })
	case "Reshape":
		var dims []int
		for i, d := range in[1].v {
			if d == 0 {
				d = float64(in[0].dims[i])
			}
			dims = append(dims, int(d))
		}
		return array{dims, in[0].v}
	case "Unsqueeze":
		dims := slices.Clone(in[0].dims)
		for _, at := range in[1].v {
			dims = slices.Insert(dims, int(at), 1)
		}
		return array{dims, in[0].v}
	case "Transpose":
		return transpose(in[0], n.ints["perm"])
	case "MatMul":
		return multiply(in[0], in[1])
	case "Slice":
		from, to := int(in[1].v[0]), int(in[2].v[0])
		return take(in[0], int(in[3].v[0]), to-from, func(i int) int { return from + i })
	case "Gather":
		return take(in[0], axis(), len(in[1].v), func(i int) int { return int(in[1].v[i]) })
	case "Concat":
		out := in[0]
		for _, a := range in[1:] { // of one window, along the second axis: one after the other
			out = array{[]int{1, out.dims[1] + a.dims[1], a.dims[2]}, slices.Concat(out.v, a.v)}
		}
		return out
	case "Softmax":
		return along(in[0], axis(), func(v []float64) {
			top, sum := slices.Max(v), 0.0
			for i := range v {
				v[i] = math.Exp(v[i] - top)
				sum += v[i]
			}
			for i := range v {
				v[i] /= sum
			}
		})
	case "ReduceSum":
		if n.ints["keepdims"][0] != 0 {
			t.Fatal("the axis stays")
		}
		at := int(in[1].v[0])
		a := take(along(in[0], at, func(v []float64) {
			for _, x := range v[1:] {
				v[0] += x
			}
		}), at, 1, func(int) int { return 0 })
		return array{slices.Delete(slices.Clone(a.dims), at, at+1), a.v}
	case "LayerNormalization":
		a := along(in[0], axis(), func(v []float64) {
			mean, square := 0.0, 0.0
			for _, x := range v {
				mean += x / float64(len(v))
			}
			for _, x := range v {
				square += (x - mean) * (x - mean) / float64(len(v))
			}
			for i := range v {
				v[i] = (v[i] - mean) / math.Sqrt(square+n.eps)
			}
		})
		return pairwise(pairwise(a, in[1], func(a, b float64) float64 { return a * b }), in[2], func(a, b float64) float64 { return a + b })
	}
	t.Fatalf("no operator %s", n.kind)
	return array{}
}

func size(dims []int) int {
	n := 1
	for _, d := range dims {
		n *= d
	}
	return n
}

// place is where the element at an index of a larger shape stands in a, whose axes of one
// are repeated.
func (a *array) place(index []int) (at int) {
	for i, d := range a.dims {
		k := index[len(index)-len(a.dims)+i]
		if d == 1 {
			k = 0
		} else if k >= d {
			panic(fmt.Sprint(a.dims, " has no ", index))
		}
		at = at*d + k
	}
	return at
}

// each calls for every index of a shape, in the order of its elements.
func each(dims []int, do func(index []int)) {
	index := make([]int, len(dims))
	for range size(dims) {
		do(index)
		for i := len(dims) - 1; i >= 0; i-- {
			if index[i]++; index[i] < dims[i] {
				break
			}
			index[i] = 0
		}
	}
}

func pairwise(a, b array, of func(a, b float64) float64) (out array) {
	out.dims = make([]int, max(len(a.dims), len(b.dims)))
	for i := range out.dims {
		for _, x := range []array{a, b} {
			if k := i - len(out.dims) + len(x.dims); k >= 0 {
				out.dims[i] = max(out.dims[i], x.dims[k])
			}
		}
	}
	each(out.dims, func(index []int) {
		out.v = append(out.v, float64(float32(of(a.v[a.place(index)], b.v[b.place(index)]))))
	})
	return out
}

func transpose(a array, perm []int) (out array) {
	for _, p := range perm {
		out.dims = append(out.dims, a.dims[p])
	}
	from := make([]int, len(perm))
	each(out.dims, func(index []int) {
		for i, p := range perm {
			from[p] = index[i]
		}
		out.v = append(out.v, a.v[a.place(from)])
	})
	return out
}

// multiply is of the last two axes; those before them are repeated where b has none.
func multiply(a, b array) (out array) {
	n, inner := len(a.dims), a.dims[len(a.dims)-1]
	out.dims = append(slices.Clone(a.dims[:n-1]), b.dims[len(b.dims)-1])
	each(out.dims, func(index []int) {
		left, right, sum := slices.Clone(index), slices.Clone(index), 0.0
		for k := range inner {
			left[n-1], right[n-2] = k, k
			sum += a.v[a.place(left)] * b.v[b.place(right)]
		}
		out.v = append(out.v, sum)
	})
	return out
}

// take picks elements of an axis.
func take(a array, axis, count int, which func(int) int) (out array) {
	out.dims = slices.Clone(a.dims)
	out.dims[axis] = count
	each(out.dims, func(index []int) {
		from := slices.Clone(index)
		from[axis] = which(index[axis])
		out.v = append(out.v, a.v[a.place(from)])
	})
	return out
}

// along changes each run of elements along an axis.
func along(a array, axis int, do func(v []float64)) array {
	out := array{a.dims, slices.Clone(a.v)}
	rest := slices.Clone(a.dims)
	rest[axis] = 1
	each(rest, func(index []int) {
		var run []float64
		from := slices.Clone(index)
		for k := range a.dims[axis] {
			from[axis] = k
			run = append(run, out.v[out.place(from)])
		}
		do(run)
		for k := range run {
			from[axis] = k
			out.v[out.place(from)] = run[k]
		}
	})
	return out
}
