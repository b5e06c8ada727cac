// Package cluster_test runs nodes of a cluster in one process: real hosts, peers, buses
// and boards on real sockets. Whose a store is, the test says.
package cluster_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/actors/wire/pb"
	"github.com/brigata/brigata/cluster/bus"
	"github.com/brigata/brigata/cluster/cells"
	"github.com/brigata/brigata/cluster/peers"
	"github.com/brigata/brigata/cluster/routes"
	"github.com/brigata/brigata/gateway/boards"
	"github.com/brigata/brigata/gateway/feed"
	"github.com/brigata/brigata/persistence/memory"
)

// town is nodes, and which of them has the demo store.
type town struct {
	t     testing.TB
	owner atomic.Pointer[node]
	nodes []*node
}

type node struct {
	town   *town
	name   string
	host   *actors.Node
	peers  *peers.Peers
	server *bus.Server
	bus    *bus.Bus
	boards *boards.Boards
	routes *routes.Engine
	good   atomic.Bool
	stale  atomic.Int32 // how often its boards were told to be so
	lonely atomic.Bool  // it reaches no other node
}

// shown is a node's boards as its bus has them.
type shown struct {
	*boards.Boards
	*node
}

func (s shown) Stale(string) { s.stale.Add(1) }

var errLonely = errors.New("lonely")

func newTown(t testing.TB, names ...string) *town {
	w := &town{t: t}
	for _, n := range names {
		w.add(n)
	}
	for _, a := range w.nodes {
		var others []string
		for _, b := range w.nodes {
			if a != b {
				others = append(others, b.server.Address())
			}
		}
		if err := a.server.Connect(others); err != nil {
			t.Fatal(err)
		}
	}
	for _, a := range w.nodes {
		waitFor(t, "the bus is not joined", func() bool { return a.server.Routes() == len(names)-1 })
	}
	return w
}

func (w *town) add(name string) *node {
	t, quiet := w.t, slog.New(slog.DiscardHandler)
	n := &node{town: w, name: name}
	n.good.Store(true)
	w.nodes = append(w.nodes, n)
	var err error
	if n.peers, err = peers.Start(peers.Options{Bind: "127.0.0.1:0", Log: quiet, Owner: func(string) string {
		if o := w.owner.Load(); o != nil {
			return o.peers.Address()
		}
		return ""
	}}); err != nil {
		t.Fatal(err)
	}
	if n.server, err = bus.StartServer(bus.ServerOptions{Name: name, Listen: "127.0.0.1:0", Log: quiet}); err != nil {
		t.Fatal(err)
	}
	n.host, err = actors.NewNode(actors.Config{Journal: memory.NewDatabase().Open(memory.Options{}), Log: quiet, Publish: func(v []actors.View) { n.bus.Publish(v) }})
	if err != nil {
		t.Fatal(err)
	}
	n.boards = boards.New(boards.Config{Epoch: name, Now: time.Now, Today: func(s string) *store.Today { return n.routes.Today(s) }, Read: n.read,
		Watch: func(s string) *refusal.Refusal { return n.bus.Watch(s) }})
	n.bus = bus.New(bus.Config{Self: name, Server: n.server, Boards: shown{n.boards, n}, Here: n.here, Where: n.where, Read: n.read, Ask: n.asks, Log: quiet, StaleAfter: time.Second})
	n.routes = routes.New(routes.Config{Host: hostOf{n}, Peers: n.peers, Where: n.where, Good: n.good.Load, Elsewhere: n.bus.Today, Log: quiet})
	n.peers.Handle(func(m *pb.Parcel, answer func(*pb.Parcel)) {
		if q := m.GetRequest(); q != nil {
			n.routes.Serve(q, answer)
		} else if !n.bus.Serve(m, answer) {
			t.Errorf("%s was asked %v", name, m)
		}
	})
	t.Cleanup(n.stop)
	return n
}

func (n *node) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	n.peers.Stop()
	n.routes.Stop()
	n.bus.Stop()
	if err := n.host.Stop(ctx); err != nil {
		n.town.t.Error(err)
	}
	n.server.Stop()
}

func (n *node) asks(address string, m *pb.Parcel, within time.Duration, got func(*pb.Parcel, error)) {
	if n.lonely.Load() {
		got(nil, errLonely)
		return
	}
	n.peers.Ask(address, m, within, got)
}

// hostOf is the host as far as the store is its node's.
type hostOf struct{ *node }

func (h hostOf) Do(r *actors.Request)        { h.host.Do(r) }
func (h hostOf) Today(s string) *store.Today { return h.here(s) }

func (n *node) here(s string) *store.Today {
	if n.town.owner.Load() != n {
		return nil
	}
	return n.host.Today(s)
}

func (n *node) where(s string) (cells.Owner, bool) {
	o := n.town.owner.Load()
	switch {
	case s != "demo":
		return cells.Owner{}, false
	case o == nil:
		return cells.Owner{}, true
	}
	return cells.Owner{Node: 1, Name: o.name, Address: o.peers.Address(), Mine: o == n, Open: true}, true
}

// tellFunc takes an answer.
type tellFunc func(actors.Answer)

func (f tellFunc) Reply(_ int64, a actors.Answer) { f(a) }

func (n *node) read(s string, t command.Target, got func(actors.Answer)) {
	n.routes.Do(&actors.Request{Store: s, Target: t, Deadline: time.Now().Add(5 * time.Second), To: tellFunc(got)})
}

func waitFor(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatal(what)
		}
		time.Sleep(time.Millisecond)
	}
}

// open has the demo store at n.
func (w *town) open(n *node) {
	t := w.t
	t.Helper()
	if err := n.host.Open(context.Background(), "demo"); err != nil {
		t.Fatal(err)
	}
	w.owner.Store(n)
	b, err := os.ReadFile("../cmd/brigata/demo/demo.json")
	if err != nil {
		t.Fatal(err)
	}
	c, m, text, err := wire.DecodeStoreFile(b)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		kind string
		c    command.Command
	}{{"menu", &menu.Load{Menu: m, Text: text}}, {"store", &store.Configure{Config: c}}} {
		if a := n.askOf(n.host, &actors.Request{Target: command.Target{Kind: x.kind, ID: "demo"}, Command: x.c, ID: newID()}); a.Refusal != nil {
			t.Fatalf("%s: %+v", x.kind, a.Refusal)
		}
	}
}

var ids atomic.Int64

func newID() command.ID {
	ms, n := time.Now().UnixMilli(), ids.Add(1)
	return command.ID(fmt.Sprintf("%08x-%04x-7%03x-8000-%012x", ms>>16, ms&0xffff, n&0xfff, n))
}

func (n *node) ask(r *actors.Request) actors.Answer {
	n.town.t.Helper()
	return n.askOf(n.routes, r)
}

func (n *node) askOf(e interface{ Do(*actors.Request) }, r *actors.Request) actors.Answer {
	t := n.town.t
	t.Helper()
	got := make(chan actors.Answer, 1)
	r.Store, r.To, r.Principal = "demo", tellFunc(func(a actors.Answer) { got <- a }), "user:lin"
	r.By, r.Channel = command.Who{ID: "lin", Name: "Lin", Role: command.Manager}, "pos"
	if r.Deadline.IsZero() {
		r.Deadline = time.Now().Add(5 * time.Second)
	}
	e.Do(r)
	select {
	case a := <-got:
		return a
	case <-time.After(10 * time.Second):
		t.Fatal("no answer")
		return actors.Answer{}
	}
}

// request is a command as the gateway makes it.
func request(t testing.TB, id command.ID, name, d string) *actors.Request {
	t.Helper()
	target, c, err := wire.DecodeCommand(name, id, []byte(d))
	if err != nil {
		t.Fatal(err)
	}
	body, err := wire.BodyHash(name, []byte(d))
	if err != nil {
		t.Fatal(err)
	}
	return &actors.Request{Target: target, Command: c, Name: name, Data: []byte(d), ID: id, Body: body}
}

// screen is who watches topics, and what it shows.
type screen struct {
	mu    sync.Mutex
	shown map[string]json.RawMessage
}

type element struct {
	K   string
	D   json.RawMessage
	Del bool
}

func (s *screen) apply(e element) {
	if e.Del {
		delete(s.shown, e.K)
	} else {
		s.shown[e.K] = e.D
	}
}

func (s *screen) get(key string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return string(s.shown[key])
}

func (s *screen) all() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, _ := json.Marshal(s.shown)
	return string(b)
}

// show subscribes to a topic at n.
func (n *node) show(topic string) *screen {
	t := n.town.t
	t.Helper()
	s := &screen{shown: map[string]json.RawMessage{}}
	c := &boards.Client{Push: func(f *feed.Frame) bool {
		var e struct {
			element
			Snap []element
		}
		if err := json.Unmarshal([]byte(f.Head+string(f.Body)), &e); err != nil {
			t.Errorf("%v: %s%s", err, f.Head, f.Body)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.apply(e.element)
		return false
	}, End: func(string, string, string) {}}
	kind, id, _ := strings.Cut(topic, ".")
	asks := []boards.Ask{{Store: "demo", Kind: kind, ID: id}}
	n.boards.Subscribe(c, asks, func() {
		if asks[0].Got == nil {
			return
		}
		var state struct{ D []element }
		if err := json.Unmarshal(append(asks[0].Got.AppendState([]byte("{"), "", 0), '}'), &state); err != nil {
			t.Error(err)
		}
		for _, e := range state.D {
			s.apply(e)
		}
	})
	if asks[0].Refusal != nil {
		t.Fatalf("%s at %s: %+v", topic, n.name, asks[0].Refusal)
	}
	return s
}
