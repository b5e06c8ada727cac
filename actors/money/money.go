// Package money is exact arithmetic on minor units: rounding, and dividing a sum so
// that its parts add up to it again. There are no floats.
package money

import (
	"cmp"
	"math/bits"
	"slices"
)

// Rounding says what becomes of a fraction of a minor unit.
type Rounding string

const (
	HalfUp   Rounding = "half_up"
	HalfEven Rounding = "half_even"
	Down     Rounding = "down" // toward zero
	Up       Rounding = "up"   // away from zero
)

// Known says that r is one of the roundings above.
func (r Rounding) Known() bool { return r == HalfUp || r == HalfEven || r == Down || r == Up }

// MulDiv returns a × b / den rounded, with a 128-bit product; den > 0. Halves are
// judged by magnitude: half_up takes −2.5 to −3.
func MulDiv(a, b, den int64, r Rounding) int64 {
	neg := (a < 0) != (b < 0)
	hi, lo := bits.Mul64(magnitude(a), magnitude(b))
	q, rem := bits.Div64(hi, lo, uint64(den)) // panics only when the quotient does not fit: amounts are bounded far below
	if rem != 0 && roundsUp(q, rem, uint64(den), r) {
		q++
	}
	if neg {
		return -int64(q)
	}
	return int64(q)
}

func roundsUp(q, rem, den uint64, r Rounding) bool {
	half := cmp.Compare(rem, den-rem)
	switch r {
	case Up:
		return true
	case Down:
		return false
	case HalfEven:
		return half > 0 || half == 0 && q&1 == 1
	}
	return half >= 0
}

func magnitude(a int64) uint64 {
	if a < 0 {
		return -uint64(a)
	}
	return uint64(a)
}

// BP returns rate basis points of amount.
func BP(amount, rate int64, r Rounding) int64 { return MulDiv(amount, rate, 10_000, r) }

// Apportion divides total in proportion to weights, none negative, by largest
// remainder (Hamilton's method); equal remainders go to the later part. The parts
// sum to total. With all weights zero, everything goes to the last part.
func Apportion(total int64, weights []int64) []int64 {
	parts := make([]int64, len(weights))
	if len(weights) == 0 {
		return parts
	}
	var sum int64
	for _, w := range weights {
		sum += w
	}
	if sum == 0 {
		parts[len(parts)-1] = total
		return parts
	}
	sign := int64(1)
	if total < 0 {
		sign, total = -1, -total
	}
	type rest struct {
		i   int
		rem uint64
	}
	rests := make([]rest, len(weights))
	left := total
	for i, w := range weights {
		hi, lo := bits.Mul64(uint64(total), uint64(w))
		q, rem := bits.Div64(hi, lo, uint64(sum))
		parts[i], rests[i] = int64(q), rest{i, rem}
		left -= int64(q)
	}
	slices.SortFunc(rests, func(a, b rest) int {
		return cmp.Or(cmp.Compare(b.rem, a.rem), cmp.Compare(b.i, a.i))
	})
	for i := range left {
		parts[rests[i].i]++
	}
	for i := range parts {
		parts[i] *= sign
	}
	return parts
}

// Even divides total into n equal parts; the remainder goes to the last.
func Even(total int64, n int) []int64 {
	parts := make([]int64, n)
	each := total / int64(n)
	for i := range parts {
		parts[i] = each
	}
	parts[n-1] += total - each*int64(n)
	return parts
}
