package synth

import (
	"math"
	"reflect"
	"testing"

	"github.com/brigata/brigata/edge/model/features"
)

func TestTheSameSeedGivesTheSameWindows(t *testing.T) {
	s := Split{From: 0, To: 4, Units: 2, Each: 18, Severities: Trained} // among them a room that only falls
	a, b := s.Make(), s.Make()
	if !reflect.DeepEqual(a, b) {
		t.Error("two makings differ")
	}
	for _, x := range a {
		if x.Count() != features.Senses {
			t.Fatalf("senses: %v", x.Has)
		}
		for i, v := range x.X {
			if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
				t.Fatalf("feature %d of %+v is no number", i, x.Class)
			}
		}
		if x.Class != OK && (x.Severity < 0.25 || x.Severity > 0.5 && x.Severity < 0.6) {
			t.Errorf("severity %v was to be kept for the report", x.Severity)
		}
	}
}

// Faults do what their physics says, on the mean of many windows.
func TestFaultsShow(t *testing.T) {
	mean := func(class int, of func(*Raw) float64) (sum float64) {
		for store := range 12 {
			sum += of(NewStore(1, store).Machine(0).Window(0, class, 1, Drift{})) / 12
		}
		return sum
	}
	running := func(w *Raw) (share float64) {
		top := 0.0
		for _, v := range w.Power {
			top = max(top, v)
		}
		for _, v := range w.Power {
			if v > top/2 {
				share += 1 / float64(len(w.Power))
			}
		}
		return share
	}
	hottest := func(w *Raw) (top float64) {
		for _, v := range w.Frame {
			top = max(top, v)
		}
		return top
	}
	peak := func(w *Raw) float64 {
		t := w.Tokens(features.NewExtractor())
		return float64(t.X[3*features.Width+3]) // the logarithm of kurtosis
	}
	for _, class := range []int{Refrigerant, Condenser, Seal} {
		if well, bad := mean(OK, running), mean(class, running); bad < well+0.1 {
			t.Errorf("%s: runs %.2f of the time, and %.2f when it is well", Classes[class], bad, well)
		}
	}
	if well, bad := mean(OK, hottest), mean(Condenser, hottest); bad < well+4 {
		t.Errorf("a fouled condenser is %.1f °C, a clean one %.1f", bad, well)
	}
	if well, bad := mean(OK, peak), mean(Bearing, peak); bad < well+0.3 {
		t.Errorf("a worn bearing's kurtosis is e^%.2f, a good one's e^%.2f", bad, well)
	}
}
