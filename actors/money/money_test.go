package money_test

import (
	"math/big"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/brigata/brigata/actors/money"
)

func TestMulDiv(t *testing.T) {
	for _, tt := range []struct {
		a, b, den int64
		r         money.Rounding
		want      int64
	}{
		{5, 1, 2, money.HalfUp, 3}, {5, 1, 2, money.HalfEven, 2}, {7, 1, 2, money.HalfEven, 4}, {5, 1, 2, money.Down, 2}, {5, 1, 2, money.Up, 3},
		{-5, 1, 2, money.HalfUp, -3}, {-5, 1, 2, money.Down, -2}, {-7, 1, 3, money.Up, -3}, {6, 1, 3, money.Up, 2},
		{14800, 600, 10600, money.HalfUp, 838}, {1 << 60, 1 << 40, 1 << 50, money.Down, 1 << 50},
	} {
		if got := money.MulDiv(tt.a, tt.b, tt.den, tt.r); got != tt.want {
			t.Errorf("MulDiv(%d, %d, %d, %s) = %d, want %d", tt.a, tt.b, tt.den, tt.r, got, tt.want)
		}
	}
}

func TestMulDivAgainstBig(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Int64Range(-1e12, 1e12).Draw(t, "a"), rapid.Int64Range(0, 1e6).Draw(t, "b")
		den := rapid.Int64Range(1, 1e7).Draw(t, "den")
		r := rapid.SampledFrom([]money.Rounding{money.HalfUp, money.HalfEven, money.Down, money.Up}).Draw(t, "r")
		got := money.MulDiv(a, b, den, r)
		product := new(big.Int).Mul(big.NewInt(a), big.NewInt(b))
		diff := new(big.Int).Sub(product, new(big.Int).Mul(big.NewInt(got), big.NewInt(den)))
		twice := new(big.Int).Abs(new(big.Int).Mul(diff, big.NewInt(2)))
		switch c := twice.Cmp(big.NewInt(den)); {
		case (r == money.HalfUp || r == money.HalfEven) && c > 0:
			t.Fatalf("off by more than a half: %d", got)
		case new(big.Int).Abs(diff).Cmp(big.NewInt(den)) >= 0:
			t.Fatalf("off by one or more: %d", got)
		}
	})
}

func TestApportion(t *testing.T) {
	for _, tt := range []struct {
		total   int64
		weights []int64
		want    []int64
	}{
		{100, []int64{1, 1, 1}, []int64{33, 33, 34}},
		{10, []int64{5, 3, 2}, []int64{5, 3, 2}},
		{-100, []int64{1, 1, 1}, []int64{-33, -33, -34}},
		{7, []int64{0, 0}, []int64{0, 7}},
		{1, []int64{0, 9, 1}, []int64{0, 1, 0}},
		{0, nil, []int64{}},
	} {
		if got := money.Apportion(tt.total, tt.weights); !slices.Equal(got, tt.want) {
			t.Errorf("Apportion(%d, %v) = %v, want %v", tt.total, tt.weights, got, tt.want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		total := rapid.Int64Range(-1e12, 1e12).Draw(t, "total")
		weights := rapid.SliceOfN(rapid.Int64Range(0, 1e9), 1, 30).Draw(t, "weights")
		var sum int64
		for _, p := range money.Apportion(total, weights) {
			sum += p
		}
		if sum != total {
			t.Fatalf("parts sum to %d, want %d", sum, total)
		}
	})
}

func TestEven(t *testing.T) {
	if got := money.Even(100, 3); !slices.Equal(got, []int64{33, 33, 34}) {
		t.Error(got)
	}
}
