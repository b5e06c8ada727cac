package payments

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/payment"
)

// lane is one provider: its own work, workers and breaker, so that it holds up no other.
type lane struct {
	poll    time.Duration
	most    int           // jobs that are kept
	wake    chan struct{} // a buffer of one: something may have come due
	breaker *gobreaker.CircuitBreaker[Result]

	mu      sync.Mutex
	jobs    map[key]*job
	missed  map[string]bool // stores of which work was left out, for want of room
	reading map[key]int64   // versions that were seen while such a store is read again; nil: none is
}

type key struct{ store, payment string }

// job is one payment's work, as of its newest view. One that is under way is kept even
// when that view names no work any more, so that the next piece waits for its end.
type job struct {
	key
	v       int64
	view    *payment.View
	at      time.Time // when to do it next
	tries   int       // calls since the work changed that did not end it
	fresh   bool      // it was seen as it began, so nobody has called for it before
	running bool
}

func newLane(name string, c *Config) *lane {
	return &lane{poll: c.Poll, most: c.Most, wake: make(chan struct{}, 1), jobs: map[key]*job{}, missed: map[string]bool{},
		breaker: gobreaker.NewCircuitBreaker[Result](gobreaker.Settings{
			Name: name, Timeout: 5 * c.Poll, ReadyToTrip: func(n gobreaker.Counts) bool { return n.ConsecutiveFailures >= 5 },
			IsSuccessful: func(err error) bool { return err == nil || errors.Is(err, ErrNone) || errors.Is(err, context.Canceled) },
			OnStateChange: func(name string, _, to gobreaker.State) {
				c.Log.Warn("payment provider", "provider", name, "breaker", to.String())
			}})}
}

// see takes a payment's newest view; fresh: of a turn, and not of a cell that was opened.
func (l *lane) see(k key, v int64, view *payment.View, fresh bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.reading != nil {
		l.reading[k] = max(l.reading[k], v)
	}
	l.keep(k, v, view, fresh)
}

func (l *lane) keep(k key, v int64, view *payment.View, fresh bool) {
	j := l.jobs[k]
	switch {
	case j != nil && v < j.v:
		return
	case view.Work == nil && (j == nil || !j.running):
		delete(l.jobs, k)
		return
	case j == nil && len(l.jobs) >= l.most:
		l.missed[k.store] = true
		return
	case j == nil:
		j = &job{key: k, fresh: fresh}
		l.jobs[k] = j
	}
	if j.view == nil || !sameWork(j.view, view) {
		j.at, j.tries = time.Now(), 0
		if view.State == payment.Pending && view.Work != nil && view.Work.Do == "query" && !asked(j.view, view) {
			j.at = j.at.Add(l.poll)
		}
	}
	j.v, j.view = v, view
	l.rouse()
}

func sameWork(a, b *payment.View) bool {
	if a.Work == nil || b.Work == nil {
		return a.Work == b.Work
	}
	return *a.Work == *b.Work && a.State == b.State
}

// asked says that somebody wants to know at once.
func asked(was, now *payment.View) bool {
	return was != nil && was.Work != nil && was.Work.Asks != now.Work.Asks
}

// forget drops the work of a store.
func (l *lane) forget(store string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.missed, store)
	for k, j := range l.jobs {
		switch {
		case k.store != store:
		case j.running:
			j.view = &payment.View{Provider: j.view.Provider}
		default:
			delete(l.jobs, k)
		}
	}
}

func (l *lane) rouse() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// next takes the job that is due for longest, or says how long to wait for one.
func (l *lane) next() (*job, time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var first *job
	for _, j := range l.jobs {
		if !j.running && (first == nil || j.at.Before(first.at)) {
			first = j
		}
	}
	if first == nil {
		return nil, time.Minute
	}
	if wait := time.Until(first.at); wait > 0 {
		return nil, min(wait, time.Minute)
	}
	first.running = true
	taken := *first
	return &taken, 0
}

// done puts back a job that was taken. If its work is still the same, it is due again
// after a while.
func (l *lane) done(j *job, again time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.jobs[j.key]
	now.running = false
	switch {
	case now.view.Work == nil:
		delete(l.jobs, j.key)
	case sameWork(now.view, j.view):
		now.at, now.tries = time.Now().Add(again), j.tries+1
	}
	l.rouse()
}

// again names a store of which work was left out, if there is room now. What is seen
// from here on is newer than what is read of it.
func (l *lane) again() (store string, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.jobs) > l.most/2 {
		return "", false
	}
	for store := range l.missed {
		delete(l.missed, store)
		l.reading = map[key]int64{}
		return store, true
	}
	return "", false
}

// read takes what the log says of that store; with an error, it is read some other time.
func (l *lane) read(provider, store string, views []actors.View, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.missed[store] = true
	}
	for i := range views {
		v, ok := views[i].View.(*payment.View)
		if !ok || v.Provider != provider {
			continue
		}
		k := key{store, v.ID}
		if seen, later := l.reading[k]; !later || seen <= views[i].V {
			l.keep(k, views[i].V, v, false)
		}
	}
	l.reading = nil
}
