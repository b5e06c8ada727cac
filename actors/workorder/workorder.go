// Package workorder is what has to be done about one episode of a sensor, and what the
// food in it goes through meanwhile.
//
//	(none) ──Open──▶ open ──Assign──▶ assigned ──Done──▶ done
//	food out of its limits: warned after 30 min, held after 2 h, to be discarded after 4 h
//
// Its promise: food that was too warm for too long is held, once for each episode, and
// nothing but a person ends that: the value coming back stops the clocks that have not
// run out, and no more.
package workorder

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/sensor"
	"github.com/brigata/brigata/actors/stock"
	"github.com/brigata/brigata/actors/store"
)

// Status of a work order.
type Status string

const (
	Opened   Status = "open"
	Assigned Status = "assigned"
	Finished Status = "done"
)

// Severity says what is at stake.
type Severity string

const (
	Info Severity = "info" // a machine
	Food Severity = "food"
)

// Decisions about food that was held.
const (
	Keep    = "keep"
	Discard = "discard"
)

// Findings are what people say of a fault that was predicted.
const (
	Confirmed  = "confirmed"
	FalseAlarm = "false_alarm"
)

// State of one work order; the zero value was never opened.
type State struct {
	ID        string
	Asset     string
	Sensor    string
	Why       string
	Status    Status
	Severity  Severity
	OpenedAt  time.Time
	Since     time.Time // out of limits
	Peak      float64
	Dishes    []string
	Safety    store.FoodSafety
	Episode   sensor.Status // of the sensor
	Recovered time.Time
	Rev       int64 // of the sensor's news
	Warned    bool
	Holding   bool
	Holds     []Hold
	Proposed  string
	Assignee  command.Who
	Done      time.Time
	What      string
	Decision  string
	Fault     *sensor.Fault // that was predicted; nil: something else has happened
	Finding   string        // what became of the prediction
	Log       []Entry
}

// Hold is a dish whose stock is, or is to be, held.
type Hold struct {
	Dish string
	Done bool
	No   string // why it could not be
}

// Entry is a line of the log: who did what.
type Entry struct {
	At   time.Time   `json:"at"`
	By   command.Who `json:"by,omitzero"`
	What string      `json:"what"`
}

const (
	logMax  = 200
	whatMax = 1000
)

type (
	Command = command.Command
	Reply   = any
	Duty    = command.Duty
)

type (
	// Hear takes the sensor's news: the whole episode.
	Hear struct {
		command.Header
		sensor.Report
	}
	// Assign gives the work to somebody.
	Assign struct {
		command.Header `json:"-"`
		WorkOrder      string `json:"workorder"`
		To             string `json:"to"`
		Note           string `json:"note,omitzero"`
	}
	// Finish closes the work order; with food held it needs a decision, a predicted
	// fault may have a finding.
	Finish struct {
		command.Header `json:"-"`
		WorkOrder      string `json:"workorder"`
		What           string `json:"what"`
		Decision       string `json:"decision,omitzero"`
		Finding        string `json:"finding,omitzero"`
		Note           string `json:"note,omitzero"`
	}
)

// Event is what happened to a work order.
type Event interface{ event() }

type (
	WasOpened struct {
		ID       string           `json:"id"`
		Asset    string           `json:"asset"`
		Sensor   string           `json:"sensor"`
		Why      string           `json:"why"`
		Severity Severity         `json:"severity"`
		At       time.Time        `json:"at"`
		Since    time.Time        `json:"since"`
		Dishes   []string         `json:"dishes,omitzero"`
		Safety   store.FoodSafety `json:"safety"`
		Fault    *sensor.Fault    `json:"fault,omitzero"`
	}
	Heard struct {
		At        time.Time     `json:"at"`
		Rev       int64         `json:"rev"`
		Episode   sensor.Status `json:"episode"`
		Peak      float64       `json:"peak"`
		Recovered time.Time     `json:"recovered_at,omitzero"`
		By        command.Who   `json:"by,omitzero"`
	}
	WasWarned struct {
		At time.Time `json:"at"`
	}
	HoldBegan struct {
		At time.Time `json:"at"`
	}
	DishHeld struct {
		At   time.Time `json:"at"`
		Dish string    `json:"dish"`
		No   string    `json:"no,omitzero"`
	}
	DiscardProposed struct {
		At time.Time `json:"at"`
	}
	WasAssigned struct {
		At time.Time   `json:"at"`
		By command.Who `json:"by"`
		To command.Who `json:"to"`
	}
	WasDone struct {
		At       time.Time   `json:"at"`
		By       command.Who `json:"by"`
		What     string      `json:"what"`
		Decision string      `json:"decision,omitzero"`
		Finding  string      `json:"finding,omitzero"`
	}
)

func (*WasOpened) event()       {}
func (*Heard) event()           {}
func (*WasWarned) event()       {}
func (*HoldBegan) event()       {}
func (*DishHeld) event()        {}
func (*DiscardProposed) event() {}
func (*WasAssigned) event()     {}
func (*WasDone) event()         {}

type (
	// Noted is the answer to Hear.
	Noted struct{}
	// StateReply is the reply to people.
	StateReply struct {
		WorkOrder string `json:"workorder"`
		State     Status `json:"state"`
	}
)

// View is a work order as the staff see it.
type View struct {
	ID        string        `json:"id"`
	Asset     string        `json:"asset"`
	Sensor    string        `json:"sensor"`
	Why       string        `json:"why"`
	State     Status        `json:"state"`
	Episode   sensor.Status `json:"episode"`
	OpenedAt  time.Time     `json:"opened_at"`
	Since     time.Time     `json:"since"`
	Recovered time.Time     `json:"recovered_at,omitzero"`
	Peak      float64       `json:"peak"`
	Severity  Severity      `json:"severity"`
	Warned    bool          `json:"warned"`
	WarnAt    time.Time     `json:"warn_at,omitzero"`
	HoldAt    time.Time     `json:"hold_at,omitzero"`
	DiscardAt time.Time     `json:"discard_at,omitzero"`
	Assigned  *command.Who  `json:"assigned,omitzero"`
	DoneAt    time.Time     `json:"done_at,omitzero"`
	What      string        `json:"what,omitzero"`
	Decision  string        `json:"decision,omitzero"`
	Proposed  string        `json:"proposed,omitzero"`
	Fault     *sensor.Fault `json:"fault,omitzero"`
	Finding   string        `json:"finding,omitzero"`
	// LeadMS is how long before somebody confirmed it the fault was predicted, ms.
	LeadMS int64    `json:"lead_ms,omitzero"`
	Holds  []string `json:"holds"`
	Log    []Entry  `json:"log"`
}

var (
	ErrUnknown  = refusal.New(refusal.NotFound, "", "There is no such work order").With(refusal.Fields{Kind: "workorder"})
	errDone     = refusal.New(refusal.Closed, "", "The work order is done").With(refusal.Fields{Kind: "workorder"})
	errWhat     = refusal.Faults(refusal.Fault{At: "/what", Reason: "required"})
	errWhatLong = refusal.Faults(refusal.Fault{At: "/what", Reason: "length"})
	errDecide   = refusal.Faults(refusal.Fault{At: "/decision", Reason: "required"})
	errDecision = refusal.Faults(refusal.Fault{At: "/decision", Reason: "range"})
	errFinding  = refusal.Faults(refusal.Fault{At: "/finding", Reason: "range"})
	errTo       = refusal.Faults(refusal.Fault{At: "/to", Reason: "id"})
	errKeep     = refusal.New(refusal.Forbidden, "", "Only a manager keeps food that was held").With(refusal.Fields{Need: "stock.release"})
)

// Owes is the hold of each dish that is not held yet.
func Owes(s State) (duties []Duty) {
	if !s.Holding {
		return nil
	}
	for _, h := range s.Holds {
		if !h.Done {
			duties = append(duties, Duty{To: command.Target{Kind: "stock", ID: "dish/" + h.Dish},
				Do: &stock.HoldFor{Dish: h.Dish, Sensor: s.Sensor, WorkOrder: s.ID}})
		}
	}
	return duties
}

// running says that the clocks of the food run.
func (s *State) running() bool {
	return s.Severity == Food && s.Status != Finished && s.Recovered.IsZero() && s.Episode != sensor.Resolved
}

// Due is the next step of what happens to the food.
func Due(s State) time.Time {
	if !s.running() {
		return time.Time{}
	}
	warn, hold, discard := sensor.Clocks(s.Since, s.Safety)
	switch {
	case !s.Warned:
		return warn
	case !s.Holding:
		return hold
	case s.Proposed == "":
		return discard
	}
	return time.Time{}
}

// ViewOf is what others may see.
func ViewOf(s State) *View {
	v := &View{ID: s.ID, Asset: s.Asset, Sensor: s.Sensor, Why: s.Why, State: s.Status, Episode: s.Episode, OpenedAt: s.OpenedAt,
		Since: s.Since, Recovered: s.Recovered, Peak: s.Peak, Severity: s.Severity, Warned: s.Warned, DoneAt: s.Done, What: s.What,
		Decision: s.Decision, Proposed: s.Proposed, Fault: s.Fault, Finding: s.Finding, Holds: []string{}, Log: s.Log}
	if s.Finding == Confirmed {
		v.LeadMS = s.Done.Sub(s.OpenedAt).Milliseconds()
	}
	for _, h := range s.Holds {
		if h.Done && h.No == "" {
			v.Holds = append(v.Holds, h.Dish)
		}
	}
	if s.Assignee != (command.Who{}) {
		v.Assigned = &s.Assignee
	}
	if s.running() {
		v.WarnAt, v.HoldAt, v.DiscardAt = sensor.Clocks(s.Since, s.Safety)
	}
	if v.Log == nil {
		v.Log = []Entry{}
	}
	return v
}

// Apply folds one fact into the state.
func Apply(s State, e Event) State {
	switch e := e.(type) {
	case *WasOpened:
		s = State{ID: e.ID, Asset: e.Asset, Sensor: e.Sensor, Why: e.Why, Status: Opened, Severity: e.Severity, OpenedAt: e.At,
			Since: e.Since, Dishes: e.Dishes, Safety: e.Safety, Fault: e.Fault, Episode: sensor.Alert}
		what := e.Why
		if e.Fault != nil {
			what = fmt.Sprintf("predicted: %s, %.0f %% sure", e.Fault.Class, 100*e.Fault.Confidence)
		}
		s.note(e.At, command.Who{}, "alert: "+what)
	case *Heard:
		s = s.heard(e)
	case *WasWarned:
		s.Warned = true
		s.note(e.At, command.Who{}, "warning: move the food, or cool it down")
	case *HoldBegan:
		s.Holding = true
		s.Holds = make([]Hold, len(s.Dishes))
		for i, d := range s.Dishes {
			s.Holds[i].Dish = d
		}
		s.note(e.At, command.Who{}, "too warm for too long: "+strconv.Itoa(len(s.Dishes))+" dishes are held")
	case *DishHeld:
		s.Holds = slices.Clone(s.Holds)
		for i := range s.Holds {
			if s.Holds[i].Dish == e.Dish {
				s.Holds[i].Done, s.Holds[i].No = true, e.No
			}
		}
		if e.No != "" {
			s.note(e.At, command.Who{}, e.Dish+" could not be held: "+e.No)
		}
	case *DiscardProposed:
		s.Proposed = Discard
		s.note(e.At, command.Who{}, "discard is proposed")
	case *WasAssigned:
		s.Status, s.Assignee = Assigned, e.To
		s.note(e.At, e.By, "assigned to "+e.To.ID)
	case *WasDone:
		s.Status, s.Done, s.What, s.Decision, s.Finding = Finished, e.At, e.What, e.Decision, e.Finding
		what := e.What
		for _, first := range []string{e.Finding, e.Decision} {
			if first != "" {
				what = first + ": " + what
			}
		}
		s.note(e.At, e.By, what)
	}
	return s
}

func (s State) heard(e *Heard) State {
	switch {
	case e.Episode != s.Episode && e.Episode == sensor.Acked:
		s.note(e.At, e.By, "seen")
	case e.Episode != s.Episode && e.Episode == sensor.Escalated:
		s.note(e.At, command.Who{}, "nobody has seen the alert: escalated")
	}
	switch {
	case s.Recovered.IsZero() && !e.Recovered.IsZero():
		s.note(e.At, command.Who{}, "the value is back in range")
	case !s.Recovered.IsZero() && e.Recovered.IsZero():
		s.note(e.At, command.Who{}, "the value has left its range again")
	}
	s.Rev, s.Episode, s.Peak, s.Recovered = e.Rev, e.Episode, e.Peak, e.Recovered
	return s
}

// note adds to the log, which keeps its first line and the newest.
func (s *State) note(at time.Time, by command.Who, what string) {
	log := slices.Clone(s.Log)
	if len(log) >= logMax {
		log = slices.Delete(log, 1, 2)
	}
	s.Log = append(log, Entry{at, by, what})
}
