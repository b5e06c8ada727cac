package server

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/cluster/membership"
	"github.com/brigata/brigata/cmd/brigata/build"
	"github.com/brigata/brigata/persistence/postgres"
)

const (
	reportEvery = time.Second
	// quietFor is how long a node may tell nothing of itself before it is suspect.
	quietFor = 3500 * time.Millisecond
	// goneFor is how long a node that left or was lost is still shown.
	goneFor = 5 * time.Minute
)

// statuses is what other nodes tell of themselves.
type statuses struct {
	mu   sync.Mutex
	last map[string]status
}

type status struct {
	wire.Node
	at time.Time
}

func (s *statuses) take(b []byte) {
	var n wire.Node
	if json.Unmarshal(b, &n) != nil || n.ID == "" || len(n.Stores) > wire.NodeStoresMax {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		s.last = map[string]status{}
	}
	s.last[n.ID] = status{n, time.Now()}
}

// know notes a member that has told nothing of itself yet.
func (s *statuses) know(m *membership.Member) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		s.last = map[string]status{}
	}
	if _, ok := s.last[m.ID]; !ok {
		s.last[m.ID] = status{wire.Node{ID: m.ID, Name: m.Name, Kind: "server", Address: m.URL, Version: m.Version, State: "alive", StartedAt: m.Start}, time.Now()}
	}
}

// of returns what a node told last.
func (s *statuses) of(id string) status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last[id]
}

// gone lists nodes that told of themselves and are not here any more.
func (s *statuses) gone(here map[string]bool, now time.Time) (all []wire.Node) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, x := range s.last {
		switch {
		case now.Sub(x.at) > goneFor:
			delete(s.last, id)
		case !here[id]:
			x.State, x.LeaseMS, x.Cells, x.Stores, x.Connections = "gone", 0, 0, nil, 0
			all = append(all, x.Node)
		}
	}
	return all
}

// report tells the others how this node is, and shows all of them on the boards.
func (j *joined) report() {
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	for {
		self := j.node.self()
		if b, err := json.Marshal(&self); err == nil {
			j.bus.PublishStatus(self.ID, b)
		}
		j.node.gateway.ShowNodes(time.Now().UnixMilli(), j.node.Nodes())
		select {
		case <-tick.C:
		case <-j.stop:
			return
		}
	}
}

// self is this node as others see it.
func (n *Node) self() wire.Node {
	x := wire.Node{ID: n.options.Name, Name: n.options.Name, Kind: "server", Address: n.URL(), Version: build.Version(), State: "alive", StartedAt: n.began,
		Connections: n.gateway.Connections()}
	open := n.host.Stores()
	x.Cells, x.Stores = len(open), open[:min(len(open), wire.NodeStoresMax)]
	if j, shared := n.journal.(*postgres.Journal); shared {
		x.ID = strconv.FormatInt(j.Node(), 10)
	}
	if r := n.placed.Load(); r != nil {
		v := r.View()
		x.Epoch, x.LeaseMS = v.Self.Epoch, max(0, r.Left().Milliseconds())
		if !v.Holding {
			x.State = "suspect"
		}
	}
	if n.joined != nil && n.joined.members.Self().Draining {
		x.State = "draining"
	}
	return x
}

// Nodes lists the nodes of the cluster by name, those that are gone for a while too.
func (n *Node) Nodes() []wire.Node {
	self := n.self()
	all := []wire.Node{self}
	if j := n.joined; j != nil {
		now := time.Now()
		here := map[string]bool{self.ID: true}
		still := map[string]bool{}
		if r := n.placed.Load(); r != nil {
			v := r.View()
			for i, l := range v.Leases {
				still[strconv.FormatInt(l.Node, 10)] = v.Still[i]
			}
		}
		for _, m := range j.members.List() {
			if m.ID == self.ID {
				continue
			}
			j.statuses.know(&m)
			here[m.ID] = true
			x := j.statuses.of(m.ID)
			switch {
			case still[m.ID] || now.Sub(x.at) > quietFor:
				x.State = "suspect"
			case m.Draining:
				x.State = "draining"
			}
			all = append(all, x.Node)
		}
		all = append(all, j.statuses.gone(here, now)...)
	}
	all = append(all, n.edges()...)
	slices.SortFunc(all, func(a, b wire.Node) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	return all
}
