package actors

import (
	"context"
	"slices"

	"github.com/brigata/brigata/actors/journal"
	"github.com/brigata/brigata/actors/store"
)

// Takings is what a business date took, by how it was paid, and whether its cash was
// counted. Money is in minor units.
type Takings struct {
	Date       string      `json:"date"`
	Sales      int64       `json:"sales" doc:"Paid, net of refunds, without tips"`
	Tips       int64       `json:"tips"`
	Expected   int64       `json:"expected" doc:"Cash that should be in the drawer, tips in cash included"`
	Closed     bool        `json:"closed"`
	Counted    int64       `json:"counted" doc:"0 while it is not closed"`
	Difference int64       `json:"difference" doc:"Counted less expected; 0 while it is not closed"`
	Providers  []store.Sum `json:"providers"`
}

// Days are the business dates of the period, the oldest first; a store keeps two weeks.
func (r *Reports) Days(ctx context.Context) ([]Takings, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	stored, err := r.Journal.Load(ctx, []journal.Key{keyOf(r.Store, kinds["store"], r.Store)})
	if err != nil || len(stored) == 0 {
		return nil, err
	}
	e := &entity{kind: kinds["store"]}
	if err := e.restore(&stored[0]); err != nil {
		return nil, err
	}
	s := e.machine.state().(*store.State)
	if s.Config == nil {
		return nil, nil
	}
	t := s.Today(nil, r.Zone, nil)
	var all []Takings
	for _, d := range s.Days {
		if at := t.DayStart(d.Date); at.Before(r.From) || !at.Before(r.To) {
			continue
		}
		x := Takings{Date: d.Date, Sales: d.Sales, Expected: d.Cash, Closed: d.Closed, Providers: append([]store.Sum{}, d.Takes...)}
		if d.Closed {
			x.Counted, x.Difference = d.Counted, d.Counted-d.Cash
		}
		for _, sum := range d.Takes {
			x.Tips += sum.Tip
		}
		all = append(all, x)
	}
	return slices.Clip(all), nil
}
