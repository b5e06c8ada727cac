package gateway

import (
	"context"
	_ "embed"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/gateway/auth"
)

//go:embed asyncapi.yaml
var asyncAPI []byte

func (s *Server) routes() *http.ServeMux {
	m := http.NewServeMux()
	m.HandleFunc("GET /v1/ws", s.limitedSocket)
	m.HandleFunc("GET /v1/stores/{store}/menu", s.as("rest:menu:read", s.getMenu))
	m.HandleFunc("GET /v1/stores/{store}/orders", s.as("rest:orders:read", s.listOrders))
	m.HandleFunc("POST /v1/stores/{store}/orders", s.as("order.place", s.postOrder))
	m.HandleFunc("GET /v1/stores/{store}/orders/{id}", s.as("rest:order:read", s.getOrder))
	m.HandleFunc("GET /v1/stores/{store}/orders/{id}/history", s.as("rest:history:read", s.getHistory))
	m.HandleFunc("POST /v1/stores/{store}/commands", s.as("", s.postCommand))
	m.HandleFunc("GET /v1/stores/{store}", s.as("rest:stores:read", s.getStore))
	m.HandleFunc("PUT /v1/stores/{store}", s.putStore)
	m.HandleFunc("GET /asyncapi.yaml", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/yaml")
		w.Write(asyncAPI)
	})
	m.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok\n") })
	m.HandleFunc("GET /readyz", s.readyz)
	s.operations(m)
	m.HandleFunc("/v1/", func(w http.ResponseWriter, r *http.Request) {
		writeProblem(w, notFound("resource", r.URL.Path))
	})
	return m
}

func notFound(kind, id string) *refusal.Refusal {
	return refusal.New(refusal.NotFound, "", "Not found").With(refusal.Fields{Kind: kind, ID: id})
}

func (s *Server) limitedSocket(w http.ResponseWriter, r *http.Request) {
	if !s.dials.allow(address(r), s.now()) {
		writeProblem(w, &refusal.Refusal{Code: refusal.RateLimited, Message: "Too many connections at once",
			Fields: refusal.Fields{Scope: "address"}, AfterMS: 1000})
		return
	}
	s.socket(w, r)
}

func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	err := error(nil)
	if s.draining.Load() {
		err = errors.New("draining")
	} else if s.config.Ready != nil {
		err = s.config.Ready()
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	io.WriteString(w, "ready\n")
}

// call is a request of somebody who may make it.
type call struct {
	http.ResponseWriter
	*http.Request
	who   *auth.Principal
	store string
}

// as lets a request through to h when its token is good in the store and has the
// permission; with none, h checks for itself. What h returns is answered as a problem.
func (s *Server) as(permission string, h func(*call) *refusal.Refusal) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := &call{w, r, nil, r.PathValue("store")}
		bad := s.check(c, permission)
		if bad == nil && s.config.Engine.Today(c.store) == nil {
			bad = notFound("store", c.store)
		}
		if bad == nil {
			bad = h(c)
		}
		if bad != nil {
			writeProblem(w, bad)
		}
	}
}

func bearer(r *http.Request) string {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return token
}

func (s *Server) check(c *call, permission string) *refusal.Refusal {
	who, err := s.config.Keys.Verify(bearer(c.Request), s.now())
	if err != nil {
		s.stats.BadTokens.Add(1)
		return asRefusal(err)
	}
	c.who = who
	switch {
	case !who.In(c.store) && (permission != "rest:stores:write" || !who.May(permission)): // an admin may load any store
		return forbidden("store:" + c.store)
	case permission != "" && !who.May(permission):
		return forbidden(permission)
	case !s.callers.allow(who.ID(), s.now()):
		return &refusal.Refusal{Code: refusal.RateLimited, Message: "Too many requests", Fields: refusal.Fields{Scope: "user"}, AfterMS: 1000}
	}
	return nil
}

func (c *call) json(status int, b []byte) {
	h := c.ResponseWriter.Header()
	h.Set("Content-Type", "application/json")
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-store")
	}
	c.WriteHeader(status)
	c.ResponseWriter.Write(b)
}

// matches answers 304 when the client has what etag names, and sets the ETag.
func (c *call) matches(etag string) bool {
	c.ResponseWriter.Header().Set("ETag", etag)
	for _, have := range strings.Split(c.Request.Header.Get("If-None-Match"), ",") {
		if have = strings.TrimSpace(have); have == etag || have == "W/"+etag || have == "*" {
			c.WriteHeader(http.StatusNotModified)
			return true
		}
	}
	return false
}

// once takes one answer.
type once chan actors.Answer

func (o once) Reply(_ int64, a actors.Answer) { o <- a }

// ask executes r and waits for its answer, but not beyond its deadline.
func (s *Server) ask(ctx context.Context, r *actors.Request) actors.Answer {
	if s.inflight.Add(1) > int64(s.limits.InflightNode) {
		s.inflight.Add(-1)
		return actors.Answer{Refusal: errBusy}
	}
	defer s.inflight.Add(-1)
	ctx, cancel := context.WithTimeout(ctx, r.Deadline.Sub(s.now()))
	defer cancel()
	got := make(once, 1)
	r.To = got
	s.config.Engine.Do(r)
	select {
	case a := <-got:
		return a
	case <-ctx.Done():
		return actors.Answer{Refusal: errDeadline}
	}
}

func (s *Server) postCommand(c *call) *refusal.Refusal {
	m, bad := s.body(c)
	if bad != nil {
		return bad
	}
	var in struct {
		Cmd        string         `json:"cmd"`
		D          jsontext.Value `json:"d"`
		Dry        bool           `json:"dry"`
		DeadlineMS int64          `json:"deadline_ms"`
	}
	if err := json.Unmarshal(m.D, &in); err != nil {
		return malformedBody(err)
	}
	m.Cmd, m.D, m.Dry, m.DeadlineMS = in.Cmd, in.D, in.Dry, in.DeadlineMS
	return s.execute(c, m)
}

func (s *Server) postOrder(c *call) *refusal.Refusal {
	m, bad := s.body(c)
	if bad != nil {
		return bad
	}
	m.Cmd = "order.place"
	return s.execute(c, m)
}

// body reads a request's body as the data of a command without a name.
func (s *Server) body(c *call) (*message, *refusal.Refusal) {
	b, bad := readBody(c, int64(s.limits.Message))
	if bad != nil {
		return nil, bad
	}
	if len(b) == 0 {
		b = []byte("{}")
	}
	return &message{CID: c.Request.Header.Get("Idempotency-Key"), D: jsontext.Value(b)}, nil
}

func malformedBody(err error) *refusal.Refusal {
	if bad, ok := errors.AsType[*json.SemanticError](err); ok {
		return errType.With(refusal.Fields{At: string(bad.JSONPointer)})
	}
	return refusal.New(refusal.BadRequest, "json", "The body is not JSON")
}

func (s *Server) execute(c *call, m *message) *refusal.Refusal {
	if s.draining.Load() {
		return errDraining
	}
	m.Store = c.store
	is := s.begin(m, wire.ParseTrace(c.Request.Header.Get("traceparent")))
	is.Store = m.Store
	r, bad := s.request(c.who, m)
	if bad != nil {
		s.finish(&is, bad)
		return bad
	}
	r.Trace = is.Trace
	s.stats.Commands.Add(1)
	a := s.ask(c.Context(), r)
	s.finish(&is, a.Refusal)
	if a.Refusal != nil {
		return a.Refusal
	}
	status := http.StatusOK
	if a.Dup {
		c.ResponseWriter.Header().Set("Dup", "true")
	} else if m.Cmd == "order.place" && !m.Dry {
		status = http.StatusCreated
	}
	c.json(status, appendOK(nil, a))
	return nil
}

// read asks the engine for the view of one entity.
func (s *Server) read(ctx context.Context, storeID string, t command.Target) actors.Answer {
	return s.ask(ctx, &actors.Request{Store: storeID, Target: t, Deadline: s.now().Add(deadlineDefault)})
}

func limitOf(c *call) (int, *refusal.Refusal) {
	text := c.FormValue("limit")
	if text == "" {
		return 50, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 200 {
		one, most := int64(1), int64(200)
		return 0, refusal.Faults(refusal.Fault{At: "/limit", Reason: "range", Min: &one, Max: &most})
	}
	return n, nil
}

func timeOf(c *call, name string) (time.Time, *refusal.Refusal) {
	text := c.FormValue(name)
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, refusal.Faults(refusal.Fault{At: "/" + name, Reason: "range"})
	}
	return t, nil
}
