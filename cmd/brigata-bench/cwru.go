package main

import (
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/brigata/brigata/edge/model/features"
	"github.com/brigata/brigata/edge/model/fusion"
	"github.com/brigata/brigata/edge/model/matlab"
	"github.com/brigata/brigata/edge/model/shipped"
	"github.com/brigata/brigata/edge/model/synth"
)

const (
	gravity = 9806.65 // mm/s²: the records are in g
	burst   = 4096
	// Records are of ten seconds; those of more samples were taken at the higher rate.
	slowRate, fastRate, slowMost = 12_000, 48_000, 200_000
)

// driveEnd names the accelerometer that all records have, with the record's number; those
// from 97 to 100 are of a bearing that is well.
var driveEnd = regexp.MustCompile(`^X(\d+)_DE_time$`)

// cwru has the net that boxes come with judge the bearings of Case Western Reserve
// University by their vibration alone. The net has never seen a real bearing.
func (e *EdgeModels) cwru(out io.Writer) error {
	if e.CWRU == "" {
		fmt.Fprintln(out, "\nCWRU: not measured, for want of --cwru DIR (the .mat files of the Bearing Data Center).")
		return nil
	}
	x, pass := features.NewExtractor(), shipped.Net().NewPass(1)
	rows := map[string]*bearings{}
	err := filepath.WalkDir(e.CWRU, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.EqualFold(filepath.Ext(name), ".mat") {
			return err
		}
		kind, record, err := readRecord(name)
		if err != nil || record == nil {
			return err
		}
		if rows[kind] == nil {
			rows[kind] = &bearings{}
		}
		rows[kind].files++
		rate := float64(slowRate)
		if len(record) > slowMost {
			rate = fastRate
		}
		for ; len(record) >= burst; record = record[burst:] {
			rows[kind].judge(x, pass, record[:burst], rate)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		return fmt.Errorf("%s has no record of a bearing", e.CWRU)
	}
	fmt.Fprintln(out, "\n| CWRU, vibration alone | records | bursts | said to be a bearing | on average | kurtosis, median |\n| --- | ---: | ---: | ---: | ---: | ---: |")
	for _, kind := range slices.Sorted(maps.Keys(rows)) {
		b := rows[kind]
		slices.Sort(b.kurtosis)
		fmt.Fprintf(out, "| %s | %d | %d | %.3f | %.3f | %.1f |\n", kind, b.files, len(b.kurtosis), b.said/float64(len(b.kurtosis)), b.sure/float64(len(b.kurtosis)), b.kurtosis[len(b.kurtosis)/2])
	}
	return nil
}

// readRecord is what the accelerometer measured, in mm/s², and of what; nil where the file
// has none.
func readRecord(name string) (kind string, record []float64, err error) {
	s, err := os.Stat(name)
	if err != nil {
		return "", nil, err
	}
	if s.Size() > matlab.Max {
		return "", nil, fmt.Errorf("%s: too large", name)
	}
	file, err := os.ReadFile(name)
	if err != nil {
		return "", nil, err
	}
	arrays, err := matlab.Read(file)
	if err != nil {
		return "", nil, fmt.Errorf("%s: %w", name, err)
	}
	for _, array := range slices.Backward(slices.Sorted(maps.Keys(arrays))) { // 99.mat has the one before it too
		m, v := driveEnd.FindStringSubmatch(array), arrays[array]
		if m == nil || len(v) < burst {
			continue
		}
		for i := range v {
			v[i] *= gravity
		}
		if n, _ := strconv.Atoi(m[1]); n >= 97 && n <= 100 {
			return "well", v, nil
		}
		return "worn", v, nil
	}
	return "", nil, nil
}

// bearings are the bursts of one kind.
type bearings struct {
	files      int
	said, sure float64
	kurtosis   []float64
}

func (b *bearings) judge(x *features.Extractor, pass *fusion.Pass, burst []float64, rate float64) {
	var w features.Window
	x.Vibration(&w, burst, rate)
	p := pass.Read(&w)
	if fusion.Top(p) == synth.Bearing {
		b.said++
	}
	b.sure += float64(p[synth.Bearing])
	at := features.Spans[features.Vibration][1] - 1 // the token of moments
	b.kurtosis = append(b.kurtosis, math.Exp(float64(w.X[at*features.Width+3])))
}
