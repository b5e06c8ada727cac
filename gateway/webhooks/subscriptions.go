package webhooks

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/refusal"
)

// Webhook is who is told what of a store.
type Webhook struct {
	ID       string    `json:"id"`
	URL      string    `json:"url" doc:"Empty: nobody is called, and the events are kept to be asked for"`
	Events   []string  `json:"events" doc:"Types; * is all of them"`
	State    string    `json:"state" enum:"active,disabled"`
	Reason   string    `json:"reason,omitempty" doc:"Why it is disabled"`
	Position string    `json:"position" doc:"Events up to this cursor are done with, but for those that are late"`
	Waiting  int64     `json:"waiting" doc:"Events of the store after the position, of all types"`
	Late     int64     `json:"late" doc:"Orders that wait because an event of theirs was not taken"`
	Dead     int64     `json:"dead" doc:"Dead letters"`
	Failing  time.Time `json:"failing_at,omitzero" doc:"Of the first failure since something was taken"`
	Taken    time.Time `json:"delivered_at,omitzero" doc:"When something was last taken"`
	Error    string    `json:"error,omitempty" doc:"The last failure since then"`
	Created  time.Time `json:"created_at"`
	By       string    `json:"created_by"`
	Secret   string    `json:"secret,omitempty" doc:"Shown once: when the webhook is made, and when its secret is"`
}

// Input is what can be chosen; in a change, what is absent stays.
type Input struct {
	URL    *string   `json:"url,omitempty" maxLength:"2000" doc:"https, at a public address; empty: only to be asked for"`
	Events *[]string `json:"events,omitempty" maxItems:"40" doc:"Types; * is all of them"`
	State  *string   `json:"state,omitempty" enum:"active,disabled"`
}

// config is what a sender does its work by.
type config struct {
	id, store, url, events, secret, former string
	formerUntil, gen                       int64
}

// row is a webhook as it is stored.
type row struct {
	config
	state, reason, error             string
	position, failingAt, deliveredAt int64
	createdAt                        int64
	createdBy                        string
}

const (
	webhooksMax = 20 // of one store
	// overlap is how long the former secret signs beside a new one.
	overlap = 24 * time.Hour
)

var (
	errMany = refusal.New(refusal.Conflict, "too_many", "The store has 20 webhooks, which is as many as it may have")
	errUsed = refusal.New(refusal.Conflict, "cid_reused", "Another webhook was made under this Idempotency-Key")
)

func notFound(id string) *refusal.Refusal {
	return refusal.New(refusal.NotFound, "", "There is no such webhook").With(refusal.Fields{Kind: "webhook", ID: id})
}

// secrets sign what is sent at that time.
func (c *config) secrets(at time.Time) []string {
	if c.former != "" && at.UnixMilli() < c.formerUntil {
		return []string{c.secret, c.former}
	}
	return []string{c.secret}
}

func newSecret() string {
	var b [32]byte
	rand.Read(b[:]) // never fails
	return "whsec_" + base64.RawURLEncoding.EncodeToString(b[:])
}

// within runs f in a transaction. f must use tx alone: SQLite has one connection.
func (d *Driver) within(ctx context.Context, f func(tx *sql.Tx) error) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	tx, err := d.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // after Commit it does nothing
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// change runs f in a transaction, and has all nodes read the webhooks again.
func (d *Driver) change(ctx context.Context, f func(tx *sql.Tx) error) error {
	err := d.within(ctx, func(tx *sql.Tx) error { return errors.Join(f(tx), changed(ctx, tx)) })
	if err == nil {
		d.poke()
	}
	return err
}

func changed(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, "UPDATE webhook_changes SET value = $1 WHERE id = 1", rand.Text())
	return err
}

func disable(ctx context.Context, tx *sql.Tx, id, reason string) error {
	if _, err := tx.ExecContext(ctx, "UPDATE webhooks SET state = 'disabled', reason = $1, gen = gen + 1 WHERE id = $2", reason, id); err != nil {
		return err
	}
	return changed(ctx, tx)
}

// rows reads the webhooks of a store; "": of all.
func (d *Driver) rows(ctx context.Context, store string) (list []row, err error) {
	return query(ctx, d.db, "WHERE store = $1 OR $1 = '' ORDER BY created_at, id", store)
}

// row reads one of a store's.
func (d *Driver) row(ctx context.Context, q querier, store, id string) (row, error) {
	list, err := query(ctx, q, "WHERE store = $1 AND id = $2", store, id)
	if err == nil && len(list) == 0 {
		err = notFound(id)
	}
	if err != nil {
		return row{}, err
	}
	return list[0], nil
}

// querier is a database or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func query(ctx context.Context, q querier, where string, args ...any) (list []row, err error) {
	rows, err := q.QueryContext(ctx, `SELECT id, store, url, events, secret, former, former_until, gen,
		state, reason, error, position, failing_at, delivered_at, created_at, created_by FROM webhooks `+where, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var r row
		if err := rows.Scan(&r.id, &r.store, &r.url, &r.events, &r.secret, &r.former, &r.formerUntil, &r.gen,
			&r.state, &r.reason, &r.error, &r.position, &r.failingAt, &r.deliveredAt, &r.createdAt, &r.createdBy); err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, rows.Err()
}

// shown is r for the outside, without its secret.
func (d *Driver) shown(ctx context.Context, r row) (Webhook, error) {
	w := Webhook{ID: r.id, URL: r.url, State: r.state, Reason: r.reason, Position: strconv.FormatInt(r.position, 10),
		Failing: moment(r.failingAt), Taken: moment(r.deliveredAt), Error: r.error, Created: moment(r.createdAt), By: r.createdBy}
	if err := json.Unmarshal([]byte(r.events), &w.Events); err != nil {
		return w, err
	}
	err := d.db.QueryRowContext(ctx, `SELECT coalesce((SELECT n FROM webhook_stores WHERE store = $1), 0),
		(SELECT count(*) FROM webhook_late WHERE webhook = $2), (SELECT count(*) FROM webhook_dead WHERE webhook = $2)`, r.store, r.id).Scan(&w.Waiting, &w.Late, &w.Dead)
	w.Waiting = max(0, w.Waiting-r.position)
	return w, err
}

func moment(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// List returns a store's webhooks.
func (d *Driver) List(ctx context.Context, store string) ([]Webhook, error) {
	rows, err := d.rows(ctx, store)
	list := make([]Webhook, 0, len(rows))
	for _, r := range rows {
		w, err := d.shown(ctx, r)
		if err != nil {
			return nil, err
		}
		list = append(list, w)
	}
	return list, err
}

// Get returns one of a store's webhooks.
func (d *Driver) Get(ctx context.Context, store, id string) (Webhook, error) {
	r, err := d.row(ctx, d.db, store, id)
	if err != nil {
		return Webhook{}, err
	}
	return d.shown(ctx, r)
}

// check says what is wrong with an input, and puts it into r.
func (d *Driver) check(in Input, r *row) error {
	if in.URL != nil {
		if reason := d.checkURL(*in.URL); reason != "" {
			return refusal.Faults(refusal.Fault{At: "/url", Reason: reason})
		}
		r.url = *in.URL
	}
	if in.Events != nil {
		types := slices.Compact(slices.Sorted(slices.Values(*in.Events)))
		if len(types) == 0 {
			return refusal.Faults(refusal.Fault{At: "/events", Reason: "missing"})
		}
		for _, t := range types {
			if t != "*" && !slices.Contains(actors.OrderEventTypes, t) {
				return refusal.Faults(refusal.Fault{At: "/events", Reason: "unknown"})
			}
		}
		b, err := json.Marshal(types)
		if err != nil {
			return err
		}
		r.events = string(b)
	}
	if in.State != nil {
		if *in.State != "active" && *in.State != "disabled" {
			return refusal.Faults(refusal.Fault{At: "/state", Reason: "unknown"})
		}
		if r.state != *in.State {
			r.state, r.reason, r.failingAt = *in.State, "", 0
		}
	}
	return nil
}

// checkURL says what is wrong with a target as it is written. Where its name leads is
// looked at with each call.
func (d *Driver) checkURL(s string) (reason string) {
	if s == "" {
		return ""
	}
	u, err := url.Parse(s)
	switch {
	case err != nil || len(s) > 2000 || u.Host == "" || u.Hostname() == "" || u.User != nil || u.Fragment != "":
		return "type"
	case u.Scheme != "https" && (u.Scheme != "http" || !d.config.AllowPrivate):
		return "https"
	}
	return ""
}

// Create makes a webhook under id, which a repeat names again; it is told what happens
// from now on. had: it was there before, and its secret is not shown.
func (d *Driver) Create(ctx context.Context, store, id, by string, in Input) (w Webhook, had bool, err error) {
	now := time.Now().UnixMilli()
	r := row{config: config{id: id, store: store, secret: newSecret(), gen: 1}, state: "active", createdAt: now, createdBy: by}
	if in.URL == nil {
		return w, false, refusal.Faults(refusal.Fault{At: "/url", Reason: "missing"})
	}
	if in.Events == nil {
		in.Events = &[]string{"*"}
	}
	if err := d.check(in, &r); err != nil {
		return w, false, err
	}
	err = d.change(ctx, func(tx *sql.Tx) error {
		var count int
		if _, err := tx.ExecContext(ctx, "INSERT INTO webhook_stores (store, n, sender, since) VALUES ($1, 0, '', $2) ON CONFLICT (store) DO NOTHING", store, now); err != nil {
			return err
		}
		// The update holds the store's row: two at once do not both find room.
		if err := tx.QueryRowContext(ctx, `UPDATE webhook_stores SET since = CASE WHEN EXISTS (SELECT 1 FROM webhooks WHERE store = $1) THEN since ELSE $2 END
			WHERE store = $1 RETURNING n`, store, now).Scan(&r.position); err != nil {
			return err
		}
		if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM webhooks WHERE store = $1", store).Scan(&count); err != nil {
			return err
		}
		list, err := query(ctx, tx, "WHERE id = $1", id)
		if err != nil {
			return err
		}
		if had = len(list) > 0; had {
			if old := list[0]; old.store != store || old.url != r.url || old.events != r.events {
				return errUsed
			}
			r = list[0]
			return nil
		}
		if count >= webhooksMax {
			return errMany
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO webhooks (id, store, url, events, secret, former, former_until, gen, state, reason, error, position, failing_at, delivered_at, created_at, created_by)
			VALUES ($1, $2, $3, $4, $5, '', 0, 1, $6, '', '', $7, 0, 0, $8, $9)`, r.id, r.store, r.url, r.events, r.secret, r.state, r.position, r.createdAt, r.createdBy)
		return err
	})
	if err != nil {
		return w, false, err
	}
	if w, err = d.shown(ctx, r); err == nil && !had {
		w.Secret = r.secret
	}
	return w, had, err
}

// Change changes what in names. One that is active again goes on where it was.
func (d *Driver) Change(ctx context.Context, store, id string, in Input) (Webhook, error) {
	err := d.change(ctx, func(tx *sql.Tx) error {
		r, err := d.row(ctx, tx, store, id)
		if err != nil {
			return err
		}
		if err := d.check(in, &r); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "UPDATE webhooks SET url = $1, events = $2, state = $3, reason = $4, failing_at = $5, gen = gen + 1 WHERE id = $6",
			r.url, r.events, r.state, r.reason, r.failingAt, id)
		return err
	})
	if err != nil {
		return Webhook{}, err
	}
	return d.Get(ctx, store, id)
}

// Delete ends a webhook and forgets what it did not take.
func (d *Driver) Delete(ctx context.Context, store, id string) error {
	return d.change(ctx, func(tx *sql.Tx) error {
		r, err := tx.ExecContext(ctx, "DELETE FROM webhooks WHERE store = $1 AND id = $2", store, id)
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, notFound(id))
		}
		for _, table := range []string{"webhook_late", "webhook_dead"} {
			if _, err := tx.ExecContext(ctx, "DELETE FROM "+table+" WHERE webhook = $1", id); err != nil {
				return err
			}
		}
		return nil
	})
}

// Rotate makes another secret. The former signs beside it for a day.
func (d *Driver) Rotate(ctx context.Context, store, id string) (secret string, formerUntil time.Time, err error) {
	secret, formerUntil = newSecret(), time.Now().Add(overlap).UTC().Truncate(time.Millisecond)
	err = d.change(ctx, func(tx *sql.Tx) error {
		r, err := tx.ExecContext(ctx, "UPDATE webhooks SET former = secret, former_until = $1, secret = $2 WHERE store = $3 AND id = $4",
			formerUntil.UnixMilli(), secret, store, id)
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, notFound(id))
		}
		return nil
	})
	return secret, formerUntil, err
}
