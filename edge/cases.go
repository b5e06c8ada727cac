package edge

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/brigata/brigata/edge/link"
	"github.com/brigata/brigata/edge/model/features"
	"github.com/brigata/brigata/edge/model/fusion"
	"github.com/brigata/brigata/edge/model/retrain"
)

// cases keeps, on the disk, windows of machines that the model believes to fail, until
// people have said what they found: a file for each machine, with a place for each ten
// minutes of the last sixteen hours of belief.
type cases struct {
	dir  string
	last map[string]time.Time // of a machine's newest window
}

const (
	caseEvery  = 10 * time.Minute
	casePlaces = 96
	caseMost   = 48                  // windows of a case that are trained on, and
	casesMost  = link.LabelsMax * 32 // of all cases
	casesMax   = 256                 // machines
)

// kept is a window in its place.
type kept struct {
	At  int64 // ms; 0: nothing is here
	Has [features.Senses]bool
	X   [features.Tokens * features.Width]float32
}

var keptSize = int64(binary.Size(kept{}))

// due says that the machine's last window is long ago, and takes this one for its newest.
func (c *cases) due(asset string, at time.Time) bool {
	last, known := c.last[asset]
	if known && at.Sub(last).Abs() < caseEvery || !known && len(c.last) == casesMax {
		return false
	}
	c.last[asset] = at
	return true
}

func (c *cases) file(asset string) string {
	name := sha256.Sum256([]byte(asset))
	return filepath.Join(c.dir, hex.EncodeToString(name[:16]))
}

// keep writes a window.
func (c *cases) keep(asset string, at time.Time, w *features.Window) error {
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(c.file(asset), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	binary.Write(&b, binary.LittleEndian, kept{at.UnixMilli(), w.Has, w.X}) // a buffer takes everything
	_, err = f.WriteAt(b.Bytes(), at.UnixMilli()/caseEvery.Milliseconds()%casePlaces*keptSize)
	return errors.Join(err, f.Close())
}

// of are the windows of a machine within a time.
func (c *cases) of(asset string, from, to time.Time) (list []*features.Window, err error) {
	f, err := os.Open(c.file(asset))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for range casePlaces {
		var k kept
		if err := binary.Read(f, binary.LittleEndian, &k); err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				return list, nil
			}
			return nil, err
		}
		if k.At >= from.UnixMilli() && k.At <= to.UnixMilli() {
			list = append(list, &features.Window{X: k.X, Has: k.Has})
		}
	}
	return list, nil
}

// thinned are at most so many of a case's windows, from all of its time: they are much alike, and a
// box has little room.
func thinned(list []*features.Window, most int) []*features.Window {
	if len(list) <= most {
		return list
	}
	some := make([]*features.Window, most)
	for i := range some {
		some[i] = list[i*len(list)/most]
	}
	return some
}

// found are the windows since a time of which people have said what they are.
func (c *cases) found(labels []link.Label, since time.Time) (*retrain.Recent, error) {
	r, each := new(retrain.Recent), min(caseMost, casesMost/max(1, len(labels)))
	for _, l := range labels {
		class := features.ClassOf(l.Class)
		if class < 0 {
			continue
		}
		from := l.From
		if from.Before(since) {
			from = since
		}
		list, err := c.of(l.Asset, from, l.To)
		if err != nil {
			return nil, err
		}
		for _, w := range thinned(list, each) {
			r.Add(fusion.Example{Window: w, Class: class}, l.Asset, l.WorkOrder)
		}
	}
	return r, nil
}
