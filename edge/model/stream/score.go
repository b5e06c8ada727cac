package stream

import (
	"cmp"
	"math"
	"slices"
)

// Learner reads rows, and learns them.
type Learner interface {
	Read(x, p []float64)
	Learn(r Row)
}

// Score is how a learner did on rows that it read before it learnt them (prequential
// evaluation; Gama, Sebastião and Rodrigues, 2013).
type Score struct {
	Accuracy float64
	// AUC is the area under the receiver's curve of class 1 of two, over all rows, and in the
	// worst window of rows that do not overlap; NaN where there are other classes.
	AUC, WorstAUC float64
	Right         []bool
}

// Test has a learner read and learn rows of a shape, one after the other.
func Test(l Learner, s Shape, rows []Row, window int) Score {
	score := Score{AUC: math.NaN(), WorstAUC: math.NaN()}
	p, says := make([]float64, s.Classes), make([]float64, len(rows))
	for i, r := range rows {
		l.Read(r.X, p)
		says[i] = p[1]
		right := top(p) == r.Class
		score.Right = append(score.Right, right)
		if right {
			score.Accuracy += 1 / float64(len(rows))
		}
		l.Learn(r)
	}
	if s.Classes > 2 {
		return score
	}
	score.AUC = area(says, rows)
	for at := 0; at+window <= len(rows); at += window {
		if a := area(says[at:at+window], rows[at:at+window]); !(a >= score.WorstAUC) && !math.IsNaN(a) {
			score.WorstAUC = a
		}
	}
	return score
}

// area is how often a row of class 1 is said to be likelier to be one than a row of class 0
// is, ties as a half: the area under the receiver's curve (Mann and Whitney). NaN where one
// of the classes is not there.
func area(says []float64, rows []Row) float64 {
	order := make([]int, len(rows))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(says[a], says[b]) })
	ones, ranks := 0.0, 0.0
	for from := 0; from < len(order); {
		to := from
		for to < len(order) && says[order[to]] == says[order[from]] {
			to++
		}
		for _, i := range order[from:to] {
			if rows[i].Class == 1 {
				ones, ranks = ones+1, ranks+float64(from+to+1)/2
			}
		}
		from = to
	}
	zeros := float64(len(rows)) - ones
	if ones == 0 || zeros == 0 {
		return math.NaN()
	}
	return (ranks - ones*(ones+1)/2) / (ones * zeros)
}
