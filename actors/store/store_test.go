package store

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/money"
	"github.com/brigata/brigata/actors/refusal"
)

var shanghai = time.FixedZone("CST", 8*3600)

// noon in the store's zone.
var noon = time.Date(2026, 11, 23, 4, 0, 0, 0, time.UTC)

func config() *Config {
	all := func(v string) map[string]string { return map[string]string{DineIn: v, Pickup: v, Delivery: v} }
	return &Config{ID: "s", Name: menu.Text{EN: "S"}, Zone: "Asia/Shanghai", Currency: "CNY", DayStarts: "05:00",
		Tax: Tax{Rounding: money.HalfUp, Scope: "line", Classes: []TaxClass{{"food", 600}}}, Accept: all("auto"), Pay: all("later"),
		AgingMS:  map[string][2]int64{DineIn: {1, 2}, Pickup: {1, 2}, Delivery: {1, 2}},
		Channels: []Channel{{"qr"}}, Stations: []Station{{ID: "wok"}}, Areas: []Area{{ID: "hall"}}, Tables: []Table{{ID: "T1", Area: "hall"}},
		Reasons: []string{"other"}, Stock: []Seed{{Dish: "duck", Qty: 3}}}
}

// evening is a store under test: each step checks that deciding changes nothing.
type evening struct {
	t *testing.T
	s State
}

func begun(t *testing.T) *evening {
	e := &evening{t: t}
	e.do(0, &Configure{Config: config()})
	return e
}

func (e *evening) do(after time.Duration, c Command) any {
	e.t.Helper()
	reply, err := e.try(after, c)
	if err != nil {
		e.t.Fatal(err)
	}
	return reply
}

func (e *evening) try(after time.Duration, c Command) (any, error) {
	e.t.Helper()
	h := c.Head()
	h.At, h.By = noon.Add(after), command.Who{ID: "boss", Role: command.Manager}
	if e.s.Config == nil {
		h.Today = State{Config: config()}.Today(nil, shanghai, nil)
	} else {
		h.Today = e.s.Today(nil, shanghai, nil)
	}
	was := e.s
	events, reply, err := Decide(e.s, c)
	if !reflect.DeepEqual(was, e.s) {
		e.t.Fatal("deciding has changed the state")
	}
	for _, x := range events {
		e.s = Apply(e.s, x)
	}
	return reply, err
}

func (e *evening) refused(after time.Duration, c Command, code refusal.Code) {
	e.t.Helper()
	if _, err := e.try(after, c); refusal.Of(err) == nil || refusal.Of(err).Code != code {
		e.t.Errorf("%T: %v, want %s", c, err, code)
	}
}

func TestBusinessDates(t *testing.T) {
	today := State{Config: config()}.Today(nil, shanghai, nil)
	for at, want := range map[string]string{
		"2026-11-22T20:59:59Z": "2026-11-22", // 04:59 on the 23rd
		"2026-11-22T21:00:00Z": "2026-11-23",
		"2026-11-23T20:59:59Z": "2026-11-23",
	} {
		x, _ := time.Parse(time.RFC3339, at)
		if got := today.BusinessDate(x); got != want {
			t.Errorf("%s counts for %s, want %s", at, got, want)
		}
	}
	if at := today.DayStart("2026-11-23"); !at.Equal(time.Date(2026, 11, 22, 21, 0, 0, 0, time.UTC)) {
		t.Error(at)
	}
	if at := today.DayEnd(noon); !at.Equal(time.Date(2026, 11, 23, 21, 0, 0, 0, time.UTC)) {
		t.Error(at)
	}
	if !today.DayStart("yesterday").IsZero() {
		t.Error("a day that is none has a start")
	}
}

func TestNumbers(t *testing.T) {
	e := &evening{t: t}
	e.refused(0, &TakeNumber{Order: "a"}, refusal.NotFound)
	e = begun(t)
	for i := 1; i <= 3; i++ {
		if n := e.do(0, &TakeNumber{Order: "a", PrepMS: 600_000}).(*Number); n.No != i || n.Date != "2026-11-23" {
			t.Fatalf("%+v", n)
		}
	}
	if v := ViewOf(e.s, nil); v.WaitMS != 600_000 || !v.Open || v.Date != "2026-11-23" {
		t.Errorf("%+v", v)
	}
	if n := e.do(20*time.Hour, &TakeNumber{Order: "b"}).(*Number); n.No != 1 || n.Date != "2026-11-24" {
		t.Errorf("a new day: %+v", n)
	}
}

func TestSeeds(t *testing.T) {
	e := begun(t)
	duties := Owes(e.s)
	if len(duties) != 1 || duties[0].To != (command.Target{Kind: "stock", ID: "dish/duck"}) {
		t.Fatalf("%+v", duties)
	}
	e.do(0, &command.Answered{Duty: duties[0]})
	if len(Owes(e.s)) != 0 {
		t.Error("it is owed still")
	}
	again := config()
	again.Stock = append(again.Stock, Seed{Option: "rice", Qty: 1})
	e.do(0, &Configure{Config: again})
	if duties := Owes(e.s); len(duties) != 1 || duties[0].To.ID != "option/rice" {
		t.Errorf("counts are left as they are: %+v", duties)
	}
}

func TestPauses(t *testing.T) {
	e := begun(t)
	e.refused(0, &PauseChannel{Channel: "x", Until: "manual", Reason: "other"}, refusal.NotFound)
	e.refused(0, &PauseChannel{Channel: "qr", Until: "manual"}, refusal.Invalid)
	e.refused(0, &PauseChannel{Channel: "qr", Until: "soon", Reason: "other"}, refusal.Invalid)
	e.do(0, &PauseChannel{Channel: "qr", Until: "2026-11-23T05:00:00Z", Reason: "other"})
	today := e.s.Today(nil, shanghai, nil)
	if _, paused := today.PausedUntil("qr", noon); !paused {
		t.Error("not paused")
	}
	if _, paused := today.PausedUntil("qr", noon.Add(time.Hour)); paused {
		t.Error("paused beyond its time")
	}
	if due := Due(e.s); !due.Equal(noon.Add(time.Hour)) {
		t.Error(due)
	}
	e.do(time.Hour, &command.Tick{})
	if len(e.s.Paused) != 0 {
		t.Errorf("%+v", e.s.Paused)
	}
	e.do(0, &PauseChannel{Channel: "qr", Until: "manual", Reason: "other"})
	if r := e.do(0, &PauseChannel{Channel: "qr"}).(*PauseReply); r.Paused || len(e.s.Paused) != 0 {
		t.Errorf("%+v", r)
	}
}

func TestDayClose(t *testing.T) {
	e := begun(t)
	told := func(id, provider string, amount, tip int64) {
		e.do(0, &PaymentTold{Payment: id, Provider: provider, Amount: amount, Tip: tip})
	}
	told("a", "cash", 1000, 100)
	told("a", "cash", 1000, 100) // told twice, counted once
	told("b", "wechat", 500, 0)
	told("c", "wechat", 200, 30)
	told("c", "wechat", 0, 0)   // all of it went back
	told("a", "cash", 700, 100) // 300 went back
	e.refused(0, &CloseDay{Date: "2020-01-01"}, refusal.NotFound)
	e.refused(0, &CloseDay{Date: "2026-11-23", Counted: -1}, refusal.Invalid)
	if r := e.do(0, &CloseDay{Date: "2026-11-23", Counted: 790}).(*CloseReply); !reflect.DeepEqual(*r, CloseReply{"2026-11-23", 1200, 800, -10, []Sum{{"cash", 1, 700, 100}, {"wechat", 2, 500, 0}}}) {
		t.Errorf("%+v", r)
	}
	e.refused(0, &CloseDay{Date: "2026-11-23", Counted: 790}, refusal.Conflict)
	if ViewOf(e.s, nil).Open {
		t.Error("a closed day takes orders")
	}
	e.do(20*time.Hour, &command.Tick{})
	if !ViewOf(e.s, nil).Open {
		t.Error("the next day does not")
	}
	for range 3 * daysMax {
		e.do(e.s.Next.Sub(noon), &command.Tick{})
	}
	if len(e.s.Days) != daysMax || e.s.Payments.Len() != 0 {
		t.Errorf("%d days and %d payments are kept", len(e.s.Days), e.s.Payments.Len())
	}
}

// A document takes away neither what bills are taxed by, nor what the menu names.
func TestDocumentsKeepWhatIsUsed(t *testing.T) {
	e := begun(t)
	duck := &menu.Menu{Dishes: []menu.Dish{{ID: "duck", Name: menu.Text{EN: "Duck"}, TaxClass: "food", Stations: []string{"wok"}}}}
	for name, c := range map[string]struct {
		change func(*Config)
		code   refusal.Code
		at     string
	}{
		"another rate":      {func(c *Config) { c.Tax.Classes[0].RateBP = 900 }, "", ""},
		"a class more":      {func(c *Config) { c.Tax.Classes = append(c.Tax.Classes, TaxClass{"wine", 1300}) }, "", ""},
		"no class":          {func(c *Config) { c.Tax.Classes = nil }, refusal.Conflict, "/tax/classes"},
		"a station less":    {func(c *Config) { c.Stations = nil }, refusal.Invalid, "/menu/dishes/0/stations/0"},
		"a station renamed": {func(c *Config) { c.Stations[0].ID = "grill" }, refusal.Invalid, "/menu/dishes/0/stations/0"},
		"a station besides": {func(c *Config) { c.Stations = append(c.Stations, Station{ID: "grill"}) }, "", ""},
	} {
		next := config()
		c.change(next)
		_, _, err := Decide(e.s, &Configure{Header: command.Header{At: noon, Today: e.s.Today(duck, shanghai, nil)}, Config: next})
		no := refusal.Of(err)
		if c.code == "" && err != nil || c.code != "" && (no == nil || no.Code != c.code || no.Fields.At != c.at) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if CheckChange(nil, config(), duck) != nil {
		t.Error("the first document is refused")
	}
}

func TestCheckNames(t *testing.T) {
	for at, change := range map[string]func(*Config){
		"/id":                func(c *Config) { c.ID = "a b" },
		"/zone":              func(c *Config) { c.Zone = "" },
		"/currency":          func(c *Config) { c.Currency = "yuan" },
		"/day_starts":        func(c *Config) { c.DayStarts = "5" },
		"/tax/rounding":      func(c *Config) { c.Tax.Rounding = "up and down" },
		"/tax/classes/0":     func(c *Config) { c.Tax.Classes[0].RateBP = -1 },
		"/service/tax_class": func(c *Config) { c.Service.RateBP = 1 },
		"/accept/pickup":     func(c *Config) { c.Accept[Pickup] = "" },
		"/pay/delivery":      func(c *Config) { c.Pay[Delivery] = "never" },
		"/aging_ms/dine_in":  func(c *Config) { c.AgingMS[DineIn] = [2]int64{2, 1} },
		"/stations":          func(c *Config) { c.Stations = append(c.Stations, Station{ID: "all"}) },
		"/tables/0/area":     func(c *Config) { c.Tables[0].Area = "x" },
		"/tables/1/id":       func(c *Config) { c.Tables = append(c.Tables, c.Tables[0]) },
		"/stock/0":           func(c *Config) { c.Stock[0].Option = "rice" },
		"/reasons/0":         func(c *Config) { c.Reasons[0] = "" },
		"/routes/0/type":     func(c *Config) { c.Routes = []Route{{"x", "wok", "wok"}} },
		"/routes/0/to":       func(c *Config) { c.Routes = []Route{{Pickup, "wok", "a b"}} },
		"/menu_from/dishes/0/tax_class": func(c *Config) {
			c.MenuFrom = &MenuFrom{Store: "chain", Overrides: menu.Overrides{Dishes: []menu.DishOverride{{ID: "duck", TaxClass: "luxury"}}}}
		},
		"/menu_from/dishes/0/stations": func(c *Config) {
			c.MenuFrom = &MenuFrom{Store: "chain", Overrides: menu.Overrides{Dishes: []menu.DishOverride{{ID: "duck", Stations: []string{"wok", "grill"}}}}}
		},
		"/auto_fire_ms":    func(c *Config) { c.AutoFireMS = -2 },
		"/service/types":   func(c *Config) { c.Service.Types = []string{"x"} },
		"/name":            func(c *Config) { c.Name = menu.Text{} },
		"/tax/scope":       func(c *Config) { c.Tax.Scope = "" },
		"/menu_from/store": func(c *Config) { c.MenuFrom = &MenuFrom{Store: c.ID} },
		"/menu_from/dishes/0/price": func(c *Config) {
			c.MenuFrom = &MenuFrom{Store: "chain", Overrides: menu.Overrides{Dishes: []menu.DishOverride{{ID: "duck", Price: new(int64(-1))}}}}
		},
		"/menu_from/options/1/id": func(c *Config) {
			c.MenuFrom = &MenuFrom{Store: "chain", Overrides: menu.Overrides{Options: []menu.OptionOverride{{ID: "rice"}, {ID: "rice"}}}}
		},
	} {
		c := config()
		change(c)
		no := Check(c)
		if no == nil || no.Code != refusal.Invalid || !strings.HasPrefix(no.Fields.At, at) {
			t.Errorf("%s: %+v", at, no)
		}
	}
	if no := Check(config()); no != nil {
		t.Errorf("%+v", no)
	}
}

// A route leads to a station that there is, or nowhere else.
func TestRoutes(t *testing.T) {
	c := config()
	c.Stations = append(c.Stations, Station{ID: "pass"})
	c.Routes = []Route{{Pickup, "wok", "pass"}, {Delivery, "wok", "grill"}}
	today := State{Config: c}.Today(nil, shanghai, nil)
	for kind, to := range map[string]string{Pickup: "pass", Delivery: "wok"} {
		if at := today.Route(kind)("wok"); at != to {
			t.Errorf("%s: %s", kind, at)
		}
	}
	if today.Route(DineIn) != nil {
		t.Error("without a route nothing needs to be asked")
	}
}
