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

	"github.com/brigata/brigata/edge/model/drift"
	"github.com/brigata/brigata/edge/model/features"
	"github.com/brigata/brigata/edge/model/fusion"
	"github.com/brigata/brigata/edge/model/synth"
)

const (
	delta = 0.002 // how likely a change is noticed for nothing, by ADWIN's bound

	// Max bounds the labelled windows that are kept; the newest are.
	Max = 1024
	// Min is how many windows there must be to train on, and HeldMin how many to judge by.
	Min, HeldMin = 96, 32
	// heldOut: one case in so many is kept from training.
	heldOut = 4

	epochs, rate = 12, 8e-4
	missing      = 0.2 // of the senses, in training
	repeats      = 4   // times that a recent window is shown for one of before
	// keepWithin is how much worse about machines as they were a net may be: less than
	// what chance makes of so many windows.
	keepWithin = 0.01
)

// Before are machines as they were when the net was made: the generator's, by number none
// that it was trained on among those it is judged by.
var (
	replay  = synth.Split{Name: "replay", From: 0, To: 96, Units: 4, Each: 4, First: 1000, Severities: synth.Trained, Wide: true}
	oldHeld = synth.Split{Name: "as before", From: 920, To: 950, Units: 2, Each: 10, Severities: synth.All}
)

// Watch notices that machines are not as they were: that a net has become less sure of what it
// says, or that one of its inputs is not what it was. It needs no labels. A net can be sure and
// wrong; an input may change and matter little, which is for people to say.
type Watch struct {
	sure   *drift.ADWIN
	inputs [fusion.Inputs]*drift.ADWIN
}

// NewWatch makes one that has seen nothing.
func NewWatch() *Watch {
	w := new(Watch)
	w.again()
	return w
}

// again begins anew: what was before a change is of another time.
func (w *Watch) again() {
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
	if what != "" {
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
	held bool
}

// Add keeps a window of a case. The oldest goes when there are too many.
func (r *Recent) Add(e fusion.Example, of string) {
	if len(r.list) == Max {
		r.list = append(r.list[:0], r.list[1:]...)
	}
	h := fnv.New32a()
	h.Write([]byte(of))
	r.list = append(r.list, recent{e, h.Sum32()%heldOut == 0})
}

// Parts are the windows to train on, and those to judge by.
func (r *Recent) Parts() (train, held []fusion.Example) {
	for _, x := range r.list {
		if x.held {
			held = append(held, x.Example)
		} else {
			train = append(train, x.Example)
		}
	}
	return train, held
}

// Enough says that a net can be trained on them and judged.
func (r *Recent) Enough() bool {
	train, held := r.Parts()
	return len(train) >= Min && len(held) >= HeldMin
}

// Share is how much of some windows a net and its copy get right.
type Share struct{ Net, Copy float64 }

// Outcome is what a copy was judged by: windows that were held out, of machines as they are
// now and as they were before.
type Outcome struct {
	Now, Before Share
	Better      bool // the copy may take the net's place
}

// shares of the way from the net to the copy that are tried: between them much of what is new
// is known, and hardly anything of what was is lost (Wortsman et al., 2022).
var shares = []float32{1, 0.75, 0.5, 0.25}

// Try trains a copy of a net on recent windows and on a replay of those of before (Rolnick
// et al., 2019), goes back towards the net as far as is best, and judges both. Of copies that are
// better, the one that is least surprised by the recent windows that were held out is taken: there
// are too few for their number to tell one from the other. It takes some seconds.
func Try(net *fusion.Net, r *Recent, seed uint64) (best *fusion.Net, o Outcome) {
	train, held := r.Parts()
	list := replay.Examples()
	for range repeats {
		list = append(list, train...)
	}
	c := net.Clone()
	c.Train(list, fusion.Fit{Epochs: epochs, Rate: rate, Seed: seed, Drop: missing, Rounded: true})
	old := oldHeld.Examples()
	now, least := net.Judge(held)
	before := net.Right(old)
	for _, share := range shares {
		x := net.Towards(c, share)
		right, surprise := x.Judge(held)
		this := Outcome{Now: Share{now, right}, Before: Share{before, x.Right(old)}}
		this.Better = right > now && surprise < least && this.Before.Copy >= before-keepWithin
		if this.Better {
			least = surprise
		}
		if this.Better || best == nil {
			best, o = x, this
		}
	}
	best.Calibrate(append(old, held...))
	return best, o
}
