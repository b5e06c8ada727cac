package features

import (
	"math"
	"testing"
)

const rate = 25_600

// The envelope of a tone that is struck n times a second has its line at n.
func TestKnocksAreALineOfTheEnvelope(t *testing.T) {
	x := NewExtractor()
	for _, hz := range []float64{100, 180, 300} {
		burst := make([]float64, long)
		ring, next := 0.0, 0.0
		for i := range burst {
			if float64(i) >= next {
				ring, next = 100, next+rate/hz
			}
			burst[i] = ring * math.Sin(2*math.Pi*5000*float64(i)/rate)
			ring *= 0.9
		}
		var w Window
		x.Vibration(&w, burst, rate)
		best := 0
		bands := w.X[3*Width+6 : 4*Width]
		for b, v := range bands[:int(hz*1.5/40)] {
			if v > bands[best] {
				best = b
			}
		}
		if from, to := float64(best)*40-7, float64(best+1)*40+7; hz < from || hz > to {
			t.Errorf("%v Hz: the strongest line is from %v to %v Hz", hz, from, to)
		}
	}
}

func TestBandsDoNotKnowLoudness(t *testing.T) {
	x := NewExtractor()
	var quiet, loud Window
	burst := make([]float64, 2048)
	for i := range burst {
		burst[i] = math.Sin(float64(i)) + math.Sin(float64(i*i%97))
	}
	x.Vibration(&quiet, burst, rate)
	for i := range burst {
		burst[i] *= 50
	}
	x.Vibration(&loud, burst, rate)
	for i := range 3 * Width {
		if math.Abs(float64(quiet.X[i]-loud.X[i])) > 1e-3 {
			t.Fatalf("band %d: %v and %v", i, quiet.X[i], loud.X[i])
		}
	}
	if d := loud.X[3*Width] - quiet.X[3*Width]; math.Abs(float64(d)-math.Log(50)) > 1e-3 {
		t.Errorf("fifty times as loud: %v", d)
	}
}

func TestWhatIsTooShortIsNotThere(t *testing.T) {
	var w Window
	x := NewExtractor()
	x.Vibration(&w, make([]float64, BurstMin-1), rate)
	Sound(&w, nil, nil)
	Heat(&w, make([]float64, 3))
	Temperature(&w, make([]float64, MinutesMin-1), 2, 8)
	Watts(&w, make([]float64, 200)) // it never drew power
	if w.Count() != 0 || w.X != (Window{}).X {
		t.Errorf("%v", w.Has)
	}
	x.Vibration(&w, make([]float64, 600), rate) // silence
	Heat(&w, make([]float64, Frame))
	Temperature(&w, make([]float64, MinutesMin), 0, 0)
	Sound(&w, []float64{40}, [][]float64{{30, 40, 50}})
	for i, v := range w.X {
		if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
			t.Fatalf("feature %d is no number", i)
		}
	}
}
