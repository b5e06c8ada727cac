package actors_test

import (
	"context"
	"testing"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/order"
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
	id := h.order(`{"type":"pickup","lines":[{"dish":"mapo-tofu","qty":1}]}`)
	views, err := a.Live(context.Background(), "demo")
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, v := range views {
		o, is := v.View.(*order.View)
		found = found || is && o.ID == id && o.No == h.seesOrder(id).No
	}
	if !found {
		t.Errorf("the order is not among %d views", len(views))
	}
	if got, err := a.Today(context.Background(), "nowhere"); got != nil || err != nil {
		t.Fatalf("a store that is nowhere: %+v, %v", got, err)
	}
}
