package actors_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/brigata/brigata/actors/order"
)

// TestPassivation lets orders leave memory and asks for them again: nobody sees a
// difference, and repeats get their first answers.
func TestPassivation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		const d = `{"type":"dine_in","table":"T01","lines":[{"dish":"mapo-tofu","qty":1}]}`
		live, over := h.id(), h.id()
		a := h.must(h.send(live, "order.place", d))
		h.must(h.send(over, "order.place", d))
		h.ok("order.void", `{"order":%q,"reason":"mistake"}`, over)
		h.ok("item.bump", `{"order":%q,"items":["1"]}`, over) // the kitchen has seen it
		if n := h.node.Resident(); n != 2 {
			t.Fatalf("%d orders are in memory", n)
		}
		time.Sleep(time.Minute)
		if n := h.node.Resident(); n != 1 {
			t.Fatalf("%d orders are in memory: what is over leaves soon", n)
		}
		time.Sleep(20 * time.Minute)
		if n := h.node.Resident(); n != 0 {
			t.Fatalf("%d orders are in memory: nobody asked for them", n)
		}
		if o := h.seesOrder(string(live)); o.State != order.Accepted || o.No != 1 {
			t.Fatalf("%+v", o)
		}
		if o := h.seesOrder(string(over)); o.State != order.Voided {
			t.Fatalf("%+v", o)
		}
		if again := h.must(h.send(live, "order.place", d)); !again.Dup || string(again.D) != string(a.D) {
			t.Fatalf("%+v", again)
		}
		h.ok("item.bump", `{"order":%q,"items":["1"]}`, live)
		h.restarts()
	})
}
