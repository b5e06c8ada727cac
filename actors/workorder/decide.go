package workorder

import (
	"time"
	"unicode/utf8"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/sensor"
	"github.com/brigata/brigata/actors/stock"
)

type turn struct {
	s      State
	events []Event
}

func (t *turn) do(e Event) {
	t.events = append(t.events, e)
	t.s = Apply(t.s, e)
}

// Decide answers a command with the events that follow from it, or a refusal.
func Decide(s State, c Command) ([]Event, Reply, error) {
	t := &turn{s: s}
	reply, err := t.decide(c)
	if err != nil {
		return nil, nil, err
	}
	return t.events, reply, nil
}

func (t *turn) decide(c Command) (Reply, error) {
	switch c := c.(type) {
	case *Hear:
		t.hear(c)
		return &Noted{}, nil
	case *command.Tick:
		t.pass(c.At)
		return nil, nil
	case *command.Answered:
		if d, ok := c.Duty.Do.(*stock.HoldFor); ok {
			t.held(c, d)
		}
		return nil, nil
	}
	if t.s.ID == "" {
		return nil, ErrUnknown
	}
	if t.s.Status == Finished {
		return nil, errDone.With(refusal.Fields{Kind: "workorder", ID: t.s.ID, State: string(Finished)})
	}
	switch c := c.(type) {
	case *Assign:
		if !menu.IsName(c.To) {
			return nil, errTo
		}
		if to := (command.Who{ID: c.To}); t.s.Assignee != to {
			t.do(&WasAssigned{c.At, c.By, to})
		}
		return &StateReply{t.s.ID, t.s.Status}, nil
	case *Finish:
		return t.finish(c)
	}
	panic("workorder: unknown command")
}

func (t *turn) hear(c *Hear) {
	r := &c.Report
	if t.s.ID == "" {
		severity := Info
		if r.Food {
			severity = Food
		}
		t.do(&WasOpened{r.WorkOrder, r.Asset, r.Sensor, r.Why, severity, r.At, r.Since, r.Dishes, r.Safety, r.Fault})
	}
	if r.Rev > t.s.Rev {
		if !r.Recovered.IsZero() {
			t.pass(r.Recovered) // what came due before the value was back, however late we hear of both
		}
		t.do(&Heard{c.Header.At, r.Rev, r.Status, r.Peak, r.Recovered, r.By})
	}
	t.pass(c.Header.At)
}

// pass does what has come due: several steps at once, when a link was down for long.
func (t *turn) pass(at time.Time) {
	for {
		due := Due(t.s)
		if due.IsZero() || at.Before(due) {
			return
		}
		switch {
		case !t.s.Warned:
			t.do(&WasWarned{at})
		case !t.s.Holding:
			t.do(&HoldBegan{at})
		default:
			t.do(&DiscardProposed{at})
		}
	}
}

func (t *turn) held(c *command.Answered, d *stock.HoldFor) {
	for _, h := range t.s.Holds {
		if h.Dish != d.Dish || h.Done {
			continue
		}
		e := &DishHeld{At: c.At, Dish: d.Dish}
		if c.Refusal != nil {
			if c.Refusal.Code.Retry() || c.Refusal.Code == refusal.Internal {
				return // still owed
			}
			e.No = string(c.Refusal.Code)
		}
		t.do(e)
	}
}

func (t *turn) finish(c *Finish) (Reply, error) {
	switch {
	case c.What == "":
		return nil, errWhat
	case utf8.RuneCountInString(c.What) > whatMax:
		return nil, errWhatLong
	case c.Decision != "" && c.Decision != Keep && c.Decision != Discard:
		return nil, errDecision
	case c.Finding != "" && (t.s.Fault == nil || c.Finding != Confirmed && c.Finding != FalseAlarm):
		return nil, errFinding
	case t.s.Holding && c.Decision == "":
		return nil, errDecide
	case c.Decision == Keep && t.s.Holding && !c.IsManager():
		return nil, errKeep
	case t.s.Episode != sensor.Resolved && t.s.Recovered.IsZero() && t.s.Severity == Food && !t.s.Holding:
		return nil, errRunning.With(refusal.Fields{Kind: "workorder", ID: t.s.ID, State: string(t.s.Episode)})
	}
	t.do(&WasDone{c.At, c.By, c.What, c.Decision, c.Finding})
	return &StateReply{t.s.ID, t.s.Status}, nil
}

// errRunning keeps food from going unwatched: while it is out of its limits, and not
// held, its work order stays open.
var errRunning = refusal.New(refusal.Conflict, "state", "The food is still out of its limits")
