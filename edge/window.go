package edge

import (
	"hash/crc32"
	"math"
	"time"

	"github.com/brigata/brigata/actors/sensor"
	"github.com/brigata/brigata/actors/store"
)

const (
	// windowMax bounds the readings of one window.
	windowMax = 1000
	// stuckAfter is how long a temperature may be the same to the digit.
	stuckAfter = 30 * time.Minute
	stuckMin   = 30 // readings
	// deviceMissing is how long a device may be silent before the box says so.
	deviceMissing = 5 * time.Minute
)

// twin is what the box knows of one sensor. It belongs to the pipeline's goroutine.
type twin struct {
	set   store.Sensor
	state sensor.State // by the same rules as in the cell

	boot, seq int64    // the last that was taken
	early     []early  // that wait for readings before them
	onDisk    [2]int64 // boot and seq of the last that was sent
	open      sensor.Reading
	sum       float64
	raw       []*batch  // done when the window is on disk
	since     time.Time // by the box's clock: of the window
	burst     []float64
	defrost   bool

	heard   time.Time // by the box's clock
	missing bool
	same    float64 // the value that has not changed
	sameAt  time.Time
	sameN   int
	history history

	now      float64 // the last value
	suppress string  // what hid a limit then
}

// skipped is how many numbers are missing before a reading; of a box that has just
// started, nobody knows.
func (t *twin) skipped(s *sample) int64 {
	switch t.boot {
	case 0:
		return 0
	case s.boot:
		return s.seq - t.seq - 1
	}
	return s.seq - 1
}

// leave is done with what is under way: nobody wants it any more.
func (t *twin) leave() {
	for _, b := range t.raw {
		b.left--
	}
	for _, e := range t.early {
		e.in.left--
	}
}

// back forgets what is in the open window: its messages come again.
func (t *twin) back() {
	t.open, t.raw, t.early = sensor.Reading{}, nil, nil
	t.boot, t.seq = t.onDisk[0], t.onDisk[1]
}

// ends says that the reading belongs to another window than the one that is open.
func (t *twin) ends(s *sample, window time.Duration) bool {
	return t.open.N > 0 && (s.boot != t.open.Boot || t.open.N >= windowMax || s.health != health(t.open.Health) ||
		s.defrost != t.defrost || !t.begin(s.at, window).Equal(t.begin(t.open.From, window)))
}

// begin is when a time's window began: each sensor's at another time, so that a node is not
// given those of a whole store at once.
func (t *twin) begin(at time.Time, window time.Duration) time.Time {
	return at.Add(time.Duration(crc32.ChecksumIEEE([]byte(t.set.ID))) * time.Microsecond % window).Truncate(window)
}

func health(h sensor.Health) sensor.Health {
	if h == "" || h == sensor.Stuck {
		return sensor.OK
	}
	return h
}

// take adds a reading to the open window.
func (t *twin) take(s *sample, skipped int64, suppress string, now time.Time) {
	t.boot, t.seq, t.heard, t.missing = s.boot, s.seq, now, false
	t.now, t.suppress = s.value, suppress
	o := &t.open
	if o.N == 0 {
		*o = sensor.Reading{Boot: s.boot, First: s.seq, From: s.at, Min: s.value, Max: s.value}
		if s.health != sensor.OK {
			o.Health = s.health
		}
		t.sum, t.since, t.defrost = 0, now, s.defrost
	}
	if s.at.Before(o.From) {
		o.From = s.at
	}
	if s.at.After(o.At) {
		o.At = s.at
	}
	o.Last, o.Value, o.Suppress = s.seq, s.value, suppress
	o.Lost += skipped
	o.N++
	o.Min, o.Max = min(o.Min, s.value), max(o.Max, s.value)
	t.sum += s.value
	if s.features != nil {
		t.burst = s.features
	}
	if s.health != sensor.Absurd {
		t.unchanged(s)
		t.history.add(s.at.Unix()/60, s.value)
	}
}

// unchanged notes for how long the value has been the same.
func (t *twin) unchanged(s *sample) {
	if t.sameN == 0 || s.value != t.same {
		t.same, t.sameAt, t.sameN = s.value, s.at, 0
	}
	t.sameN++
	if t.set.Kind == "temperature" && t.sameN >= stuckMin && s.at.Sub(t.sameAt) >= stuckAfter && t.open.Health == "" {
		t.open.Health = sensor.Stuck
	}
}

// close sums the window up, with what judge makes of it, and begins a new one.
func (t *twin) close(judge func(w *Window, at time.Time) Verdict) (sensor.Reading, []*batch) {
	r, raw := t.open, t.raw
	t.open, t.raw = sensor.Reading{}, nil
	r.Avg = t.sum / float64(r.N)
	w := &Window{Set: t.set, Avg: r.Avg, Suppress: r.Suppress, Slope: t.history.slope(30), Minutes: t.history.n, Burst: t.burst}
	switch t.set.Kind {
	case "temperature":
		w.PullDown, w.Duty = t.history.pullDown(), t.history.falling()
		r.Features = []float64{w.Slope, w.PullDown, w.Duty}
	case "power":
		w.Duty = t.history.above()
		r.Features = []float64{w.Slope, w.Duty}
	default:
		r.Features = t.burst
	}
	if r.Health != sensor.Absurd {
		v := judge(w, r.At)
		r.Score, r.Class, r.UnsafeMS, r.Fault = v.Score, v.Class, v.Unsafe.Milliseconds(), v.Fault
	}
	for i, x := range r.Features {
		r.Features[i] = float64(float32(x))
	}
	r.Avg = math.Round(r.Avg*1000) / 1000
	r.From, r.At = r.From.UTC().Truncate(time.Millisecond), r.At.UTC().Truncate(time.Millisecond)
	return r, raw
}
