package retrain

import (
	"math"

	"github.com/brigata/brigata/edge/model/fusion"
)

// Offsets are, for each machine of which something was found, what is added to the logarithm of
// each class's probability: what a net that knows all machines gets wrong about this one, time after
// time (a random intercept; Gelman and Hill, 2006). A machine that nothing was found of has none.
type Offsets map[string][]float32

// Apply corrects what a net says of a machine's window, in place.
func (o Offsets) Apply(machine string, p []float32) {
	offset := o[machine]
	if len(offset) != len(p) {
		return
	}
	sum := float32(0)
	for i, v := range offset {
		p[i] *= float32(math.Exp(float64(v)))
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
}

const (
	// shrink is the precision that an offset has before anything is found: a nat, more or less. One finding
	// that was a surprise moves it by half of that, and one that the net was sure of by nothing.
	shrink = 1.0
	climbs = 200 // steps of the fit: the likelihood has one top
)

// said is what a net says of a window, and how much the window weighs.
type said struct {
	logs   []float64
	class  int
	weight float64
}

// offsets fits those of a net to labelled windows. A case counts once, however many its windows.
func offsets(net *fusion.Net, list []recent) Offsets {
	windows := map[uint64]float64{}
	for _, x := range list {
		windows[x.of]++
	}
	pass, of := net.NewPass(1), map[string][]said{}
	for _, x := range list {
		s := said{class: x.Class, weight: 1 / windows[x.of]}
		for _, v := range pass.Read(x.Window) {
			s.logs = append(s.logs, math.Log(float64(v)+1e-9))
		}
		of[x.machine] = append(of[x.machine], s)
	}
	o := Offsets{}
	for machine, list := range of {
		o[machine] = offset(list, net.Classes)
	}
	return o
}

// offset is one machine's: where the likelihood of what was found, and of so large an offset, is highest.
func offset(list []said, classes int) []float32 {
	b, slope, p, weight := make([]float64, classes), make([]float64, classes), make([]float64, classes), 0.0
	for _, s := range list {
		weight += s.weight
	}
	for range climbs {
		for i := range b {
			slope[i] = -shrink * b[i]
		}
		for _, s := range list {
			sum := 0.0
			for i, v := range s.logs {
				p[i] = math.Exp(v + b[i])
				sum += p[i]
			}
			for i := range p {
				slope[i] -= s.weight * p[i] / sum
			}
			slope[s.class] += s.weight
		}
		for i := range b {
			b[i] += slope[i] / (shrink + weight/2) // no curvature is more
		}
	}
	out := make([]float32, classes)
	for i, v := range b {
		out[i] = float32(v)
	}
	return out
}
