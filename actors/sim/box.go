package sim

import (
	"slices"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/sensor"
	"github.com/brigata/brigata/actors/stock"
	"github.com/brigata/brigata/actors/workorder"
)

// probeID is the one sensor of a world: two dishes depend on it.
const probeID = "cold-1"

// numbers is how many measurements a reading sums up.
const numbers = 10

// box is what stands beside the sensor: it keeps its readings until they are
// acknowledged, and sends them again after any doubt, cut up as it likes.
type box struct {
	world *World
	list  []sensor.Reading // not acknowledged
	made  int64            // measurements so far
	boot  int64
	seq   int64
	try   int
	busy  bool
}

// begin measures until some time after all has healed.
func (b *box) begin() {
	w := b.world
	if len(w.plan.Warm) == 0 {
		return
	}
	b.boot = 1
	var measure func()
	measure = func() {
		if w.now > w.plan.Heal+2*second {
			return
		}
		if w.chance(0.02) { // the sensor starts anew
			b.boot, b.seq = b.boot+1, 0
		}
		v := 3.0
		for _, warm := range w.plan.Warm {
			if w.now >= warm.At && w.now < warm.At+warm.For {
				v = 9
			}
		}
		at := w.time().Truncate(time.Millisecond)
		b.list = append(b.list, sensor.Reading{Boot: b.boot, First: b.seq + 1, Last: b.seq + numbers, N: numbers, From: at.Add(-300 * time.Millisecond), At: at,
			Value: v, Min: v, Max: v, Avg: v})
		b.seq += numbers
		b.made += numbers
		b.send()
		w.after(400*millisecond, measure)
	}
	w.after(w.between(0, second), measure)
}

// batch is the first readings that wait; two of them may be summed up as one.
func (b *box) batch() (batch []sensor.Reading, n int) {
	n = 1 + b.world.rng.IntN(min(len(b.list), 5))
	batch = append(batch, b.list[:n]...)
	if x := len(batch) - 1; x > 0 && batch[x-1].Boot == batch[x].Boot && b.world.rng.IntN(3) == 0 {
		one, two := batch[x-1], batch[x]
		two.First, two.N, two.From = one.First, one.N+two.N, one.From
		batch = append(batch[:x-1], two)
	}
	return batch, n
}

func (b *box) send() {
	if b.busy || len(b.list) == 0 {
		return
	}
	w := b.world
	b.busy = true
	b.try++
	try := b.try
	batch, n := b.batch()
	last := batch[len(batch)-1]
	to := w.nodes[w.rng.IntN(len(w.nodes))]
	w.net(to, func() {
		to.take(batch, func(a *actors.Answer) {
			if a.Refusal == nil {
				w.checks.taken(last)
			}
			w.net(to, func() { b.answered(try, n, a) })
		})
	})
	w.after(w.between(600*millisecond, 900*millisecond), func() { b.again(try) })
}

func (b *box) answered(try, n int, a *actors.Answer) {
	switch {
	case try != b.try || !b.busy:
	case a.Refusal != nil:
		b.world.after(100*millisecond, func() { b.again(try) })
	default:
		b.list = b.list[n:]
		b.busy = false
		b.send()
	}
}

func (b *box) again(try int) {
	if try == b.try && b.busy {
		b.busy = false
		b.send()
	}
}

// take hands readings to the host; they have no command id.
func (n *node) take(batch []sensor.Reading, answer func(*actors.Answer)) {
	p := n.process
	if p == nil {
		return
	}
	p.after(0, func() {
		n.host.Do(&actors.Request{Store: storeID, Target: command.Target{Kind: "sensor", ID: probeID}, Principal: "box", By: command.Who{ID: "box", Role: command.Manager},
			Command: &sensor.Note{Node: "box", Readings: append([]sensor.Reading(nil), batch...)}, Deadline: n.clock().Add(5 * time.Second),
			To: replier(func(_ int64, a actors.Answer) { p.after(0, func() { answer(&a) }) })})
	})
}

// taken: readings that are acknowledged are in the log (I2).
func (k *checks) taken(last sensor.Reading) {
	e := k.byName[command.Target{Kind: "sensor", ID: probeID}]
	if e == nil {
		k.fail("I2", "readings are acknowledged that are not in the log")
		return
	}
	if s := e.fold.State().(*sensor.State); s.Boot < last.Boot || s.Boot == last.Boot && s.Seq < last.Last {
		k.fail("I2", "readings are acknowledged to %d of boot %d, and the log has them to %d of boot %d", last.Last, last.Boot, s.Seq, s.Boot)
	}
}

// counted: each measurement counts once (I13).
func (k *checks) counted(s *sensor.State) {
	if s.Count > k.world.box.made {
		k.fail("I13", "%d measurements count, and %d were made", s.Count, k.world.box.made)
	}
}

// sensorsAtRest: every measurement counts, an episode has its one work order, and what
// that is to hold is held (I13).
func (k *checks) sensorsAtRest() {
	if made := k.world.box.made; made > 0 {
		e := k.byName[command.Target{Kind: "sensor", ID: probeID}]
		if e == nil || e.fold.State().(*sensor.State).Count != made {
			k.fail("I13", "not all of %d measurements count: %d wait", made, len(k.world.box.list)*numbers)
			return
		}
	}
	orders := k.entities("workorder")
	for _, e := range orders {
		w := e.fold.State().(*workorder.State)
		if k.alerts[w.ID] != 1 {
			k.fail("I13", "work order %s is of %d alerts", short(w.ID), k.alerts[w.ID])
		}
		if of := k.byName[command.Target{Kind: "sensor", ID: w.Sensor}].fold.State().(*sensor.State); of.WorkOrder != w.ID && w.Episode != sensor.Resolved {
			k.fail("I13", "work order %s does not know that its episode has ended", short(w.ID))
		}
		for _, h := range w.Holds {
			if s := k.byName[command.Target{Kind: "stock", ID: "dish/" + h.Dish}]; h.No == "" && (s == nil || !holds(orders, s.fold.State().(*stock.State).HeldFor, h.Dish)) {
				k.fail("I13", "work order %s holds %s, whose stock does not know", short(w.ID), h.Dish)
			}
		}
	}
	if len(orders) != len(k.alerts) {
		k.fail("I13", "%d alerts have %d work orders", len(k.alerts), len(orders))
	}
}

// holds says that the work order id holds the dish: of several that do, the stock knows the
// one that it heard last.
func holds(orders []*entity, id, dish string) bool {
	for _, e := range orders {
		if w := e.fold.State().(*workorder.State); w.ID == id {
			return slices.ContainsFunc(w.Holds, func(h workorder.Hold) bool { return h.Dish == dish })
		}
	}
	return false
}
