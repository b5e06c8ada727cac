package stock

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/store"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

var today = store.State{Config: &store.Config{ID: "s", DayStarts: "05:00", Reasons: []string{"sold_out", "food_safety"}}}.
	Today((&menu.Menu{Dishes: []menu.Dish{{ID: "duck", Name: menu.Text{EN: "Duck"}}},
		Groups: []menu.Group{{ID: "g", Options: []menu.Option{{ID: "rice", Name: menu.Text{EN: "Rice"}}}}}}).Index(), time.UTC, nil)

// given folds what happened; when decides at a time after noon, as a manager.
type given []Event

func (g given) state() (s State) {
	for _, e := range g {
		s = Apply(s, e)
	}
	return s
}

func at(after time.Duration, role command.Role) command.Header {
	return command.Header{At: noon.Add(after), By: command.Who{ID: "boss", Role: role}, Today: today}
}

func n(v int64) *int64 { return &v }

var (
	made    = &Made{ID: "dish/duck", Name: menu.Text{EN: "Duck"}, Date: "2026-11-23", End: noon.Add(17 * time.Hour)}
	counted = &CountSet{At: noon, Qty: 3, LowAt: 1}
	daily   = &CountSet{At: noon, Qty: 3, Daily: 10}
	duck    = Ref{Dish: "duck"}
)

func TestDecide(t *testing.T) {
	boss := at(0, command.Manager)
	out := &WentOut{At: noon, Until: noon.Add(time.Hour)}
	for _, c := range []struct {
		name  string
		given given
		when  Command
		then  []Event
		code  refusal.Code
	}{
		{"nothing is counted: granted without a trace", nil, &Reserve{Header: boss, Order: "o", Qty: 5}, nil, ""},
		{"granted", given{made, counted}, &Reserve{Header: boss, Order: "o", Qty: 3}, []Event{&Reserved{"o", 3}}, ""},
		{"more than there is", given{made, counted}, &Reserve{Header: boss, Order: "o", Qty: 4}, nil, refusal.SoldOut},
		{"a retry takes nothing", given{made, counted, &Reserved{"o", 2}}, &Reserve{Header: boss, Order: "o", Qty: 2}, nil, ""},
		{"only what is more", given{made, counted, &Reserved{"o", 2}}, &Reserve{Header: boss, Order: "o", Qty: 3}, []Event{&Reserved{"o", 1}}, ""},
		{"all or nothing", given{made, counted, &Reserved{"o", 2}}, &Reserve{Header: boss, Order: "p", Qty: 2}, nil, refusal.SoldOut},
		{"given back", given{made, counted, &Reserved{"o", 2}}, &Release{Header: boss, Order: "o"}, []Event{&Released{noon, "o"}}, ""},
		{"given back before it came", given{made, counted}, &Release{Header: boss, Order: "o"}, []Event{&Released{noon, "o"}}, ""},
		{"and once only", given{made, counted, &Released{noon, "o"}}, &Release{Header: boss, Order: "o"}, nil, ""},
		{"a tombstone refuses what comes late", given{made, counted, &Released{noon, "o"}}, &Reserve{Header: boss, Order: "o", Qty: 1}, nil, refusal.Closed},
		{"a part is given back", given{made, counted, &Reserved{"o", 3}}, &Return{Header: boss, Order: "o", Left: 1}, []Event{&Returned{"o", 1}}, ""},
		{"nothing to give back", given{made, counted, &Reserved{"o", 1}}, &Return{Header: boss, Order: "o", Left: 1}, nil, ""},
		{"out is out", given{made, counted, out}, &Reserve{Header: boss, Order: "o", Qty: 1}, nil, refusal.SoldOut},
		{"out until then", given{made, counted, out}, &Reserve{Header: at(time.Hour, command.Manager), Order: "o", Qty: 1}, []Event{&CameIn{At: noon.Add(time.Hour)}, &Reserved{"o", 1}}, ""},
		{"held is held", given{made, counted, &HeldBack{At: noon, Reason: "food_safety"}}, &Reserve{Header: boss, Order: "o", Qty: 1}, nil, refusal.SoldOut},
		{"counted for the first time", nil, &SetCount{Header: boss, Ref: duck, Qty: n(7), LowAt: n(2)}, []Event{made, &CountSet{At: noon, By: boss.By, Qty: 7, LowAt: 2}}, ""},
		{"an option", nil, &SetCount{Header: boss, Ref: Ref{Option: "rice"}, Qty: n(1)}, []Event{&Made{ID: "option/rice", Name: menu.Text{EN: "Rice"}, Date: made.Date, End: made.End}, &CountSet{At: noon, By: boss.By, Qty: 1}}, ""},
		{"not on the menu", nil, &SetCount{Header: boss, Ref: Ref{Dish: "x"}, Qty: n(1)}, nil, refusal.NotFound},
		{"below nothing", nil, &SetCount{Header: boss, Ref: duck, Qty: n(-1)}, nil, refusal.Invalid},
		{"no number", nil, &SetCount{Header: boss, Ref: duck}, nil, refusal.Invalid},
		{"more came", given{made, counted}, &Restock{Header: boss, Ref: duck, Qty: 4}, []Event{&Restocked{At: noon, By: boss.By, Qty: 4}}, ""},
		{"none came", given{made, counted}, &Restock{Header: boss, Ref: duck}, nil, refusal.Invalid},
		{"more will come", given{made, counted}, &Restock{Header: boss, Ref: duck, Qty: 4, When: noon.Add(time.Hour)}, []Event{&Scheduled{noon, boss.By, Delivery{noon.Add(time.Hour), 4}}}, ""},
		{"and came", given{made, counted, &Scheduled{At: noon, Delivery: Delivery{noon.Add(time.Hour), 4}}}, &command.Tick{Header: at(time.Hour, "")}, []Event{&Restocked{At: noon.Add(time.Hour), Qty: 4, Due: noon.Add(time.Hour)}}, ""},
		{"86 till the end of the day", given{made, counted}, &TakeOut{Header: boss, Ref: duck, Until: "end_of_day", Reason: "sold_out"}, []Event{&WentOut{noon, boss.By, made.End, "sold_out"}}, ""},
		{"86 twice", given{made, counted, &WentOut{noon, boss.By, time.Time{}, ""}}, &TakeOut{Header: boss, Ref: duck, Until: "manual"}, nil, ""},
		{"86 until yesterday", given{made}, &TakeOut{Header: boss, Ref: duck, Until: "2020-01-01T00:00:00Z"}, nil, refusal.Invalid},
		{"back in", given{made, counted, out}, &PutIn{Header: boss, Ref: duck}, []Event{&CameIn{noon, boss.By}}, ""},
		{"held without a reason", given{made}, &HoldBack{Header: boss, Ref: duck}, nil, refusal.Invalid},
		{"released by the kitchen", given{made, &HeldBack{At: noon, Reason: "food_safety"}}, &LetGo{Header: at(0, command.Kitchen), Ref: duck, Reason: "sold_out"}, nil, refusal.Forbidden},
		{"seeded", nil, &Seed{Header: boss, Seed: store.Seed{Dish: "duck", Qty: 9, Daily: 9}}, []Event{made, &CountSet{At: noon, By: boss.By, Qty: 9, Daily: 9}}, ""},
		{"seeded once", given{made, counted}, &Seed{Header: boss, Seed: store.Seed{Dish: "duck", Qty: 9}}, nil, ""},
	} {
		s := c.given.state()
		was := c.given.state()
		events, reply, err := Decide(s, c.when)
		if !reflect.DeepEqual(s, was) {
			t.Errorf("%s: deciding has changed the state", c.name)
		}
		if c.code != "" {
			if r := refusal.Of(err); r == nil || r.Code != c.code {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if err != nil || len(events) != len(c.then) || len(events) > 0 && !reflect.DeepEqual(events, c.then) {
			t.Errorf("%s: %+v %+v %v", c.name, events, reply, err)
		}
	}
}

func TestANewDay(t *testing.T) {
	s := given{made, daily, &Reserved{"o", 2}, &Released{noon, "p"}}.state()
	events, _, err := Decide(s, &Reserve{Header: at(18*time.Hour, command.Manager), Order: "q", Qty: 10})
	if err != nil || len(events) != 2 {
		t.Fatal(events, err) // the reset comes first, then who asks
	}
	for _, e := range events {
		s = Apply(s, e)
	}
	if v := ViewOf(s); v.Counted != 10 || v.Left != 0 || s.Orders.Len() != 1 || s.Date != "2026-11-24" {
		t.Errorf("%+v %+v", v, s)
	}
	// Without a daily count the day begins with what is left.
	s = given{made, counted, &Reserved{"o", 2}}.state()
	events, _, err = Decide(s, &command.Tick{Header: at(18*time.Hour, "")})
	if err != nil || len(events) != 1 || ViewOf(Apply(s, events[0])).Left != 1 {
		t.Fatal(events, err)
	}
	if due := Due(Apply(s, events[0])); !due.Equal(made.End.Add(24 * time.Hour)) {
		t.Error(due)
	}
}

func TestCountsKeepWhatOrdersHold(t *testing.T) {
	s := given{made, counted, &Reserved{"o", 2}, &CountSet{At: noon, Qty: 5}}.state()
	if v := ViewOf(s); v.Left != 5 || v.Taken != 2 {
		t.Fatalf("%+v", v)
	}
	if v := ViewOf(Apply(s, &Released{noon, "o"})); v.Left != 7 {
		t.Errorf("what was cancelled after the count comes back: %+v", v)
	}
	s = Apply(s, &CountSet{At: noon, Unlimited: true})
	if v := ViewOf(s); v.Mode != Unlimited || v.Tracked() || !v.Available() {
		t.Errorf("%+v", v)
	}
}

func TestSoldOutSaysWhat(t *testing.T) {
	_, _, err := Decide(given{made, counted}.state(), &Reserve{Header: at(0, ""), Order: "o", Qty: 9, Lines: []string{"2"}})
	r := refusal.Of(err)
	if r == nil || r.Fields.Dish != "duck" || *r.Fields.Left != 3 || len(r.Fields.Items) != 1 || r.Fields.Items[0].Lines[0] != "2" || r.Message != "Only 3 Duck left" {
		t.Errorf("%+v", r)
	}
	if !errors.Is(err, errSoldOut) {
		t.Error(err)
	}
}
