package cluster_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/wire/pb"
)

const placed = `{"type":"dine_in","table":"T03","lines":[{"id":"1","dish":"kung-pao-chicken","qty":2},{"id":"2","dish":"mapo-tofu","qty":1}]}`

// A command is done once at the store's node wherever it comes in, and the same id gets
// the first answer, wherever it is repeated.
func TestAnyNodeTakesCommands(t *testing.T) {
	w := newTown(t, "a", "b", "c")
	a, b, c := w.nodes[0], w.nodes[1], w.nodes[2]
	w.open(a)
	id := newID()
	first := b.ask(request(t, id, "order.place", placed))
	if first.Refusal != nil || first.Dup || first.V == 0 {
		t.Fatalf("%+v", first)
	}
	for _, n := range []*node{a, c} {
		again := n.ask(request(t, id, "order.place", placed))
		if !again.Dup || string(again.D) != string(first.D) || again.V != first.V {
			t.Errorf("repeated at %s: %+v", n.name, again)
		}
	}
	other := c.ask(request(t, id, "order.place", strings.Replace(placed, `"qty":2`, `"qty":1`, 1)))
	if other.Refusal == nil || other.Refusal.Fields.Reason != "cid_reused" {
		t.Errorf("the id with another body: %+v", other)
	}
	read := c.ask(&actors.Request{Target: command.Target{Kind: "order", ID: string(id)}})
	if o, ok := read.View.(*order.View); !ok || o.ID != string(id) || !read.Live {
		t.Errorf("read elsewhere: %+v", read)
	}
	soldOut := b.ask(request(t, newID(), "order.place", `{"type":"dine_in","table":"T03","lines":[{"dish":"kung-pao-chicken","qty":999}]}`))
	if soldOut.Refusal == nil || soldOut.Refusal.Code == refusal.Unavailable {
		t.Errorf("a refusal from elsewhere: %+v", soldOut.Refusal)
	}
	none := &actors.Request{Target: command.Target{Kind: "order", ID: string(newID())}, To: nil}
	if x := b.ask(none); x.Refusal == nil || x.Refusal.Code != refusal.NotFound {
		t.Errorf("what does not exist: %+v", x)
	}
	b.routes.Do(&actors.Request{Store: "nowhere", Target: command.Target{Kind: "order", ID: "x"}, To: tellFunc(func(x actors.Answer) {
		if x.Refusal == nil || x.Refusal.Code != refusal.NotFound {
			t.Errorf("a store that is nowhere: %+v", x)
		}
	})})
}

// While nobody has the store, a request waits for whoever comes to have it, within its
// own time; a node without its lease says so at once.
func TestRequestWaitsForAnOwner(t *testing.T) {
	w := newTown(t, "a", "b")
	a, b := w.nodes[0], w.nodes[1]
	w.open(a)
	w.owner.Store(nil)
	r := request(t, newID(), "order.place", placed)
	r.Deadline = time.Now().Add(60 * time.Millisecond)
	if x := b.ask(r); x.Refusal == nil || x.Refusal.Code != refusal.Unavailable || x.Refusal.Fields.What != "node" {
		t.Fatalf("nobody has it: %+v", x)
	}
	back := time.AfterFunc(100*time.Millisecond, func() { w.owner.Store(a) })
	defer back.Stop()
	if x := b.ask(request(t, newID(), "order.place", placed)); x.Refusal != nil {
		t.Fatalf("somebody has it again: %+v", x.Refusal)
	}
	w.owner.Store(nil)
	b.good.Store(false)
	began := time.Now()
	if x := b.ask(request(t, newID(), "order.place", placed)); x.Refusal == nil || x.Refusal.Fields.What != "database" || time.Since(began) > time.Second {
		t.Fatalf("without a lease, after %v: %+v", time.Since(began), x)
	}
}

// An older node does not take a newer one's command for malformed, and nothing that it
// cannot read is taken for something else.
func TestNewerNodesCommand(t *testing.T) {
	w := newTown(t, "a")
	w.open(w.nodes[0])
	for name, q := range map[string]*pb.Request{
		"unknown command": {Store: "demo", Kind: "order", Entity: "x", Cmd: "order.teleport", Cid: string(newID()), D: []byte("{}"), Body: make([]byte, 16), WithinMs: 1000},
		"no hash":         {Store: "demo", Kind: "order", Entity: "x", Cmd: "order.place", Cid: string(newID()), D: []byte(placed), WithinMs: 1000},
		"broken who":      {Store: "demo", Kind: "order", Entity: "x", Cmd: "order.place", Cid: string(newID()), D: []byte(placed), By: []byte{0xff}, Body: make([]byte, 16), WithinMs: 1000},
	} {
		got := make(chan *pb.Parcel, 1)
		w.nodes[0].routes.Serve(q, func(m *pb.Parcel) { got <- m })
		a := (<-got).GetAnswer()
		if a == nil || len(a.Refusal) == 0 {
			t.Errorf("%s: %v", name, a)
		}
	}
}

// The boards of a node show stores that live on another: what was there before, what
// comes, and what goes; and so do those of a node whose bus lost something.
func TestAnyNodeShowsAnyStore(t *testing.T) {
	w := newTown(t, "a", "b")
	a, b := w.nodes[0], w.nodes[1]
	w.open(a)
	before := newID()
	if x := a.ask(request(t, before, "order.place", placed)); x.Refusal != nil {
		t.Fatal(x.Refusal)
	}
	there, here := b.show("kitchen.all"), a.show("kitchen.all")
	if there.all() != here.all() || there.all() == "{}" {
		t.Fatalf("at first\n%s\nat the store's node\n%s", there.all(), here.all())
	}
	floor, stock, menus := b.show("floor"), b.show("stock"), b.show("menu")
	if floor.get("table/T03") == "" || stock.get("dish/kung-pao-chicken") == "" || menus.get("menu/demo") == "" {
		t.Fatalf("%s\n%s\n%s", floor.all(), stock.all(), menus.all())
	}
	for range 20 {
		if x := b.ask(request(t, newID(), "order.place", strings.ReplaceAll(placed, "T03", "T05"))); x.Refusal != nil {
			break // sold out
		}
	}
	waitFor(t, "the boards differ", func() bool { return there.all() == here.all() })
	if x := b.ask(request(t, newID(), "item.bump", fmt.Sprintf(`{"order":%q,"station":"wok"}`, before))); x.Refusal != nil {
		t.Fatal(x.Refusal)
	}
	waitFor(t, "the bump is not shown", func() bool { return there.all() == here.all() })
	if s := b.bus.Stats(); s.Gaps.Load() != 0 || s.Taken.Load() == 0 {
		t.Errorf("%d gaps, %d views came over the bus", s.Gaps.Load(), s.Taken.Load())
	}
	// Without a bus nothing comes, and comparison finds it all.
	if err := b.server.Connect(nil); err != nil {
		t.Fatal(err)
	}
	if err := a.server.Connect(nil); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the route stays", func() bool { return a.server.Routes() == 0 })
	if x := a.ask(request(t, newID(), "order.void", fmt.Sprintf(`{"order":%q,"reason":"mistake"}`, before))); x.Refusal != nil {
		t.Fatal(x.Refusal)
	}
	b.bus.Changed()
	waitFor(t, "what the bus lost is not healed", func() bool { return there.all() == here.all() })
	if b.bus.Stats().Healed.Load() == 0 {
		t.Error("nothing was healed")
	}
}

// The values of a store are those of its node, and follow it.
func TestValuesFollow(t *testing.T) {
	w := newTown(t, "a", "b")
	a, b := w.nodes[0], w.nodes[1]
	w.open(a)
	there := b.routes.Today("demo")
	if there == nil || there.Config.ID != "demo" || there.Menu.Version != a.host.Today("demo").Menu.Version || there == a.host.Today("demo") {
		t.Fatalf("%+v", there)
	}
	if x := b.ask(request(t, newID(), "channel.pause", `{"channel":"web","until":"manual","reason":"other"}`)); x.Refusal != nil {
		t.Fatal(x.Refusal)
	}
	waitFor(t, "the pause did not come", func() bool { return len(b.routes.Today("demo").Paused) == 1 })
	if b.routes.Today("nowhere") != nil {
		t.Error("a store that is nowhere has values")
	}
	views := a.boards.Known("demo")
	if !slices.ContainsFunc(views, func(v actors.View) bool { return v.Target.Kind == "menu" }) {
		t.Error("the menu's view is not known")
	}
}

// Boards that cannot be held to their store's node are right or said to be stale: those
// who watch are told, and nobody new is shown them, until they are right again.
func TestStaleBoards(t *testing.T) {
	w := newTown(t, "a", "b")
	a, b := w.nodes[0], w.nodes[1]
	w.open(a)
	there := b.show("kitchen.all")
	b.lonely.Store(true)
	waitFor(t, "nobody is told", func() bool { b.bus.Changed(); return b.stale.Load() == 1 })
	if no := b.bus.Watch("demo"); no == nil || no.Code != refusal.Unavailable {
		t.Fatalf("stale boards are shown: %+v", no)
	}
	id := newID()
	if x := a.ask(request(t, id, "order.place", placed)); x.Refusal != nil {
		t.Fatal(x.Refusal)
	}
	b.lonely.Store(false)
	if no := b.bus.Watch("demo"); no != nil {
		t.Fatalf("right again: %+v", no)
	}
	waitFor(t, "the boards are not right again", func() bool { return there.all() == a.show("kitchen.all").all() })
	if n := b.stale.Load(); n != 1 {
		t.Errorf("told %d times", n)
	}
}
