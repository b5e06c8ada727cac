package main

import (
	"fmt"
	"io"
	"os"

	"github.com/brigata/brigata/edge/model/stream"
)

const (
	streamRows   = 40_000
	streamWindow = 2000 // rows, of the worst area
	trees        = 10
	treesMany    = 60
)

// last says that the next row is of the class of the one before it: what a learner has to
// beat where classes come in runs.
type last struct{ class int }

func (l *last) Read(_, p []float64) {
	clear(p)
	p[l.class] = 1
}

func (l *last) Learn(r stream.Row) { l.class = r.Class }

// learners are what is compared on a stream of rows.
func learners(s stream.Shape) []learner {
	return []learner{
		{"the class before", &last{}},
		{"Hoeffding tree", stream.NewTree(s, stream.Plain, 1)},
		{fmt.Sprintf("adaptive random forest, %d trees, moderate", trees), stream.NewForest(s, trees, stream.Moderate, 1)},
		{fmt.Sprintf("adaptive random forest, %d trees, fast", trees), stream.NewForest(s, trees, stream.Fast, 1)},
		{fmt.Sprintf("adaptive random forest, %d trees, fast", treesMany), stream.NewForest(s, treesMany, stream.Fast, 1)},
	}
}

type learner struct {
	name string
	stream.Learner
}

// streams compares learners on generated streams whose truth changes three times.
func (e *EdgeModels) streams(out io.Writer) error {
	fmt.Fprintf(out, "\n| %d rows, another truth after each quarter | learner | accuracy | in the 2,000 rows after a change |\n| --- | --- | ---: | ---: |\n", streamRows)
	for _, s := range stream.Sources {
		rows := s.Changing(1, streamRows)
		for _, l := range learners(s.Shape)[1:4] {
			score := stream.Test(l, s.Shape, rows, streamWindow)
			fmt.Fprintf(out, "| %s | %s | %.3f | %.3f |\n", s.Name, l.name, score.Accuracy, afterChanges(score.Right, s.Truths))
		}
	}
	return nil
}

// afterChanges is the share that is right in the windows that follow a change.
func afterChanges(right []bool, truths int) (share float64) {
	for i, ok := range right {
		if part := len(right) / truths; ok && i >= part && i%part < streamWindow {
			share += 1 / float64(streamWindow*(truths-1))
		}
	}
	return share
}

// elec compares learners on the prices of electricity in New South Wales (Harries, 1999),
// or on any table whose last column is one of two classes.
func (e *EdgeModels) elec(out io.Writer) error {
	if e.Elec == "" {
		fmt.Fprintln(out, "\nelec2: not measured, for want of --elec FILE (elec.csv, or elecNormNew.arff).")
		return nil
	}
	f, err := os.Open(e.Elec)
	if err != nil {
		return err
	}
	defer f.Close()
	shape, rows, err := stream.Table(f)
	if err != nil {
		return fmt.Errorf("%s: %w", e.Elec, err)
	}
	fmt.Fprintf(out, "\n| %d rows of %d numbers | accuracy | AUC | worst AUC of %d rows |\n| --- | ---: | ---: | ---: |\n", len(rows), shape.Features, streamWindow)
	for _, l := range learners(shape) {
		score := stream.Test(l, shape, rows, streamWindow)
		fmt.Fprintf(out, "| %s | %.3f | %.3f | %.3f |\n", l.name, score.Accuracy, score.AUC, score.WorstAUC)
	}
	return nil
}
