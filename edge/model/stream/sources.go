package stream

import "math/rand/v2"

// Source draws the next row of a stream under one of several truths. The streams are those
// that the literature compares learners on.
type Source struct {
	Name string
	Shape
	Draw   func(r *rand.Rand, truth int) Row
	Truths int
}

// Sources are all of them.
var Sources = []Source{
	{"SEA", Shape{3, 2}, sea, 4},
	{"LED", Shape{24, 10}, led, 4},
	{"Agrawal", Shape{9, 2}, agrawal, 4},
}

// sea is of Street and Kim (2001): two of three numbers add up to more than a threshold; a
// tenth of the classes is wrong.
func sea(r *rand.Rand, truth int) Row {
	x := []float64{10 * r.Float64(), 10 * r.Float64(), 10 * r.Float64()}
	class := 0
	if x[0]+x[1] > []float64{8, 9, 7, 9.5}[truth] {
		class = 1
	}
	if r.Float64() < 0.1 {
		class = 1 - class
	}
	return Row{x, class}
}

// segments of a digit's display.
var segments = [10]int{0b1110111, 0b0100100, 0b1011101, 0b1101101, 0b0101110, 0b1101011, 0b1111011, 0b0100101, 0b1111111, 0b1101111}

// led is of Breiman et al. (1984): the seven segments of a digit, each wrong once in ten,
// among 17 that mean nothing. Another truth has other columns for the segments.
func led(r *rand.Rand, truth int) Row {
	digit, x := r.IntN(10), make([]float64, 24)
	for i := range x {
		on := r.IntN(2)
		if i < 7 {
			on = segments[digit] >> i & 1
			if r.Float64() < 0.1 {
				on = 1 - on
			}
		}
		x[(i+7*truth)%len(x)] = float64(on)
	}
	return Row{x, digit}
}

// agrawal is of Agrawal, Imielinski and Swami (1993): who is given a loan, by the first
// three of their rules and the seventh.
func agrawal(r *rand.Rand, truth int) Row {
	between := func(a, b float64) float64 { return a + (b-a)*r.Float64() }
	salary, commission, age := between(20e3, 150e3), 0.0, float64(20+r.IntN(61))
	if salary < 75e3 {
		commission = between(10e3, 75e3)
	}
	school, car, zip := float64(r.IntN(5)), float64(1+r.IntN(20)), float64(r.IntN(9))
	house, years, loan := (9-zip)*1e5*between(0.5, 1.5), float64(1+r.IntN(30)), between(0, 500e3)
	third := 0 // of the ages
	if age >= 40 {
		third++
	}
	if age >= 60 {
		third++
	}
	in := func(v float64, ranges [3][2]float64) bool { return v >= ranges[third][0] && v <= ranges[third][1] }
	given := false
	switch truth {
	case 0:
		given = third != 1
	case 1:
		given = in(salary, [3][2]float64{{50e3, 100e3}, {75e3, 125e3}, {25e3, 75e3}})
	case 2:
		given = in(school, [3][2]float64{{0, 1}, {1, 3}, {2, 4}})
	default:
		given = 2*(salary+commission)/3-loan/5-20e3 > 0
	}
	class := 1
	if given {
		class = 0
	}
	return Row{[]float64{salary, commission, age, school, car, zip, house, years, loan}, class}
}

// Changing draws n rows whose truth becomes the next after each quarter of them.
func (s *Source) Changing(seed uint64, n int) []Row {
	r := rand.New(rand.NewPCG(seed, 23))
	rows := make([]Row, n)
	for i := range rows {
		rows[i] = s.Draw(r, i*s.Truths/n)
	}
	return rows
}
