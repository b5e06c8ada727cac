// Package sensor is the digital twin of one sensor: what it is for, what it said last,
// whether it can be believed, and the episode that it is in.
//
//	normal ──over a limit──▶ suspect ──for the delay──▶ alert ──Ack──▶ acked ──in range──▶ resolved
//	   ▲                        │                         │                                   │
//	   └──────in range──────────┘                         └──nobody acks──▶ escalated ──Ack───┘
//
// A fault that a box's model believes in for long enough is an episode too, of a sensor
// that no food hangs on: a prediction must not hide that food gets warm.
// Defrost and an open door suppress a limit, but not for ever. Missing, stuck and absurd
// data is an episode of its own. Its promise: each reading counts once, by (boot, seq),
// and an episode ends only when the value is back and a person has seen it. The cell
// runs these rules on what it journals; a box in the store runs the same ones on what
// it measures, so that an alert needs no uplink.
package sensor

import (
	"time"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/store"
)

// Status is where the sensor is in an episode.
type Status string

const (
	Normal    Status = "normal"
	Suspect   Status = "suspect"
	Alert     Status = "alert"
	Acked     Status = "acked"
	Escalated Status = "escalated"
	Resolved  Status = "resolved"
)

// Health says whether the readings can be believed.
type Health string

const (
	OK      Health = "ok"
	Missing Health = "missing"
	Stuck   Health = "stuck"
	Skewed  Health = "skewed" // its clock is off
	Absurd  Health = "absurd" // values that cannot be
)

// What suppresses a limit.
const (
	Defrost = "defrost"
	Door    = "door"
)

const (
	// suppressMax is how long defrost or a door may suppress a limit.
	suppressMax = 30 * time.Minute
	// escalateAfter is how long an alert waits for somebody.
	escalateAfter = 15 * time.Minute
	// missingAfter is how long the cell waits for a reading, unless the store says
	// otherwise: a link that is down for a while is no alert.
	missingAfter = 30 * time.Minute
	// faultAfter is how long the same fault must be believed before anybody is told.
	faultAfter  = 15 * time.Minute
	evidenceMax = 8
	textMax     = 64 // bytes of a class, a sense and a model's name
	// aheadMax is how far ahead of the cell's clock a reading's time may be.
	aheadMax    = 2 * time.Minute
	featuresMax = 16
	// Readings of one command.
	readingsMax = 1000
)

// State of one sensor; the zero value is one that the store's document does not name.
type State struct {
	ID      string
	Exists  bool // the document names it
	Set     store.Sensor
	Safety  store.FoodSafety
	Offset  float64 // added to every value, in the sensor's unit
	Tuned   time.Time
	Status  Status
	Health  Health
	Boot    int64 // of the device: ascends
	Seq     int64 // the last that counted
	Count   int64 // readings that counted
	Last    Reading
	Node    string    // the box that sent it
	HeardAt time.Time // when it came

	Since      time.Time // the limit is passed since then
	AlertAt    time.Time
	Why        string // the episode: limit, fault, or a health
	Peak       float64
	Recovering time.Time // in range since then
	Recovered  time.Time // the value was back
	Suppressed time.Time // since
	WorkOrder  string
	AckedBy    command.Who
	Rev        int64 // of the episode, for its work order
	Told       int64
	Faulty     time.Time // the same fault is believed since then
	Fault      *Fault    // that the episode is about

	Control Control
	Series  Series
	// Ended are the last reports of earlier episodes, until their work orders have heard
	// them: an episode ends when somebody has acked it, so there is hardly ever one.
	Ended []Report
}

type (
	Command = command.Command
	Reply   = any
	Duty    = command.Duty
)

// Reading is what a box says of one sensor for a short while: it sums up N readings of
// the device, numbered First to Last within the device's Boot.
type Reading struct {
	Boot     int64     `json:"boot"`
	First    int64     `json:"first"`
	Last     int64     `json:"last"`
	N        int64     `json:"n"`
	From     time.Time `json:"from"`
	At       time.Time `json:"at"` // of the last
	Value    float64   `json:"value"`
	Min      float64   `json:"min"`
	Max      float64   `json:"max"`
	Avg      float64   `json:"avg"`
	Suppress string    `json:"suppress,omitzero"`
	Health   Health    `json:"health,omitzero"` // "" is ok
	Lost     int64     `json:"lost,omitzero"`   // numbers that were skipped before First
	Score    float64   `json:"score,omitzero"`  // of the model, 1 is well
	Class    string    `json:"class,omitzero"`
	UnsafeMS int64     `json:"unsafe_ms,omitzero"` // the model's guess until the limit is passed
	Features []float64 `json:"features,omitzero"`  // what the model saw; their meaning is the box's
	Fault    *Fault    `json:"fault,omitzero"`     // that the machine is believed to have; nil: none
}

// Fault is what a box's model believes a machine to suffer from, before a limit is passed.
type Fault struct {
	Class      string     `json:"class"`
	Confidence float64    `json:"confidence"` // 0 to 1
	Evidence   []Evidence `json:"evidence"`
	Model      string     `json:"model"`
}

// Evidence is how much of the confidence is gone without one sense of the machine.
type Evidence struct {
	Sense  string  `json:"sense"`
	Weight float64 `json:"weight"`
}

type (
	// Configure says what the sensor is for; Gone takes it out of service.
	Configure struct {
		command.Header
		Sensor store.Sensor
		Safety store.FoodSafety
		Gone   bool
	}
	// Note takes readings, in the order of their numbers. It needs no command id: each
	// reading counts once by its own.
	Note struct {
		command.Header
		Node     string
		Readings []Reading
	}
	// Ack says that somebody has seen the alert.
	Ack struct {
		command.Header `json:"-"`
		Sensor         string `json:"sensor"`
		Note           string `json:"note,omitzero"`
	}
	// Calibrate sets what is added to every value.
	Calibrate struct {
		command.Header `json:"-"`
		Sensor         string  `json:"sensor"`
		Offset         float64 `json:"offset"`
		Note           string  `json:"note,omitzero"`
	}
	// Query asks for what the sensor has measured: it is only ever tried, never done.
	Query struct {
		command.Header `json:"-"`
		Sensor         string    `json:"sensor"`
		From           time.Time `json:"from,omitzero"`
		To             time.Time `json:"to,omitzero"`
		StepMS         int64     `json:"step_ms,omitzero"` // 300000 or 3600000; 0: as fine as From allows
	}
	// Report is owed to the episode's work order: the whole, not the change. The shell
	// turns it into the work order's own command.
	Report struct {
		WorkOrder string
		Rev       int64
		Sensor    string
		Asset     string
		Why       string
		Food      bool // food may be at risk
		Dishes    []string
		Since     time.Time
		At        time.Time
		Peak      float64
		Status    Status
		Recovered time.Time
		By        command.Who
		Safety    store.FoodSafety
		Fault     *Fault
	}
)

// Event is what happened to a sensor.
type Event interface{ event() }

type (
	Configured struct {
		At     time.Time        `json:"at"`
		ID     string           `json:"id"`
		Sensor store.Sensor     `json:"sensor"`
		Safety store.FoodSafety `json:"safety"`
		Gone   bool             `json:"gone,omitzero"`
	}
	// Noted are readings as they counted.
	Noted struct {
		At       time.Time `json:"at"` // when they came
		Node     string    `json:"node,omitzero"`
		Readings []Reading `json:"readings"`
	}
	Suspected struct {
		Since time.Time `json:"since"`
	}
	Calmed  struct{}
	Alerted struct {
		At        time.Time `json:"at"`
		Since     time.Time `json:"since"`
		Why       string    `json:"why"`
		Peak      float64   `json:"peak"`
		WorkOrder string    `json:"workorder"`
		Fault     *Fault    `json:"fault,omitzero"`
	}
	Worsened struct {
		Peak float64 `json:"peak"`
	}
	// Relapsed: the value was back within the episode, and has left the range again.
	Relapsed struct{}
	CameBack struct { // the value is in range, and has been for the delay
		At time.Time `json:"at"`
	}
	WasAcked struct {
		At time.Time   `json:"at"`
		By command.Who `json:"by"`
	}
	WasEscalated struct {
		At time.Time `json:"at"`
	}
	WasResolved struct {
		At time.Time `json:"at"`
	}
	Calibrated struct {
		At     time.Time   `json:"at"`
		By     command.Who `json:"by"`
		Offset float64     `json:"offset"`
	}
	HealthSet struct {
		At     time.Time `json:"at"`
		Health Health    `json:"health"`
	}
	WorkOrderTold struct {
		Rev int64 `json:"rev"`
	}
)

func (*Configured) event()    {}
func (*Noted) event()         {}
func (*Suspected) event()     {}
func (*Calmed) event()        {}
func (*Alerted) event()       {}
func (*Worsened) event()      {}
func (*Relapsed) event()      {}
func (*CameBack) event()      {}
func (*WasAcked) event()      {}
func (*WasEscalated) event()  {}
func (*WasResolved) event()   {}
func (*Calibrated) event()    {}
func (*HealthSet) event()     {}
func (*WorkOrderTold) event() {}

type (
	// Taken is the reply to Note: how many readings were new.
	Taken struct {
		New int64 `json:"new"`
	}
	AckReply struct {
		Sensor string `json:"sensor"`
		State  Status `json:"state"`
	}
	CalibrateReply struct {
		Sensor string  `json:"sensor"`
		Offset float64 `json:"offset"`
	}
	// SeriesReply is the answer to Query, oldest first.
	SeriesReply struct {
		Unit   string  `json:"unit"`
		StepMS int64   `json:"step_ms"`
		Items  []Point `json:"items"`
	}
	Point struct {
		At  time.Time `json:"at"`
		Min float64   `json:"min"`
		Max float64   `json:"max"`
		Avg float64   `json:"avg"`
		N   int64     `json:"n"`
	}
	// Told is the answer to Configure.
	Told struct{}
)

// View is a sensor as the staff see it.
type View struct {
	ID           string       `json:"id"`
	Name         menu.Text    `json:"name"`
	Kind         string       `json:"kind"`
	Asset        string       `json:"asset"`
	Node         string       `json:"node,omitzero"`
	State        Status       `json:"state"`
	Health       Health       `json:"health"`
	Reading      *Shown       `json:"reading,omitzero"`
	Limits       store.Limits `json:"limits"`
	SuppressedTo string       `json:"suppressed,omitzero"` // defrost or door
	Why          string       `json:"why,omitzero"`
	Since        time.Time    `json:"since,omitzero"`
	WarnAt       time.Time    `json:"warn_at,omitzero"`
	HoldAt       time.Time    `json:"hold_at,omitzero"`
	DiscardAt    time.Time    `json:"discard_at,omitzero"`
	WorkOrder    string       `json:"workorder,omitzero"`
	AckedBy      *command.Who `json:"acked_by,omitzero"`
	Dishes       []string     `json:"dishes"`
	Offset       float64      `json:"offset"`
	Calibrated   time.Time    `json:"calibrated_at,omitzero"`
	Score        float64      `json:"score,omitzero"`
	Class        string       `json:"class,omitzero"`
	UnsafeMS     int64        `json:"unsafe_ms,omitzero"`
	Control      *ControlView `json:"control,omitzero"`
	Fault        *Fault       `json:"fault,omitzero"` // of the episode
}

// Shown is the last reading of a view.
type Shown struct {
	Value float64   `json:"value"`
	Unit  string    `json:"unit"`
	At    time.Time `json:"at"`
	Seq   int64     `json:"seq"`
}

var units = map[string]string{"temperature": "C", "door": "bool", "power": "W", "vibration": "mm_s2", "microphone": "dB", "thermal": "C"}

// Unit of what sensors of this kind measure; "" for a kind that there is not.
func Unit(kind string) string { return units[kind] }

var (
	ErrUnknown = refusal.New(refusal.NotFound, "", "There is no such sensor").With(refusal.Fields{Kind: "sensor"})
	errNoAlert = refusal.New(refusal.Conflict, "state", "There is no alert").With(refusal.Fields{Kind: "sensor"})
	errQuery   = refusal.New(refusal.BadRequest, "type", "A series is only read: try it").With(refusal.Fields{At: "/dry"})
	errStep    = refusal.Faults(refusal.Fault{At: "/step_ms", Reason: "range"})
	errOffset  = refusal.Faults(refusal.Fault{At: "/offset", Reason: "range"})
	errMany    = refusal.Faults(refusal.Fault{At: "/readings", Reason: "too_many"})
	errReading = refusal.Faults(refusal.Fault{At: "/readings", Reason: "range"})
)
