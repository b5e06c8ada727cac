package menu_test

import (
	"testing"
	"time"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/story"
)

func TestEveryCommandInEveryState(t *testing.T) {
	h := command.Header{At: time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC), By: command.Who{ID: "boss", Role: command.Manager}}
	card := func(price int64) *menu.Menu {
		m := &menu.Menu{Currency: "CNY", Languages: []string{"en"},
			Categories: []menu.Category{{ID: "hot", Name: menu.Text{EN: "Hot"}, Dishes: []string{"duck"}}},
			Dishes:     []menu.Dish{{ID: "duck", Name: menu.Text{EN: "Duck"}, Price: price, TaxClass: "food", Stations: []string{"wok"}}}}
		return m.Index()
	}
	good, broken := card(1000), card(-1)
	after := func(commands ...menu.Command) func() menu.State {
		return func() (s menu.State) {
			for _, c := range commands {
				events, _, err := menu.Decide(s, c)
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range events {
					s = menu.Apply(s, e)
				}
			}
			return s
		}
	}
	load := &menu.Load{Header: h, Menu: good, Text: "a"}
	story.Matrix(t, `
		             none     drafted  broken   published redrafted
		load         -        -        -        -         -
		load-other   -        -        -        -         -
		load-broken  invalid  invalid  invalid  invalid   invalid
		load-none    invalid  invalid  invalid  invalid   invalid
		draft-first  -        -        -        conflict  conflict
		draft-next   conflict conflict conflict -         -
		draft-broken -        -        -        conflict  conflict
		draft-none   invalid  invalid  invalid  invalid   invalid
		publish      conflict -        conflict conflict  -
		publish-old  conflict conflict conflict conflict  conflict
		publish-new  conflict conflict conflict conflict  conflict
		tick         -        -        -        -         -
	`, map[string]func() menu.State{
		"none":      after(),
		"drafted":   after(&menu.Draft{Header: h, Menu: good}),
		"broken":    after(&menu.Draft{Header: h, Menu: broken}),
		"published": after(load),
		"redrafted": after(load, &menu.Draft{Header: h, Base: 1, Menu: good}),
	}, map[string]menu.Command{
		"load":         load,
		"load-other":   &menu.Load{Header: h, Menu: good, Text: "b"},
		"load-broken":  &menu.Load{Header: h, Menu: broken, Text: "c"},
		"load-none":    &menu.Load{Header: h, Text: "d"},
		"draft-first":  &menu.Draft{Header: h, Menu: good},
		"draft-next":   &menu.Draft{Header: h, Base: 1, Menu: good},
		"draft-broken": &menu.Draft{Header: h, Menu: broken},
		"draft-none":   &menu.Draft{Header: h},
		"publish":      &menu.Publish{Header: h, DraftV: 1},
		"publish-old":  &menu.Publish{Header: h},
		"publish-new":  &menu.Publish{Header: h, DraftV: 2},
		"tick":         &command.Tick{Header: h},
	}, func(s menu.State, c menu.Command) error {
		_, _, err := menu.Decide(s, c)
		return err
	})
}
