// Package matlab reads the vectors of numbers in MATLAB's files of version 5, in which public
// records of vibration come. Its promise: what it returns is bounded, whatever the file says.
// The report uses it.
package matlab

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// Max bounds a file, and what is compressed in it, bytes.
const Max = 128 << 20

// ErrFile says that bytes are no such file.
var ErrFile = errors.New("not a MATLAB file of version 5")

const header = 128

// Types of elements.
const (
	int8s, uint8s, int16s, uint16s, int32s, uint32s = 1, 2, 3, 4, 5, 6
	singles, doubles                                = 7, 9
	matrix, compressed                              = 14, 15
)

var sizes = map[uint32]int{int8s: 1, uint8s: 1, int16s: 2, uint16s: 2, int32s: 4, uint32s: 4, singles: 4, doubles: 8}

// Classes of arrays that have numbers: of doubles to those of 32 bits.
const classFrom, classTo = 6, 13

// Read returns the arrays of real numbers of a file by their names, column by column.
func Read(file []byte) (map[string][]float64, error) {
	if len(file) < header || len(file) > Max {
		return nil, ErrFile
	}
	r := &reader{arrays: map[string][]float64{}, room: Max}
	switch string(file[126:128]) {
	case "IM":
		r.order = binary.LittleEndian
	case "MI":
		r.order = binary.BigEndian
	default:
		return nil, ErrFile
	}
	if err := r.elements(file[header:]); err != nil {
		return nil, err
	}
	return r.arrays, nil
}

type reader struct {
	order  binary.ByteOrder
	arrays map[string][]float64
	room   int // for what is compressed
}

// next splits the first element off.
func (r *reader) next(b []byte) (kind uint32, data, rest []byte, err error) {
	if len(b) < 8 {
		return 0, nil, nil, ErrFile
	}
	kind, size := r.order.Uint32(b), r.order.Uint32(b[4:])
	if small := kind >> 16; small > 0 { // both are in four bytes, and the data in the next four
		if small > 4 {
			return 0, nil, nil, ErrFile
		}
		return kind & 0xffff, b[4 : 4+small], b[8:], nil
	}
	if int64(size) > int64(len(b)-8) {
		return 0, nil, nil, ErrFile
	}
	end := 8 + int(size)
	if kind != compressed {
		end = (end + 7) / 8 * 8
	}
	return kind, b[8 : 8+size], b[min(end, len(b)):], nil
}

func (r *reader) elements(b []byte) error {
	for len(b) > 0 {
		kind, data, rest, err := r.next(b)
		if err != nil {
			return err
		}
		switch kind {
		case compressed:
			err = r.inflate(data)
		case matrix:
			err = r.array(data)
		}
		if err != nil {
			return err
		}
		b = rest
	}
	return nil
}

// inflate reads the element that is compressed; there is none within it.
func (r *reader) inflate(b []byte) error {
	z, err := zlib.NewReader(bytes.NewReader(b))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFile, err)
	}
	data, err := io.ReadAll(io.LimitReader(z, int64(r.room)+1))
	if r.room -= len(data); err != nil || r.room < 0 {
		return fmt.Errorf("%w: what is compressed is damaged, or too large", ErrFile)
	}
	kind, inner, _, err := r.next(data)
	if err != nil || kind != matrix {
		return err
	}
	return r.array(inner)
}

// array keeps an array of numbers: its flags, dimensions, name and real part.
func (r *reader) array(b []byte) error {
	var parts [4][]byte
	var kind uint32
	for i := range parts {
		var err error
		if kind, parts[i], b, err = r.next(b); err != nil {
			return err
		}
		if i == 0 {
			if len(parts[0]) < 8 {
				return ErrFile
			}
			if class := r.order.Uint32(parts[0]) & 0xff; class < classFrom || class > classTo {
				return nil // text, cells, structures
			}
		}
	}
	size := sizes[kind]
	if size == 0 {
		return ErrFile
	}
	v := make([]float64, len(parts[3])/size)
	for i := range v {
		v[i] = r.number(kind, parts[3][i*size:])
	}
	r.arrays[string(parts[2])] = v
	return nil
}

func (r *reader) number(kind uint32, b []byte) float64 {
	switch kind {
	case int8s:
		return float64(int8(b[0]))
	case uint8s:
		return float64(b[0])
	case int16s:
		return float64(int16(r.order.Uint16(b)))
	case uint16s:
		return float64(r.order.Uint16(b))
	case int32s:
		return float64(int32(r.order.Uint32(b)))
	case uint32s:
		return float64(r.order.Uint32(b))
	case singles:
		return float64(math.Float32frombits(r.order.Uint32(b)))
	}
	return math.Float64frombits(r.order.Uint64(b))
}
