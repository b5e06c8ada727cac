package edge_test

import (
	"crypto/ed25519"
	"fmt"
	"testing"

	"github.com/brigata/brigata/edge"
	"github.com/brigata/brigata/edge/link"
	"github.com/brigata/brigata/edge/model/features"
	"github.com/brigata/brigata/edge/model/fusion"
	"github.com/brigata/brigata/edge/model/release"
	"github.com/brigata/brigata/edge/model/shipped"
)

// Models come over the link: a sound one takes the place of the box's own and stays after
// a restart; a bad one, whoever signed it, changes nothing and is counted.
func TestModelsComeOverTheLink(t *testing.T) {
	r := newRig(t, "temperature-1")
	o := r.options("box-1")
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	stranger := ed25519.NewKeyFromSeed(append(make([]byte, ed25519.SeedSize-1), 1))
	o.ModelKeys = []ed25519.PublicKey{key.Public().(ed25519.PublicKey)}
	b := r.box(o)
	r.ready(b)
	sound := shipped.Net().Encode(false)
	random, err := fusion.New(fusion.Shape{Width: 8, Layers: 1, Heads: 1, Head: 8, Hidden: 8, Classes: len(features.Classes)}, 5)
	if err != nil {
		t.Fatal(err)
	}
	offer := func(v release.Version, file, as []byte, by ed25519.PrivateKey) {
		text, err := release.Sign(release.Manifest{Name: "fused", Version: v}, file, by)
		if err != nil {
			t.Fatal(err)
		}
		r.offered.Store(&[2][]byte{text, as})
	}
	is := func(b *edge.Box, what, model string, ok func(*link.Report) bool) {
		t.Helper()
		eventually(t, what, func() bool { r := b.Report(); return r.Model == model && ok(&r) })
	}
	own := fmt.Sprintf("%s-%s", shipped.Name, shipped.Version)
	none := func(*link.Report) bool { return true }
	is(b, "the box's own", own, none)

	offer(release.Version{1, 1, 0}, sound, sound, stranger)
	is(b, "a stranger's is refused", own, func(r *link.Report) bool { return r.ModelsNo == 1 })
	damaged := append([]byte{}, sound...)
	damaged[100] ^= 1
	offer(release.Version{1, 1, 0}, sound, damaged, key)
	is(b, "a damaged one is refused", own, func(r *link.Report) bool { return r.ModelsNo == 2 })
	offer(release.Version{1, 1, 1}, sound, sound, key)
	is(b, "a sound one is installed", "fused-1.1.1", func(r *link.Report) bool { return r.ModelsIn == 1 })
	offer(release.Version{1, 0, 5}, sound, sound, key)
	is(b, "a downgrade is refused", "fused-1.1.1", func(r *link.Report) bool { return r.ModelsNo == 3 })
	offer(release.Version{1, 2, 0}, random.Encode(true), random.Encode(true), key)
	is(b, "one that is wrong about what is plain does not stay", "fused-1.1.1", func(r *link.Report) bool { return r.ModelsOut == 1 && r.ModelsNo == 3 && r.ModelsIn == 1 })

	if err := b.Stop(); err != nil {
		t.Fatal(err)
	}
	r.offered.Store(nil)
	is(r.box(o), "it is there after a restart", "fused-1.1.1", none)
}
