package edge

import (
	"crypto/ed25519"
	"log/slog"
	"testing"

	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/edge/model/features"
	"github.com/brigata/brigata/edge/model/fusion"
	"github.com/brigata/brigata/edge/model/release"
	"github.com/brigata/brigata/edge/model/shipped"
)

// A model that stood the golden windows and then judges otherwise than the one before it
// is taken back, and does not come again.
func TestAModelIsTakenBackThatJudgesOtherwise(t *testing.T) {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	o := &Options{Data: t.TempDir(), ModelKeys: []ed25519.PublicKey{key.Public().(ed25519.PublicKey)}, Log: slog.New(slog.DiscardHandler),
		Model: NewFused("own", shipped.Net()), own: shipped.Version}
	sign := func(v release.Version, file []byte) []byte {
		text, err := release.Sign(release.Manifest{Name: "fused", Version: v}, file, key)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	var c counts
	d := newDeployment(o, &c)
	sound := shipped.Net().Encode(false)
	if err := d.install(sign(release.Version{1, 1, 0}, sound), sound); err != nil {
		t.Fatal(err)
	}
	windows := golden.Make()
	judge := func() {
		for i := range trialLen {
			d.Judge(&Window{Set: store.Sensor{Kind: "vibration"}, Machine: &Machine{Tokens: *windows[i%len(windows)].Window, Weight: 1}})
		}
	}
	judge()
	if n := d.now.Load(); n.onTrial() || d.Version() != "fused-1.1.0" {
		t.Fatalf("%s, on trial: %v", d.Version(), n.onTrial())
	}
	// One that comes and has not stood its trial is not what is gone back to.
	if err := d.install(sign(release.Version{1, 1, 5}, sound), sound); err != nil || !d.now.Load().onTrial() {
		t.Fatalf("%v, on trial: %v", err, d.now.Load().onTrial())
	}
	if err := d.install(sign(release.Version{1, 1, 6}, sound), sound); err != nil || d.now.Load().before.version != (release.Version{1, 1, 0}) {
		t.Fatalf("%v, before: %s", err, d.now.Load().before.version)
	}
	d.back(d.now.Load())
	if d.Version() != "fused-1.1.0" || newDeployment(o, new(counts)).Version() != "fused-1.1.0" {
		t.Fatalf("%s judges, and %s after a restart", d.Version(), newDeployment(o, new(counts)).Version())
	}
	c.modelsBack.Store(0)
	random, err := fusion.New(fusion.Shape{Width: 8, Layers: 1, Heads: 1, Head: 8, Hidden: 8, Classes: len(features.Classes)}, 5)
	if err != nil {
		t.Fatal(err)
	}
	bad := random.Encode(false)
	text := sign(release.Version{1, 2, 0}, bad)
	if err := d.keep(text, bad, true); err != nil { // as if it had stood the golden windows
		t.Fatal(err)
	}
	before := d.now.Load()
	d.now.Store(&installed{Model: NewFused("fused-1.2.0", random), version: release.Version{1, 2, 0}, sent: true, before: &installed{Model: before.Model, version: before.version, sent: true}})
	judge()
	if d.Version() != "fused-1.1.0" || c.modelsBack.Load() != 1 {
		t.Fatalf("%s judges, %d taken back", d.Version(), c.modelsBack.Load())
	}
	if again := newDeployment(o, &c); again.Version() != "fused-1.1.0" {
		t.Errorf("after a restart %s judges", again.Version())
	}
	if err := d.install(sign(release.Version{1, 2, 0}, sound), sound); err != release.ErrOld {
		t.Errorf("what was taken back comes again: %v", err)
	}
}
