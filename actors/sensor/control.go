package sensor

import "time"

// Standards by which time stands in for temperature, as a store's document names them.
const (
	FDA   = "fda"   // Food Code 3-501.19: 4 h from the start, or 6 h if it began at or below 5 °C and never passed 21 °C
	FSANZ = "fsanz" // Standard 3.2.2: time between 5 and 60 °C adds up: under 2 h keep, under 4 h use now, then discard
)

// Standards lists them; "" is none.
var Standards = []string{"", FDA, FSANZ}

const (
	coldMax, fdaWarmMax, hotMin = 5.0, 21.0, 60.0 // °C
	// gapMax is the longest step that counts: what was not measured is not known.
	gapMax = 15 * time.Minute
)

// Control adds up how long food was neither cold nor hot.
type Control struct {
	Since  time.Time // it first was
	SumMS  int64     // between 5 and 60 °C
	Warmed bool      // it passed 21 °C
	Cold   bool      // it was at or below 5 °C before
}

func (c Control) add(standard string, before, at time.Time, v float64) Control {
	if standard == "" {
		return c
	}
	if v <= coldMax {
		c.Cold = c.Cold || c.Since.IsZero()
		return c
	}
	if v > fdaWarmMax {
		c.Warmed = true
	}
	if v >= hotMin {
		return c
	}
	if c.Since.IsZero() {
		c.Since = at
		return c
	}
	if d := at.Sub(before); d > 0 && d <= gapMax {
		c.SumMS += d.Milliseconds()
	}
	return c
}

// ControlView is how much time is left by the store's standard.
type ControlView struct {
	Standard  string    `json:"standard"`
	Since     time.Time `json:"since"`
	ElapsedMS int64     `json:"elapsed_ms,omitzero"` // fsanz: the sum
	DiscardAt time.Time `json:"discard_at,omitzero"`
	Verdict   string    `json:"verdict"` // ok, use_now, discard; fda: timed until discard_at
}

func (c Control) view(standard string) *ControlView {
	if standard == "" || c.Since.IsZero() {
		return nil
	}
	v := &ControlView{Standard: standard, Since: c.Since}
	if standard == FDA {
		allowed := 4 * time.Hour
		if c.Cold && !c.Warmed {
			allowed = 6 * time.Hour
		}
		v.DiscardAt, v.Verdict = c.Since.Add(allowed), "timed"
		return v
	}
	v.ElapsedMS = c.SumMS
	switch d := time.Duration(c.SumMS) * time.Millisecond; {
	case d < 2*time.Hour:
		v.Verdict = "ok"
	case d <= 4*time.Hour:
		v.Verdict = "use_now"
	default:
		v.Verdict = "discard"
	}
	return v
}
