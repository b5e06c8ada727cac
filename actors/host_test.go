package actors_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/journal"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/persistence/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// house is a node on a journal in memory, with the demo store.
type house struct {
	t    testing.TB
	node *actors.Node
	db   *memory.Database
	ids  int

	mu    sync.Mutex
	views []actors.View
}

// once takes one answer.
type once chan actors.Answer

func (o once) Reply(_ int64, a actors.Answer) { o <- a }

func open(t testing.TB, db *memory.Database) *house {
	t.Helper()
	h := &house{t: t, db: db}
	var j journal.Journal = db.Open(memory.Options{})
	n, err := actors.NewNode(actors.Config{Journal: j, Publish: func(v []actors.View) {
		h.mu.Lock()
		h.views = append(h.views, v...)
		h.mu.Unlock()
	}})
	if err != nil {
		t.Fatal(err)
	}
	h.node = n
	if err := n.Open(context.Background(), "demo"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.stop)
	return h
}

func (h *house) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := h.node.Stop(ctx); err != nil {
		h.t.Error(err)
	}
}

func newHouse(t testing.TB) *house {
	t.Helper()
	h := open(t, memory.NewDatabase())
	b, err := os.ReadFile("../cmd/brigata/demo/demo.json")
	if err != nil {
		t.Fatal(err)
	}
	c, m, text, err := wire.DecodeStoreFile(b)
	if err != nil {
		t.Fatal(err)
	}
	h.must(h.do(command.Target{Kind: "menu"}, &menu.Load{Menu: m, Text: text}))
	h.must(h.do(command.Target{Kind: "store"}, &store.Configure{Config: c}))
	return h
}

func (h *house) id() command.ID {
	h.ids++
	ms := time.Now().UnixMilli()
	return command.ID(fmt.Sprintf("%08x-%04x-7%03x-8000-%012x", ms>>16, ms&0xffff, h.ids&0xfff, h.ids))
}

func (h *house) must(a actors.Answer) actors.Answer {
	h.t.Helper()
	if a.Refusal != nil {
		h.t.Fatalf("refused: %s %s %+v", a.Refusal.Code, a.Refusal.Message, a.Refusal.Fields)
	}
	return a
}

func (h *house) ask(r *actors.Request) actors.Answer {
	h.t.Helper()
	got := make(once, 1)
	r.Store, r.To, r.Principal = "demo", got, "tester"
	if r.By == (command.Who{}) {
		r.By = command.Who{ID: "lin", Name: "Lin", Role: command.Manager}
	}
	h.node.Do(r)
	select {
	case a := <-got:
		return a
	case <-time.After(5 * time.Second):
		h.t.Fatalf("no answer to %T", r.Command)
		return actors.Answer{}
	}
}

func (h *house) do(t command.Target, c command.Command) actors.Answer {
	h.t.Helper()
	id := h.id()
	if t.ID == "cid" {
		t.ID = string(id)
	}
	return h.ask(&actors.Request{Target: t, Command: c, ID: id})
}

// send does a command as it comes over the wire.
func (h *house) send(id command.ID, name, d string) actors.Answer {
	h.t.Helper()
	t, c, err := wire.DecodeCommand(name, id, []byte(d))
	if err != nil {
		h.t.Fatal(err)
	}
	body, err := wire.BodyHash(name, []byte(d))
	if err != nil {
		h.t.Fatal(err)
	}
	return h.ask(&actors.Request{Target: t, Command: c, ID: id, Body: body, Channel: "pos"})
}

func (h *house) read(kind, id string) actors.Answer {
	h.t.Helper()
	return h.ask(&actors.Request{Target: command.Target{Kind: kind, ID: id}})
}
