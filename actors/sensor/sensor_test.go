package sensor

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/store"
)

var (
	noon   = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	safety = store.FoodSafety{ColdMaxC: 5, WarnMS: 30 * 60_000, HoldMS: 120 * 60_000, DiscardMS: 240 * 60_000}
	fridge = store.Sensor{ID: "walkin-1", Name: menu.Text{EN: "Walk-in"}, Kind: "temperature", Asset: "walk-in", Dishes: []string{"tofu"},
		Limits: store.Limits{Low: -1, High: 5, DelayMS: 600_000}, Control: FSANZ}
)

func minute(n int) time.Time { return noon.Add(time.Duration(n) * time.Minute) }

// box feeds a sensor one reading a minute.
type box struct {
	t   testing.TB
	s   State
	seq int64
	now int // minutes after noon
}

func newBox(t testing.TB, set store.Sensor) *box {
	b := &box{t: t}
	b.do(&Configure{Sensor: set, Safety: safety})
	return b
}

func (b *box) do(c Command) []Event {
	b.t.Helper()
	events, _, err := b.try(c)
	if err != nil {
		b.t.Fatalf("%T: %v", c, err)
	}
	return events
}

func (b *box) try(c Command) ([]Event, Reply, error) {
	if c.Head().At.IsZero() {
		c.Head().At = minute(b.now)
	}
	before := b.s
	events, reply, err := Decide(b.s, c)
	if !reflect.DeepEqual(before, b.s) {
		b.t.Fatal("Decide changed its state")
	}
	for _, e := range events {
		b.s = Apply(b.s, e)
	}
	return events, reply, err
}

func (b *box) reading(v float64) Reading {
	b.seq += 10
	at := minute(b.now)
	return Reading{Boot: 1, First: b.seq - 9, Last: b.seq, N: 10, From: at.Add(-50 * time.Second), At: at, Value: v, Min: v, Max: v, Avg: v}
}

func (b *box) note(r Reading) []Event { return b.do(&Note{Node: "edge-1", Readings: []Reading{r}}) }

// for minutes the value is v.
func (b *box) stays(minutes int, v float64, suppress string) {
	for range minutes {
		b.now++
		r := b.reading(v)
		r.Suppress = suppress
		b.note(r)
	}
}

func (b *box) is(s Status) {
	b.t.Helper()
	if b.s.Status != s {
		b.t.Fatalf("minute %d: %s, want %s", b.now, b.s.Status, s)
	}
}

func TestEpisode(t *testing.T) {
	b := newBox(t, fridge)
	b.stays(5, 3, "")
	b.is(Normal)
	b.stays(5, 8, "")
	b.is(Suspect)
	b.stays(1, 4, "")
	b.is(Normal)
	b.stays(12, 8, "")
	b.is(Alert)
	r, ok := Owes(b.s)[0].Do.(*Report)
	if !ok || !r.Food || r.Why != "limit" || r.Dishes[0] != "tofu" || r.WorkOrder != b.s.WorkOrder || r.Since != minute(12).Add(-50*time.Second) {
		t.Fatalf("%+v", r)
	}
	b.do(&command.Answered{Duty: Owes(b.s)[0]})
	if len(Owes(b.s)) != 0 {
		t.Fatal("the work order is told again what it knows")
	}
	v := ViewOf(b.s)
	if v.WarnAt != v.Since.Add(30*time.Minute) || v.HoldAt != v.Since.Add(2*time.Hour) || v.Reading.Value != 8 || v.Node != "edge-1" {
		t.Fatalf("%+v", v)
	}
	b.stays(12, 3, "")
	b.is(Alert) // back, but nobody has seen it
	if b.s.Recovered.IsZero() {
		t.Fatal("the value is back")
	}
	b.do(&Ack{Header: command.Header{By: command.Who{ID: "lin"}}})
	b.is(Resolved)
	b.stays(20, 3, "")
	b.is(Resolved)
	first := b.s.WorkOrder
	b.stays(12, 9, "")
	b.is(Alert)
	if b.s.WorkOrder == first {
		t.Fatal("another episode, but the same work order")
	}
}

// An episode that begins before the work order of the one before has heard the last of it: both
// hear what is theirs, once.
func TestEpisodeAfterEpisode(t *testing.T) {
	b := newBox(t, fridge)
	b.stays(12, 9, "")
	b.do(&Ack{})
	b.do(&command.Answered{Duty: Owes(b.s)[0]})
	first := b.s.WorkOrder
	b.stays(12, 3, "")
	b.is(Resolved)
	b.stays(5, 9, "")
	b.is(Suspect)
	if r := Owes(b.s)[0].Do.(*Report); r.WorkOrder != first || r.Status != Resolved || r.Recovered.IsZero() {
		t.Fatalf("%+v", r)
	}
	b.stays(7, 9, "")
	b.is(Alert)
	owed := Owes(b.s)
	if len(owed) != 2 {
		t.Fatalf("%+v", owed)
	}
	before, now := owed[0].Do.(*Report), owed[1].Do.(*Report)
	if before.WorkOrder != first || before.Status != Resolved || before.Recovered.IsZero() || now.WorkOrder != b.s.WorkOrder || now.Status != Alert {
		t.Fatalf("%+v, %+v", before, now)
	}
	for _, d := range []Duty{owed[1], owed[0], owed[0]} { // the newer is heard first
		b.do(&command.Answered{Duty: d})
	}
	if len(Owes(b.s)) != 0 || len(b.s.Ended) != 0 {
		t.Fatalf("%+v", Owes(b.s))
	}
}

func TestRelapse(t *testing.T) {
	b := newBox(t, fridge)
	b.stays(12, 9, "")
	b.do(&Ack{})
	b.is(Acked)
	b.stays(5, 3, "")
	b.stays(5, 9, "")
	b.is(Acked) // five minutes are not the delay
	b.stays(12, 3, "")
	b.is(Resolved)
}

func TestSuppression(t *testing.T) {
	b := newBox(t, fridge)
	b.stays(28, 12, Defrost)
	b.is(Normal)
	b.stays(3, 4, "")
	b.stays(29, 9, Door)
	b.is(Normal)
	b.stays(20, 9, Door) // a door that stays open does not hide it for ever
	b.is(Alert)
}

func TestEscalation(t *testing.T) {
	b := newBox(t, fridge)
	b.stays(12, 9, "")
	b.now += 13
	b.do(&command.Tick{})
	b.is(Alert)
	b.now += 2
	if Due(b.s).After(minute(b.now)) {
		t.Fatal("no alarm is set")
	}
	b.do(&command.Tick{})
	b.is(Escalated)
	b.do(&Ack{})
	b.is(Acked)
}

func TestMissingStuckAbsurd(t *testing.T) {
	b := newBox(t, fridge)
	b.do(&command.Tick{Header: command.Header{At: minute(600)}})
	b.is(Normal) // never heard of: nothing is missing
	b.stays(2, 3, "")
	b.now += 31
	b.do(&command.Tick{})
	if b.s.Health != Missing || b.s.Status != Alert || Owes(b.s)[0].Do.(*Report).Food {
		t.Fatalf("%+v", b.s)
	}
	b.do(&Ack{})
	b.stays(12, 3, "")
	b.is(Resolved)
	for _, h := range []Health{Stuck, Absurd} {
		b.now++
		r := b.reading(3)
		r.Health = h
		b.note(r)
		b.is(Alert)
		if b.s.Why != string(h) || b.s.Health != h {
			t.Fatalf("%+v", b.s)
		}
		b.do(&Ack{})
		b.stays(12, 3, "")
		b.is(Resolved)
	}
	r := Reading{Boot: 1, Health: Missing, From: minute(b.now), At: minute(b.now)}
	b.note(r)
	b.is(Alert)
	if got := b.note(r); len(got) != 0 || b.s.Last.N == 0 {
		t.Fatalf("said twice: %+v", got)
	}
}

func TestReadingsCountOnce(t *testing.T) {
	b := newBox(t, fridge)
	r := b.reading(3)
	b.note(r)
	if got := b.note(r); len(got) != 0 {
		t.Fatalf("a repeat: %+v", got)
	}
	r.Last += 5 // a box that was cut off sums up once more, and further
	r.N += 5
	b.note(r)
	if b.s.Count != 15 || b.s.Seq != 15 {
		t.Fatalf("%d readings to %d", b.s.Count, b.s.Seq)
	}
	r.Boot, r.First, r.Last, r.N = 2, 1, 3, 3
	b.note(r)
	r.Boot = 1
	r.First, r.Last = 16, 20
	if got := b.note(r); len(got) != 0 || b.s.Count != 18 {
		t.Fatalf("of a boot that is over: %+v", got)
	}
}

func TestRefusals(t *testing.T) {
	b := newBox(t, fridge)
	for name, c := range map[string]struct {
		c    Command
		want error
	}{
		"nan":       {&Note{Readings: []Reading{{N: 1, At: noon, Avg: math.NaN()}}}, errReading},
		"backwards": {&Note{Readings: []Reading{{N: 1, First: 5, Last: 4, At: noon}}}, errReading},
		"no time":   {&Note{Readings: []Reading{{N: 1}}}, errReading},
		"many":      {&Note{Readings: make([]Reading, readingsMax+1)}, errMany},
		"no alert":  {&Ack{}, errNoAlert},
		"offset":    {&Calibrate{Offset: math.Inf(1)}, errOffset},
	} {
		if events, _, err := b.try(c.c); !errors.Is(err, c.want) || len(events) > 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := Decide(State{}, &Ack{}); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
	b.do(&Configure{Sensor: fridge, Gone: true})
	if _, _, err := b.try(&Note{}); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
}

func TestClockAhead(t *testing.T) {
	b := newBox(t, fridge)
	r := b.reading(3)
	r.At, r.From = r.At.Add(time.Hour), r.From.Add(time.Hour)
	b.note(r)
	if b.s.Health != Skewed || b.s.Last.At != minute(b.now) || b.s.Status != Normal {
		t.Fatalf("%+v", b.s)
	}
}

func TestCalibration(t *testing.T) {
	b := newBox(t, fridge)
	b.do(&Calibrate{Offset: -3})
	b.stays(20, 7, "")
	b.is(Normal)
	if v := ViewOf(b.s); v.Reading.Value != 4 || v.Calibrated != minute(0) {
		t.Fatalf("%+v", v)
	}
}

func TestTimeAsControl(t *testing.T) {
	b := newBox(t, fridge)
	b.stays(1, 3, "")
	b.stays(120, 8, "")
	if c := ViewOf(b.s).Control; c.Verdict != "ok" || c.ElapsedMS != 119*60_000 {
		t.Fatalf("%+v", c)
	}
	b.stays(30, 3, "")
	b.stays(60, 8, "")
	if c := ViewOf(b.s).Control; c.Verdict != "use_now" {
		t.Fatalf("%+v", c)
	}
	b.stays(120, 8, "")
	if c := ViewOf(b.s).Control; c.Verdict != "discard" {
		t.Fatalf("%+v", c)
	}
	hot := fridge
	hot.Control = FDA
	b = newBox(t, hot)
	b.stays(1, 3, "")
	b.stays(1, 8, "")
	if c := ViewOf(b.s).Control; c.DiscardAt != minute(2).Add(6*time.Hour) {
		t.Fatalf("%+v", c)
	}
	b.stays(1, 22, "")
	if c := ViewOf(b.s).Control; c.DiscardAt != minute(2).Add(4*time.Hour) {
		t.Fatalf("%+v", c)
	}
}

func TestSeries(t *testing.T) {
	b := newBox(t, fridge)
	b.stays(60*30, 3, "")
	fine := b.s.Series.Fine.Between(noon, minute(60*31), 1000)
	if len(b.s.Series.Fine.Done) != fineMax || len(b.s.Series.Coarse.Done) != 30 || fine[0].N != 50 || fine[0].Avg() != 3 {
		t.Fatalf("%d fine, %d coarse, %+v", len(fine), len(b.s.Series.Coarse.Done), fine[0])
	}
	if last := b.s.Series.Coarse.Between(noon, minute(60*31), 2); len(last) != 2 || last[1].At != minute(60*30) {
		t.Fatalf("%+v", last)
	}
}

// TestRandomReadings holds the sensor to its promise whatever a link repeats or cuts.
func TestRandomReadings(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		b := newBox(t, fridge)
		var sent []Reading
		var log []Event
		log = append(log, &Configured{At: noon, ID: fridge.ID, Sensor: fridge, Safety: safety})
		for range rapid.IntRange(1, 60).Draw(r, "steps") {
			b.now += rapid.IntRange(1, 9).Draw(r, "minutes")
			var c Command
			switch rapid.IntRange(0, 5).Draw(r, "what") {
			case 0:
				c = &command.Tick{}
			case 1:
				c = &Ack{}
			case 2:
				from := rapid.IntRange(0, len(sent)).Draw(r, "again")
				c = &Note{Readings: sent[from:]}
			default:
				x := b.reading(float64(rapid.IntRange(-3, 12).Draw(r, "value")))
				x.Suppress = rapid.SampledFrom([]string{"", "", Defrost, Door}).Draw(r, "suppress")
				x.Health = rapid.SampledFrom([]Health{"", "", "", Stuck, Absurd}).Draw(r, "health")
				sent = append(sent, x)
				c = &Note{Readings: sent[max(0, len(sent)-3):]}
			}
			was := b.s
			events, _, _ := b.try(c)
			log = append(log, events...)
			if b.s.Count != int64(10*len(sent)) {
				r.Fatalf("%d of %d readings counted", b.s.Count, 10*len(sent))
			}
			if was.Status != Resolved && b.s.Status == Resolved && (b.s.Recovered.IsZero() || was.Status != Acked && fmt.Sprintf("%T", c) != "*sensor.Ack") {
				r.Fatalf("%s became resolved by %T", was.Status, c)
			}
		}
		replayed := State{}
		for _, e := range log {
			replayed = Apply(replayed, e)
		}
		if !reflect.DeepEqual(replayed, b.s) {
			r.Fatalf("replayed\n%+v\nlive\n%+v", replayed, b.s)
		}
	})
}

func TestWorkOrderID(t *testing.T) {
	seen := map[string]bool{}
	for i := range 1000 {
		for _, s := range []string{"a", "b", "walkin-1"} {
			id := WorkOrderID(s, minute(i))
			if len(id) != 36 || id[14] != '7' || id[19] < '8' || id[19] > 'b' || seen[id] || id != WorkOrderID(s, minute(i)) {
				t.Fatal(id)
			}
			seen[id] = true
		}
	}
}

func BenchmarkNote(b *testing.B) {
	x := newBox(b, fridge)
	batch := make([]Reading, 10)
	b.ReportAllocs()
	for b.Loop() {
		for i := range batch {
			x.now++
			batch[i] = x.reading(3)
		}
		events, _, _ := Decide(x.s, &Note{Header: command.Header{At: minute(x.now)}, Readings: batch})
		for _, e := range events {
			x.s = Apply(x.s, e)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*10), "ns/reading")
}

// believes is a minute in which the box's model believes in a fault; "": in none.
func (b *box) believes(class string, confidence float64) {
	b.now++
	r := b.reading(400)
	if class != "" {
		r.Fault = &Fault{Class: class, Confidence: confidence, Evidence: []Evidence{{"vibration", 0.6}}, Model: "fused-1.0.0"}
	}
	b.note(r)
}

func TestAFaultThatIsBelievedForLongEnoughIsAnEpisode(t *testing.T) {
	motor := store.Sensor{ID: "motor-1", Name: menu.Text{EN: "Motor"}, Kind: "vibration", Asset: "walk-in", Limits: store.Limits{High: 3000, DelayMS: 60_000}}
	b := newBox(t, motor)
	for range 10 {
		b.believes("bearing", 0.9)
	}
	b.believes("", 0) // once not: it begins anew
	for range 10 {
		b.believes("bearing", 0.9)
	}
	b.believes("fan", 0.7) // so does another class
	b.is(Normal)
	for range 15 {
		b.believes("bearing", 0.9)
	}
	b.is(Normal)
	b.believes("bearing", 0.97)
	b.is(Alert)
	owed := Owes(b.s)
	if len(owed) != 1 {
		t.Fatalf("owed: %v", owed)
	}
	r := owed[0].Do.(*Report)
	if r.Why != whyFault || r.Food || r.Fault == nil || r.Fault.Class != "bearing" || r.Fault.Confidence != 0.97 || len(r.Fault.Evidence) != 1 {
		t.Errorf("report: %+v, %+v", r, r.Fault)
	}
	b.do(&Ack{Header: command.Header{By: command.Who{ID: "li"}}, Sensor: "motor-1"})
	b.believes("bearing", 0.9)
	b.is(Acked)
	if v := ViewOf(b.s); v.Fault == nil || v.Fault.Class != "bearing" {
		t.Errorf("view: %+v", v)
	}
	b.believes("", 0)
	b.believes("", 0)
	b.is(Resolved)
}

// What is predicted never stands in the way of what food needs.
func TestAPredictionIsNoEpisodeWhereFoodHangsOnIt(t *testing.T) {
	b := newBox(t, fridge)
	for range 30 {
		b.now++
		r := b.reading(3)
		r.Fault = &Fault{Class: "refrigerant", Confidence: 1, Model: "m"}
		b.note(r)
	}
	b.is(Normal)
	b.stays(11, 9, "")
	b.is(Alert)
	if r := Owes(b.s)[0].Do.(*Report); !r.Food || r.Fault != nil {
		t.Errorf("report: %+v", r)
	}
}

func TestFaultsWithoutBoundsAreRefused(t *testing.T) {
	b := newBox(t, fridge)
	for _, f := range []Fault{{}, {Class: "fan", Confidence: math.NaN()}, {Class: "fan", Confidence: 1.1}, {Class: "fan", Model: string(make([]byte, textMax+1))},
		{Class: "fan", Evidence: make([]Evidence, evidenceMax+1)}, {Class: "fan", Evidence: []Evidence{{"power", math.Inf(1)}}}} {
		r := b.reading(3)
		r.Fault = &f
		if _, _, err := b.try(&Note{Readings: []Reading{r}}); !errors.Is(err, errReading) {
			t.Errorf("%+v: %v", f, err)
		}
	}
}
