package edge_test

import (
	"context"
	"maps"
	"testing"
	"time"

	"github.com/brigata/brigata/actors/sensor"
	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/edge"
	"github.com/brigata/brigata/edge/simulate"
)

// room is a cold room's probe; its door, power and vibration are named after it.
const room = "temperature-1"

// played plays hours of the room, which fails after a while, through a box; asset is the
// machine that its probe is of: its power and vibration are those of "asset".
func played(t *testing.T, asset, failure string, lasts, failAfter time.Duration) (r *rig, state func(id string) sensor.State) {
	ids := []string{room, room + "-door", room + "-power", room + "-vibration"}
	r = newRig(t, ids...)
	for _, id := range ids {
		set := setOf(id)
		if id == room { // as in the demo store
			set.Asset, set.Dishes, set.Door, set.Limits = asset, []string{"tofu"}, room+"-door", store.Limits{Low: -1, High: 5, DelayMS: 600_000}
		}
		r.cell.sensors[id] = sensor.Apply(sensor.State{}, &sensor.Configured{ID: id, Sensor: set})
	}
	o := r.options("box-1")
	o.Window = time.Minute
	o.Devices = []edge.Device{{User: "room", Password: "secret-of-room", Sensors: ids}}
	b := r.box(o)
	r.ready(b)
	const every = time.Minute
	_, err := simulate.Run(context.Background(), simulate.Options{Broker: "tcp://" + b.MQTT(), User: "room", Password: "secret-of-room", For: lasts, Every: every,
		Failure: failure, FailAfter: failAfter, Seed: 1, Machines: []*simulate.Machine{{Sensor: room, Low: 2, High: 4, Leak: 9 * time.Hour, Cooling: 0.3, Watts: 1400,
			DoorEach: 25 * time.Minute, Defrosts: 8 * time.Hour, Extras: true}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		r.cell.wait(t, id, func(s *sensor.State) bool { return s.Count >= int64(lasts/every)-windowLeft })
	}
	return r, func(id string) sensor.State { return r.cell.wait(t, id, func(*sensor.State) bool { return true }) }
}

// failing plays ten hours, in whose third hour the room fails, and returns what the cell
// then knows of its temperature and its power, and all classes of its windows.
func failing(t *testing.T, failure string) (temperature, power sensor.State, classes map[string]bool) {
	r, state := played(t, "room", failure, 10*time.Hour, 2*time.Hour)
	temperature, power = state(room), state(room+"-power")
	r.cell.mu.Lock()
	defer r.cell.mu.Unlock()
	return temperature, power, maps.Clone(r.cell.classes)
}

// windowLeft are readings of a window that nothing has ended yet.
const windowLeft = 3

// The rules are silent about a machine that is well, and hear what a threshold can hear;
// what it cannot is in the features: how long the machine runs.
func TestFailures(t *testing.T) {
	duty := make(chan float64, 1)
	t.Run("none", func(t *testing.T) {
		s, p, classes := failing(t, simulate.None)
		if s.Status != sensor.Normal || s.Health != sensor.OK || p.Status != sensor.Normal || classes["temperature-1-vibration bearing"] || classes["temperature-1 no_cooling"] {
			t.Errorf("a room that is well: %s %s, power %s, %v", s.Status, s.Health, p.Status, classes)
		}
		duty <- p.Last.Features[1]
	})
	t.Run("refrigerant", func(t *testing.T) {
		if s, _, classes := failing(t, simulate.Refrigerant); s.Status != sensor.Alert && s.Status != sensor.Escalated || s.Why != "limit" || !classes["temperature-1 no_cooling"] {
			t.Errorf("%s %s %v", s.Status, s.Why, classes)
		}
	})
	t.Run("bearing", func(t *testing.T) {
		if s, _, classes := failing(t, simulate.Bearing); s.Status != sensor.Normal || !classes["temperature-1-vibration bearing"] {
			t.Errorf("%s, %v", s.Status, classes)
		}
	})
	t.Run("stuck", func(t *testing.T) {
		if s, _, _ := failing(t, simulate.Stuck); s.Health != sensor.Stuck || s.Status == sensor.Normal || s.Why != string(sensor.Stuck) {
			t.Errorf("%s %s %s", s.Health, s.Status, s.Why)
		}
	})
	for _, failure := range []string{simulate.Condenser, simulate.Seal} {
		t.Run(failure, func(t *testing.T) {
			_, p, _ := failing(t, failure)
			well := <-duty
			duty <- well
			if p.Last.Features[1] < 1.3*well {
				t.Errorf("runs %.2f of the time, and %.2f when it is well", p.Last.Features[1], well)
			}
		})
	}
}
