package store_test

import (
	"testing"
	"time"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/money"
	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/actors/story"
)

// TestEveryCommandInEveryState: on the evening of 23 November, and on the morning after.
func TestEveryCommandInEveryState(t *testing.T) {
	evening := time.Date(2026, 11, 23, 20, 0, 0, 0, time.UTC)
	all := func(v string) map[string]string {
		return map[string]string{store.DineIn: v, store.Pickup: v, store.Delivery: v}
	}
	config := &store.Config{ID: "s", Name: menu.Text{EN: "S"}, Zone: "UTC", Currency: "CNY", DayStarts: "05:00",
		Tax:    store.Tax{Rounding: money.HalfUp, Scope: "line", Classes: []store.TaxClass{{ID: "food", RateBP: 600}}},
		Accept: all("auto"), Pay: all("later"), AgingMS: map[string][2]int64{store.DineIn: {1, 2}, store.Pickup: {1, 2}, store.Delivery: {1, 2}},
		Channels: []store.Channel{{ID: "qr"}}, Stations: []store.Station{{ID: "wok"}}, Reasons: []string{"other"}}
	wrong := *config
	wrong.Currency = "yuan"
	head := func(s store.State, at time.Time) command.Header {
		if s.Config == nil {
			s.Config = config
		}
		return command.Header{At: at, By: command.Who{ID: "boss", Role: command.Manager}, Today: s.Today(nil, time.UTC, nil)}
	}
	do := func(s *store.State, at time.Time, c store.Command) error {
		*c.Head() = head(*s, at)
		events, _, err := store.Decide(*s, c)
		for _, e := range events {
			*s = store.Apply(*s, e)
		}
		return err
	}
	after := func(at time.Time, commands ...store.Command) func() store.State {
		return func() (s store.State) {
			for _, c := range commands {
				if err := do(&s, at, c); err != nil {
					t.Fatal(err)
				}
			}
			return s
		}
	}
	open := &store.Configure{Config: config}
	story.Matrix(t, `
		                none      open      paused    closed    next
		configure       -         -         -         -         -
		configure-wrong invalid   invalid   invalid   invalid   invalid
		number          not_found -         -         -         -
		pause           not_found -         -         -         -
		pause-unknown   not_found not_found not_found not_found not_found
		pause-no-reason not_found invalid   invalid   invalid   invalid
		pause-whim      not_found invalid   invalid   invalid   invalid
		pause-past      not_found invalid   invalid   invalid   invalid
		resume          not_found -         -         -         -
		close           not_found -         -         conflict  not_found
		close-minus     not_found invalid   invalid   invalid   invalid
		close-unknown   not_found not_found not_found not_found not_found
		close-no-date   not_found not_found not_found not_found not_found
		payment         not_found -         -         -         -
		tick            not_found -         -         -         -
	`, map[string]func() store.State{
		"none":   after(evening),
		"open":   after(evening, open),
		"paused": after(evening, open, &store.PauseChannel{Channel: "qr", Until: store.Manual, Reason: "other"}),
		"closed": after(evening, open, &store.CloseDay{Date: "2026-11-23"}),
		"next":   after(evening.Add(12*time.Hour), open),
	}, map[string]store.Command{
		"configure":       open,
		"configure-wrong": &store.Configure{Config: &wrong},
		"number":          &store.TakeNumber{Order: "o", PrepMS: 1},
		"pause":           &store.PauseChannel{Channel: "qr", Until: store.Manual, Reason: "other"},
		"pause-unknown":   &store.PauseChannel{Channel: "fax", Until: store.Manual, Reason: "other"},
		"pause-no-reason": &store.PauseChannel{Channel: "qr", Until: store.Manual},
		"pause-whim":      &store.PauseChannel{Channel: "qr", Until: store.Manual, Reason: "whim"},
		"pause-past":      &store.PauseChannel{Channel: "qr", Until: "2020-01-01T00:00:00Z", Reason: "other"},
		"resume":          &store.PauseChannel{Channel: "qr"},
		"close":           &store.CloseDay{Date: "2026-11-23", Counted: 1},
		"close-minus":     &store.CloseDay{Date: "2026-11-23", Counted: -1},
		"close-unknown":   &store.CloseDay{Date: "2020-01-01"},
		"close-no-date":   &store.CloseDay{},
		"payment":         &store.PaymentTold{Payment: "p", Amount: 1},
		"tick":            &command.Tick{},
	}, func(s store.State, c store.Command) error { return do(&s, evening, c) })
}
