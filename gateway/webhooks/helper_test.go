package webhooks_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"go.uber.org/goleak"
	_ "modernc.org/sqlite"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/cmd/brigata/demo"
	"github.com/brigata/brigata/gateway/auth"
	"github.com/brigata/brigata/gateway/webhooks"
	"github.com/brigata/brigata/persistence/memory"
	"github.com/brigata/brigata/persistence/pgtest"
)

var postgres *pgtest.Server

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	var err error
	if postgres, err = pgtest.Start(pgtest.Options{}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	status := m.Run()
	if err := postgres.Stop(); err != nil || status != 0 {
		return max(status, 1)
	}
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

var databases atomic.Int64

func openDatabase(t *testing.T, kind string) auth.Database {
	t.Helper()
	d := auth.Database{Postgres: kind == "postgres"}
	var err error
	if d.Postgres {
		u, no := postgres.NewDatabase(fmt.Sprintf("hooks_%d", databases.Add(1)))
		if no != nil {
			t.Fatal(no)
		}
		d.DB, err = sql.Open("pgx", u)
	} else {
		u := url.URL{Scheme: "file", Path: filepath.Join(t.TempDir(), "a.db"), RawQuery: "_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)&_txlock=immediate"}
		if d.DB, err = sql.Open("sqlite", u.String()); err == nil {
			d.SetMaxOpenConns(1)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// onBoth runs a test on SQLite and on Postgres.
func onBoth(t *testing.T, f func(t *testing.T, db auth.Database)) {
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) { f(t, openDatabase(t, kind)) })
	}
}

// told is one call that a receiver has had.
type told struct {
	ID, Store, Type, Order string
	Seq                    int64
	At                     time.Time
	D                      struct {
		ID, State string
	}

	answered int
	header   http.Header
	body     []byte
}

// receiver is a partner's server, which can be away and back.
type receiver struct {
	t      *testing.T
	server *httptest.Server
	at     string

	mu      sync.Mutex
	secrets []string
	answer  func(told) int // nil: 204
	calls   []told
	news    chan struct{} // closed with each call
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{t: t, news: make(chan struct{})}
	r.listen("127.0.0.1:0")
	t.Cleanup(r.leave)
	return r
}

func (r *receiver) listen(at string) {
	l, err := net.Listen("tcp", at)
	if err != nil {
		r.t.Fatal(err)
	}
	r.server = &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(r.serve)}}
	r.server.Start()
	r.at = l.Addr().String()
}

func (r *receiver) leave()    { r.server.CloseClientConnections(); r.server.Close() }
func (r *receiver) comeBack() { r.listen(r.at) }

func (r *receiver) serve(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		return
	}
	x := told{header: q.Header, body: body}
	if err := json.Unmarshal(body, &x); err != nil {
		r.t.Errorf("%s: %v", body, err)
	}
	r.mu.Lock()
	good := slices.ContainsFunc(r.secrets, func(s string) bool { return webhooks.Verify(s, q.Header.Get("Brigata-Signature"), body, time.Now()) })
	x.answered = http.StatusNoContent
	if r.answer != nil {
		x.answered = r.answer(x)
	}
	if !good {
		x.answered = http.StatusUnauthorized
	}
	r.calls = append(r.calls, x)
	close(r.news)
	r.news = make(chan struct{})
	r.mu.Unlock()
	w.WriteHeader(x.answered)
}

func (r *receiver) set(answer func(told) int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

func (r *receiver) trust(secrets ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.secrets = secrets
}

// taken are the calls that were answered well.
func (r *receiver) taken() (list []told) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.calls {
		if c.answered/100 == 2 {
			list = append(list, c)
		}
	}
	return list
}

func (r *receiver) all() []told {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.calls)
}

// until waits for calls until is says that it is so.
func (r *receiver) until(what string, is func() bool) {
	r.t.Helper()
	late := time.After(20 * time.Second)
	for {
		r.mu.Lock()
		news := r.news
		r.mu.Unlock()
		if is() {
			return
		}
		select {
		case <-news:
		case <-late:
			r.t.Fatalf("not in 20 s: %s", what)
		}
	}
}

// sequences are the ids that were taken, by order, without repeats, in the order in
// which they came first; it fails where one came before an earlier one.
func (r *receiver) sequences() map[string][]int64 {
	r.t.Helper()
	by := map[string][]int64{}
	for _, c := range r.taken() {
		seqs := by[c.Order]
		if c.Type == "webhook.test" || slices.Contains(seqs, c.Seq) {
			continue
		}
		if len(seqs) > 0 && seqs[len(seqs)-1] > c.Seq {
			r.t.Errorf("order %s: %d came after %v", c.Order, c.Seq, seqs)
		}
		by[c.Order] = append(seqs, c.Seq)
	}
	return by
}

// house is a host with the demo store, whose journal outlives it, and its driver.
type house struct {
	t      *testing.T
	side   auth.Database
	db     *memory.Database
	config webhooks.Config
	node   *actors.Node
	driver *webhooks.Driver
	also   atomic.Pointer[webhooks.Driver]
	deaf   atomic.Bool // the driver is shown nothing
	away   atomic.Bool // the driver thinks that the cell is elsewhere
	ids    atomic.Int64
}

const quick = 5 * time.Millisecond

func newHouse(t *testing.T, side auth.Database, change func(*webhooks.Config)) *house {
	h := &house{t: t, side: side, db: memory.NewDatabase()}
	h.config = webhooks.Config{Database: side, AllowPrivate: true, Again: quick, Most: 60 * quick, Look: 2 * quick, Within: 5 * time.Second,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	if change != nil {
		change(&h.config)
	}
	h.open()
	t.Cleanup(func() { h.close() })
	c, m, text, err := wire.DecodeStoreFile(demo.Store())
	if err != nil {
		t.Fatal(err)
	}
	h.do(command.Target{Kind: "menu"}, h.id(), &menu.Load{Menu: m, Text: text})
	h.do(command.Target{Kind: "store"}, h.id(), &store.Configure{Config: c})
	return h
}

func (h *house) open() {
	var driver atomic.Pointer[webhooks.Driver]
	j := h.db.Open(memory.Options{})
	node, err := actors.NewNode(actors.Config{Journal: j, Publish: func(v []actors.View) {
		if d := driver.Load(); d != nil && !h.deaf.Load() {
			d.Publish(v)
		}
		if d := h.also.Load(); d != nil {
			d.Publish(v)
		}
	}})
	if err != nil {
		h.t.Fatal(err)
	}
	c := h.config
	c.Archive = actors.Archive{Journal: j}
	c.Here = func(store string) bool { return !h.away.Load() && node.Today(store) != nil }
	d, err := webhooks.New(h.t.Context(), c)
	if err != nil {
		h.t.Fatal(err)
	}
	driver.Store(d)
	h.node, h.driver = node, d
	if err := node.Open(h.t.Context(), "demo"); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) close() {
	h.driver.Stop()
	if err := h.node.Stop(context.Background()); err != nil {
		h.t.Error(err)
	}
}

func (h *house) id() string {
	n, ms := h.ids.Add(1), time.Now().UnixMilli()
	return fmt.Sprintf("%08x-%04x-7%03x-8000-%012x", ms>>16, ms&0xffff, n&0xfff, n)
}

type once chan actors.Answer

func (o once) Reply(_ int64, a actors.Answer) { o <- a }

func (h *house) do(t command.Target, id string, c command.Command) {
	h.t.Helper()
	to := make(once, 1)
	trace := wire.ParseTrace("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	h.node.Do(&actors.Request{Store: "demo", Target: t, Command: c, ID: command.ID(id), Channel: "pos", Trace: trace,
		By: command.Who{ID: "boss", Name: "Boss", Role: command.Manager}, Principal: "boss", To: to})
	if a := <-to; a.Refusal != nil {
		h.t.Fatalf("%T: %s %+v", c, a.Refusal.Message, a.Refusal.Fields)
	}
}

// send does a command as it comes over the wire, and returns its id.
func (h *house) send(name, d string, args ...any) string {
	h.t.Helper()
	id := h.id()
	t, c, err := wire.DecodeCommand(name, command.ID(id), fmt.Appendf(nil, d, args...))
	if err != nil {
		h.t.Fatal(err)
	}
	h.do(t, id, c)
	return id
}

func (h *house) order() string {
	h.t.Helper()
	return h.send("order.place", `{"type":"dine_in","table":"T%02d","lines":[{"id":"1","dish":"mapo-tofu","qty":1}]}`, 1+h.ids.Load()%20)
}

// cook takes an order through the kitchen.
func (h *house) cook(id string) {
	h.t.Helper()
	for _, name := range []string{"item.start", "item.bump", "item.serve"} {
		h.send(name, `{"order":%q,"items":["1"]}`, id)
	}
}

// hook makes a webhook at r.
func (h *house) hook(r *receiver, events ...string) webhooks.Webhook {
	h.t.Helper()
	at := "http://" + r.at + "/hooks"
	in := webhooks.Input{URL: &at}
	if len(events) > 0 {
		in.Events = &events
	}
	w, _, err := h.driver.Create(h.t.Context(), "demo", h.id(), "user:boss", in)
	if err != nil {
		h.t.Fatal(err)
	}
	r.trust(w.Secret)
	return w
}

func (h *house) archive() actors.Archive { return actors.Archive{Journal: h.db.Open(memory.Options{})} }

// want is what the journal says that orders' receivers are to hear.
func (h *house) want(orders ...string) map[string][]int64 {
	h.t.Helper()
	a := h.archive()
	by := map[string][]int64{}
	for _, id := range orders {
		events, _, err := a.OrderEvents(h.t.Context(), actors.OrderKey("demo", id), 0)
		if err != nil {
			h.t.Fatal(err)
		}
		for _, e := range events {
			by[id] = append(by[id], e.Seq)
		}
		if len(events) == 0 {
			h.t.Fatalf("nothing happened to %s: the test proves nothing", id)
		}
	}
	return by
}
