package edge

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/brigata/brigata/edge/link"
	"github.com/brigata/brigata/edge/model/fusion"
	"github.com/brigata/brigata/edge/model/retrain"
)

// learner trains the box's net again when people have said what they found. What comes of
// it is the box's own: it stays here, and goes when another model comes.
type learner struct {
	*deployment
	cases  *cases
	watch  *retrain.Watch
	labels chan []link.Label // the newest
}

func newLearner(o *Options, c *counts) *learner {
	d := newDeployment(o, c)
	d.resume()
	return &learner{deployment: d, cases: &cases{dir: filepath.Join(o.Data, "cases"), last: map[string]time.Time{}}, watch: retrain.NewWatch(), labels: make(chan []link.Label, 1)}
}

// learnt is what the box has made of its model, on the disk.
type learnt struct {
	Base  string `json:"base"`  // the model that was trained again
	Times int    `json:"times"` // that a copy has taken its place
	File  string `json:"file"`  // of the copy; "": none, or it was taken back
	Seen  string `json:"seen"`  // hash of the labels
	// Offsets are of the machines of which something was found.
	Offsets retrain.Offsets `json:"offsets,omitempty"`
	// Seasons are the times that the model and its copy are for, and Aside says that the copy does not judge
	// in this one. What was found before Since is of another.
	Seasons retrain.Seasons `json:"seasons,omitzero"`
	Aside   bool            `json:"aside,omitempty"`
	Since   time.Time       `json:"since,omitzero"`
}

const learntName = "learnt.json"

func (d *deployment) learnt() (l learnt) {
	if text, err := os.ReadFile(filepath.Join(d.dir, learntName)); err == nil {
		_ = json.Unmarshal(text, &l) // damaged: it is learnt again
	}
	return l
}

func (d *deployment) noteLearnt(l learnt) error {
	text, err := json.Marshal(&l)
	if err != nil {
		return err
	}
	at := filepath.Join(d.dir, learntName)
	if err := errors.Join(os.MkdirAll(d.dir, 0o700), os.WriteFile(at+".new", text, 0o600)); err != nil {
		return err // the old one stands
	}
	return os.Rename(at+".new", at)
}

// resume puts the copy of the installed model in its place that the box had made before it
// was stopped.
func (d *deployment) resume() {
	base, l := d.now.Load(), d.learnt()
	if l.File == "" || l.Aside || l.Base != base.Version() {
		return
	}
	n, err := d.copyOf(base, &l)
	if err != nil {
		d.log.Error("what the box has learnt cannot be used", "error", err)
		return
	}
	d.now.Store(n)
}

// copyOf is what the box has made of a model.
func (d *deployment) copyOf(base *installed, l *learnt) (*installed, error) {
	file, err := os.ReadFile(filepath.Join(d.dir, l.File))
	if err != nil {
		return nil, err
	}
	net, err := fusion.Decode(file)
	if err != nil {
		return nil, err
	}
	n := &installed{Model: NewFused(l.name(), net).corrected(l.Offsets), version: base.version, sent: base.sent, base: base.Version()}
	if f, ok := base.Model.(*Fused); ok {
		n.first = f.net
	}
	return n, nil
}

// name is that of the copy: the model's, and how often it was trained again.
func (l *learnt) name() string { return fmt.Sprintf("%s+%d", l.Base, l.Times) }

// hear hands the newest labels over; it never waits.
func (l *learner) hear(labels []link.Label) {
	if len(labels) == 0 {
		return
	}
	for {
		select {
		case l.labels <- labels:
			return
		default:
		}
		select {
		case <-l.labels: // older ones that nobody has taken
		default:
		}
	}
}

// Judge implements Model. Every ten minutes of each machine it notes how sure the model is and what its
// inputs are, and keeps the window if it tells of a fault. A machine that defrosts, or whose door is
// open, has no window.
func (l *learner) Judge(w *Window) Verdict {
	v := l.deployment.Judge(w)
	if w.Machine == nil || !l.cases.due(w.Set.Asset, w.Machine.At) {
		return v
	}
	n := l.now.Load()
	if f, ok := n.Model.(*Fused); ok {
		if what := l.watch.See(f.sure, f.net, &w.Machine.Tokens); what != "" {
			l.counts.modelDrifts.Add(1)
			l.log.Warn("machines are not as they were", "noticed_by", what, "model", f.Version())
			l.forget(n)
		} else if now := l.watch.Settled(); now != nil {
			l.turn(now, w.Machine.At)
		}
	}
	if v.Fault != nil {
		if err := l.cases.keep(w.Set.Asset, w.Machine.At, &w.Machine.Tokens); err != nil {
			l.log.Error("a window cannot be kept", "error", err)
		}
	}
	return v
}

// forget takes offsets away, and notes what the time was like that is over: what offsets correct was so
// before machines changed.
func (l *learner) forget(n *installed) {
	for x := n; x != nil; x = x.before {
		if f, ok := x.Model.(*Fused); ok {
			f.offsets.Store(nil)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	was := l.learntOf(n)
	was.Offsets = nil
	was.Seasons.End(l.watch, n.base != "")
	if err := l.noteLearnt(was); err != nil {
		l.log.Error("a time that is over cannot be noted", "error", err)
	}
}

// learntOf is what the box has made of this very model.
func (d *deployment) learntOf(n *installed) learnt {
	if l := d.learnt(); l.Base == n.origin() {
		return l
	}
	return learnt{Base: n.origin()}
}

// turn puts the copy aside when machines are as they were before it learnt what had changed, and takes it
// back when they are so again. Both have stood their trials.
func (l *learner) turn(now *retrain.Means, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.now.Load()
	was := l.learntOf(n)
	copied, known := was.Seasons.Copied(now)
	if !known || was.File == "" || copied == (n.base != "") || !copied && n.first == nil || n.onTrial() {
		return
	}
	was.Aside, was.Offsets, was.Since = !copied, nil, at
	next, err := &installed{version: n.version, sent: n.sent}, error(nil)
	if copied {
		next, err = l.copyOf(n, &was)
	} else {
		next.Model = NewFused(was.Base, n.first)
	}
	if err == nil {
		err = l.noteLearnt(was)
	}
	if err != nil {
		l.log.Error("the model of another time cannot take over", "error", err)
		return
	}
	l.now.Store(next)
	l.log.Info("machines are as they were before", "model", next.Version(), "instead_of", n.Version())
}

const trialWait = time.Minute

// learn learns what people say, until ctx ends.
func (l *learner) learn(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case labels := <-l.labels:
			for l.now.Load().onTrial() && ctx.Err() == nil {
				pause(ctx, trialWait)
			}
			if err := l.again(labels); err != nil {
				l.log.Error("the model cannot be trained again", "error", err)
			}
		}
	}
}

// again trains a copy of the model, unless it has seen the labels, and puts it in the
// model's place if it is better.
func (l *learner) again(labels []link.Label) error {
	n := l.now.Load()
	f, ok := n.Model.(*Fused)
	if !ok || f.net == nil {
		return nil
	}
	was, seen := l.learntOf(n), sumOf(labels)
	if was.Seen == seen {
		return nil
	}
	recent, err := l.cases.found(labels, was.Since)
	if err != nil || !recent.Enough() {
		return err
	}
	first := n.first
	if first == nil {
		first = f.net
	}
	next, o := retrain.Try(f.learnt(), first, recent, was.Times)
	l.log.Info("trained again", "model", n.Version(), "now", o.Now.Net, "then", o.Now.Copy, "before_now", o.Before.Net, "before_then", o.Before.Copy, "promoted", o.Better)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.now.Load() != n {
		return nil // another has come meanwhile: the labels are learnt again with the next
	}
	was = l.learntOf(n) // a time may be over
	was.Seen = seen
	if !o.Better {
		l.counts.modelsKept.Add(1)
		return l.noteLearnt(was)
	}
	return l.promote(n, next, first, was)
}

// promote puts a copy in the place of the net that it was trained from, on trial beside it. One of
// a net that had a copy aside is of that net's time: the other time is known no more.
func (l *learner) promote(of *installed, next retrain.Learnt, first *fusion.Net, was learnt) error {
	if was.Aside {
		was.Aside, was.Seasons = false, retrain.Seasons{}
	}
	old := was.File
	was.Times++
	was.File, was.Offsets = fmt.Sprintf("learnt-%d.bin", was.Times), next.Offsets
	err := errors.Join(os.MkdirAll(l.dir, 0o700), os.WriteFile(filepath.Join(l.dir, was.File), next.Net.Encode(true), 0o600))
	if err == nil {
		err = l.noteLearnt(was)
	}
	if err != nil {
		return err
	}
	if old != "" {
		_ = os.Remove(filepath.Join(l.dir, old)) // nothing names it any more
	}
	l.now.Store(&installed{Model: NewFused(was.name(), next.Net).corrected(next.Offsets), version: of.version, sent: of.sent, base: was.Base, first: first,
		before: &installed{Model: of.Model, version: of.version, sent: of.sent, base: of.base, first: of.first}})
	l.counts.modelsLearnt.Add(1)
	return nil
}

// sumOf names a list of labels.
func sumOf(labels []link.Label) string {
	h := sha256.New()
	for _, l := range labels {
		fmt.Fprintln(h, l.WorkOrder, l.Class)
	}
	return hex.EncodeToString(h.Sum(nil))
}
