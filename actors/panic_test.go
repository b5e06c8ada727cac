package actors_test

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/persistence/memory"
)

// TestPanicInAnyTurn lets each turn of an evening's first order panic once, after it has
// been folded and before it is written. Whoever asked repeats; nothing is forgotten, and
// nothing is done twice.
func TestPanicInAnyTurn(t *testing.T) {
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
	for at := 1; at <= 14; at++ {
		h := &house{t: t, db: memory.NewDatabase(), channel: "pos"}
		h.as("manager", "lin", "")
		var turn int
		armed := make(chan struct{})
		h.hooks.Turn = func(string, int) {
			select {
			case <-armed:
			default:
				return
			}
			h.mu.Lock()
			turn++
			now := turn == at
			h.mu.Unlock()
			if now {
				panic("injected")
			}
		}
		h.start()
		h.load()
		h.ok("stock.count", `{"dish":"mapo-tofu","qty":10}`)
		if err := h.node.Flush(context.Background()); err != nil {
			t.Fatal(err)
		}
		close(armed)
		id := h.id()
		var a actors.Answer
		for range 3 {
			a = h.send(id, "order.place", `{"type":"dine_in","table":"T01","lines":[{"dish":"mapo-tofu","qty":2}]}`)
			if a.Refusal == nil || a.Refusal.Code != refusal.Internal {
				break
			}
		}
		h.must(a)
		h.until(func() bool {
			o, b := h.seesOrder(string(id)), h.seesTable("T01").Bill
			return o.Total > 0 && b.Total == o.Total && len(b.Orders) == 1 && h.seesStock("dish/mapo-tofu").Taken == 2
		})
		h.restarts()
		h.stop()
	}
}

// until asks again and again, for what follows from a command by itself.
func (h *house) until(is func() bool) {
	h.t.Helper()
	for end := time.Now().Add(5 * time.Second); !is(); {
		if time.Now().After(end) {
			h.t.Fatal("it does not come to that")
		}
	}
}
