package main

import (
	"slices"
	"testing"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/stock"
	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/gateway/boards"
)

func called(call, back int, ok bool) answer {
	return answer{cid: "x", known: true, ok: ok, call: time.Duration(call), back: time.Duration(back)}
}

// The checkers must find what they are there for.
func TestHistories(t *testing.T) {
	for name, c := range map[string]struct {
		fill func(*history)
		bad  bool
	}{
		"the last portion once": {func(h *history) {
			h.add(1, "s/d", stockOp{"count", 1}, called(1, 2, true))
			h.add(1, "s/d", stockOp{"take", 1}, called(3, 9, true))
			h.add(2, "s/d", stockOp{"take", 1}, called(4, 8, false))
		}, false},
		"the last portion twice": {func(h *history) {
			h.add(1, "s/d", stockOp{"count", 1}, called(1, 2, true))
			h.add(1, "s/d", stockOp{"take", 1}, called(3, 9, true))
			h.add(2, "s/d", stockOp{"take", 1}, called(4, 8, true))
		}, true},
		"sold out though there was one": {func(h *history) {
			h.add(1, "s/d", stockOp{"count", 1}, called(1, 2, true))
			h.add(2, "s/d", stockOp{"take", 1}, called(4, 8, false))
		}, true},
		"an unanswered one may have taken it": {func(h *history) {
			h.add(1, "s/d", stockOp{"count", 1}, called(1, 2, true))
			h.add(2, "s/d", stockOp{"take", 1}, answer{cid: "x", call: 3, back: 4})
			h.add(3, "s/d", stockOp{"take", 1}, called(5, 6, false))
		}, false},
		"a stale read": {func(h *history) {
			h.add(1, "s/o", orderOp{kind: "place"}, called(1, 2, true))
			h.add(1, "s/o", orderOp{kind: "rush", on: true}, called(3, 4, true))
			h.add(2, "s/o", orderOp{kind: "read", on: false}, called(5, 6, true))
		}, true},
		"a read at the same time": {func(h *history) {
			h.add(1, "s/o", orderOp{kind: "place"}, called(1, 2, true))
			h.add(1, "s/o", orderOp{kind: "rush", on: true}, called(3, 7, true))
			h.add(2, "s/o", orderOp{kind: "read", on: false}, called(5, 6, true))
		}, false},
		"an acknowledged order that is gone": {func(h *history) {
			h.add(1, "s/o", orderOp{kind: "place"}, called(1, 2, true))
			h.add(2, "s/o", orderOp{kind: "read"}, called(5, 6, false))
		}, true},
	} {
		var h history
		c.fill(&h)
		if bad, unknown := h.linearizable(); len(bad) > 0 != c.bad || len(unknown) > 0 {
			t.Errorf("%s: bad %v, undecided %v", name, bad, unknown)
		}
	}
}

func TestLedger(t *testing.T) {
	l := &ledger{values: map[string]*store.Today{}, orders: map[string]*order.View{}, stocks: map[string]*stock.View{}}
	l.boards = boards.New(boards.Config{Epoch: "x", Now: time.Now, Today: func(string) *store.Today { return nil }})
	put := func(id string, no int) {
		l.take([]actors.View{{Store: "s", Target: command.Target{Kind: "order", ID: id}, V: 1, View: &order.View{ID: id, No: no, Date: "d", State: order.Accepted}}})
	}
	put("a", 1)
	put("b", 2)
	h := &history{orders: map[string]int{"s/a": 1, "s/b": 2}}
	if lost, twice, oversold := l.check(h); len(lost)+len(twice)+len(oversold) != 0 {
		t.Fatalf("a good log: %v %v %v", lost, twice, oversold)
	}
	h.orders["s/c"] = 3
	put("d", 2)
	l.take([]actors.View{{Store: "s", Target: command.Target{Kind: "stock", ID: "dish/x"}, View: &stock.View{ID: "dish/x", Mode: stock.Counted, Counted: 1, Taken: 2, Left: -1}}})
	lost, twice, oversold := l.check(h)
	if !slices.Equal(lost, []string{"s/c"}) || len(twice) != 1 || len(oversold) != 1 {
		t.Fatalf("a bad log: %v %v %v", lost, twice, oversold)
	}
}

func TestWindow(t *testing.T) {
	h := &history{calls: []took{
		{"a", 1 * time.Second, 2 * time.Second, 0, true},
		{"a", 11 * time.Second, 12 * time.Second, 0, true},
		{"b", 9 * time.Second, 14 * time.Second, 2, true},
	}}
	w := h.between(10*time.Second, 20*time.Second, []string{"a", "b", "c"})
	if w.failed != 1 || w.longest != 5*time.Second || w.again != 4*time.Second || w.silent != 1 {
		t.Fatalf("%+v", w)
	}
}
