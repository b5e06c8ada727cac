package edge

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/edge/link"
	"github.com/brigata/brigata/edge/model/features"
	"github.com/brigata/brigata/edge/model/retrain"
	"github.com/brigata/brigata/edge/model/shipped"
	"github.com/brigata/brigata/edge/model/synth"
)

const ownModel = "own"

func learnerIn(dir string) *learner {
	o := &Options{Data: dir, Log: slog.New(slog.DiscardHandler), Model: NewFused(ownModel, shipped.Net()), own: shipped.Version}
	return newLearner(o, new(counts))
}

// tell has machines of stores that have changed claim faults for a while, and returns what
// people then find.
func tell(t *testing.T, l *learner) (labels []link.Label) {
	t.Helper()
	x, began := features.NewExtractor(), time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)
	for i := range 2 * len(features.Classes) {
		m, class := synth.NewStore(0, 300+i).Machine(0), i%len(features.Classes)
		label := link.Label{WorkOrder: fmt.Sprint("w", i), Asset: fmt.Sprint("machine-", i), Class: features.Classes[class], From: began}
		for n, at := 0, began; n < 40; n++ {
			w := &Window{Set: store.Sensor{Kind: "vibration", Asset: label.Asset}, Machine: &Machine{Tokens: *m.Window(n, class, 0.8, synth.Drift{Heat: 10, Age: 1.5}).Tokens(x), Weight: 1, At: at}}
			l.Judge(w)
			label.To, at = at, at.Add(caseEvery)
		}
		labels = append(labels, label)
	}
	return labels
}

// What people find of predicted faults makes a copy of the model that is better where the
// machines have changed; it takes the model's place, is there after a restart, and goes
// again when it does not stand its trial.
func TestABoxLearnsWhatPeopleFound(t *testing.T) {
	dir := t.TempDir()
	l := learnerIn(dir)
	labels := tell(t, l)
	if err := l.again(labels[:1]); err != nil || l.counts.modelsLearnt.Load()+l.counts.modelsKept.Load() != 0 {
		t.Fatalf("trained on one work order: %v", err)
	}
	if err := l.again(labels); err != nil {
		t.Fatal(err)
	}
	if l.Version() != ownModel+"+1" || l.counts.modelsLearnt.Load() != 1 || !l.now.Load().onTrial() {
		t.Fatalf("%s judges; learnt %d, kept %d", l.Version(), l.counts.modelsLearnt.Load(), l.counts.modelsKept.Load())
	}
	before := l.now.Load()
	if err := l.again(labels); err != nil || l.now.Load() != before {
		t.Errorf("the same labels were learnt again: %v", err)
	}
	again := learnerIn(dir)
	if again.Version() != ownModel+"+1" {
		t.Fatalf("after a restart %s judges", again.Version())
	}
	offsets := func(l *learner) int { return len(l.now.Load().Model.(*Fused).learnt().Offsets) }
	if has := offsets(l); has == 0 || has > len(labels) || offsets(again) != has || again.now.Load().first == nil {
		t.Errorf("offsets of %d machines, %d after a restart", has, offsets(again))
	}
	if recent, err := again.cases.found(labels, time.Time{}); err != nil || !recent.Enough() {
		t.Errorf("after a restart the windows are gone: %v", err)
	}
	l.back(l.now.Load())
	if l.Version() != ownModel || learnerIn(dir).Version() != ownModel {
		t.Errorf("%s judges after it was taken back, %s after a restart", l.Version(), learnerIn(dir).Version())
	}
	if err := l.again(labels); err != nil || l.Version() != ownModel {
		t.Errorf("what was taken back comes again: %v", err)
	}
}

// What was found of machines before they changed corrects nothing afterwards, nor after a restart.
func TestOffsetsAreForgottenWhenMachinesChange(t *testing.T) {
	dir := t.TempDir()
	l := learnerIn(dir)
	f := l.now.Load().Model.(*Fused).corrected(retrain.Offsets{"a": {-9, 9, 0, 0, 0, 0}})
	if err := l.noteLearnt(learnt{Base: ownModel, Times: 2, File: "learnt-2.bin", Offsets: f.learnt().Offsets}); err != nil {
		t.Fatal(err)
	}
	x, room := features.NewExtractor(), synth.NewStore(0, 300)
	well := *room.Machine(0).Window(0, synth.OK, 0, synth.Drift{}).Tokens(x)
	if f.class("a", &well) != synth.Bearing || f.class("b", &well) != synth.OK {
		t.Fatalf("of a: %d, of another: %d", f.class("a", &well), f.class("b", &well))
	}
	for i := range 2000 {
		var drift synth.Drift
		if i > 200 {
			drift.Heat = 30
		}
		w := room.Machine(i%8).Window(i, synth.OK, 0, drift).Tokens(x)
		l.Judge(&Window{Set: sensorOf(i), Machine: &Machine{Tokens: *w, Weight: 1, At: time.UnixMilli(0).Add(time.Duration(i) * caseEvery)}})
		if l.counts.modelDrifts.Load() > 0 {
			break
		}
	}
	if l.counts.modelDrifts.Load() == 0 {
		t.Fatal("no alarm")
	}
	if was := l.learnt(); f.class("a", &well) != synth.OK || len(was.Offsets) != 0 || was.Times != 2 || was.File == "" {
		t.Errorf("after the alarm: of a %d; on the disk %+v", f.class("a", &well), was)
	}
}

func sensorOf(i int) store.Sensor {
	return store.Sensor{Kind: "vibration", Asset: fmt.Sprint("machine-", i%8)}
}

// Labels that are wrong make a copy that is worse about machines as they were: it does not
// take the model's place.
func TestABoxDoesNotLearnWhatMakesItWorse(t *testing.T) {
	l := learnerIn(t.TempDir())
	labels := tell(t, l)
	for i := range labels {
		labels[i].Class = features.Classes[(i+1)%len(features.Classes)]
	}
	if err := l.again(labels); err != nil {
		t.Fatal(err)
	}
	if l.Version() != ownModel || l.counts.modelsKept.Load() != 1 || l.counts.modelsLearnt.Load() != 0 {
		t.Errorf("%s judges; learnt %d, kept %d", l.Version(), l.counts.modelsLearnt.Load(), l.counts.modelsKept.Load())
	}
}

// While a machine defrosts or its door is open, nothing of it is kept or noted.
func TestNothingIsLearntOfADefrost(t *testing.T) {
	dir := t.TempDir()
	l := learnerIn(dir)
	x, at := newExtractor(), time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)
	probe, vibration := &twin{}, &twin{set: store.Sensor{Kind: "vibration", Asset: "a"}}
	bad := synth.NewStore(0, 300).Machine(0).Window(0, synth.Bearing, 1, synth.Drift{})
	a := &asset{twins: [features.Senses]*twin{features.Vibration: vibration, features.Probe: probe}, lead: vibration, levels: bad.Levels, bands: bad.Bands, rate: bad.Rate, scale: 1, frame: bad.Frame}
	for _, v := range bad.Burst {
		a.burst = append(a.burst, byte(int16(v/4)), byte(int16(v/4)>>8))
	}
	a.scale = 4
	count := func() int {
		list, err := os.ReadDir(filepath.Join(dir, "cases"))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		return len(list)
	}
	for _, why := range []string{"defrost", "door"} {
		probe.suppress = why
		a.judge(l, x, &Window{Set: vibration.set}, at)
		if count() != 0 || len(l.cases.last) != 0 {
			t.Errorf("%s: a window was kept", why)
		}
	}
	probe.suppress = ""
	if v := a.judge(l, x, &Window{Set: vibration.set}, at); v.Fault == nil || count() != 1 {
		t.Errorf("%+v, and %d windows were kept", v, count())
	}
}

// A machine's newest windows are found again by their time, and no more of them are kept
// than there are places for.
func TestCasesAreARing(t *testing.T) {
	c := &cases{dir: t.TempDir(), last: map[string]time.Time{}}
	began := time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)
	for i := range 2*casePlaces + 10 {
		at := began.Add(time.Duration(i) * caseEvery)
		if !c.due("a", at) || c.due("a", at.Add(caseEvery-time.Second)) {
			t.Fatalf("window %d", i)
		}
		w := &features.Window{}
		w.X[0], w.Has[features.Power] = float32(i), true
		if err := c.keep("a", at, w); err != nil {
			t.Fatal(err)
		}
	}
	list, err := c.of("a", began, began.Add(1000*caseEvery))
	if err != nil || len(list) != casePlaces {
		t.Fatalf("%d windows, %v", len(list), err)
	}
	for _, w := range list {
		if w.X[0] < casePlaces+10 || !w.Has[features.Power] {
			t.Errorf("window %v is there", w.X[0])
		}
	}
	if some := thinned(list, caseMost); len(some) != caseMost || some[0] != list[0] || some[caseMost-1] != list[(caseMost-1)*casePlaces/caseMost] || len(thinned(list[:caseMost], caseMost)) != caseMost {
		t.Errorf("%d windows of %d", len(some), len(list))
	}
	some, err := c.of("a", began.Add((2*casePlaces+1)*caseEvery), began.Add((2*casePlaces+4)*caseEvery))
	if err != nil || len(some) != 4 {
		t.Errorf("%d windows, %v", len(some), err)
	}
	if none, err := c.of("b", began, began.Add(time.Hour)); err != nil || len(none) != 0 {
		t.Errorf("%v, %v", none, err)
	}
	for i := range casesMax + 10 {
		c.due(fmt.Sprint("machine ", i), began)
	}
	if len(c.last) != casesMax {
		t.Errorf("%d machines", len(c.last))
	}
}
