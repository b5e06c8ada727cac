package gateway

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/golang-jwt/jwt/v5"
	"go.uber.org/goleak"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/actors/table"
	"github.com/brigata/brigata/gateway/auth"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)

// fakeEngine answers reads from the views it was given, and commands as do says.
type fakeEngine struct {
	mu    sync.Mutex
	today map[string]*store.Today
	views map[string]actors.View // by store/kind/id
	do    func(r *actors.Request)
}

func (e *fakeEngine) Today(id string) *store.Today {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.today[id]
}

func (e *fakeEngine) Do(r *actors.Request) {
	e.mu.Lock()
	v, ok := e.views[r.Store+"/"+r.Target.Kind+"/"+r.Target.ID]
	do := e.do
	e.mu.Unlock()
	switch {
	case r.Command != nil && do != nil:
		do(r)
	case r.Command != nil:
		r.To.Reply(r.Tag, actors.Answer{V: 1, D: []byte(`{"order":"` + r.Target.ID + `"}`)})
	case ok:
		r.To.Reply(r.Tag, actors.Answer{V: v.V, View: v.View})
	default:
		r.To.Reply(r.Tag, actors.Answer{Refusal: notFound(r.Target.Kind, r.Target.ID)})
	}
}

func (e *fakeEngine) onCommand(f func(r *actors.Request)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.do = f
}

type node struct {
	*Server
	t      testing.TB
	engine *fakeEngine
	keys   *auth.Keys
	http   *httptest.Server
	clock  atomic.Int64
}

func testStore(id string, menuVersion int64) *store.Today {
	c := &store.Config{ID: id, Currency: "CNY", Zone: "UTC", DayStarts: "05:00",
		Stations: []store.Station{{ID: "wok"}, {ID: "steam"}},
		Tables:   []store.Table{{ID: "T03", Seats: 4}, {ID: "T05", Seats: 2}}}
	m := (&menu.Menu{Version: menuVersion, Currency: "CNY", Languages: []string{"en"}, Allergens: []menu.Allergen{}, Dayparts: []menu.Daypart{},
		Categories: []menu.Category{{ID: "hot", Count: 1, Dishes: []string{"mapo"}, Categories: []menu.Category{}},
			{ID: "sets", Count: 1, Dishes: []string{"set"}, Categories: []menu.Category{}}},
		Dishes: []menu.Dish{{ID: "mapo", Price: 3000, Stations: []string{"wok"}, PrepMS: 1, Groups: []string{"spice"}},
			{ID: "soup", Price: 500, Stations: []string{"steam"}},
			{ID: "set", Price: 4000, Parts: []menu.Part{{ID: "soup", Choices: []menu.Choice{{Dish: "soup"}}}}}},
		Groups: []menu.Group{{ID: "spice", Options: []menu.Option{{ID: "hot", Groups: []string{"more"}}}}, {ID: "more"}, {ID: "other"}}}).Index()
	return store.State{Config: c}.Today(m, time.UTC, nil)
}

// newNode starts a gateway on a real port, with a clock that the test moves.
func newNode(t testing.TB, change func(*Config)) *node {
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	n := &node{t: t, keys: auth.NewKeys(private), engine: &fakeEngine{views: map[string]actors.View{},
		today: map[string]*store.Today{"s1": testStore("s1", 12), "s2": testStore("s2", 3)}}}
	n.clock.Store(start.UnixMilli())
	c := Config{Engine: n.engine, Keys: n.keys, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Now: func() time.Time { return time.UnixMilli(n.clock.Load()).UTC() }}
	if change != nil {
		change(&c)
	}
	if n.Server, err = New(c); err != nil {
		t.Fatal(err)
	}
	n.http = httptest.NewUnstartedServer(nil)
	n.http.Config = n.HTTP(n.Server)
	n.http.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := n.Drain(ctx); err != nil {
			t.Error("drain:", err)
		}
		n.http.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return n
}

// pass moves the clock once every write that a client has seen is over for the server too.
func (n *node) pass(d time.Duration) {
	eventually(n.t, "nobody writes", func() bool {
		return !slices.ContainsFunc(n.all(), func(c *session) bool { return c.writing.Load() != 0 })
	})
	n.sweep(time.UnixMilli(n.clock.Add(d.Milliseconds())))
}

func (n *node) token(user string, roles string, change func(*auth.Claims)) string {
	c := auth.Claims{RegisteredClaims: jwt.RegisteredClaims{Subject: user}, Store: auth.Stores{"s1"}}
	for r := range strings.FieldsSeq(roles) {
		c.Roles = append(c.Roles, command.Role(r))
	}
	if change != nil {
		change(&c)
	}
	s, err := n.keys.Issue(c, n.now(), 15*time.Minute)
	if err != nil {
		n.t.Fatal(err)
	}
	return s
}

// publish gives views to the boards and to the engine, as the host does.
func (n *node) publish(v int64, view any, live bool) {
	x := actors.View{Store: "s1", V: v, View: view, Live: live}
	switch view := view.(type) {
	case *order.View:
		x.Target = command.Target{Kind: "order", ID: view.ID}
	case *table.View:
		x.Target = command.Target{Kind: "table", ID: view.ID}
	}
	n.engine.mu.Lock()
	n.engine.views["s1/"+x.Target.Kind+"/"+x.Target.ID] = x
	n.engine.mu.Unlock()
	n.Publish([]actors.View{x})
}

func uuid(i int) string { return fmt.Sprintf("0192f3a1-7b2c-7d3e-8f40-%012x", i) }

func newOrder(i int, change func(*order.View)) *order.View {
	v := &order.View{ID: uuid(i), No: i, Date: "2026-11-22", Type: "dine_in", Channel: "pos", State: order.Accepted, Progress: "accepted",
		Payment: "unpaid", Currency: "CNY", Server: &command.Who{ID: "lin-secret", Name: "Lin"}, Lines: []order.Line{
			{ID: "1", Dish: "mapo", Qty: 1, Items: []order.Item{{ID: "1", Dish: "mapo", Qty: 1, State: order.Queued,
				Stations: []string{"wok"}, FireSeq: 1, FiredAt: command.At(start)}}}}}
	if change != nil {
		change(v)
	}
	return v
}

func newTable(id, session string, orders ...string) *table.View {
	v := &table.View{ID: id, Name: id, State: table.Seated, Session: session, Orders: orders}
	if session == "" {
		v.State = table.Free
	}
	return v
}

// client is a test's socket.
type client struct {
	t    testing.TB
	ws   *websocket.Conn
	rest []string // of the last frame
	id   int
}

type got struct {
	ID   *int64 `json:"id"`
	OK   json.RawMessage
	Err  *refusal.Refusal
	T, E string
	S    uint64
	K    string
	V    int64
	D    json.RawMessage
	Del  bool
	Snap []got
	Mode string
	End  *struct{ Code, Table string }
	Bye  *struct {
		Code    int
		AfterMS int64 `json:"after_ms"`
	}
	Subs []struct {
		T, E, Mode string
		S          uint64
		D          []got
		Err        *refusal.Refusal
	}
}

func (n *node) dial() *client {
	ws, _, err := websocket.Dial(context.Background(), n.http.URL+"/v1/ws", &websocket.DialOptions{Subprotocols: []string{subprotocol}})
	if err != nil {
		n.t.Fatal(err)
	}
	ws.SetReadLimit(4 << 20)
	n.t.Cleanup(func() { ws.CloseNow() })
	return &client{t: n.t, ws: ws}
}

// enter is dial with a token.
func (n *node) enter(token, name string) *client {
	c := n.dial()
	c.send(fmt.Sprintf(`{"id":1,"auth":{"token":%q,"client":%q}}`, token, name))
	if g := c.next(); g.Err != nil || g.OK == nil {
		n.t.Fatalf("auth: %+v", g)
	}
	c.id = 1
	return c
}

func (n *node) as(user, roles string) *client { return n.enter(n.token(user, roles, nil), "") }

func (n *node) guest(user, table, session string) *client {
	return n.enter(n.token(user, "guest", func(c *auth.Claims) { c.Table, c.Session = table, session }), "")
}

func (c *client) send(s string) {
	c.t.Helper()
	if err := c.ws.Write(context.Background(), websocket.MessageText, []byte(s)); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) read() (string, error) {
	if len(c.rest) == 0 {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_, b, err := c.ws.Read(ctx)
		if err != nil {
			return "", err
		}
		c.rest = strings.Split(string(b), "\n")
	}
	s := c.rest[0]
	c.rest = c.rest[1:]
	return s, nil
}

func (c *client) next() (g got) {
	c.t.Helper()
	s, err := c.read()
	if err != nil {
		c.t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(s), &g); err != nil {
		c.t.Fatalf("%v: %s", err, s)
	}
	return g
}

// reply sends a message with an id and returns its answer; pushes before it are lost.
func (c *client) reply(message string) got {
	c.t.Helper()
	c.id++
	c.send(fmt.Sprintf(`{"id":%d,%s}`, c.id, message))
	for {
		if g := c.next(); g.ID != nil {
			if int(*g.ID) != c.id {
				c.t.Fatalf("answer to %d, want %d", *g.ID, c.id)
			}
			return g
		}
	}
}

func (c *client) sub(topics ...string) got {
	c.t.Helper()
	for i := range topics {
		if !strings.HasPrefix(topics[i], "{") {
			topics[i] = fmt.Sprintf(`{"t":%q}`, topics[i])
		}
	}
	g := c.reply(`"sub":[` + strings.Join(topics, ",") + `]`)
	if g.Err != nil {
		c.t.Fatalf("sub: %+v", g.Err)
	}
	if err := json.Unmarshal(g.OK, &g); err != nil {
		c.t.Fatal(err)
	}
	return g
}

// closed reads until the socket is closed and returns the code and the last error.
func (c *client) closed() (websocket.StatusCode, *refusal.Refusal) {
	c.t.Helper()
	var last *refusal.Refusal
	for {
		s, err := c.read()
		if err != nil {
			return websocket.CloseStatus(err), last
		}
		var g got
		if json.Unmarshal([]byte(s), &g) == nil && g.Err != nil {
			last = g.Err
		}
	}
}

func (c *client) wantClosed(code websocket.StatusCode, reason string) {
	c.t.Helper()
	got, bad := c.closed()
	if got != code {
		c.t.Fatalf("closed with %d (%+v), want %d", got, bad, code)
	}
	if reason != "" && (bad == nil || bad.Fields.Reason != reason) {
		c.t.Fatalf("closed after %+v, want reason %s", bad, reason)
	}
}

// eventually spins until ok: for what another goroutine is about to do.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); {
		if time.Now().After(end) {
			t.Fatal("never: " + what)
		}
		time.Sleep(time.Millisecond)
	}
}
