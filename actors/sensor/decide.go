package sensor

import (
	"math"
	"time"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/store"
)

// turn gathers what follows from one command.
type turn struct {
	s      State
	events []Event
	noted  Noted // readings that are folded, but in no event yet
}

func (t *turn) do(e Event) {
	t.flush()
	t.events = append(t.events, e)
	t.s = Apply(t.s, e)
}

// flush makes one event of the readings since the last: as few as what they led to allows.
func (t *turn) flush() {
	if len(t.noted.Readings) > 0 {
		e := t.noted
		t.events = append(t.events, &e)
		t.noted.Readings = nil
	}
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
	case *Configure:
		t.configure(c)
		return &Told{}, nil
	case *command.Answered:
		if r, ok := c.Duty.Do.(*Report); ok && (r.Rev > t.s.Told || t.s.ended(r.Rev)) {
			t.do(&WorkOrderTold{r.Rev})
		}
		return nil, nil
	case *command.Tick:
		if t.s.Exists {
			t.pass(c.At)
		}
		return nil, nil
	}
	if !t.s.Exists {
		return nil, ErrUnknown
	}
	switch c := c.(type) {
	case *Note:
		return t.note(c)
	case *Ack:
		return t.ack(c)
	case *Query:
		return nil, errQuery
	case *Calibrate:
		if !(math.Abs(c.Offset) <= 100) {
			return nil, errOffset
		}
		if c.Offset != t.s.Offset {
			t.do(&Calibrated{c.At, c.By, c.Offset})
		}
		return &CalibrateReply{t.s.ID, t.s.Offset}, nil
	}
	panic("sensor: unknown command")
}

func (t *turn) configure(c *Configure) {
	if c.Gone && !t.s.Exists || t.s.Exists && !c.Gone && same(t.s.Set, c.Sensor) && t.s.Safety == c.Safety {
		return
	}
	t.do(&Configured{c.At, c.Sensor.ID, c.Sensor, c.Safety, c.Gone})
}

func (t *turn) ack(c *Ack) (Reply, error) {
	switch t.s.Status {
	case Alert, Escalated:
		t.do(&WasAcked{c.At, c.By})
		t.settle(c.At)
	case Acked:
	default:
		return nil, errNoAlert.With(refusal.Fields{Kind: "sensor", ID: t.s.ID, State: string(t.s.Status)})
	}
	return &AckReply{t.s.ID, t.s.Status}, nil
}

func (t *turn) note(c *Note) (Reply, error) {
	if len(c.Readings) > readingsMax {
		return nil, errMany
	}
	for i := range c.Readings {
		if !c.Readings[i].Sound() {
			return nil, errReading
		}
	}
	before := t.s.Count
	t.noted.At, t.noted.Node = c.At, c.Node
	for _, r := range c.Readings {
		if !t.s.fresh(&r) {
			continue
		}
		if r.At.Sub(c.At) > aheadMax { // nobody measures what is to come
			r.From, r.At, r.Health = c.At, c.At, Skewed
		}
		r.From, r.At = r.From.UTC().Truncate(time.Millisecond), r.At.UTC().Truncate(time.Millisecond) // as they are journaled
		t.s.heard(c.At, c.Node)
		t.s.add(&r)
		t.noted.Readings = append(t.noted.Readings, r)
		t.look(&r)
	}
	t.flush()
	return &Taken{t.s.Count - before}, nil
}

// fresh says that a reading has not counted yet, and takes away the part that has. One
// without measurements tells of the device, and counts nothing.
func (s *State) fresh(r *Reading) bool {
	switch {
	case r.N == 0:
		return r.Health != s.Health
	case r.Boot < s.Boot || r.Boot == s.Boot && r.Last <= s.Seq:
		return false
	case r.Boot == s.Boot && r.First <= s.Seq:
		r.N, r.First = max(1, min(r.N, r.Last-s.Seq)), s.Seq+1
	}
	return true
}

// Sound says that a reading is one: what a value may be is for the box to say.
func (r *Reading) Sound() bool {
	for _, v := range []float64{r.Value, r.Min, r.Max, r.Avg, r.Score} {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return r.Fault.sound() && len(r.Features) <= featuresMax && r.First >= 0 && r.First <= r.Last && r.N >= 0 && r.N-1 <= r.Last-r.First && r.Lost >= 0 && !r.At.IsZero() && !r.From.After(r.At)
}

// sound says that a fault has bounds; nil is no fault.
func (f *Fault) sound() bool {
	if f == nil {
		return true
	}
	for _, e := range f.Evidence {
		if len(e.Sense) > textMax || !(math.Abs(e.Weight) <= 1) {
			return false
		}
	}
	return f.Class != "" && len(f.Class) <= textMax && len(f.Model) <= textMax && len(f.Evidence) <= evidenceMax && f.Confidence >= 0 && f.Confidence <= 1
}

// look holds one reading against the limits.
func (t *turn) look(r *Reading) {
	health := r.Health
	if health == "" {
		health = OK
	}
	if health != t.s.Health {
		t.do(&HealthSet{r.At, health})
	}
	if health == Absurd || health == Missing {
		t.blind(r.At, string(health))
		return
	}
	if health == Stuck {
		t.blind(r.At, string(health))
	}
	over := outside(t.s.Set.Limits, r.Avg+t.s.Offset)
	hidden := r.Suppress != "" && r.At.Sub(t.s.Suppressed) < suppressMax
	switch t.s.Status {
	case Normal, Resolved, "":
		switch {
		case over && !hidden:
			t.do(&Suspected{r.From})
			t.alertIfDue(r.At)
		case r.Fault != nil && r.At.Sub(t.s.Faulty) >= faultAfter && !Guards(&t.s.Set):
			t.do(&Alerted{r.At, t.s.Faulty, whyFault, t.s.Last.Avg + t.s.Offset, WorkOrderID(t.s.ID, r.At), r.Fault})
		}
	case Suspect:
		if !over || hidden {
			t.do(&Calmed{})
		} else {
			t.alertIfDue(r.At)
		}
	default:
		t.within(r, over || health == Stuck)
	}
}

// within is a reading in an episode.
func (t *turn) within(r *Reading, over bool) {
	switch {
	case over && !t.s.Recovered.IsZero() && r.Suppress == "":
		t.do(&Relapsed{})
	case over:
		if v := r.Avg + t.s.Offset; t.s.Why == whyLimit && worse(t.s.Set.Limits, v, t.s.Peak) {
			t.do(&Worsened{v})
		}
	case t.s.Recovered.IsZero() && !t.s.Recovering.IsZero() && r.At.Sub(t.s.Recovering) >= t.s.delay():
		t.do(&CameBack{r.At})
		t.settle(r.At)
	}
}

const (
	whyLimit = "limit"
	whyFault = "fault"
)

func (t *turn) alertIfDue(at time.Time) {
	if at.Sub(t.s.Since) < t.s.delay() {
		return
	}
	t.do(&Alerted{at, t.s.Since, whyLimit, t.s.Last.Avg + t.s.Offset, WorkOrderID(t.s.ID, at), nil})
}

// blind opens an episode of data that cannot be believed.
func (t *turn) blind(at time.Time, why string) {
	switch t.s.Status {
	case Normal, Resolved, Suspect, "":
		since := at
		if t.s.Status == Suspect {
			since = t.s.Since
		}
		t.do(&Alerted{at, since, why, t.s.Last.Value + t.s.Offset, WorkOrderID(t.s.ID, at), nil})
	}
}

// settle ends an episode that is over and that somebody has seen.
func (t *turn) settle(at time.Time) {
	if t.s.Status == Acked && !t.s.Recovered.IsZero() {
		t.do(&WasResolved{at})
	}
}

// pass is what time alone brings.
func (t *turn) pass(at time.Time) {
	s := &t.s
	if due := s.suspectUntil(); !due.IsZero() && !at.Before(due) {
		t.do(&Alerted{at, s.Since, whyLimit, s.Last.Avg + s.Offset, WorkOrderID(s.ID, at), nil})
	}
	if s.Health != Missing && !s.HeardAt.IsZero() && !at.Before(s.HeardAt.Add(s.missing())) {
		t.do(&HealthSet{at, Missing})
		t.blind(at, string(Missing))
	}
	if s.Status == Alert && !at.Before(s.AlertAt.Add(escalateAfter)) {
		t.do(&WasEscalated{at})
	}
}

// suspectUntil is when the delay is over if nothing more is heard: readings that came late
// may yet tell of the value's return, so what is left of it runs from when they came.
func (s *State) suspectUntil() (due time.Time) {
	if s.Status == Suspect && s.Last.Suppress == "" {
		due = s.HeardAt.Add(s.delay() - s.Last.At.Sub(s.Since))
	}
	return due
}

func (s *State) delay() time.Duration { return time.Duration(s.Set.Limits.DelayMS) * time.Millisecond }

func (s *State) missing() time.Duration {
	if s.Set.MissingMS > 0 {
		return time.Duration(s.Set.MissingMS) * time.Millisecond
	}
	return missingAfter
}

// outside says that v is beyond the limits; equal ones are none.
func outside(l store.Limits, v float64) bool { return l.High > l.Low && (v > l.High || v < l.Low) }

func worse(l store.Limits, v, than float64) bool {
	return v > l.High && v > than || v < l.Low && v < than
}

// WorkOrderID is the id of the work order of an episode that begins then: a UUIDv7, the
// same whenever it is asked for.
func WorkOrderID(sensor string, at time.Time) string {
	const digits = "0123456789abcdef"
	ms := uint64(at.UnixMilli())
	h := uint64(14695981039346656037) // FNV-1a
	for i := range len(sensor) + 8 {
		c := byte(ms >> (8 * (i & 7)))
		if i < len(sensor) {
			c = sensor[i]
		}
		h = (h ^ uint64(c)) * 1099511628211
	}
	g := (h ^ h>>29) * 0x9e3779b97f4a7c15
	hi := ms<<16 | 0x7000 | h>>52
	lo := 1<<63 | (h<<10^g)&(1<<62-1)
	var b [36]byte
	for i, n := 0, 0; i < 36; i++ {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			b[i] = '-'
			continue
		}
		word := hi
		if n >= 16 {
			word = lo
		}
		b[i] = digits[word>>(60-4*(n%16))&15]
		n++
	}
	return string(b[:])
}
