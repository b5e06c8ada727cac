// Package decimal turns minor units into the yuan with two decimals that the Chinese
// providers speak, and back. It refuses what it would have to round.
package decimal

import (
	"fmt"
	"strconv"
	"strings"
)

// Format writes minor units: 7600 is "76.00".
func Format(minor int64) string {
	sign := ""
	if minor < 0 {
		sign, minor = "-", -minor
	}
	return fmt.Sprintf("%s%d.%02d", sign, minor/100, minor%100)
}

// Parse reads them: "76", "76.0" and "76.00" are 7600.
func Parse(s string) (int64, error) {
	whole, part, _ := strings.Cut(s, ".")
	digits := strings.TrimPrefix(whole, "-")
	if len(part) > 2 || digits == "" || len(digits) > 15 || strings.Trim(digits+part, "0123456789") != "" {
		return 0, fmt.Errorf("%q is not an amount", s)
	}
	return strconv.ParseInt(whole+(part + "00")[:2], 10, 64)
}
