// Package stock is one dish, or one option, that can run out.
//
//	        ┌────────Count / In────────┐
//	unlimited ──Count──▶ counted ──Out──▶ out ──In, until──▶ (as before)
//	   any ──Hold──▶ held ──ReleaseHold (manager)──▶ (as before)
//	        effective mode: held > out > counted > unlimited
//
// Its one promise: what is granted never exceeds what was counted, however many orders
// ask at once. A business day begins with its reset, then what was scheduled to come,
// then whoever asks: the first command of a day sees to it.
package stock

import (
	"slices"
	"time"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/idmap"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/store"
)

// Mode is what the outside sees; the strongest of what is in force.
type Mode string

const (
	Unlimited Mode = "unlimited"
	Counted   Mode = "counted"
	Out       Mode = "out"
	Held      Mode = "held"
)

// State of one stock. The zero value is unlimited.
type State struct {
	ID      string // "dish/…" or "option/…"
	Name    menu.Text
	Exists  bool
	Counts  bool
	Count   int64 // portions that could be sold since the last count
	Taken   int64 // of them
	LowAt   int64
	Daily   int64
	Out     bool
	OutTill time.Time // zero: manual
	Hold    string    // the reason; "" none
	HoldOf  string    // the sensor that held it
	HeldFor string    // the last work order that did
	Reason  string    // of Out
	By      command.Who
	Changed time.Time
	Date    string // business date of the last reset
	DayEnd  time.Time
	Coming  []Delivery // scheduled restocks, soonest first
	Orders  idmap.Map[int64]
	Gone    idmap.Map[time.Time] // released orders, so that a late Reserve is refused
}

// Delivery is a restock that is yet to come.
type Delivery struct {
	At  time.Time `json:"at"`
	Qty int64     `json:"qty"`
}

const (
	// FoodSafety is the reason of a hold that a sensor led to.
	FoodSafety = "food_safety"

	comingMax = 50
	qtyMax    = 9999
	countMax  = 1_000_000_000
)

type (
	Command = command.Command
	Reply   = any
	Duty    = command.Duty
)

// Ref is how commands name a stock.
type Ref struct {
	Dish   string `json:"dish,omitzero"`
	Option string `json:"option,omitzero"`
}

// ID of the stock, "dish/…" or "option/…".
func (r Ref) ID() string { return store.Seed{Dish: r.Dish, Option: r.Option}.ID() }

type (
	// Reserve makes sure that an order has Qty portions in all, or leaves it as it was.
	Reserve struct {
		command.Header
		Order string
		Qty   int64
		Lines []string
		Again bool // the order was released, and wants it after all
	}
	// Release gives back what an order took, and refuses it from now on.
	Release struct {
		command.Header
		Order string
	}
	// Return gives back what an order does not need any more.
	Return struct {
		command.Header
		Order string
		Left  int64 // what it still needs
	}
	// SetCount says how many portions may be sold from now.
	SetCount struct {
		command.Header `json:"-"`
		Ref
		Qty       *int64 `json:"qty,omitzero"`
		Unlimited bool   `json:"unlimited,omitzero"`
		LowAt     *int64 `json:"low_at,omitzero"`
		Daily     *int64 `json:"daily,omitzero"`
		Note      string `json:"note,omitzero"`
	}
	// Restock adds portions now or at a time to come.
	Restock struct {
		command.Header `json:"-"`
		Ref
		Qty  int64     `json:"qty"`
		When time.Time `json:"at,omitzero"`
		Note string    `json:"note,omitzero"`
	}
	// TakeOut is the 86: none to be had until then.
	TakeOut struct {
		command.Header `json:"-"`
		Ref
		Until  store.Until `json:"until"`
		Reason string      `json:"reason,omitzero"`
		Note   string      `json:"note,omitzero"`
	}
	// PutIn undoes TakeOut; the count stands.
	PutIn struct {
		command.Header `json:"-"`
		Ref
		Note string `json:"note,omitzero"`
	}
	// HoldBack stops sales for food safety.
	HoldBack struct {
		command.Header `json:"-"`
		Ref
		Reason string `json:"reason"`
		Note   string `json:"note,omitzero"`
	}
	// HoldFor is a work order's hold: of food that a sensor says was too warm for too long.
	HoldFor struct {
		command.Header
		Dish      string
		Sensor    string
		WorkOrder string
	}
	// LetGo ends a hold; a manager's alone.
	LetGo struct {
		command.Header `json:"-"`
		Ref
		Reason string `json:"reason"`
		Note   string `json:"note,omitzero"`
	}
	// Seed says what a stock starts with; one that exists already is left as it is.
	Seed struct {
		command.Header
		Seed store.Seed
	}
)

// Event is what happened to a stock.
type Event interface{ event() }

type (
	Made struct {
		ID   string    `json:"id"`
		Name menu.Text `json:"name"`
		Date string    `json:"date"`
		End  time.Time `json:"day_end"`
	}
	Reserved struct {
		Order string `json:"order"`
		Qty   int64  `json:"qty"` // more than it had
	}
	Released struct {
		At    time.Time `json:"at"`
		Order string    `json:"order"`
	}
	Returned struct {
		Order string `json:"order"`
		Left  int64  `json:"left"`
	}
	CountSet struct {
		At        time.Time   `json:"at"`
		By        command.Who `json:"by"`
		Unlimited bool        `json:"unlimited,omitzero"`
		Qty       int64       `json:"qty"`
		LowAt     int64       `json:"low_at,omitzero"`
		Daily     int64       `json:"daily,omitzero"`
	}
	Scheduled struct {
		At       time.Time   `json:"at"`
		By       command.Who `json:"by"`
		Delivery Delivery    `json:"delivery"`
	}
	Restocked struct {
		At  time.Time   `json:"at"`
		By  command.Who `json:"by"`
		Qty int64       `json:"qty"`
		Due time.Time   `json:"due,omitzero"` // of the scheduled delivery that this was
	}
	WentOut struct {
		At     time.Time   `json:"at"`
		By     command.Who `json:"by"`
		Until  time.Time   `json:"until,omitzero"`
		Reason string      `json:"reason,omitzero"`
	}
	CameIn struct {
		At time.Time   `json:"at"`
		By command.Who `json:"by"`
	}
	HeldBack struct {
		At     time.Time   `json:"at"`
		By     command.Who `json:"by"`
		Reason string      `json:"reason"`
		Sensor string      `json:"sensor,omitzero"`
		For    string      `json:"workorder,omitzero"`
	}
	LetGone struct {
		At     time.Time   `json:"at"`
		By     command.Who `json:"by"`
		Reason string      `json:"reason"`
	}
	DayBegan struct {
		Date string    `json:"date"`
		End  time.Time `json:"day_end"`
	}
)

func (*Made) event()      {}
func (*Reserved) event()  {}
func (*Released) event()  {}
func (*Returned) event()  {}
func (*CountSet) event()  {}
func (*Scheduled) event() {}
func (*Restocked) event() {}
func (*WentOut) event()   {}
func (*CameIn) event()    {}
func (*HeldBack) event()  {}
func (*LetGone) event()   {}
func (*DayBegan) event()  {}

type (
	// Granted is the answer to Reserve.
	Granted struct{}
	// Freed is the answer to Release and Return.
	Freed struct{}
	// Level is the reply to counts and holds.
	Level struct {
		Mode Mode   `json:"mode"`
		Left *int64 `json:"left,omitzero"`
	}
	// OutReply is the reply to TakeOut.
	OutReply struct {
		Mode  Mode        `json:"mode"`
		Until store.Until `json:"until"`
	}
)

// View is a stock as the staff see it.
type View struct {
	ID      string      `json:"-"`
	Name    menu.Text   `json:"name"`
	Mode    Mode        `json:"mode"`
	Counted int64       `json:"counted"`
	Taken   int64       `json:"taken"`
	Left    int64       `json:"left"`
	LowAt   int64       `json:"low_at"`
	Daily   int64       `json:"daily"`
	Until   time.Time   `json:"until,omitzero"`
	Reason  string      `json:"reason,omitzero"`
	By      command.Who `json:"by,omitzero"`
	Sensor  string      `json:"sensor,omitzero"` // that held it
	Changed time.Time   `json:"changed_at"`
}

// Available says that another portion can be had.
func (v *View) Available() bool {
	return v.Mode == Unlimited || v.Mode == Counted && v.Left > 0
}

// Low says that guests should know how many are left.
func (v *View) Low() bool { return v.Mode == Counted && v.Left <= v.LowAt }

// Tracked says that an order must ask before it takes some.
func (v *View) Tracked() bool { return v.Mode != Unlimited }

var (
	ErrUnknown = refusal.New(refusal.NotFound, "", "The menu has no such dish or option").With(refusal.Fields{Kind: "dish"})
	errSoldOut = refusal.New(refusal.SoldOut, "", "Sold out")
	errGone    = refusal.New(refusal.Closed, "", "The order is over").With(refusal.Fields{Kind: "order"})
	errManager = refusal.New(refusal.Forbidden, "", "Only a manager releases a hold").With(refusal.Fields{Need: "stock.release"})
	errMany    = refusal.New(refusal.Conflict, "state", "Too many deliveries are scheduled").With(refusal.Fields{Kind: "stock"})
)

func invalid(at, reason string, lo, hi int64) *refusal.Refusal {
	return refusal.Faults(refusal.Fault{At: at, Reason: reason, Min: &lo, Max: &hi})
}

func (s *State) mode() Mode {
	switch {
	case s.Hold != "":
		return Held
	case s.Out:
		return Out
	case s.Counts:
		return Counted
	}
	return Unlimited
}

func (s *State) left() int64 { return max(0, s.Count-s.Taken) }

func (s *State) level() *Level {
	l := &Level{Mode: s.mode()}
	if s.Counts {
		left := s.left()
		l.Left = &left
	}
	return l
}

// Apply folds one fact into the state.
func Apply(s State, e Event) State {
	switch e := e.(type) {
	case *Made:
		s.Exists, s.ID, s.Name, s.Date, s.DayEnd = true, e.ID, e.Name, e.Date, e.End
	case *Reserved:
		had, _ := s.Orders.Get(e.Order)
		s.Taken += e.Qty
		s.Orders = s.Orders.With(e.Order, had+e.Qty)
		s.Gone = s.Gone.Without(e.Order)
	case *Released:
		had, _ := s.Orders.Get(e.Order)
		s.Taken -= had
		s.Orders = s.Orders.Without(e.Order)
		s.Gone = s.Gone.With(e.Order, e.At)
	case *Returned:
		had, _ := s.Orders.Get(e.Order)
		s.Taken -= had - e.Left
		s.Orders = s.Orders.With(e.Order, e.Left)
	case *CountSet:
		s.Counts, s.LowAt, s.Daily = !e.Unlimited, e.LowAt, e.Daily
		if e.Unlimited {
			s.settle()
		}
		s.Count = e.Qty + s.Taken // what orders hold was counted away, and may come back
		s.By, s.Changed = e.By, e.At
	case *Scheduled:
		s.Coming = append(slices.Clone(s.Coming), e.Delivery)
		slices.SortStableFunc(s.Coming, func(a, b Delivery) int { return a.At.Compare(b.At) })
	case *Restocked:
		s.Count += e.Qty
		if !e.Due.IsZero() {
			s.Coming = slices.Clone(s.Coming[1:])
		}
		s.By, s.Changed = e.By, e.At
	case *WentOut:
		s.Out, s.OutTill, s.Reason, s.By, s.Changed = true, e.Until, e.Reason, e.By, e.At
	case *CameIn:
		s.Out, s.OutTill, s.Reason, s.By, s.Changed = false, time.Time{}, "", e.By, e.At
	case *HeldBack:
		s.Hold, s.HoldOf, s.By, s.Changed = e.Reason, e.Sensor, e.By, e.At
		if e.For != "" {
			s.HeldFor = e.For
		}
	case *LetGone:
		s.Hold, s.HoldOf, s.By, s.Changed = "", "", e.By, e.At
	case *DayBegan:
		s = s.began(e)
	}
	return s
}

// settle forgets who took what: from here on it cannot come back.
func (s *State) settle() {
	s.Taken = 0
	for id := range s.Orders.All() {
		s.Orders = s.Orders.Without(id)
	}
}

// began starts a business date: what is taken is settled, a daily count starts anew,
// and tombstones of the day before yesterday go.
func (s State) began(e *DayBegan) State {
	left := s.left()
	s.settle()
	s.Count = left
	if s.Daily > 0 {
		s.Count = s.Daily
	}
	for id, at := range s.Gone.All() {
		if e.End.Sub(at) > 72*time.Hour {
			s.Gone = s.Gone.Without(id)
		}
	}
	s.Date, s.DayEnd = e.Date, e.End
	return s
}

// Owes is empty: a stock owes nobody anything.
func Owes(s State) []Duty { return s.Owes() }

// Owes is Owes without a copy of the state.
func (s *State) Owes() []Duty { return nil }

// Due is when something changes by itself: a delivery, the end of an 86, a new day.
func Due(s State) time.Time { return s.Due() }

// Due is Due without a copy of the state.
func (s *State) Due() time.Time {
	if !s.Exists {
		return time.Time{}
	}
	due := s.DayEnd
	if s.Out && !s.OutTill.IsZero() && s.OutTill.Before(due) {
		due = s.OutTill
	}
	if len(s.Coming) > 0 && s.Coming[0].At.Before(due) {
		due = s.Coming[0].At
	}
	return due
}

// ViewOf is what the staff see.
func ViewOf(s State) *View { return s.View() }

// View is ViewOf without a copy of the state.
func (s *State) View() *View {
	v := &View{ID: s.ID, Name: s.Name, Mode: s.mode(), Counted: s.Count, Taken: s.Taken, LowAt: s.LowAt, Daily: s.Daily,
		Reason: s.Reason, By: s.By, Changed: s.Changed}
	if s.Counts {
		v.Left = s.left()
	} else {
		v.Counted, v.Taken = 0, 0
	}
	switch v.Mode {
	case Held:
		v.Reason, v.Sensor = s.Hold, s.HoldOf
	case Out:
		v.Until = s.OutTill
	}
	return v
}
