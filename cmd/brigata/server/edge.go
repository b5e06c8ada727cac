package server

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/sensor"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/cmd/brigata/telemetry"
	"github.com/brigata/brigata/edge/credentials"
	"github.com/brigata/brigata/edge/hub"
	"github.com/brigata/brigata/edge/link"
)

// AuthorityFile is the name of the boxes' authority in the data folder. The nodes of a
// cluster have the same one.
const AuthorityFile = "edge-authority.pem"

// openHub lets boxes in, where the operator wants them.
func (n *Node) openHub() error {
	o := n.options
	if o.EdgeListen == "" {
		return nil
	}
	file := o.EdgeAuthority
	if file == "" {
		file = filepath.Join(o.Data, AuthorityFile)
	}
	authority, err := credentials.LoadAuthority(file)
	if err != nil {
		return err
	}
	n.findings = findings{archive: actors.Archive{Journal: n.journal}, of: map[string]found{}}
	n.hub, err = hub.Start(hub.Options{Listen: o.EdgeListen, Name: o.Name, Authority: authority, Stores: n.Stores, Note: n.note, Settings: n.edgeSettings,
		Here: func(store string) bool { return n.host.Today(store) != nil }, Changed: n.boxChanged, Saw: n.saw, Model: n.boxModel, Log: o.Log})
	if err != nil {
		return fmt.Errorf("the boxes' listener: %w", err)
	}
	return n.edgeGauges()
}

// EdgeAddress is where boxes connect; "" when they cannot.
func (n *Node) EdgeAddress() string {
	if n.hub == nil {
		return ""
	}
	return n.hub.Address()
}

// boxChanged shows the boxes on topic nodes; in a cluster that is done each second.
func (n *Node) boxChanged(hub.Box) {
	if n.joined == nil {
		n.gateway.ShowNodes(time.Now().UnixMilli(), n.Nodes())
	}
}

// saw shows what a camera sees, by this node's clock, if the store has it. Every node that a box
// is linked with hears of it by itself, and shows it to those who look there.
func (n *Node) saw(store string, s *link.Sight) {
	t := n.today(store)
	if t == nil {
		return
	}
	for _, x := range t.Config.Sensors {
		if x.ID == s.Sensor && x.Kind == "thermal" {
			n.gateway.ShowPass(store, &wire.Pass{ID: x.ID, Asset: x.Asset, Dishes: s.Dishes, Cold: s.Cold, At: time.Now().UTC()})
			return
		}
	}
}

// edges are the boxes that are linked to this node, and those that were.
func (n *Node) edges() (all []wire.Node) {
	if n.hub == nil {
		return nil
	}
	for _, b := range n.hub.Boxes() {
		x := wire.Node{ID: "edge-" + b.Store + "-" + b.Report.Name, Name: b.Report.Name, Kind: "edge", Version: b.Report.Version, State: b.State,
			StartedAt: b.Report.StartedAt, Stores: []string{b.Store}, Store: b.Store, Link: "down", Backlog: int64(b.Report.Backlog), Model: b.Report.Model,
			ClockOffsetMS: b.OffsetMS}
		if b.Up {
			x.Link = "up"
		}
		all = append(all, x)
	}
	return all
}

// noted tells the hub what became of readings.
type noted func(*refusal.Refusal)

func (f noted) Reply(_ int64, a actors.Answer) { f(a.Refusal) }

// note gives a sensor what a box says of it. It needs no command id: each reading counts
// once by its own number.
func (n *Node) note(store, id string, c *sensor.Note, trace wire.Trace, done func(*refusal.Refusal)) {
	if trace.Sampled() {
		trace, done = n.told.Noted(store, id, trace, done)
	}
	n.host.Do(&actors.Request{Store: store, Target: command.Target{Kind: "sensor", ID: id}, Command: c, Principal: "edge:" + c.Node,
		By: command.Who{ID: c.Node, Name: c.Node, Role: command.Device}, Trace: trace, To: noted(done)})
}

// settingsWithin is how long a box waits for what a sensor's calibration is.
const settingsWithin = time.Second

// edgeSettings is what a box of a store should know.
func (n *Node) edgeSettings(store string) *link.Settings {
	t := n.host.Today(store)
	if t == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), settingsWithin)
	defer cancel()
	s := &link.Settings{Sensors: t.Config.Sensors, Safety: t.Config.Safety(), Offsets: map[string]float64{}, Labels: n.findings.labels(ctx, store)}
	for _, x := range t.Config.Sensors {
		got := make(once, 1)
		n.host.Do(&actors.Request{Store: store, Target: command.Target{Kind: "sensor", ID: x.ID}, To: got})
		select {
		case a := <-got:
			if v, ok := a.View.(*sensor.View); ok && v.Offset != 0 {
				s.Offsets[x.ID] = v.Offset
			}
		case <-ctx.Done():
			return nil // it asks again
		}
	}
	return s
}

// edgeGauges tells of the boxes, as this node hears of them. A box that is linked with
// several nodes is told of by each.
func (n *Node) edgeGauges() error {
	if n.hub == nil {
		return nil
	}
	t := n.told
	each := func(values func(b *hub.Box, tell func(v float64, labels ...[2]string))) func() []telemetry.Sample {
		return func() (list []telemetry.Sample) {
			for _, b := range n.hub.Boxes() {
				if b.State == hub.Left {
					continue
				}
				values(&b, func(v float64, labels ...[2]string) {
					list = append(list, telemetry.Sample{Labels: append(labels, [2]string{"store", b.Store}, [2]string{"box", b.Report.Name}), Value: v})
				})
			}
			return list
		}
	}
	one := func(value func(b *hub.Box) float64) func() []telemetry.Sample {
		return each(func(b *hub.Box, tell func(float64, ...[2]string)) { tell(value(b)) })
	}
	return errors.Join(
		t.Gauges("brigata.edge.link", "", "1 while the box is linked with this node.", one(func(b *hub.Box) float64 {
			if b.Up {
				return 1
			}
			return 0
		})),
		t.Gauges("brigata.edge.backlog", "", "Windows of readings that wait on the box.", one(func(b *hub.Box) float64 { return float64(b.Report.Backlog) })),
		t.Gauges("brigata.edge.store.used", "", "Share of the box's store that what waits takes, 0 to 1.", one(func(b *hub.Box) float64 {
			if b.Report.Full {
				return 1
			}
			return float64(b.Report.Used) / float64(max(1, b.Report.Most))
		})),
		t.Gauges("brigata.edge.clock.offset", "s", "The box's clock minus this node's.", one(func(b *hub.Box) float64 { return float64(b.OffsetMS) / 1000 })),
		t.Gauges("brigata.edge.alerts", "", "Sensors of the box that are in an alert.", one(func(b *hub.Box) float64 { return float64(b.Report.Alerts) })),
		t.Sums("brigata.edge.windows", "", "Windows of readings that this node read, by what became of them.", each(func(b *hub.Box, tell func(float64, ...[2]string)) {
			tell(float64(b.Read), [2]string{"outcome", "journaled"})
			tell(float64(b.Refused), [2]string{"outcome", "refused"})
		})),
		t.Sums("brigata.edge.messages", "", "What devices said to the box since its start, by what became of it.", each(func(b *hub.Box, tell func(float64, ...[2]string)) {
			r := &b.Report
			for _, x := range []struct {
				outcome string
				n       int64
			}{{"taken", r.Taken}, {"repeated", r.Repeated}, {"malformed", r.Malformed}, {"unknown", r.Unknown}, {"absurd", r.Absurd}, {"skewed", r.Skewed},
				{"lost", r.Lost}, {"refused", r.Refused}, {"denied", r.Denied}} {
				tell(float64(x.n), [2]string{"outcome", x.outcome})
			}
		})),
		t.Sums("brigata.edge.models", "", "Models that came to the box since its start, by what became of them.", each(func(b *hub.Box, tell func(float64, ...[2]string)) {
			tell(float64(b.Report.ModelsIn), [2]string{"outcome", "installed"})
			tell(float64(b.Report.ModelsNo), [2]string{"outcome", "refused"})
			tell(float64(b.Report.ModelsOut), [2]string{"outcome", "taken_back"})
			tell(float64(b.Report.Learnt), [2]string{"outcome", "learnt"})
			tell(float64(b.Report.Kept), [2]string{"outcome", "not_better"})
		})),
		t.Sums("brigata.edge.bytes", "By", "Bytes of readings since the box's start: that it took, and that it sent of them.", each(func(b *hub.Box, tell func(float64, ...[2]string)) {
			tell(float64(b.Report.Raw), [2]string{"side", "taken"})
			tell(float64(b.Report.Sent), [2]string{"side", "sent"})
		})),
		t.Counters("brigata.edge.refused", "What came to the boxes' listener and was not let do it, by what it lacked.", "what", map[string]func() int64{
			"credentials": n.hub.Stats.Strangers.Load, "subject": n.hub.Stats.Denied.Load}),
	)
}
