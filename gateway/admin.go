package gateway

import (
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/brigata/brigata/actors/refusal"
)

// operators lets those through who come from one of the networks, or whose token is
// good for the permission; the audit tells who took what but metrics, and who was denied.
func (s *Server) operators(permission string, from []netip.Prefix, h http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		peer, _ := netip.ParseAddr(address(r))
		peer = peer.Unmap()
		if slices.ContainsFunc(from, func(p netip.Prefix) bool { return p.Contains(peer) }) {
			h.ServeHTTP(w, r)
			return
		}
		who, err := s.config.Keys.Verify(bearer(r), s.now())
		var bad *refusal.Refusal
		switch {
		case err != nil:
			s.stats.BadTokens.Add(1)
			bad = asRefusal(err)
		case !who.May(permission):
			bad = forbidden(permission)
		}
		if s.config.Accounts != nil && (bad != nil || permission != metricsRead) {
			e := s.entry(who, address(r), "", permission)
			e.Detail = r.Method + " " + r.URL.Path
			s.config.Accounts.Audit(because(e, bad))
		}
		if bad != nil {
			writeProblem(w, bad)
			return
		}
		if permission == backupRead { // it is as large as the database
			http.NewResponseController(w).SetWriteDeadline(time.Time{})
		}
		h.ServeHTTP(w, r)
	}
}

const (
	metricsRead = "rest:metrics:read"
	backupRead  = "rest:backup:read"
)

// Operations are what operators may read over HTTP. Handlers that are nil are not there.
type Operations struct {
	Metrics     http.Handler
	MetricsFrom []netip.Prefix // networks that may read the metrics without a token
	Profiles    http.Handler   // below /debug/pprof/, for admins
	Backup      http.Handler   // sends the database as it stands, to admins
}

func (s *Server) operations(m *http.ServeMux) {
	o := &s.config.Operations
	if o.Metrics != nil {
		m.Handle("GET /metrics", s.operators(metricsRead, o.MetricsFrom, o.Metrics))
	}
	if o.Backup != nil {
		m.Handle("GET /v1/backup", s.operators(backupRead, nil, o.Backup))
	}
	if o.Profiles != nil {
		m.Handle("GET /debug/pprof/", s.operators("rest:profiles:read", nil, o.Profiles))
	}
}
