package webhooks

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// How far a sender came, in the accounts' database: read when it begins, saved as it goes.

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
