package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/brigata/brigata/edge/model/features"
	"github.com/brigata/brigata/edge/model/fusion"
	"github.com/brigata/brigata/edge/model/retrain"
	"github.com/brigata/brigata/edge/model/shipped"
	"github.com/brigata/brigata/edge/model/synth"
	"github.com/brigata/brigata/edge/model/trainer"
)

const (
	driftBefore = 1000 // windows of machines as they were
	driftAfter  = 6000
	driftLabels = 256  // between two trainings
	driftPeople = 2048 // labels that there will be
	driftOld    = 20   // windows of each machine when it is as it was again
	driftJudged = 50   // others of each, before and after the change, that a net is judged by
	driftQuiet  = 6000 // windows of machines that stay as they are
	driftMost   = 0.02 // that may be missing of what was right before
	// Of the ceiling: windows of the very machines that have changed, all labelled, for the full net.
	ceilingEach, ceilingEpochs, ceilingRate = 120, 10, 2e-3
)

// drift has the net of boxes judge machines of stores that change from one window to the next, in
// one way after the other. From the alarm on, every second window comes to be labelled, and from
// time to time a copy of the net is trained on them.
func (e *EdgeModels) drift(out io.Writer) error {
	quiet(out)
	fmt.Fprint(out, "\n| drift | event | right of recent windows held out: before, after | of other machines, as they were: before, after | took | right of the windows until the next event | the net as it was |\n| --- | --- | --- | --- | ---: | --- | ---: |\n")
	var runs []*driftRun
	as := synth.NewStores
	as.Seed, as.First, as.Each = e.Seed, 9000, driftOld
	old := as.Make()
	rand.New(rand.NewPCG(e.Seed+1, 37)).Shuffle(len(old), func(i, j int) { old[i], old[j] = old[j], old[i] })
	for i, k := range synth.Kinds {
		if len(e.Drifts) > 0 && !slices.Contains(e.Drifts, i+1) {
			continue
		}
		d := &driftRun{out: out, kind: k, seed: e.Seed, now: retrain.Learnt{Net: shipped.Net()}, old: old, recent: new(retrain.Recent), r: rand.New(rand.NewPCG(e.Seed+1, 29))}
		d.run()
		runs = append(runs, d)
	}
	fmt.Fprint(out, "\n| drift | alarm after | by | right before | after, of the net as it was | of the net that has learnt | when machines are as they were again: the net as it was, that has learnt | slowest training | the ceiling | back within 2 points |\n| --- | ---: | --- | ---: | ---: | --- | ---: | ---: | --- |\n")
	for _, d := range runs {
		d.sum(e.Ceilings)
	}
	return nil
}

// quiet counts alarms about machines that have not changed.
func quiet(out io.Writer) {
	s := synth.NewStores
	s.First, s.Each = 3000, driftQuiet/((s.To-s.From)*s.Units)
	list := s.Make()
	rand.New(rand.NewPCG(1, 31)).Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	watch, net, alarms := retrain.NewWatch(), shipped.Net(), 0
	pass := net.NewPass(1)
	for _, x := range list {
		if watch.See(fusion.Sure(pass.Read(x.Window)), net, x.Window) != "" {
			alarms++
		}
	}
	fmt.Fprintf(out, "\n%d alarms of %d windows of machines that have not changed.\n", alarms, len(list))
}

// driftRun is a stream, and what becomes of a net that reads it.
type driftRun struct {
	out              io.Writer
	kind             synth.Kind
	seed             uint64
	now              retrain.Learnt
	copied           bool        // now is, or comes of, a copy of the net as it was
	copy             *fusion.Net // the last one
	seasons          retrain.Seasons
	watch            *retrain.Watch
	pass, was        *fusion.Pass   // of the net that judges, and of the one as it was
	old              []synth.Sample // of the stores as they were
	recent           *retrain.Recent
	labels, times    int
	r                *rand.Rand
	event            string  // the last
	right, frozen, n float64 // windows since then

	alarm   int // windows after the change; 0: none
	by      string
	slowest time.Duration
	// Right of driftJudged other windows of each machine: of the net as it was before and after the change, and of what was
	// learnt then.
	before, as, learnt float64
	back               [2]float64
}

func (d *driftRun) draw(s synth.Split, n int) []synth.Sample {
	list := s.Make()
	d.r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list[:n]
}

func (d *driftRun) run() {
	before, after := synth.NewStores, synth.NewStores
	before.Seed, after.Seed = d.seed, d.seed
	after.Drift, after.First, after.Each = d.kind.Drift, 500, 54
	stream := slices.Concat(d.draw(before, driftBefore), d.draw(after, driftAfter))
	d.watch = retrain.NewWatch()
	d.pass, d.was = d.now.Net.NewPass(1), shipped.Net().NewPass(1)
	d.event = "none yet | | | |"
	for i, s := range stream {
		if i == driftBefore {
			d.tell("the stores change | | | |")
		}
		switch by, _, _ := d.see(s); {
		case by == "":
		case i < driftBefore:
			d.tell("alarm, and nothing has changed | | | |")
		case d.alarm > 0:
			d.tell("alarm once more: offsets are forgotten | | | |")
		default:
			d.alarm, d.by = i-driftBefore+1, by
			d.tell(fmt.Sprintf("alarm, %d windows after, by %s | | | |", d.alarm, by))
		}
		if d.alarm == 0 || d.labels == driftPeople || d.r.IntN(2) == 0 {
			continue
		}
		// What a machine has is drawn for each window: each is of a work order of its own.
		d.recent.Add(fusion.Example{Window: s.Window, Class: s.Class}, machineOf(s), fmt.Sprint(i))
		if d.labels++; d.labels%driftLabels == 0 {
			d.again()
		}
	}
	d.tell("the stores are as they were | | | |")
	as := retrain.Learnt{Net: shipped.Net()}
	d.before, d.as, d.learnt = right(as, others(before)), right(as, others(after)), right(d.now, others(after))
	d.returned()
}

// others are windows of a split that are in no stream.
func others(s synth.Split) []synth.Sample {
	s.First, s.Each = 20000, driftJudged
	return s.Make()
}

// right is the share of windows that what was learnt is right of.
func right(l retrain.Learnt, list []synth.Sample) float64 {
	pass, n := l.Net.NewPass(1), 0
	for _, s := range list {
		p := pass.Read(s.Window)
		if l.Offsets.Apply(machineOf(s), p); fusion.Top(p) == s.Class {
			n++
		}
	}
	return float64(n) / float64(len(list))
}

// returned has the stores be as they were, with nobody to say so.
func (d *driftRun) returned() {
	right, frozen, n := 0.0, 0.0, float64(len(d.old))
	for _, s := range d.old {
		by, r, f := d.see(s)
		right, frozen = right+r, frozen+f
		if by != "" {
			d.tell("alarm, by " + by + ": offsets are forgotten | | | |")
		}
	}
	d.back = [2]float64{frozen / n, right / n}
	d.tell("")
}

// see judges a window, and returns what the watch says has changed, and 1 for each net that is right.
func (d *driftRun) see(s synth.Sample) (by string, right, frozen float64) {
	p := d.pass.Read(s.Window)
	by = d.watch.See(fusion.Sure(p), d.now.Net, s.Window)
	d.now.Offsets.Apply(machineOf(s), p)
	if fusion.Top(p) == s.Class {
		right = 1
	}
	if fusion.Top(d.was.Read(s.Window)) == s.Class {
		frozen = 1
	}
	d.n, d.right, d.frozen = d.n+1, d.right+right, d.frozen+frozen
	if by != "" {
		d.now.Offsets = nil
		d.seasons.End(d.watch, d.copied)
	}
	d.turn()
	return by, right, frozen
}

// turn has the net as it was, or its copy, judge, as the time is.
func (d *driftRun) turn() {
	now := d.watch.Settled()
	if now == nil {
		return
	}
	copied, known := d.seasons.Copied(now)
	if !known || copied == d.copied {
		return
	}
	d.copied, d.recent, d.now = copied, new(retrain.Recent), retrain.Learnt{Net: shipped.Net()}
	if copied {
		d.now.Net = d.copy
	}
	d.pass = d.now.Net.NewPass(1)
	d.tell(fmt.Sprintf("the inputs are nearest to those of the copy: %v | | | |", copied))
}

func machineOf(s synth.Sample) string { return fmt.Sprint(s.Store, "/", s.Unit) }

// again trains a copy, which takes the net's place if it is better.
func (d *driftRun) again() {
	began := time.Now()
	next, o := retrain.Try(d.now, shipped.Net(), d.recent, d.times)
	took := time.Since(began)
	d.slowest, d.times = max(d.slowest, took), d.times+1
	what := "not promoted"
	if o.Better {
		d.now, what = next, "promoted"
		d.copied, d.copy, d.pass = true, d.now.Net, d.now.Net.NewPass(1)
	}
	d.tell(fmt.Sprintf("%s, of %d labels | %.3f, %.3f | %.3f, %.3f | %s |", what, d.labels, o.Now.Net, o.Now.Copy, o.Before.Net, o.Before.Copy, took.Round(10*time.Millisecond)))
}

// tell writes the row of the last event, and begins that of the next.
func (d *driftRun) tell(next string) {
	fmt.Fprintf(d.out, "| %s | %s %.3f of %.0f | %.3f |\n", d.kind.Name, d.event, d.right/max(1, d.n), d.n, d.frozen/max(1, d.n))
	d.event, d.right, d.frozen, d.n = next, 0, 0, 0
}

// sum writes what became of a drift, and what could become of it at most.
func (d *driftRun) sum(ceilings bool) {
	alarm, most, back := "none", "not measured", "no"
	if d.alarm > 0 {
		alarm = fmt.Sprint(d.alarm)
	}
	if d.learnt >= d.before-driftMost {
		back = "yes"
	}
	if ceilings {
		c := d.ceiling()
		most = fmt.Sprintf("%.3f", c)
		if back == "no" && c < d.before-driftMost {
			back = "no: nor can it be"
		}
	}
	fmt.Fprintf(d.out, "| %s | %s | %s | %.3f | %.3f | %.3f | %.3f, %.3f | %s | %s | %s |\n", d.kind.Name, alarm, d.by, d.before, d.as, d.learnt, d.back[0], d.back[1], d.slowest.Round(10*time.Millisecond), most, back)
}

// ceiling is what the full net, new and trained on very many labelled windows of the very machines
// that have changed, gets right of others of them.
func (d *driftRun) ceiling() float64 {
	train, test := synth.NewStores, synth.NewStores
	train.Seed, test.Seed = d.seed, d.seed
	train.Drift, train.First, train.Each = d.kind.Drift, 5000, ceilingEach
	test.Drift = d.kind.Drift
	list := train.Examples()
	net, err := fusion.New(trainer.Full, 0)
	if err != nil {
		panic(err) // its shape is known
	}
	windows := make([]*features.Window, len(list))
	for i, x := range list {
		windows[i] = x.Window
	}
	net.Normalise(windows)
	net.Train(list, fusion.Fit{Epochs: ceilingEpochs, Rate: ceilingRate, Seed: 1, Drop: 0.1})
	return right(retrain.Learnt{Net: net}, others(test))
}
