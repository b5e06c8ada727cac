//go:build edge

package e2e

import (
	"testing"
	"time"

	"github.com/brigata/brigata/edge/link"
	"github.com/brigata/brigata/edge/simulate"
)

const (
	units      = 50
	unitsPlay  = 190 * time.Minute // longer than a history
	unitsEvery = time.Minute
	unitsWorn  = link.LabelsMax // of them, with a bearing that wears
)

// TestEdgeUnits: 50 machines, each with a probe, a door, its power and its vibration, judged
// by the model for longer than a history is. Bearings of some of them wear; people confirm
// that, and the box trains its net again. Its memory is told of, and bounded, throughout.
func TestEdgeUnits(t *testing.T) {
	var sensors []map[string]any
	var devices []map[string]any
	var all []simulate.Options
	for i := range units {
		id := "unit-" + probe(i)
		var ids []string
		for suffix, kind := range map[string]string{"": "temperature", "-door": "door", "-power": "power", "-vibration": "vibration"} {
			sensors = append(sensors, sensorOf(id+suffix, kind, id))
			ids = append(ids, id+suffix)
		}
		devices = append(devices, map[string]any{"user": device(i), "password": "a-long-secret", "sensors": ids})
		p := simulate.Options{For: unitsPlay, Every: unitsEvery}
		p.Machines = []*simulate.Machine{{Sensor: id, Low: 2, High: 4, Leak: 7 * time.Hour, Cooling: 0.3, Watts: 700, DoorEach: time.Hour, Extras: true}}
		if i < unitsWorn {
			p.Machine, p.Failure, p.FailAfter = id, simulate.Bearing, time.Minute
		}
		all = append(all, p)
	}
	k := startKitchen(t, t.TempDir(), sensors, devices)
	if err := <-k.playAll(all); err != nil {
		t.Fatal(err)
	}
	within(t, 10*time.Minute, "all is judged", func() bool { return k.box.status().Taken == int64(len(sensors))*int64(unitsPlay/unitsEvery) })
	k.drained()
	k.weigh()

	var open struct {
		Items []struct {
			ID    string
			Fault *struct{ Class string }
		}
	}
	if status, _ := rest(t, k.n, k.n.token, "GET", "/v1/stores/demo/workorders?state=open&limit=100", "", &open); status != 200 {
		t.Fatalf("work orders: %d", status)
	}
	bearings := 0
	for _, w := range open.Items {
		if w.Fault == nil {
			continue
		}
		bearings++
		if out, errs, status := k.n.terminal("sensors", "done", w.ID, "a new bearing", "--finding", "confirmed"); status != 0 {
			t.Fatal(out, errs)
		}
	}
	if bearings < unitsWorn*3/4 {
		t.Fatalf("%d work orders of %d worn bearings", bearings, unitsWorn)
	}
	within(t, 5*time.Minute, "the box has trained its net again", func() bool { s := k.box.status(); return s.Learnt+s.Kept > 0 })
	k.weigh()
	if k.peak > residentMax {
		t.Errorf("%.1f MB resident, of %.0f", mb(k.peak), mb(residentMax))
	}
}
