package sensor

import "time"

// Bucket sums up the readings of a stretch of time that begins At.
type Bucket struct {
	At  time.Time `json:"at"`
	Min float64   `json:"min"`
	Max float64   `json:"max"`
	Sum float64   `json:"sum"` // of values weighted by N
	N   int64     `json:"n"`
}

// Avg is the mean of the bucket's readings.
func (b *Bucket) Avg() float64 { return b.Sum / float64(max(1, b.N)) }

// Series is what a sensor has measured, ever coarser: 5 minutes for a day, an hour for
// a month. Buckets that are done never change, so states share them.
type Series struct {
	Fine   Track
	Coarse Track
}

// Track is one resolution of a series.
type Track struct {
	Done []Bucket // oldest first
	Open Bucket   // N 0: none
}

const (
	FineStep   = 5 * time.Minute
	CoarseStep = time.Hour
	fineMax    = 288
	coarseMax  = 31 * 24
)

func (s Series) add(at time.Time, lo, hi, avg float64, n int64) Series {
	s.Fine = s.Fine.add(FineStep, fineMax, at, lo, hi, avg, n)
	s.Coarse = s.Coarse.add(CoarseStep, coarseMax, at, lo, hi, avg, n)
	return s
}

func (t Track) add(step time.Duration, most int, at time.Time, lo, hi, avg float64, n int64) Track {
	start := at.Truncate(step)
	if t.Open.N > 0 && start.After(t.Open.At) {
		keep := t.Done
		if over := len(keep) + 1 - most; over > 0 {
			keep = keep[over:]
		}
		t.Done = append(append(make([]Bucket, 0, len(keep)+1), keep...), t.Open)
		t.Open = Bucket{}
	}
	if t.Open.N == 0 {
		t.Open = Bucket{At: start, Min: lo, Max: hi}
	}
	t.Open.Min, t.Open.Max = min(t.Open.Min, lo), max(t.Open.Max, hi)
	t.Open.Sum += avg * float64(n)
	t.Open.N += n
	return t
}

// Between returns the buckets that begin from ≤ at < to, oldest first, at most so many
// of the newest.
func (t Track) Between(from, to time.Time, most int) (list []Bucket) {
	for _, b := range t.Done {
		if !b.At.Before(from) && b.At.Before(to) {
			list = append(list, b)
		}
	}
	if b := t.Open; b.N > 0 && !b.At.Before(from) && b.At.Before(to) {
		list = append(list, b)
	}
	return list[max(0, len(list)-most):]
}

// Preview answers a query.
func Preview(s State, q *Query) (*SeriesReply, error) {
	if !s.Exists {
		return nil, ErrUnknown
	}
	to := q.To
	if to.IsZero() {
		to = q.At.Add(aheadMax)
	}
	step, track := FineStep, s.Series.Fine
	switch coarse := !q.From.IsZero() && to.Sub(q.From) > fineMax*FineStep; {
	case q.StepMS == CoarseStep.Milliseconds(), q.StepMS == 0 && coarse:
		step, track = CoarseStep, s.Series.Coarse
	case q.StepMS != 0 && q.StepMS != FineStep.Milliseconds():
		return nil, errStep
	}
	r := &SeriesReply{Unit: Unit(s.Set.Kind), StepMS: step.Milliseconds(), Items: []Point{}}
	for _, b := range track.Between(q.From, to, coarseMax+1) {
		r.Items = append(r.Items, Point{b.At, b.Min, b.Max, b.Avg(), b.N})
	}
	return r, nil
}
