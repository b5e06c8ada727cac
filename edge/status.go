package edge

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"github.com/brigata/brigata/edge/link"
)

// askEvery is how often a box asks that knows nothing yet.
const askEvery = 500 * time.Millisecond

// tell reports how the box is, and asks for settings, each few seconds.
func (b *Box) tell(ctx context.Context) {
	for ctx.Err() == nil {
		b.report(false)
		if b.ask(ctx); b.Ready() {
			pause(ctx, link.StatusEvery)
		} else {
			pause(ctx, askEvery)
		}
	}
}

// Report is how the box is now.
func (b *Box) Report() link.Report {
	c := &b.counts
	r := link.Report{Name: b.o.Credentials.Name, Version: b.o.Version, Model: b.model.Version(), StartedAt: b.began.UTC(), Now: b.o.Now().UTC(),
		Full: c.full.Load(), Alerts: int(c.alerts.Load()), Taken: c.taken.Load(), Repeated: c.repeated.Load(), Malformed: c.malformed.Load(),
		Unknown: c.unknown.Load(), Absurd: c.absurd.Load(), Skewed: c.skewed.Load(), Lost: c.lost.Load(), Refused: c.refused.Load(), Denied: c.denied.Load(),
		Raw: c.rawBytes.Load(), Sent: c.sentBytes.Load(), Most: uint64(b.o.StreamMax), Links: b.server.NumLeafNodes(),
		ModelsIn: c.modelsIn.Load(), ModelsNo: c.modelsRefused.Load(), ModelsOut: c.modelsBack.Load(),
		Learnt: c.modelsLearnt.Load(), Kept: c.modelsKept.Load(), Drifts: c.modelDrifts.Load()}
	if b.mqtt != nil {
		s := &b.mqtt.Stats
		r.Devices, r.Refused, r.Denied = s.Connections.Load(), r.Refused+s.Refused.Load(), r.Denied+s.Denied.Load()
	}
	b.pipe.mu.Lock()
	if b.pipe.settings != nil {
		r.Sensors = len(b.pipe.settings.Sensors)
	}
	b.pipe.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if s, err := b.js.Stream(ctx, link.Stream); err == nil {
		b.waiting.Store(&s.CachedInfo().State)
	}
	if state := b.waiting.Load(); state != nil { // of a moment ago, where a busy box does not answer itself
		r.Backlog, r.Used = state.Msgs, state.Bytes
	}
	return r
}

func (b *Box) report(leaving bool) {
	r := b.Report()
	r.Leaving = leaving
	text, err := json.Marshal(&r)
	if err == nil {
		b.conn.Publish(link.Status, text) // nobody may be there
	}
}

// ask asks the node that owns the store's cell for the store's sensors, unless they are as the
// box has them, and keeps them for a start without a link.
func (b *Box) ask(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	var have []byte
	if b.Ready() {
		if text, err := os.ReadFile(b.settingsFile()); err == nil {
			have = link.Digest(text)
		}
	}
	m, err := b.conn.RequestWithContext(ctx, link.SettingsAsk, have)
	if err != nil {
		return // no link: what is known holds
	}
	if have != nil && len(m.Data) == 0 {
		return // as they were
	}
	s := new(link.Settings)
	if err := json.Unmarshal(m.Data, s); err != nil {
		b.o.Log.Warn("settings cannot be read", "error", err)
		return
	}
	if have != nil && bytes.Equal(have, link.Digest(m.Data)) {
		return // of a node that always says all
	}
	b.pipe.set(s)
	b.model.hear(s.Labels)
	b.o.Log.Info("settings", "sensors", len(s.Sensors))
	next := filepath.Join(b.o.Data, "settings.new")
	if os.WriteFile(next, m.Data, 0o600) != nil || os.Rename(next, b.settingsFile()) != nil {
		b.o.Log.Warn("settings cannot be kept")
	}
}
