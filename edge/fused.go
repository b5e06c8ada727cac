package edge

import (
	"cmp"
	"math"
	"slices"
	"sync/atomic"

	"github.com/brigata/brigata/actors/sensor"
	"github.com/brigata/brigata/edge/model/features"
	"github.com/brigata/brigata/edge/model/fusion"
	"github.com/brigata/brigata/edge/model/retrain"
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
	sure    float64 // of the last window: fusion.Sure of what the net says
	offsets atomic.Pointer[retrain.Offsets]
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

// corrected is the model with what is known of single machines.
func (f *Fused) corrected(o retrain.Offsets) *Fused {
	f.offsets.Store(&o)
	return f
}

// learnt is the net, and what is known of single machines beside it.
func (f *Fused) learnt() retrain.Learnt {
	l := retrain.Learnt{Net: f.net}
	if o := f.offsets.Load(); o != nil {
		l.Offsets = *o
	}
	return l
}

// Judge implements Model.
func (f *Fused) Judge(w *Window) Verdict {
	v := f.Rules.Judge(w)
	if w.Machine == nil {
		return v
	}
	belief := f.believe(w.Set.Asset, w.Machine)
	top := fusion.Top(belief)
	v.Score, v.Class = thousandths(belief[0]), features.Classes[top]
	if top != 0 && belief[top] >= ClaimAt {
		v.Fault = &sensor.Fault{Class: v.Class, Confidence: thousandths(belief[top]), Evidence: f.evidence(w.Set.Asset, &w.Machine.Tokens, top), Model: f.version}
	}
	return v
}

// believe moves the belief towards what the window says.
func (f *Fused) believe(asset string, m *Machine) []float64 {
	p := f.pass.Read(&m.Tokens)
	f.sure = fusion.Sure(p)
	f.correct(asset, p)
	if len(m.Belief) != len(p) {
		m.Belief, m.Weight = make([]float64, len(p)), 1
	}
	for i, v := range p {
		m.Belief[i] += m.Weight * (float64(v) - m.Belief[i])
	}
	return m.Belief
}

// evidence is how much less likely the class is without each sense, the most first.
func (f *Fused) evidence(asset string, w *features.Window, class int) (list []sensor.Evidence) {
	whole := f.read(asset, w)[class]
	for s := range features.Senses {
		if !w.Has[s] {
			continue
		}
		less := *w
		less.Drop(features.Sense(s))
		if d := thousandths(float64(whole - f.read(asset, &less)[class])); d >= evidenceMin {
			list = append(list, sensor.Evidence{Sense: features.Names[s], Weight: d})
		}
	}
	slices.SortStableFunc(list, func(a, b sensor.Evidence) int { return cmp.Compare(b.Weight, a.Weight) })
	return list[:min(len(list), evidenceLen)]
}

func thousandths(v float64) float64 { return math.Round(v*1000) / 1000 }

// class is what one window says, whatever was believed before.
func (f *Fused) class(asset string, w *features.Window) int { return fusion.Top(f.read(asset, w)) }

// read is what the net says of a machine's window, with what is known of that machine.
func (f *Fused) read(asset string, w *features.Window) []float32 {
	p := f.pass.Read(w)
	f.correct(asset, p)
	return p
}

func (f *Fused) correct(asset string, p []float32) {
	if o := f.offsets.Load(); o != nil {
		o.Apply(asset, p)
	}
}
