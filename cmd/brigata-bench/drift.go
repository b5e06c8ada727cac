package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/brigata/brigata/edge/model/fusion"
	"github.com/brigata/brigata/edge/model/retrain"
	"github.com/brigata/brigata/edge/model/shipped"
	"github.com/brigata/brigata/edge/model/synth"
)

const (
	driftBefore = 1000 // windows of machines as they were
	driftAfter  = 4000
	driftLabels = 256 // between two trainings, of the 1,024 that are kept
)

// drift has the net of boxes judge machines of stores that become, from one window to the
// next, hotter and louder, with worn mountings. From the alarm on, every second window comes to
// be labelled, and from time to time a copy of the net is trained on them.
func (e *EdgeModels) drift(out io.Writer) error {
	fmt.Fprint(out, "\n| drift | event | right of recent windows held out: before, after | of machines as they were: before, after | took | right of the windows until the next event | the net as it was |\n| ---: | --- | --- | --- | ---: | --- | ---: |\n")
	for _, much := range []float64{0.5, 1} {
		d := driftRun{out: out, much: much, net: shipped.Net(), recent: new(retrain.Recent), r: rand.New(rand.NewPCG(1, 29))}
		d.run()
	}
	return nil
}

// driftRun is a stream, and what becomes of a net that reads it.
type driftRun struct {
	out              io.Writer
	much             float64
	net              *fusion.Net
	recent           *retrain.Recent
	labels           int
	r                *rand.Rand
	event            string  // the last
	right, frozen, n float64 // windows since then
}

func (d *driftRun) draw(s synth.Split, n int) []synth.Sample {
	list := s.Make()
	d.r.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	return list[:n]
}

func (d *driftRun) run() {
	before, after := synth.NewStores, synth.NewStores
	after.Drift, after.First, after.Each = d.much, 500, 36
	stream := slices.Concat(d.draw(before, driftBefore), d.draw(after, driftAfter))
	watch, alarmed := retrain.NewWatch(), false
	pass, frozen := d.net.NewPass(1), shipped.Net().NewPass(1)
	d.event = "none yet | | | |"
	for i, s := range stream {
		if i == driftBefore {
			d.tell("the stores change | | | |")
		}
		p := pass.Read(s.Window)
		d.note(fusion.Top(p) == s.Class, fusion.Top(frozen.Read(s.Window)) == s.Class)
		if watch.Sure(fusion.Sure(p)) && !alarmed {
			alarmed = true
			d.tell(fmt.Sprintf("alarm, %d windows after | | | |", i-driftBefore))
		}
		if !alarmed || d.labels == retrain.Max || d.r.IntN(2) == 0 {
			continue
		}
		d.recent.Add(fusion.Example{Window: s.Window, Class: s.Class}, fmt.Sprintf("%d/%d", s.Store, s.Unit))
		if d.labels++; d.labels%driftLabels == 0 {
			d.again()
			pass = d.net.NewPass(1)
		}
	}
	d.tell("")
}

// again trains a copy, which takes the net's place if it is better.
func (d *driftRun) again() {
	began := time.Now()
	next, o := retrain.Try(d.net, d.recent, uint64(d.labels))
	what := "not promoted"
	if o.Better {
		d.net, what = next, "promoted"
	}
	d.tell(fmt.Sprintf("%s, of %d labels | %.3f, %.3f | %.3f, %.3f | %s |", what, d.labels, o.Now.Net, o.Now.Copy, o.Before.Net, o.Before.Copy, time.Since(began).Round(10*time.Millisecond)))
}

func (d *driftRun) note(right, frozen bool) {
	d.n++
	if right {
		d.right++
	}
	if frozen {
		d.frozen++
	}
}

// tell writes the row of the last event, and begins that of the next.
func (d *driftRun) tell(next string) {
	fmt.Fprintf(d.out, "| %.1f | %s %.3f of %.0f | %.3f |\n", d.much, d.event, d.right/max(1, d.n), d.n, d.frozen/max(1, d.n))
	d.event, d.right, d.frozen, d.n = next, 0, 0, 0
}
