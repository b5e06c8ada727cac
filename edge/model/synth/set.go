package synth

import (
	"math/rand/v2"
	"runtime"
	"sync"

	"github.com/brigata/brigata/edge/model/features"
	"github.com/brigata/brigata/edge/model/fusion"
)

// Band is a range of severities.
type Band struct{ From, To float64 }

// The severities that models are trained on, and two that they have never seen: milder,
// and between.
var (
	Trained = []Band{{0.25, 0.5}, {0.6, 1}}
	Mild    = []Band{{0.1, 0.25}}
	Between = []Band{{0.5, 0.6}}
	All     = []Band{{0.25, 1}}
)

// Split says which windows to make: stores and machines by number, so that none is in two.
type Split struct {
	Name        string
	Seed        uint64
	From, To    int // stores
	Unit, Units int // machines of each, from Unit on
	Each        int // windows of each machine
	Severities  []Band
	Drift       Drift
	Wide        bool // every second window is of a store that has changed, in ways that are drawn for it
	First       int  // number of the first window
}

// The splits of training and of the report.
var (
	Training     = Split{Name: "training", From: 0, To: 96, Units: 4, Each: 48, Severities: Trained, Wide: true}
	Calibration  = Split{Name: "calibration", From: 100, To: 110, Units: 4, Each: 24, Severities: Trained}
	NewStores    = Split{Name: "unseen stores", From: 200, To: 230, Units: 4, Each: 24, Severities: All}
	NewUnits     = Split{Name: "unseen units of known stores", From: 0, To: 48, Unit: 4, Units: 2, Each: 24, Severities: All}
	MildFaults   = Split{Name: "unseen stores, milder than trained", From: 230, To: 260, Units: 4, Each: 24, Severities: Mild}
	BetweenFault = Split{Name: "unseen stores, severities between", From: 260, To: 290, Units: 4, Each: 24, Severities: Between}
)

// Sample is a labelled window.
type Sample struct {
	*features.Window
	Class, Store, Unit int
	Severity           float64
}

// Make makes a split's samples: the same on any machine, however many cores it has.
// A third of them are of machines that are well.
func (s *Split) Make() []Sample {
	out := make([]Sample, (s.To-s.From)*s.Units*s.Each)
	var wait sync.WaitGroup
	next := make(chan int)
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			x := features.NewExtractor()
			for n := range next {
				s.machine(out, n, x)
			}
		})
	}
	for n := range (s.To - s.From) * s.Units {
		next <- n
	}
	close(next)
	wait.Wait()
	return out
}

// Examples makes a split's samples as a net is trained on them.
func (s *Split) Examples() []fusion.Example {
	samples := s.Make()
	list := make([]fusion.Example, len(samples))
	for i := range samples {
		list[i] = fusion.Example{Window: samples[i].Window, Class: samples[i].Class}
	}
	return list
}

func (s *Split) machine(out []Sample, n int, x *features.Extractor) {
	store, unit := s.From+n/s.Units, s.Unit+n%s.Units
	m := NewStore(s.Seed, store).Machine(unit)
	r := rand.New(rand.NewPCG(m.seed, uint64(s.First)<<8|3))
	for i := range s.Each {
		class := r.IntN(len(Classes))
		if r.Float64() < 0.2 {
			class = OK
		}
		b := s.Severities[r.IntN(len(s.Severities))]
		severity := b.From + (b.To-b.From)*r.Float64()
		drift := s.Drift
		if s.Wide && i%2 == 1 {
			drift = drawn(r)
		}
		w := m.Window(s.First+i, class, severity, drift)
		out[n*s.Each+i] = Sample{w.Tokens(x), class, store, unit, w.Severity}
	}
}
