package actors_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/sensor"
	"github.com/brigata/brigata/actors/stock"
	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/actors/workorder"
)

// readings sums up a value that stays the same, a minute each, until now.
func readings(first int64, minutes int, v float64) (list []sensor.Reading) {
	now := time.Now().UTC()
	for i := range minutes {
		at := now.Add(time.Duration(i-minutes) * time.Minute)
		seq := first + 10*int64(i)
		list = append(list, sensor.Reading{Boot: 1, First: seq, Last: seq + 9, N: 10, From: at.Add(-50 * time.Second), At: at, Value: v, Min: v, Max: v, Avg: v})
	}
	return list
}

// note gives readings to a sensor, as a box does: without a command id.
func (h *house) note(id string, list []sensor.Reading) int64 {
	h.t.Helper()
	a := h.must(h.ask(&actors.Request{Target: command.Target{Kind: "sensor", ID: id}, Command: &sensor.Note{Node: "edge-1", Readings: list}}))
	if err := h.node.Flush(context.Background()); err != nil {
		h.t.Fatal(err)
	}
	return field[int64](h.t.(*testing.T), string(a.D), "new")
}

func (h *house) seesSensor(id string) *sensor.View {
	h.t.Helper()
	return h.must(h.read("sensor", id)).View.(*sensor.View)
}

func TestFailingFridgeHoldsDishes(t *testing.T) {
	h := newHouse(t)
	h.ok("table.open", `{"table":"T05","guests":3}`)
	o := h.order(`{"type":"dine_in","table":"T05","lines":[{"dish":"mapo-tofu","qty":1},{"dish":"kung-pao-chicken","qty":1}]}`)

	warm := readings(1, 150, 9)
	if n := h.note("walkin-1", warm); n != 1500 {
		t.Fatalf("%d readings counted", n)
	}
	if n := h.note("walkin-1", warm); n != 0 {
		t.Fatalf("%d of them counted twice", n)
	}
	v := h.seesSensor("walkin-1")
	if v.State != sensor.Escalated && v.State != sensor.Alert || v.WorkOrder == "" {
		t.Fatalf("%+v", v)
	}
	w := h.must(h.read("workorder", v.WorkOrder)).View.(*workorder.View)
	if w.Severity != workorder.Food || !w.Warned || len(w.Holds) != 3 || w.Proposed != "" || w.Asset != "walk-in" {
		t.Fatalf("%+v", w)
	}
	s := h.seesStock("dish/mapo-tofu")
	if s.Mode != stock.Held || s.Sensor != "walkin-1" || s.Reason != stock.FoodSafety {
		t.Fatalf("%+v", s)
	}
	h.no("sold_out", "", "order.place", `{"type":"dine_in","table":"T05","lines":[{"dish":"mapo-tofu","qty":1}]}`)
	if lines := h.seesOrder(o).Lines; lines[0].Items[0].Flag != "dish_held" || lines[1].Items[0].Flag != "" {
		t.Fatalf("%+v", lines)
	}
	h.ok("alert.ack", `{"sensor":"walkin-1"}`) // or it escalates by the clock
	h.restarts()

	// It is cold again, and somebody has seen it: the hold stands.
	h.no("conflict", "state", "alert.ack", `{"sensor":"fridge-1"}`)
	cold := readings(1501, 15, 3)
	for i := range cold {
		cold[i].At, cold[i].From = cold[i].At.Add(15*time.Minute/16), cold[i].From.Add(15*time.Minute/16)
	}
	h.note("walkin-1", cold)
	if v := h.seesSensor("walkin-1"); v.State != sensor.Resolved {
		t.Fatalf("%+v", v)
	}
	if h.seesStock("dish/mapo-tofu").Mode != stock.Held {
		t.Fatal("recovery released a hold")
	}
	h.as(command.Kitchen, "chen", "")
	h.ok("workorder.assign", `{"workorder":%q,"to":"chen"}`, w.ID)
	h.no("forbidden", "", "workorder.done", `{"workorder":%q,"what":"door was open","decision":"keep"}`, w.ID)
	h.as(command.Manager, "lin", "")
	h.ok("workorder.done", `{"workorder":%q,"what":"door was open","decision":"keep"}`, w.ID)
	h.ok("stock.release", `{"dish":"mapo-tofu","reason":"food_safety"}`)
	if lines := h.seesOrder(o).Lines; lines[0].Items[0].Flag != "" {
		t.Fatal("the order does not hear of the release")
	}
	h.restarts()
	h.ok("order.add", `{"order":%q,"lines":[{"dish":"mapo-tofu","qty":1}]}`, o)
}

// A machine's vibration opens a work order and never holds food; a sensor that the
// document does not name any more is out of service.
func TestMachineAndRetirement(t *testing.T) {
	h := newHouse(t)
	h.note("walkin-1-vibration", readings(1, 300, 9000))
	v := h.seesSensor("walkin-1-vibration")
	w := h.must(h.read("workorder", v.WorkOrder)).View.(*workorder.View)
	if w.Severity != workorder.Info || len(w.Holds) != 0 || !w.HoldAt.IsZero() {
		t.Fatalf("%+v", w)
	}
	h.ok("workorder.done", `{"workorder":%q,"what":"greased"}`, w.ID)
	h.no("closed", "", "workorder.assign", `{"workorder":%q,"to":"chen"}`, w.ID)
	h.ok("alert.ack", `{"sensor":"walkin-1-vibration"}`)
	h.no("not_found", "", "alert.ack", `{"sensor":"no-such"}`)
	if a := h.ask(&actors.Request{Target: command.Target{Kind: "sensor", ID: "stranger"}, Command: &sensor.Note{Readings: readings(1, 1, 3)}}); a.Refusal == nil || a.Refusal.Code != "not_found" {
		t.Fatalf("%+v", a)
	}
	h.restarts()
}

// BenchmarkReadings is what a batch of readings of many sensors costs a node.
func BenchmarkReadings(b *testing.B) {
	h := newHouse(b)
	h.quiet = true
	ids := []string{"walkin-1", "walkin-1-door", "walkin-1-power", "walkin-1-vibration", "fridge-1", "freezer-1"}
	const batch = 10
	got := make(once, len(ids))
	at := time.Now().UTC()
	b.ReportAllocs()
	for n := int64(0); b.Loop(); n++ {
		for _, id := range ids {
			list := make([]sensor.Reading, batch)
			for i := range list {
				seq := n*batch + int64(i) + 1
				list[i] = sensor.Reading{Boot: 1, First: seq, Last: seq, N: 1, From: at, At: at, Value: -16, Min: -16, Max: -16, Avg: -16}
			}
			h.node.Do(&actors.Request{Store: "demo", Target: command.Target{Kind: "sensor", ID: id}, Command: &sensor.Note{Node: "edge-1", Readings: list}, To: got})
		}
		for range ids {
			if a := <-got; a.Refusal != nil {
				b.Fatal(a.Refusal)
			}
		}
	}
	b.StopTimer()
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch*len(ids)), "ns/reading")
}

// TestSensorOfBefore: what was refused to a sensor before there was one is in the journal, and so is a
// sensor that the store's document names no more: both are found when the cell has been opened
// anew, or the first thing that is told to them would cost the store its cell.
func TestSensorOfBefore(t *testing.T) {
	h := newHouse(t)
	unknown := h.id()
	const ack = `{"sensor":"nobody-1"}`
	first := h.send(unknown, "alert.ack", ack)
	if first.Refusal == nil || first.Refusal.Code != refusal.NotFound {
		t.Fatalf("%+v", first)
	}
	config, _, _ := h.demo()
	walkin := config.Sensors[slices.IndexFunc(config.Sensors, func(s store.Sensor) bool { return s.ID == "walkin-1" })]
	gone := func(gone bool) {
		h.must(h.do(command.Target{Kind: "sensor", ID: walkin.ID}, &sensor.Configure{Sensor: walkin, Gone: gone}))
	}
	h.note(walkin.ID, readings(1, 3, 3))
	gone(true)
	h.stop()
	h.start()
	if again := h.send(unknown, "alert.ack", ack); !again.Dup || again.Refusal == nil || again.Refusal.Code != refusal.NotFound {
		t.Fatalf("%+v", again)
	}
	h.no("not_found", "", "alert.ack", ack)
	gone(false)
	if v := h.seesSensor(walkin.ID); v.Reading == nil {
		t.Fatalf("what it had measured is gone: %+v", v)
	}
}
