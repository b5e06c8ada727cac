package actors

import (
	"context"
	"encoding/hex"
	"time"

	"github.com/brigata/brigata/actors/journal"
	"github.com/brigata/brigata/actors/workorder"
)

// WorkOrderQuery asks for a page of work orders, the newest first. Zero values do not narrow.
type WorkOrderQuery struct {
	State    workorder.Status
	From, To time.Time // when it was opened: From ≤ opened < To
	Limit    int       // of the page
	Cursor   string    // an earlier page's next
}

// WorkOrders returns a page, and the cursor of the next one; "" when there is none.
func (a Archive) WorkOrders(ctx context.Context, storeID string, q WorkOrderQuery) (list []*workorder.View, next string, err error) {
	before, err := (&OrderQuery{To: q.To, Cursor: q.Cursor}).start()
	if err != nil {
		return nil, "", err
	}
	k := kinds["workorder"]
	for looked := 0; looked < archiveMax; {
		keys, err := a.Journal.List(ctx, storeID, k.id, before, archivePage)
		if err != nil || len(keys) == 0 {
			return list, "", err
		}
		all, err := a.workOrders(ctx, keys)
		if err != nil {
			return nil, "", err
		}
		for _, key := range keys {
			before = key
			looked++
			switch v := all[key]; {
			case !q.From.IsZero() && idBefore(key, q.From):
				return list, "", nil
			case v != nil && q.matches(v):
				if list = append(list, v); len(list) == q.Limit {
					return list, hex.EncodeToString(key[:]), nil
				}
			}
		}
	}
	return list, hex.EncodeToString(before[:]), nil
}

func (q *WorkOrderQuery) matches(v *workorder.View) bool {
	return (q.State == "" || v.State == q.State) && !v.OpenedAt.Before(q.From) && (q.To.IsZero() || v.OpenedAt.Before(q.To))
}

func (a Archive) workOrders(ctx context.Context, keys []journal.Key) (map[journal.Key]*workorder.View, error) {
	stored, err := a.Journal.Load(ctx, keys)
	if err != nil {
		return nil, err
	}
	views := make(map[journal.Key]*workorder.View, len(stored))
	for i := range stored {
		e := &entity{kind: kinds["workorder"]}
		if err := e.restore(&stored[i]); err != nil {
			return nil, err
		}
		if v, ok := e.machine.view(nil, "").(*workorder.View); ok {
			views[stored[i].Head.Key] = v
		}
	}
	return views, nil
}
