package edge

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/brigata/brigata/edge/model/features"
)

// Machine is what a model sees of a machine that several sensors watch.
type Machine struct {
	Tokens features.Window
	// Belief is the probability of each class over the windows before; the model moves it
	// towards what this one says, by the share Weight.
	Belief []float64
	Weight float64
	At     time.Time // of the window
}

const (
	// beliefFor is how long it takes to change a belief by two thirds.
	beliefFor = 3 * time.Minute
	// sensesMin is how many senses a machine must have for more than rules.
	sensesMin  = 2
	burstSize  = 4096 // samples that are kept
	soundsKept = 4
)

// asset is a machine and the sensors that watch it, one for each sense. It belongs to the
// pipeline's goroutine.
type asset struct {
	twins [features.Senses]*twin
	lead  *twin // carries what is believed of the machine

	// What the machine said last while it ran.
	burst  []byte // int16, little endian
	scale  float64
	rate   float64
	levels []float64
	bands  [][]float64
	frame  []float64

	belief []float64
	moved  time.Time
	last   Verdict // the model's newest; zero: none
}

// leads are the senses whose sensors may carry a verdict, the best first. A temperature's
// never does: its episodes are of the food.
var leads = []features.Sense{features.Vibration, features.Microphone, features.Power}

// group puts the sensors of each asset together; what is known of assets that stay, stays.
func (p *pipeline) group() {
	old := p.assets
	p.assets = map[string]*asset{}
	for i := range p.known.Sensors {
		set := &p.known.Sensors[i]
		sense, ok := features.Of(set.Kind)
		if !ok || set.Asset == "" {
			continue
		}
		a := p.assets[set.Asset]
		if a == nil {
			if a = old[set.Asset]; a == nil {
				a = &asset{}
			}
			a.twins, a.lead = [features.Senses]*twin{}, nil
			p.assets[set.Asset] = a
		}
		if a.twins[sense] == nil {
			a.twins[sense] = p.twins[set.ID]
		}
	}
	for _, a := range p.assets {
		for i := len(leads) - 1; i >= 0; i-- {
			if t := a.twins[leads[i]]; t != nil {
				a.lead = t
			}
		}
	}
}

// hear keeps what a sensor of the machine says while it runs.
func (a *asset) hear(t *twin, s *sample) {
	sense, ok := features.Of(t.set.Kind)
	if !ok || a.twins[sense] != t || s.features == nil || !a.runs() {
		return
	}
	switch sense {
	case features.Vibration:
		a.burst, a.scale, a.rate = append(a.burst[:0], s.burst[:min(len(s.burst), 2*burstSize)]...), s.scale, s.rate
	case features.Microphone:
		if len(a.levels) == soundsKept {
			a.levels, a.bands = append(a.levels[:0], a.levels[1:]...), append(a.bands[:0], a.bands[1:]...)
		}
		a.levels, a.bands = append(a.levels, s.value), append(a.bands, s.features)
	case features.Thermal:
		a.frame = s.frame
	}
}

// runs says that the machine runs, as far as its power or its vibration tell.
func (a *asset) runs() bool {
	for _, sense := range []features.Sense{features.Power, features.Vibration} {
		if t := a.twins[sense]; t != nil && t.history.n > 0 {
			return t.now > t.history.top()/2
		}
	}
	return true
}

// suppressed says that the machine defrosts or that its door is open.
func (a *asset) suppressed() bool {
	t := a.twins[features.Probe]
	return t != nil && t.suppress != ""
}

// machine is what there is to judge at a time; nil when there is too little, or while it
// defrosts or the door is open.
func (a *asset) machine(x *extractor, at time.Time) *Machine {
	if a.suppressed() {
		return nil
	}
	m := &Machine{Weight: 1, At: at}
	if a.burst != nil {
		burst := x.burst[:len(a.burst)/2]
		for i := range burst {
			burst[i] = float64(int16(binary.LittleEndian.Uint16(a.burst[2*i:]))) * a.scale
		}
		x.tokens.Vibration(&m.Tokens, burst, a.rate)
	}
	features.Sound(&m.Tokens, a.levels, a.bands)
	features.Heat(&m.Tokens, a.frame)
	if t := a.twins[features.Probe]; t != nil {
		features.Temperature(&m.Tokens, t.history.minutes[:t.history.n], t.set.Limits.Low, t.set.Limits.High)
	}
	if t := a.twins[features.Power]; t != nil {
		features.Watts(&m.Tokens, t.history.minutes[:t.history.n])
	}
	if m.Tokens.Count() < sensesMin {
		return nil
	}
	if a.belief != nil {
		m.Weight = 1 - math.Exp(-max(0, at.Sub(a.moved).Seconds())/beliefFor.Seconds())
	}
	m.Belief, a.moved = a.belief, at
	return m
}

// judge adds what the model makes of the machine to a window of its lead. While there is
// nothing to judge, what was believed last stands.
func (a *asset) judge(model Model, x *extractor, w *Window, at time.Time) Verdict {
	if w.Machine = a.machine(x, at); w.Machine != nil {
		a.last = model.Judge(w)
		a.belief = w.Machine.Belief
		return a.last
	}
	v := model.Judge(w)
	if a.last.Class != "" {
		v.Score, v.Class, v.Fault = a.last.Score, a.last.Class, a.last.Fault
	}
	return v
}
