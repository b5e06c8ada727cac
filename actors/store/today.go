package store

import (
	"cmp"
	"slices"
	"time"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/refusal"
)

// Today is what every rule may look up: a store's configuration, its menu and what is
// paused, as of one moment. It is immutable; the cell attaches it to every command.
type Today struct {
	Config  *Config
	Menu    *menu.Menu // nil: none published
	Zone    *time.Location
	Open    bool
	Paused  []Pause
	Tracked map[string]bool // stock ids that may run out: only those are asked
	// Providers that the node can take money through, beside cash and terminals.
	Providers []string
	// Printing says that what is fired, or ready, may have to be on paper.
	Printing bool
	// ExpoPrinter, ReadyPrinter and BillPrinter print those; "": none does.
	ExpoPrinter, ReadyPrinter, BillPrinter string

	startHour, startMinute int
	tables                 map[string]*Table
	stations               map[string]*Station
}

// Pause is a channel that takes no orders.
type Pause struct {
	Channel string    `json:"channel"`
	Until   time.Time `json:"until,omitzero"` // zero: till somebody resumes it
}

// Of returns the store's values that came with a command; never nil.
func Of(h *command.Header) *Today {
	t, _ := h.Today.(*Today)
	if t == nil {
		panic("store: a command without the store's values")
	}
	return t
}

// Today makes the values of a store from its state, its menu and the stock that is counted.
func (s State) Today(m *menu.Menu, zone *time.Location, tracked map[string]bool) *Today {
	t := &Today{Config: s.Config, Menu: m, Zone: zone, Open: s.Config != nil && !s.closed(s.Date), Paused: s.Paused, Tracked: tracked}
	if s.Config == nil {
		t.Config = &Config{}
	}
	t.startHour, t.startMinute, _ = clock(t.Config.DayStarts)
	t.tables = make(map[string]*Table, len(t.Config.Tables))
	for i := range t.Config.Tables {
		t.tables[t.Config.Tables[i].ID] = &t.Config.Tables[i]
	}
	t.stations = make(map[string]*Station, len(t.Config.Stations))
	for i := range t.Config.Stations {
		t.Printing = t.Printing || t.Config.Stations[i].Printer != ""
		t.stations[t.Config.Stations[i].ID] = &t.Config.Stations[i]
	}
	t.ExpoPrinter, t.ReadyPrinter, t.BillPrinter = t.printerOf(Expo), t.printerOf(Ready), t.printerOf(Bills)
	t.Printing = t.Printing || t.ExpoPrinter != "" || t.ReadyPrinter != ""
	return t
}

// MenuStore is the store whose menu this one sells from; "": its own.
func (t *Today) MenuStore() string {
	if t.Config.MenuFrom == nil {
		return ""
	}
	return t.Config.MenuFrom.Store
}

// Known says that there is such a store.
func (t *Today) Known() bool { return t.Config.ID != "" }

// Local is at in the store's zone.
func (t *Today) Local(at time.Time) time.Time { return at.In(t.Zone) }

const dateForm = "2006-01-02"

// BusinessDate is the date that at counts for: days start at the store's hour.
func (t *Today) BusinessDate(at time.Time) string {
	l := t.Local(at)
	if l.Before(time.Date(l.Year(), l.Month(), l.Day(), t.startHour, t.startMinute, 0, 0, t.Zone)) {
		l = l.AddDate(0, 0, -1)
	}
	return l.Format(dateForm)
}

// DayStart is when a business date starts, in UTC; zero for a string that is no date.
func (t *Today) DayStart(date string) time.Time {
	d, err := time.ParseInLocation(dateForm, date, t.Zone)
	if err != nil {
		return time.Time{}
	}
	return time.Date(d.Year(), d.Month(), d.Day(), t.startHour, t.startMinute, 0, 0, t.Zone).UTC()
}

// DayEnd is when the business day of at ends.
func (t *Today) DayEnd(at time.Time) time.Time {
	d, _ := time.ParseInLocation(dateForm, t.BusinessDate(at), t.Zone)
	return time.Date(d.Year(), d.Month(), d.Day()+1, t.startHour, t.startMinute, 0, 0, t.Zone).UTC()
}

// Table finds a table of the floor plan.
func (t *Today) Table(id string) (*Table, bool) {
	x, ok := t.tables[id]
	return x, ok
}

// Station finds a station of the kitchen.
func (t *Today) Station(id string) (*Station, bool) {
	x, ok := t.stations[id]
	return x, ok
}

// Taxes says that there is such a tax class.
func (t *Today) Taxes(class string) bool { return t.Config.Taxes(class) }

// Cooks says that there is such a station.
func (t *Today) Cooks(station string) bool { return t.stations[station] != nil }

// Printer finds a printer of the store.
func (t *Today) Printer(id string) (*Printer, bool) {
	for i := range t.Config.Printers {
		if t.Config.Printers[i].ID == id {
			return &t.Config.Printers[i], true
		}
	}
	return nil, false
}

// printerOf is the first printer that prints such paper.
func (t *Today) printerOf(paper string) string {
	for i := range t.Config.Printers {
		if slices.Contains(t.Config.Printers[i].Prints, paper) {
			return t.Config.Printers[i].ID
		}
	}
	return ""
}

var errNoPrinter = refusal.New(refusal.NotFound, "", "There is no such printer").With(refusal.Fields{Kind: "printer"})

// PrintsOn is the printer that somebody named, else the one that there is for it.
func (t *Today) PrintsOn(named, otherwise string) (string, error) {
	id := cmp.Or(named, otherwise)
	if _, ok := t.Printer(id); !ok {
		return "", errNoPrinter.With(refusal.Fields{Kind: "printer", ID: id})
	}
	return id, nil
}

// PayFirst says that orders of this type are made only once they are paid.
func (t *Today) PayFirst(orderType string) bool { return t.Config.Pay[orderType] == "first" }

// AutoAccept says that orders of this type need nobody to accept them.
func (t *Today) AutoAccept(orderType string) bool { return t.Config.Accept[orderType] == "auto" }

// Aging is after how long tickets of this type warn and are late.
func (t *Today) Aging(orderType string) (warn, late time.Duration) {
	a := t.Config.AgingMS[orderType]
	return time.Duration(a[0]) * time.Millisecond, time.Duration(a[1]) * time.Millisecond
}

// Route says where a station's work of an order type goes: to a station that there is, or
// nowhere else.
func (t *Today) Route(orderType string) func(station string) string {
	if !slices.ContainsFunc(t.Config.Routes, func(r Route) bool { return r.Type == orderType }) {
		return nil
	}
	return func(station string) string {
		for _, r := range t.Config.Routes {
			if r.Type == orderType && r.Station == station && t.Cooks(r.To) {
				return r.To
			}
		}
		return station
	}
}

// Reason says that the store lists this reason.
func (t *Today) Reason(name string) bool { return slices.Contains(t.Config.Reasons, name) }

var (
	errReason        = refusal.Faults(refusal.Fault{At: "/reason", Reason: "reason_required"})
	errReasonUnknown = refusal.Faults(refusal.Fault{At: "/reason", Reason: "id"})
	errUntil         = refusal.Faults(refusal.Fault{At: "/until", Reason: "range"})
)

// NeedReason refuses a reason that is missing or not on the store's list.
func (t *Today) NeedReason(name string) error {
	switch {
	case name == "":
		return errReason
	case !t.Reason(name):
		return errReasonUnknown
	}
	return nil
}

// PausedUntil says that a channel takes no orders at that time, and until when (zero: unknown).
func (t *Today) PausedUntil(channel string, at time.Time) (until time.Time, paused bool) {
	for _, p := range t.Paused {
		if p.Channel == channel && (p.Until.IsZero() || at.Before(p.Until)) {
			return p.Until, true
		}
	}
	return time.Time{}, false
}

// Until is a time as commands name it: RFC 3339, "end_of_day" or "manual".
type Until string

const (
	EndOfDay Until = "end_of_day"
	Manual   Until = "manual"
)

// Time is the instant that u names; zero for manual.
func (u Until) Time(t *Today, now time.Time) (time.Time, error) {
	switch u {
	case Manual:
		return time.Time{}, nil
	case EndOfDay:
		return t.DayEnd(now), nil
	}
	at, err := time.Parse(time.RFC3339, string(u))
	if err != nil || !at.After(now) {
		return time.Time{}, errUntil
	}
	return at.UTC().Truncate(time.Millisecond), nil
}

// UntilOf is how replies write an instant: zero is manual.
func UntilOf(at time.Time) Until {
	if at.IsZero() {
		return Manual
	}
	return Until(at.UTC().Format("2006-01-02T15:04:05.000Z"))
}
