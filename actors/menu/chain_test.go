package menu

import (
	"errors"
	"reflect"
	"testing"

	"github.com/brigata/brigata/actors/command"
)

// followsStore is a store that sells from another one's menu.
type followsStore string

func (f followsStore) MenuStore() string { return string(f) }

func ids(m *Menu) (dishes, groups []string) {
	for _, d := range m.Dishes {
		dishes = append(dishes, d.ID)
	}
	for _, g := range m.Groups {
		groups = append(groups, g.ID)
	}
	return dishes, groups
}

func TestWith(t *testing.T) {
	price := int64(1100)
	all := []string{"pork", "tofu", "soup", "feast", "set"}
	for _, c := range []struct {
		name           string
		o              Overrides
		dishes, groups []string
		holds          func(m *Menu) bool
	}{
		{"nothing", Overrides{}, all, []string{"spice", "extras", "grain"}, func(m *Menu) bool { return m.Version == 0 }},
		{"a price, and a channel's", Overrides{Dishes: []DishOverride{{ID: "pork", Price: &price, Prices: map[string]int64{"web": 1050}}}}, all, []string{"spice", "extras", "grain"},
			func(m *Menu) bool {
				return m.Dishes[0].Price == 1100 && reflect.DeepEqual(m.Dishes[0].Prices, map[string]int64{"meituan": 1200, "web": 1050})
			}},
		{"names, stations, hours", Overrides{Dishes: []DishOverride{{ID: "soup", Name: &Text{EN: "Broth"}, Stations: []string{"bar"}, Dayparts: []string{"lunch", "brunch"}},
			{ID: "tofu", Dayparts: []string{"brunch"}}}}, all, []string{"spice", "extras", "grain"},
			func(m *Menu) bool {
				d := m.Dishes[2]
				return d.Name.EN == "Broth" && d.Stations[0] == "bar" && reflect.DeepEqual(d.Dayparts, []string{"lunch"}) && len(m.Dishes[1].Dayparts) == 0
			}},
		{"a dish that the chain does not have", Overrides{Dishes: []DishOverride{{ID: "duck", Hidden: true}}}, all, []string{"spice", "extras", "grain"}, nil},
		{"one choice of a combo", Overrides{Dishes: []DishOverride{{ID: "pork", Hidden: true}}}, []string{"tofu", "soup", "feast", "set"}, []string{"spice", "extras", "grain"},
			func(m *Menu) bool { return len(m.Dishes[3].Parts[0].Choices) == 1 }},
		{"a combo's only choice, and with it the combo and its category", Overrides{Dishes: []DishOverride{{ID: "tofu", Hidden: true}}}, []string{"pork", "soup", "feast"}, []string{"spice", "extras", "grain"},
			func(m *Menu) bool { return len(m.Categories) == 1 }},
		{"an option that needs not be chosen", Overrides{Options: []OptionOverride{{ID: "rice", Hidden: true}}}, all, []string{"spice", "grain"},
			func(m *Menu) bool { return reflect.DeepEqual(m.Dishes[0].Groups, []string{"spice"}) }},
		{"what is below an option", Overrides{Options: []OptionOverride{{ID: "white", Hidden: true}, {ID: "brown", Hidden: true}}}, all, []string{"spice"}, nil},
		{"all that must be chosen of", Overrides{Options: []OptionOverride{{ID: "mild", Hidden: true}, {ID: "hot", Hidden: true}}}, []string{"tofu", "soup", "feast", "set"}, []string{"extras", "grain"}, nil},
		{"an option's price", Overrides{Options: []OptionOverride{{ID: "hot", Price: &price}}}, all, []string{"spice", "extras", "grain"},
			func(m *Menu) bool { return m.Groups[0].Options[1].Price == 1100 }},
	} {
		chain := card()
		m := chain.With(&c.o)
		dishes, groups := ids(m)
		if !reflect.DeepEqual(dishes, c.dishes) || !reflect.DeepEqual(groups, c.groups) || c.holds != nil && !c.holds(m) {
			t.Errorf("%s: %v %v %+v", c.name, dishes, groups, m)
		}
		if p := Check(m, nil); len(p) > 0 {
			t.Errorf("%s: %+v", c.name, p)
		}
		m.Index()
		if !reflect.DeepEqual(chain, card()) {
			t.Errorf("%s: the chain's menu has changed", c.name)
		}
	}
}

func TestFollow(t *testing.T) {
	var s State
	do := func(c Command) *PublishReply {
		t.Helper()
		events, reply, err := Decide(s, c)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range events {
			s = Apply(s, e)
		}
		return reply.(*PublishReply)
	}
	load := func(text string, of int64) int64 {
		return do(&Load{Menu: card(), Text: text, From: "chain", Of: of}).Version
	}
	for i, c := range []struct {
		text        string
		of, version int64
	}{{"a", 3, 1}, {"a", 4, 1}, {"b", 4, 2}, {"a", 3, 2}, {"c", 5, 3}} {
		if v := load(c.text, c.of); v != c.version {
			t.Errorf("load %d makes version %d, not %d", i, v, c.version)
		}
	}
	h := command.Header{At: noon, Today: followsStore("chain")}
	for _, c := range []Command{&Draft{Header: h, Base: 3, Menu: card()}, &Publish{Header: h}} {
		if _, _, err := Decide(s, c); !errors.Is(err, ErrFollows) {
			t.Errorf("%T: %v", c, err)
		}
	}
	if do(&Load{Menu: card(), Text: "own"}); s.From != "" || s.Of != 0 {
		t.Errorf("still of %q", s.From)
	}
	if s.Menu.Categories[0].Count != 4 {
		t.Errorf("a category of 4 dishes counts %d", s.Menu.Categories[0].Count)
	}
}
