package gateway

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/gateway/auth"
)

func TestLimits(t *testing.T) {
	n := newNode(t, func(c *Config) {
		c.Limits = Limits{Inflight: 2, Burst: 50, OverRefusals: 3, PerUser: 2, Connections: 3, Subscriptions: 2}
	})
	n.engine.onCommand(func(*actors.Request) {})
	c := n.as("lin", "waiter")
	for i := 2; i < 4; i++ {
		c.send(fmt.Sprintf(`{"id":%d,`+place+`}`, i, uuid(i)))
	}
	if g := c.reply(fmt.Sprintf(place, uuid(4))); g.Err == nil || g.Err.Code != refusal.RateLimited || g.Err.Fields.Scope != "connection" || g.Err.AfterMS == 0 {
		t.Fatalf("in flight: %+v", g.Err)
	}
	g := c.sub("menu", "store", "floor")
	if g.Subs[1].Err != nil || g.Subs[2].Err == nil || g.Subs[2].Err.Fields.Reason != "too_many" {
		t.Fatalf("subscriptions: %+v", g.Subs)
	}
	c.reply(`"unsub":["menu"]`)
	if g := c.sub("floor", "store"); g.Subs[0].Err != nil || g.Subs[1].Err != nil {
		t.Fatalf("after unsub: %+v", g.Subs)
	}
	n.as("lin", "waiter")
	third := n.dial()
	third.send(`{"id":1,"auth":{"token":"` + n.token("lin", "waiter", nil) + `"}}`)
	third.wantClosed(closeTooMany, "")
	eventually(t, "gone", func() bool { return n.Connections() == 2 })
	n.as("ann", "waiter")
	n.dial().wantClosed(closeTooMany, "")

	for range 60 {
		c.send(`{"id":99,"sub":[]}`)
	}
	code, last := c.closed()
	if code != closeRate || last.Code != refusal.RateLimited {
		t.Fatalf("%d %+v", code, last)
	}
}

func TestSubprotocolAndOrigin(t *testing.T) {
	n := newNode(t, nil)
	ws, _, err := websocket.Dial(context.Background(), n.http.URL+"/v1/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	(&client{t: t, ws: ws}).wantClosed(closeSubprotocol, "")
	_, r, err := websocket.Dial(context.Background(), n.http.URL+"/v1/ws", &websocket.DialOptions{
		Subprotocols: []string{subprotocol}, HTTPHeader: map[string][]string{"Origin": {"https://evil.example"}}})
	if err == nil || r.StatusCode != 403 {
		t.Fatalf("another origin came in: %v", err)
	}
}

func TestReplaced(t *testing.T) {
	n := newNode(t, nil)
	token := n.token("kds", "kitchen", nil)
	old := n.enter(token, "kds-3")
	other := n.enter(token, "kds-4")
	newer := n.enter(token, "kds-3")
	old.wantClosed(closeReplaced, "")
	for _, c := range []*client{other, newer} {
		if g := c.sub("menu"); g.Subs[0].Err != nil {
			t.Fatal("the wrong one was closed")
		}
	}
}

func TestPing(t *testing.T) {
	n := newNode(t, nil)
	c := n.as("lin", "waiter")
	n.pass(6 * time.Second)
	c.send("{}")
	if s, _ := c.read(); s != "{}" {
		t.Fatalf("pong: %s", s)
	}
	n.pass(26 * time.Second)
	if s, _ := c.read(); s != "{}" {
		t.Fatalf("ping: %s", s)
	}
	n.pass(30 * time.Second)
	c.wantClosed(closeNoPong, "")
}

func TestRevoke(t *testing.T) {
	n := newNode(t, nil)
	c := n.as("lin", "waiter")
	n.revoke(func(p *auth.Principal) bool { return p.User == "lin" }, true)
	c.wantClosed(closeRevoked, "")
}

func TestDrain(t *testing.T) {
	n := newNode(t, nil)
	asked := make(chan *actors.Request, 1)
	n.engine.onCommand(func(r *actors.Request) { asked <- r })
	c := n.as("lin", "waiter")
	c.send(`{"id":2,` + fmt.Sprintf(place, uuid(1)) + `}`)
	r := <-asked
	done := make(chan error)
	go func() { done <- n.Drain(context.Background()) }()
	if g := c.next(); g.Bye == nil || g.Bye.Code != 4001 || g.Bye.AfterMS < 200 {
		t.Fatalf("%+v", g)
	}
	c.send(`{"id":3,` + fmt.Sprintf(place, uuid(3)) + `}`) // it may have been sent before the bye was read
	crossed := <-asked
	crossed.To.Reply(crossed.Tag, actors.Answer{V: 8})
	if g := c.next(); *g.ID != 3 || string(g.OK) != `{"v":8,"dup":false,"d":{}}` {
		t.Fatalf("a command that crosses the bye: %+v", g)
	}
	for !n.refusing.Load() {
		time.Sleep(time.Millisecond)
	}
	if g := c.reply(fmt.Sprintf(place, uuid(2))); g.Err == nil || g.Err.Code != refusal.Moved {
		t.Fatalf("a new command: %+v", g)
	}
	r.To.Reply(r.Tag, actors.Answer{V: 7})
	if g := c.next(); *g.ID != 2 || string(g.OK) != `{"v":7,"dup":false,"d":{}}` {
		t.Fatalf("%+v", g)
	}
	c.wantClosed(closeDraining, "")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestResume(t *testing.T) {
	n := newNode(t, nil)
	c := n.as("kds", "kitchen")
	g := c.sub("kitchen.wok")
	if s := g.Subs[0]; s.Mode != "snap" || len(s.D) != 0 {
		t.Fatalf("%+v", s)
	}
	n.publish(1, newOrder(1, nil), true)
	n.publish(1, newOrder(2, nil), true)
	first, second := c.next(), c.next()
	if first.T != "kitchen.wok" || first.K != "ticket/"+uuid(1)+".wok.0" || second.S <= first.S {
		t.Fatalf("%+v %+v", first, second)
	}
	c.ws.CloseNow()
	n.publish(2, newOrder(1, func(v *order.View) { v.Rush = true }), true)
	n.publish(2, newOrder(2, func(v *order.View) { v.State = order.Closed }), false)
	n.publish(1, newOrder(3, nil), true)

	c = n.as("kds", "kitchen")
	s := c.sub(fmt.Sprintf(`{"t":"kitchen.wok","e":%q,"s":%d}`, g.Subs[0].E, second.S)).Subs[0]
	if s.Mode != "delta" || len(s.D) != 3 {
		t.Fatalf("%+v", s)
	}
	if !strings.Contains(string(s.D[0].D), `"rush":true`) || s.D[0].V != 2 || !s.D[1].Del || s.D[2].K != "ticket/"+uuid(3)+".wok.0" {
		t.Fatalf("%+v", s.D)
	}
	if s := c.sub(fmt.Sprintf(`{"t":"kitchen.wok","e":%q,"s":%d}`, s.E, s.S)).Subs[0]; s.Mode != "delta" || len(s.D) != 0 {
		t.Fatalf("nothing was missed: %+v", s)
	}
	if s := c.sub(`{"t":"kitchen.wok","e":"older","s":5}`).Subs[0]; s.Mode != "snap" || len(s.D) != 2 {
		t.Fatalf("another epoch: %+v", s)
	}
	n.publish(3, newOrder(1, nil), true)
	if g := c.next(); g.V != 3 {
		t.Fatalf("twice subscribed: %+v", g)
	}
}

// A client that does not read gets the newest view of each entity, then snapshots, and
// in the end is cut.
func TestSlowClient(t *testing.T) {
	n := newNode(t, nil)
	c := n.as("kds", "kitchen")
	c.sub("kitchen.wok")
	var s *session
	for _, x := range n.all() {
		s = x
	}
	note := strings.Repeat("x", 8000)
	v := int64(0)
	published := map[int]int64{}
	put := func(i int) {
		v++
		published[i] = v
		n.publish(v, newOrder(i, func(o *order.View) { o.Note = note + fmt.Sprint(v) }), true)
	}
	stuck := func() bool {
		frames, _ := s.out.Len()
		return s.writing.Load() != 0 && frames > 0
	}
	for round := 0; round < 20000 && !stuck(); round++ {
		put(round % 4)
		eventually(t, "written or stuck", func() bool {
			frames, _ := s.out.Len()
			return frames == 0 || s.writing.Load() != 0
		})
	}
	for range 100 { // conflated: four entities never overflow
		for i := range 4 {
			put(i)
		}
	}
	if frames, bytes := s.out.Len(); frames > 4 || bytes > 64<<10 {
		t.Fatalf("%d frames, %d bytes wait", frames, bytes)
	}
	for i := range 30 { // 240 KiB of entities: they overflow, and follow in pieces
		put(i)
	}
	if _, bytes := s.out.Len(); bytes > 64<<10 {
		t.Fatalf("%d bytes wait", bytes)
	}
	held := map[string]int64{}
	last := uint64(0)
	for len(held) < 30 || held["ticket/"+uuid(29)+".wok.0"] != published[29] {
		g := c.next()
		if g.S <= last {
			t.Fatalf("%d after %d", g.S, last)
		}
		last = g.S
		if g.Snap != nil {
			t.Fatal("a snapshot for what was missed")
		}
		held[g.K] = g.V
	}
	for i, v := range published {
		if held["ticket/"+uuid(i)+".wok.0"] != v {
			t.Fatalf("order %d: %d, want %d", i, held["ticket/"+uuid(i)+".wok.0"], v)
		}
	}
	for round := 0; round < 20000 && !stuck(); round++ {
		put(round % 4)
		eventually(t, "written or stuck", func() bool {
			frames, _ := s.out.Len()
			return frames == 0 || s.writing.Load() != 0
		})
	}
	n.sweep(n.now().Add(11 * time.Second)) // its write is stuck
	eventually(t, "cut", func() bool { return n.Connections() == 0 })
	if x, ok := n.Stats().Closes.Load(closeSlow); !ok || x == nil {
		t.Error("not counted as too slow")
	}
}
