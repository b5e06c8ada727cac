//go:build edge

package e2e

import (
	"testing"
	"time"

	"github.com/brigata/brigata/edge/simulate"
)

const (
	units      = 50
	unitsPlay  = 130 * time.Minute // so that the histories of all are full
	unitsEvery = time.Minute
)

// TestEdgeUnits: 50 machines, each with a probe, a door, its power and its vibration, judged
// by the model for longer than a history is. The box's memory is told of, and bounded.
func TestEdgeUnits(t *testing.T) {
	var sensors []map[string]any
	var devices []map[string]any
	var machines [][]*simulate.Machine
	for i := range units {
		id := "unit-" + probe(i)
		var ids []string
		for suffix, kind := range map[string]string{"": "temperature", "-door": "door", "-power": "power", "-vibration": "vibration"} {
			sensors = append(sensors, sensorOf(id+suffix, kind, id))
			ids = append(ids, id+suffix)
		}
		devices = append(devices, map[string]any{"user": device(i), "password": "a-long-secret", "sensors": ids})
		machines = append(machines, []*simulate.Machine{{Sensor: id, Low: 2, High: 4, Leak: 7 * time.Hour, Cooling: 0.3, Watts: 700, DoorEach: time.Hour, Extras: true}})
	}
	k := startKitchen(t, t.TempDir(), sensors, devices)
	if err := <-k.playOf(machines, simulate.Options{For: unitsPlay, Every: unitsEvery}); err != nil {
		t.Fatal(err)
	}
	within(t, 5*time.Minute, "all is judged", func() bool { return k.box.status().Taken == int64(len(sensors))*int64(unitsPlay/unitsEvery) })
	k.drained()
	k.weigh()
	if k.peak > residentMax {
		t.Errorf("%.1f MB resident, of %.0f", mb(k.peak), mb(residentMax))
	}
}
