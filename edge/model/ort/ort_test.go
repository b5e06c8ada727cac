//go:build onnxruntime

package ort

import (
	"math"
	"os"
	"testing"

	"github.com/brigata/brigata/edge/model/features"
	"github.com/brigata/brigata/edge/model/shipped"
	"github.com/brigata/brigata/edge/model/synth"
)

const libraryEnv = "ONNXRUNTIME_LIBRARY" // file of the shared library

func open(tb testing.TB, eightBits bool) *Session {
	tb.Helper()
	library := os.Getenv(libraryEnv)
	if library == "" {
		tb.Skip("not tested, for want of ONNX Runtime's shared library in " + libraryEnv)
	}
	s, err := Open(library, shipped.Net().ONNX(eightBits))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

func TestTheRuntimeSaysWhatTheNetSays(t *testing.T) {
	split := synth.NewStores
	split.To, split.Each = split.From+4, 6
	list := split.Examples()
	for _, eightBits := range []bool{false, true} {
		s, pass := open(t, eightBits), shipped.Net().NewPass(1)
		for i, e := range list {
			w := *e.Window
			if i%3 > 0 {
				w.Drop(features.Sense(i % features.Senses))
			}
			got := s.Read(&w)
			for k, want := range pass.Read(&w) {
				if math.Abs(float64(got[k]-want)) > 1e-4 {
					t.Fatalf("window %d: %v, the net says %v", i, got, pass.Read(&w))
				}
			}
		}
	}
}

func BenchmarkRead(b *testing.B) {
	s := open(b, true)
	w := synth.NewStore(0, 400).Machine(0).Window(0, synth.Fan, 0.8, synth.Drift{}).Tokens(features.NewExtractor())
	for b.Loop() {
		s.Read(w)
	}
}
