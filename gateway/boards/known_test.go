package boards

import (
	"testing"

	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/stock"
	"github.com/brigata/brigata/actors/table"
	"github.com/brigata/brigata/actors/wire"
)

// What the boards know can be carried to another node's, and is forgotten only while
// nobody watches.
func TestKnownAndForget(t *testing.T) {
	k := newKit(t)
	k.put(&order.View{ID: "o1", Table: "T03"})
	k.put(&table.View{ID: "T03"})
	k.put(&stock.View{ID: "dish/mapo", Mode: stock.Counted, Left: 3})
	k.publish(&order.View{ID: "o2", State: order.Closed}, false)
	if known := k.Known("s1"); len(known) != 3 {
		t.Fatalf("known: %+v", known)
	}
	if all := k.Stores(); len(all) != 1 || all["s1"] {
		t.Fatalf("stores: %v", all)
	}
	s := k.open("stock", Client{})
	if k.Forget("s1") || !k.Stores()["s1"] {
		t.Fatal("a watched store was forgotten")
	}
	other := newKit(t)
	other.Publish(k.Known("s1"))
	if copied := other.open("stock", Client{}); len(copied.shown) != 1 || string(copied.shown["dish/mapo"]) != string(s.shown["dish/mapo"]) {
		t.Fatalf("copied: %v", copied.shown)
	}
	fresh := newKit(t)
	fresh.Publish(k.Known("s1"))
	if !fresh.Forget("s1") || len(fresh.Known("s1")) != 0 || len(fresh.Stores()) != 0 {
		t.Fatal("an unwatched store was not forgotten")
	}
}

func TestWatchRefuses(t *testing.T) {
	k := newKit(t)
	no := refusal.New(refusal.Unavailable, "", "no")
	k.config.Watch = func(string) *refusal.Refusal { return no }
	if s := k.open("floor", Client{}); s.err != no {
		t.Fatalf("%+v", s.err)
	}
	k.config.Watch = func(string) *refusal.Refusal { return nil }
	if s := k.open("floor", Client{}); s.err != nil {
		t.Fatalf("%+v", s.err)
	}
}

func TestNodesTopic(t *testing.T) {
	k := newKit(t)
	k.ShowNodes(1, []wire.Node{{ID: "1", Name: "node-1", State: "alive"}})
	s := k.open("nodes", Client{})
	if len(s.shown) != 1 || s.shown["node/1"] == nil {
		t.Fatalf("at first: %v", s.shown)
	}
	k.ShowNodes(2, []wire.Node{{ID: "1", Name: "node-1", State: "suspect"}, {ID: "2", Name: "node-2", State: "alive"}})
	if len(s.shown) != 2 {
		t.Fatalf("one more: %v", s.shown)
	}
	k.ShowNodes(3, []wire.Node{{ID: "2", Name: "node-2", State: "alive"}})
	if len(s.shown) != 1 || s.shown["node/2"] == nil {
		t.Fatalf("one less: %v", s.shown)
	}
}
