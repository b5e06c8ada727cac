package workorder

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/sensor"
	"github.com/brigata/brigata/actors/stock"
	"github.com/brigata/brigata/actors/store"
)

var (
	noon   = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	safety = store.FoodSafety{WarnMS: 30 * 60_000, HoldMS: 120 * 60_000, DiscardMS: 240 * 60_000}
	boss   = command.Who{ID: "lin", Role: command.Manager}
	cook   = command.Who{ID: "chen", Role: command.Kitchen}
)

type order struct {
	t testing.TB
	s State
}

func (o *order) at(minutes int, by command.Who) command.Header {
	return command.Header{At: noon.Add(time.Duration(minutes) * time.Minute), By: by}
}

func (o *order) try(c Command) ([]Event, error) {
	before := o.s
	events, _, err := Decide(o.s, c)
	if !reflect.DeepEqual(before, o.s) {
		o.t.Fatal("Decide changed its state")
	}
	for _, e := range events {
		o.s = Apply(o.s, e)
	}
	return events, err
}

func (o *order) do(c Command) {
	o.t.Helper()
	if _, err := o.try(c); err != nil {
		o.t.Fatalf("%T: %v", c, err)
	}
}

// hear tells of an episode that began at noon.
func (o *order) hear(minutes int, rev int64, st sensor.Status, recovered time.Time) {
	o.t.Helper()
	o.do(&Hear{o.at(minutes, command.Who{}), sensor.Report{WorkOrder: "w1", Rev: rev, Sensor: "walkin-1", Asset: "walk-in", Why: "limit",
		Food: true, Dishes: []string{"tofu", "duck"}, Since: noon, At: noon.Add(10 * time.Minute), Peak: 9, Status: st, Recovered: recovered, Safety: safety}})
}

func (o *order) tick(minutes int) { o.do(&command.Tick{Header: o.at(minutes, command.Who{})}) }

func (o *order) log() (all string) {
	for _, e := range o.s.Log {
		all += e.What + "\n"
	}
	return all
}

func TestFoodIsHeldAndAPersonDecides(t *testing.T) {
	o := &order{t: t}
	o.hear(10, 1, sensor.Alert, time.Time{})
	if Due(o.s) != noon.Add(30*time.Minute) {
		t.Fatal(Due(o.s))
	}
	o.tick(29)
	if o.s.Warned {
		t.Fatal("warned too early")
	}
	o.tick(30)
	o.tick(119)
	if !o.s.Warned || o.s.Holding || len(Owes(o.s)) != 0 {
		t.Fatalf("%+v", o.s)
	}
	o.tick(120)
	duties := Owes(o.s)
	if len(duties) != 2 || duties[0].To.ID != "dish/tofu" || duties[0].Do.(*stock.HoldFor).WorkOrder != "w1" {
		t.Fatalf("%+v", duties)
	}
	o.do(&command.Answered{Header: o.at(120, command.Who{}), Duty: duties[0]})
	o.do(&command.Answered{Header: o.at(120, command.Who{}), Duty: duties[1], Refusal: &refusal.Refusal{Code: refusal.Internal}})
	if len(Owes(o.s)) != 1 {
		t.Fatal("a hold that failed is still owed")
	}
	o.do(&command.Answered{Header: o.at(120, command.Who{}), Duty: duties[1], Refusal: stock.ErrUnknown})
	if v := ViewOf(o.s); len(Owes(o.s)) != 0 || len(v.Holds) != 1 || v.Holds[0] != "tofu" {
		t.Fatalf("%+v", v)
	}
	o.tick(240)
	if o.s.Proposed != Discard || o.s.Status != Opened {
		t.Fatalf("%+v", o.s)
	}
	o.hear(250, 2, sensor.Acked, noon.Add(250*time.Minute))
	if !o.s.Holding || len(ViewOf(o.s).Holds) != 1 {
		t.Fatal("recovery ended a hold")
	}
	for _, c := range []struct {
		c    Finish
		want error
	}{
		{Finish{What: "fixed"}, errDecide},
		{Finish{Decision: Keep}, errWhat},
		{Finish{What: "x", Decision: "eat"}, errDecision},
		{Finish{What: strings.Repeat("x", whatMax+1), Decision: Discard}, errWhatLong},
		{Finish{What: "it smells fine", Decision: Keep}, errKeep},
	} {
		c.c.Header = o.at(251, cook)
		if _, err := o.try(&c.c); !errors.Is(err, c.want) {
			t.Errorf("%+v: %v", c.c, err)
		}
	}
	o.do(&Assign{Header: o.at(252, boss), To: "chen"})
	o.do(&Finish{Header: o.at(255, cook), What: "new compressor; food thrown away", Decision: Discard})
	if v := ViewOf(o.s); v.State != Finished || v.Decision != Discard || v.Assigned.ID != "chen" || !strings.Contains(o.log(), "discard: new compressor") {
		t.Fatalf("%+v", v)
	}
	if _, err := o.try(&Assign{Header: o.at(256, boss), To: "x"}); !errors.Is(err, errDone) {
		t.Error(err)
	}
}

func TestRecoveryStopsTheClocks(t *testing.T) {
	o := &order{t: t}
	o.hear(10, 1, sensor.Alert, time.Time{})
	o.tick(30)
	o.hear(60, 2, sensor.Acked, noon.Add(60*time.Minute))
	if !o.s.Warned || !Due(o.s).IsZero() {
		t.Fatal(Due(o.s))
	}
	o.tick(200)
	if o.s.Holding {
		t.Fatal("held though it was back in time")
	}
	o.hear(210, 3, sensor.Acked, time.Time{})
	if !o.s.Holding {
		t.Fatal("two hours are over, and it is too warm")
	}
	o.hear(211, 2, sensor.Acked, noon) // late news of before
	if !o.s.Recovered.IsZero() {
		t.Fatal("older news won")
	}
}

// A link that was down for hours brings everything at once.
func TestLateNews(t *testing.T) {
	o := &order{t: t}
	o.hear(300, 1, sensor.Escalated, time.Time{})
	if !o.s.Warned || !o.s.Holding || o.s.Proposed != Discard {
		t.Fatalf("%+v", o.s)
	}
}

// So does one that was down from before the alert till after the recovery.
func TestLateRecovery(t *testing.T) {
	o := &order{t: t}
	o.hear(400, 1, sensor.Alert, noon.Add(130*time.Minute))
	if !o.s.Warned || !o.s.Holding || o.s.Proposed != "" {
		t.Fatalf("%+v", o.s)
	}
	o = &order{t: t}
	o.hear(400, 1, sensor.Alert, noon.Add(110*time.Minute))
	if !o.s.Warned || o.s.Holding {
		t.Fatalf("%+v", o.s)
	}
}

func TestMachineNeverHoldsFood(t *testing.T) {
	o := &order{t: t}
	o.do(&Hear{o.at(1, command.Who{}), sensor.Report{WorkOrder: "w1", Rev: 1, Sensor: "comp-1", Asset: "walk-in", Why: "limit", Since: noon, At: noon, Safety: safety, Status: sensor.Alert}})
	o.tick(600)
	if len(Owes(o.s)) != 0 || o.s.Severity != Info || o.s.Holding {
		t.Fatalf("%+v", o.s)
	}
	o.do(&Finish{Header: o.at(601, cook), What: "greased"})
}

func TestFoodOutOfLimitsStaysOpen(t *testing.T) {
	o := &order{t: t}
	o.hear(10, 1, sensor.Alert, time.Time{})
	if _, err := o.try(&Finish{Header: o.at(20, boss), What: "never mind"}); !errors.Is(err, errRunning) {
		t.Error(err)
	}
	if _, err := (&order{t: t}).try(&Finish{What: "x"}); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
}

func TestLogIsBounded(t *testing.T) {
	o := &order{t: t}
	o.hear(10, 1, sensor.Alert, time.Time{})
	for i := range 2 * logMax {
		o.do(&Assign{Header: o.at(20, boss), To: []string{"a", "b"}[i%2]})
	}
	if len(o.s.Log) != logMax || o.s.Log[0].What != "alert: limit" {
		t.Fatalf("%d: %+v", len(o.s.Log), o.s.Log[0])
	}
}

func TestAPredictionsLeadIsRecordedWhenItIsConfirmed(t *testing.T) {
	for _, c := range []struct {
		finding string
		lead    time.Duration
	}{{Confirmed, 90 * time.Minute}, {FalseAlarm, 0}, {"", 0}} {
		o := &order{t: t}
		fault := &sensor.Fault{Class: "bearing", Confidence: 0.934, Evidence: []sensor.Evidence{{Sense: "vibration", Weight: 0.7}}, Model: "fused-1.0.0"}
		o.do(&Hear{o.at(0, command.Who{}), sensor.Report{WorkOrder: "w1", Rev: 1, Sensor: "motor-1", Asset: "walk-in", Why: "fault", Since: noon, At: noon, Safety: safety, Status: sensor.Alert, Fault: fault}})
		if v := ViewOf(o.s); v.Fault == nil || v.Severity != Info || v.Log[0].What != "alert: predicted: bearing, 93 % sure" {
			t.Errorf("view: %+v", v)
		}
		if _, err := o.try(&Finish{Header: o.at(90, boss), WorkOrder: "w1", What: "x", Finding: "perhaps"}); !errors.Is(err, errFinding) {
			t.Errorf("a finding that there is not: %v", err)
		}
		o.do(&Finish{Header: o.at(90, boss), WorkOrder: "w1", What: "new bearing", Finding: c.finding})
		if v := ViewOf(o.s); v.Finding != c.finding || v.LeadMS != c.lead.Milliseconds() {
			t.Errorf("%q: finding %q, lead %d ms", c.finding, v.Finding, v.LeadMS)
		}
	}
	o := &order{t: t}
	o.hear(0, 1, sensor.Alert, time.Time{})
	if _, err := o.try(&Finish{Header: o.at(1, boss), WorkOrder: "w1", What: "x", Finding: Confirmed}); !errors.Is(err, errFinding) {
		t.Errorf("a finding where nothing was predicted: %v", err)
	}
}

// Each step comes when it is due, to the millisecond, and not before.
func TestClocksAtTheirBounds(t *testing.T) {
	const ms = time.Millisecond
	o := &order{t: t}
	o.hear(10, 1, sensor.Alert, time.Time{})
	for _, c := range []struct {
		after time.Duration
		did   func() bool
	}{
		{30 * time.Minute, func() bool { return o.s.Warned }},
		{2 * time.Hour, func() bool { return o.s.Holding && len(Owes(o.s)) == 2 }},
		{4 * time.Hour, func() bool { return o.s.Proposed == Discard }},
	} {
		o.do(&command.Tick{Header: command.Header{At: noon.Add(c.after - ms)}})
		if c.did() {
			t.Errorf("before %v", c.after)
		}
		o.do(&command.Tick{Header: command.Header{At: noon.Add(c.after)}})
		if !c.did() {
			t.Errorf("not after %v", c.after)
		}
	}
	for after, held := range map[time.Duration]bool{2*time.Hour - ms: false, 2 * time.Hour: true} { // news of both comes late
		o := &order{t: t}
		o.hear(600, 1, sensor.Alert, noon.Add(after))
		if o.s.Holding != held {
			t.Errorf("back after %v: held %v", after, o.s.Holding)
		}
	}
}

// Neither the value that is back, nor who has seen it, nor days without anybody release
// what is held or close the work order.
func TestNothingReleasesFoodByItself(t *testing.T) {
	o := &order{t: t}
	o.hear(130, 1, sensor.Escalated, time.Time{})
	for _, d := range Owes(o.s) {
		o.do(&command.Answered{Header: o.at(130, command.Who{}), Duty: d})
	}
	held := func(when string) {
		t.Helper()
		if v := ViewOf(o.s); v.State != Opened || len(v.Holds) != 2 || v.Decision != "" || len(Owes(o.s)) != 0 {
			t.Errorf("%s: %+v", when, v)
		}
	}
	held("held")
	o.hear(140, 2, sensor.Escalated, noon.Add(140*time.Minute))
	held("back")
	o.hear(150, 3, sensor.Resolved, noon.Add(140*time.Minute))
	held("resolved")
	o.tick(7 * 24 * 60)
	held("a week later")
	if o.s.Proposed != "" {
		t.Error("food that got cold again in time is to be discarded")
	}
}
