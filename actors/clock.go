package actors

import (
	"container/heap"
	"sync"
	"time"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/threads"
)

// clock wakes entities when they are due, and looks after who is idle.
type clock struct {
	node *Node

	mu     sync.Mutex
	alarms alarms

	sooner chan struct{} // the next alarm is earlier than it was
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
	// sweepEvery is how often idle entities are looked for; more often, but no more than
	// each sweepMin, where they are to leave sooner.
	sweepEvery, sweepMin = 5 * time.Second, 100 * time.Millisecond
	// overAfter is when an entity that has come to its end leaves memory.
	overAfter = 30 * time.Second
)

func newClock(n *Node) *clock {
	return &clock{node: n, sooner: make(chan struct{}, 1), done: make(chan struct{})}
}

// set wakes the target of a cell at that time. An alarm that was set before stays: a
// Tick that finds nothing due does nothing.
func (k *clock) set(at time.Time, c *cell, t command.Target) {
	k.mu.Lock()
	heap.Push(&k.alarms, alarm{at, c, t})
	first := k.alarms[0].at.Equal(at)
	k.mu.Unlock()
	if first {
		select {
		case k.sooner <- struct{}{}:
		default:
		}
	}
}

func (k *clock) close() { close(k.done) }

// wake rings when somebody is due.
func (k *clock) wake() {
	for wait := alarmMax; threads.First(k.node.config.Threads, wait, k.done, k.sooner, nil) != 0; wait = k.ring() {
	}
}

// tidy sweeps now and then.
func (k *clock) tidy() {
	every := max(min(sweepEvery, k.node.config.IdleAfter), sweepMin)
	for threads.First(k.node.config.Threads, every, k.done, nil, nil) != 0 {
		k.node.sweep()
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
func (n *Node) leaves(m Mailbox) {
	n.mu.Lock()
	n.leaving = append(n.leaving, m)
	n.mu.Unlock()
}

// release stops the actors that left before the last sweep.
func (n *Node) release() {
	n.mu.Lock()
	gone := n.left
	n.left, n.leaving = n.leaving, nil
	n.mu.Unlock()
	for _, m := range gone {
		m.Release()
	}
}

// sweep asks who is idle to leave memory: soon when its end has come, later when
// nobody asks for it, and at once when there are too many.
func (n *Node) sweep() {
	n.release()
	now := n.now().UnixMilli()
	after := n.config.IdleAfter.Milliseconds()
	if n.resident.Load() > int64(n.config.ResidentMax) {
		after = 1000
	}
	for _, c := range n.open() {
		for _, e := range c.all() {
			if !e.kind.stays && now-e.used.Load() > min(after, overAfter.Milliseconds()) {
				e.tell(idle{after: time.Duration(after) * time.Millisecond})
			}
		}
	}
}
