package boards

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/sim"
	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/gateway/feed"
)

// TestSimulated plays seeds of the simulation with boards behind every node, and clients that
// come and go, fall behind and catch up: in the end each shows what new boards make of
// nothing but the log (I9), whatever nodes, network and database did.
func TestSimulated(t *testing.T) {
	seeds := uint64(60)
	if testing.Short() {
		seeds = 20
	}
	var sum watched
	for seed := uint64(1); seed <= seeds; seed++ {
		p := sim.NewPlan(seed, sim.Options{})
		w := &watched{rand: rand.New(rand.NewPCG(seed, 9)), lives: map[any]*lived{}}
		if r := sim.Watched(p, w); r.Violation != "" {
			t.Fatalf("seed %d: %s", seed, r.Violation)
		}
		sum.rested, sum.compared, sum.entries, sum.caught = sum.rested+w.rested, sum.compared+w.compared, sum.entries+w.entries, sum.caught+w.caught
	}
	t.Logf("%d stores at rest, %d screens compared with %d entries, caught up with %d times", sum.rested, sum.compared, sum.entries, sum.caught)
	if int(seeds) > 2*sum.rested || sum.compared < 3*sum.rested || sum.entries < 2*sum.compared || sum.caught < sum.rested {
		t.Error("hardly anything was compared")
	}
}

// TestSimulatedScreensChangeNothing: the run is the one that it is without them.
func TestSimulatedScreensChangeNothing(t *testing.T) {
	for seed := uint64(1); seed <= 5; seed++ {
		p := sim.NewPlan(seed, sim.Options{})
		w := &watched{rand: rand.New(rand.NewPCG(seed, 9)), lives: map[any]*lived{}}
		if with, without := sim.Watched(p, w), sim.Run(p, nil); with != without {
			t.Errorf("%+v, %+v", with, without)
		}
	}
}

// watched are the boards behind all lives of all nodes of a run.
type watched struct {
	rand  *rand.Rand
	lives map[any]*lived

	rested, compared, entries, caught int
}

// lived is the boards behind one life of a node.
type lived struct {
	*Boards
	of     *watched
	now    time.Time
	today  *store.Today
	known  map[command.Target]actors.View // what its host would answer
	orders []string
	tables []string
	lines  []*line
}

func (w *watched) life(of any) *lived {
	l := w.lives[of]
	if l == nil {
		l = w.boards()
		w.lives[of] = l
	}
	return l
}

func (w *watched) boards() *lived {
	l := &lived{of: w, known: map[command.Target]actors.View{}}
	l.Boards = New(Config{Epoch: "e", Now: func() time.Time { return l.now }, Today: func(string) *store.Today { return l.today }, Read: l.read})
	return l
}

func (l *lived) read(_ string, t command.Target, got func(actors.Answer)) {
	if v, ok := l.known[t]; ok {
		got(actors.Answer{V: v.V, View: v.View, Live: v.Live})
		return
	}
	got(actors.Answer{Refusal: refusal.New(refusal.NotFound, "", "no")})
}

// Shown implements sim.Screens.
func (w *watched) Shown(life any, now time.Time, today *store.Today, views []actors.View) {
	l := w.life(life)
	l.now, l.today = now, today
	for _, v := range views {
		if had, ok := l.known[v.Target]; !ok && v.Target.Kind == "order" {
			l.orders = append(l.orders, v.Target.ID)
		} else if !ok && v.Target.Kind == "table" {
			l.tables = append(l.tables, v.Target.ID)
		} else if ok && had.V > v.V {
			continue
		}
		l.known[v.Target] = v
	}
	l.Publish(views)
	switch w.rand.IntN(8) {
	case 0, 1:
		l.open()
	case 2:
		if len(l.lines) > 6 {
			l.close(w.rand.IntN(len(l.lines)))
		}
	case 3:
		l.Sweep(now)
	default:
		if len(l.lines) > 0 {
			l.lines[w.rand.IntN(len(l.lines))].take(1 + w.rand.IntN(4))
		}
	}
}

// open has a client come to some topic, or come back to it.
func (l *lived) open() {
	if l.today == nil {
		return
	}
	topics := []string{"kitchen.all", "kitchen.wok", "kitchen.bar", "dispatch", "floor", "menu", "stock", "store", "sensors"}
	if len(l.orders) > 0 {
		topics = append(topics, "order."+l.orders[l.of.rand.IntN(len(l.orders))])
	}
	if len(l.tables) > 0 {
		topics = append(topics, "table."+l.tables[l.of.rand.IntN(len(l.tables))])
	}
	topic := topics[l.of.rand.IntN(len(topics))]
	for _, c := range l.lines {
		if c.topic == topic {
			c.sub.Unsubscribe()
			c.q.Forget(topic)
			c.subscribe() // what it has not read it is told again
			return
		}
	}
	c := &line{l: l, topic: topic, shown: map[string]string{}}
	c.q.Init(feed.Limits{Bytes: 4000, Frames: 4, ReplyBytes: 1 << 20, ReplyFrames: 10}, new(feed.Counts))
	if c.subscribe() {
		l.lines = append(l.lines, c)
	}
}

func (l *lived) close(i int) {
	l.lines[i].sub.Unsubscribe()
	l.lines = slices.Delete(l.lines, i, i+1)
}

// line is a client behind a queue that holds little. It applies what it gets as the protocol says.
type line struct {
	l     *lived
	topic string
	q     feed.Queue
	sub   *Subscription
	epoch string
	seq   uint64
	shown map[string]string
}

func (c *line) subscribe() bool {
	kind, id, _ := strings.Cut(c.topic, ".")
	asks := []Ask{{Store: "demo", Kind: kind, ID: id, Epoch: c.epoch, Since: c.seq}}
	client := &Client{Push: func(f *feed.Frame) bool { c.q.Push(f); return false }, End: func(string, string, string) {}}
	c.l.Subscribe(client, asks, func() {
		if c.sub = asks[0].Got; c.sub != nil {
			c.apply(append(c.sub.AppendState([]byte(`{`), c.epoch, c.seq), '}'))
		}
	})
	return c.sub != nil
}

// take reads some of what waits, and catches up with what did not fit.
func (c *line) take(n int) {
	for ; n > 0; n-- {
		b, ok := c.q.Next(nil, 1)
		if ok {
			for one := range strings.SplitSeq(string(b), "\n") {
				c.apply([]byte(one))
			}
			continue
		}
		stale := c.q.Stale()
		if len(stale) == 0 {
			return
		}
		c.l.of.caught++
		c.sub.CatchUp(&c.q, stale[0].Since)
	}
}

// apply takes the state that a subscription begins with, a snapshot or one change.
func (c *line) apply(b []byte) {
	type change struct {
		K   string
		S   uint64
		D   json.RawMessage
		Del bool
	}
	var m struct {
		change
		E, Mode string
		D       json.RawMessage
		Snap    []change
	}
	if err := json.Unmarshal(b, &m); err != nil {
		panic(fmt.Sprintf("%v: %s", err, b))
	}
	changes := m.Snap
	switch {
	case m.Mode != "":
		if err := json.Unmarshal(m.D, &changes); err != nil {
			panic(err)
		}
	case m.Snap == nil:
		m.change.D = m.D
		changes = []change{m.change}
	}
	if m.Mode == "snap" || m.Snap != nil {
		clear(c.shown)
	}
	if m.E != "" {
		c.epoch = m.E
	}
	if m.change.S < c.seq {
		panic(fmt.Sprintf("back from %d: %s", c.seq, b))
	}
	c.seq = m.change.S
	for _, x := range changes {
		if x.Del {
			delete(c.shown, x.K)
		} else {
			c.shown[x.K] = string(x.D)
		}
	}
}

// Rest implements sim.Screens.
func (w *watched) Rest(life any, now time.Time, today *store.Today, all, unseen []actors.View) string {
	l := w.life(life)
	l.now, l.today = now, today
	l.Publish(unseen) // as whoever takes a store looks what of it has ended
	l.Sweep(now)
	fresh := w.boards()
	fresh.now, fresh.today = now, today
	lives := slices.DeleteFunc(slices.Clone(all), func(v actors.View) bool { return !v.Live })
	w.rand.Shuffle(len(lives), func(i, j int) { lives[i], lives[j] = lives[j], lives[i] })
	fresh.Publish(lives)
	fresh.Sweep(now)
	ended := map[string]bool{}
	for _, v := range all {
		if o, ok := v.View.(*order.View); ok && !v.Live {
			ended[o.ID] = true
		}
		fresh.known[v.Target] = v
	}
	w.rested++
	for _, c := range l.lines {
		c.take(1 << 20)
		kind, id, _ := strings.Cut(c.topic, ".")
		if kind == "order" && ended[id] {
			continue // nobody holds what is over but for who watches it
		}
		want := &line{l: fresh, topic: c.topic, shown: map[string]string{}}
		if !want.subscribe() {
			return fmt.Sprintf("new boards have no topic %s", c.topic)
		}
		w.compared++
		for key := range want.shown {
			w.entries++
			if c.shown[key] != want.shown[key] {
				return fmt.Sprintf("topic %s shows %s as %q, new boards as %q", c.topic, key, c.shown[key], want.shown[key])
			}
		}
		for key := range c.shown {
			if _, ok := want.shown[key]; !ok && !(kind == "table" && ended[strings.TrimPrefix(key, "order/")]) {
				return fmt.Sprintf("topic %s shows %s, which new boards do not: %s", c.topic, key, c.shown[key])
			}
		}
	}
	return ""
}
