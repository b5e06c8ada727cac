package store

import (
	"slices"
	"strconv"
	"strings"

	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/money"
	"github.com/brigata/brigata/actors/refusal"
)

// Config is the store document, without its menu.
type Config struct {
	ID          string              `json:"id"`
	Name        menu.Text           `json:"name"`
	Zone        string              `json:"zone"`       // IANA name
	Currency    string              `json:"currency"`   // ISO 4217
	DayStarts   string              `json:"day_starts"` // local, "05:00"
	Languages   []string            `json:"languages"`
	Tax         Tax                 `json:"tax"`
	Service     Service             `json:"service"`
	Accept      map[string]string   `json:"accept"` // by order type: auto or manual
	Pay         map[string]string   `json:"pay"`    // by order type: later or first
	PayWithinMS int64               `json:"pay_within_ms"`
	AgingMS     map[string][2]int64 `json:"aging_ms"`     // by order type: warn, late
	AutoFireMS  int64               `json:"auto_fire_ms"` // -1: a next course waits to be fired
	Channels    []Channel           `json:"channels"`
	Stations    []Station           `json:"stations"`
	Routes      []Route             `json:"routes"`
	Printers    []Printer           `json:"printers"`
	Areas       []Area              `json:"areas"`
	Tables      []Table             `json:"tables"`
	Reasons     []string            `json:"reasons"`
	Stock       []Seed              `json:"stock"`
	FoodSafety  *FoodSafety         `json:"food_safety,omitzero"`
	Sensors     []Sensor            `json:"sensors,omitzero"`
	MenuFrom    *MenuFrom           `json:"menu_from,omitzero"` // in place of a menu of its own
}

// What a printer may print beside the tickets of its stations. Expo is each fire of an
// order, of all stations; Ready says that a course can be carried out; Bills are bills.
const (
	Expo  = "expo"
	Ready = "ready"
	Bills = "bill"
)

// MenuFrom is a chain's menu, which is the menu of one of its stores, and what is
// otherwise here.
type MenuFrom struct {
	Store string `json:"store"`
	menu.Overrides
}

// Tax says how a bill is taxed.
type Tax struct {
	Included bool           `json:"included"` // prices hold the tax
	Rounding money.Rounding `json:"rounding"`
	Scope    string         `json:"scope"` // what is rounded: line or rate_group
	Classes  []TaxClass     `json:"classes"`
}

type (
	TaxClass struct {
		ID     string `json:"id"`
		RateBP int64  `json:"rate_bp"` // basis points
	}
	// Service is a charge on large or seated parties.
	Service struct {
		RateBP    int64    `json:"rate_bp"`
		Types     []string `json:"types"`
		MinGuests int      `json:"min_guests"`
		TaxClass  string   `json:"tax_class"`
	}
	Channel struct {
		ID string `json:"id"`
	}
	Station struct {
		ID      string    `json:"id"`
		Name    menu.Text `json:"name"`
		Printer string    `json:"printer,omitzero"`
	}
	// Route sends a station's work of one order type elsewhere.
	Route struct {
		Type    string `json:"type"`
		Station string `json:"station"`
		To      string `json:"to"`
	}
	Printer struct {
		ID       string   `json:"id"`
		Address  string   `json:"address"`
		PaperMM  int      `json:"paper_mm"`
		Encoding string   `json:"encoding"`
		Backup   string   `json:"backup,omitzero"`
		Prints   []string `json:"prints,omitzero"` // beside its stations' tickets: Expo, Ready, Bills
	}
	Area struct {
		ID   string    `json:"id"`
		Name menu.Text `json:"name"`
	}
	Table struct {
		ID    string `json:"id"`
		Area  string `json:"area"`
		Seats int    `json:"seats"`
		X     int    `json:"x"`
		Y     int    `json:"y"`
		W     int    `json:"w"`
		H     int    `json:"h"`
		Shape string `json:"shape"`
	}
	// Seed is what a stock starts with when it is first heard of.
	Seed struct {
		Dish   string `json:"dish,omitzero"`
		Option string `json:"option,omitzero"`
		Qty    int64  `json:"qty"`
		Daily  int64  `json:"daily,omitzero"` // what each business day starts with; 0: what is left
		LowAt  int64  `json:"low_at,omitzero"`
	}
	FoodSafety struct {
		ColdMaxC  float64 `json:"cold_max_c"`
		WarnMS    int64   `json:"warn_ms"`
		HoldMS    int64   `json:"hold_ms"`
		DiscardMS int64   `json:"discard_ms"`
	}
	Sensor struct {
		ID        string    `json:"id"`
		Name      menu.Text `json:"name,omitzero"`
		Kind      string    `json:"kind"`
		Asset     string    `json:"asset"`
		Dishes    []string  `json:"dishes"`
		Limits    Limits    `json:"limits"`              // equal low and high are none
		Door      string    `json:"door,omitzero"`       // the sensor of the door that suppresses the limits
		Control   string    `json:"control,omitzero"`    // time as control: fda, fsanz
		MissingMS int64     `json:"missing_ms,omitzero"` // without a reading; 0: half an hour
	}
	Limits struct {
		Low     float64 `json:"low"`
		High    float64 `json:"high"`
		DelayMS int64   `json:"delay_ms"`
	}
)

// ID of the stock that the seed is for.
func (s Seed) ID() string {
	if s.Option != "" {
		return "option/" + s.Option
	}
	return "dish/" + s.Dish
}

// Taxes says that there is such a tax class.
func (c *Config) Taxes(class string) bool {
	return slices.ContainsFunc(c.Tax.Classes, func(x TaxClass) bool { return x.ID == class })
}

// Cooks says that there is such a station.
func (c *Config) Cooks(station string) bool {
	return slices.ContainsFunc(c.Stations, func(x Station) bool { return x.ID == station })
}

// Types of orders.
const (
	DineIn   = "dine_in"
	Pickup   = "pickup"
	Delivery = "delivery"
)

// Types lists them in the order of the document.
var Types = []string{DineIn, Pickup, Delivery}

const (
	tablesMax = 2000
	seedsMax  = 5000
)

// Check says what is wrong with a document, or nil. The zone's name is for the shell
// to look up.
func Check(c *Config) *refusal.Refusal {
	k := checker{c: c}
	k.must("/id", "id", menu.IsName(c.ID))
	k.must("/name", "required", c.Name != menu.Text{})
	k.must("/zone", "required", c.Zone != "")
	k.must("/currency", "currency", len(c.Currency) == 3 && strings.ToUpper(c.Currency) == c.Currency)
	_, _, ok := clock(c.DayStarts)
	k.must("/day_starts", "range", ok)
	k.must("/pay_within_ms", "range", c.PayWithinMS >= 0)
	k.must("/auto_fire_ms", "range", c.AutoFireMS >= -1)
	k.tax()
	k.perType()
	k.places()
	k.stock()
	k.sensors()
	k.menuFrom()
	if len(k.faults) == 0 {
		return nil
	}
	return refusal.Faults(k.faults...)
}

// CheckChange says why a document cannot take the place of the one before, or nil: bills
// that are still to be paid have that one's tax classes, and the menu that is sold names
// what it may not take away.
func CheckChange(before, after *Config, sold *menu.Menu) *refusal.Refusal {
	if before != nil {
		for _, x := range before.Tax.Classes {
			if !after.Taxes(x.ID) {
				return refusal.New(refusal.Conflict, "state", "A tax class that bills may have is missing; keep it").
					With(refusal.Fields{At: "/tax/classes", Kind: "tax_class", ID: x.ID, State: "used"})
			}
		}
	}
	if sold == nil {
		return nil
	}
	if p := menu.Check(sold, after); len(p) > 0 {
		return refusal.New(refusal.Invalid, "menu", p[0].Message).With(refusal.Fields{At: "/menu" + p[0].At})
	}
	return nil
}

type checker struct {
	c      *Config
	faults []refusal.Fault
}

func (k *checker) must(at, reason string, ok bool) {
	if !ok && len(k.faults) < 20 {
		k.faults = append(k.faults, refusal.Fault{At: at, Reason: reason})
	}
}

// ids checks names and that none comes twice.
func (k *checker) ids(at string, n int, id func(int) string) map[string]bool {
	seen := make(map[string]bool, n)
	for i := range n {
		k.must(at+"/"+strconv.Itoa(i)+"/id", "id", menu.IsName(id(i)) && !seen[id(i)])
		seen[id(i)] = true
	}
	return seen
}

func (k *checker) tax() {
	t := &k.c.Tax
	k.must("/tax/rounding", "range", t.Rounding.Known())
	k.must("/tax/scope", "range", t.Scope == "line" || t.Scope == "rate_group")
	classes := k.ids("/tax/classes", len(t.Classes), func(i int) string { return t.Classes[i].ID })
	for i, c := range t.Classes {
		k.must("/tax/classes/"+strconv.Itoa(i)+"/rate_bp", "range", c.RateBP >= 0 && c.RateBP <= 10_000)
	}
	s := &k.c.Service
	k.must("/service/rate_bp", "range", s.RateBP >= 0 && s.RateBP <= 10_000)
	k.must("/service/tax_class", "id", s.RateBP == 0 || classes[s.TaxClass])
	k.must("/service/types", "range", !slices.ContainsFunc(s.Types, func(t string) bool { return !slices.Contains(Types, t) }))
}

func (k *checker) perType() {
	for _, t := range Types {
		a, p, age := k.c.Accept[t], k.c.Pay[t], k.c.AgingMS[t]
		k.must("/accept/"+t, "range", a == "auto" || a == "manual")
		k.must("/pay/"+t, "range", p == "later" || p == "first")
		k.must("/aging_ms/"+t, "range", age[0] >= 0 && age[1] >= age[0])
	}
}

func (k *checker) places() {
	c := k.c
	k.ids("/channels", len(c.Channels), func(i int) string { return c.Channels[i].ID })
	stations := k.ids("/stations", len(c.Stations), func(i int) string { return c.Stations[i].ID })
	k.must("/stations", "id", !stations["all"])
	k.printers()
	for i, r := range c.Routes {
		at := "/routes/" + strconv.Itoa(i)
		k.must(at+"/type", "range", slices.Contains(Types, r.Type))
		k.must(at+"/station", "id", menu.IsName(r.Station))
		k.must(at+"/to", "id", menu.IsName(r.To)) // a station that is not there yet takes nothing: Today.Route
	}
	areas := k.ids("/areas", len(c.Areas), func(i int) string { return c.Areas[i].ID })
	k.must("/tables", "length", len(c.Tables) <= tablesMax)
	k.ids("/tables", len(c.Tables), func(i int) string { return c.Tables[i].ID })
	for i, t := range c.Tables {
		k.must("/tables/"+strconv.Itoa(i)+"/area", "id", areas[t.Area])
	}
	for i, r := range c.Reasons {
		k.must("/reasons/"+strconv.Itoa(i), "id", menu.IsName(r))
	}
}

func (k *checker) printers() {
	k.ids("/printers", len(k.c.Printers), func(i int) string { return k.c.Printers[i].ID })
	one := map[string]bool{} // a fire is on one expo's slip, or the runner would see it twice
	for i, p := range k.c.Printers {
		at := "/printers/" + strconv.Itoa(i)
		k.must(at+"/paper_mm", "range", p.PaperMM >= 0)
		k.must(at+"/encoding", "range", p.Encoding == "" || p.Encoding == "gb18030" || p.Encoding == "utf8")
		for n, x := range p.Prints {
			k.must(at+"/prints/"+strconv.Itoa(n), "range", x == Bills || (x == Expo || x == Ready) && !one[x])
			one[x] = true
		}
	}
}

func (k *checker) stock() {
	k.must("/stock", "length", len(k.c.Stock) <= seedsMax)
	for i, s := range k.c.Stock {
		at := "/stock/" + strconv.Itoa(i)
		k.must(at, "id", (s.Dish == "") != (s.Option == "") && menu.IsName(s.Dish+s.Option))
		k.must(at+"/qty", "range", s.Qty >= 0 && s.Daily >= 0 && s.LowAt >= 0)
	}
}

const (
	sensorsMax      = 1000
	sensorDishesMax = 500
)

var sensorKinds = []string{"temperature", "door", "power", "vibration", "microphone", "thermal"}

func (k *checker) sensors() {
	c := k.c
	if f := c.FoodSafety; f != nil {
		k.must("/food_safety", "range", f.WarnMS > 0 && f.HoldMS >= f.WarnMS && f.DiscardMS >= f.HoldMS)
	}
	k.must("/sensors", "length", len(c.Sensors) <= sensorsMax)
	ids := k.ids("/sensors", len(c.Sensors), func(i int) string { return c.Sensors[i].ID })
	for i, s := range c.Sensors {
		at := "/sensors/" + strconv.Itoa(i)
		k.must(at+"/kind", "range", slices.Contains(sensorKinds, s.Kind))
		k.must(at+"/asset", "id", menu.IsName(s.Asset))
		k.must(at+"/dishes", "length", len(s.Dishes) <= sensorDishesMax)
		k.must(at+"/dishes", "id", !slices.ContainsFunc(s.Dishes, func(d string) bool { return !menu.IsName(d) }))
		k.must(at+"/limits", "range", s.Limits.Low <= s.Limits.High && s.Limits.DelayMS >= 0 && s.MissingMS >= 0)
		k.must(at+"/door", "id", s.Door == "" || ids[s.Door])
		k.must(at+"/control", "range", s.Control == "" || s.Control == "fda" || s.Control == "fsanz")
	}
}

const (
	overridesMax = 5000
	priceMax     = 1e12
)

func (k *checker) menuFrom() {
	f := k.c.MenuFrom
	if f == nil {
		return
	}
	const at = "/menu_from"
	k.must(at+"/store", "id", menu.IsName(f.Store) && f.Store != k.c.ID)
	k.must(at+"/dishes", "length", len(f.Dishes) <= overridesMax)
	k.must(at+"/options", "length", len(f.Options) <= overridesMax)
	k.ids(at+"/dishes", len(f.Dishes), func(i int) string { return f.Dishes[i].ID })
	for i := range f.Dishes {
		d, at := &f.Dishes[i], at+"/dishes/"+strconv.Itoa(i)
		k.named(at+"/name", d.Name)
		k.named(at+"/description", d.Description)
		k.priced(at+"/price", d.Price)
		for _, p := range d.Prices {
			k.priced(at+"/prices", &p)
		}
		k.must(at+"/max_qty", "range", d.MaxQty >= 0 && d.MaxQty <= menu.QtyMax)
		k.must(at+"/prep_ms", "range", d.PrepMS >= 0)
		k.must(at+"/tax_class", "id", d.TaxClass == "" || k.c.Taxes(d.TaxClass))
		k.must(at+"/stations", "id", !slices.ContainsFunc(d.Stations, func(s string) bool { return !k.c.Cooks(s) }))
	}
	k.ids(at+"/options", len(f.Options), func(i int) string { return f.Options[i].ID })
	for i := range f.Options {
		at := at + "/options/" + strconv.Itoa(i)
		k.named(at+"/name", f.Options[i].Name)
		k.priced(at+"/price", f.Options[i].Price)
	}
}

func (k *checker) named(at string, t *menu.Text) {
	k.must(at, "length", t == nil || t.Fits())
}

func (k *checker) priced(at string, p *int64) {
	k.must(at, "range", p == nil || *p >= 0 && *p <= priceMax)
}

// Safety is the store's limits for food, or those that hold where it names none: cold
// below 5 °C, a warning after 30 min, a hold after 2 h, to be discarded after 4 h.
func (c *Config) Safety() FoodSafety {
	if c.FoodSafety != nil {
		return *c.FoodSafety
	}
	return FoodSafety{ColdMaxC: 5, WarnMS: 30 * 60_000, HoldMS: 120 * 60_000, DiscardMS: 240 * 60_000}
}

// clock parses "05:00".
func clock(s string) (hour, minute int, ok bool) {
	h, m, found := strings.Cut(s, ":")
	hour, errH := strconv.Atoi(h)
	minute, errM := strconv.Atoi(m)
	ok = found && len(s) == 5 && errH == nil && errM == nil && hour >= 0 && hour < 24 && minute >= 0 && minute < 60
	return hour, minute, ok
}
