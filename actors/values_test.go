package actors_test

import (
	"context"
	"testing"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/persistence/memory"
)

// Whoever does not have a store reads from the journal what its node looks up.
func TestValuesFromTheJournal(t *testing.T) {
	h := newHouse(t)
	h.ok("channel.pause", `{"channel":"web","until":"manual","reason":"other"}`)
	a := actors.Archive{Journal: h.db.Open(memory.Options{})}
	got, err := a.Today(context.Background(), "demo")
	if err != nil {
		t.Fatal(err)
	}
	want := h.node.Today("demo")
	if got == nil || got.Config.ID != "demo" || got.Menu.Version != want.Menu.Version || got.Zone.String() != want.Zone.String() ||
		got.Open != want.Open || len(got.Paused) != 1 {
		t.Fatalf("%+v", got)
	}
	if got, err := a.Today(context.Background(), "nowhere"); got != nil || err != nil {
		t.Fatalf("a store that is nowhere: %+v, %v", got, err)
	}
}
