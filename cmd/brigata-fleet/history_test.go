package main

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/bill"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/stock"
	"github.com/brigata/brigata/actors/table"
	"github.com/brigata/brigata/cmd/brigata/client"
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
		if dishes, orders, unknown := h.linearizable(); len(dishes)+len(orders) > 0 != c.bad || unknown > 0 {
			t.Errorf("%s: bad %v %v, undecided %d", name, dishes, orders, unknown)
		}
	}
}

func TestLedger(t *testing.T) {
	l := newLedger()
	put := func(id string, no int) {
		l.take([]actors.View{{Store: "s", Target: command.Target{Kind: "order", ID: id}, V: 1, View: &order.View{ID: id, No: no, Date: "d", State: order.Accepted}}})
	}
	owes := func(id string, paid int64, payments ...bill.Payment) {
		l.take([]actors.View{{Store: "s", Target: command.Target{Kind: "table", ID: id}, View: &table.View{ID: id, Bill: &bill.View{Total: 500, Paid: paid, Due: 500 - paid, Payments: payments}}}})
	}
	put("a", 1)
	put("b", 2)
	owes("T1", 100, bill.Payment{ID: "p", State: "succeeded", Amount: 100}, bill.Payment{ID: "q", State: "pending", Amount: 100})
	h := &history{orders: map[string]int{"s/a": 1, "s/b": 2}, payments: map[string]bool{"s/p": true}}
	r := &result{Found: map[string]int{}}
	if l.check(h, r); len(r.Faults) != 0 {
		t.Fatalf("a good log: %v", r.Faults)
	}
	h.orders["s/c"] = 3
	h.payments["s/none"] = true
	h.repeated("s", called(1, 2, true), called(3, 4, false))
	put("d", 2)
	owes("T2", 300, bill.Payment{ID: "p", State: "succeeded", Amount: 100})
	l.owed = []string{"s/order/d"}
	l.orders["s/a"].Lines = []order.Line{{Items: []order.Item{{ID: "1", FireSeq: 1, State: order.Queued}}}}
	l.values["s"] = nil
	l.shows[[2]string{"s", "kitchen.all"}] = `{"ticket/d":{"order":"d","items":[{"id":"1","fire_seq":1}]}}`
	l.take([]actors.View{{Store: "s", Target: command.Target{Kind: "stock", ID: "dish/x"}, View: &stock.View{ID: "dish/x", Mode: stock.Counted, Counted: 1, Taken: 2, Left: -1}}})
	l.check(h, r)
	for name, n := range map[string]int{"I1": 1, "I2": 2, "I3": 1, "I4": 1, "I5": 2, "I7": 2, "I8": 1, "I11": 1} {
		if r.Found[name] != n {
			t.Errorf("%s: found %d, want %d: %v", name, r.Found[name], n, r.Faults)
		}
	}
}

// A screen's pushes make what it shows; a sequence that goes back is seen.
func TestScreen(t *testing.T) {
	l := newLedger()
	l.shows[[2]string{"s", "stock"}] = `{"a":{"v":2},"c":1}`
	s := &screen{store: "s", topic: "stock", holds: map[string]any{}}
	s.subscribed(&client.SubReply{E: "e", S: 3, Mode: "snap", D: []json.RawMessage{[]byte(`{"k":"a","d":{"v":1}}`), []byte(`{"k":"b","d":1}`)}})
	push := func(seq int64, raw string) {
		s.take(&client.Message{T: "stock", S: seq, Raw: []byte(raw)})
	}
	push(4, `{"k":"a","d":{"v":2}}`)
	push(6, `{"k":"b","del":true}`)
	if s.differs(l) == "" {
		t.Error("what is missing is not seen")
	}
	push(7, `{"k":"c","d":1}`)
	if d := s.differs(l); d != "" {
		t.Error(d)
	}
	if push(7, `{"k":"c","d":1}`); s.differs(l) == "" {
		t.Error("a sequence that does not ascend is not seen")
	}
}

func TestWaits(t *testing.T) {
	h := &history{calls: []took{
		{"a", 1 * time.Second, 2 * time.Second, 0, true},                        // before
		{"a", 9 * time.Second, 12 * time.Second, 1, true},                       // 2 s of it after
		{"a", 13 * time.Second, 13*time.Second + 10*time.Millisecond, 0, true},  // not felt
		{"b", 14 * time.Second, 15 * time.Second, 0, true},                      // felt
		{"c", 21 * time.Second, 21*time.Second + 200*time.Millisecond, 1, true}, // of the next one
	}}
	got := h.waits([]fault{{"kill", 10 * time.Second}, {"pause", 20 * time.Second}}, 30*time.Second)
	slices.Sort(got["kill"])
	if want := map[string][]int64{"kill": {1000, 2000}, "pause": {200}}; !maps.EqualFunc(got, want, slices.Equal) {
		t.Errorf("waited %v", got)
	}
}

func TestReport(t *testing.T) {
	file := filepath.Join(t.TempDir(), "results")
	for i, x := range []result{
		{Scenario: "kill", Round: 1, Load: "9.5", Command: "brigata-fleet faults --results /x/y --logs /l --rounds 2 --brigata /z", Orders: 10, Happened: map[string]int{"kill": 1}, Waits: map[string][]int64{"kill": {600, 4000}}, LongestMS: 4000},
		{Scenario: "kill", Round: 2, Load: "10.1", Orders: 20, Happened: map[string]int{"kill": 1}, Found: map[string]int{}},
		{Scenario: "long", Round: 1, Load: "9.9", Orders: 70, Happened: map[string]int{"kill": 3, "database": 2}, Waits: map[string][]int64{"database": {700, 5000}}, Found: map[string]int{}},
		{Scenario: "long", Round: 2, Load: "9.9", Orders: 7, Happened: map[string]int{"kill": 2}, Found: map[string]int{}},
	} {
		if i == 1 || i == 3 {
			x.found("I2", []string{"s/o"})
		}
		if err := x.keep(file); err != nil {
			t.Fatal(err)
		}
	}
	all, err := readResults(file)
	if err != nil {
		t.Fatal(err)
	}
	text := markdown(all)
	for _, line := range []string{"| kill | 2 | 1 | 2 |", "| kill | 2 | 4000 | 4000 | 4000 |", "| database | 2 | 5000 | 5000 | 5000 |\n\n## What was checked", "| I2 | 2 |",
		"2 rounds, counted together", "| ≥ 100000 | 77 |", "| kill -9 of a node | ≥ 200 | 5 |", "| kill -9 of Postgres | ≥ 50 | 2 |", "| violations of what is checked below | 0 | 1 |", "ms | ≤ 10000 | 5000 |", "1 I2, lost (s/o)", "9.5 to 10.1", "`brigata-fleet faults --rounds 2`"} {
		if !strings.Contains(text, line) {
			t.Errorf("no %q in\n%s", line, text)
		}
	}
}

// What nobody could repeat is in no report.
func TestReportOfCommitsOnly(t *testing.T) {
	x := Report{Results: filepath.Join(t.TempDir(), "results"), Out: filepath.Join(t.TempDir(), "report.md")}
	keep := func(commit string) {
		r := result{Scenario: "kill", Commit: commit, Load: "1"}
		if err := r.keep(x.Results); err != nil {
			t.Fatal(err)
		}
	}
	if keep("0123456789" + dirty); x.Run() == nil {
		t.Error("a report of no commit")
	}
	keep("0123456789")
	if err := x.Run(); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(x.Out)
	if err != nil {
		t.Fatal(err)
	}
	if text := string(b); !strings.Contains(text, "- commits: 0123456789\n") || !strings.Contains(text, "| kill | 1 |") {
		t.Errorf("it says\n%s", text)
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

// A table that became late while it was looked at is no difference; one that is elsewhere is.
func TestShown(t *testing.T) {
	row := func(is string) string {
		return shown([]json.RawMessage{[]byte(`{"k":"table/T03","s":7,"d":` + is + `}`)})
	}
	if row(`{"state":"seated","late":false}`) != row(`{"state":"seated","late":true}`) {
		t.Error("the time of looking is compared")
	}
	if row(`{"state":"seated","late":true}`) == row(`{"state":"billing","late":true}`) {
		t.Error("what a table is in is not compared")
	}
}
