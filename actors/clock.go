package actors

import (
	"container/heap"
	"sync"
	"time"

	"github.com/brigata/brigata/actors/command"
)

// clock wakes entities when they are due, and looks after who is idle.
type clock struct {
	node *Node

	mu     sync.Mutex
	alarms alarms
	timer  *time.Timer
	done   chan struct{}
}

type alarm struct {
	at     time.Time
	cell   *cell
	target command.Target
}

type alarms []alarm

func (a alarms) Len() int           { return len(a) }
func (a alarms) Less(i, j int) bool { return a[i].at.Before(a[j].at) }
func (a alarms) Swap(i, j int)      { a[i], a[j] = a[j], a[i] }
func (a *alarms) Push(x any)        { *a = append(*a, x.(alarm)) }
func (a *alarms) Pop() any {
	old := *a
	x := old[len(old)-1]
	*a = old[:len(old)-1]
	return x
}

const (
	// alarmMax is the longest sleep: the time may be set meanwhile.
	alarmMax = time.Minute
	// sweepEvery is how often idle entities are looked for.
	sweepEvery = 5 * time.Second
	// overAfter is when an entity that has come to its end leaves memory.
	overAfter = 30 * time.Second
)

func newClock(n *Node) *clock {
	return &clock{node: n, timer: time.NewTimer(alarmMax), done: make(chan struct{})}
}

// set wakes the target of a cell at that time. An alarm that was set before stays: a
// Tick that finds nothing due does nothing.
func (k *clock) set(at time.Time, c *cell, t command.Target) {
	k.mu.Lock()
	heap.Push(&k.alarms, alarm{at, c, t})
	first := k.alarms[0].at.Equal(at)
	k.mu.Unlock()
	if first {
		k.timer.Reset(max(0, at.Sub(k.node.now())))
	}
}

func (k *clock) close() { close(k.done) }

func (k *clock) run() {
	sweep := time.NewTicker(sweepEvery)
	defer sweep.Stop()
	defer k.timer.Stop()
	for {
		select {
		case <-k.timer.C:
			k.timer.Reset(k.ring())
		case <-sweep.C:
			k.node.sweep()
		case <-k.done:
			return
		}
	}
}

// ring wakes who is due and says how long there is till the next.
func (k *clock) ring() time.Duration {
	for {
		now := k.node.now()
		k.mu.Lock()
		if len(k.alarms) == 0 || k.alarms[0].at.After(now) {
			next := alarmMax
			if len(k.alarms) > 0 {
				next = min(next, k.alarms[0].at.Sub(now))
			}
			k.mu.Unlock()
			return next
		}
		a := heap.Pop(&k.alarms).(alarm)
		k.mu.Unlock()
		if k.node.cell(a.cell.store) != a.cell {
			continue
		}
		if e := a.cell.entity(a.target, false); e != nil {
			e.tell(tick{})
		}
	}
}

// leaves stops an actor at a later sweep: somebody may have found it before it went out
// of its cell, and what is sent to a stopped actor is lost.
func (n *Node) leaves(r ref) {
	n.mu.Lock()
	n.leaving = append(n.leaving, r)
	n.mu.Unlock()
}

// release stops the actors that left before the last sweep.
func (n *Node) release() {
	n.mu.Lock()
	gone := n.left
	n.left, n.leaving = n.leaving, nil
	n.mu.Unlock()
	for _, r := range gone {
		n.engine.release(r)
	}
}

// sweep asks who is idle to leave memory: soon when its end has come, later when
// nobody asks for it, and at once when there are too many.
func (n *Node) sweep() {
	n.release()
	n.mu.RLock()
	cells := make([]*cell, 0, len(n.cells))
	for _, c := range n.cells {
		cells = append(cells, c)
	}
	n.mu.RUnlock()
	now := n.now().UnixMilli()
	after := n.config.IdleAfter.Milliseconds()
	if n.resident.Load() > int64(n.config.ResidentMax) {
		after = 1000
	}
	for _, c := range cells {
		for _, e := range c.all() {
			if !e.kind.stays && now-e.used.Load() > min(after, overAfter.Milliseconds()) {
				e.tell(idle{after: time.Duration(after) * time.Millisecond})
			}
		}
	}
}
