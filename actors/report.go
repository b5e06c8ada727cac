package actors

import (
	"context"
	"time"

	"github.com/brigata/brigata/actors/journal"
	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/refusal"
)

// Reports reckons a store's reports from its journal: From ≤ placed < To, at most 31 days.
// Orders count for the time at which they were placed, whatever became of them later.
type Reports struct {
	Archive
	Store    string
	Zone     *time.Location // of the hours
	From, To time.Time
	Most     int // orders that one report looks at; 0: 20 000
}

const (
	reportDays   = 31
	reportOrders = 20_000
	// reportBlocks bounds the blocks of stocks' logs that one report reads.
	reportBlocks = 500_000
)

var (
	errPeriod = refusal.Faults(refusal.Fault{At: "/from", Reason: "range"})
	errMuch   = refusal.Faults(refusal.Fault{At: "/from", Reason: "too_many"})
)

// check refuses a period that is empty or too long.
func (r *Reports) check() error {
	// An hour more: a month in which clocks are set back.
	if !r.From.Before(r.To) || r.To.Sub(r.From) > reportDays*24*time.Hour+time.Hour {
		return errPeriod
	}
	return nil
}

// placed yields the orders of the period, the newest id first, a page at a time.
func (r *Reports) placed(ctx context.Context, yield func(journal.Key, *order.View) error) error {
	if err := r.check(); err != nil {
		return err
	}
	left := r.Most
	if left == 0 {
		left = reportOrders
	}
	q := OrderQuery{From: r.From, To: r.To}
	for before := journal.Since(r.To.Add(idSlack)); ; {
		keys, err := r.Journal.List(ctx, r.Store, kinds["order"].id, before, archivePage)
		if err != nil || len(keys) == 0 {
			return err
		}
		all, err := r.load(ctx, keys)
		if err != nil {
			return err
		}
		for _, k := range keys {
			before = k
			v := all[k]
			if v == nil || !q.matches(v) {
				continue
			}
			if left--; left < 0 {
				return errMuch
			}
			if err := yield(k, v); err != nil {
				return err
			}
		}
		if idBefore(before, r.From.Add(-idSlack)) {
			return nil
		}
	}
}
