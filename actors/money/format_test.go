package money_test

import (
	"math"
	"testing"

	"github.com/brigata/brigata/actors/money"
)

func TestFormat(t *testing.T) {
	for _, x := range []struct {
		minor    int64
		currency string
		want     string
	}{
		{7600, "CNY", "76.00"}, {5, "CNY", "0.05"}, {0, "USD", "0.00"}, {-50, "EUR", "-0.50"}, {-12345, "CNY", "-123.45"},
		{7600, "JPY", "7600"}, {0, "KRW", "0"}, {1, "KWD", "0.001"}, {-1234, "TND", "-1.234"},
		{math.MinInt64, "JPY", "-9223372036854775808"}, {math.MaxInt64, "CNY", "92233720368547758.07"},
	} {
		if got := money.Format(x.minor, x.currency); got != x.want {
			t.Errorf("%d %s is written %s, want %s", x.minor, x.currency, got, x.want)
		}
	}
}
