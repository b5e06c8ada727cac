package webhooks

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync/atomic"
	"time"
)

// sender delivers the events of one webhook, those of an order one after the other. But
// for what is marked, it belongs to its goroutine.
type sender struct {
	config
	w      *work
	cancel context.CancelFunc
	wake   chan struct{} // a buffer of one
	done   chan struct{}
	oldest atomic.Int64 // see feed.oldest

	types   map[string]bool // nil: all
	read    int64           // events up to it are in queues, or done with
	more    bool            // there may be events after it
	queues  map[string]*queue
	fresh   int // events in queues that are not late
	flying  int
	results chan result

	failures  int // in a row of calls that nobody answered
	resume    time.Time
	failingAt int64
	delivered int64
	error     string
	gone      bool // the receiver wants no more

	dirty bool // since the last save
	dead  []dead
}

// event is a line of the index.
type event struct {
	n, seq, at         int64
	order, kind, trace string
}

// queue is the undelivered events of one order. A late one's first was not taken: it is
// written down, so that the webhook's position can pass it, and its events beyond those
// here are read when it is their turn.
type queue struct {
	order  string
	events []event
	flying bool
	late   bool
	from   int64 // of a late one: its events from here on are undelivered
	tries  int   // of the first event
	probes int   // with it, since nobody was there
	next   time.Time
	error  string
	dirty  bool
}

type dead struct {
	event
	tries int
	error string
}

type result struct {
	q *queue
	e event
	answer
}

const (
	width    = 8 // calls of one receiver at a time
	freshMax = 512
	lateMax  = 10_000
	readMax  = 200
	// downAfter is how many calls in a row without an answer mean that nobody is there.
	// One call at a time is made then, after waits that double up to Most / downMost.
	downAfter = 5
	downMost  = 60
)

func (w *work) send(r row) *sender {
	ctx, cancel := context.WithCancel(context.Background())
	s := &sender{config: r.config, w: w, cancel: cancel, wake: make(chan struct{}, 1), done: make(chan struct{}),
		more: true, queues: map[string]*queue{}, results: make(chan result, width)}
	var types []string
	if json.Unmarshal([]byte(r.events), &types) == nil && len(types) > 0 && !slices.Contains(types, "*") {
		s.types = map[string]bool{}
		for _, t := range types {
			s.types[t] = true
		}
	}
	w.d.tasks.Go(func() {
		defer close(s.done)
		defer cancel()
		s.run(ctx)
	})
	return s
}

func (s *sender) stop() { s.cancel() }

func (s *sender) ended() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

func (s *sender) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *sender) run(ctx context.Context) {
	calls, cut := context.WithCancel(context.Background())
	defer cut()
	loaded := false
	for ctx.Err() == nil {
		err := error(nil)
		if !loaded {
			err = s.load(ctx)
			loaded = err == nil
		}
		if err == nil {
			err = s.turn(ctx, calls)
		}
		wait := s.rest(time.Now())
		switch {
		case errors.Is(err, errOusted):
			cut()
			s.land(ctx, 0)
			return
		case err != nil && ctx.Err() == nil:
			s.w.d.config.Log.Warn("webhook stands still", "store", s.store, "webhook", s.id, "error", err)
			wait = retryAfter
		}
		s.await(ctx, wait)
	}
	grace := time.AfterFunc(graceTime, cut)
	defer grace.Stop()
	s.land(ctx, graceTime)
}

// land takes the results of what is under way, and saves them if there is time.
func (s *sender) land(ctx context.Context, within time.Duration) {
	for s.flying > 0 {
		s.take(<-s.results)
	}
	if within > 0 {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), within)
		defer cancel()
		if err := s.save(ctx); err != nil && !errors.Is(err, errOusted) {
			s.w.d.config.Log.Warn("webhook's position not saved", "store", s.store, "webhook", s.id, "error", err)
		}
	}
}

// await waits for a result, for news, or until it is time.
func (s *sender) await(ctx context.Context, wait time.Duration) {
	t := time.NewTimer(wait)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	case <-s.wake:
		s.more = true
	case r := <-s.results:
		s.take(r)
	}
	for {
		select {
		case r := <-s.results:
			s.take(r)
		default:
			return
		}
	}
}

// turn saves what was done, reads what is new and makes the calls that it is time for.
func (s *sender) turn(ctx, calls context.Context) error {
	if err := s.save(ctx); err != nil {
		return err
	}
	if err := s.fill(ctx); err != nil {
		return err
	}
	for {
		q := s.pick(time.Now())
		if q == nil {
			return nil
		}
		if len(q.events) == 0 {
			if err := s.refill(ctx, q); err != nil {
				return err
			}
			continue
		}
		s.call(calls, q)
	}
}

func (s *sender) call(ctx context.Context, q *queue) {
	q.flying = true
	s.flying++
	e := q.events[0]
	s.w.d.tasks.Go(func() { s.results <- result{q, e, s.w.d.deliver(ctx, s.config, e)} })
}

// pick is the order whose turn it is: those that have failed less, then older ones.
func (s *sender) pick(now time.Time) (best *queue) {
	if s.flying >= width || s.down() && (s.flying > 0 || now.Before(s.resume)) {
		return nil
	}
	for _, q := range s.queues {
		if q.flying || now.Before(q.next) {
			continue
		}
		if best == nil || q.failures() < best.failures() || q.failures() == best.failures() && q.first() < best.first() {
			best = q
		}
	}
	return best
}

func (q *queue) first() int64 {
	if len(q.events) > 0 {
		return q.events[0].n
	}
	return q.from
}

func (q *queue) failures() int { return q.tries + q.probes }

// down says that nobody is there, so that the order of a failed call says nothing.
func (s *sender) down() bool { return s.failures >= downAfter }

// rest is how long there is nothing to do by itself.
func (s *sender) rest(now time.Time) time.Duration {
	wait, oldest := time.Minute, int64(0)
	for _, q := range s.queues {
		if !q.flying && s.flying < width {
			wait = min(wait, q.next.Sub(now))
		}
		if len(q.events) > 0 && (oldest == 0 || q.events[0].at < oldest) {
			oldest = q.events[0].at
		}
	}
	s.oldest.Store(oldest)
	if s.down() {
		wait = max(wait, s.resume.Sub(now))
		if s.flying > 0 {
			wait = time.Minute
		}
	}
	return max(wait, time.Millisecond)
}

// take takes what became of a call.
func (s *sender) take(r result) {
	s.flying--
	q := r.q
	q.flying = false
	now := time.Now()
	switch r.outcome {
	case unread: // nobody was called
		q.next = now.Add(retryAfter)
		return
	case taken:
		if s.down() { // somebody is there again
			for _, q := range s.queues {
				q.next, q.probes = time.Time{}, 0
			}
		}
		s.failures, s.failingAt, s.error = 0, 0, ""
		s.delivered = now.UnixMilli()
		s.shift(q)
		return
	}
	s.dirty, s.error = true, r.text
	if s.failingAt == 0 {
		s.failingAt = now.UnixMilli()
	}
	s.gone = s.gone || r.status == http.StatusGone
	if s.failures++; !r.away() {
		s.failures = 0
	}
	if s.down() { // it is not for this event that it was not taken
		s.resume = now.Add(max(s.backoff(s.failures-downAfter, s.w.d.config.Most/downMost), min(r.after, s.w.d.config.Most)))
		q.probes++
		return
	}
	q.tries++
	q.error = r.text
	s.late(q)
	if q.tries >= s.w.d.config.Tries {
		s.dead = append(s.dead, dead{q.events[0], q.tries, r.text})
		s.shift(q)
		return
	}
	q.next = now.Add(max(s.backoff(q.tries-1, s.w.d.config.Most), min(r.after, s.w.d.config.Most)))
}

// late has an order wait by itself.
func (s *sender) late(q *queue) {
	if !q.late {
		s.fresh -= len(q.events)
		q.late = true
	}
	q.events = q.events[:1]
	q.from, q.dirty = q.events[0].n, true
}

// shift takes the first event off a queue.
func (s *sender) shift(q *queue) {
	s.dirty = true
	n := q.events[0].n
	q.events = q.events[1:]
	q.tries, q.next, q.error = 0, time.Time{}, ""
	if q.late {
		q.from, q.dirty = n+1, true
		return
	}
	if s.fresh--; len(q.events) == 0 {
		delete(s.queues, q.order)
	}
}

// backoff is the wait after some failures: doubled each time, and half of it by chance.
func (s *sender) backoff(failures int, most time.Duration) time.Duration {
	d := max(most, s.w.d.config.Again)
	if failures < 30 {
		d = min(d, s.w.d.config.Again<<failures)
	}
	return d/2 + rand.N(d/2+1)
}
