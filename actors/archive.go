package actors

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"time"

	"github.com/brigata/brigata/actors/journal"
	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/wire"
)

// Archive reads what has been from a journal: lists of orders and their histories, for
// people. It folds what it shows, a page at a time; commands never wait for it.
type Archive struct{ Journal journal.Journal }

// OrderQuery asks for a page of orders, the newest id first. Zero values do not narrow.
type OrderQuery struct {
	State    order.Status
	Table    string
	From, To time.Time // when it was placed: From ≤ placed < To
	Limit    int       // of the page
	Cursor   string    // an earlier page's next
}

const (
	// archivePage is how many orders are folded at a time.
	archivePage = 100
	// archiveMax is how many are looked at for one page, where few of them match.
	archiveMax = 2000
	// historyMax bounds the blocks of one history.
	historyMax = 10_000
	// idSlack is how far an order's id may be from when it was placed.
	idSlack = idAge + idAhead
)

var errCursor = refusal.Faults(refusal.Fault{At: "/cursor", Reason: "id"})

// Orders returns a page as the staff's JSON, separated by commas, and the cursor of the
// next one; "" when there is none. A page may be short, even empty, and have a next.
func (a Archive) Orders(ctx context.Context, storeID string, q OrderQuery) (items []byte, next string, err error) {
	before, err := q.start()
	if err != nil {
		return nil, "", err
	}
	found := 0
	for looked := 0; looked < archiveMax; {
		keys, err := a.Journal.List(ctx, storeID, kinds["order"].id, before, archivePage)
		if err != nil || len(keys) == 0 {
			return items, "", err
		}
		all, err := a.load(ctx, keys)
		if err != nil {
			return nil, "", err
		}
		for _, k := range keys {
			before = k
			looked++
			v := all[k]
			switch {
			case v == nil || !q.matches(v):
			case !q.From.IsZero() && idBefore(k, q.From.Add(-idSlack)):
				return items, "", nil
			default:
				if found > 0 {
					items = append(items, ',')
				}
				items = wire.AppendOrder(items, v, wire.Staff)
				if found++; found == q.Limit {
					return items, hex.EncodeToString(k[:]), nil
				}
			}
		}
		if !q.From.IsZero() && idBefore(before, q.From.Add(-idSlack)) {
			return items, "", nil
		}
	}
	return items, hex.EncodeToString(before[:]), nil
}

// start is the key below which the page begins.
func (q *OrderQuery) start() (k journal.Key, err error) {
	switch {
	case q.Cursor != "":
		if n, err := hex.Decode(k[:], []byte(q.Cursor)); err != nil || n != len(k) {
			return k, errCursor
		}
	case !q.To.IsZero():
		k = journal.Since(q.To.Add(idSlack))
	}
	return k, nil
}

func idBefore(k journal.Key, t time.Time) bool {
	limit := journal.Since(t)
	return string(k[:6]) < string(limit[:6])
}

func (q *OrderQuery) matches(v *order.View) bool {
	return (q.State == "" || v.State == q.State) && (q.Table == "" || v.Table == q.Table) &&
		(q.From.IsZero() || !v.PlacedAt.Before(q.From)) && (q.To.IsZero() || v.PlacedAt.Before(q.To))
}

// load folds orders; those that were never placed are left out.
func (a Archive) load(ctx context.Context, keys []journal.Key) (map[journal.Key]*order.View, error) {
	stored, err := a.Journal.Load(ctx, keys)
	if err != nil {
		return nil, err
	}
	views := make(map[journal.Key]*order.View, len(stored))
	for i := range stored {
		e := &entity{kind: kinds["order"]}
		if err := e.restore(&stored[i]); err != nil {
			return nil, err
		}
		if v, ok := e.machine.view(nil, "").(*order.View); ok && !v.PlacedAt.IsZero() {
			views[stored[i].Head.Key] = v
		}
	}
	return views, nil
}

// History returns an order's events, oldest first, as JSON separated by commas.
func (a Archive) History(ctx context.Context, storeID, id string) (items []byte, err error) {
	k := kinds["order"]
	rows, err := a.Journal.Log(ctx, journal.KeyOf(storeID, k.id, id, true), 1, historyMax)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, refusal.New(refusal.NotFound, "", "There is no such order").With(refusal.Fields{Kind: "order", ID: id})
	}
	for i := range rows {
		turns, err := wire.DecodeBlock(rows[i].Payload)
		if err != nil {
			return nil, err
		}
		v := rows[i].Seq - 1
		for j := range turns {
			if len(turns[j].Events) > 0 && len(items) > 0 {
				items = append(items, ',')
			}
			items = wire.AppendHistory(items, v, &turns[j])
			v += int64(max(1, len(turns[j].Events)))
		}
	}
	return items, nil
}

// Export writes every event of a store as JSON, a line for each turn:
// {"kind","id","events":[…]} with the events as in a history, entity by entity.
func (a Archive) Export(ctx context.Context, storeID string, w io.Writer) error {
	var keys []journal.Key
	err := a.Journal.Known(ctx, storeID, time.Time{}, func(k journal.Key) error {
		keys = append(keys, k)
		return nil
	})
	if err != nil {
		return err
	}
	var line []byte
	for _, key := range keys {
		id, from := "", int64(1)
		for {
			rows, err := a.Journal.Log(ctx, key, from, historyMax)
			if err != nil {
				return err
			}
			for i := range rows {
				r := &rows[i]
				k := kindsByID[r.Kind]
				if k == nil {
					return fmt.Errorf("entity %x is of kind %d, which this version does not know", key, r.Kind)
				}
				if line, err = appendExport(line[:0], k.name, &id, r); err != nil {
					return fmt.Errorf("%s %s at %d: %w", k.name, id, r.Seq, err)
				}
				if _, err := w.Write(line); err != nil {
					return err
				}
				from = r.Seq + int64(r.N)
			}
			if len(rows) < historyMax {
				break
			}
		}
	}
	return nil
}

// appendExport appends a block's turns; id is the entity's, which its first turn names.
func appendExport(b []byte, kind string, id *string, r *journal.Row) ([]byte, error) {
	turns, err := wire.DecodeBlock(r.Payload)
	if err != nil {
		return b, err
	}
	v := r.Seq - 1
	for i := range turns {
		if turns[i].Entity != "" {
			*id = turns[i].Entity
		}
		if len(turns[i].Events) > 0 {
			b = append(wire.AppendString(append(b, `{"kind":"`+kind+`","id":`...), *id), `,"events":[`...)
			b = append(wire.AppendHistory(b, v, &turns[i]), "]}\n"...)
		}
		v += int64(max(1, len(turns[i].Events)))
	}
	return b, nil
}
