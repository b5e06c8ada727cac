package stream

import "math"

const (
	cuts     = 10   // places where a feature is tried
	shareMin = 0.01 // of the rows on either side of a cut
	unlikely = -30  // logarithm of the density of what a bell has never seen
)

// leaf is what is known of the rows that end here.
type leaf struct {
	counts  []float64 // weight of each class
	heard   float64   // weight of the rows whose values are in bells: a new leaf has counts only
	tried   float64   // weight when a split was looked for last
	looksAt []int     // features
	bells   []bell    // of each of them, one for each class
	// weight of the rows that naive Bayes, and the commonest class, were right of
	bayes, commonest float64
}

// bell is a normal distribution of the values of one feature in rows of one class, and
// their range (Pfahringer, Holmes and Kirkby, 2008).
type bell struct{ n, mean, square, min, max float64 }

func (b *bell) add(v, weight float64) {
	if b.n == 0 {
		b.min, b.max = v, v
	}
	b.min, b.max = min(b.min, v), max(b.max, v)
	b.n += weight
	d := v - b.mean
	b.mean += d * weight / b.n
	b.square += d * (v - b.mean) * weight
}

func (b *bell) deviation() float64 {
	if b.n <= 1 {
		return 0
	}
	return math.Sqrt(max(0, b.square/(b.n-1)))
}

// density is the logarithm of it at v, less what is the same for all.
func (b *bell) density(v float64) float64 {
	s := b.deviation()
	switch {
	case s > 0:
		d := (v - b.mean) / s
		return max(unlikely, -d*d/2-math.Log(s))
	case b.n > 0 && v == b.mean:
		return 0
	}
	return unlikely
}

// below is the weight of the values up to v.
func (b *bell) below(v float64) float64 {
	switch s := b.deviation(); {
	case b.n == 0 || v < b.min:
		return 0
	case v >= b.max:
		return b.n
	case s > 0:
		return b.n * 0.5 * math.Erfc((b.mean-v)/(s*math.Sqrt2))
	case v >= b.mean:
		return b.n
	}
	return 0
}

// learn adds a row; p is room for an answer.
func (l *leaf) learn(r Row, weight float64, p []float64) {
	l.shares(p)
	if top(p) == r.Class {
		l.commonest += weight
	}
	l.naive(r.X, p)
	if top(p) == r.Class {
		l.bayes += weight
	}
	l.counts[r.Class] += weight
	l.heard += weight
	for i, f := range l.looksAt {
		l.bells[i*len(l.counts)+r.Class].add(r.X[f], weight)
	}
}

// pure says that all rows are of one class: no split would tell anything.
func (l *leaf) pure() bool {
	kinds := 0
	for _, n := range l.counts {
		if n > 0 {
			kinds++
		}
	}
	return kinds < 2
}

// shares writes how common each class is.
func (l *leaf) shares(p []float64) {
	total := sum(l.counts)
	for c, n := range l.counts {
		p[c] = 1 / float64(len(p))
		if total > 0 {
			p[c] = n / total
		}
	}
}

// naive writes what Bayes's rule makes of the features, as if they were independent.
func (l *leaf) naive(x, p []float64) {
	if l.heard == 0 {
		l.shares(p)
		return
	}
	best := math.Inf(-1)
	for c, n := range l.counts {
		p[c] = math.Log(n)
		for i, f := range l.looksAt {
			p[c] += l.bells[i*len(l.counts)+c].density(x[f])
		}
		best = max(best, p[c])
	}
	for c := range p {
		p[c] = math.Exp(p[c] - best)
	}
	scale(p)
}

// scale has p add up to one.
func scale(p []float64) {
	total := sum(p)
	for c := range p {
		p[c] /= total
	}
}

// split is a place where a leaf could become two.
type split struct {
	gain      float64 // bits
	feature   int
	at        float64
	low, high []float64 // weight of each class on either side
}

// splits are the best one of any feature, and the gain of the best of another, or of none.
func (l *leaf) splits() (best split, second float64) {
	for i, f := range l.looksAt {
		s := l.cut(l.bells[i*len(l.counts):(i+1)*len(l.counts)], f)
		switch {
		case s.gain > best.gain:
			best, second = s, best.gain
		case s.gain > second:
			second = s.gain
		}
	}
	return best, second
}

// cut is the best split by one feature.
func (l *leaf) cut(bells []bell, feature int) (best split) {
	from, to := math.Inf(1), math.Inf(-1)
	seen := make([]float64, len(bells)) // of the values, which are less than the counts
	for c := range bells {
		if seen[c] = bells[c].n; seen[c] > 0 {
			from, to = min(from, bells[c].min), max(to, bells[c].max)
		}
	}
	total, whole := sum(seen), entropy(seen)
	low, high := make([]float64, len(bells)), make([]float64, len(bells))
	for k := 1; k <= cuts && to > from; k++ {
		at := from + (to-from)*float64(k)/(cuts+1)
		for c := range bells {
			low[c] = bells[c].below(at)
			high[c] = seen[c] - low[c]
		}
		share := sum(low) / total
		if share < shareMin || share > 1-shareMin {
			continue
		}
		if gain := whole - share*entropy(low) - (1-share)*entropy(high); gain > best.gain {
			best = split{gain, feature, at, append([]float64(nil), low...), append([]float64(nil), high...)}
		}
	}
	return best
}

// entropy of classes of such weights, bits.
func entropy(weights []float64) (bits float64) {
	total := sum(weights)
	for _, w := range weights {
		if w > 0 {
			bits -= w / total * math.Log2(w/total)
		}
	}
	return bits
}

func top(p []float64) (best int) {
	for c, v := range p {
		if v > p[best] {
			best = c
		}
	}
	return best
}
