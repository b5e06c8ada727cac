package server

import (
	"errors"
	"net/http"
	"net/http/pprof"
	"runtime/debug"
)

// version is the build's: its module's, else the commit it was made of.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value[:min(12, len(s.Value))]
		}
	}
	return "unknown"
}

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
	return errors.Join(
		t.Gauge("brigata.cells", "", "Cells that are open here.", func() float64 { return float64(len(n.host.Stores())) }),
		t.Gauge("brigata.entities.resident", "", "Orders and payments in memory.", func() float64 { return float64(n.host.Resident()) }),
		t.Gauge("brigata.connections", "", "Open sockets.", func() float64 { return float64(n.gateway.Connections()) }),
		t.Gauge("brigata.commands.inflight", "", "Commands without an answer.", func() float64 { return float64(n.gateway.Inflight()) }),
		t.Gauge("brigata.ready", "", "1 while the node is ready.", func() float64 {
			if n.ready() != nil {
				return 0
			}
			return 1
		}),
		t.Counter("brigata.messages", "Messages of clients.", s.Messages.Load),
		t.Counter("brigata.frames", "Frames written to clients.", s.Frames.Load),
		t.Counter("brigata.tokens.rejected", "Tokens that were not good.", s.BadTokens.Load),
		t.Counter("brigata.sessions.replaced", "Sockets that a newer one of the same client replaced.", s.Replaced.Load),
	)
}
