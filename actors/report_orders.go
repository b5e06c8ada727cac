package actors

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/journal"
	"github.com/brigata/brigata/actors/money"
	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/wire"
)

// Sale is what was sold under one key. Money is in minor units.
type Sale struct {
	Key    string `json:"key" doc:"A local hour, a dish or a channel"`
	Orders int    `json:"orders"`
	Qty    int    `json:"qty" doc:"Portions that were not voided"`
	Amount int64  `json:"amount" doc:"Share of the orders' totals, with service and tax, less discounts"`
	Tax    int64  `json:"tax" doc:"What of the amount is tax"`
}

// Prep is how long a station's items took from the last fire to ready.
type Prep struct {
	Station string `json:"station"`
	Count   int    `json:"count"`
	P50MS   int64  `json:"p50_ms"`
	P90MS   int64  `json:"p90_ms"`
	P99MS   int64  `json:"p99_ms"`
}

// Voiding is portions that were taken off an order, once.
type Voiding struct {
	At     time.Time   `json:"at"`
	Order  string      `json:"order"`
	Line   string      `json:"line"`
	Dish   string      `json:"dish"`
	Qty    int         `json:"qty"`
	Amount int64       `json:"amount" doc:"Menu price of the portions; 0 for a part of a combo"`
	Reason string      `json:"reason"`
	By     command.Who `json:"by"`
}

// Sales sums what was sold by "hour", "dish" or "channel". Whichever it is, the amounts
// and the taxes sum to the totals of the orders that were not refused, cancelled, expired or voided.
func (r *Reports) Sales(ctx context.Context, by string) ([]Sale, error) {
	sums := map[string]*Sale{}
	add := func(s Sale) {
		sum := sums[s.Key]
		if sum == nil {
			sum = &Sale{Key: s.Key}
			sums[s.Key] = sum
		}
		sum.Orders, sum.Qty, sum.Amount, sum.Tax = sum.Orders+s.Orders, sum.Qty+s.Qty, sum.Amount+s.Amount, sum.Tax+s.Tax
	}
	err := r.placed(ctx, func(_ journal.Key, v *order.View) error {
		if v.State.Final() && v.State != order.Closed {
			return nil
		}
		s := Sale{Orders: 1, Amount: v.Total, Tax: v.Tax}
		switch by {
		case "dish":
			for _, s := range byDish(v) {
				add(s)
			}
			return nil
		case "channel":
			s.Key = v.Channel
		default:
			s.Key = v.PlacedAt.In(r.Zone).Format("2006-01-02 15:00 -07:00")
		}
		for i := range v.Lines {
			s.Qty += v.Lines[i].Qty - v.Lines[i].VoidQty
		}
		add(s)
		return nil
	})
	list := make([]Sale, 0, len(sums))
	for _, key := range slices.Sorted(maps.Keys(sums)) {
		list = append(list, *sums[key])
	}
	return list, err
}

// byDish spreads an order's total and its tax over its dishes by their lines' amounts.
func byDish(v *order.View) map[string]Sale {
	weights := make([]int64, len(v.Lines))
	for i := range v.Lines {
		weights[i] = v.Lines[i].Amount
	}
	amounts, taxes := money.Apportion(v.Total, weights), money.Apportion(v.Tax, weights)
	dishes := map[string]Sale{}
	for i := range v.Lines {
		l := &v.Lines[i]
		s := dishes[l.Dish]
		s.Key, s.Orders = l.Dish, 1
		s.Qty, s.Amount, s.Tax = s.Qty+l.Qty-l.VoidQty, s.Amount+amounts[i], s.Tax+taxes[i]
		dishes[l.Dish] = s
	}
	maps.DeleteFunc(dishes, func(_ string, s Sale) bool { return s.Qty == 0 && s.Amount == 0 })
	return dishes
}

// PrepTimes are the percentiles (nearest rank) of every station; an item that several
// stations make counts at each.
func (r *Reports) PrepTimes(ctx context.Context) ([]Prep, error) {
	took := map[string][]int64{}
	err := r.placed(ctx, func(_ journal.Key, v *order.View) error {
		for l := range v.Lines {
			for i := range v.Lines[l].Items {
				item := &v.Lines[l].Items[i]
				if item.FiredAt == 0 || item.ReadyAt < item.FiredAt {
					continue
				}
				for _, station := range item.Stations {
					took[station] = append(took[station], int64(item.ReadyAt-item.FiredAt))
				}
			}
		}
		return nil
	})
	list := make([]Prep, 0, len(took))
	for _, station := range slices.Sorted(maps.Keys(took)) {
		t := took[station]
		slices.Sort(t)
		at := func(p int) int64 { return t[(len(t)*p+99)/100-1] }
		list = append(list, Prep{station, len(t), at(50), at(90), at(99)})
	}
	return list, err
}

// Voids lists what was taken off the period's orders, each time by itself, oldest first.
func (r *Reports) Voids(ctx context.Context) ([]Voiding, error) {
	list := []Voiding{}
	err := r.placed(ctx, func(k journal.Key, v *order.View) error {
		for l := range v.Lines {
			if slices.ContainsFunc(v.Lines[l].Items, func(i order.Item) bool { return i.VoidQty > 0 }) {
				return r.voids(ctx, k, &list)
			}
		}
		return nil
	})
	slices.SortStableFunc(list, func(a, b Voiding) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Order, b.Order)) })
	return list, err
}

// voids folds one order from its log: a view knows only the last void of an item.
func (r *Reports) voids(ctx context.Context, k journal.Key, list *[]Voiding) error {
	rows, err := r.Journal.Log(ctx, k, 1, historyMax)
	if err != nil {
		return err
	}
	var s order.State
	for i := range rows {
		turns, err := wire.DecodeBlock(rows[i].Payload)
		if err != nil {
			return err
		}
		for t := range turns {
			for _, e := range turns[t].Events {
				was := s
				s = order.Apply(s, e.(order.Event))
				v := Voiding{Order: s.ID}
				switch e := e.(type) {
				case *order.ItemsVoided:
					v.At, v.By, v.Reason = e.At, e.By, e.Reason
				case *order.Ended:
					v.At, v.By, v.Reason = e.At, e.By, e.Reason
				default:
					continue
				}
				*list = appendVoids(*list, v, was.Lines, s.Lines)
			}
		}
	}
	return nil
}

// appendVoids appends what is off in is and was not in was: portions of lines, or else
// the single parts of a combo.
func appendVoids(list []Voiding, v Voiding, was, is []order.Line) []Voiding {
	for l := range is {
		line := &is[l]
		v.Line = line.ID
		if n := line.VoidQty - was[l].VoidQty; n > 0 {
			v.Dish, v.Qty, v.Amount = line.Dish, n, line.UnitPrice*int64(n)
			list = append(list, v)
			continue
		}
		for i := range line.Items {
			if n := line.Items[i].VoidQty - was[l].Items[i].VoidQty; n > 0 {
				v.Dish, v.Qty, v.Amount = line.Items[i].Dish, n, 0
				list = append(list, v)
			}
		}
	}
	return list
}
