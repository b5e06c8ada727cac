package sensor

import (
	"slices"
	"time"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/store"
)

// Apply folds one fact into the state.
func Apply(s State, e Event) State {
	switch e := e.(type) {
	case *Configured:
		s = s.configured(e)
	case *Noted:
		s.heard(e.At, e.Node)
		for i := range e.Readings {
			s.add(&e.Readings[i])
		}
	case *Suspected:
		s.Status, s.Since = Suspect, e.Since
	case *Calmed:
		s.Status, s.Since = Normal, time.Time{}
	case *Alerted:
		if s.untold() {
			s.Ended = append(slices.Clone(s.Ended), s.report())
		}
		s.Status, s.AlertAt, s.Since, s.Why, s.Peak, s.WorkOrder = Alert, e.At, e.Since, e.Why, e.Peak, e.WorkOrder
		s.Recovering, s.Recovered, s.AckedBy, s.Fault = time.Time{}, time.Time{}, command.Who{}, e.Fault
		s.Rev++
	case *Worsened:
		s.Peak = e.Peak // the work order hears of it with what it hears next
	case *Relapsed:
		s.Recovered = time.Time{}
		s.Rev++
	case *CameBack:
		s.Recovered = e.At
		s.Rev++
	case *WasAcked:
		s.Status, s.AckedBy = Acked, e.By
		s.Rev++
	case *WasEscalated:
		s.Status = Escalated
		s.Rev++
	case *WasResolved:
		s.Status = Resolved
		s.Control = Control{}
		s.Rev++
	case *Calibrated:
		s.Offset, s.Tuned = e.Offset, e.At
	case *HealthSet:
		s.Health = e.Health
	case *WorkOrderTold:
		s.Told = max(s.Told, e.Rev)
		if s.ended(e.Rev) {
			s.Ended = slices.DeleteFunc(slices.Clone(s.Ended), func(r Report) bool { return r.Rev == e.Rev })
		}
	}
	return s
}

func (s State) configured(e *Configured) State {
	s.Set, s.Safety, s.Exists = e.Sensor, e.Safety, !e.Gone
	if s.ID == "" {
		s.ID, s.Status, s.Health = e.ID, Normal, Missing // until it is first heard of
	}
	return s
}

func (s *State) heard(at time.Time, node string) {
	s.HeardAt = at
	if node != "" {
		s.Node = node
	}
}

// add folds a reading: it never shares what it changes.
func (s *State) add(r *Reading) {
	if r.N == 0 {
		s.Recovering = time.Time{}
		return
	}
	v := r.Avg + s.Offset
	if r.Health != Absurd {
		s.Series = s.Series.add(r.At, r.Min+s.Offset, r.Max+s.Offset, v, r.N)
		s.Control = s.Control.add(s.Set.Control, s.Last.At, r.At, v)
	}
	switch {
	case r.Suppress == "":
		s.Suppressed = time.Time{}
	case s.Suppressed.IsZero():
		s.Suppressed = r.From
	}
	switch {
	case r.Fault == nil:
		s.Faulty = time.Time{}
	case s.Faulty.IsZero() || s.Last.Fault == nil || s.Last.Fault.Class != r.Fault.Class:
		s.Faulty = r.From
	}
	if out := outside(s.Set.Limits, v) || r.Health == Stuck || r.Health == Absurd || s.Why == whyFault && r.Fault != nil; out {
		s.Recovering = time.Time{}
	} else if s.Recovering.IsZero() {
		s.Recovering = r.At
	}
	s.Boot, s.Seq, s.Last = r.Boot, r.Last, *r
	s.Count += r.N
}

// Owes is the news that work orders have not heard: the episode's, and those of the ones
// before it.
func Owes(s State) (duties []Duty) {
	owe := func(r *Report) {
		duties = append(duties, Duty{To: command.Target{Kind: "workorder", ID: r.WorkOrder}, N: r.Rev, Do: r})
	}
	for i := range s.Ended {
		owe(&s.Ended[i])
	}
	if s.untold() {
		r := s.report()
		owe(&r)
	}
	return duties
}

// untold says that the episode's work order has not heard all of it.
func (s *State) untold() bool { return s.WorkOrder != "" && s.Told < s.Rev }

// ended says that a report of that revision is the last of an earlier episode, and unheard.
func (s *State) ended(rev int64) bool {
	return slices.ContainsFunc(s.Ended, func(r Report) bool { return r.Rev == rev })
}

// report is what the episode's work order is to know. What the sensor suspects once the
// episode is over is another's.
func (s *State) report() Report {
	status := s.Status
	if status == Normal || status == Suspect {
		status = Resolved
	}
	r := Report{WorkOrder: s.WorkOrder, Rev: s.Rev, Sensor: s.ID, Asset: s.Set.Asset, Why: s.Why, Since: s.Since, At: s.AlertAt,
		Peak: s.Peak, Status: status, Recovered: s.Recovered, By: s.AckedBy, Safety: s.Safety, Fault: s.Fault}
	if s.food() {
		r.Food, r.Dishes = true, s.Set.Dishes
	}
	return r
}

// food says that the episode may put food at risk: a temperature out of its limits.
// What only tells of a machine never holds a dish.
func (s *State) food() bool { return s.Why == whyLimit && Guards(&s.Set) }

// Guards says that food hangs on a sensor's limits.
func Guards(set *store.Sensor) bool {
	return (set.Kind == "temperature" || set.Kind == "thermal") && len(set.Dishes) > 0
}

// Due is the end of a delay, or when nobody has acked or no reading has come for too long.
func Due(s State) (due time.Time) {
	if !s.Exists {
		return due
	}
	due = s.suspectUntil()
	if s.Status == Alert {
		due = s.AlertAt.Add(escalateAfter)
	}
	if s.Health != Missing && !s.HeardAt.IsZero() {
		if at := s.HeardAt.Add(s.missing()); due.IsZero() || at.Before(due) {
			due = at
		}
	}
	return due
}

// ViewOf is what others may see.
func ViewOf(s State) *View {
	v := &View{ID: s.ID, Name: s.Set.Name, Kind: s.Set.Kind, Asset: s.Set.Asset, Node: s.Node, State: s.Status, Health: s.Health,
		Limits: s.Set.Limits, SuppressedTo: s.Last.Suppress, Dishes: s.Set.Dishes, Offset: s.Offset, Calibrated: s.Tuned,
		Score: s.Last.Score, Class: s.Last.Class, UnsafeMS: s.Last.UnsafeMS, Control: s.Control.view(s.Set.Control)}
	if v.Dishes == nil {
		v.Dishes = []string{}
	}
	if !s.Last.At.IsZero() {
		v.Reading = &Shown{s.Last.Value + s.Offset, Unit(s.Set.Kind), s.Last.At, s.Last.Last}
	}
	switch s.Status {
	case Alert, Acked, Escalated:
		v.Why, v.WorkOrder, v.Fault = s.Why, s.WorkOrder, s.Fault
		if s.AckedBy != (command.Who{}) {
			v.AckedBy = &s.AckedBy
		}
		if s.food() && s.Recovered.IsZero() {
			v.WarnAt, v.HoldAt, v.DiscardAt = Clocks(s.Since, s.Safety)
		}
		fallthrough
	case Suspect:
		v.Since = s.Since
	}
	return v
}

// Clocks are when food that is too warm since then is warned of, held, and to be discarded.
func Clocks(since time.Time, f store.FoodSafety) (warn, hold, discard time.Time) {
	after := func(ms int64) time.Time { return since.Add(time.Duration(ms) * time.Millisecond) }
	return after(f.WarnMS), after(f.HoldMS), after(f.DiscardMS)
}

func same(a, b store.Sensor) bool {
	return a.ID == b.ID && a.Name == b.Name && a.Kind == b.Kind && a.Asset == b.Asset && a.Door == b.Door && a.Limits == b.Limits &&
		a.MissingMS == b.MissingMS && a.Control == b.Control && slices.Equal(a.Dishes, b.Dishes)
}
