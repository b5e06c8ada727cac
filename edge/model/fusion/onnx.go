package fusion

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/brigata/brigata/edge/model/features"
)

// Names of the graph's inputs and of its output, and the version of ONNX's operators.
const (
	OnnxTokens = "tokens" // float, n × features.Tokens × features.Width, as in a Window
	OnnxHas    = "has"    // bool, n × features.Senses
	OnnxSays   = "says"   // float, n × classes: probabilities
	onnxOpset  = 17
	onnxIR     = 8
	hidden     = -1e9 // added to what a mask hides
)

// Types of ONNX: of a tensor's elements, and of an attribute's value.
const (
	onnxFloat, onnxInt8, onnxInt64, onnxBool = 1, 3, 7, 9
	onnxAttrInt, onnxAttrFloat, onnxAttrInts = 2, 1, 7
)

// ONNX writes the net for other runtimes: the scaling of its inputs, the mask of senses that
// are not there, and the division by Heat are part of the graph. With eightBits matrices
// are stored as in the net's own file.
func (n *Net) ONNX(eightBits bool) []byte {
	g := &graph{eight: eightBits}
	scale := func(t *Tensor) []float32 { // a row for each token
		all := make([]float32, 0, tokens*width)
		for i, span := range features.Groups {
			for range span[1] - span[0] {
				all = append(all, t.W[i*width:(i+1)*width]...)
			}
		}
		return all
	}
	x := g.op("Div", nil, g.op("Sub", nil, OnnxTokens, g.floats(scale(n.mean), tokens, width)), g.floats(scale(n.dev), tokens, width))
	x = g.op("Clip", nil, x, g.floats([]float32{-clip}), g.floats([]float32{clip}))
	var parts []string
	for i, span := range features.Groups {
		parts = append(parts, g.linear(g.op("Slice", nil, x, g.ints(span[0]), g.ints(span[1]), g.ints(1)), n.embed[i]))
	}
	x = g.op("Add", nil, g.op("Concat", attribute("axis", 1), parts...), g.floats(n.place.W, tokens, n.Width))
	at := make([]int, tokens)
	for t, s := range senseOf {
		at[t] = int(s)
	}
	there := g.op("Gather", attribute("axis", 1), OnnxHas, g.ints(at...)) // n × tokens
	mask := g.op("Where", nil, there, g.floats([]float32{0}), g.floats([]float32{hidden}))
	across := g.op("Unsqueeze", nil, mask, g.ints(1, 2)) // n × heads × queries × tokens
	for i := range n.blocks {
		x = g.block(n, &n.blocks[i], x, across)
	}
	y := g.normalise(x, n.last, n.Width)
	w := g.op("Softmax", attribute("axis", 1), g.op("Add", nil, g.linear(y, n.pool), g.op("Unsqueeze", nil, mask, g.ints(2))))
	pooled := g.op("ReduceSum", attribute("keepdims", 0), g.op("Mul", nil, y, w), g.ints(1))
	says := g.op("Softmax", attribute("axis", -1), g.op("Div", nil, g.linear(pooled, n.head), g.floats([]float32{n.Heat})))
	g.node("Identity", nil, []string{says}, OnnxSays)
	return g.model(n.Classes)
}

// block is attention and a hidden layer, as Pass.block computes them.
func (g *graph) block(n *Net, b *block, x, mask string) string {
	y := g.normalise(x, b.n1, n.Width)
	heads, wide := g.ints(0, tokens, n.Heads, n.Head), g.ints(0, tokens, n.Heads*n.Head)
	split := func(l linear, order ...int) string {
		return g.op("Transpose", attribute("perm", order), g.op("Reshape", nil, g.linear(y, l), heads))
	}
	q, k, v := split(b.q, 0, 2, 1, 3), split(b.k, 0, 2, 3, 1), split(b.v, 0, 2, 1, 3)
	scores := g.op("Mul", nil, g.op("MatMul", nil, q, k), g.floats([]float32{float32(1 / math.Sqrt(float64(n.Head)))}))
	attention := g.op("Softmax", attribute("axis", -1), g.op("Add", nil, scores, mask))
	o := g.op("Reshape", nil, g.op("Transpose", attribute("perm", []int{0, 2, 1, 3}), g.op("MatMul", nil, attention, v)), wide)
	x = g.op("Add", nil, x, g.linear(o, b.o))
	h := g.op("Relu", nil, g.linear(g.normalise(x, b.n2, n.Width), b.up))
	return g.op("Add", nil, x, g.linear(h, b.down))
}

// graph is a GraphProto under way.
type graph struct {
	message
	eight bool
	names int
}

func (g *graph) name() string {
	g.names++
	return fmt.Sprintf("v%d", g.names)
}

// attribute is one of a node, as part of its NodeProto.
func attribute(name string, value any) (node message) {
	var a message
	a.text(1, name)
	switch v := value.(type) {
	case int:
		a.number(3, v)
		a.number(20, onnxAttrInt)
	case float32:
		a.float(2, v)
		a.number(20, onnxAttrFloat)
	case []int:
		for _, x := range v {
			a.number(8, x)
		}
		a.number(20, onnxAttrInts)
	}
	node.bytes(5, a)
	return node
}

// op adds a node, and returns what its output is called.
func (g *graph) op(kind string, attributes message, in ...string) string {
	out := g.name()
	g.node(kind, attributes, in, out)
	return out
}

func (g *graph) node(kind string, attributes message, in []string, out string) {
	var m message
	for _, x := range in {
		m.text(1, x)
	}
	m.text(2, out)
	m.text(3, kind+"-"+out)
	m.text(4, kind)
	g.bytes(1, append(m, attributes...))
}

// tensor adds values that are known; no dimension is a scalar.
func (g *graph) tensor(kind int, raw []byte, dims ...int) string {
	var t message
	for _, d := range dims {
		t.number(1, d)
	}
	t.number(2, kind)
	name := g.name()
	t.text(8, name)
	t.bytes(9, raw)
	g.bytes(5, t)
	return name
}

func (g *graph) floats(v []float32, dims ...int) string {
	var raw []byte
	for _, x := range v {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(x))
	}
	return g.tensor(onnxFloat, raw, dims...)
}

func (g *graph) ints(v ...int) string {
	var raw []byte
	for _, x := range v {
		raw = binary.LittleEndian.AppendUint64(raw, uint64(x))
	}
	return g.tensor(onnxInt64, raw, len(v))
}

// linear is x·wᵀ + b.
func (g *graph) linear(x string, l linear) string {
	return g.op("Add", nil, g.op("MatMul", nil, x, g.weights(l.w)), g.floats(l.b.W, l.b.Cols))
}

// weights are a matrix with a column for each output.
func (g *graph) weights(t *Tensor) string {
	turned := make([]float32, len(t.W))
	for r := range t.Rows {
		for c := range t.Cols {
			turned[c*t.Rows+r] = t.W[r*t.Cols+c]
		}
	}
	if !g.eight || !t.roundable() {
		return g.floats(turned, t.Cols, t.Rows)
	}
	scales, raw := make([]float32, t.Rows), make([]byte, len(turned))
	for r := range t.Rows {
		scales[r] = rowScale(t.W[r*t.Cols : (r+1)*t.Cols])
	}
	for i, v := range turned {
		raw[i] = byte(eight(v, scales[i%t.Rows]))
	}
	return g.op("DequantizeLinear", attribute("axis", 1), g.tensor(onnxInt8, raw, t.Cols, t.Rows), g.floats(scales, t.Rows))
}

func (g *graph) normalise(x string, l norm, d int) string {
	return g.op("LayerNormalization", append(attribute("axis", -1), attribute("epsilon", float32(epsilon))...), x, g.floats(l.g.W, d), g.floats(l.b.W, d))
}

// model is the ModelProto of the graph.
func (g *graph) model(classes int) []byte {
	g.text(2, features.Schema)
	g.bytes(11, described(OnnxTokens, onnxFloat, tokens, width))
	g.bytes(11, described(OnnxHas, onnxBool, features.Senses))
	g.bytes(12, described(OnnxSays, onnxFloat, classes))
	var opset, m message
	opset.text(1, "")
	opset.number(2, onnxOpset)
	m.number(1, onnxIR)
	m.text(2, "brigata")
	m.bytes(7, g.message)
	m.bytes(8, opset)
	return m
}

// described is the ValueInfoProto of an input or an output: any number of windows at once.
func described(name string, kind int, dims ...int) message {
	var shape, count, tensor, of, m message
	count.text(2, "n")
	shape.bytes(1, count)
	for _, d := range dims {
		var dim message
		dim.number(1, d)
		shape.bytes(1, dim)
	}
	tensor.number(1, kind)
	tensor.bytes(2, shape)
	of.bytes(1, tensor)
	m.text(1, name)
	m.bytes(2, of)
	return m
}

// message is a protobuf message under way.
type message []byte

func (m *message) tag(field, wire int) { *m = binary.AppendUvarint(*m, uint64(field<<3|wire)) }

func (m *message) number(field, v int) {
	m.tag(field, 0)
	*m = binary.AppendUvarint(*m, uint64(v))
}

func (m *message) float(field int, v float32) {
	m.tag(field, 5)
	*m = binary.LittleEndian.AppendUint32(*m, math.Float32bits(v))
}

func (m *message) bytes(field int, b []byte) {
	m.tag(field, 2)
	*m = append(binary.AppendUvarint(*m, uint64(len(b))), b...)
}

func (m *message) text(field int, s string) { m.bytes(field, []byte(s)) }
