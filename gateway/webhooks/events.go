package webhooks

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/wire"
)

// DeadLetter is an event that was given up.
type DeadLetter struct {
	ID     string    `json:"id" doc:"The event's"`
	Type   string    `json:"type"`
	Order  string    `json:"order"`
	Seq    int64     `json:"seq"`
	At     time.Time `json:"at"`
	Cursor string    `json:"cursor"`
	Tries  int       `json:"tries"`
	Error  string    `json:"error"`
	DeadAt time.Time `json:"dead_at"`
}

// Tested is what became of a test.
type Tested struct {
	OK     bool   `json:"ok"`
	Status int    `json:"status,omitempty" doc:"What the receiver answered"`
	Error  string `json:"error,omitempty"`
	TookMS int64  `json:"took_ms"`
}

// Query asks for a store's events.
type Query struct {
	After int64 // a cursor
	Type  string
	Limit int
}

var errCursor = refusal.Faults(refusal.Fault{At: "/after", Reason: "type"})

// Cursor reads a cursor; "" is the beginning.
func Cursor(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0, errCursor
	}
	return n, nil
}

// Events returns a store's events after a cursor as JSON, separated by commas, as they
// are delivered, and the cursor to go on from. It is not_found when there is no webhook,
// for then nothing is kept, or when what follows the cursor is not kept any more.
func (d *Driver) Events(ctx context.Context, store string, q Query) (items []byte, next string, err error) {
	var first, last int64
	err = d.db.QueryRowContext(ctx, `SELECT coalesce((SELECT min(n) FROM webhook_events WHERE store = $1), n + 1), n FROM webhook_stores
		WHERE store = $1 AND EXISTS (SELECT 1 FROM webhooks WHERE store = $1)`, store).Scan(&first, &last)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, "", refusal.New(refusal.NotFound, "", "The store has no webhook: its events are not kept").With(refusal.Fields{Kind: "webhook"})
	}
	switch {
	case err != nil:
		return nil, "", err
	case q.After > last:
		return nil, "", errCursor
	case q.After > 0 && q.After < first-1:
		return nil, "", refusal.New(refusal.NotFound, "", "Events after this cursor are not kept any more").With(
			refusal.Fields{Kind: "event", ID: strconv.FormatInt(q.After, 10)})
	}
	list, err := d.events(ctx, "WHERE store = $1 AND n > $2 AND n <= $3 AND (type = $4 OR $4 = '') ORDER BY n LIMIT $5", store, q.After, last, q.Type, q.Limit)
	if err != nil {
		return nil, "", err
	}
	for i, e := range list {
		order, err := d.config.Archive.OrderAt(ctx, store, e.order, e.seq)
		if err != nil {
			return nil, "", err
		}
		if i > 0 {
			items = append(items, ',')
		}
		items = appendEvent(items, store, e, order)
	}
	if len(list) == q.Limit {
		last = list[len(list)-1].n
	}
	return items, strconv.FormatInt(last, 10), nil
}

// Test calls the receiver with an event of the type webhook.test.
func (d *Driver) Test(ctx context.Context, store, id string) (t Tested, err error) {
	r, err := d.row(ctx, d.db, store, id)
	if err != nil {
		return t, err
	}
	if r.url == "" {
		return t, refusal.New(refusal.Conflict, "state", "This webhook calls nobody")
	}
	began := time.Now()
	var b [16]byte
	rand.Read(b[:])
	e := store + ".test." + hex.EncodeToString(b[:])
	body := fmt.Sprintf(`{"id":%q,"store":%q,"type":"webhook.test","at":%q,"d":{}}`, e, store, began.UTC().Format("2006-01-02T15:04:05.000Z"))
	a := d.post(ctx, r.config, e, below(wire.Trace{}), []byte(body))
	return Tested{OK: a.outcome == taken, Status: a.status, Error: a.text, TookMS: time.Since(began).Milliseconds()}, nil
}

// Replay has a webhook told again what came after a cursor, or what happened at or after
// a time; what is kept of it.
func (d *Driver) Replay(ctx context.Context, store, id string, after int64, from time.Time) (Webhook, error) {
	err := d.change(ctx, func(tx *sql.Tx) error {
		if _, err := d.row(ctx, tx, store, id); err != nil {
			return err
		}
		if !from.IsZero() {
			if err := tx.QueryRowContext(ctx, `SELECT coalesce((SELECT min(n) - 1 FROM webhook_events WHERE store = $1 AND at >= $2),
				(SELECT n FROM webhook_stores WHERE store = $1), 0)`, store, from.UnixMilli()).Scan(&after); err != nil {
				return err
			}
		}
		var last int64
		if err := tx.QueryRowContext(ctx, "SELECT n FROM webhook_stores WHERE store = $1", store).Scan(&last); err != nil {
			return err
		}
		if after > last {
			return errCursor
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM webhook_late WHERE webhook = $1 AND n > $2", id, after); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "UPDATE webhooks SET position = $1, gen = gen + 1 WHERE id = $2", after, id)
		return err
	})
	if err != nil {
		return Webhook{}, err
	}
	return d.Get(ctx, store, id)
}

// Dead lists dead letters after a cursor, the oldest first, and the cursor of the next
// page; "" when there is none.
func (d *Driver) Dead(ctx context.Context, store, id string, after int64, limit int) (list []DeadLetter, next string, err error) {
	if _, err := d.row(ctx, d.db, store, id); err != nil {
		return nil, "", err
	}
	rows, err := d.db.QueryContext(ctx, "SELECT n, order_id, seq, type, at, tries, error, dead_at FROM webhook_dead WHERE webhook = $1 AND n > $2 ORDER BY n LIMIT $3", id, after, limit)
	if err != nil {
		return nil, "", err
	}
	defer rows.Close()
	list = []DeadLetter{}
	for rows.Next() {
		var l DeadLetter
		var n, at, dead int64
		if err := rows.Scan(&n, &l.Order, &l.Seq, &l.Type, &at, &l.Tries, &l.Error, &dead); err != nil {
			return nil, "", err
		}
		l.ID, l.Cursor, l.At, l.DeadAt = eventID(store, l.Order, l.Seq), strconv.FormatInt(n, 10), moment(at), moment(dead)
		list = append(list, l)
	}
	if len(list) == limit {
		next = list[limit-1].Cursor
	}
	return list, next, rows.Err()
}

// Retry has the orders of dead letters told again from there on, in their sequence; nil
// ids: of all. It returns of how many.
func (d *Driver) Retry(ctx context.Context, store, id string, ids []string) (count int64, err error) {
	err = d.change(ctx, func(tx *sql.Tx) error {
		if _, err := d.row(ctx, tx, store, id); err != nil {
			return err
		}
		which, args := "webhook = $1", []any{id}
		if ids != nil {
			var each []string
			for _, x := range ids {
				order, seq, ok := split(store, x)
				if !ok {
					return refusal.Faults(refusal.Fault{At: "/ids", Reason: "id"})
				}
				args = append(args, order, seq)
				each = append(each, fmt.Sprintf("order_id = $%d AND seq = $%d", len(args)-1, len(args)))
			}
			which += " AND (" + strings.Join(each, " OR ") + ")"
		}
		if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM webhook_dead WHERE "+which, args...).Scan(&count); err != nil {
			return err
		}
		if count < int64(len(ids)) {
			return refusal.New(refusal.NotFound, "", "There is no such dead letter").With(refusal.Fields{Kind: "event"})
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO webhook_late (webhook, order_id, n, tries, next_at, error)
			SELECT webhook, order_id, min(n), 0, 0, '' FROM webhook_dead WHERE `+which+` GROUP BY webhook, order_id
			ON CONFLICT (webhook, order_id) DO UPDATE SET n = CASE WHEN excluded.n < webhook_late.n THEN excluded.n ELSE webhook_late.n END,
			tries = 0, next_at = 0`, args...); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM webhook_dead WHERE "+which, args...); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "UPDATE webhooks SET gen = gen + 1 WHERE id = $1", id)
		return err
	})
	return count, err
}

// split reads an event's id.
func split(store, id string) (order string, seq int64, ok bool) {
	rest, ok := strings.CutPrefix(id, store+".")
	order, number, found := strings.Cut(rest, ".")
	seq, err := strconv.ParseInt(number, 10, 64)
	return order, seq, ok && found && err == nil
}
