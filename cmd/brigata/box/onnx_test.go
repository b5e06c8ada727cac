//go:build onnxruntime

package box

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/edge"
	"github.com/brigata/brigata/edge/model/features"
	"github.com/brigata/brigata/edge/model/shipped"
	"github.com/brigata/brigata/edge/model/synth"
)

// A box with a graph judges as one with the net that the graph was written of.
func TestABoxJudgesByAGraph(t *testing.T) {
	library := os.Getenv("ONNXRUNTIME_LIBRARY")
	if library == "" {
		t.Skip("not tested, for want of ONNX Runtime's shared library in ONNXRUNTIME_LIBRARY")
	}
	graph := filepath.Join(t.TempDir(), "net.onnx")
	if err := os.WriteFile(graph, shipped.Net().ONNX(true), 0o600); err != nil {
		t.Fatal(err)
	}
	by, err := onnxModel(library, graph)
	if err != nil || !strings.HasPrefix(by.Version(), "onnx-") {
		t.Fatalf("%v, %v", by, err)
	}
	own := edge.NewFused("own", shipped.Net())
	x := features.NewExtractor()
	for i := range 12 {
		tokens := *synth.NewStore(0, 300).Machine(0).Window(i, i%6, 0.8, synth.Drift{}).Tokens(x)
		judge := func(m edge.Model) edge.Verdict {
			return m.Judge(&edge.Window{Set: store.Sensor{Kind: "vibration"}, Machine: &edge.Machine{Tokens: tokens, Weight: 1}})
		}
		a, b := judge(by), judge(own)
		if a.Class != b.Class || a.Score-b.Score > 0.002 || b.Score-a.Score > 0.002 || (a.Fault == nil) != (b.Fault == nil) {
			t.Errorf("window %d: %+v by the graph, %+v by the net", i, a, b)
		}
	}
	if err := os.WriteFile(graph, []byte("no graph"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := onnxModel(library, graph); err == nil {
		t.Error("a file that is no graph is taken")
	}
}
