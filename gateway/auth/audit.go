package auth

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/brigata/brigata/actors/refusal"
)

// Entry is one thing that was denied, or done by right of a privilege.
type Entry struct {
	ID      string `json:"id"`
	At      string `json:"at" format:"date-time"`
	Who     string `json:"who" doc:"user:<id>, guest:<id> or channel:<id>"`
	Role    string `json:"role,omitempty"`
	Store   string `json:"store,omitempty"`
	Action  string `json:"action" doc:"A permission, or login, refresh.reused, guest, logout, subscribe, and socket or call for one whose token is not good"`
	Outcome string `json:"outcome" doc:"ok, or a refusal's code"`
	Reason  string `json:"reason,omitempty" doc:"The reason that was given for it, or that it was refused for"`
	Address string `json:"address,omitempty"`
	Detail  string `json:"detail,omitempty" doc:"What it was done to"`
	N       int64  `json:"n" doc:"How often it happened within that second"`
}

// Because returns e with the outcome that err is.
func (e Entry) Because(err error) Entry {
	e.Outcome = "ok"
	if err == nil {
		return e
	}
	e.Outcome = string(refusal.Internal)
	if r := refusal.Of(err); r != nil {
		e.Outcome, e.Reason = string(r.Code), r.Fields.Reason
		if r.Code == refusal.Forbidden {
			e.Reason = r.Fields.Need
		}
	}
	return e
}

// auditMax bounds what waits to be written: what is the same in a second is one entry.
const auditMax = 2000

type auditQueue struct {
	mu      sync.Mutex
	waiting map[Entry]int64
	lost    atomic.Int64
}

// Audit notes an entry; it is written within a second. It never waits: beyond its bound
// entries are counted as lost, and the count is written.
func (a *Accounts) Audit(e Entry) {
	const most = 200
	e.Who, e.Store, e.Detail, e.Reason = short(e.Who, most), short(e.Store, most), short(e.Detail, most), short(e.Reason, most)
	q := &a.audit
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.waiting == nil {
		q.waiting = map[Entry]int64{}
	}
	if _, ok := q.waiting[e]; !ok && len(q.waiting) >= auditMax {
		q.lost.Add(1)
		return
	}
	q.waiting[e]++
}

func short(s string, most int) string {
	if len(s) > most {
		return s[:most]
	}
	return s
}

// Flush writes what waits. What cannot be written waits on.
func (a *Accounts) Flush(ctx context.Context) error {
	q := &a.audit
	q.mu.Lock()
	waiting := q.waiting
	q.waiting = nil
	q.mu.Unlock()
	if lost := q.lost.Swap(0); lost > 0 {
		if waiting == nil {
			waiting = map[Entry]int64{}
		}
		waiting[Entry{Who: "system", Action: "audit.lost", Outcome: "ok"}] += lost
	}
	if len(waiting) == 0 {
		return nil
	}
	now := a.now()
	err := a.within(ctx, func(tx *sql.Tx) error {
		for e, n := range waiting {
			_, err := tx.ExecContext(ctx, `INSERT INTO auth_audit (id, at, who, role, store, action, outcome, reason, address, detail, n)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
				NewUUID(now), now.UnixMilli(), e.Who, e.Role, e.Store, e.Action, e.Outcome, e.Reason, e.Address, e.Detail, n)
			if err != nil {
				return fmt.Errorf("write the audit: %w", err)
			}
		}
		return nil
	})
	if err != nil {
		q.mu.Lock()
		defer q.mu.Unlock()
		if q.waiting == nil {
			q.waiting = waiting
		} else {
			q.lost.Add(int64(len(waiting)))
		}
	}
	return err
}

// AuditQuery asks for a page of the audit, the newest first. Zero values do not narrow.
type AuditQuery struct {
	Who, Action, Store string
	From, To           time.Time
	Limit              int
	Cursor             string // an earlier page's next
}

// Audited returns a page of the audit and the next page's cursor.
func (a *Accounts) Audited(ctx context.Context, q AuditQuery) (page []Entry, next string, err error) {
	if q.To.IsZero() {
		q.To = time.Unix(1<<40, 0)
	}
	if q.Cursor == "" {
		q.Cursor = "~"
	}
	rows, err := a.db.QueryContext(ctx, `SELECT id, at, who, role, store, action, outcome, reason, address, detail, n FROM auth_audit
		WHERE at >= $1 AND at < $2 AND id < $3 AND ($4 = '' OR who = $4) AND ($5 = '' OR action = $5) AND ($6 = '' OR store = $6)
		ORDER BY id DESC LIMIT $7`, max(0, q.From.UnixMilli()), q.To.UnixMilli(), q.Cursor, q.Who, q.Action, q.Store, q.Limit+1)
	if err != nil {
		return nil, "", err
	}
	defer rows.Close()
	page = []Entry{}
	for rows.Next() {
		if len(page) == q.Limit {
			return page, page[len(page)-1].ID, nil
		}
		var e Entry
		var at int64
		if err := rows.Scan(&e.ID, &at, &e.Who, &e.Role, &e.Store, &e.Action, &e.Outcome, &e.Reason, &e.Address, &e.Detail, &e.N); err != nil {
			return nil, "", err
		}
		e.At = time.UnixMilli(at).UTC().Format(timeForm)
		page = append(page, e)
	}
	return page, "", rows.Err()
}
