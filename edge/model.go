package edge

import (
	"time"

	"github.com/brigata/brigata/actors/sensor"
	"github.com/brigata/brigata/actors/store"
)

// Model judges what the features tell of a machine. It is given one window at a time, by
// one goroutine.
type Model interface {
	// Version names the model, and changes whenever its judgements may.
	Version() string
	Judge(w *Window) Verdict
}

// Window is what a model sees of a sensor.
type Window struct {
	Set      store.Sensor
	Avg      float64
	Suppress string    // defrost or door
	Slope    float64   // of the last half hour, a minute
	PullDown float64   // the steepest fall of ten minutes in the last two hours, a minute
	Duty     float64   // share of the last two hours in which the machine ran
	Minutes  int       // of history
	Burst    []float64 // features of the last burst or frame
	Machine  *Machine  // that this sensor speaks for; nil: for none, or there is nothing to judge
}

// Verdict is what a model makes of a window.
type Verdict struct {
	Score  float64 // 1 is well, 0 has failed
	Class  string  // ok, or what it looks like
	Unsafe time.Duration
	Fault  *sensor.Fault // that the machine is believed to have
}

// Rules are a model of thresholds: no training, and each verdict can be explained.
type Rules struct{}

// Version implements Model.
func (Rules) Version() string { return "rules-2" }

const (
	unsafeMax = 24 * time.Hour
	// A room that is cold and whose machine runs nearly always, or hardly pulls down, is
	// about to fail: duty and slopes as in the store's own machines when they are well.
	dutyHigh, pullDownLow = 0.85, 0.05
	// A good bearing is noise; a bad one knocks.
	kurtosisHigh, highShare = 6, 0.5
	hotPoints               = 4
)

// Judge implements Model.
func (Rules) Judge(w *Window) Verdict {
	v := Verdict{Score: 1, Class: "ok"}
	switch w.Set.Kind {
	case "temperature":
		v = cold(w)
	case "power":
		if w.Minutes >= 60 && w.Duty > dutyHigh {
			v = Verdict{Score: 0.5, Class: "runs_always"}
		}
	case "vibration":
		if len(w.Burst) == vibCount && w.Burst[vibKurtosis] > kurtosisHigh {
			v = Verdict{Score: 0.4, Class: "bearing"}
			if w.Burst[vibHigh] > highShare {
				v.Score = 0.2
			}
		}
	case "thermal":
		if len(w.Burst) == 4 && w.Burst[3] >= hotPoints {
			v = Verdict{Score: 0.5, Class: "hot_spot"}
		}
	}
	return v
}

// cold judges a cold room: how long until it is too warm, and what its machine looks like.
func cold(w *Window) Verdict {
	v := Verdict{Score: 1, Class: "ok"}
	l := w.Set.Limits
	rising := w.Slope > 0.01 && w.Suppress == ""
	if l.High > l.Low && rising {
		if left := (l.High - w.Avg) / w.Slope; left > 0 {
			v.Unsafe = min(unsafeMax, time.Duration(left*float64(time.Minute)))
		}
	}
	switch {
	case w.Suppress != "":
		v.Class = w.Suppress
	case l.High > l.Low && w.Avg > l.High && rising && w.Minutes >= 60 && -w.PullDown < pullDownLow: // not the warmth that a delivery let in
		v.Score, v.Class = 0.1, "no_cooling"
	case w.Minutes >= 60 && w.Duty > dutyHigh && -w.PullDown < pullDownLow:
		v.Score, v.Class = 0.4, "weak_cooling"
	case w.Minutes >= 30 && rising && v.Unsafe > 0 && v.Unsafe < 2*time.Hour:
		v.Score, v.Class = 0.6, "warming"
	}
	return v
}
