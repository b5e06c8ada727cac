// Package drift notices that a stream of numbers is not what it was: ADWIN, the adaptive
// window of Bifet and Gavaldà (2007), as an exponential histogram.
//
// Its promise: memory and time grow with the logarithm of the window. The box uses it to
// say that a model's confidence has changed, the trainer to say when to train again.
package drift

import "math"

const (
	sizeMax  = 5  // buckets of one size
	every    = 32 // numbers between checks
	widthMin = 10 // below it nothing is checked
	partMin  = 5  // of each part of a cut
	rowsMax  = 48 // sizes: 2^48 numbers are more than there will be
)

// Dialect says how far a check goes back; both are in use under the name of river's ADWIN.
type Dialect int

const (
	// Whole tries every cut between buckets: river since 0.9, and what the definition says.
	Whole Dialect = iota
	// Short leaves the newest bucket of each size out, as river did before.
	Short
)

// ADWIN is a window of the newest numbers that look alike. New makes one.
type ADWIN struct {
	delta   float64
	dialect Dialect
	rows    []row // by the logarithm of their buckets' size
	width   int
	total   float64
	spread  float64 // sum of the squared deviations
	ticks   int
}

// row is the buckets of one size, oldest first.
type row struct {
	n     int
	total [sizeMax + 1]float64
	dev   [sizeMax + 1]float64
}

// New makes an empty window that cuts falsely with a probability of about delta.
func New(delta float64, d Dialect) *ADWIN {
	return &ADWIN{delta: delta, dialect: d, rows: make([]row, 1)}
}

// Width is how many numbers the window has.
func (a *ADWIN) Width() int { return a.width }

// Mean of the window.
func (a *ADWIN) Mean() float64 { return a.total / math.Max(1, float64(a.width)) }

// Add takes the next number, and says whether older ones were dropped because they are
// no longer like the newest.
func (a *ADWIN) Add(v float64) (changed bool) {
	if a.width > 0 {
		n := float64(a.width)
		d := v - a.total/n
		a.spread += n * d * d / (n + 1)
	}
	a.rows[0].push(v, 0)
	a.width++
	a.total += v
	a.compress()
	if a.ticks++; a.ticks%every != 0 || a.width <= widthMin {
		return false
	}
	for a.cut() {
		changed = true
	}
	return changed
}

func (r *row) push(total, dev float64) {
	r.total[r.n], r.dev[r.n] = total, dev
	r.n++
}

// drop takes the oldest away.
func (r *row) drop(n int) {
	copy(r.total[:], r.total[n:r.n])
	copy(r.dev[:], r.dev[n:r.n])
	r.n -= n
}

// compress joins the two oldest of a size into one of the next where there are too many.
func (a *ADWIN) compress() {
	for i := 0; i < len(a.rows) && a.rows[i].n > sizeMax; i++ {
		if i+1 == len(a.rows) {
			if i+1 == rowsMax {
				a.oldest()
				return
			}
			a.rows = append(a.rows, row{})
		}
		r, n := &a.rows[i], math.Ldexp(1, i)
		d := (r.total[0] - r.total[1]) / n
		a.rows[i+1].push(r.total[0]+r.total[1], r.dev[0]+r.dev[1]+n/2*d*d)
		r.drop(2)
	}
}

// cut looks for a place where the means of both sides differ by more than chance makes
// likely, and if there is one, drops the oldest bucket.
func (a *ADWIN) cut() bool {
	n0, u0 := 0.0, 0.0
	n1, u1 := float64(a.width), a.total
	for i := len(a.rows) - 1; i >= 0; i-- {
		r, size := &a.rows[i], math.Ldexp(1, i)
		last := r.n
		if a.dialect == Short {
			last--
		}
		for k := range max(0, last) {
			n0, u0, n1, u1 = n0+size, u0+r.total[k], n1-size, u1-r.total[k]
			if n0 >= partMin && n1 >= partMin && math.Abs(u0/n0-u1/n1) > a.bound(n0, n1) {
				a.oldest()
				return true
			}
		}
	}
	return false
}

// bound is how much the means of two parts may differ.
func (a *ADWIN) bound(n0, n1 float64) float64 {
	w := float64(a.width)
	prime := math.Log(2 * math.Log(w) / a.delta)
	m := 1/(n0-partMin+1) + 1/(n1-partMin+1)
	return math.Sqrt(2*m*a.spread/w*prime) + 2.0/3*prime*m
}

// oldest drops the oldest bucket.
func (a *ADWIN) oldest() {
	i := len(a.rows) - 1
	r, n := &a.rows[i], math.Ldexp(1, i)
	a.width -= int(n)
	a.total -= r.total[0]
	mean := r.total[0] / n
	d := mean - a.total/math.Max(1, float64(a.width))
	a.spread = math.Max(0, a.spread-r.dev[0]-n*float64(a.width)*d*d/(n+float64(a.width)))
	r.drop(1)
	for i > 0 && a.rows[i].n == 0 {
		a.rows = a.rows[:i]
		i--
	}
}
