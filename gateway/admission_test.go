package gateway

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/refusal"
)

// When answers take long, what guests read goes first and the kitchen last; when they do
// not any more, all is admitted again.
func TestAdmissionShedsByClass(t *testing.T) {
	var a admission
	a.init(50*time.Millisecond, 10_000)
	now := start
	inflight := func(n int) {
		for int64(n) > a.inflight.Load() {
			if bad := a.enter(kitchenAndPayments, now); bad != nil {
				t.Fatal(bad)
			}
		}
	}
	for range 40 { // answers of 80 ms while 2,000 are under way
		inflight(2000)
		now = now.Add(adjustEach)
		a.leave(now, 80*time.Millisecond, true)
	}
	for of, want := range map[class]bool{guestReads: false, guestCommands: false, staffWork: false, guestPayments: false, kitchenAndPayments: true} {
		if bad := a.would(of, now); (bad == nil) != want || bad != nil && (bad.Code != refusal.Overloaded || bad.AfterMS == 0) {
			t.Errorf("overloaded: class %d: %v", of, bad)
		}
	}
	if a.shed[guestReads].Load() != 1 || a.shed[kitchenAndPayments].Load() != 0 {
		t.Error("what was shed is not counted by class")
	}
	for under, admitted := range map[int64]map[class]bool{
		floors[guestReads]:    {guestReads: false, guestCommands: true, staffWork: true},
		floors[guestCommands]: {guestReads: false, guestCommands: false, staffWork: true},
		floors[staffWork]:     {guestReads: false, guestCommands: false, staffWork: false, guestPayments: false},
	} {
		a.inflight.Store(under)
		for of, want := range admitted {
			if bad := a.would(of, now); (bad == nil) != want {
				t.Errorf("%d under way: class %d: %v", under, of, bad)
			}
		}
	}
	for range 20 { // quick answers, while as much is asked as is admitted
		now = now.Add(adjustEach)
		a.inflight.Store(a.limit.Load() + 1)
		a.leave(now, time.Millisecond, true)
	}
	a.inflight.Store(2 * floors[guestReads])
	if bad := a.would(guestReads, now); bad != nil {
		t.Fatal("2 s of quick answers, and guests may not read")
	}
	most := a.limit.Load()
	a.inflight.Store(0)
	for range 20 {
		now = now.Add(adjustEach)
		a.inflight.Add(1)
		a.leave(now, time.Millisecond, true)
	}
	if a.limit.Load() != most {
		t.Fatal("the limit of an idle node grows: the first flood would find no bound")
	}
}

// What is read from memory counts while it is read, but says nothing of the database: it
// neither ends a stall nor is the request that tries.
func TestAdmissionOfReads(t *testing.T) {
	var a admission
	a.init(50*time.Millisecond, 10_000)
	now := start
	allowed := 0
	for ; a.enterRead(guestReads, now) == nil; allowed++ {
	}
	if most := admitFirst * shares[guestReads] / 100; int64(allowed) != most || a.reads.Load() != most {
		t.Fatalf("%d reads at once, %d count, of %d", allowed, a.reads.Load(), most)
	}
	now = now.Add(time.Minute)
	for range 3 {
		if bad := a.enter(kitchenAndPayments, now); bad != nil {
			t.Fatalf("nobody has ordered for long, and somebody reads: %+v", bad)
		}
	}
	for range allowed {
		a.leaveRead()
	}
	now = now.Add(stalledAfter + time.Millisecond)
	if bad := a.enterRead(staffWork, now); bad != nil {
		t.Fatal(bad)
	}
	a.leaveRead()
	if bad := a.enter(kitchenAndPayments, now); bad != nil {
		t.Fatal("a read was taken for the one that tries")
	}
	if bad := a.enter(kitchenAndPayments, now); bad == nil || bad.Fields.What != "database" {
		t.Fatalf("a read ended the stall: %+v", bad)
	}
}

// Money goes before orders, the staff's before the guests': a node can be flooded with any of these.
func TestClassOf(t *testing.T) {
	n := newNode(t, nil)
	for _, x := range []struct {
		roles, command string
		want           class
	}{
		{"guest", "order.place", guestCommands}, {"guest", "item.bump", guestCommands},
		{"guest", "payment.create", guestPayments}, {"guest", "bill.split", guestPayments},
		{"waiter", "order.place", staffWork}, {"waiter", "payment.create", kitchenAndPayments},
		{"waiter", "item.serve", kitchenAndPayments}, {"kitchen", "stock.out", kitchenAndPayments},
	} {
		who, err := n.keys.Verify(n.token("x", x.roles, nil), n.now())
		if err != nil {
			t.Fatal(err)
		}
		if got := classOf(who, x.command); got != x.want {
			t.Errorf("%s by %s: class %d, want %d", x.command, x.roles, got, x.want)
		}
	}
}

// While nothing is answered nobody waits, but for one request a second that tries.
func TestAdmissionStalls(t *testing.T) {
	var a admission
	a.init(50*time.Millisecond, 10_000)
	now := start
	enter := func() *refusal.Refusal { return a.enter(kitchenAndPayments, now) }
	for range 10 {
		if bad := enter(); bad != nil {
			t.Fatal(bad)
		}
	}
	now = now.Add(stalledAfter + time.Millisecond)
	if bad := enter(); bad != nil {
		t.Fatal("nobody tries")
	}
	bad := enter()
	if bad == nil || bad.Code != refusal.Unavailable || bad.Fields.What != "database" || bad.AfterMS == 0 {
		t.Fatalf("%+v", bad)
	}
	now = now.Add(probeEach)
	if bad := enter(); bad != nil {
		t.Fatal("a second later nobody tries again")
	}
	a.leave(now, 3*time.Second, true)
	if bad := enter(); bad != nil {
		t.Fatalf("an answer came: %+v", bad)
	}
}

// A database that hangs: orders are refused at once and say so, the menu comes from memory.
func TestStalledNode(t *testing.T) {
	n := newNode(t, nil)
	held := make(chan *actors.Request, 16)
	n.engine.onCommand(func(r *actors.Request) { held <- r })
	c := n.as("lin", "waiter")
	c.send(fmt.Sprintf(`{"id":2,`+place+`}`, uuid(2)))
	r := <-held
	n.clock.Add(3000)
	c.send(fmt.Sprintf(`{"id":3,`+place+`}`, uuid(3)))
	<-held // the one that tries
	c.send(fmt.Sprintf(`{"id":4,`+place+`}`, uuid(4)))
	if g := c.next(); *g.ID != 4 || g.Err == nil || g.Err.Code != refusal.Unavailable || g.Err.AfterMS == 0 {
		t.Fatalf("%+v", g)
	}
	waiter := n.token("lin", "waiter", nil)
	n.wantProblem(n.call("POST", "/v1/stores/s1/orders", waiter, `{}`, "Idempotency-Key", uuid(5)), 503, refusal.Unavailable)
	if w := n.call("GET", "/v1/stores/s1/menu", waiter, ""); w.StatusCode != 200 {
		t.Fatalf("the menu: %d", w.StatusCode)
	}
	r.To.Reply(r.Tag, actors.Answer{V: 1})
	if g := c.next(); *g.ID != 2 || g.Err != nil {
		t.Fatalf("%+v", g)
	}
	n.engine.onCommand(nil)
	if g := c.reply(fmt.Sprintf(place, uuid(6))); g.Err != nil {
		t.Fatalf("after it answers again: %+v", g.Err)
	}
}

func TestPaces(t *testing.T) {
	for scope, limits := range map[string]Limits{"user": {UserRate: 2}, "address": {AddressRate: 2}, "store": {StoreRate: 2}} {
		n := newNode(t, func(c *Config) { c.Limits = limits })
		refused := 0
		for i := range 6 {
			c := n.as("lin", "waiter") // another connection each time
			if g := c.reply(fmt.Sprintf(place, uuid(10+i))); g.Err != nil {
				refused++
				if g.Err.Code != refusal.RateLimited || g.Err.Fields.Scope != scope || g.Err.AfterMS == 0 {
					t.Fatalf("%s: %+v", scope, g.Err)
				}
			}
		}
		if refused != 2 {
			t.Errorf("%s: %d refused", scope, refused)
		}
		if scope == "user" {
			continue
		}
		kitchen := n.as("kds", "kitchen")
		if g := kitchen.reply(fmt.Sprintf(`"cmd":"item.bump","cid":%q,"d":{"order":%q,"items":["1"]}`, uuid(30), uuid(1))); g.Err != nil {
			t.Errorf("%s: the kitchen: %+v", scope, g.Err)
		}
	}
}

func TestBreaker(t *testing.T) {
	b := newBreaker("test")
	calls := 0
	fail := func(context.Context) error { calls++; return errors.New("connection refused") }
	for range breakerFailures + 5 {
		if err := b.do(context.Background(), fail); err == nil {
			t.Fatal("no error")
		}
	}
	if calls != breakerFailures {
		t.Fatalf("asked %d times", calls)
	}
	if err := b.do(context.Background(), fail); refusal.Of(err) != errDatabase {
		t.Fatal(err)
	}
	b = newBreaker("test")
	for range breakerFailures + 5 {
		b.do(context.Background(), func(context.Context) error { calls++; return errNoArchive })
	}
	if calls != 2*breakerFailures+5 {
		t.Fatal("refusals opened the breaker")
	}
}

// What answers take when little is asked is what they are held to: on a slow disk guests
// are admitted although every answer takes long, on a fast one no more than leave the
// kitchen's as they are.
func TestAdmissionKnowsQuietTimes(t *testing.T) {
	for quiet, within := range map[time.Duration]bool{2 * time.Millisecond: false, 40 * time.Millisecond: true} {
		var a admission
		a.init(4*time.Millisecond, 10_000)
		now := start
		for range 100 {
			now = now.Add(adjustEach)
			if bad := a.enter(staffWork, now); bad != nil {
				t.Fatal(bad)
			}
			a.leave(now, quiet, true)
		}
		before := a.limit.Load()
		a.inflight.Store(200) // of 256
		for range 20 {
			now = now.Add(adjustEach)
			a.inflight.Add(1)
			a.leave(now, 30*time.Millisecond, true)
		}
		if got := a.limit.Load(); (got > before) != within || (got < before) == within {
			t.Errorf("answers of 30 ms where %v are usual: %d after %d", quiet, got, before)
		}
	}
}
