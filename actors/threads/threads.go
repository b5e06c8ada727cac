// Package threads is how the host and its writer start work beside their actors and
// wait: with goroutines, channels and real time, or as a simulation lets them.
//
// Its promise: code that starts and waits through this package alone does, in a
// simulation, exactly what it does in a process. A nil Threads is the real thing; the
// host, the journal's writer and the cluster's cells use it.
package threads

import (
	"sync"
	"sync/atomic"
	"time"
)

// Threads stands in for goroutines and their waits.
type Threads interface {
	// Go runs f beside its caller.
	Go(f func())
	// Wait returns true once ready has, which it is asked again and again, or false
	// after d; a negative d has no end. Only what Go has started may wait.
	Wait(d time.Duration, ready func() bool) bool
}

// Forever is a wait without an end.
const Forever time.Duration = -1

// Go runs f beside its caller.
func Go(t Threads, f func()) {
	if t == nil {
		go f()
		return
	}
	t.Go(f)
}

// Receive is v, ok = <-c.
func Receive[T any](t Threads, c <-chan T) (v T, ok bool) {
	if t != nil {
		return wait(t, c)
	}
	v, ok = <-c
	return v, ok
}

// wait is apart so that what it shares with its closure costs the real thing nothing.
func wait[T any](t Threads, c <-chan T) (v T, ok bool) {
	t.Wait(Forever, func() bool {
		select {
		case v, ok = <-c:
			return true
		default:
			return false
		}
	})
	return v, ok
}

// First receives from the first of three channels that has something or is closed, and
// says which: 0, 1 or 2, or -1 after d. A nil channel never has anything.
func First(t Threads, d time.Duration, a, b, c <-chan struct{}) int {
	if t != nil {
		return first(t, d, a, b, c)
	}
	var end <-chan time.Time
	if d >= 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		end = timer.C
	}
	select {
	case <-a:
		return 0
	case <-b:
		return 1
	case <-c:
		return 2
	case <-end:
		return -1
	}
}

func first(t Threads, d time.Duration, channels ...<-chan struct{}) int {
	which := -1
	t.Wait(d, func() bool { which = poll(channels...); return which >= 0 })
	return which
}

func poll(channels ...<-chan struct{}) int {
	for i, c := range channels {
		select {
		case <-c:
			return i
		default:
		}
	}
	return -1
}

// Group is threads that somebody waits for.
type Group struct {
	Threads Threads
	running atomic.Int64
	real    sync.WaitGroup
}

// Go runs f beside its caller, as one of the group.
func (g *Group) Go(f func()) {
	g.running.Add(1)
	g.real.Add(1)
	Go(g.Threads, func() {
		defer g.real.Done()
		defer g.running.Add(-1)
		f()
	})
}

// Wait returns when all of the group have ended.
func (g *Group) Wait() {
	if g.Threads != nil {
		g.Threads.Wait(Forever, func() bool { return g.running.Load() == 0 })
	}
	g.real.Wait()
}
