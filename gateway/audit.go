package gateway

import (
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/gateway/auth"
)

// audited is what of a command the audit tells, should it be denied or be a privilege.
type audited struct {
	who     *auth.Principal
	address string
	reason  string
	target  string
}

// note takes from a privileged command what it is done to and why, while its body is here.
func (a *audited) note(m *message) {
	if !auth.Privileged(m.Cmd) {
		return
	}
	var d struct {
		Reason  string `json:"reason"`
		Table   string `json:"table"`
		Order   string `json:"order"`
		Dish    string `json:"dish"`
		Option  string `json:"option"`
		Payment string `json:"payment"`
	}
	if json.Unmarshal(m.D, &d) != nil {
		return
	}
	a.reason = d.Reason
	for _, id := range []string{d.Order, d.Table, d.Payment, d.Dish, d.Option} {
		if a.target = id; id != "" {
			return
		}
	}
}

// auditCommand writes what was denied, and what was done by right of a privilege.
func (s *Server) auditCommand(c *Command, no *refusal.Refusal) {
	if s.config.Accounts == nil || c.by.who == nil {
		return
	}
	denied := no != nil && no.Code == refusal.Forbidden
	if !denied && !auth.Privileged(c.Name) {
		return
	}
	e := s.entry(c.by.who, c.by.address, c.Store, c.Name)
	e.Detail = c.by.target
	e = because(e, no)
	if e.Reason == "" {
		e.Reason = c.by.reason
	}
	s.config.Accounts.Audit(e)
}

func because(e auth.Entry, no *refusal.Refusal) auth.Entry {
	if no == nil {
		return e.Because(nil)
	}
	return e.Because(no)
}

func (s *Server) entry(who *auth.Principal, address, storeID, action string) auth.Entry {
	e := auth.Entry{Address: address, Store: storeID, Action: action}
	if who != nil {
		e.Who, e.Role = who.ID(), string(who.Rank())
	}
	return e
}

// auditCall writes a REST call that was denied, or that changed something by right of a
// privilege. Commands are written where all of them pass.
func (s *Server) auditCall(c *call, e *endpoint, no *refusal.Refusal) {
	if s.config.Accounts == nil {
		return
	}
	denied := no != nil && (no.Code == refusal.Forbidden || no.Code == refusal.Unauthenticated)
	writes := c.Request.Method != http.MethodGet && strings.HasSuffix(e.permission, ":write")
	if !denied && !writes {
		return
	}
	x := s.entry(c.who, address(c.Request), c.store, e.permission)
	if x.Action == "" {
		x.Action = c.Request.Method + " " + e.path
	}
	if denied && no.Code == refusal.Unauthenticated {
		x.Store = "" // anybody can write one into a path
	} else {
		x.Detail = c.Request.Method + " " + c.URL.Path
	}
	s.config.Accounts.Audit(because(x, no))
}

// auditDenied writes e, which was neither a command nor a REST call, if it was denied.
func (s *Server) auditDenied(e auth.Entry, no *refusal.Refusal) {
	if s.config.Accounts != nil && (no.Code == refusal.Forbidden || no.Code == refusal.Unauthenticated) {
		s.config.Accounts.Audit(because(e, no))
	}
}

func (s *Server) auditTopic(who *auth.Principal, address, storeID, topic string, no *refusal.Refusal) {
	e := s.entry(who, address, storeID, "subscribe")
	e.Detail = topic
	s.auditDenied(e, no)
}
