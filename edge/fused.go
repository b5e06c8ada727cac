package edge

import (
	"cmp"
	"math"
	"slices"

	"github.com/brigata/brigata/actors/sensor"
	"github.com/brigata/brigata/edge/model/features"
	"github.com/brigata/brigata/edge/model/fusion"
)

// Reader gives the probability of each class of a window; the slice is the reader's own,
// until the next. A fusion.Pass is one.
type Reader interface {
	Read(w *features.Window) []float32
}

// Fused judges machines by all of their senses at once, and the rest by Rules.
type Fused struct {
	Rules
	version string
	net     *fusion.Net // nil: it cannot be trained again
	pass    Reader
	sure    float64 // of the last window: fusion.Sure
}

// ClaimAt is how much of the belief a fault needs to be told of.
const ClaimAt = 0.8

const (
	evidenceLen = 3
	evidenceMin = 0.05
)

// NewFused makes a model of a net. version names it.
func NewFused(version string, net *fusion.Net) *Fused {
	return &Fused{version: version, net: net, pass: net.NewPass(1)}
}

// NewRead makes a model of what another runtime reads. version names it.
func NewRead(version string, r Reader) *Fused { return &Fused{version: version, pass: r} }

// Version implements Model.
func (f *Fused) Version() string { return f.version }

// Judge implements Model.
func (f *Fused) Judge(w *Window) Verdict {
	v := f.Rules.Judge(w)
	if w.Machine == nil {
		return v
	}
	belief := f.believe(w.Machine)
	top := fusion.Top(belief)
	v.Score, v.Class = thousandths(belief[0]), features.Classes[top]
	if top != 0 && belief[top] >= ClaimAt {
		v.Fault = &sensor.Fault{Class: v.Class, Confidence: thousandths(belief[top]), Evidence: f.evidence(&w.Machine.Tokens, top), Model: f.version}
	}
	return v
}

// believe moves the belief towards what the window says.
func (f *Fused) believe(m *Machine) []float64 {
	p := f.pass.Read(&m.Tokens)
	f.sure = fusion.Sure(p)
	if len(m.Belief) != len(p) {
		m.Belief, m.Weight = make([]float64, len(p)), 1
	}
	for i, v := range p {
		m.Belief[i] += m.Weight * (float64(v) - m.Belief[i])
	}
	return m.Belief
}

// evidence is how much less likely the class is without each sense, the most first.
func (f *Fused) evidence(w *features.Window, class int) (list []sensor.Evidence) {
	whole := f.pass.Read(w)[class]
	for s := range features.Senses {
		if !w.Has[s] {
			continue
		}
		less := *w
		less.Drop(features.Sense(s))
		if d := thousandths(float64(whole - f.pass.Read(&less)[class])); d >= evidenceMin {
			list = append(list, sensor.Evidence{Sense: features.Names[s], Weight: d})
		}
	}
	slices.SortStableFunc(list, func(a, b sensor.Evidence) int { return cmp.Compare(b.Weight, a.Weight) })
	return list[:min(len(list), evidenceLen)]
}

func thousandths(v float64) float64 { return math.Round(v*1000) / 1000 }

// class is what one window says, whatever was believed before.
func (f *Fused) class(w *features.Window) int { return fusion.Top(f.pass.Read(w)) }
