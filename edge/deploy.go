package edge

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/brigata/brigata/edge/link"
	"github.com/brigata/brigata/edge/model/fusion"
	"github.com/brigata/brigata/edge/model/release"
	"github.com/brigata/brigata/edge/model/synth"
)

// golden are windows of machines that no trainer has seen, whose faults are plain.
var golden = synth.Split{Name: "golden", Seed: 7, From: 900, To: 912, Units: 1, Each: 4, Severities: []synth.Band{{From: 0.7, To: 1}}}

const (
	goldenRight = 0.75 // of the golden windows, that a model must get right
	// A model that has come is on trial for so many windows of machines, next to the one
	// before it: if they agree on fewer than the share, it goes again.
	trialLen   = 200
	trialAgree = 0.5

	modelsMax   = 16 << 20 // bytes of the store of objects
	modelsEvery = 2 * time.Second
)

var errCanary = errors.New("canary")

// deployment is the model that the box judges with, and how another takes its place:
// verified, tried on golden windows, swapped between two windows, and taken back when it
// does not judge as the one before it did. It is a Model, of the pipeline's goroutine;
// models come from another.
type deployment struct {
	dir    string
	keys   []ed25519.PublicKey
	log    *slog.Logger
	counts *counts
	now    atomic.Pointer[installed]

	mu sync.Mutex // of the files, and of who may swap
}

// installed is a model of the box, and the one that it was put in the place of.
type installed struct {
	Model
	version release.Version
	sent    bool        // it is on the disk
	base    string      // of what the box has trained itself: the model that it began with
	first   *fusion.Net // that model's net; nil: this is it
	before  *installed  // the last one that stood its trial; nil: it had none to stand
	stood   atomic.Bool // it has
	seen    int
	agreed  int
}

func (n *installed) onTrial() bool { return n.before != nil && !n.stood.Load() }

// origin is the model that was made elsewhere.
func (n *installed) origin() string {
	if n.base != "" {
		return n.base
	}
	return n.Version()
}

const (
	manifestName = "manifest.json"
	modelName    = "model.bin"
	refusedName  = "refused"
)

// newDeployment begins with the newest model that the box has: one that was sent, or its own.
func newDeployment(o *Options, c *counts) *deployment {
	d := &deployment{dir: filepath.Join(o.Data, "model"), keys: o.ModelKeys, log: o.Log, counts: c}
	own := &installed{Model: o.Model, version: o.own}
	d.now.Store(own)
	if len(d.keys) == 0 {
		return d
	}
	text, err := os.ReadFile(filepath.Join(d.dir, manifestName))
	if err != nil {
		return d
	}
	file, err := os.ReadFile(filepath.Join(d.dir, modelName))
	if err == nil {
		var m *release.Manifest
		var net *fusion.Net
		if m, net, err = release.Open(text, file, d.keys, own.version); err == nil {
			d.now.Store(&installed{Model: NewFused(m.String(), net), version: m.Version, sent: true})
			return d
		}
	}
	d.log.Error("the model on the disk cannot be used: the box's own judges", "error", err)
	return d
}

// Version implements Model.
func (d *deployment) Version() string { return d.now.Load().Version() }

// Judge implements Model.
func (d *deployment) Judge(w *Window) Verdict {
	n := d.now.Load()
	v := n.Judge(w)
	if w.Machine != nil && n.onTrial() && !n.stands(w) {
		d.back(n)
	}
	return v
}

// stands notes how two models judge a window; false when the trial is lost.
func (n *installed) stands(w *Window) bool {
	a, okA := n.Model.(*Fused)
	b, okB := n.before.Model.(*Fused)
	if !okA || !okB {
		n.stood.Store(true)
		return true
	}
	n.seen++
	if asset, x := w.Set.Asset, &w.Machine.Tokens; a.class(asset, x) == b.class(asset, x) {
		n.agreed++
	}
	if n.seen < trialLen {
		return true
	}
	n.stood.Store(float64(n.agreed) >= trialAgree*float64(n.seen))
	return n.stood.Load()
}

// back puts the model before in its place again.
func (d *deployment) back(n *installed) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.now.CompareAndSwap(n, n.before) {
		return // a newer one has come
	}
	d.counts.modelsBack.Add(1)
	d.log.Error("a model does not judge as the one before it: it is taken back", "model", n.Version(), "agreed", n.agreed, "of", n.seen)
	if n.base != "" {
		l := d.learnt()
		l.File, l.Offsets, l.Seasons.Learnt = "", nil, nil
		if err := d.noteLearnt(l); err != nil {
			d.log.Error("what the box has learnt cannot be forgotten", "error", err)
		}
		return
	}
	err := errors.Join(os.WriteFile(filepath.Join(d.dir, refusedName), []byte(n.version.String()), 0o600),
		os.Remove(filepath.Join(d.dir, manifestName)), os.Remove(filepath.Join(d.dir, modelName)))
	if before := filepath.Join(d.dir, "before"); err == nil && n.before.sent {
		err = errors.Join(os.Rename(filepath.Join(before, manifestName), filepath.Join(d.dir, manifestName)),
			os.Rename(filepath.Join(before, modelName), filepath.Join(d.dir, modelName)))
	}
	if err != nil {
		d.log.Error("the model before cannot be kept", "error", err)
	}
}

// refused is the version that was taken back last: it does not come again.
func (d *deployment) refused() (v release.Version) {
	if text, err := os.ReadFile(filepath.Join(d.dir, refusedName)); err == nil {
		v, _ = release.ParseVersion(string(text))
	}
	return v
}

// install takes a release over, or says why not.
func (d *deployment) install(text, file []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := d.now.Load()
	after := n.version
	if bad := d.refused(); bad.Compare(after) > 0 {
		after = bad
	}
	if has, err := os.ReadFile(filepath.Join(d.dir, manifestName)); err == nil && n.sent && bytes.Equal(has, text) {
		return nil // it comes again with each start
	}
	m, net, err := release.Open(text, file, d.keys, after)
	if err != nil {
		return err
	}
	if right := tried(net); right < goldenRight {
		return fmt.Errorf("%w: %.2f of the golden windows are right, %.2f are needed", errCanary, right, goldenRight)
	}
	proven := n
	if n.onTrial() { // one that comes meanwhile ends the trial, and stands its own beside the same
		proven = n.before
	}
	if err := d.keep(text, file, proven == n && n.sent); err != nil {
		return err
	}
	d.now.Store(&installed{Model: NewFused(m.String(), net), version: m.Version, sent: true, before: &installed{Model: proven.Model, version: proven.version, sent: proven.sent, base: proven.base, first: proven.first}})
	d.counts.modelsIn.Add(1)
	d.log.Info("a model has come", "model", m.String(), "before", n.Version())
	return nil
}

// tried is the share of the golden windows that a net gets right.
func tried(net *fusion.Net) float64 {
	return net.Right(golden.Examples())
}

// keep writes a release to the disk, and puts the one before aside.
func (d *deployment) keep(text, file []byte, before bool) error {
	aside := filepath.Join(d.dir, "before")
	if err := os.MkdirAll(aside, 0o700); err != nil {
		return err
	}
	for name, b := range map[string][]byte{manifestName: text, modelName: file} {
		at := filepath.Join(d.dir, name)
		if err := os.WriteFile(at+".new", b, 0o600); err != nil {
			return err
		}
		if before {
			if err := os.Rename(at, filepath.Join(aside, name)); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
	}
	return errors.Join(os.Rename(filepath.Join(d.dir, modelName+".new"), filepath.Join(d.dir, modelName)),
		os.Rename(filepath.Join(d.dir, manifestName+".new"), filepath.Join(d.dir, manifestName)))
}

// run takes what the hub puts into the box's store of objects, until ctx ends.
func (d *deployment) run(ctx context.Context, js jetstream.JetStream, box string) {
	seen := ""
	for ctx.Err() == nil {
		digest, err := d.look(ctx, js, box, seen)
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, errCanary):
			d.counts.modelsBack.Add(1)
			d.log.Error("a model is wrong about what is plain: the one before stays", "error", err)
		case err != nil:
			d.counts.modelsRefused.Add(1)
			d.log.Error("a model is refused", "error", err)
		}
		seen = digest
		pause(ctx, modelsEvery)
	}
}

// look installs the object that is there, if it is another than the one seen.
func (d *deployment) look(ctx context.Context, js jetstream.JetStream, box, seen string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, startIn)
	defer cancel()
	store, err := js.ObjectStore(ctx, link.Models(box))
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		_, err = js.CreateObjectStore(ctx, jetstream.ObjectStoreConfig{Bucket: link.Models(box), MaxBytes: modelsMax, Replicas: streamCopies})
		return seen, err
	}
	if err != nil {
		return seen, err
	}
	info, err := store.GetInfo(ctx, link.Model)
	if errors.Is(err, jetstream.ErrObjectNotFound) || err == nil && info.Digest+info.NUID == seen {
		return seen, nil
	}
	if err != nil {
		return seen, err
	}
	now := info.Digest + info.NUID
	if info.Size > fusion.SizeMax {
		return now, release.ErrHash
	}
	file, err := store.GetBytes(ctx, link.Model)
	if err != nil {
		return seen, err
	}
	text, err := base64.StdEncoding.DecodeString(strings.TrimSpace(info.Metadata[link.Manifest]))
	if err != nil {
		return now, release.ErrManifest
	}
	return now, d.install(text, file)
}
