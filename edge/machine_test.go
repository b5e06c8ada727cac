package edge_test

import (
	"testing"
	"time"

	"github.com/brigata/brigata/actors/sensor"
	"github.com/brigata/brigata/edge/simulate"
)

// watched plays hours of a cold room whose probe, power and vibration are of one machine,
// through a box with the model that it is shipped with, and returns what the cell then
// knows of the vibration. The simulator is not the generator that the model was trained on.
func watched(t *testing.T, failure string) (temperature, vibration sensor.State) {
	_, state := played(t, "asset", failure, 6*time.Hour, 150*time.Minute)
	return state(room), state(room + "-vibration")
}

// A worn bearing is an episode with class, confidence and evidence while the room is still
// cold; a machine that is well is none.
func TestAFaultIsPredicted(t *testing.T) {
	t.Run("bearing", func(t *testing.T) {
		room, s := watched(t, simulate.Bearing)
		if room.Status != sensor.Normal {
			t.Errorf("the room: %s", room.Status)
		}
		if s.Why != "fault" || s.WorkOrder == "" || s.Fault == nil {
			t.Fatalf("no episode of a fault: %s %s, last window %+v, %+v", s.Status, s.Why, s.Last, s.Last.Fault)
		}
		f := s.Fault
		if f.Class != "bearing" || f.Confidence < 0.8 || len(f.Evidence) == 0 || f.Evidence[0].Sense != "vibration" || f.Model == "" {
			t.Errorf("%+v", f)
		}
		owed := sensor.Owes(s)
		if len(owed) != 1 || owed[0].Do.(*sensor.Report).Fault != f || owed[0].Do.(*sensor.Report).Food {
			t.Errorf("owed to the work order: %+v", owed)
		}
	})
	t.Run("none", func(t *testing.T) {
		if _, s := watched(t, simulate.None); s.WorkOrder != "" {
			t.Errorf("a machine that is well: %s %s, %+v", s.Status, s.Why, s.Fault)
		}
	})
}
