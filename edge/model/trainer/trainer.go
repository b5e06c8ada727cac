// Package trainer makes the models that boxes run: the full net, and smaller ones of it.
// Its promise: the same seed gives the same bytes on one kind of processor, however many
// cores it has. make train and the report run it; boxes do not.
package trainer

import (
	"fmt"

	"github.com/brigata/brigata/edge/model/features"
	"github.com/brigata/brigata/edge/model/fusion"
	"github.com/brigata/brigata/edge/model/synth"
)

// Shapes of the full net and of the one that is taught by it.
var (
	Full  = fusion.Shape{Width: 40, Layers: 2, Heads: 4, Head: 10, Hidden: 80, Classes: len(synth.Classes)}
	Small = fusion.Shape{Width: 16, Layers: 1, Heads: 2, Head: 8, Hidden: 32, Classes: len(synth.Classes)}
)

// What pruning leaves of the full net, and of the small one.
const (
	fullHeads, fullHidden   = 2, 24
	smallHeads, smallHidden = 1, 16
)

// Recipe is how long and with which seed models are trained.
type Recipe struct {
	Seed     uint64
	Epochs   int     // of the full net; 0: 12
	Share    float64 // of the training stores; 0: all. For tests
	Progress func(step string)
	made     *data
}

// Model is a net and how it was made.
type Model struct {
	Name      string
	Net       *fusion.Net
	EightBits bool // its file keeps eight bits of a weight
}

// File is the model as boxes read it.
func (m *Model) File() []byte { return m.Net.Encode(m.EightBits) }

// Names of the models that a recipe makes.
const (
	FullName     = "full"
	PrunedName   = "pruned"
	RoundedName  = "int8"
	TaughtName   = "distilled"
	CombinedName = "combined"
)

// data are the examples of a recipe.
type data struct {
	training, calibration []fusion.Example
}

// Only leaves one sense of each example.
func Only(list []fusion.Example, sense features.Sense) []fusion.Example {
	out := make([]fusion.Example, len(list))
	for i, e := range list {
		w := *e.Window
		for s := range features.Senses {
			if s := features.Sense(s); s != sense {
				w.Drop(s)
			}
		}
		out[i] = fusion.Example{Window: &w, Class: e.Class}
	}
	return out
}

// data makes the recipe's examples, once.
func (r *Recipe) data() *data {
	if r.made != nil {
		return r.made
	}
	training, calibration := synth.Training, synth.Calibration
	training.Seed, calibration.Seed = r.Seed, r.Seed
	if r.Share > 0 {
		training.To = max(1, int(r.Share*float64(training.To)))
		calibration.To = calibration.From + max(1, int(r.Share*float64(calibration.To-calibration.From)))
	}
	r.made = &data{training.Examples(), calibration.Examples()}
	return r.made
}

const (
	epochs  = 12
	rate    = 2e-3
	tune    = 4e-4 // of nets that are trained on
	missing = 0.15 // of the senses, in training
)

// fit trains and calibrates a net.
func (r *Recipe) fit(n *fusion.Net, f fusion.Fit, name string) *fusion.Net {
	d := r.data()
	f.Seed, f.Drop = r.Seed, missing
	f.Progress = func(epoch int, loss float64) {
		if r.Progress != nil {
			r.Progress(fmt.Sprintf("%s: epoch %d of %d, loss %.3f", name, epoch+1, f.Epochs, loss))
		}
	}
	n.Train(d.training, f)
	n.Calibrate(d.calibration)
	return n
}

func (r *Recipe) epochs(share float64) int {
	if r.Epochs == 0 {
		r.Epochs = epochs
	}
	return max(1, int(float64(r.Epochs)*share))
}

// fresh is a net that knows only the scales of its inputs.
func (r *Recipe) fresh(s fusion.Shape) (*fusion.Net, error) {
	n, err := fusion.New(s, r.Seed)
	if err != nil {
		return nil, err
	}
	examples := r.data().training
	windows := make([]*features.Window, len(examples))
	for i, e := range examples {
		windows[i] = e.Window
	}
	n.Normalise(windows)
	return n, nil
}

// One trains the full net on one sense alone, and so whatever the recipe makes from then on.
func (r *Recipe) One(sense features.Sense) (*fusion.Net, error) {
	d := r.data()
	d.training, d.calibration = Only(d.training, sense), Only(d.calibration, sense)
	n, err := r.fresh(Full)
	if err != nil {
		return nil, err
	}
	return r.fit(n, fusion.Fit{Epochs: r.epochs(1), Rate: rate}, features.Names[sense]), nil
}

// Distil trains a small net on what a large one says.
func (r *Recipe) Distil(teacher *fusion.Net, s fusion.Shape) (*fusion.Net, error) {
	n, err := r.fresh(s)
	if err != nil {
		return nil, err
	}
	return r.fit(n, fusion.Fit{Epochs: r.epochs(2), Rate: 2 * rate, Teacher: teacher}, TaughtName), nil
}

// Prune takes heads and hidden units away, and trains what is left to say what the whole said.
func (r *Recipe) Prune(n *fusion.Net, heads, hidden int) (*fusion.Net, error) {
	less, err := n.Prune(heads, hidden)
	if err != nil {
		return nil, err
	}
	return r.fit(less, fusion.Fit{Epochs: r.epochs(0.3), Rate: tune, Teacher: n}, PrunedName), nil
}

// Round trains a copy to be rounded to eight bits.
func (r *Recipe) Round(n *fusion.Net) *fusion.Net {
	return r.fit(n.Clone(), fusion.Fit{Epochs: r.epochs(0.15), Rate: tune / 4, Rounded: true}, RoundedName)
}

// All trains the full net, and makes it smaller in each way and in all of them.
func (r *Recipe) All() ([]Model, error) {
	full, err := r.fresh(Full)
	if err != nil {
		return nil, err
	}
	r.fit(full, fusion.Fit{Epochs: r.epochs(1), Rate: rate}, FullName)
	taught, err := r.Distil(full, Small)
	if err != nil {
		return nil, err
	}
	combined, err := taught.Prune(smallHeads, smallHidden)
	if err != nil {
		return nil, err
	}
	r.fit(combined, fusion.Fit{Epochs: r.epochs(1), Rate: rate, Teacher: full, Rounded: true}, CombinedName)
	pruned, err := r.Prune(full, fullHeads, fullHidden)
	if err != nil {
		return nil, err
	}
	rounded := r.Round(full)
	return []Model{{FullName, full, false}, {PrunedName, pruned, false}, {RoundedName, rounded, true}, {TaughtName, taught, false}, {CombinedName, combined, true}}, nil
}
