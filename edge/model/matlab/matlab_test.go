package matlab

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
)

// element writes one, padded as the format wants.
func element(kind uint32, data []byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, kind)
	b = append(binary.LittleEndian.AppendUint32(b, uint32(len(data))), data...)
	for kind != compressed && len(b)%8 > 0 {
		b = append(b, 0)
	}
	return b
}

func column(class byte, name string, kind uint32, values any) []byte {
	var data, dims bytes.Buffer
	binary.Write(&data, binary.LittleEndian, values)
	binary.Write(&dims, binary.LittleEndian, []int32{int32(binary.Size(values) / max(1, sizes[kind])), 1})
	b := element(uint32s, []byte{class, 0, 0, 0, 0, 0, 0, 0})
	b = append(b, element(int32s, dims.Bytes())...)
	if len(name) <= 4 { // the short form
		b = binary.LittleEndian.AppendUint32(b, uint32(len(name))<<16|int8s)
		b = append(b, append([]byte(name), 0, 0, 0, 0)[:4]...)
	} else {
		b = append(b, element(int8s, []byte(name))...)
	}
	return element(matrix, append(b, element(kind, data.Bytes())...))
}

func packed(b []byte) []byte {
	var z bytes.Buffer
	w := zlib.NewWriter(&z)
	w.Write(b)
	w.Close()
	return element(compressed, z.Bytes())
}

func fileOf(parts ...[]byte) []byte {
	b := make([]byte, header)
	copy(b, "MATLAB 5.0 MAT-file")
	b[124], b[125] = 0, 1
	copy(b[126:], "IM")
	return append(b, slices.Concat(parts...)...)
}

func TestVectorsAreRead(t *testing.T) {
	file := fileOf(
		column(6, "X105_DE_time", doubles, []float64{0.5, -1.25, 3}),
		packed(column(6, "rpm", uint16s, []uint16{1797})), // doubles are kept as small as they fit
		column(4, "text_of_some", uint16s, []uint16{65}),  // characters
		packed(column(7, "single_ones", singles, []float32{1.5})),
		column(10, "i16", int16s, []int16{-7, 9}),
	)
	got, err := Read(file)
	want := map[string][]float64{"X105_DE_time": {0.5, -1.25, 3}, "rpm": {1797}, "single_ones": {1.5}, "i16": {-7, 9}}
	if err != nil || len(got) != len(want) {
		t.Fatalf("%v, %v", got, err)
	}
	for name, v := range want {
		if !slices.Equal(got[name], v) {
			t.Errorf("%s: %v", name, got[name])
		}
	}
	for cut := header + 1; cut < len(file)-8; cut++ {
		if _, err := Read(file[:cut]); err != nil && !errors.Is(err, ErrFile) {
			t.Fatalf("cut at %d: %v", cut, err)
		}
	}
	if _, err := Read([]byte("a,b,c")); !errors.Is(err, ErrFile) {
		t.Errorf("%v", err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(fileOf(column(6, "x", doubles, []float64{1}), packed(column(6, "rpm", uint16s, []uint16{1797}))))
	f.Fuzz(func(_ *testing.T, file []byte) { _, _ = Read(file) })
}
