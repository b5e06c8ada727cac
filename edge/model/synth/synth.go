// Package synth makes what the senses of refrigeration machines would say, well and
// failing, in stores that differ: loudness, heat, noise, thermostats, machines.
//
// Its promise: the same seed gives the same windows. It is physics of the first order
// and knows only what its author does: what a model learns here is a start, and no
// evidence about real machines. The trainer, the report and tests import it.
package synth

import (
	"math"
	"math/rand/v2"

	"github.com/brigata/brigata/edge/model/features"
)

// Classes are those of the schema.
var Classes = features.Classes

// Indices of Classes.
const (
	OK = iota
	Bearing
	Refrigerant
	Condenser
	Fan
	Seal
)

// Store is what its machines share.
type Store struct {
	seed                        uint64
	Outside                     float64 // °C of the room
	vibration, sound            float64 // gains of how sensors are mounted
	kitchen                     float64 // noise
	emissivity, heat, busy, hum float64
}

// Machine is one unit of a store.
type Machine struct {
	store                  *Store
	seed                   uint64
	Low, High              float64 // thermostat, °C
	leak, cooling, watts   float64 // minutes, °C a minute, W
	turn, blade, ball      float64 // Hz of compressor and fan; knocks in a turn of the bearing
	ring, decay, noise     float64 // of the housing
	hotX, hotY, fanX, fanY float64 // in the camera's view
	defrosts               bool
}

// Raw is what the senses measure.
type Raw struct {
	Class, Store, Unit int
	Severity           float64
	Burst              []float64 // of vibration, mm/s²
	Rate               float64
	Levels             []float64 // of sound, dB
	Bands              [][]float64
	Frame              []float64 // °C
	Temperature        []float64 // each minute, °C
	Power              []float64 // each minute, W
	Low, High          float64   // limits of the probe
	Running            bool
}

// NewStore makes the store of that number.
func NewStore(seed uint64, n int) *Store {
	r := rand.New(rand.NewPCG(seed, uint64(n)<<8|1))
	return &Store{seed: seed<<20 | uint64(n), Outside: 24 + 4*r.NormFloat64(), vibration: math.Exp(0.35 * r.NormFloat64()), sound: 4 * r.NormFloat64(),
		kitchen: 4 * r.NormFloat64(), emissivity: 1.5 * r.NormFloat64(), heat: 1 + 0.12*r.NormFloat64(), busy: math.Exp(0.5 * r.NormFloat64()), hum: 3 * r.NormFloat64()}
}

// Machine makes the store's machine of that number.
func (s *Store) Machine(n int) *Machine {
	r := rand.New(rand.NewPCG(s.seed, uint64(n)<<8|2))
	m := &Machine{store: s, seed: s.seed<<12 | uint64(n), leak: 60 * (6 + 5*r.Float64()), watts: 300 * math.Exp(1.4*r.Float64()),
		turn: 48 + 1.5*r.NormFloat64(), blade: 23.5 * (1 + 0.06*r.NormFloat64()), ball: 3.58 * (1 + 0.08*r.NormFloat64()),
		ring: 3000 + 4500*r.Float64(), decay: 0.90 + 0.05*r.Float64(), noise: math.Exp(0.3 * r.NormFloat64()),
		hotX: 5 + r.NormFloat64()*0.7, hotY: 2 + r.NormFloat64()*0.7, fanX: 1 + r.NormFloat64()*0.5, fanY: 1 + r.NormFloat64()*0.5, defrosts: r.Float64() < 0.5}
	m.Low, m.High = 1.5+r.Float64(), 3.7+r.Float64()
	if r.Float64() < 0.35 { // a freezer
		m.Low, m.High = -22+r.Float64(), -19+r.Float64()
	}
	// Sized so that a machine that is well runs two to six tenths of the time.
	duty := 0.25 + 0.3*r.Float64()
	m.cooling = (s.Outside - m.Low) / m.leak / duty
	return m
}

// effect is what a fault of a severity does to a machine.
type effect struct {
	cooling, leak, watts                       float64 // factors
	knock, hiss, unbalance, hot, wide, fanHeat float64
}

func faultOf(class int, severity float64) effect {
	e := effect{cooling: 1, leak: 1, watts: 1}
	switch class {
	case Bearing:
		e.knock, e.watts = severity, 1+0.03*severity
	case Refrigerant:
		e.cooling, e.watts, e.hiss, e.hot = 1-0.45*severity, 1-0.25*severity, severity, -7*severity
	case Condenser:
		e.cooling, e.watts, e.hot, e.wide = 1-0.35*severity, 1+0.25*severity, 9*severity, 2*severity
	case Fan:
		e.unbalance, e.cooling, e.fanHeat = severity, 1-0.15*severity, 4*severity
	case Seal:
		e.leak = 1 / (1 + 1.2*severity)
	}
	return e
}

// Window is what the machine's senses measure with a fault of a severity, 0 to 1, in a store that
// has gone so far from how it was.
func (m *Machine) Window(n, class int, severity float64, drift Drift) *Raw {
	r := rand.New(rand.NewPCG(m.seed, uint64(n)<<8|uint64(class)))
	e := faultOf(class, severity)
	w := &Raw{Class: class, Severity: severity, Rate: 25_600, Low: m.Low - 2, High: m.High + 2}
	if class == OK {
		w.Severity = 0
	}
	load := 1 + 0.08*r.NormFloat64()
	outside := m.store.Outside + 1.5*r.NormFloat64() + drift.Heat
	m.hours(w, e, outside, load, &drift, r)
	w.Running = r.Float64() < 0.93 // the box keeps bursts of a machine that runs
	w.burst(m, e, load, &drift, r)
	w.sound(m, e, load, &drift, r)
	w.heat(m, e, outside, load, &drift, r)
	return w
}

// hours plays two hours of probe and power, after two that nobody sees.
func (m *Machine) hours(w *Raw, e effect, outside, load float64, drift *Drift, r *rand.Rand) {
	const step = 1.0 / 6 // minutes
	temp, running, open, frost := m.Low+(m.High-m.Low)*r.Float64(), false, 0.0, 0.0
	doors := 0.012 * m.store.busy * (1 + drift.Doors) * math.Exp(0.4*r.NormFloat64()) // a minute
	defrostAt := -1.0
	if m.defrosts && r.Float64() < 0.2 {
		defrostAt = 240 * r.Float64()
	}
	for minute := range 2 * features.Minutes {
		sumT, sumP := 0.0, 0.0
		for i := range 6 {
			at := float64(minute) + float64(i)*step
			if defrostAt >= 0 && at >= defrostAt {
				frost, defrostAt = 15, -1
			}
			if r.Float64() < doors*step {
				open = 0.3 + r.ExpFloat64()*0.6
			}
			temp += (outside - temp) / (m.leak * e.leak / (1 + 0.15*drift.Age)) * step
			if open > 0 {
				temp, open = temp+0.5*step*(outside-temp)/25, open-step
			}
			running = frost <= 0 && (temp >= m.High || running && temp > m.Low)
			power := 15 + r.NormFloat64()
			switch {
			case frost > 0:
				temp, frost, power = temp+0.15*step, frost-step, 0.4*m.watts
			case running:
				lift := 1 + 0.012*(outside-24) // a hotter room: more work, less cold
				temp -= m.cooling * e.cooling * (1 - 0.15*drift.Age) * (2 - lift) * step
				power = m.watts * (1 - 0.3*drift.Other) * e.watts * load * lift * (1 + 0.02*r.NormFloat64())
			}
			sumT, sumP = sumT+temp+0.04*r.NormFloat64(), sumP+power
		}
		if minute >= features.Minutes {
			w.Temperature = append(w.Temperature, math.Round(sumT/6*100)/100)
			w.Power = append(w.Power, math.Round(sumP/6))
		}
	}
}

// burst is the rotation, the fan and the noise, and the ringing of knocks.
func (w *Raw) burst(m *Machine, e effect, load float64, drift *Drift, r *rand.Rand) {
	w.Burst = make([]float64, []int{1024, 2048, 4096}[r.IntN(3)])
	amp := 0.05
	if w.Running {
		amp = load
	}
	gain := 400 * m.store.vibration * math.Exp(-drift.Moved)
	turn, blade := m.turn*(1+0.2*drift.Other)*(1+0.01*r.NormFloat64()), m.blade*(1+0.02*r.NormFloat64())
	phase, beat, rub := 2*math.Pi*r.Float64(), 2*math.Pi*r.Float64(), 0.1*math.Exp(0.5*r.NormFloat64())*(1+drift.Age)
	ball, tone := m.ball*(1+0.2*drift.Other), m.ring*(1-0.3*drift.Other)
	ring, next := 0.0, w.Rate/(ball*turn)*r.Float64()
	for i := range w.Burst {
		at := 2 * math.Pi * float64(i) / w.Rate
		v := amp * (math.Sin(turn*at+phase) + 0.4*math.Sin(2*turn*at+phase) + 0.2*math.Sin(3*turn*at))
		v += (0.25+0.8*e.unbalance)*math.Sin(blade*at+beat) + e.unbalance*0.25*math.Sin(7*blade*at)*(1+0.5*math.Sin(2.1*at))
		v += 0.3 * m.noise * (1 + drift.Shake) * r.NormFloat64()
		if e.knock+rub > 0 && w.Running {
			if float64(i) >= next {
				next += w.Rate / (ball * turn) * (1 + 0.03*r.NormFloat64())
				ring = 3.2*e.knock*math.Exp(0.25*r.NormFloat64()) + rub // valves of a sound machine tick too
			}
			v += ring * math.Sin(tone*at)
			ring *= m.decay
		}
		w.Burst[i] = math.Round(gain*v*2) / 2
	}
}

// sound is four readings of sixteen bands from 63 Hz to 8 kHz: a machine in a kitchen.
func (w *Raw) sound(m *Machine, e effect, load float64, drift *Drift, r *rand.Rand) {
	for range 4 {
		var power [features.Bands]float64
		din := math.Pow(10, (m.store.kitchen+drift.Loud+5*r.NormFloat64())/10)
		for b := range power {
			power[b] = 1e5 * din * math.Exp(-0.28*float64(b)) // pans, voices, extraction
		}
		add := func(band, db float64) {
			for b := range power {
				d := float64(b) - band
				power[b] += math.Pow(10, (db+m.store.sound+8*drift.Moved)/10) * math.Exp(-d*d/1.2)
			}
		}
		octave := func(hz float64) float64 { return math.Log2(hz/63) * 15 / 7 }
		add(octave(7*m.blade), 48+20*math.Log10(1-0.55*e.unbalance+0.02))
		if w.Running {
			add(octave(2*m.turn*(1+0.2*drift.Other)), 52+m.store.hum+6*(load-1))
			add(13, 30+22*e.hiss)
			add(14.5, 28+22*e.hiss)
			if e.knock > 0 {
				add(octave(m.ring*(1-0.3*drift.Other)), 33+16*e.knock)
			}
		}
		bands, total := make([]float64, features.Bands), 0.0
		for b, p := range power {
			p *= math.Exp(0.25 * r.NormFloat64())
			total += p
			bands[b] = math.Round(100*10*math.Log10(p+1)) / 100
		}
		w.Bands, w.Levels = append(w.Bands, bands), append(w.Levels, math.Round(100*10*math.Log10(total+1))/100)
	}
}

// heat is what a camera of 8×8 points sees: the condenser, and the fan's motor.
func (w *Raw) heat(m *Machine, e effect, outside, load float64, drift *Drift, r *rand.Rand) {
	hot := outside + 9
	if w.Running {
		hot += 9*m.store.heat*(1+0.3*drift.Other)*load + e.hot + 2.5*r.NormFloat64()
	}
	w.Frame = make([]float64, features.Frame)
	for i := range w.Frame {
		y, x := float64(i/8), float64(i%8)
		d := math.Hypot(y-m.hotY-drift.Moved, x-m.hotX+drift.Moved)
		f := math.Hypot(y-m.fanY-drift.Moved, x-m.fanX+drift.Moved)
		v := outside + (hot-outside)*math.Exp(-d*d/(3+e.wide)) + (1.5+e.fanHeat)*math.Exp(-f*f) + m.store.emissivity + 0.6*(1+drift.Blur)*r.NormFloat64()
		w.Frame[i] = math.Round(v*10) / 10
	}
}

// Tokens is the window as a model reads it.
func (w *Raw) Tokens(x *features.Extractor) *features.Window {
	t := new(features.Window)
	x.Vibration(t, w.Burst, w.Rate)
	features.Sound(t, w.Levels, w.Bands)
	features.Heat(t, w.Frame)
	features.Temperature(t, w.Temperature, w.Low, w.High)
	features.Watts(t, w.Power)
	return t
}
