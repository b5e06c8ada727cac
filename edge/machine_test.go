package edge_test

import (
	"context"
	"testing"
	"time"

	"github.com/brigata/brigata/actors/sensor"
	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/edge"
	"github.com/brigata/brigata/edge/simulate"
)

// watched plays hours of a cold room whose probe, power and vibration are of one machine,
// through a box with the model that it is shipped with, and returns what the cell then
// knows of the vibration. The simulator is not the generator that the model was trained on.
func watched(t *testing.T, failure string) (temperature, vibration sensor.State) {
	const room = "temperature-1"
	ids := []string{room, room + "-door", room + "-power", room + "-vibration"}
	r := newRig(t, ids...)
	for _, id := range ids {
		set := setOf(id)
		set.Asset, set.Dishes = "walk-in", []string{"tofu"}
		if id == room {
			set.Door, set.Limits = room+"-door", store.Limits{Low: -1, High: 5, DelayMS: 600_000}
		}
		r.cell.sensors[id] = sensor.Apply(sensor.State{}, &sensor.Configured{ID: id, Sensor: set})
	}
	o := r.options("box-1")
	o.Window = time.Minute
	o.Devices = []edge.Device{{User: "room", Password: "secret-of-room", Sensors: ids}}
	b := r.box(o)
	r.ready(b)
	const lasts, every = 6 * time.Hour, time.Minute
	_, err := simulate.Run(context.Background(), simulate.Options{Broker: "tcp://" + b.MQTT(), User: "room", Password: "secret-of-room", For: lasts, Every: every,
		Failure: failure, FailAfter: 150 * time.Minute, Seed: 1, Machines: []*simulate.Machine{{Sensor: room, Low: 2, High: 4, Leak: 9 * time.Hour, Cooling: 0.3, Watts: 1400,
			DoorEach: 25 * time.Minute, Defrosts: 8 * time.Hour, Extras: true}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		r.cell.wait(t, id, func(s *sensor.State) bool { return s.Count >= int64(lasts/every)-windowLeft })
	}
	state := func(id string) sensor.State { return r.cell.wait(t, id, func(*sensor.State) bool { return true }) }
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
