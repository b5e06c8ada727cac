package edge

import (
	"errors"
	"testing"
	"time"

	"github.com/brigata/brigata/edge/model/features"
	"github.com/brigata/brigata/edge/model/retrain"
	"github.com/brigata/brigata/edge/model/shipped"
	"github.com/brigata/brigata/edge/model/synth"
)

// When machines are as they were before a copy learnt what had changed, the model that was made elsewhere
// judges again, and the copy when they have changed so once more; after a restart, too. What was
// found in the other time trains nothing.
func TestTheModelOfTheTimeJudges(t *testing.T) {
	dir := t.TempDir()
	l, at, x := learnerIn(dir), time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC), features.NewExtractor()
	room, i := synth.NewStore(0, 300), 0
	see := func(d synth.Drift) {
		at, i = at.Add(caseEvery), i+1
		l.Judge(&Window{Set: sensorOf(i), Machine: &Machine{Tokens: *room.Machine(i%8).Window(i, synth.OK, 0, d).Tokens(x), Weight: 1, At: at}})
	}
	until := func(what string, d synth.Drift, ok func() bool) {
		t.Helper()
		for range 1000 {
			if see(d); ok() {
				return
			}
		}
		t.Fatalf("%s: never; %s judges, %d alarms", what, l.Version(), l.counts.modelDrifts.Load())
	}
	alarms := func(n int64) func() bool { return func() bool { return l.counts.modelDrifts.Load() >= n } }
	judges := func(version string) {
		t.Helper()
		if now, then := l.Version(), learnerIn(dir).Version(); now != version || then != version {
			t.Fatalf("%s judges, and %s after a restart; want %s", now, then, version)
		}
	}
	spring, summer := synth.Drift{}, synth.Drift{Heat: 15}

	for range 300 {
		see(spring)
	}
	until("summer", summer, alarms(1))
	n := l.now.Load()
	if err := l.promote(n, retrain.Learnt{Net: shipped.Net()}, n.Model.(*Fused).net, l.learntOf(n)); err != nil {
		t.Fatal(err)
	}
	for range trialLen + 200 {
		see(summer)
	}
	judges(ownModel + "+1")
	until("spring again", spring, alarms(2))
	until("the model judges", spring, func() bool { return l.Version() == ownModel })
	judges(ownModel)
	if was := l.learnt(); !was.Aside || was.File == "" || was.Since != at {
		t.Errorf("on the disk: %+v", was)
	}
	other := learnerIn(t.TempDir())
	labels := tell(t, other) // of 1 March
	l.cases = other.cases
	if recent, err := l.cases.found(labels, labels[0].From); err != nil || !recent.Enough() {
		t.Fatal(errors.Join(err, errors.New("too little was found")))
	}
	if err := l.again(labels); err != nil || l.counts.modelsKept.Load() != 0 || l.Version() != ownModel {
		t.Errorf("what was found in summer was learnt: %v", err)
	}
	until("summer again", summer, alarms(3))
	until("the copy judges", summer, func() bool { return l.Version() == ownModel+"+1" })
	judges(ownModel + "+1")
}
