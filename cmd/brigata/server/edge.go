package server

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/sensor"
	"github.com/brigata/brigata/actors/wire"
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
	n.hub, err = hub.Start(hub.Options{Listen: o.EdgeListen, Name: o.Name, Authority: authority, Stores: n.Stores, Note: n.note, Settings: n.edgeSettings,
		Here: func(store string) bool { return n.host.Today(store) != nil }, Changed: n.boxChanged, Log: o.Log})
	if err != nil {
		return fmt.Errorf("the boxes' listener: %w", err)
	}
	return nil
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
func (n *Node) note(store, id string, c *sensor.Note, done func(*refusal.Refusal)) {
	n.host.Do(&actors.Request{Store: store, Target: command.Target{Kind: "sensor", ID: id}, Command: c, Principal: "edge:" + c.Node,
		By: command.Who{ID: c.Node, Name: c.Node, Role: command.Device}, To: noted(done)})
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
	s := &link.Settings{Sensors: t.Config.Sensors, Safety: t.Config.Safety(), Offsets: map[string]float64{}}
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
