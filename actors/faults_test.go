package actors_test

import (
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/journal"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/stock"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/persistence/memory"
)

// TestPanic sends an order what no order knows. Whoever asked is told, and the order is
// as it was.
func TestPanic(t *testing.T) {
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil))) // it is logged, with its stack
	h := newHouse(t)
	id := h.order(`{"type":"dine_in","table":"T01","lines":[{"dish":"mapo-tofu","qty":1}]}`)
	for range 3 {
		a := h.do(command.Target{Kind: "order", ID: id}, &stock.PutIn{})
		if a.Refusal == nil || a.Refusal.Code != refusal.Internal {
			t.Fatalf("%+v", a)
		}
	}
	h.ok("item.bump", `{"order":%q,"items":["1"]}`, id)
	if v := h.seesTable("T01"); v.Items.Ready != 1 {
		t.Fatalf("%+v", v.Items)
	}
	h.restarts()
}

// TestCommitFaults loses the answers of commits, before and after they took effect, and
// takes cells away by conflicts. What was acknowledged stands; what was answered moved
// or not at all is done once by its repeat.
func TestCommitFaults(t *testing.T) {
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
	h := newHouse(t)
	h.stop()
	commits := 0
	h.journal = h.db.Open(memory.Options{Commit: func(*journal.Batch) memory.Fault {
		commits++
		switch commits % 7 {
		case 2:
			return memory.Before
		case 4:
			return memory.After
		case 6:
			return memory.Conflict
		}
		return memory.None
	}})
	h.start()
	const d = `{"type":"dine_in","table":"T02","lines":[{"dish":"mapo-tofu","qty":1}]}`
	h.retry("stock.count", `{"dish":"mapo-tofu","qty":100}`)
	numbers := map[int]bool{}
	for range 20 {
		a := h.retry("order.place", d)
		no := field[int](t, string(a.D), "no")
		if numbers[no] {
			t.Fatalf("number %d was given twice", no)
		}
		numbers[no] = true
	}
	if v := h.seesStock("dish/mapo-tofu"); v.Taken != 20 {
		t.Fatalf("%+v", v)
	}
	if v := h.seesTable("T02"); len(v.Bill.Orders) != 20 {
		t.Fatalf("%d orders are on the bill", len(v.Bill.Orders))
	}
	h.journal = nil
	h.restarts()
	if v := h.seesStock("dish/mapo-tofu"); v.Taken != 20 {
		t.Fatalf("after a restart: %+v", v)
	}
}

// retry repeats a command under one id until it has an outcome, as clients do.
func (h *house) retry(name, d string) actors.Answer {
	h.t.Helper()
	id := h.id()
	for range 1000 {
		a := h.send(id, name, d)
		if a.Refusal == nil {
			return a
		}
		if !a.Refusal.Code.Retry() {
			h.t.Fatalf("%s: %+v", name, a.Refusal)
		}
	}
	h.t.Fatalf("%s is never done", name)
	return actors.Answer{}
}

// TestTrace follows a command's trace to every view that it leads to.
func TestTrace(t *testing.T) {
	h := newHouse(t)
	id := h.id()
	const d = `{"type":"dine_in","table":"T01","lines":[{"dish":"mapo-tofu","qty":1}]}`
	to, c, err := wire.DecodeCommand("order.place", id, []byte(d))
	if err != nil {
		t.Fatal(err)
	}
	trace := wire.ParseTrace("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	h.must(h.ask(&actors.Request{Target: to, Command: c, ID: id, Trace: trace}))
	h.restarts()
	var with []string
	h.mu.Lock()
	for _, v := range h.before {
		if v.Trace == trace {
			with = append(with, v.Target.Kind)
		}
	}
	h.mu.Unlock()
	if got := strings.Join(with, " "); !strings.Contains(got, "order") || !strings.Contains(got, "stock") || !strings.Contains(got, "table") {
		t.Errorf("only %q carry the trace", got)
	}
}
