package threads

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// counted is Threads that wait on real goroutines and count how often they are asked.
type counted struct{ waits atomic.Int64 }

func (*counted) Go(f func()) { go f() }

func (c *counted) Wait(d time.Duration, ready func() bool) bool {
	c.waits.Add(1)
	end := time.Now().Add(d)
	for d < 0 || time.Now().Before(end) {
		if ready() {
			return true
		}
		time.Sleep(time.Millisecond)
	}
	return false
}

// TestBoth holds the helpers to the same answers on goroutines and on other threads.
func TestBoth(t *testing.T) {
	other := &counted{}
	for name, threads := range map[string]Threads{"real": nil, "other": other} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b, v := make(chan struct{}), make(chan struct{}, 1), make(chan int)
				began := time.Now()
				if got := First(threads, 3*time.Second, a, nil, nil); got != -1 || time.Since(began) < 3*time.Second {
					t.Errorf("nothing came, and First says %d after %v", got, time.Since(began))
				}
				b <- struct{}{}
				if got := First(threads, Forever, a, nil, b); got != 2 {
					t.Errorf("b has something, and First says %d", got)
				}
				close(a)
				if got := First(threads, time.Second, a, b, nil); got != 0 {
					t.Errorf("a is closed, and First says %d", got)
				}
				g := Group{Threads: threads}
				done := 0
				g.Go(func() { v <- 7; close(v) })
				g.Go(func() { time.Sleep(time.Second); done++ })
				if x, ok := Receive(threads, v); x != 7 || !ok {
					t.Errorf("received %d, %v", x, ok)
				}
				if _, ok := Receive(threads, v); ok {
					t.Error("received from a closed channel")
				}
				if g.Wait(); done != 1 {
					t.Error("the group was not waited for")
				}
			})
		})
	}
	if other.waits.Load() != 6 {
		t.Errorf("%d waits went through the other threads", other.waits.Load())
	}
}
