package server

import (
	"errors"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/brigata/brigata/cluster/cells"
	"github.com/brigata/brigata/cmd/brigata/telemetry"
)

// profiles serves the runtime's profiles.
func profiles() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("/debug/pprof/", pprof.Index)
	m.HandleFunc("/debug/pprof/profile", pprof.Profile)
	m.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	m.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return m
}

// gauges tells what stands now, at each scrape.
func (n *Node) gauges() error {
	t, s := n.told, n.gateway.Stats()
	return errors.Join(n.clusterGauges(),
		t.Gauge("brigata.cells", "", "Cells that are open here.", func() float64 { return float64(len(n.host.Stores())) }),
		t.Gauge("brigata.entities.resident", "", "Orders and payments in memory.", func() float64 { return float64(n.host.Resident()) }),
		t.Gauge("brigata.connections", "", "Open sockets.", func() float64 { return float64(n.gateway.Connections()) }),
		t.Gauge("brigata.commands.inflight", "", "Commands without an answer.", func() float64 { return float64(n.gateway.Inflight()) }),
		t.Gauge("brigata.journal.waiting", "", "Cells with events that no transaction has taken yet.", func() float64 { return float64(n.host.Unwritten()) }),
		t.Gauge("brigata.ready", "", "1 while the node is ready.", func() float64 {
			if n.ready() != nil {
				return 0
			}
			return 1
		}),
		t.Gauge("brigata.webhooks.lag", "s", "Age of the oldest event that no receiver has taken yet.", func() float64 { return n.webhooks.Lag().Seconds() }),
		t.Counter("brigata.messages", "Messages of clients.", s.Messages.Load),
		t.Counter("brigata.frames", "Frames written to clients.", s.Frames.Load),
		t.Counter("brigata.tokens.rejected", "Tokens that were not good.", s.BadTokens.Load),
		t.Counter("brigata.frames.conflated", "Views that a newer one of their entity replaced before a slow client had read them.", s.Feed.Conflated.Load),
		t.Counter("brigata.topics.overflowed", "Topics that a slow client was too far behind with, and had to catch up.", s.Feed.Overflowed.Load),
		t.Counters("brigata.shed", "Requests refused as the node had too much to do, by class.", "class", n.gateway.Shed()),
		t.Gauges("brigata.breaker.state", "", "0 closed, 1 trying again, 2 open: the node does not ask, by what it would ask.", samples("breaker", n.gateway.Breakers())),
		t.Counter("brigata.sessions.replaced", "Sockets that a newer one of the same client replaced.", s.Replaced.Load),
	)
}

// samples tells values by a label.
func samples(label string, values map[string]func() int64) func() []telemetry.Sample {
	return func() (all []telemetry.Sample) {
		for key, value := range values {
			all = append(all, telemetry.Sample{Labels: [][2]string{{label, key}}, Value: float64(value())})
		}
		return all
	}
}

// clusterGauges tells of this node's part among others.
func (n *Node) clusterGauges() error {
	t := n.told
	standing := func(is func(cells.View) int) func() float64 {
		return func() float64 {
			r := n.placed.Load()
			if r == nil {
				return 0
			}
			return float64(is(r.View()))
		}
	}
	err := errors.Join(
		t.Gauge("brigata.leases", "", "Leases that are renewed, as this node sees it.", standing(func(v cells.View) (all int) {
			for _, still := range v.Still {
				if !still {
					all++
				}
			}
			return all
		})),
		t.Gauge("brigata.leases.still", "", "Leases that are not renewed any more.", standing(func(v cells.View) (all int) {
			for _, still := range v.Still {
				if still {
					all++
				}
			}
			return all
		})),
		t.Gauge("brigata.cells.owned", "", "Cells that this node has claimed, open or not.", standing(func(v cells.View) (all int) {
			for _, c := range v.Claims {
				if v.Holding && c.Node == v.Self.Node && c.Epoch == v.Self.Epoch {
					all++
				}
			}
			return all
		})))
	j := n.joined
	if j == nil {
		return err
	}
	if j.tls != nil {
		ends := j.tls.Certificates[0].Leaf.NotAfter
		err = errors.Join(err, t.Gauge("brigata.certificate.remaining", "s", "For how long this node's certificate is still good.", func() float64 { return time.Until(ends).Seconds() }))
	}
	b := j.bus.Stats()
	return errors.Join(err,
		t.Gauge("brigata.cluster.members", "", "Nodes that the gossip shows, this one included.", func() float64 { return float64(len(j.members.List())) }),
		t.Gauge("brigata.bus.routes", "", "Buses of other nodes that this one is connected with.", func() float64 { return float64(j.server.Routes()) }),
		t.Counter("brigata.bus.sent", "Views sent to other nodes.", b.Sent.Load),
		t.Counter("brigata.bus.dropped", "Views that were not sent; comparison brings them.", b.Dropped.Load),
		t.Counter("brigata.bus.taken", "Views of other nodes' stores.", b.Taken.Load),
		t.Counter("brigata.bus.gaps", "Views that were seen to be missing.", b.Gaps.Load),
		t.Counter("brigata.bus.healed", "Stores whose boards were brought up to their node.", b.Healed.Load),
		t.Counters("brigata.peers.refused", "What was not let in from other machines, by what it lacked.", "what", map[string]func() int64{
			"gossip_key": j.members.Strangers, "gossip_node": j.members.Refused,
			"node_certificate": j.peers.Strangers, "node_message": j.peers.Refused,
			"bus_certificate": j.server.Strangers, "bus_message": j.server.Refused, "bus_view": b.Malformed.Load,
		}))
}
