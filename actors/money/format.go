package money

import (
	"slices"
	"strconv"
)

// Currencies of ISO 4217 whose minor unit is not a hundredth.
var (
	whole       = []string{"BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"}
	thousandths = []string{"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"}
)

// Format writes minor units of a currency, without its name: 7600 is 76.00 in CNY and
// 7600 in JPY.
func Format(minor int64, currency string) string {
	digits := 2
	switch {
	case slices.Contains(whole, currency):
		digits = 0
	case slices.Contains(thousandths, currency):
		digits = 3
	}
	s := strconv.FormatUint(magnitude(minor), 10)
	for len(s) <= digits {
		s = "0" + s
	}
	if digits > 0 {
		s = s[:len(s)-digits] + "." + s[len(s)-digits:]
	}
	if minor < 0 {
		s = "-" + s
	}
	return s
}
