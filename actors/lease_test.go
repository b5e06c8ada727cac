package actors_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/journal"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/persistence/memory"
)

// lease is a node's right to its cells, as a test wants it.
type lease struct {
	bad      atomic.Bool
	lost     chan error
	outdated chan string
}

func newLease() *lease { return &lease{lost: make(chan error, 64), outdated: make(chan string, 64)} }

func (l *lease) Good() bool                      { return !l.bad.Load() }
func (l *lease) Lost(_ string, _ int64, e error) { l.lost <- e }
func (l *lease) Outdated(store string, _ int64)  { l.outdated <- store }

// second is another process on the house's database.
func (h *house) second(l *lease, o memory.Options, publish func([]actors.View)) (*actors.Node, *memory.Journal) {
	h.t.Helper()
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
	j := h.db.Open(o)
	n, err := actors.NewNode(actors.Config{Journal: j, Lease: l, Publish: publish})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() {
		if err := n.Stop(context.Background()); err != nil {
			h.t.Error(err)
		}
	})
	return n, j
}

func (h *house) activate(n *actors.Node, claim int64) {
	h.t.Helper()
	if err := n.Activate(context.Background(), "demo", claim); err != nil {
		h.t.Fatal(err)
	}
}

var placed atomic.Int64

// asked sends a command to a node and returns where its answer comes.
func asked(n *actors.Node, id command.ID, name, d string) chan actors.Answer {
	t, c, err := wire.DecodeCommand(name, id, []byte(d))
	if err != nil {
		panic(err)
	}
	body, _ := wire.BodyHash(name, []byte(d))
	got := make(once, 1)
	n.Do(&actors.Request{Store: "demo", Target: t, Command: c, ID: id, Body: body, Principal: "tester", Channel: "pos",
		By: command.Who{ID: "lin", Name: "Lin", Role: command.Manager}, To: got})
	return got
}

func newID() command.ID {
	ms, n := time.Now().UnixMilli(), placed.Add(1)
	return command.ID(fmt.Sprintf("%08x-%04x-7%03x-9000-%012x", ms>>16, ms&0xffff, n&0xfff, n))
}

// TestHandOver hands the store to and fro between two nodes while guests order. A guest
// who is told that the store has moved repeats the command where it is. Every order has
// one number, every portion is taken once, and nothing that was answered is missing.
func TestHandOver(t *testing.T) {
	h := newHouse(t)
	h.ok("stock.count", `{"dish":"mapo-tofu","qty":100000}`)
	h.stop()
	a, _ := h.second(newLease(), memory.Options{}, nil)
	b, _ := h.second(newLease(), memory.Options{}, nil)
	h.activate(a, 1)
	var at atomic.Pointer[actors.Node]
	at.Store(a)
	const guests = 8
	var wg sync.WaitGroup
	var stop atomic.Bool
	var orders, moved atomic.Int64
	var numbers sync.Map
	progress := make(chan struct{}, 16)
	for g := range guests {
		wg.Go(func() {
			d := fmt.Sprintf(`{"type":"dine_in","table":"T%02d","lines":[{"dish":"mapo-tofu","qty":1}]}`, g+1)
			for !stop.Load() {
				id := newID()
				for {
					x := <-asked(at.Load(), id, "order.place", d)
					if x.Refusal != nil && x.Refusal.Code == refusal.Moved {
						moved.Add(1)
						runtime.Gosched()
						continue
					}
					if x.Refusal != nil {
						t.Errorf("refused: %+v", x.Refusal)
						return
					}
					no := field[int](t, string(x.D), "no")
					if _, twice := numbers.LoadOrStore(no, id); twice {
						t.Errorf("number %d was given twice", no)
					}
					orders.Add(1)
					select {
					case progress <- struct{}{}:
					default:
					}
					break
				}
			}
		})
	}
	from, to := a, b
	for claim := int64(1); claim <= 25; claim++ {
		for range 20 {
			<-progress
		}
		if err := from.HandOver(context.Background(), "demo", claim); err != nil {
			t.Fatal(err)
		}
		if x := <-asked(from, newID(), "item.bump", `{"order":"`+string(newID())+`","items":["1"]}`); x.Refusal == nil || x.Refusal.Code != refusal.Moved {
			t.Fatalf("the node that gave the store away says %+v", x)
		}
		h.activate(to, claim+1)
		at.Store(to)
		from, to = to, from
	}
	stop.Store(true)
	wg.Wait()
	if moved.Load() == 0 {
		t.Error("nobody met a hand-over")
	}
	h.node = from
	if v := h.seesStock("dish/mapo-tofu"); v.Taken != orders.Load() {
		t.Fatalf("%d portions are taken for %d orders", v.Taken, orders.Load())
	}
	onBills := 0
	for g := range guests {
		onBills += len(h.seesTable(fmt.Sprintf("T%02d", g+1)).Bill.Orders)
	}
	if int64(onBills) != orders.Load() {
		t.Fatalf("%d orders are on the bills of %d", onBills, orders.Load())
	}
	h.start() // for the house's own end
	t.Logf("%d orders, %d times moved", orders.Load(), moved.Load())
}

// TestZombie lets a node go on with its cell after another one has fenced it and opened
// the cell. What it appends is refused, what it was to answer is withheld.
func TestZombie(t *testing.T) {
	h := newHouse(t)
	h.stop()
	old, fresh := newLease(), newLease()
	published := atomic.Int64{}
	a, ja := h.second(old, memory.Options{}, func(v []actors.View) { published.Add(int64(len(v))) })
	b, _ := h.second(fresh, memory.Options{}, nil)
	h.activate(a, 1)
	const d = `{"type":"dine_in","table":"T01","lines":[{"dish":"mapo-tofu","qty":1}]}`
	id := newID()
	if x := <-asked(a, id, "order.place", d); x.Refusal != nil {
		t.Fatalf("%+v", x.Refusal)
	}
	ja.Evict()
	h.activate(b, 2)
	if x := <-asked(b, newID(), "item.bump", `{"order":"`+string(id)+`","items":["1"]}`); x.Refusal != nil {
		t.Fatalf("%+v", x.Refusal)
	}
	if err := a.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := published.Load()
	old.bad.Store(true) // its lease had ended before it was evicted
	var late []chan actors.Answer
	for i := range 20 {
		late = append(late, asked(a, newID(), "order.place", d))
		late = append(late, asked(a, newID(), "item.bump", `{"order":"`+string(id)+`","items":["1"]}`))
		got := make(once, 1)
		a.Do(&actors.Request{Store: "demo", Target: command.Target{Kind: "order", ID: []string{string(id), string(newID())}[i%2]}, To: got})
		late = append(late, got)
	}
	for _, got := range late {
		if x := <-got; x.Refusal == nil || !x.Refusal.Code.Retry() {
			t.Fatalf("the zombie answered %s %+v %+v", x.D, x.View, x.Refusal)
		}
	}
	if err := <-old.lost; !errors.Is(err, journal.ErrFenced) {
		t.Fatalf("lost by %v", err)
	}
	if after := published.Load(); after != before {
		t.Errorf("the zombie showed %d views", after-before)
	}
	h.node = b
	if v := h.seesTable("T01"); len(v.Bill.Orders) != 1 {
		t.Fatalf("%d orders joined the bill", len(v.Bill.Orders))
	}
	h.start()
}

// TestDropAll ends all cells at once: who waits hears that the store is unavailable, and
// what was being loaded does not come to life.
func TestDropAll(t *testing.T) {
	h := newHouse(t)
	h.stop()
	hold, held := make(chan struct{}), make(chan struct{}, 1)
	l := newLease()
	var holding atomic.Bool
	a, _ := h.second(l, memory.Options{Commit: func(*journal.Batch) memory.Fault {
		if holding.Load() {
			held <- struct{}{}
			<-hold
		}
		return memory.None
	}}, nil)
	h.activate(a, 1)
	holding.Store(true)
	waits := asked(a, newID(), "order.place", `{"type":"dine_in","table":"T01","lines":[{"dish":"mapo-tofu","qty":1}]}`)
	<-held
	l.bad.Store(true)
	a.DropAll()
	if x := <-waits; x.Refusal == nil || x.Refusal.Code != refusal.Unavailable {
		t.Fatalf("who waited heard %+v", x)
	}
	if x := <-asked(a, newID(), "order.place", `{"type":"dine_in","table":"T01","lines":[{"dish":"mapo-tofu","qty":1}]}`); x.Refusal == nil || x.Refusal.Code != refusal.Unavailable {
		t.Fatalf("a node without a lease says %+v", x)
	}
	holding.Store(false)
	close(hold)
	l.bad.Store(false)
	if x := <-asked(a, newID(), "stock.count", `{"dish":"mapo-tofu","qty":1}`); x.Refusal == nil || x.Refusal.Code != refusal.Moved {
		t.Fatalf("a node that does not have the store says %+v", x)
	}
	late := a.Activator() // of a claim before the lease ended, whose turn comes after it did
	a.DropAll()
	if err := late(t.Context(), "demo", 2); err == nil || len(a.Stores()) > 0 {
		t.Fatal("opened although everything was dropped")
	}
	h.activate(a, 2)
	if err := a.Activate(t.Context(), "demo", 3); err == nil {
		t.Fatal("opened twice")
	}
	h.start()
}

// TestReadsNeedTheLease withholds everything that does not come with a commit: views,
// absence, previews and what was answered before.
func TestReadsNeedTheLease(t *testing.T) {
	h := newHouse(t)
	h.stop()
	l := newLease()
	a, _ := h.second(l, memory.Options{}, nil)
	h.activate(a, 1)
	h.node = a
	const d = `{"type":"dine_in","table":"T01","lines":[{"dish":"mapo-tofu","qty":1}]}`
	id := h.order(d)
	reads := func() (codes []refusal.Code) {
		for _, x := range []actors.Answer{h.read("order", id), h.read("order", string(newID())), h.read("table", "T01"),
			h.dry("order.place", d), h.send(command.ID(id), "order.place", d)} {
			codes = append(codes, refusal.Code(""))
			if x.Refusal != nil {
				codes[len(codes)-1] = x.Refusal.Code
			}
		}
		return codes
	}
	if got := fmt.Sprint(reads()); got != "[ not_found   ]" {
		t.Fatalf("with a lease: %s", got)
	}
	l.bad.Store(true)
	if got := fmt.Sprint(reads()); got != "[unavailable unavailable unavailable unavailable unavailable]" {
		t.Fatalf("without: %s", got)
	}
	l.bad.Store(false)
	h.start()
}

// TestNewerVersion opens cells and entities in which a newer version has written: an
// event, a field, a kind. None is skipped, for the next snapshot would lose it.
func TestNewerVersion(t *testing.T) {
	event := protowire.AppendBytes(protowire.AppendTag(nil, 9999, protowire.BytesType), []byte("later"))
	turn := func(fields ...byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), fields)
	}
	block := turn(protowire.AppendBytes(protowire.AppendTag(nil, 8, protowire.BytesType), event)...)
	field := turn(protowire.AppendVarint(protowire.AppendTag(nil, 900, protowire.VarintType), 1)...)
	for _, c := range []struct {
		what    string
		kind    uint8
		payload []byte
	}{{"event", 4, block}, {"field", 4, field}, {"kind", 250, turn()}} {
		t.Run(c.what, func(t *testing.T) {
			h := newHouse(t)
			h.stop()
			key := journal.KeyOf("demo", c.kind, "T01", false)
			newer := h.db.Open(memory.Options{})
			if err := newer.Commit(&journal.Batch{Token: 1, Pos: 1, Rows: []journal.Row{{Key: key, Cell: "demo", Kind: c.kind, Seq: 1, N: 1, Payload: c.payload}}}); err != nil {
				t.Fatal(err)
			}
			a, _ := h.second(newLease(), memory.Options{}, nil)
			if err := a.Activate(t.Context(), "demo", 1); !errors.Is(err, journal.ErrNewer) {
				t.Fatalf("opened: %v", err)
			}
			if x := <-asked(a, newID(), "stock.count", `{"dish":"mapo-tofu","qty":1}`); x.Refusal == nil || !x.Refusal.Code.Retry() {
				t.Fatalf("got %+v", x)
			}
			h.db = memory.NewDatabase()
			h.start()
		})
	}
}

// TestNewerOrder finds, when somebody asks for it, that a newer version has written to an
// order that was over. That order is unavailable, the store goes on, and the cluster hears.
func TestNewerOrder(t *testing.T) {
	h := newHouse(t)
	id := h.order(`{"type":"dine_in","table":"T01","lines":[{"dish":"mapo-tofu","qty":1}]}`)
	at := h.read("order", id).V
	h.stop()
	newer := h.db.Open(memory.Options{})
	key := journal.KeyOf("demo", 5, id, true)
	event := protowire.AppendBytes(protowire.AppendTag(nil, 9999, protowire.BytesType), []byte("later"))
	payload := protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType),
		protowire.AppendBytes(protowire.AppendTag(nil, 8, protowire.BytesType), event))
	if err := newer.Commit(&journal.Batch{Token: 1, Pos: 1, Rows: []journal.Row{{Key: key, Cell: "demo", Kind: 5, Seq: at + 1, N: 1, Payload: payload}}}); err != nil {
		t.Fatal(err)
	}
	closed := journal.Head{Key: key, Cell: "demo", Kind: 5, Seq: at + 1}
	closed.State = protowire.AppendBytes(protowire.AppendTag(nil, 99, protowire.BytesType), []byte("later"))
	if err := newer.Commit(&journal.Batch{Token: 2, Pos: 2, Heads: []journal.Head{closed}}); err != nil {
		t.Fatal(err)
	}
	l := newLease()
	a, _ := h.second(l, memory.Options{}, nil)
	h.activate(a, 1)
	h.node = a
	for range 2 {
		if x := h.read("order", id); x.Refusal == nil || x.Refusal.Code != refusal.Unavailable || x.Refusal.Fields.What != "version" {
			t.Fatalf("got %+v", x.Refusal)
		}
		if store := <-l.outdated; store != "demo" {
			t.Fatal(store)
		}
	}
	h.order(`{"type":"dine_in","table":"T02","lines":[{"dish":"mapo-tofu","qty":1}]}`)
	h.start()
}
