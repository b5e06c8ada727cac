// Package retrain keeps a net right about machines that are no longer what it was trained
// on: it notices that they have changed, trains a copy on what people have found
// and on what was so before, and says whether the copy may take the net's place.
//
// Its promise: a net is replaced only by one that is better about machines as they are now
// and no worse about machines as they were, each on windows that neither was trained on.
// The box uses it; the report measures it.
package retrain

import (
	"hash/fnv"
	"math"

	"github.com/brigata/brigata/edge/model/drift"
	"github.com/brigata/brigata/edge/model/features"
	"github.com/brigata/brigata/edge/model/fusion"
	"github.com/brigata/brigata/edge/model/synth"
)

const (
	delta = 0.002 // how likely a change is noticed for nothing, by ADWIN's bound

	// Max bounds the labelled windows that are kept; the newest are.
	Max = 2048
	// Min is how many windows there must be to train on, and HeldMin how many to judge by.
	Min, HeldMin = 96, 32
	// heldOut: one case in so many is kept from training.
	heldOut = 4

	epochs, rate = 10, 4e-4
	missing      = 0.2 // of the senses of windows of before, in training
	mix          = 0.5 // of windows, whose senses come from two
	repeats      = 3   // times that a recent window is shown for one of before
	// keepWithin is how much worse about machines as they were a net may be than the one that
	// was made elsewhere: a quarter of the point that may be lost. Chance may take the rest.
	keepWithin = 0.0025
)

// Before are machines as they were when the net was made: the generator's, by number none
// that it was trained on among those it is judged by.
var (
	replay  = synth.Split{Name: "replay", From: 0, To: 96, Units: 4, Each: 6, First: 1000, Severities: synth.Trained, Wide: true}
	oldHeld = synth.Split{Name: "as before", From: 920, To: 950, Units: 2, Each: 20, First: 1000, Severities: synth.All}
)

// turn is a split's windows of a training: others than those of the training before.
func turn(s synth.Split, times int) []fusion.Example {
	s.First += times % turns * s.Each
	return s.Examples()
}

const turns = 1000

// Watch notices that machines are not as they were: that a net has become less sure of what it
// says, or that one of its inputs is not what it was. It needs no labels. A net can be sure and
// wrong; an input may change and matter little, which is for people to say.
type Watch struct {
	sure   *drift.ADWIN
	inputs [fusion.Inputs]*drift.ADWIN
	seen   int    // windows since the last alarm
	ended  *Means // of the time before it; nil: it was too short to tell
}

// NewWatch makes one that has seen nothing.
func NewWatch() *Watch {
	w := new(Watch)
	w.again()
	return w
}

// again begins anew: what was before a change is of another time.
func (w *Watch) again() {
	w.seen = 0
	w.sure = drift.New(delta/2, drift.Whole)
	for i := range w.inputs {
		w.inputs[i] = drift.New(delta/2/float64(fusion.Inputs), drift.Whole)
	}
}

// See takes a window and fusion.Sure of what the net says of it; of a nil net, only how sure it is.
// It returns what has changed, the model or a sense, and "" if nothing has.
func (w *Watch) See(sure float64, n *fusion.Net, x *features.Window) (what string) {
	before := w.sure.Mean()
	if w.sure.Add(sure) && w.sure.Mean() < before {
		what = "model"
	}
	if n != nil {
		for i, v := range n.Scaled(x) {
			sense := features.SenseOf(features.Groups[i/features.Width][0])
			if x.Has[sense] && w.inputs[i].Add(v) && what == "" {
				what = features.Names[sense]
			}
		}
	}
	w.seen++
	if what != "" {
		w.ended = nil
		if w.seen >= settled {
			w.ended = w.means()
		}
		w.again()
	}
	return what
}

// Recent are the newest labelled windows, by case: what belongs together, such as the
// windows of one work order, is in training or held out as a whole.
type Recent struct {
	list []recent
}

type recent struct {
	fusion.Example
	machine string
	of      uint64 // its case
}

// Add keeps a window of a machine, and of a case. The oldest goes when there are too many.
func (r *Recent) Add(e fusion.Example, machine, of string) {
	if len(r.list) == Max {
		r.list = append(r.list[:0], r.list[1:]...)
	}
	h := fnv.New64a()
	h.Write([]byte(of))
	e.Recent = true
	r.list = append(r.list, recent{e, machine, h.Sum64()})
}

// parts are the windows to train on, and those to judge by.
func (r *Recent) parts() (train, held []recent) {
	for _, x := range r.list {
		if x.of%heldOut == 0 {
			held = append(held, x)
		} else {
			train = append(train, x)
		}
	}
	return train, held
}

// Enough says that a net can be trained on them and judged.
func (r *Recent) Enough() bool {
	train, held := r.parts()
	return len(train) >= Min && len(held) >= HeldMin
}

// Learnt is a net, and what is known of single machines beside it.
type Learnt struct {
	Net     *fusion.Net
	Offsets Offsets
}

// judge is the share of windows that it gets right, and how much it is surprised by them.
func (l Learnt) judge(list []recent) (right, surprise float64) {
	pass := l.Net.NewPass(1)
	for _, x := range list {
		p := pass.Read(x.Window)
		l.Offsets.Apply(x.machine, p)
		if fusion.Top(p) == x.Class {
			right++
		}
		surprise -= math.Log(float64(p[x.Class]) + 1e-9)
	}
	return right / float64(len(list)), surprise / float64(len(list))
}

// Share is how much of some windows a net and its copy get right.
type Share struct{ Net, Copy float64 }

// Outcome is what a copy was judged by: windows that were held out, of machines as they are
// now and, without offsets, of others as they were before.
type Outcome struct {
	Now, Before Share
	Better      bool // the copy may take the net's place
}

// steps of the way from the net to the copy that are tried: between them much of what is new
// is known, and hardly anything of what was is lost (Wortsman et al., 2022).
const steps = 8

// Try trains a copy of a net on recent windows and on a replay of those of before (Rolnick
// et al., 2019), goes back towards the net as far as is best, fits offsets to each, and judges them: the
// net itself with new offsets, too. Of those that are better, the one that is least surprised by the recent
// windows that were held out is taken: there are too few for their number to tell one from the other.
// What was known is what the first net knows, which the others came of. times is how often there was a
// training: each has another replay. It takes some seconds.
func Try(now Learnt, first *fusion.Net, r *Recent, times int) (best Learnt, o Outcome) {
	train, held := r.parts()
	c := now.Net.Clone()
	c.Train(shown(train, times), fusion.Fit{Epochs: epochs, Rate: rate, Seed: uint64(times), Drop: missing, Mix: mix, Rounded: true})
	old := turn(oldHeld, times)
	right, least := now.judge(held)
	before, floor := now.Net.Right(old), first.Right(old)-keepWithin
	for step := steps; step >= 0; step-- {
		x := Learnt{Net: now.Net.Towards(c, float32(step)/steps)}
		x.Offsets = offsets(x.Net, train)
		rights, surprise := x.judge(held)
		this := Outcome{Now: Share{right, rights}, Before: Share{before, x.Net.Right(old)}}
		this.Better = rights > right && surprise < least && (step == 0 || this.Before.Copy >= floor)
		if this.Better {
			least = surprise
		}
		if this.Better || best.Net == nil {
			best, o = x, this
		}
	}
	for _, x := range held {
		old = append(old, x.Example)
	}
	best.Net.Calibrate(old)
	best.Offsets = offsets(best.Net, train)
	return best, o
}

// shown are the examples of a training.
func shown(train []recent, times int) []fusion.Example {
	list := turn(replay, times)
	for range repeats {
		for _, x := range train {
			list = append(list, x.Example)
		}
	}
	return list
}
