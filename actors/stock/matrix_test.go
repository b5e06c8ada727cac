package stock_test

import (
	"testing"
	"time"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/stock"
	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/actors/story"
)

// TestEveryCommandInEveryState: order o holds two of three portions, p is over.
func TestEveryCommandInEveryState(t *testing.T) {
	noon := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	today := store.State{Config: &store.Config{ID: "s", DayStarts: "05:00", Reasons: []string{"other"}}}.
		Today((&menu.Menu{Dishes: []menu.Dish{{ID: "duck", Name: menu.Text{EN: "Duck"}}}}).Index(), time.UTC, nil)
	by := func(r command.Role) command.Header {
		return command.Header{At: noon, By: command.Who{ID: "lin", Role: r}, Today: today}
	}
	boss := by(command.Manager)
	n := func(v int64) *int64 { return &v }
	duck, ghost := stock.Ref{Dish: "duck"}, stock.Ref{Dish: "ghost"}
	made := &stock.Made{ID: "dish/duck", Date: "2026-11-23", End: noon.Add(17 * time.Hour)}
	counted := []stock.Event{made, &stock.CountSet{At: noon, Qty: 3}, &stock.Reserved{Order: "o", Qty: 2}, &stock.Released{At: noon, Order: "p"}}
	after := func(given []stock.Event, more ...stock.Event) func() stock.State {
		return func() (s stock.State) {
			for _, e := range append(append([]stock.Event{}, given...), more...) {
				s = stock.Apply(s, e)
			}
			return s
		}
	}
	var deliveries []stock.Event
	for i := range 50 {
		deliveries = append(deliveries, &stock.Scheduled{At: noon, Delivery: stock.Delivery{At: noon.Add(time.Duration(i+1) * time.Minute), Qty: 1}})
	}
	story.Matrix(t, `
		              none      unlimited counted   empty     out       held      full
		reserve       -         -         -         sold_out  sold_out  sold_out  -
		reserve-many  -         -         sold_out  sold_out  sold_out  sold_out  sold_out
		reserve-again -         -         -         -         -         -         -
		reserve-more  -         -         sold_out  sold_out  sold_out  sold_out  sold_out
		reserve-late  -         -         closed    closed    closed    closed    closed
		release       -         -         -         -         -         -         -
		release-early -         -         -         -         -         -         -
		return        -         -         -         -         -         -         -
		return-none   -         -         -         -         -         -         -
		count         -         -         -         -         -         -         -
		count-free    -         -         -         -         -         -         -
		count-minus   invalid   invalid   invalid   invalid   invalid   invalid   invalid
		count-low     invalid   invalid   invalid   invalid   invalid   invalid   invalid
		count-daily   invalid   invalid   invalid   invalid   invalid   invalid   invalid
		count-ghost   not_found -         -         -         -         -         -
		restock       -         -         -         -         -         -         -
		restock-none  invalid   invalid   invalid   invalid   invalid   invalid   invalid
		restock-huge  invalid   invalid   invalid   invalid   invalid   invalid   invalid
		restock-later -         -         -         -         -         -         conflict
		out           -         -         -         -         -         -         -
		out-past      invalid   invalid   invalid   invalid   invalid   invalid   invalid
		out-reason    invalid   invalid   invalid   invalid   invalid   invalid   invalid
		in            -         -         -         -         -         -         -
		hold          -         -         -         -         -         -         -
		hold-reason   invalid   invalid   invalid   invalid   invalid   invalid   invalid
		hold-sensor   -         -         -         -         -         -         -
		let-go        -         -         -         -         -         -         -
		let-go-reason invalid   invalid   invalid   invalid   invalid   invalid   invalid
		let-go-cook   forbidden forbidden forbidden forbidden forbidden forbidden forbidden
		seed          -         -         -         -         -         -         -
		seed-ghost    not_found -         -         -         -         -         -
		tick          -         -         -         -         -         -         -
	`, map[string]func() stock.State{
		"none":      after(nil),
		"unlimited": after([]stock.Event{made}),
		"counted":   after(counted),
		"empty":     after(counted, &stock.Reserved{Order: "q", Qty: 1}),
		"out":       after(counted, &stock.WentOut{At: noon}),
		"held":      after(counted, &stock.HeldBack{At: noon, Reason: "other"}),
		"full":      after(counted, deliveries...),
	}, map[string]stock.Command{
		"reserve":       &stock.Reserve{Header: boss, Order: "r", Qty: 1},
		"reserve-many":  &stock.Reserve{Header: boss, Order: "r", Qty: 4},
		"reserve-again": &stock.Reserve{Header: boss, Order: "o", Qty: 2},
		"reserve-more":  &stock.Reserve{Header: boss, Order: "o", Qty: 4},
		"reserve-late":  &stock.Reserve{Header: boss, Order: "p", Qty: 1},
		"release":       &stock.Release{Header: boss, Order: "o"},
		"release-early": &stock.Release{Header: boss, Order: "r"},
		"return":        &stock.Return{Header: boss, Order: "o", Left: 1},
		"return-none":   &stock.Return{Header: boss, Order: "r"},
		"count":         &stock.SetCount{Header: boss, Ref: duck, Qty: n(9)},
		"count-free":    &stock.SetCount{Header: boss, Ref: duck, Unlimited: true},
		"count-minus":   &stock.SetCount{Header: boss, Ref: duck, Qty: n(-1)},
		"count-low":     &stock.SetCount{Header: boss, Ref: duck, Qty: n(1), LowAt: n(-1)},
		"count-daily":   &stock.SetCount{Header: boss, Ref: duck, Qty: n(1), Daily: n(1_000_000_001)},
		"count-ghost":   &stock.SetCount{Header: boss, Ref: ghost, Qty: n(1)},
		"restock":       &stock.Restock{Header: boss, Ref: duck, Qty: 1},
		"restock-none":  &stock.Restock{Header: boss, Ref: duck},
		"restock-huge":  &stock.Restock{Header: boss, Ref: duck, Qty: 10_000},
		"restock-later": &stock.Restock{Header: boss, Ref: duck, Qty: 1, When: noon.Add(time.Hour)},
		"out":           &stock.TakeOut{Header: boss, Ref: duck, Until: store.Manual},
		"out-past":      &stock.TakeOut{Header: boss, Ref: duck, Until: "2020-01-01T00:00:00Z"},
		"out-reason":    &stock.TakeOut{Header: boss, Ref: duck, Until: store.Manual, Reason: "whim"},
		"in":            &stock.PutIn{Header: boss, Ref: duck},
		"hold":          &stock.HoldBack{Header: boss, Ref: duck, Reason: "other"},
		"hold-reason":   &stock.HoldBack{Header: boss, Ref: duck},
		"hold-sensor":   &stock.HoldFor{Header: boss, Dish: "duck", Sensor: "fridge", WorkOrder: "w"},
		"let-go":        &stock.LetGo{Header: boss, Ref: duck, Reason: "other"},
		"let-go-reason": &stock.LetGo{Header: boss, Ref: duck, Reason: "whim"},
		"let-go-cook":   &stock.LetGo{Header: by(command.Kitchen), Ref: duck, Reason: "other"},
		"seed":          &stock.Seed{Header: boss, Seed: store.Seed{Dish: "duck", Qty: 9}},
		"seed-ghost":    &stock.Seed{Header: boss, Seed: store.Seed{Dish: "ghost", Qty: 9}},
		"tick":          &command.Tick{Header: boss},
	}, func(s stock.State, c stock.Command) error {
		_, _, err := stock.Decide(s, c)
		return err
	})
}
