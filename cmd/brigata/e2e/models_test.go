package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/brigata/brigata/edge/model/shipped"
)

// TestPredictedFaultToWorkOrder goes from the vibration of a compressor to somebody who
// finds the bearing worn: over MQTT, a box with a model that came over its link, a node.
func TestPredictedFaultToWorkOrder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	models, key, file := filepath.Join(dir, "models"), filepath.Join(dir, "key"), filepath.Join(dir, "model.bin")
	if err := os.WriteFile(file, shipped.File(), 0o600); err != nil {
		t.Fatal(err)
	}
	brigata := func(args ...string) {
		t.Helper()
		if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
	brigata("edge-model", "key", "--out", key)
	hub := freePort(t)
	n := startNode(t, t.TempDir(), "--edge-listen", hub, "--edge-models", models)
	b := newBox(t, n, hub, "--believe", "--model-key", key+".pub")
	boss := n.dial(n.token, "boss")
	box := func(model string) func(string) bool {
		return func(d string) bool { return strings.Contains(d, `"model":"`+model+`"`) }
	}
	await(t, boss, "nodes", "node/edge-demo-edge-1", box("fused-1.0.2"))
	brigata("edge-model", "sign", file, "--key", key, "--version", "1.1.0", "--out", filepath.Join(models, "demo"))
	await(t, boss, "nodes", "node/edge-demo-edge-1", box("fused-1.1.0"))

	brigata("sensors", "simulate", "--broker", "tcp://"+b.mqtt, "--user", "kitchen", "--password", "a-long-secret", "--every", "60s", "--speed", "0",
		"--for", "6h", "--failure", "bearing", "--fail-after", "150m")
	await(t, boss, "sensors", "sensor/walkin-1-vibration", func(d string) bool { return strings.Contains(d, `"why":"fault"`) })
	var motor struct{ Workorder string }
	view(t, boss, "sensors", "sensor/walkin-1-vibration", &motor)
	type fault struct {
		Class      string
		Confidence float64
		Evidence   []struct{ Sense string }
		Model      string
	}
	await(t, boss, "sensors", "workorder/"+motor.Workorder, func(d string) bool {
		var w struct {
			Severity string
			Fault    fault
		}
		return json.Unmarshal([]byte(d), &w) == nil && w.Severity == "info" && w.Fault.Class == "bearing" && w.Fault.Confidence >= 0.8 &&
			len(w.Fault.Evidence) > 0 && w.Fault.Evidence[0].Sense == "vibration" && w.Fault.Model == "fused-1.1.0"
	})
	if out, errs, status := n.terminal("sensors", "done", motor.Workorder, "new bearing", "--finding", "confirmed"); status != 0 {
		t.Fatal(out, errs)
	}
	// A work order that is done has left the board; who asks for it is told.
	var w struct {
		Finding string
		LeadMS  int64 `json:"lead_ms"`
	}
	within(t, 20*time.Second, "the lead is recorded", func() bool {
		status, _ := rest(t, n, n.token, "GET", "/v1/stores/demo/workorders/"+motor.Workorder, "", &w)
		return status == 200 && w.Finding == "confirmed" && w.LeadMS > 0
	})
	// The box is told, and has the windows that it was told of.
	within(t, 90*time.Second, "the box hears of the finding", func() bool {
		var s struct {
			Labels []struct{ WorkOrder, Asset, Class string }
		}
		text, err := os.ReadFile(filepath.Join(b.data, "settings.json"))
		return err == nil && json.Unmarshal(text, &s) == nil && len(s.Labels) == 1 && s.Labels[0].WorkOrder == motor.Workorder && s.Labels[0].Class == "bearing"
	})
	if kept, err := os.ReadDir(filepath.Join(b.data, "cases")); err != nil || len(kept) != 1 {
		t.Errorf("windows of %d machines are kept, %v", len(kept), err)
	}
	n.verify()
}
