// Package printer is one printer of a store: the tickets and bills it still has to print,
// and what it said of those it had.
//
//	job  queued ──began──▶ sending ──printed──▶ (gone, and remembered)
//	       ▲ └─────────────────┤ failed before a byte of it left
//	       │                   └──unsure──▶ (gone, and told: paper may have come out)
//	     three failures, and there is a backup: the job goes there
//
// Its one promise: a fired item is printed once for each of its fire_seq. What may have
// been printed is never printed again by itself: somebody sees that, and asks for a
// reprint, which carries a number of its own.
package printer

import (
	"slices"
	"time"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/store"
)

// Item is one entry of a ticket.
type Item struct {
	ID        string      `json:"id"`
	FireSeq   int         `json:"fire_seq"`
	Name      menu.Text   `json:"name"`
	Qty       int         `json:"qty"`
	Mods      []menu.Text `json:"mods"`
	Allergies []menu.Text `json:"allergies"`
	Note      string      `json:"note,omitzero"`
	Seat      int         `json:"seat,omitzero"`
	Added     bool        `json:"added,omitzero"`
	Void      bool        `json:"void,omitzero"`     // it is off
	Stations  []string    `json:"stations,omitzero"` // on the expo's slip: who makes it
}

// Kind of a slip; the zero value is a ticket of a station.
type Kind string

const (
	Expo  Kind = "expo"  // what was fired at all stations
	Ready Kind = "ready" // what can be carried out
	Check Kind = "bill"
)

// Job is one slip of paper.
type Job struct {
	Key     string    `json:"key"` // the ticket, and what of it was fired
	Kind    Kind      `json:"kind,omitzero"`
	Order   string    `json:"order"` // of a table's bill: its first
	No      int       `json:"no"`
	Label   string    `json:"label"` // the table, or the code
	Type    string    `json:"type"`
	Station string    `json:"station"`
	Course  int       `json:"course"`
	Copy    int       `json:"copy,omitzero"` // of a reprint
	Rush    bool      `json:"rush,omitzero"`
	Server  string    `json:"server,omitzero"`
	Guests  int       `json:"guests,omitzero"`
	Note    string    `json:"note,omitzero"`
	At      time.Time `json:"at"`
	Items   []Item    `json:"items"`
	Bill    *Bill     `json:"bill,omitzero"`

	State string `json:"state,omitzero"` // "" queued, sending
	Tries int    `json:"tries,omitzero"`
	From  string `json:"from,omitzero"`  // the printer that could not
	Spare string `json:"spare,omitzero"` // the printer that may
}

// Last is the slip that was printed last.
type Last struct {
	Job   string    `json:"job"`
	Order string    `json:"order"`
	Copy  int       `json:"copy"`
	At    time.Time `json:"at"`
}

// State of a printer.
type State struct {
	ID       string
	Jobs     []Job    // oldest first
	Done     []string // keys, oldest first, at most doneMax
	Error    string   // of the last try; "": it went well
	Unsure   []Last   // what may have been printed, newest last, at most unsureMax
	Last     *Last
	Rerouted string // where its last jobs went
}

const (
	doneMax   = 2000
	unsureMax = 20
	triesMax  = 3
)

type (
	Command = command.Command
	Reply   = any
	Duty    = command.Duty
)

// Outcome is what became of a try.
type Outcome string

const (
	Began   Outcome = "began"   // its first byte is about to leave
	Printed Outcome = "printed" // the printer says so
	Failed  Outcome = "failed"  // nothing of it left
	Unsure  Outcome = "unsure"
)

type (
	// Print asks for a slip. It may come twice.
	Print struct {
		command.Header
		Printer string
		Job     Job
	}
	// Report is what the node that drives the printer says.
	Report struct {
		command.Header `json:"-"`
		Printer        string  `json:"printer"`
		Key            string  `json:"key"`
		Outcome        Outcome `json:"outcome"`
		Error          string  `json:"error,omitzero"`
	}
	// Ack says that it was noted.
	Ack struct{}
)

// Event is what happened to a printer.
type Event interface{ event() }

type (
	Queued struct {
		Printer string `json:"printer"`
		Job     Job    `json:"job"`
	}
	Sending struct {
		Key string `json:"key"`
	}
	WasPrinted struct {
		At  time.Time `json:"at"`
		Key string    `json:"key"`
	}
	TryFailed struct {
		Key   string `json:"key"`
		Error string `json:"error"`
	}
	// WentUnsure says that nobody knows whether it was printed.
	WentUnsure struct {
		At    time.Time `json:"at"`
		Key   string    `json:"key"`
		Error string    `json:"error"`
	}
	WasRerouted struct {
		Key string `json:"key"`
		To  string `json:"to"`
	}
)

func (*Queued) event()      {}
func (*Sending) event()     {}
func (*WasPrinted) event()  {}
func (*TryFailed) event()   {}
func (*WentUnsure) event()  {}
func (*WasRerouted) event() {}

// View is a printer as the staff see it.
type View struct {
	ID         string    `json:"id"`
	Name       string    `json:"name"`
	State      string    `json:"state"` // ok failing
	Queued     int       `json:"queued"`
	OldestAt   time.Time `json:"oldest_at,omitzero"`
	Error      string    `json:"error,omitzero"`
	ReroutedTo string    `json:"rerouted_to,omitzero"`
	Last       *Last     `json:"last,omitzero"`
	Unsure     []Last    `json:"unsure,omitzero"` // may have been printed

	Job *Job `json:"-"` // what to print now, for the node of its cell
}

var errUnknown = refusal.New(refusal.NotFound, "", "There is no such printer").With(refusal.Fields{Kind: "printer"})

// Decide answers a command with the events that follow from it, or a refusal.
func Decide(s State, c Command) ([]Event, Reply, error) {
	switch c := c.(type) {
	case *Print:
		if s.has(c.Job.Key) {
			return nil, &Ack{}, nil
		}
		j := c.Job
		if p, ok := store.Of(&c.Header).Printer(c.Printer); ok && j.From == "" && p.Backup != c.Printer {
			j.Spare = p.Backup
		}
		return []Event{&Queued{c.Printer, j}}, &Ack{}, nil
	case *Report:
		if s.ID == "" {
			return nil, nil, errUnknown.With(refusal.Fields{Kind: "printer", ID: c.Printer})
		}
		return s.report(c), &Ack{}, nil
	case *command.Answered:
		if p, ok := c.Duty.Do.(*Print); ok && s.find(p.Job.Key) >= 0 {
			return []Event{&WasRerouted{p.Job.Key, c.Duty.To.ID}}, nil, nil
		}
		return nil, nil, nil
	case *command.Tick:
		return nil, nil, nil
	}
	panic("printer: unknown command")
}

func (s *State) find(key string) int {
	return slices.IndexFunc(s.Jobs, func(j Job) bool { return j.Key == key })
}

func (s *State) has(key string) bool { return s.find(key) >= 0 || slices.Contains(s.Done, key) }

func (s State) report(c *Report) []Event {
	i := s.find(c.Key)
	if i < 0 {
		return nil
	}
	j := &s.Jobs[i]
	switch {
	case c.Outcome == Began && j.State == "":
		return []Event{&Sending{c.Key}}
	case c.Outcome == Printed:
		return []Event{&WasPrinted{c.At, c.Key}}
	case c.Outcome == Failed:
		return []Event{&TryFailed{c.Key, c.Error}}
	case c.Outcome == Unsure && j.State == "sending":
		return []Event{&WentUnsure{c.At, c.Key, c.Error}}
	}
	return nil
}

// Apply folds one fact into the state.
func Apply(s State, e Event) State {
	switch e := e.(type) {
	case *Queued:
		s.ID = e.Printer
		s.Jobs = append(slices.Clone(s.Jobs), e.Job)
	case *Sending:
		s = s.with(e.Key, func(j *Job) { j.State = "sending" })
	case *TryFailed:
		s = s.with(e.Key, func(j *Job) { j.State, j.Tries = "", j.Tries+1 })
		s.Error = e.Error
	case *WasPrinted:
		j := s.Jobs[s.find(e.Key)]
		s = s.gone(e.Key)
		s.Error, s.Rerouted, s.Last = "", "", &Last{j.Key, j.Order, max(j.Copy, 1), e.At}
	case *WentUnsure:
		j := s.Jobs[s.find(e.Key)]
		s = s.gone(e.Key)
		s.Error = e.Error
		s.Unsure = append(slices.Clone(s.Unsure), Last{j.Key, j.Order, max(j.Copy, 1), e.At})
		if n := len(s.Unsure) - unsureMax; n > 0 {
			s.Unsure = s.Unsure[n:]
		}
	case *WasRerouted:
		s = s.gone(e.Key)
		s.Rerouted = e.To
	}
	return s
}

func (s State) with(key string, change func(*Job)) State {
	s.Jobs = slices.Clone(s.Jobs)
	change(&s.Jobs[s.find(key)])
	return s
}

// gone takes a job off and remembers it.
func (s State) gone(key string) State {
	s.Jobs = slices.DeleteFunc(slices.Clone(s.Jobs), func(j Job) bool { return j.Key == key })
	s.Done = append(slices.Clone(s.Done), key)
	if n := len(s.Done) - doneMax; n > 0 {
		s.Done = s.Done[n:]
	}
	return s
}

// Owes gives the backup what failed too often. Without a backup it is tried on.
func Owes(s State) (duties []Duty) {
	for i, j := range s.Jobs {
		if j.Tries >= triesMax && j.State == "" && j.Spare != "" {
			to := j.Spare
			j.From, j.Spare, j.Tries = s.ID, "", 0
			duties = append(duties, Duty{To: command.Target{Kind: "printer", ID: to}, N: int64(i), Do: &Print{Printer: to, Job: j}})
		}
	}
	return duties
}

// Due is never: the driver's tries are its own.
func Due(State) time.Time { return time.Time{} }

// ViewOf is what the staff see.
func ViewOf(s State) *View {
	v := &View{ID: s.ID, Name: s.ID, State: "ok", Queued: len(s.Jobs), Error: s.Error, ReroutedTo: s.Rerouted, Last: s.Last, Unsure: s.Unsure}
	if s.Error != "" {
		v.State = "failing"
	}
	if len(s.Jobs) > 0 {
		v.OldestAt, v.Job = s.Jobs[0].At, &s.Jobs[0]
	}
	return v
}
