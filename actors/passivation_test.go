package actors_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/persistence/memory"
)

// TestPassivation lets orders leave memory and asks for them again: nobody sees a
// difference, and repeats get their first answers.
func TestPassivation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		const d = `{"type":"dine_in","table":"T01","lines":[{"dish":"mapo-tofu","qty":1}]}`
		live, over := h.id(), h.id()
		a := h.must(h.send(live, "order.place", d))
		h.must(h.send(over, "order.place", d))
		h.ok("order.void", `{"order":%q,"reason":"mistake"}`, over)
		h.ok("item.bump", `{"order":%q,"items":["1"]}`, over) // the kitchen has seen it
		if n := h.node.Resident(); n != 2 {
			t.Fatalf("%d orders are in memory", n)
		}
		time.Sleep(time.Minute)
		if n := h.node.Resident(); n != 1 {
			t.Fatalf("%d orders are in memory: what is over leaves soon", n)
		}
		time.Sleep(20 * time.Minute)
		if n := h.node.Resident(); n != 0 {
			t.Fatalf("%d orders are in memory: nobody asked for them", n)
		}
		if o := h.seesOrder(string(live)); o.State != order.Accepted || o.No != 1 {
			t.Fatalf("%+v", o)
		}
		if o := h.seesOrder(string(over)); o.State != order.Voided {
			t.Fatalf("%+v", o)
		}
		if again := h.must(h.send(live, "order.place", d)); !again.Dup || string(again.D) != string(a.D) {
			t.Fatalf("%+v", again)
		}
		h.ok("item.bump", `{"order":%q,"items":["1"]}`, live)
		h.restarts()
	})
}

// lanes is an engine whose mailboxes can be held up.
type lanes struct {
	mu   sync.Mutex
	held bool
	all  []*lane
}

type lane struct {
	lanes   *lanes
	actor   actors.Actor
	queue   []any
	running bool
	held    bool          // this one alone
	pause   time.Duration // between one message and the next
}

func (e *lanes) Spawn(a actors.Actor) actors.Mailbox {
	e.mu.Lock()
	defer e.mu.Unlock()
	l := &lane{lanes: e, actor: a}
	e.all = append(e.all, l)
	return l
}

func (e *lanes) Stop() {}

func (e *lanes) hold(held bool) {
	e.mu.Lock()
	e.held = held
	all := e.all
	e.mu.Unlock()
	for _, l := range all {
		l.run()
	}
}

func (l *lane) Send(m any) {
	l.lanes.mu.Lock()
	l.queue = append(l.queue, m)
	l.lanes.mu.Unlock()
	l.run()
}

func (l *lane) Release() {}

// run takes what waits, unless somebody does or the engine is held up.
func (l *lane) run() {
	l.lanes.mu.Lock()
	if l.running {
		l.lanes.mu.Unlock()
		return
	}
	l.running = true
	for len(l.queue) > 0 && !l.lanes.held && !l.held {
		x := l.queue[0]
		l.queue = l.queue[1:]
		last := len(l.queue) == 0
		l.lanes.mu.Unlock()
		l.actor.Receive(x)
		if last {
			l.actor.Settled()
		}
		l.lanes.mu.Lock()
		if pause := l.pause; pause > 0 && !last {
			l.lanes.mu.Unlock()
			time.Sleep(pause)
			l.lanes.mu.Lock()
		}
	}
	l.running = false
	l.lanes.mu.Unlock()
}

// newLanedHouse is a house whose engine is lanes. Who starts it stops it.
func newLanedHouse(t *testing.T) (*house, *lanes) {
	engine := &lanes{}
	h := &house{t: t, db: memory.NewDatabase(), channel: "pos", engine: engine}
	h.as("manager", "lin", "")
	h.start()
	h.load()
	return h, engine
}

// TestDueAsItLeaves: an order that leaves memory in the very moment in which it is due
// is woken all the same.
func TestDueAsItLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, engine := newLanedHouse(t)
		defer h.stop()
		unpaid := h.order(`{"type":"pickup","lines":[{"dish":"mapo-tofu","qty":1}],"contact":{"name":"A","phone":"1"}}`) // for 15 minutes
		time.Sleep(9 * time.Minute)
		engine.hold(true)
		time.Sleep(7 * time.Minute) // it is told that it is idle, and then that it is due
		engine.hold(false)
		time.Sleep(time.Second)
		if o := h.seesOrder(unpaid); o.State != order.Expired {
			t.Fatalf("it is %s", o.State)
		}
	})
}

// hold holds this lane alone up, or lets it go on with a pause between its messages, and
// returns how many wait.
func (l *lane) hold(held bool, pause time.Duration) (waiting int) {
	l.lanes.mu.Lock()
	l.held, l.pause, waiting = held, pause, len(l.queue)
	l.lanes.mu.Unlock()
	l.run()
	return waiting
}

// TestOwesAsItLeaves: an order that is told that it is idle right after it has come to its end, and
// when that is durable already, tells its table of the end all the same.
func TestOwesAsItLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, engine := newLanedHouse(t)
		defer h.stop()
		first := len(engine.all)
		id := h.order(`{"type":"dine_in","table":"T01","lines":[{"dish":"mapo-tofu","qty":1}]}`)
		its := engine.all[first]
		time.Sleep(time.Minute)
		its.hold(true, 0)
		h.ok("table.clear", `{"table":"T01","reason":"guest_left","clean":true}`)
		time.Sleep(20 * time.Minute) // it is told that it ends, and then that it is idle
		if n := its.hold(false, time.Second); n < 2 {
			t.Fatalf("%d messages wait", n)
		}
		time.Sleep(time.Minute)
		before := h.read("order", id).V
		time.Sleep(time.Second)
		if after := h.read("order", id).V; after != before {
			t.Fatalf("it told its table when it was asked for, at version %d", after)
		}
	})
}

// TestLostWhileItLeaves: a cell that is handed over, and is lost before all of its actors have
// said that they leave, is not waited for.
func TestLostWhileItLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, engine := newLanedHouse(t)
		defer h.stop()
		first := len(engine.all)
		h.order(`{"type":"dine_in","table":"T01","lines":[{"dish":"mapo-tofu","qty":1}]}`)
		its := engine.all[first]
		its.hold(true, 0)
		over := make(chan error, 1)
		go func() { over <- h.node.HandOver(t.Context(), "demo", 0) }()
		synctest.Wait()
		select {
		case err := <-over:
			t.Fatalf("it did not wait: %v", err)
		default:
		}
		h.node.DropAll()
		select {
		case err := <-over:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(time.Minute):
			t.Error("it waits for actors of a cell that is lost")
		}
		its.hold(false, 0)
	})
}
