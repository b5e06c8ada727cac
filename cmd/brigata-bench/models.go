package main

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/brigata/brigata/edge"
	"github.com/brigata/brigata/edge/model/features"
	"github.com/brigata/brigata/edge/model/fusion"
	"github.com/brigata/brigata/edge/model/synth"
	"github.com/brigata/brigata/edge/model/trainer"
)

// EdgeModels measures the models of boxes on machines that they have not seen.
type EdgeModels struct {
	Parts    []string `arg:"" optional:"" enum:"models,streams,drift,pass,elec,cwru" default:"models,streams,drift,pass,elec,cwru" help:"What to measure: ${enum}; all by default."`
	Models   string   `help:"Folder of make train." default:"bin/models" type:"path"`
	Elec     string   `help:"The elec2 data: rows of numbers and a class, as CSV or ARFF." type:"existingfile"`
	CWRU     string   `name:"cwru" help:"Folder with records of the Bearing Data Center of Case Western Reserve University (.mat)." type:"existingdir"`
	Images   string   `help:"Folder with pictures of the pass, DIR/<dishes>/*.jpg." type:"existingdir"`
	Ceilings bool     `help:"For each drift, train the full net on very many labels of it, for what can be reached at most: some minutes each."`
	Drifts   []int    `help:"Which drifts to play, by number from 1; all by default."`
	Seed     uint64   `help:"Of the stores that change, and of the order of their windows: recipes are chosen on others than those that are reported."`
	Senses   bool     `help:"Train a net for each sense alone, with the same recipe, to compare with: some minutes."`
	Markdown string   `help:"File to write the tables to; the terminal by default." type:"path"`
}

const (
	resamples = 1000
	timed     = 400 // windows
	// histories of two hours in a month of a machine.
	monthOfHistories = 30 * 12
)

// judged are the answers of one net on a split.
type judged struct {
	list []synth.Sample
	p    [][]float32
}

func judge(n *fusion.Net, list []synth.Sample, of func(*features.Window) *features.Window) judged {
	pass, j := n.NewPass(1), judged{list: list}
	for i := range list {
		j.p = append(j.p, slices.Clone(pass.Read(of(list[i].Window))))
	}
	return j
}

func whole(w *features.Window) *features.Window { return w }

func alone(s features.Sense) func(*features.Window) *features.Window {
	return func(w *features.Window) *features.Window {
		return trainer.Only([]fusion.Example{{Window: w}}, s)[0].Window
	}
}

// accuracy is the share that is right, with an interval of 95 %: stores are drawn anew, since
// windows of one store are alike (bootstrap by cluster).
func (j *judged) accuracy() (mean, low, high float64) {
	type tally struct{ right, all float64 }
	stores := map[int]*tally{}
	var ids []int
	for i, s := range j.list {
		t := stores[s.Store]
		if t == nil {
			t = &tally{}
			stores[s.Store] = t
			ids = append(ids, s.Store)
		}
		t.all++
		if fusion.Top(j.p[i]) == s.Class {
			t.right++
		}
	}
	share := func(pick func(i int) int) float64 {
		right, all := 0.0, 0.0
		for i := range ids {
			t := stores[ids[pick(i)]]
			right, all = right+t.right, all+t.all
		}
		return right / all
	}
	r := rand.New(rand.NewPCG(1, 1))
	var means []float64
	for range resamples {
		means = append(means, share(func(int) int { return r.IntN(len(ids)) }))
	}
	slices.Sort(means)
	return share(func(i int) int { return i }), means[resamples*25/1000], means[resamples*975/1000]
}

// claims counts at a confidence: faults told of, of those that are there, and of machines
// that are well.
func (j *judged) claims(at float64) (recall, falsely float64, well int) {
	faults, found, told := 0, 0, 0
	for i, s := range j.list {
		top := fusion.Top(j.p[i])
		claimed := top != synth.OK && float64(j.p[i][top]) >= at
		switch {
		case s.Class == synth.OK:
			well++
			if claimed {
				told++
			}
		default:
			faults++
			if claimed && top == s.Class {
				found++
			}
		}
	}
	return float64(found) / float64(max(1, faults)), float64(told) / float64(max(1, well)), well
}

// recallAt is the best recall whose false alarms are at most the share.
func (j *judged) recallAt(most float64) (recall, at float64) {
	for step := range 200 {
		at = float64(step) / 200
		if r, falsely, _ := j.claims(at); falsely <= most {
			return r, at
		}
	}
	return 0, 1
}

// calibration is the expected calibration error, over ten bins (Guo et al., 2017).
func (j *judged) calibration() (err float64) {
	var n, sure, right [10]float64
	for i, s := range j.list {
		top := fusion.Top(j.p[i])
		p := float64(j.p[i][top])
		b := min(9, int(p*10))
		n[b], sure[b] = n[b]+1, sure[b]+p
		if top == s.Class {
			right[b]++
		}
	}
	for b := range n {
		err += math.Abs(sure[b]-right[b]) / float64(len(j.list))
	}
	return err
}

// Run measures, and writes the tables.
func (e *EdgeModels) Run() error {
	out := io.Writer(os.Stdout)
	if e.Markdown != "" {
		f, err := os.Create(e.Markdown)
		if err != nil {
			return err
		}
		defer f.Close()
		out = f
	}
	for _, part := range []struct {
		name    string
		measure func(io.Writer) error
	}{{"models", e.models}, {"streams", e.streams}, {"drift", e.drift}, {"pass", e.pass}, {"elec", e.elec}, {"cwru", e.cwru}} {
		if !slices.Contains(e.Parts, part.name) {
			continue
		}
		if err := part.measure(out); err != nil {
			return err
		}
	}
	return nil
}

// models measures the nets of make train.
func (e *EdgeModels) models(out io.Writer) error {
	nets, sizes := map[string]*fusion.Net{}, map[string]int{}
	names := []string{trainer.FullName, trainer.PrunedName, trainer.RoundedName, trainer.TaughtName, trainer.CombinedName}
	for _, name := range names {
		file, err := os.ReadFile(filepath.Join(e.Models, name+".bin"))
		if err != nil {
			return fmt.Errorf("%w: run make train first", err)
		}
		if nets[name], err = fusion.Decode(file); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		sizes[name] = len(file)
	}
	unseen := synth.NewStores.Make()
	sizesTable(out, names, nets, sizes, unseen)
	splits(out, nets[trainer.CombinedName], unseen)
	if err := e.senses(out, nets[trainer.CombinedName], unseen); err != nil {
		return err
	}
	latency(out, nets[trainer.CombinedName])
	return nil
}

func sizesTable(out io.Writer, names []string, nets map[string]*fusion.Net, sizes map[string]int, unseen []synth.Sample) {
	fmt.Fprintln(out, "| model | parameters | bytes | smaller by | read p50 | read p99 | accuracy on unseen stores |\n| --- | ---: | ---: | ---: | ---: | ---: | --- |")
	for _, name := range names {
		n := nets[name]
		j := judge(n, unseen, whole)
		mean, low, high := j.accuracy()
		pass := n.NewPass(1)
		p50, p99 := quantiles(timed, func(i int) { pass.Read(unseen[i%len(unseen)].Window) })
		fmt.Fprintf(out, "| %s | %d | %d | %.1f× | %s | %s | %.3f (%.3f to %.3f) |\n", name, n.Parameters(), sizes[name],
			float64(sizes[trainer.FullName])/float64(sizes[name]), p50, p99, mean, low, high)
	}
}

func splits(out io.Writer, n *fusion.Net, unseen []synth.Sample) {
	fmt.Fprintln(out, "\n| windows of | n | accuracy | calibration error | recall at 0.8 | false claims of well windows | a month, if windows were independent | recall at 1 % false |\n| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: |")
	drifted := synth.NewStores
	drifted.Name, drifted.Drift = "unseen stores, worn", synth.Worn(1)
	for _, s := range []synth.Split{synth.NewStores, synth.NewUnits, synth.BetweenFault, synth.MildFaults, drifted} {
		list := unseen
		if s.Name != synth.NewStores.Name {
			list = s.Make()
		}
		j := judge(n, list, whole)
		mean, low, high := j.accuracy()
		recall, falsely, well := j.claims(edge.ClaimAt)
		fixed, _ := j.recallAt(0.01)
		fmt.Fprintf(out, "| %s | %d | %.3f (%.3f to %.3f) | %.3f | %.3f | %.4f of %d | %.1f | %.3f |\n", s.Name, len(list), mean, low, high, j.calibration(),
			recall, falsely, well, falsely*monthOfHistories, fixed)
	}
}

// senses compares the fused net with what it makes of one sense, and with nets that were
// trained on that sense alone.
func (e *EdgeModels) senses(out io.Writer, n *fusion.Net, unseen []synth.Sample) error {
	fmt.Fprintln(out, "\n| sense alone | the fused net | a net trained on it |\n| --- | --- | --- |")
	for s := range features.Senses {
		s := features.Sense(s)
		j := judge(n, unseen, alone(s))
		mean, low, high := j.accuracy()
		own := "not measured"
		if e.Senses {
			r := trainer.Recipe{}
			net, err := r.One(s)
			if err != nil {
				return err
			}
			j := judge(net, unseen, alone(s))
			mean, low, high := j.accuracy()
			own = fmt.Sprintf("%.3f (%.3f to %.3f)", mean, low, high)
		}
		fmt.Fprintf(out, "| %s | %.3f (%.3f to %.3f) | %s |\n", features.Names[s], mean, low, high, own)
	}
	return nil
}

// latency is from what the senses say to what a box makes of it.
func latency(out io.Writer, n *fusion.Net) {
	m := synth.NewStore(0, 400).Machine(0)
	var raws []*synth.Raw
	for i := range 40 {
		raws = append(raws, m.Window(i, i%len(synth.Classes), 0.8, synth.Drift{}))
	}
	x, pass := features.NewExtractor(), n.NewPass(1)
	p50, p99 := quantiles(timed, func(i int) { pass.Read(raws[i%len(raws)].Tokens(x)) })
	fmt.Fprintf(out, "\nFrom a window of all senses to its class: p50 %s, p99 %s.\n", p50, p99)
}

// quantiles are of how long something takes, one at a time.
func quantiles(n int, do func(i int)) (p50, p99 time.Duration) {
	var all []time.Duration
	for i := range n {
		began := time.Now()
		do(i)
		all = append(all, time.Since(began))
	}
	slices.Sort(all)
	return all[n/2].Round(time.Microsecond), all[n*99/100].Round(time.Microsecond)
}
