package sensor

import (
	"testing"
	"time"

	"github.com/brigata/brigata/actors/command"
)

// says gives the sensor a value so long after noon.
func (b *box) says(after time.Duration, v float64) []Event {
	b.t.Helper()
	r := b.reading(v)
	r.At = noon.Add(after)
	r.From = r.At
	return b.do(&Note{Header: command.Header{At: r.At}, Readings: []Reading{r}})
}

// excursions takes the food out of the cold for each of these whiles, with a quarter of
// an hour in the cold between them.
func (b *box) excursions(v float64, whiles ...time.Duration) {
	b.t.Helper()
	at := time.Duration(0)
	for _, d := range whiles {
		b.says(at, coldMax)
		for end := at + d; ; {
			b.says(at, v)
			if at == end {
				break
			}
			at = min(at+gapMax, end)
		}
		at += 15 * time.Minute
		b.says(at, coldMax)
	}
}

// Standard 3.2.2: below two hours food may go back into the cold, up to four it is to be
// used now, above it is to be thrown away, and the whiles add up.
func TestCumulativeTimeAtItsBounds(t *testing.T) {
	const ms = time.Millisecond
	for name, c := range map[string]struct {
		whiles  []time.Duration
		verdict string
	}{
		"just below 2 h":      {[]time.Duration{2*time.Hour - ms}, "ok"},
		"2 h":                 {[]time.Duration{2 * time.Hour}, "use_now"},
		"just above 2 h":      {[]time.Duration{2*time.Hour + ms}, "use_now"},
		"just below 4 h":      {[]time.Duration{4*time.Hour - ms}, "use_now"},
		"4 h":                 {[]time.Duration{4 * time.Hour}, "use_now"},
		"just above 4 h":      {[]time.Duration{4*time.Hour + ms}, "discard"},
		"two, just below 2 h": {[]time.Duration{time.Hour, time.Hour - ms}, "ok"},
		"two, 2 h":            {[]time.Duration{time.Hour, time.Hour}, "use_now"},
		"four, 4 h":           {[]time.Duration{time.Hour, 90 * time.Minute, 30 * time.Minute, time.Hour}, "use_now"},
		"four, above 4 h":     {[]time.Duration{time.Hour, 90 * time.Minute, 30 * time.Minute, time.Hour + ms}, "discard"},
	} {
		b, sum := newBox(t, fridge), time.Duration(0)
		b.excursions(8, c.whiles...)
		for _, d := range c.whiles {
			sum += d
		}
		if v := ViewOf(b.s).Control; v.Verdict != c.verdict || v.ElapsedMS != sum.Milliseconds() {
			t.Errorf("%s: %+v", name, v)
		}
	}
}

// What is cold or hot does not count, nor what nobody has measured.
func TestWhatCountsAsNeitherColdNorHot(t *testing.T) {
	for _, c := range []struct {
		name  string
		v     float64
		step  time.Duration
		count time.Duration
	}{
		{"at 5 °C", 5, time.Minute, 0},
		{"above 5 °C", 5.01, time.Minute, time.Minute},
		{"below 60 °C", 59.99, time.Minute, time.Minute},
		{"at 60 °C", 60, time.Minute, 0},
		{"the longest step", 8, gapMax, gapMax},
		{"a longer one", 8, gapMax + time.Millisecond, 0},
	} {
		b := newBox(t, fridge)
		b.says(0, c.v)
		b.says(c.step, c.v)
		if got := b.s.Control.SumMS; got != c.count.Milliseconds() {
			t.Errorf("%s: %d ms", c.name, got)
		}
	}
}

// Food Code 3-501.19: six hours for what began at 5 °C or colder and never passed 21 °C,
// four for the rest, from when it left the cold.
func TestTimedHoldingAtItsBounds(t *testing.T) {
	timed := fridge
	timed.Control = FDA
	for name, c := range map[string]struct {
		values  []float64 // a minute apart
		allowed time.Duration
		since   int // index of the value that begins it
	}{
		"began at 5 °C":              {[]float64{5, 5.01, 12}, 6 * time.Hour, 1},
		"began above 5 °C":           {[]float64{5.01, 12}, 4 * time.Hour, 0},
		"reached 21 °C":              {[]float64{5, 12, 21}, 6 * time.Hour, 1},
		"passed 21 °C":               {[]float64{5, 12, 21.01}, 4 * time.Hour, 1},
		"passed it, and came back":   {[]float64{5, 12, 21.01, 12, 5, 12}, 4 * time.Hour, 1},
		"was cold, but only later":   {[]float64{12, 5, 12}, 4 * time.Hour, 0},
		"was cold again: no new six": {[]float64{5, 12, 5, 12}, 6 * time.Hour, 1},
	} {
		b := newBox(t, timed)
		for i, v := range c.values {
			b.says(time.Duration(i)*time.Minute, v)
		}
		v := ViewOf(b.s).Control
		if since := minute(c.since); v.Since != since || v.DiscardAt != since.Add(c.allowed) || v.Verdict != "timed" {
			t.Errorf("%s: %+v", name, v)
		}
	}
	b := newBox(t, timed)
	b.says(0, 5)
	if v := ViewOf(b.s).Control; v != nil {
		t.Errorf("cold: %+v", v)
	}
	b = newBox(t, timed)
	b.s.Set.Control = ""
	b.excursions(8, 5*time.Hour)
	if v := ViewOf(b.s).Control; v != nil {
		t.Errorf("without a standard: %+v", v)
	}
}

// A limit is passed above it, and an alert comes when it has been for the delay.
func TestAlertAtItsBounds(t *testing.T) {
	const ms = time.Millisecond
	delay := time.Duration(fridge.Limits.DelayMS) * ms
	for _, c := range []struct {
		name  string
		v     float64
		lasts time.Duration
		want  Status
	}{
		{"at the limit", 5, delay, Normal},
		{"at the lower limit", -1, delay, Normal},
		{"above, not for long enough", 5.01, delay - ms, Suspect},
		{"above, for the delay", 5.01, delay, Alert},
		{"below, for the delay", -1.01, delay, Alert},
	} {
		b := newBox(t, fridge)
		b.says(0, c.v)
		b.says(c.lasts, c.v)
		if b.s.Status != c.want {
			t.Errorf("%s: %s", c.name, b.s.Status)
		}
	}
	b := newBox(t, fridge) // nothing more is heard: time alone brings it
	b.says(0, 9)
	b.do(&command.Tick{Header: command.Header{At: noon.Add(delay - ms)}})
	b.is(Suspect)
	b.do(&command.Tick{Header: command.Header{At: noon.Add(delay)}})
	b.is(Alert)
	b.do(&command.Tick{Header: command.Header{At: noon.Add(delay + escalateAfter - ms)}})
	b.is(Alert)
	b.do(&command.Tick{Header: command.Header{At: noon.Add(delay + escalateAfter)}})
	b.is(Escalated)
}

// A link that was down for hours brings readings in parts: between two of them the clock on
// the wall says nothing of how long a limit was passed.
func TestLateReadingsAreNoLongerExcursion(t *testing.T) {
	late := func(b *box, after time.Duration, v float64) {
		r := b.reading(v)
		r.At = noon.Add(after)
		r.From = r.At
		b.do(&Note{Header: command.Header{At: noon.Add(4 * time.Hour)}, Readings: []Reading{r}})
	}
	tick := func(b *box, after time.Duration) {
		b.do(&command.Tick{Header: command.Header{At: noon.Add(4*time.Hour + after)}})
	}
	b := newBox(t, fridge)
	late(b, 0, 9)
	late(b, 2*time.Minute, 9)
	tick(b, time.Minute)
	b.is(Suspect)
	late(b, 3*time.Minute, 3) // a door
	b.is(Normal)
	late(b, 4*time.Minute, 9)
	late(b, 14*time.Minute, 9)
	b.is(Alert)
	if b.s.AlertAt != minute(14) {
		t.Errorf("alert at %v", b.s.AlertAt)
	}
	b = newBox(t, fridge) // and where nothing follows
	late(b, 0, 9)
	late(b, 2*time.Minute, 9)
	tick(b, 8*time.Minute-time.Millisecond)
	b.is(Suspect)
	if due := Due(b.s); due != noon.Add(4*time.Hour+8*time.Minute) {
		t.Errorf("due at %v", due)
	}
	tick(b, 8*time.Minute)
	b.is(Alert)
}

// A value that is back ends nothing by itself, however long it stays; nor does the
// acknowledgement before it is back.
func TestNothingEndsByItself(t *testing.T) {
	b := newBox(t, fridge)
	b.stays(12, 9, "")
	order := b.s.WorkOrder
	b.stays(24*60, 3, "")
	b.do(&command.Tick{})
	b.is(Escalated)
	if b.s.Recovered.IsZero() || b.s.WorkOrder != order {
		t.Fatalf("%+v", b.s)
	}
	if v := ViewOf(b.s); v.WorkOrder != order || !v.HoldAt.IsZero() {
		t.Errorf("its clocks are not stopped: %+v", v)
	}
	b.do(&Ack{})
	b.is(Resolved)
}
