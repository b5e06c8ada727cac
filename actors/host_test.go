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
	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/stock"
	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/actors/table"
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

	by             command.Who
	session, guest string
	channel        string
	journal        journal.Journal // in place of db
	quiet          bool            // views are not kept
	hooks          actors.Hooks
	engine         actors.Engine // in place of Proto.Actor
	payLater       bool          // whoever collects an order, too

	mu            sync.Mutex
	views, before []actors.View // published since the start; before the last restart
	said          []string      // what each of views was when it was published
}

// once takes one answer.
type once chan actors.Answer

func (o once) Reply(_ int64, a actors.Answer) { o <- a }

func open(t testing.TB, db *memory.Database) *house {
	t.Helper()
	h := &house{t: t, db: db, channel: "pos"}
	h.as(command.Manager, "lin", "")
	h.start()
	t.Cleanup(h.stop)
	return h
}

func (h *house) start() {
	t := h.t
	t.Helper()
	j := h.journal
	if j == nil {
		j = h.db.Open(memory.Options{})
	}
	n, err := actors.NewNode(actors.Config{Journal: j, Hooks: h.hooks, Engine: h.engine, Publish: func(v []actors.View) {
		if h.quiet {
			return
		}
		h.mu.Lock()
		h.views = append(h.views, v...)
		for i := range v {
			h.said = append(h.said, string(wire.MarshalView(v[i].View)))
		}
		h.mu.Unlock()
	}})
	if err != nil {
		t.Fatal(err)
	}
	h.node = n
	if err := n.Open(context.Background(), "demo"); err != nil {
		t.Fatal(err)
	}
}

func (h *house) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := h.node.Stop(ctx); err != nil {
		h.t.Error(err)
	}
	h.unchanged()
}

// unchanged holds every view that was published to what it was then. On one node Proto.Actor
// passes messages by pointer, and boards keep the views: whoever made one may not change it.
func (h *house) unchanged() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, v := range h.views {
		if is := string(wire.MarshalView(v.View)); is != h.said[i] {
			h.t.Errorf("%s %s at version %d was changed after it was shown: %s, and was %s", v.Target.Kind, v.Target.ID, v.V, is, h.said[i])
		}
	}
}

func newHouse(t testing.TB) *house {
	t.Helper()
	h := open(t, memory.NewDatabase())
	h.load()
	return h
}

// demo is the demo store's document.
func (h *house) demo() (*store.Config, *menu.Menu, string) {
	h.t.Helper()
	b, err := os.ReadFile("../cmd/brigata/demo/demo.json")
	if err != nil {
		h.t.Fatal(err)
	}
	c, m, text, err := wire.DecodeStoreFile(b)
	if err != nil {
		h.t.Fatal(err)
	}
	return c, m, text
}

// load loads the demo store.
func (h *house) load() {
	h.t.Helper()
	c, m, text := h.demo()
	if h.payLater {
		c.Pay["pickup"] = "later"
	}
	h.must(h.do(command.Target{Kind: "menu"}, &menu.Load{Menu: m, Text: text}))
	h.must(h.do(command.Target{Kind: "store"}, &store.Configure{Config: c}))
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
	r.By, r.Session, r.Guest, r.Channel = h.by, h.session, h.guest, h.channel
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
	return h.ask(&actors.Request{Target: t, Command: c, ID: id, Body: body})
}

// ok does a command and fails the test when it is refused.
func (h *house) ok(name, d string, a ...any) string {
	h.t.Helper()
	return string(h.must(h.send(h.id(), name, fmt.Sprintf(d, a...))).D)
}

// no does a command that must be refused with that code and reason.
func (h *house) no(code, reason, name, d string, a ...any) *refusal.Refusal {
	h.t.Helper()
	got := h.send(h.id(), name, fmt.Sprintf(d, a...))
	if got.Refusal == nil || string(got.Refusal.Code) != code || got.Refusal.Fields.Reason != reason {
		h.t.Fatalf("%s %s: want %s %s, got %s %+v", name, fmt.Sprintf(d, a...), code, reason, got.D, got.Refusal)
	}
	return got.Refusal
}

// order places one and returns its id.
func (h *house) order(d string, a ...any) string {
	h.t.Helper()
	id := h.id()
	h.must(h.send(id, "order.place", fmt.Sprintf(d, a...)))
	return string(id)
}

func (h *house) seesOrder(id string) *order.View {
	h.t.Helper()
	return h.must(h.read("order", id)).View.(*order.View)
}

func (h *house) seesTable(id string) *table.View {
	h.t.Helper()
	return h.must(h.read("table", id)).View.(*table.View)
}

func (h *house) seesStock(id string) *stock.View {
	h.t.Helper()
	return h.must(h.read("stock", id)).View.(*stock.View)
}

// as changes who acts from now on.
func (h *house) as(role command.Role, user, session string) {
	h.by = command.Who{ID: user, Name: user, Role: role}
	h.session, h.guest = session, ""
	if role == command.Guest {
		h.guest = user
	}
}

// restarts stops the node, opens another on the same journal, and holds what it shows to
// what was shown before: replay equals live state.
func (h *house) restarts() {
	h.t.Helper()
	if err := h.node.Flush(context.Background()); err != nil { // what follows from the last command
		h.t.Fatal(err)
	}
	before := h.newest()
	h.stop()
	h.before, h.views, h.said = h.views, nil, nil
	h.start()
	for at, was := range before {
		is := h.read(at.Kind, at.ID)
		if is.Refusal != nil {
			h.t.Errorf("%v is gone after a restart: %s", at, is.Refusal.Message)
			continue
		}
		if a, b := string(wire.AppendView(nil, was.View, wire.Staff)), string(wire.AppendView(nil, is.View, wire.Staff)); a != b || is.V < was.V {
			h.t.Errorf("%v was version %d\n%s\nand is version %d\n%s", at, was.V, a, is.V, b)
		}
	}
}

// newest is the last view that was published of each entity.
func (h *house) newest() map[command.Target]actors.View {
	h.mu.Lock()
	defer h.mu.Unlock()
	m := map[command.Target]actors.View{}
	for _, v := range h.views {
		if had, ok := m[v.Target]; ok && had.V > v.V {
			h.t.Errorf("%v: version %d was published after %d", v.Target, v.V, had.V)
		}
		m[v.Target] = v
	}
	return m
}

func (h *house) read(kind, id string) actors.Answer {
	h.t.Helper()
	return h.ask(&actors.Request{Target: command.Target{Kind: kind, ID: id}})
}

// dry tries a command.
func (h *house) dry(name, d string) actors.Answer {
	h.t.Helper()
	t, c, err := wire.DecodeCommand(name, "", []byte(d))
	if err != nil {
		h.t.Fatal(err)
	}
	return h.ask(&actors.Request{Target: t, Command: c, Dry: true})
}
