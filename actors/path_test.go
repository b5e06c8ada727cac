package actors_test

import (
	"context"
	"strings"
	"testing"

	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/stock"
	"github.com/brigata/brigata/actors/table"
)

const threeLines = `{"type":"dine_in","table":"T03","guests":3,"lines":[{"dish":"kung-pao-chicken","qty":2},{"dish":"mapo-tofu","qty":1}]}`

func TestOrderPath(t *testing.T) {
	h := newHouse(t)
	id := h.id()
	a := h.must(h.send(id, "order.place", threeLines))
	if !strings.Contains(string(a.D), `"state":"accepted"`) || a.Dup {
		t.Fatalf("%s", a.D)
	}
	again := h.must(h.send(id, "order.place", threeLines))
	if !again.Dup || string(again.D) != string(a.D) || again.V != a.V {
		t.Fatalf("a repeat got %+v, first was %+v", again, a)
	}
	other := h.send(id, "order.place", strings.Replace(threeLines, `"qty":2`, `"qty":3`, 1))
	if other.Refusal == nil || other.Refusal.Fields.Reason != "cid_reused" {
		t.Fatalf("another body under the same id: %+v", other)
	}
	h.must(h.send(h.id(), "item.bump", `{"order":"`+string(id)+`","items":["1"]}`))
	o := h.must(h.read("order", string(id))).View.(*order.View)
	if o.No != 1 || o.Progress != "cooking" || o.Lines[0].Items[0].State != order.Ready {
		t.Fatalf("%+v", o)
	}
	tb := h.must(h.read("table", "T03")).View.(*table.View)
	if tb.State != table.Seated || tb.Bill.Total != o.Total || len(tb.Orders) != 1 {
		t.Fatalf("%+v %+v", tb, tb.Bill)
	}
	s := h.must(h.read("stock", "dish/kung-pao-chicken")).View.(*stock.View)
	if s.Taken != 2 {
		t.Fatalf("%+v", s)
	}
	h.stop()

	h2 := open(t, h.db)
	o2 := h2.must(h2.read("order", string(id))).View.(*order.View)
	if o2.No != o.No || o2.Total != o.Total || o2.Progress != o.Progress {
		t.Fatalf("after a restart: %+v", o2)
	}
	if again := h2.must(h2.send(id, "order.place", threeLines)); !again.Dup || string(again.D) != string(a.D) {
		t.Fatalf("a repeat after a restart got %+v", again)
	}
	s2 := h2.must(h2.read("stock", "dish/kung-pao-chicken")).View.(*stock.View)
	if *s2 != *s {
		t.Fatalf("stock was %+v, is %+v", s, s2)
	}
	t2 := h2.must(h2.read("table", "T03")).View.(*table.View)
	if t2.State != tb.State || t2.Bill.Total != tb.Bill.Total {
		t.Fatalf("table was %+v, is %+v", tb, t2)
	}
}

func TestSoldOut(t *testing.T) {
	h := newHouse(t)
	h.must(h.send(h.id(), "stock.count", `{"dish":"kung-pao-chicken","qty":1}`))
	id := h.id()
	a := h.send(id, "order.place", threeLines)
	if a.Refusal == nil || a.Refusal.Code != refusal.SoldOut || *a.Refusal.Fields.Left != 1 {
		t.Fatalf("%+v", a.Refusal)
	}
	h.must(h.send(h.id(), "stock.count", `{"dish":"kung-pao-chicken","qty":10}`))
	if b := h.send(id, "order.place", threeLines); b.Refusal == nil || b.Refusal.Code != refusal.SoldOut {
		t.Fatalf("the same id got another outcome: %+v", b)
	}
	h.must(h.send(h.id(), "order.place", threeLines))
	s := h.must(h.read("stock", "dish/kung-pao-chicken")).View.(*stock.View)
	if s.Left != 8 || s.Taken != 2 {
		t.Fatalf("%+v", s)
	}
}

func TestStopIsIdempotent(t *testing.T) {
	h := newHouse(t)
	h.stop()
	if err := h.node.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
}
