package main

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// record writes a MATLAB file with one column of doubles.
func record(t *testing.T, name, array string, v []float64) {
	t.Helper()
	element := func(kind uint32, data []byte) []byte {
		b := binary.LittleEndian.AppendUint32(nil, kind)
		b = append(binary.LittleEndian.AppendUint32(b, uint32(len(data))), data...)
		return append(b, make([]byte, (8-len(b)%8)%8)...)
	}
	var data []byte
	for _, x := range v {
		data = binary.LittleEndian.AppendUint64(data, math.Float64bits(x))
	}
	inner := element(6, []byte{6, 0, 0, 0, 0, 0, 0, 0})
	inner = append(inner, element(5, binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, uint32(len(v))), 1))...)
	inner = append(append(inner, element(1, []byte(array))...), element(9, data)...)
	file := make([]byte, 128)
	copy(file[124:], "\x00\x01IM")
	if err := os.WriteFile(name, append(file, element(14, inner)...), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Records of the form of CWRU's are told apart by their numbers and judged burst by burst;
// without them the report says so.
func TestCWRU(t *testing.T) {
	r, dir := rand.New(rand.NewPCG(1, 3)), t.TempDir()
	well, worn := make([]float64, 3*burst+100), make([]float64, 2*burst)
	for i := range well {
		well[i] = 0.05*math.Sin(2*math.Pi*30*float64(i)/slowRate) + 0.02*r.NormFloat64()
	}
	ring := 0.0
	for i := range worn {
		if i%75 == 0 { // 160 knocks a second
			ring = 1
		}
		worn[i] = ring*math.Sin(2*math.Pi*3500*float64(i)/slowRate) + 0.02*r.NormFloat64()
		ring *= 0.9
	}
	if err := os.Mkdir(filepath.Join(dir, "faults"), 0o700); err != nil {
		t.Fatal(err)
	}
	record(t, filepath.Join(dir, "97.mat"), "X097_DE_time", well)
	record(t, filepath.Join(dir, "faults", "105.MAT"), "X105_DE_time", worn)
	record(t, filepath.Join(dir, "other.mat"), "X105RPM", []float64{1797})
	e := EdgeModels{Parts: []string{"cwru"}, CWRU: dir, Markdown: filepath.Join(dir, "report.md")}
	measured := func() string {
		t.Helper()
		if err := e.Run(); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(e.Markdown)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	text := measured()
	for _, row := range []string{"| well | 1 | 3 |", "| worn | 1 | 2 |"} {
		if !strings.Contains(text, row) {
			t.Errorf("no %q in %s", row, text)
		}
	}
	e.CWRU = ""
	if text := measured(); !strings.Contains(text, "not measured") {
		t.Errorf("%s", text)
	}
	e.CWRU = t.TempDir()
	if err := e.Run(); err == nil {
		t.Error("a folder without records is measured")
	}
}
