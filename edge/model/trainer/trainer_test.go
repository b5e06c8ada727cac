package trainer

import (
	"bytes"
	"slices"
	"testing"

	"github.com/brigata/brigata/edge/model/features"
	"github.com/brigata/brigata/edge/model/shipped"
	"github.com/brigata/brigata/edge/model/synth"
)

// A short recipe makes every model, each smaller than the full one, and the same bytes again.
func TestARecipeMakesTheSameModelsTwice(t *testing.T) {
	all := func() []Model {
		r := Recipe{Seed: 3, Epochs: 1, Share: 0.03}
		list, err := r.All()
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	a, b := all(), all()
	var names []string
	for i := range a {
		names = append(names, a[i].Name)
		if !bytes.Equal(a[i].File(), b[i].File()) {
			t.Errorf("%s is another", a[i].Name)
		}
		if i > 0 && len(a[i].File()) >= len(a[0].File()) {
			t.Errorf("%s has %d bytes, the full one %d", a[i].Name, len(a[i].File()), len(a[0].File()))
		}
	}
	if want := []string{FullName, PrunedName, RoundedName, TaughtName, CombinedName}; !slices.Equal(names, want) {
		t.Errorf("%v", names)
	}
	if ratio := float64(len(a[0].File())) / float64(len(a[4].File())); ratio < 11 {
		t.Errorf("all together: %.1f times smaller", ratio)
	}
}

// The model that boxes come with judges machines of stores that it has never seen, better
// with all senses than with the best of them.
func TestTheShippedModelKnowsMachinesItHasNotSeen(t *testing.T) {
	split := synth.NewStores
	split.Units, split.Each = 2, 6
	list, net := split.Examples(), shipped.Net()
	fused := net.Right(list)
	if fused < 0.85 { // of 360; docs/edge-models.md has the measured figure
		t.Errorf("%.3f right", fused)
	}
	for s := range features.Senses {
		if one := net.Right(Only(list, features.Sense(s))); one > fused-0.15 {
			t.Errorf("%s alone: %.3f, all %.3f", features.Names[s], one, fused)
		}
	}
}
