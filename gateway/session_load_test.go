package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/gateway/auth"
)

// A connection that was refused for load is not read again before it may come back; one
// that was not is read at once.
func TestRefusedForLoadRests(t *testing.T) {
	n := newNode(t, nil)
	c, other := n.as("lin", "waiter"), n.as("kds", "kitchen")
	n.admission.inflight.Store(floors[staffWork])
	g := c.reply(fmt.Sprintf(place, uuid(1)))
	if g.Err == nil || g.Err.Code != refusal.Overloaded || g.Err.AfterMS == 0 {
		t.Fatalf("%+v", g.Err)
	}
	n.admission.inflight.Store(0)
	began := time.Now()
	if g := other.reply(fmt.Sprintf(`"cmd":"item.bump","cid":%q,"d":{"order":%q,"items":["1"]}`, uuid(2), uuid(1))); g.Err != nil {
		t.Fatalf("the kitchen: %+v", g.Err)
	}
	if g := c.reply(fmt.Sprintf(place, uuid(1))); g.Err != nil {
		t.Fatalf("again: %+v", g.Err)
	}
	if rested := time.Since(began); rested < time.Duration(g.Err.AfterMS)*time.Millisecond/2 {
		t.Fatalf("it was read after %v", rested)
	}
}

// A refusal for load is the words that any refusal would be, and is told within some time.
func TestRefusalForLoad(t *testing.T) {
	n := newNode(t, nil)
	c := n.guest("g1", "", "")
	n.admission.inflight.Add(admitFirst)
	defer n.admission.inflight.Add(-admitFirst)
	began := time.Now()
	c.send(fmt.Sprintf(`{"id":2,`+place+`}`, uuid(1)))
	p, err := c.read()
	if err != nil {
		t.Fatal(err)
	}
	var g got
	if err := json.Unmarshal([]byte(p), &g); err != nil {
		t.Fatal(err)
	}
	want := *errBusy
	if want.AfterMS = g.Err.AfterMS; p != string(appendErr(nil, 2, &want)) {
		t.Errorf("%s, want %s", p, appendErr(nil, 2, &want))
	}
	if told := time.Duration(g.Err.AfterMS) * time.Millisecond; told < time.Duration(errBusy.AfterMS)*time.Millisecond-refuseWithin {
		t.Errorf("told to be back in %v, after %v", told, time.Since(began))
	}
}

// refusedForLoad has a guest be refused for load, and returns how long it was told to wait.
func (n *node) refusedForLoad(c *client) time.Duration {
	n.t.Helper()
	n.admission.inflight.Add(admitFirst)
	defer n.admission.inflight.Add(-admitFirst) // from here on there is room
	return c.putOff()
}

func (c *client) putOff() time.Duration {
	c.t.Helper()
	g := c.reply(fmt.Sprintf(place, uuid(1)))
	if g.Err == nil || !g.Err.Code.Retry() || g.Err.AfterMS == 0 {
		c.t.Fatalf("%+v", g.Err)
	}
	return time.Duration(g.Err.AfterMS) * time.Millisecond
}

// only is the one session that there is, once its reader rests.
func (n *node) only() *session {
	n.t.Helper()
	all := n.all()
	if len(all) != 1 {
		n.t.Fatalf("%d sessions", len(all))
	}
	eventually(n.t, "its reader rests", func() bool { return all[0].nap.Load() != nil })
	return all[0]
}

// Who is told to wait and does not is refused, a few messages at a time, and is considered
// again once it has waited.
func TestRefusedForLoadCannotSendAhead(t *testing.T) {
	n := newNode(t, nil)
	c := n.guest("g1", "", "")
	n.refusedForLoad(c)
	n.only()
	const sent = 2*earlyEach + 1
	for i := range sent {
		c.send(fmt.Sprintf(`{"id":%d,`+place+`}`, 2+i, uuid(2+i)))
	}
	var wait time.Duration
	for i := range sent {
		g := c.next()
		if *g.ID != int64(2+i) || g.Err == nil || g.Err.Code != refusal.Overloaded || g.Err.AfterMS < errBusy.AfterMS {
			t.Fatalf("%d: %+v", i, g)
		}
		if (i+1)%earlyEach != 0 {
			continue
		}
		wait = time.Duration(g.Err.AfterMS) * time.Millisecond
		n.only()
		if read := n.stats.Messages.Load(); read != int64(2+i+1) { // the log-in, and what was refused at first
			t.Fatalf("%d messages were read, %d of those that came too early", read, i+1)
		}
	}
	<-time.After(wait)
	c.id = 1 + sent
	if g := c.reply(fmt.Sprintf(place, uuid(sent+2))); g.Err == nil || g.Err.Code != refusal.Forbidden { // it is at no table
		t.Fatalf("what it sends when it has waited: %+v", g.Err)
	}
}

// Whatever a client sends that does not wait, little of it is in the node's kernel; who
// never waits is closed in the end.
func TestWhoNeverWaits(t *testing.T) {
	n := newNode(t, func(c *Config) { c.Limits.OverRefusals = 2 * earlyEach })
	c := n.guest("g1", "", "")
	n.refusedForLoad(c)
	s := n.only()
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		message := fmt.Appendf(nil, `{"id":2,`+place+`}`, uuid(2))
		for c.ws.Write(context.Background(), websocket.MessageText, message) == nil {
		}
	}()
	for range 2 {
		for range earlyEach {
			if g := c.next(); g.Err == nil || g.Err.Code != refusal.Overloaded || g.Err.AfterMS == 0 {
				t.Fatalf("%+v", g)
			}
		}
		if waits, _ := unread(s.tcp); waits > 2*receiveBuffer {
			t.Fatalf("%d bytes wait in the kernel", waits)
		}
	}
	c.wantClosed(closeRate, "")
	c.ws.CloseNow()
	<-gone
}

// A connection that rests is closed at once when it has to be, and a drain waits for none.
func TestRestingIsClosedAtOnce(t *testing.T) {
	for code, end := range map[websocket.StatusCode]func(*node) error{
		closeRevoked:  func(n *node) error { n.revoke(func(*auth.Principal) bool { return true }, true); return nil },
		closeExpired:  func(n *node) error { n.pass(time.Hour); return nil },
		closeDraining: func(n *node) error { return n.Drain(context.Background()) },
	} {
		n := newNode(t, nil)
		c := n.guest("g1", "", "")
		n.admission.inflight.Add(1) // one that is not answered: the node stalls, and says so for longest
		n.clock.Add(2 * stalledAfter.Milliseconds())
		n.admission.probed.Store(n.clock.Load())
		wait := c.putOff()
		s := n.only()
		began := time.Now()
		n.admission.inflight.Add(-1)
		ended := make(chan error, 1)
		go func() { ended <- end(n) }()
		c.wantClosed(code, "")
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		eventually(t, "its reader ends", func() bool { return n.Connections() == 0 })
		if took := time.Since(began); took > wait-readSooner {
			t.Errorf("%d: after %v of %v, nap %v", code, took, wait, s.nap.Load())
		}
	}
}

// What a client sent while it was to wait is not done when it has gone since.
func TestGoneWhileItRests(t *testing.T) {
	n := newNode(t, nil)
	n.engine.onCommand(func(r *actors.Request) { t.Errorf("%s was done", r.Name); r.To.Reply(r.Tag, actors.Answer{}) })
	n.publish(1, newTable("T03", "sess"), true)
	c := n.guest("g1", "T03", "sess")
	n.refusedForLoad(c)
	n.only()
	for i := range 20 {
		c.send(fmt.Sprintf(`{"id":%d,`+place+`}`, 2+i, uuid(2+i)))
	}
	c.ws.CloseNow()
	eventually(t, "its session ends", func() bool { return n.Connections() == 0 })
	if read := n.stats.Messages.Load(); read != 2 {
		t.Errorf("%d messages were read", read)
	}
}

// A connection that rests answers a ping and a close when it has rested, however much it sent.
func TestRestingAnswersPings(t *testing.T) {
	n := newNode(t, nil)
	c := n.guest("g1", "", "")
	n.refusedForLoad(c)
	s := n.only()
	c.send("{}")
	if p, err := c.read(); p != "{}" {
		t.Fatal(p, err)
	}
	if s.nap.Load() != nil {
		t.Fatal("a ping is reason enough to rest")
	}
	n.refusedForLoad(c)
	n.only()
	if err := c.ws.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Fatal("a close:", err)
	}
}

// Who waits as it was told is served, while others do not and while one comes back on
// connections of its own.
func TestWhoWaitsIsServed(t *testing.T) {
	n := newNode(t, nil)
	n.publish(1, newTable("T03", "sess"), true)
	heeds, not := n.guest("g1", "T03", "sess"), n.guest("g2", "T03", "sess")
	n.admission.inflight.Add(admitFirst)
	wait := heeds.putOff()
	not.putOff()
	for range 3 {
		n.guest("g3", "T03", "sess").putOff()
	}
	n.admission.inflight.Add(-admitFirst)
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		message := fmt.Appendf(nil, `{"id":2,`+place+`}`, uuid(2))
		for not.ws.Write(context.Background(), websocket.MessageText, message) == nil {
		}
	}()
	<-time.After(wait)
	if g := heeds.reply(fmt.Sprintf(place, uuid(1))); g.Err != nil {
		t.Errorf("%+v", g.Err)
	}
	for range 2 * earlyEach {
		if g := not.next(); g.Err == nil {
			t.Error("who does not wait is served")
		}
	}
	not.ws.CloseNow()
	<-gone
}

// A guest that sends faster than it may is told so, and is read at the pace that it may
// have; staff is told for each message.
func TestTooFastRests(t *testing.T) {
	n := newNode(t, func(c *Config) { c.Limits.Burst = 4 })
	staff := n.as("lin", "waiter")
	for range 20 {
		staff.send(`{"id":9,"unsub":[]}`)
	}
	for i := range 20 {
		if g := staff.next(); (g.Err != nil) != (i >= 4) {
			t.Fatalf("staff's %d: %+v", i, g.Err)
		}
	}
	staff.ws.CloseNow()
	eventually(t, "it has gone", func() bool { return n.Connections() == 0 })
	before := n.stats.Messages.Load()
	c := n.guest("g1", "", "")
	for range 20 {
		c.send(`{"id":9,"unsub":[]}`)
	}
	for i := range 5 {
		if g := c.next(); (g.Err != nil) != (i >= 4) {
			t.Fatalf("the guest's %d: %+v", i, g.Err)
		}
	}
	n.only()
	if read := n.stats.Messages.Load() - before; read != 1+5 {
		t.Fatalf("%d messages were read", read)
	}
	n.clock.Add(int64(4 * 1000 / n.limits.Rate))
	for i := range 5 {
		if g := c.next(); (g.Err != nil) != (i >= 4) {
			t.Fatalf("the guest's %d later: %+v", i, g.Err)
		}
	}
}
