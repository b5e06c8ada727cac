package fusion

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/brigata/brigata/edge/model/features"
)

// A file is magic, schema, shape, heat, the inputs' scales, and the tensors in the order
// in which New makes them: each four bytes a weight, or one and a scale for each row.
// Little endian throughout.

const (
	magic   = "brigata-fusion-1\n"
	whole   = 0
	rounded = 1
	// SizeMax bounds a file.
	SizeMax = 8 << 20
)

// ErrFile says that bytes are no model of this version and schema.
var ErrFile = errors.New("not a model of the schema " + features.Schema)

// roundable: matrices are rounded; vectors, which are few, are not.
func (t *Tensor) roundable() bool { return t.Rows > 1 }

// Round gives all matrices values that eight bits can say, a scale for each row.
func (n *Net) Round() {
	for _, t := range n.tensors {
		if !t.roundable() {
			continue
		}
		for r := range t.Rows {
			row := t.W[r*t.Cols : (r+1)*t.Cols]
			scale := rowScale(row)
			for i, v := range row {
				row[i] = float32(eight(v, scale)) * scale
			}
		}
	}
}

func rowScale(row []float32) float32 {
	top := float32(1e-9)
	for _, v := range row {
		top = max(top, float32(math.Abs(float64(v))))
	}
	return top / 127
}

func eight(v, scale float32) int8 { return int8(max(-127, min(127, math.Round(float64(v/scale))))) }

// Encode writes the net, its matrices rounded to eight bits or whole.
func (n *Net) Encode(eightBits bool) []byte {
	var b bytes.Buffer
	b.WriteString(magic + features.Schema + "\n")
	put := func(v any) { binary.Write(&b, binary.LittleEndian, v) } // a buffer takes everything
	s := n.Shape
	put([]uint16{uint16(s.Width), uint16(s.Layers), uint16(s.Heads), uint16(s.Head), uint16(s.Hidden), uint16(s.Classes)})
	put(n.Heat)
	put(n.mean.W)
	put(n.dev.W)
	for _, t := range n.tensors {
		if !eightBits || !t.roundable() {
			b.WriteByte(whole)
			put(t.W)
			continue
		}
		b.WriteByte(rounded)
		for r := range t.Rows {
			row := t.W[r*t.Cols : (r+1)*t.Cols]
			scale := rowScale(row)
			put(scale)
			for _, v := range row {
				b.WriteByte(byte(eight(v, scale)))
			}
		}
	}
	return b.Bytes()
}

// Decode reads a net. What it returns is sound: of a possible shape, finite throughout.
func Decode(file []byte) (*Net, error) {
	head := []byte(magic + features.Schema + "\n")
	if len(file) > SizeMax || !bytes.HasPrefix(file, head) {
		return nil, ErrFile
	}
	r := bytes.NewReader(file[len(head):])
	var shape [6]uint16
	if err := binary.Read(r, binary.LittleEndian, &shape); err != nil {
		return nil, ErrFile
	}
	n, err := New(Shape{int(shape[0]), int(shape[1]), int(shape[2]), int(shape[3]), int(shape[4]), int(shape[5])}, 0)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	get := func(v any) {
		if err == nil {
			err = binary.Read(r, binary.LittleEndian, v)
		}
	}
	get(&n.Heat)
	get(n.mean.W)
	get(n.dev.W)
	for _, t := range n.tensors {
		kind, e := r.ReadByte()
		switch {
		case e != nil || kind > rounded || kind == rounded && !t.roundable():
			return nil, ErrFile
		case kind == whole:
			get(t.W)
		default:
			t.read(get)
		}
	}
	if err != nil || r.Len() > 0 || !n.sound() {
		return nil, ErrFile
	}
	return n, nil
}

// read takes rows of eight bits.
func (t *Tensor) read(get func(any)) {
	row := make([]int8, t.Cols)
	for i := range t.Rows {
		var scale float32
		get(&scale)
		get(row)
		for j, v := range row {
			t.W[i*t.Cols+j] = float32(v) * scale
		}
	}
}

// sound says that nothing in the net is infinite, or divides by nothing.
func (n *Net) sound() bool {
	finite := func(w []float32) bool {
		for _, v := range w {
			if !(math.Abs(float64(v)) < 1e6) {
				return false
			}
		}
		return true
	}
	for _, v := range n.dev.W {
		if !(v > 0) {
			return false
		}
	}
	for _, t := range n.tensors {
		if !finite(t.W) {
			return false
		}
	}
	return n.Heat > 0.01 && n.Heat < 100 && finite(n.mean.W) && finite(n.dev.W)
}
