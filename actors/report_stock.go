package actors

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/brigata/brigata/actors/journal"
	"github.com/brigata/brigata/actors/stock"
	"github.com/brigata/brigata/actors/wire"
)

// Outage is how long a dish could not be had: sold out, taken out, or held.
type Outage struct {
	Dish  string `json:"dish" doc:"A dish, or option/ and the option"`
	OutMS int64  `json:"out_ms"`
	Times int    `json:"times" doc:"Stretches, also those that began earlier or have not ended"`
}

// Availability lists what could not be had for a while. Until now at most: what is to
// come is not known.
func (r *Reports) Availability(ctx context.Context, now time.Time) ([]Outage, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	to := r.To
	if now.Before(to) {
		to = now
	}
	list, blocks := []Outage{}, 0
	for before := (journal.Key{}); ; {
		keys, err := r.Journal.List(ctx, r.Store, kinds["stock"].id, before, archivePage)
		if err != nil {
			return nil, err
		}
		for _, k := range keys {
			before = k
			o := outages{from: r.From, to: to}
			if err := r.foldStock(ctx, k, &o, &blocks); err != nil {
				return nil, err
			}
			if o.end(); o.Times > 0 {
				o.Dish = strings.TrimPrefix(o.state.ID, "dish/")
				list = append(list, o.Outage)
			}
		}
		if len(keys) < archivePage {
			slices.SortFunc(list, func(a, b Outage) int { return strings.Compare(a.Dish, b.Dish) })
			return list, nil
		}
	}
}

// foldStock folds a stock's log from its beginning up to the end of the period.
func (r *Reports) foldStock(ctx context.Context, k journal.Key, o *outages, blocks *int) error {
	for from := int64(1); ; {
		rows, err := r.Journal.Log(ctx, k, from, archiveMax)
		if err != nil {
			return err
		}
		if *blocks += len(rows); *blocks > reportBlocks {
			return errMuch
		}
		for i := range rows {
			from = rows[i].Seq + int64(rows[i].N)
			turns, err := wire.DecodeBlock(rows[i].Payload)
			if err != nil {
				return err
			}
			for t := range turns {
				if !turns[t].At.Before(o.to) {
					return nil
				}
				o.turn(&turns[t])
			}
		}
		if len(rows) < archiveMax {
			return nil
		}
	}
}

// outages adds up the stretches of a stock, within from and to.
type outages struct {
	Outage
	state    stock.State
	from, to time.Time
	since    time.Time // it is out; zero: it is not
}

func (o *outages) turn(t *wire.Turn) {
	for _, e := range t.Events {
		o.state = stock.Apply(o.state, e.(stock.Event))
	}
	switch has := stock.ViewOf(o.state).Available(); {
	case has:
		o.stretch(t.At)
	case o.since.IsZero():
		o.since = t.At
	}
}

// end closes a stretch that goes on beyond the period.
func (o *outages) end() { o.stretch(o.to) }

func (o *outages) stretch(till time.Time) {
	since := o.since
	o.since = time.Time{}
	if since.IsZero() {
		return
	}
	if since.Before(o.from) {
		since = o.from
	}
	if till.After(since) {
		o.OutMS += till.Sub(since).Milliseconds()
		o.Times++
	}
}
