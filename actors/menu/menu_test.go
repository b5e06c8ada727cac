package menu

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/refusal"
)

// card is a menu with one of everything.
func card() *Menu {
	m := &Menu{Version: 1, Currency: "CNY", Languages: []string{"en"},
		Allergens: []Allergen{{ID: "peanut", Name: Text{EN: "Peanut"}}},
		Dayparts: []Daypart{{ID: "lunch", Name: Text{EN: "Lunch"}, Days: []int{1, 2, 3, 4, 5}, From: "11:00", To: "14:00"},
			{ID: "late", Name: Text{EN: "Late"}, Days: []int{6}, From: "22:00", To: "02:00"}},
		Categories: []Category{{ID: "hot", Name: Text{EN: "Hot"}, Dishes: []string{"pork", "tofu", "soup", "feast"}},
			{ID: "sets", Name: Text{EN: "Sets"}, Dayparts: []string{"lunch"}, Dishes: []string{"set"}}},
		Dishes: []Dish{
			{ID: "pork", Name: Text{EN: "Pork"}, Price: 1000, Prices: map[string]int64{"meituan": 1200}, TaxClass: "food", Groups: []string{"spice", "extras"}, MaxQty: 5, Stations: []string{"wok"}, PrepMS: 1},
			{ID: "tofu", Name: Text{EN: "Tofu"}, Price: 800, TaxClass: "food", Course: 2, Stations: []string{"wok", "steam"}},
			{ID: "soup", Name: Text{EN: "Soup"}, Price: 500, TaxClass: "food", Dayparts: []string{"late"}, Stations: []string{"steam"}},
			{ID: "feast", Name: Text{EN: "Feast"}, Price: 9000, TaxClass: "food", Stations: []string{"wok", "steam"}, Each: true},
			{ID: "set", Name: Text{EN: "Set"}, Price: 1500, TaxClass: "food", Parts: []Part{
				{ID: "main", Name: Text{EN: "Main"}, Min: 1, Max: 1, Choices: []Choice{{Dish: "tofu"}, {Dish: "pork", Price: 300}}},
				{ID: "side", Name: Text{EN: "Side"}, Min: 1, Max: 1, Choices: []Choice{{Dish: "tofu"}}}}},
		},
		Groups: []Group{
			{ID: "spice", Name: Text{EN: "Spice"}, Min: 1, Max: 1, Options: []Option{{ID: "mild", Name: Text{EN: "Mild"}, Kind: "choice", Default: true}, {ID: "hot", Name: Text{EN: "Hot"}, Kind: "choice", Price: 50}}},
			{ID: "extras", Name: Text{EN: "Extras"}, Max: 2, Options: []Option{{ID: "rice", Name: Text{EN: "Rice"}, Kind: "add", Price: 200, MaxQty: 3, Groups: []string{"grain"}}}},
			{ID: "grain", Name: Text{EN: "Grain"}, Min: 1, Max: 1, Options: []Option{{ID: "white", Name: Text{EN: "White"}, Kind: "choice"}, {ID: "brown", Name: Text{EN: "Brown"}, Kind: "choice", Price: 30}}},
		}}
	return m.Index()
}

// noon of a Monday, when lunch is served.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func TestPrice(t *testing.T) {
	brown := []Pick{{Option: "rice", Qty: 2, Options: []Pick{{Option: "brown"}}}}
	for _, c := range []struct {
		name  string
		quote Quote
		line  Line
		unit  int64
		items string // id@stations
		takes string
	}{
		{"a default is filled in", Quote{At: noon}, Line{Dish: "pork", Qty: 2}, 1000, "1@wok", "dish/pork:1 option/mild:1"},
		{"an option's price", Quote{At: noon}, Line{Dish: "pork", Qty: 1, Options: []Pick{{Option: "hot"}}}, 1050, "1@wok", "dish/pork:1 option/hot:1"},
		{"nested options", Quote{At: noon}, Line{Dish: "pork", Qty: 1, Options: brown}, 1000 + 2*200 + 30, "1@wok", "dish/pork:1 option/mild:1 option/rice:2 option/brown:2"},
		{"a channel's price", Quote{At: noon, Channel: "meituan"}, Line{Dish: "pork", Qty: 1}, 1200, "1@wok", "dish/pork:1 option/mild:1"},
		{"several stations", Quote{At: noon}, Line{Dish: "tofu", Qty: 1}, 800, "1@wok+steam", "dish/tofu:1"},
		{"each of several stations", Quote{At: noon}, Line{Dish: "feast", Qty: 1}, 9000, "1.1@wok 1.2@steam", "dish/feast:1"},
		{"another station for this type", Quote{At: noon, Route: func(string) string { return "pack" }}, Line{Dish: "pork", Qty: 1}, 1000, "1@pack", "dish/pork:1 option/mild:1"},
		{"a combo", Quote{At: noon}, Line{Dish: "set", Qty: 3, Parts: []PartPick{{Part: "main", Dish: "pork"}}}, 1800, "1.1@wok 1.2@wok+steam", "dish/set:1 option/mild:1 dish/pork:1 dish/tofu:1"},
		{"after midnight it is still Saturday night", Quote{At: time.Date(2026, 11, 22, 1, 0, 0, 0, time.UTC)}, Line{Dish: "soup", Qty: 1}, 500, "1@steam", "dish/soup:1"},
	} {
		out, no := card().Price(c.quote, []Line{c.line})
		if no != nil {
			t.Errorf("%s: %+v", c.name, no)
			continue
		}
		var items, takes []string
		for _, i := range out[0].Items {
			items = append(items, i.ID+"@"+strings.Join(i.Stations, "+"))
		}
		for _, k := range out[0].Takes {
			takes = append(takes, k.Stock+":"+string(rune('0'+k.N)))
		}
		if out[0].UnitPrice != c.unit || out[0].Amount != c.unit*int64(c.line.Qty) || strings.Join(items, " ") != c.items || strings.Join(takes, " ") != c.takes {
			t.Errorf("%s: %d, %v, %v", c.name, out[0].UnitPrice, items, takes)
		}
	}
}

func TestPriceRefuses(t *testing.T) {
	pork := func(change func(*Line)) []Line {
		l := Line{Dish: "pork", Qty: 1}
		change(&l)
		return []Line{l}
	}
	for _, c := range []struct {
		name, at, reason string
		lines            []Line
	}{
		{"no lines", "/lines", "length", nil},
		{"too many lines", "/lines", "length", make([]Line, LinesMax+1)},
		{"an unknown dish", "/lines/0/dish", "not_on_menu", []Line{{Dish: "x", Qty: 1}}},
		{"not at this hour", "/lines/0/dish", "not_now", []Line{{Dish: "soup", Qty: 1}}},
		{"two lines of one id", "/lines/1/id", "id", []Line{{ID: "a", Dish: "pork", Qty: 1}, {ID: "a", Dish: "pork", Qty: 1}}},
		{"none", "/lines/0/qty", "range", pork(func(l *Line) { l.Qty = 0 })},
		{"more than the dish allows", "/lines/0/qty", "range", pork(func(l *Line) { l.Qty = 6 })},
		{"a long note", "/lines/0/note", "length", pork(func(l *Line) { l.Note = strings.Repeat("辣", TextMax+1) })},
		{"seat 100", "/lines/0/seat", "range", pork(func(l *Line) { l.Seat = 100 })},
		{"course 10", "/lines/0/course", "range", pork(func(l *Line) { ten := 10; l.Course = &ten })},
		{"an unknown allergen", "/lines/0/allergies", "not_on_menu", pork(func(l *Line) { l.Allergies = []string{"x"} })},
		{"an unknown option", "/lines/0/options/0/option", "not_on_menu", pork(func(l *Line) { l.Options = []Pick{{Option: "x"}} })},
		{"an option of another dish", "/lines/0/options/0/option", "not_on_menu", []Line{{Dish: "tofu", Qty: 1, Options: []Pick{{Option: "hot"}}}}},
		{"an option of another group", "/lines/0/options/0/option", "not_on_menu", pork(func(l *Line) { l.Options = []Pick{{Option: "hot", Group: "extras"}} })},
		{"both of one", "/lines/0/options", "too_many", pork(func(l *Line) { l.Options = []Pick{{Option: "hot"}, {Option: "mild"}} })},
		{"too much of an option", "/lines/0/options/0/qty", "range", pork(func(l *Line) { l.Options = []Pick{{Option: "rice", Qty: 4, Options: []Pick{{Option: "white"}}}} })},
		{"a nested choice is missing", "/lines/0/options", "choose", pork(func(l *Line) { l.Options = []Pick{{Option: "rice"}} })},
		{"too many options", "/lines/0/options", "too_many", pork(func(l *Line) { l.Options = make([]Pick, OptionsMax+1) })},
		{"parts of no combo", "/lines/0/parts", "too_many", pork(func(l *Line) { l.Parts = []PartPick{{Part: "main", Dish: "tofu"}} })},
		{"a combo without its choice", "/lines/0/parts/main", "choose", []Line{{Dish: "set", Qty: 1}}},
		{"a dish that the part has not", "/lines/0/parts/0/dish", "not_on_menu", []Line{{Dish: "set", Qty: 1, Parts: []PartPick{{Part: "main", Dish: "feast"}}}}},
		{"a part that the combo has not", "/lines/0/parts", "not_on_menu", []Line{{Dish: "set", Qty: 1, Parts: []PartPick{{Part: "main", Dish: "tofu"}, {Part: "x", Dish: "tofu"}}}}},
	} {
		_, no := card().Price(Quote{At: noon}, c.lines)
		if no == nil || no.Code != refusal.Invalid || no.Fields.Reason != c.reason || !strings.HasPrefix(no.Fields.At, c.at) {
			t.Errorf("%s: %+v", c.name, no)
		}
	}
	if _, no := (*Menu)(nil).Price(Quote{}, nil); no == nil || no.Code != refusal.Closed {
		t.Errorf("no menu: %v", no)
	}
}

func TestDraftAndPublish(t *testing.T) {
	var s State
	do := func(c Command) (any, error) {
		t.Helper()
		was := s
		events, reply, err := Decide(s, c)
		if !reflect.DeepEqual(was, s) {
			t.Fatal("deciding has changed the state")
		}
		for _, e := range events {
			s = Apply(s, e)
		}
		return reply, err
	}
	h := command.Header{At: noon, By: command.Who{ID: "boss"}}
	if _, err := do(&Draft{Header: h, Base: 1, Menu: card()}); !errors.Is(err, ErrVersion) {
		t.Error(err)
	}
	if _, err := do(&Draft{Header: h}); !errors.Is(err, ErrMissing) {
		t.Error(err)
	}
	broken := card()
	broken.Dishes[0].Groups = []string{"nowhere"}
	if r, err := do(&Draft{Header: h, Menu: broken}); err != nil || len(r.(*DraftReply).Problems) == 0 {
		t.Error(r, err)
	}
	if _, err := do(&Publish{Header: h, DraftV: 1}); !errors.Is(err, ErrProblems) {
		t.Error(err)
	}
	if r, err := do(&Draft{Header: h, Menu: card()}); err != nil || len(r.(*DraftReply).Problems) != 0 {
		t.Fatal(r, err)
	}
	if _, err := do(&Publish{Header: h, DraftV: 1}); !errors.Is(err, ErrVersion) {
		t.Error(err)
	}
	if r, err := do(&Publish{Header: h, DraftV: 2}); err != nil || r.(*PublishReply).Version != 1 || s.Draft != nil || !s.Menu.PublishedAt.Equal(noon) {
		t.Error(r, err)
	}
	if r, err := do(&Load{Header: h, Menu: card(), Text: "a"}); err != nil || r.(*PublishReply).Version != 2 {
		t.Error(r, err)
	}
	if r, err := do(&Load{Header: h, Menu: card(), Text: "a"}); err != nil || r.(*PublishReply).Version != 2 {
		t.Error("the same menu was published again", r, err)
	}
	if v := ViewOf(s); v.Version != 2 || v.ETag != `"2"` || Owes(s) != nil || !Due(s).IsZero() {
		t.Errorf("%+v", v)
	}
}

// kitchen is a store that taxes food, and has a wok and a steamer.
type kitchen struct{}

func (kitchen) Taxes(class string) bool   { return class == "food" }
func (kitchen) Cooks(station string) bool { return station == "wok" || station == "steam" }
func (kitchen) MenuStore() string         { return "" }
func (kitchen) Known() bool               { return true }

// What the store cannot tax or cook is neither loaded, nor published, nor sold.
func TestSellerIsAsked(t *testing.T) {
	h := command.Header{At: noon, Today: kitchen{}}
	for at, change := range map[string]func(*Menu){
		"/menu/dishes/0/tax_class":  func(m *Menu) { m.Dishes[0].TaxClass = "luxury" },
		"/menu/dishes/0/stations/0": func(m *Menu) { m.Dishes[0].Stations = []string{"grill"} },
	} {
		m := card()
		change(m)
		for _, c := range []*Load{{Header: h, Menu: m}, {Menu: m, Seller: kitchen{}}} {
			_, _, err := Decide(State{}, c)
			if no := refusal.Of(err); no == nil || no.Code != refusal.Invalid || no.Fields.At != at || no.Fields.Reason != "menu" {
				t.Errorf("%s: %v", at, err)
			}
		}
		events, reply, err := Decide(State{}, &Draft{Header: h, Menu: m})
		if err != nil || len(reply.(*DraftReply).Problems) != 1 || "/menu"+reply.(*DraftReply).Problems[0].At != at {
			t.Errorf("%s: drafted %+v, %v", at, reply, err)
		}
		if _, _, err := Decide(Apply(State{}, events[0]), &Publish{Header: h, DraftV: 1}); !errors.Is(err, ErrProblems) {
			t.Errorf("%s: published, %v", at, err)
		}
		q := Quote{At: noon, By: kitchen{}}
		for _, l := range []Line{{Dish: "pork", Qty: 1}, {Dish: "set", Qty: 1, Parts: []PartPick{{Part: "main", Dish: "pork"}}}} {
			if _, no := m.Price(q, []Line{l}); no == nil || no.Fields.Reason != "not_on_menu" {
				t.Errorf("%s: %s is sold, %v", at, l.Dish, no)
			}
		}
		if _, no := m.Price(q, []Line{{Dish: "tofu", Qty: 1}}); no != nil {
			t.Errorf("%s: tofu is not sold, %v", at, no)
		}
	}
}

func TestCheck(t *testing.T) {
	for name, change := range map[string]func(*Menu){
		"two dishes of one id":                func(m *Menu) { m.Dishes[1].ID = "pork" },
		"a dish that is not there":            func(m *Menu) { m.Categories[0].Dishes = append(m.Categories[0].Dishes, "x") },
		"a price below nothing":               func(m *Menu) { m.Dishes[0].Price = -1 },
		"a group below its minimum":           func(m *Menu) { m.Groups[0].Min = 5 },
		"a daypart that is not one":           func(m *Menu) { m.Dayparts[0].From = "25:00" },
		"an unknown daypart":                  func(m *Menu) { m.Dishes[2].Dayparts = []string{"x"} },
		"an unknown allergen":                 func(m *Menu) { m.Dishes[0].Allergens = []string{"x"} },
		"a part without choices":              func(m *Menu) { m.Dishes[4].Parts[0].Choices = nil },
		"a choice that is not there":          func(m *Menu) { m.Dishes[4].Parts[0].Choices[0].Dish = "x" },
		"a name in no language":               func(m *Menu) { m.Dishes[0].Name = Text{} },
		"a tax class that is not the store's": func(m *Menu) { m.Dishes[3].TaxClass = "luxury" },
		"no tax class":                        func(m *Menu) { m.Dishes[4].TaxClass = "" },
		"a station that is not there":         func(m *Menu) { m.Dishes[1].Stations = []string{"wok", "grill"} },
		"an id with a space":                  func(m *Menu) { m.Dishes[0].ID = "a b" },
	} {
		m := card()
		change(m)
		if len(Check(m, kitchen{})) == 0 {
			t.Errorf("%s is no problem", name)
		}
	}
	if p := Check(card(), kitchen{}); len(p) > 0 {
		t.Errorf("%+v", p)
	}
}
