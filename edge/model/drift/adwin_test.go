package drift

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
)

// What river finds in the same streams: its dialect before 0.9, and since.
func TestAlarmsAreThoseOfRiver(t *testing.T) {
	file, err := os.ReadFile("testdata/adwin_streams.json")
	if err != nil {
		t.Fatal(err)
	}
	var streams map[string][]float64
	if err := json.Unmarshal(file, &streams); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		stream  string
		dialect Dialect
		first   int
	}{{"np12345_randint2_8", Short, 1055}, {"np12345_randint2_8", Whole, 1023}, {"np12345_randint2_4to8", Whole, 1023}, {"py12345_doc", Whole, 1023}} {
		if len(streams[c.stream]) == 0 {
			t.Fatalf("no stream %s", c.stream)
		}
		a := New(0.002, c.dialect)
		first := slices.IndexFunc(streams[c.stream], a.Add)
		if first != c.first {
			t.Errorf("%s, dialect %d: first alarm at %d, not %d", c.stream, c.dialect, first, c.first)
		}
	}
	for _, same := range []string{"py123_gauss", "py999_gauss"} { // nothing changes there
		if at := slices.IndexFunc(streams[same], New(0.002, Whole).Add); at >= 0 {
			t.Errorf("%s: alarm at %d", same, at)
		}
	}
}

// The window's mean, width and spread are those of the newest numbers it stands for.
func TestWindowIsItsNewestNumbers(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	a := New(0.002, Whole)
	var all []float64
	for i := range 20_000 {
		v := r.NormFloat64() + float64(i/5000)
		all = append(all, v)
		a.Add(v)
		if i%997 != 0 {
			continue
		}
		mean, spread := 0.0, 0.0
		part := all[len(all)-a.Width():]
		for _, v := range part {
			mean += v / float64(len(part))
		}
		for _, v := range part {
			spread += (v - mean) * (v - mean)
		}
		if math.Abs(mean-a.Mean()) > 1e-6 || math.Abs(spread-a.spread) > 1e-6*spread+1e-9 {
			t.Fatalf("after %d: mean %v of %v, spread %v of %v", i, a.Mean(), mean, a.spread, spread)
		}
	}
	if len(a.rows) > 14 {
		t.Errorf("%d sizes of buckets", len(a.rows))
	}
}
