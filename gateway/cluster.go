package gateway

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/wire"
)

// What a gateway is for the other nodes of a cluster: they show the same boards.

// Known returns what the boards hold of a store, for another node's.
func (s *Server) Known(store string) []actors.View { return s.boards.Known(store) }

// Stores lists the stores that the boards know anything of, and whether they are watched.
func (s *Server) Stores() map[string]bool { return s.boards.Stores() }

// Forget drops what the boards hold of a store that lives elsewhere, unless it is watched.
func (s *Server) Forget(store string) bool { return s.boards.Forget(store) }

var errAway = &refusal.Refusal{Code: refusal.Unavailable, Message: "The store's node does not answer; try again",
	Fields: refusal.Fields{What: "node"}, AfterMS: 1000}

// Stale ends the sockets and the service's streams that show a store whose boards cannot
// be held to its node any more: they show that, come back, and are refused until the
// boards are right.
func (s *Server) Stale(store string) {
	for _, c := range s.all() {
		if c.shows(store) {
			c.end(closeResync)
		}
	}
	s.watches.end(store, errAway)
}

func (c *session) shows(store string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, x := range c.subs {
		if x.Store == store {
			return true
		}
	}
	return false
}

// ShowNodes brings the nodes of the cluster onto topic nodes; v ascends.
func (s *Server) ShowNodes(v int64, all []wire.Node) { s.boards.ShowNodes(v, all) }

// ShowPass brings what a camera sees onto topic pass of a store.
func (s *Server) ShowPass(store string, p *wire.Pass) { s.boards.ShowPass(store, p) }

var errNoCluster = &refusal.Refusal{Code: refusal.Unavailable, Message: "The nodes are not known",
	Fields: refusal.Fields{What: "node"}, AfterMS: 1000}

type clusterNodes struct {
	Nodes []wire.Node `json:"nodes"`
}

func (s *Server) clusterRoute(api huma.API) {
	route(s, api, endpoint{method: "GET", path: "/v1/cluster", tag: "cluster", permission: "rest:cluster:read",
		summary: "The nodes, with their leases and cells", reply: clusterNodes{}}, s.getCluster)
}

func (s *Server) getCluster(c *call, _ *noParams) *refusal.Refusal {
	if s.config.Nodes == nil {
		return errNoCluster
	}
	c.json(http.StatusOK, wire.AppendNodes(nil, s.config.Nodes()))
	return nil
}
