package boards

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/stock"
	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/actors/table"
	"github.com/brigata/brigata/gateway/feed"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// kit is boards with a clock of its own, and clients that note what they get.
type kit struct {
	*Boards
	t     testing.TB
	now   time.Time
	today *store.Today
	host  map[command.Target]actors.View
	asked []command.Target
	v     int64
}

func newKit(t testing.TB) *kit {
	k := &kit{t: t, now: time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC), host: map[command.Target]actors.View{}}
	k.configure("T03", "T05")
	k.Boards = New(Config{Epoch: "e1", Now: func() time.Time { return k.now }, Today: func(string) *store.Today { return k.today },
		Read: func(_ string, t command.Target, got func(actors.Answer)) {
			k.asked = append(k.asked, t)
			if x, ok := k.host[t]; ok {
				got(actors.Answer{V: x.V, View: x.View})
			} else {
				got(actors.Answer{Refusal: refusal.New(refusal.NotFound, "", "no")})
			}
		}})
	return k
}

func (k *kit) configure(tables ...string) {
	c := &store.Config{ID: "s1", Currency: "CNY", Stations: []store.Station{{ID: "wok"}, {ID: "steam"}}}
	for _, id := range tables {
		c.Tables = append(c.Tables, store.Table{ID: id})
	}
	k.today = store.State{Config: c}.Today(nil, time.UTC, nil)
}

func (k *kit) put(view any) { k.publish(view, true) }

func (k *kit) publish(view any, live bool) {
	k.v++
	x := actors.View{Store: "s1", V: k.v, View: view, Live: live}
	if s, ok := view.(*stock.View); ok {
		x.Target = command.Target{Kind: "stock", ID: s.ID}
	}
	k.Publish([]actors.View{x})
}

// screen is a client that applies what it gets to what it shows.
type screen struct {
	k     *kit
	c     *Client
	sub   *Subscription
	err   *refusal.Refusal
	shown map[string]json.RawMessage
	log   []string // keys in the order of pushes; del: -key
	ended string
}

type element struct {
	K   string
	S   uint64
	D   json.RawMessage
	Del bool
}

func (k *kit) open(topic string, c Client) *screen {
	s := &screen{k: k, c: &c, shown: map[string]json.RawMessage{}}
	c.Push = func(f *feed.Frame) bool {
		var e element
		if err := json.Unmarshal([]byte(f.Head+string(f.Body)), &e); err != nil {
			k.t.Errorf("%v: %s", err, f.Body)
		}
		s.apply(e)
		return false
	}
	c.End = func(_, code, table string) { s.ended = strings.TrimSpace(code + " " + table) }
	kind, id, _ := strings.Cut(topic, ".")
	asks := []Ask{{Store: "s1", Kind: kind, ID: id}}
	k.Subscribe(s.c, asks, func() {
		if s.sub, s.err = asks[0].Got, asks[0].Refusal; s.sub == nil {
			return
		}
		var state struct{ D []element }
		if err := json.Unmarshal(append(s.sub.AppendState([]byte("{"), "", 0), '}'), &state); err != nil {
			k.t.Fatal(err)
		}
		for _, e := range state.D {
			s.apply(e)
		}
	})
	s.log = nil
	return s
}

func (s *screen) apply(e element) {
	if e.Del {
		delete(s.shown, e.K)
		s.log = append(s.log, "-"+e.K)
		return
	}
	s.shown[e.K] = e.D
	s.log = append(s.log, e.K)
}

// keys are what the screen shows; anybody who opens the topic now must see the same.
func (s *screen) keys() string {
	keys := []string{}
	for k := range s.shown {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return strings.Join(keys, " ")
}

func (s *screen) want(what string, keys ...string) {
	s.k.t.Helper()
	slices.Sort(keys)
	if got := s.keys(); got != strings.Join(keys, " ") {
		s.k.t.Fatalf("%s: shown %q, want %q", what, got, keys)
	}
	name := s.sub.Name
	fresh := s.k.open(name, Client{Audience: s.c.Audience, Guest: s.c.Guest, Session: s.c.Session})
	if fresh.keys() != s.keys() {
		s.k.t.Fatalf("%s: a new screen shows %q, an old one %q", what, fresh.keys(), s.keys())
	}
	for key, d := range s.shown {
		if string(fresh.shown[key]) != string(d) {
			s.k.t.Fatalf("%s: %s is %s for a new screen, %s for an old one", what, key, fresh.shown[key], d)
		}
	}
	fresh.sub.Unsubscribe()
}

func uuid(i int) string { return fmt.Sprintf("0192f3a1-7b2c-7d3e-8f40-%012x", i) }

func item(id, station string, course int, state order.ItemState) order.Item {
	i := order.Item{ID: id, Dish: "mapo", Qty: 1, State: state, Stations: []string{station}, Course: course, FireSeq: 1}
	if state == order.Held {
		i.FireSeq = 0
	}
	return i
}

func newOrder(i int, state order.Status, items ...order.Item) *order.View {
	return &order.View{ID: uuid(i), No: i, Type: "dine_in", State: state, Currency: "CNY", Lines: []order.Line{{ID: "1", Dish: "mapo", Items: items}}}
}

func ticketKey(i int, rest string) string { return "ticket/" + uuid(i) + "." + rest }

func TestKitchen(t *testing.T) {
	k := newKit(t)
	k.put(newOrder(1, order.Accepted, item("1", "wok", 0, order.Queued), item("2", "steam", 0, order.Queued), item("3", "wok", 2, order.Held)))
	wok, all := k.open("kitchen.wok", Client{}), k.open("kitchen.all", Client{})
	wok.want("fired", ticketKey(1, "wok.0"))
	all.want("fired", ticketKey(1, "wok.0"), ticketKey(1, "steam.0"))

	// What changes only for another station is not pushed.
	k.put(newOrder(1, order.Accepted, item("1", "wok", 0, order.Queued), item("2", "steam", 0, order.Cooking), item("3", "wok", 2, order.Held)))
	if len(wok.log) != 0 || len(all.log) != 1 {
		t.Fatalf("%v %v", wok.log, all.log)
	}
	k.put(newOrder(1, order.Accepted, item("1", "wok", 0, order.Held), item("2", "steam", 0, order.Cooking), item("3", "wok", 2, order.Queued)))
	wok.want("course 2 fired, course 0 held back", ticketKey(1, "wok.2"))

	ready := item("3", "wok", 2, order.Ready)
	ready.ReadyAt = command.At(k.now)
	done := newOrder(1, order.Accepted, item("2", "steam", 0, order.Cooking), ready)
	k.put(done)
	wok.want("done, for recall", ticketKey(1, "wok.2"))
	if !strings.Contains(string(wok.shown[ticketKey(1, "wok.2")]), `"state":"done"`) {
		t.Fatalf("%s", wok.shown[ticketKey(1, "wok.2")])
	}
	k.now = k.now.Add(recallFor - time.Second)
	k.Sweep(k.now)
	wok.want("before ten minutes", ticketKey(1, "wok.2"))
	k.now = k.now.Add(2 * time.Second)
	k.Sweep(k.now)
	wok.want("after ten minutes")
	all.want("the other station goes on", ticketKey(1, "steam.0"))
	k.put(newOrder(1, order.Accepted, item("2", "steam", 0, order.Cooking), item("3", "wok", 2, order.Cooking)))
	wok.want("recalled", ticketKey(1, "wok.2"))
	k.publish(newOrder(1, order.Closed, item("3", "wok", 2, order.Served)), false)
	wok.want("closed")
	all.want("closed")
	if n := len(k.board("s1").orders); n != 0 {
		t.Errorf("%d orders are kept", n)
	}
}

func TestVoidedTicketsStayUntilSeen(t *testing.T) {
	k := newKit(t)
	wok := k.open("kitchen.wok", Client{})
	void := item("1", "wok", 0, order.Void)
	void.VoidAt = command.At(k.now)
	k.put(newOrder(1, order.Voided, void))
	wok.want("not seen", ticketKey(1, "wok.0"))
	k.now = k.now.Add(time.Hour)
	k.Sweep(k.now)
	wok.want("still not seen", ticketKey(1, "wok.0"))
	void.Bumped = true
	k.publish(newOrder(1, order.Voided, void), false)
	wok.want("seen")
}

func TestDispatch(t *testing.T) {
	k := newKit(t)
	d := k.open("dispatch", Client{})
	k.put(newOrder(1, order.Placed, item("1", "wok", 0, order.Held)))
	d.want("not accepted")
	k.put(newOrder(1, order.Accepted, item("1", "wok", 0, order.Queued)))
	d.want("accepted", "dispatch/"+uuid(1))
	served := newOrder(1, order.Accepted, item("1", "wok", 0, order.Served))
	served.Progress = "served"
	k.put(served)
	d.want("served")
	k.put(newOrder(2, order.Accepted, item("1", "wok", 0, order.Queued)))
	k.publish(newOrder(2, order.Voided), false)
	d.want("voided")
}

func TestFloor(t *testing.T) {
	k := newKit(t)
	f := k.open("floor", Client{})
	f.want("all tables", "table/T03", "table/T05")
	if !strings.Contains(string(f.shown["table/T05"]), `"state":"free"`) {
		t.Fatalf("%s", f.shown["table/T05"])
	}
	k.put(&table.View{ID: "T03", State: table.Seated, Session: "S", LateAt: k.now.Add(time.Minute)})
	if s := string(f.shown["table/T03"]); !strings.Contains(s, `"state":"seated"`) || !strings.Contains(s, `"late":false`) {
		t.Fatal(s)
	}
	k.Sweep(k.now)
	k.now = k.now.Add(61 * time.Second)
	k.Sweep(k.now)
	if s := string(f.shown["table/T03"]); !strings.Contains(s, `"late":true`) {
		t.Fatal(s)
	}
	k.Sweep(k.now.Add(time.Second))
	if n := len(f.log); n != 2 {
		t.Errorf("%d pushes: %v", n, f.log)
	}
	k.configure("T03", "T09")
	k.Sweep(k.now)
	f.want("another document", "table/T03", "table/T09")
}

func TestMenuAndStock(t *testing.T) {
	k := newKit(t)
	guest := k.open("menu", Client{Audience: feed.Guest, Guest: "g"})
	staff := k.open("stock", Client{})
	status := k.open("store", Client{})
	k.put(&menu.View{Version: 3, ETag: `"3"`})
	k.put(&store.View{ID: "s1", Open: true})
	k.put(&stock.View{ID: "dish/mapo", Mode: stock.Counted, Counted: 30, Left: 18, LowAt: 5, Reason: "secret"})
	guest.want("counted", "menu/s1", "dish/mapo")
	if s := string(guest.shown["dish/mapo"]); s != `{"available":true}` {
		t.Fatal(s)
	}
	k.put(&stock.View{ID: "dish/mapo", Mode: stock.Counted, Counted: 30, Left: 17, LowAt: 5})
	if n := len(guest.log); n != 2 {
		t.Errorf("guests were told what they cannot see: %v", guest.log)
	}
	k.put(&stock.View{ID: "dish/mapo", Mode: stock.Counted, Counted: 30, Left: 3, LowAt: 5})
	if s := string(guest.shown["dish/mapo"]); s != `{"available":true,"left":3}` {
		t.Fatal(s)
	}
	k.put(&stock.View{ID: "dish/mapo", Mode: stock.Unlimited})
	guest.want("unlimited", "menu/s1")
	staff.want("staff see all", "dish/mapo")
	status.want("store", "store/s1")
}

func TestTable(t *testing.T) {
	k := newKit(t)
	seat := func(session string, orders ...string) *table.View {
		return &table.View{ID: "T03", State: table.Seated, Session: session, Orders: orders}
	}
	at := func(i int, session string, state order.Status) *order.View {
		o := newOrder(i, state)
		o.Table, o.Session = "T03", session
		return o
	}
	k.host[command.Target{Kind: "table", ID: "T03"}] = actors.View{View: &table.View{ID: "T03", State: table.Free}}
	x := k.open("table.T03", Client{})
	x.want("free, asked of the host", "table/T03")
	k.put(at(1, "S1", order.Accepted))
	k.put(seat("S1", uuid(1)))
	x.want("the order came first", "table/T03", "order/"+uuid(1))
	k.put(seat("S1", uuid(1), uuid(2)))
	k.put(at(2, "S1", order.Placed))
	x.want("the table came first", "table/T03", "order/"+uuid(1), "order/"+uuid(2))
	k.publish(at(1, "S1", order.Closed), false)
	x.want("a closed order stays with its session", "table/T03", "order/"+uuid(1), "order/"+uuid(2))
	if !strings.Contains(string(x.shown["order/"+uuid(1)]), `"closed"`) {
		t.Fatalf("%s", x.shown["order/"+uuid(1)])
	}

	// An order that was over before this node knew it is asked for.
	k.host[command.Target{Kind: "order", ID: uuid(3)}] = actors.View{V: 9, View: at(3, "S1", order.Closed)}
	k.put(seat("S1", uuid(1), uuid(2), uuid(3)))
	k.Sweep(k.now)
	x.want("asked for", "table/T03", "order/"+uuid(1), "order/"+uuid(2), "order/"+uuid(3))
	n := len(k.asked)
	k.Sweep(k.now)
	if len(k.asked) != n {
		t.Error("it was asked for again")
	}
	k.put(seat("S2"))
	x.want("a new party", "table/T03")
	k.publish(at(2, "S1", order.Closed), false)
	x.want("late news of the old one", "table/T03")
	if b := k.board("s1"); len(b.orders) != 0 {
		t.Errorf("%d orders are kept", len(b.orders))
	}
}

func TestOrderThatIsOver(t *testing.T) {
	k := newKit(t)
	k.host[command.Target{Kind: "order", ID: uuid(1)}] = actors.View{V: 5, View: newOrder(1, order.Closed)}
	o := k.open("order."+uuid(1), Client{})
	o.want("loaded", "order/"+uuid(1))
	if k.open("order."+uuid(2), Client{}).err == nil || k.open("order.x", Client{}).err == nil {
		t.Error("an order that is none")
	}
	if b := k.board("s1"); len(b.topics) != 1 {
		t.Errorf("%d topics", len(b.topics))
	}
	k.put(newOrder(3, order.Accepted))
	live := k.open("order."+uuid(3), Client{})
	k.publish(newOrder(3, order.Closed), false)
	if !strings.Contains(string(live.shown["order/"+uuid(3)]), `"closed"`) {
		t.Error("its end was not shown")
	}
}

func TestOlderVersionsAreIgnored(t *testing.T) {
	k := newKit(t)
	f := k.open("floor", Client{})
	k.put(&table.View{ID: "T03", State: table.Seated, Session: "S"})
	k.Publish([]actors.View{{Store: "s1", V: k.v, View: &table.View{ID: "T03", State: table.Seated, Session: "S"}, Live: true},
		{Store: "s1", V: k.v - 1, View: &table.View{ID: "T03", State: table.Free}, Live: true}})
	if len(f.log) != 1 || !strings.Contains(string(f.shown["table/T03"]), "seated") {
		t.Fatalf("%v", f.log)
	}
}

// Topics that nobody holds stay for a while, but not many of them.
func TestTopicsAreBounded(t *testing.T) {
	k := newKit(t)
	b := k.board("s1")
	for i := range 2 * idleMax {
		k.put(newOrder(i, order.Accepted))
		k.open("order."+uuid(i), Client{}).sub.Unsubscribe()
	}
	if len(b.topics) != idleMax || len(b.ofOrder) != idleMax {
		t.Fatalf("%d topics", len(b.topics))
	}
	held := k.open("order."+uuid(1), Client{})
	k.now = k.now.Add(linger)
	k.Sweep(k.now)
	if len(b.topics) != 1 || len(b.ofOrder) != 1 || b.idle.Len() != 0 {
		t.Fatalf("%d topics", len(b.topics))
	}
	k.put(newOrder(1, order.Closed))
	if len(held.log) != 1 {
		t.Error("the held one is gone")
	}
}

func BenchmarkPublish(b *testing.B) {
	for _, boards := range []int{0, 4} {
		b.Run(fmt.Sprintf("kitchens=%d", boards), func(b *testing.B) {
			k := newKit(b)
			frames := 0
			c := &Client{Push: func(*feed.Frame) bool { frames++; return false }}
			for i := range boards {
				k.Subscribe(c, []Ask{{Store: "s1", Kind: "kitchen", ID: []string{"wok", "steam", "all", "wok"}[i]}}, func() {})
			}
			views := make([][]actors.View, 0, 1024)
			for i := range cap(views) {
				one := func(v int64, state order.Status, s order.ItemState, live bool) actors.View {
					return actors.View{Store: "s1", V: v, Live: live, View: newOrder(i, state, item("1", "wok", 0, s), item("2", "steam", 0, s), item("3", "wok", 0, s))}
				}
				views = append(views, []actors.View{one(1, order.Accepted, order.Queued, true)},
					[]actors.View{one(2, order.Closed, order.Served, false)})
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				k.Publish(views[2*i%len(views)])
				k.Publish(views[(2*i+1)%len(views)])
			}
			b.ReportMetric(float64(frames)/float64(b.N), "frames/op")
		})
	}
}
