package webhooks

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/brigata/brigata/actors"
)

// feed numbers the events of one store while its cell is here, and has its senders. What
// it is shown only says where to look: the journal says what happened.
type feed struct {
	d      *Driver
	store  string
	wake   chan struct{} // a buffer of one
	oldest atomic.Int64  // when the oldest event happened that is not delivered, ms; 0: none

	mu      sync.Mutex
	pending map[string]struct{} // orders that have changed
	missed  bool                // more than are kept: all must be looked at
	rows    []row

	run *run // the looking goroutine's; nil: the cell is elsewhere
}

// run is a feed's work while the cell is here.
type run struct {
	cancel context.CancelFunc
	done   chan struct{}
}

const (
	pendingMax = 4096
	batchMax   = 100
	retryAfter = time.Second // where the database failed
	pruneEvery = time.Hour
	// graceTime is how long those under way have to end.
	graceTime = 2 * time.Second
)

// errOusted says that another took over, or that the webhook was changed.
var errOusted = errors.New("webhooks: another sends now")

func (f *feed) see(id string) {
	f.mu.Lock()
	if len(f.pending) < pendingMax {
		f.pending[id] = struct{}{}
	} else {
		f.missed = true
	}
	f.mu.Unlock()
	f.poke()
}

func (f *feed) poke() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

func (f *feed) set(rows []row) {
	f.mu.Lock()
	f.rows = rows
	f.mu.Unlock()
}

func (f *feed) busy() bool {
	if f.run == nil {
		return false
	}
	select {
	case <-f.run.done:
		return false
	default:
		return true
	}
}

// place starts or ends the work as the cell comes and goes.
func (f *feed) place() {
	f.mu.Lock()
	wanted := len(f.rows) > 0
	f.mu.Unlock()
	wanted = wanted && f.d.config.Here(f.store)
	switch busy := f.busy(); {
	case busy && !wanted:
		f.run.cancel()
	case busy:
		f.poke() // for the senders
	case wanted:
		ctx, cancel := context.WithCancel(f.d.ctx)
		r := &run{cancel, make(chan struct{})}
		f.run = r
		f.d.tasks.Go(func() {
			defer close(r.done)
			defer cancel()
			w := &work{feed: f, token: rand.Text(), senders: map[string]*sender{}}
			w.do(ctx)
		})
	}
}

// work belongs to one goroutine.
type work struct {
	*feed
	token   string // of this time that the cell is here
	since   int64
	senders map[string]*sender
	below   string // where looking through the past has come to
	caught  bool   // to its end
	pruned  time.Time
}

func (w *work) do(ctx context.Context) {
	defer w.end()
	for taken := false; ctx.Err() == nil; {
		err := error(nil)
		if !taken {
			err = w.take(ctx)
			taken = err == nil
		}
		more := false
		if err == nil {
			w.staff()
			more, err = w.step(ctx)
		}
		switch {
		case errors.Is(err, errOusted):
			return
		case err != nil && ctx.Err() == nil:
			w.d.config.Log.Warn("webhooks: events not numbered", "store", w.store, "error", err)
			pause(ctx, retryAfter)
		case !more && err == nil:
			select {
			case <-ctx.Done():
			case <-w.wake:
			}
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}

// take makes this the one who numbers and sends.
func (w *work) take(ctx context.Context) error {
	return w.d.db.QueryRowContext(ctx, "UPDATE webhook_stores SET sender = $1 WHERE store = $2 RETURNING since", w.token, w.store).Scan(&w.since)
}

// step numbers some of what waits, and then some of the past; more: there is more.
func (w *work) step(ctx context.Context) (more bool, err error) {
	w.mu.Lock()
	if w.missed {
		w.missed, w.caught, w.below = false, false, ""
	}
	var ids []string
	for id := range w.pending {
		if len(ids) == batchMax {
			break
		}
		ids = append(ids, id)
		delete(w.pending, id)
	}
	more = len(w.pending) > 0
	w.mu.Unlock()
	if len(ids) > 0 {
		keys := make([]string, len(ids))
		for i, id := range ids {
			keys[i] = actors.OrderKey(w.store, id)
		}
		if err := w.number(ctx, keys); err != nil {
			for _, id := range ids {
				w.see(id)
			}
			return true, err
		}
	}
	if !w.caught {
		if err := w.look(ctx); err != nil {
			return true, err
		}
	}
	if time.Since(w.pruned) > pruneEvery {
		if err := w.prune(ctx); err != nil {
			return true, err
		}
	}
	return more || !w.caught, nil
}

// look looks at a page of the past's orders, for what nobody was left to see.
func (w *work) look(ctx context.Context) error {
	select {
	case w.d.catch <- struct{}{}:
		defer func() { <-w.d.catch }()
	case <-ctx.Done():
		return ctx.Err()
	}
	keys, err := w.d.config.Archive.OrderKeys(ctx, w.store, w.below, w.from())
	if err != nil {
		return err
	}
	if len(keys) == 0 {
		w.caught = true
		return nil
	}
	if err := w.number(ctx, keys); err != nil {
		return err
	}
	w.below = keys[len(keys)-1]
	return nil
}

// from is when the oldest event happened that is told.
func (w *work) from() time.Time {
	return time.UnixMilli(max(w.since, time.Now().Add(-Keep).UnixMilli()))
}

// read is how far an order's log was read now.
type read struct {
	key    string
	seq    int64
	events []actors.OrderEvent
}

// number reads what is new in the logs of orders and gives the events their numbers.
// Nobody else does while the token stands.
func (w *work) number(ctx context.Context, keys []string) error {
	had, err := w.had(ctx, keys)
	if err != nil {
		return err
	}
	var news []read
	count := 0
	for _, key := range keys {
		events, v, err := w.d.config.Archive.OrderEvents(ctx, key, had[key])
		if err != nil {
			return fmt.Errorf("order %s: %w", key, err)
		}
		if v == had[key] {
			continue
		}
		r := read{key: key, seq: v}
		for _, e := range events {
			if !e.At.Before(w.from()) {
				r.events = append(r.events, e)
			}
		}
		news = append(news, r)
		count += len(r.events)
	}
	if len(news) == 0 {
		return nil
	}
	err = w.d.within(ctx, func(tx *sql.Tx) error { return w.write(ctx, tx, news, count) })
	if err == nil && count > 0 {
		for _, s := range w.senders {
			s.poke()
		}
	}
	return err
}

func (w *work) had(ctx context.Context, keys []string) (map[string]int64, error) {
	args := []any{w.store}
	var marks []string
	for _, key := range keys {
		args = append(args, key)
		marks = append(marks, fmt.Sprintf("$%d", len(args)))
	}
	rows, err := w.d.db.QueryContext(ctx, "SELECT entity, seq FROM webhook_orders WHERE store = $1 AND entity IN ("+strings.Join(marks, ", ")+")", args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	had := map[string]int64{}
	for rows.Next() {
		var key string
		var seq int64
		if err := rows.Scan(&key, &seq); err != nil {
			return nil, err
		}
		had[key] = seq
	}
	return had, rows.Err()
}

// write holds the store's row until the end: numbers become visible in their order.
func (w *work) write(ctx context.Context, tx *sql.Tx, news []read, count int) error {
	var n int64
	err := tx.QueryRowContext(ctx, "UPDATE webhook_stores SET n = n + $1 WHERE store = $2 AND sender = $3 RETURNING n", count, w.store, w.token).Scan(&n)
	if errors.Is(err, sql.ErrNoRows) {
		return errOusted
	}
	if err != nil {
		return err
	}
	n -= int64(count)
	now := time.Now().UnixMilli()
	for _, r := range news {
		for _, e := range r.events {
			n++
			if _, err := tx.ExecContext(ctx, "INSERT INTO webhook_events (store, n, order_id, seq, type, at, trace) VALUES ($1, $2, $3, $4, $5, $6, $7)",
				w.store, n, e.Order, e.Seq, e.Type, e.At.UnixMilli(), e.Trace.String()); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO webhook_orders (store, entity, seq, at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (store, entity) DO UPDATE SET seq = excluded.seq, at = excluded.at`, w.store, r.key, r.seq, now); err != nil {
			return err
		}
	}
	return nil
}

// prune forgets what is too old to be told. How far an order was read is kept a day
// longer: an order that is not known has nothing older than that to tell.
func (w *work) prune(ctx context.Context) error {
	old := time.Now().Add(-Keep)
	for _, q := range []struct {
		sql string
		at  time.Time
	}{
		{"DELETE FROM webhook_events WHERE store = $1 AND at < $2", old},
		{"DELETE FROM webhook_orders WHERE store = $1 AND at < $2", old.Add(-24 * time.Hour)},
		{"DELETE FROM webhook_dead WHERE webhook IN (SELECT id FROM webhooks WHERE store = $1) AND at < $2", old},
	} {
		if _, err := w.d.db.ExecContext(ctx, q.sql, w.store, q.at.UnixMilli()); err != nil {
			return err
		}
	}
	w.pruned = time.Now()
	return nil
}

// staff has one sender for each webhook that is active, as it is now.
func (w *work) staff() {
	w.mu.Lock()
	rows := w.rows
	w.mu.Unlock()
	wanted := map[string]row{}
	for _, r := range rows {
		if r.state == "active" && r.url != "" {
			wanted[r.id] = r
		}
	}
	oldest := int64(0)
	for id, s := range w.senders {
		if r, ok := wanted[id]; !ok || r.config != s.config {
			s.stop()
		}
		if s.ended() {
			delete(w.senders, id)
		} else if at := s.oldest.Load(); at > 0 && (oldest == 0 || at < oldest) {
			oldest = at
		}
	}
	w.oldest.Store(oldest)
	for id, r := range wanted {
		if w.senders[id] == nil {
			w.senders[id] = w.send(r)
		}
	}
}

// end waits for the senders.
func (w *work) end() {
	for _, s := range w.senders {
		s.stop()
	}
	for _, s := range w.senders {
		<-s.done
	}
	w.oldest.Store(0)
}
