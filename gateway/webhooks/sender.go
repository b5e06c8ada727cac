package webhooks

import (
	"context"
	"database/sql"
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

// position is up to where nothing has to be told again but what late orders hold.
func (s *sender) position() int64 {
	p := s.read
	for _, q := range s.queues {
		if !q.late {
			p = min(p, q.events[0].n-1)
		}
	}
	return p
}

// load reads where the webhook was.
func (s *sender) load(ctx context.Context) error {
	db := s.w.d.db
	var gen int64
	err := db.QueryRowContext(ctx, "SELECT gen, position, failing_at, delivered_at, error FROM webhooks WHERE id = $1", s.id).Scan(
		&gen, &s.read, &s.failingAt, &s.delivered, &s.error)
	if errors.Is(err, sql.ErrNoRows) || err == nil && gen != s.gen {
		return errOusted
	}
	if err != nil {
		return err
	}
	rows, err := db.QueryContext(ctx, "SELECT order_id, n, tries, next_at, error FROM webhook_late WHERE webhook = $1", s.id)
	if err != nil {
		return err
	}
	defer rows.Close()
	clear(s.queues)
	for rows.Next() {
		q := &queue{late: true}
		var next int64
		if err := rows.Scan(&q.order, &q.from, &q.tries, &next, &q.error); err != nil {
			return err
		}
		q.next = time.UnixMilli(next)
		s.queues[q.order] = q
	}
	return rows.Err()
}

const eventColumns = "SELECT n, order_id, seq, type, at, trace FROM webhook_events "

func (d *Driver) events(ctx context.Context, where string, args ...any) (list []event, err error) {
	rows, err := d.db.QueryContext(ctx, eventColumns+where, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var e event
		if err := rows.Scan(&e.n, &e.order, &e.seq, &e.kind, &e.at, &e.trace); err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	return list, rows.Err()
}

// fill reads what is new, as far as there is room.
func (s *sender) fill(ctx context.Context) error {
	for s.more && s.fresh < freshMax && len(s.queues) < lateMax {
		list, err := s.w.d.events(ctx, "WHERE store = $1 AND n > $2 ORDER BY n LIMIT $3", s.store, s.read, readMax)
		if err != nil {
			return err
		}
		s.more = len(list) == readMax
		for _, e := range list {
			s.read = e.n
			if s.types != nil && !s.types[e.kind] {
				continue
			}
			q := s.queues[e.order]
			switch {
			case q == nil:
				q = &queue{order: e.order}
				s.queues[e.order] = q
			case q.late:
				continue // it is read when it is its turn
			}
			q.events = append(q.events, e)
			s.fresh++
		}
		s.dirty = s.dirty || len(list) > 0
	}
	return nil
}

// refill reads what a late order has left; when that is nothing, it is late no more.
func (s *sender) refill(ctx context.Context, q *queue) error {
	list, err := s.w.d.events(ctx, "WHERE store = $1 AND order_id = $2 AND n >= $3 AND n <= $4 ORDER BY n LIMIT $5", s.store, q.order, q.from, s.read, readMax)
	if err != nil {
		return err
	}
	for _, e := range list {
		if q.from = e.n + 1; s.types == nil || s.types[e.kind] {
			q.events = append(q.events, e)
		}
	}
	switch {
	case len(q.events) > 0:
		q.from = q.events[0].n
	case len(list) < readMax:
		_, err = s.w.d.db.ExecContext(ctx, "DELETE FROM webhook_late WHERE webhook = $1 AND order_id = $2", s.id, q.order)
		if err == nil {
			delete(s.queues, q.order)
		}
	}
	return err
}

// save writes down how far it came, if it is still the one who does.
func (s *sender) save(ctx context.Context) error {
	if !s.dirty {
		return nil
	}
	now := time.Now()
	disabled := ""
	if s.gone {
		disabled = "the receiver answered 410"
	} else if s.failingAt > 0 && now.Sub(time.UnixMilli(s.failingAt)) > s.w.d.config.DisableAfter {
		disabled = "nothing was taken for " + s.w.d.config.DisableAfter.String()
	}
	err := s.w.d.within(ctx, func(tx *sql.Tx) error {
		r, err := tx.ExecContext(ctx, `UPDATE webhooks SET position = $1, failing_at = $2, delivered_at = $3, error = $4 WHERE id = $5 AND gen = $6
			AND EXISTS (SELECT 1 FROM webhook_stores WHERE store = $7 AND sender = $8)`,
			s.position(), s.failingAt, s.delivered, s.error, s.id, s.gen, s.store, s.w.token)
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, errOusted)
		}
		if err := s.saveLate(ctx, tx, now); err != nil || disabled == "" {
			return err
		}
		return disable(ctx, tx, s.id, disabled)
	})
	if err != nil {
		return err
	}
	for _, q := range s.queues {
		q.dirty = false
	}
	for range s.dead {
		if hook := s.w.d.config.Hooks.Dead; hook != nil {
			hook(s.store)
		}
	}
	s.dirty, s.dead = false, nil
	if disabled != "" {
		s.w.d.config.Log.Warn("webhook disabled", "store", s.store, "webhook", s.id, "reason", disabled)
		s.w.d.poke()
		return errOusted
	}
	return nil
}

func (s *sender) saveLate(ctx context.Context, tx *sql.Tx, now time.Time) error {
	for _, q := range s.queues {
		if !q.dirty {
			continue
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO webhook_late (webhook, order_id, n, tries, next_at, error) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (webhook, order_id) DO UPDATE SET n = excluded.n, tries = excluded.tries, next_at = excluded.next_at, error = excluded.error`,
			s.id, q.order, q.first(), q.tries, max(q.next.UnixMilli(), 0), q.error); err != nil {
			return err
		}
	}
	for _, d := range s.dead {
		if _, err := tx.ExecContext(ctx, `INSERT INTO webhook_dead (webhook, n, order_id, seq, type, at, tries, error, dead_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (webhook, n) DO UPDATE SET tries = excluded.tries, error = excluded.error, dead_at = excluded.dead_at`,
			s.id, d.n, d.order, d.seq, d.kind, d.at, d.tries, d.error, now.UnixMilli()); err != nil {
			return err
		}
	}
	return nil
}
