package gateway

import (
	"context"
	_ "embed"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

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
	api := newAPI(m)
	s.accountRoutes(api)
	s.guestRoutes(api)
	s.storeRoutes(api)
	s.orderRoutes(api)
	s.sensorRoutes(api)
	s.reportRoutes(api)
	s.webhookRoutes(api)
	s.menuRoutes(m, api)
	s.draftRoutes(api)
	s.serviceRoutes(m)
	m.HandleFunc("GET /docs", docs)
	s.clusterRoute(api)
	m.HandleFunc("GET /asyncapi.yaml", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/yaml")
		w.Write(asyncAPI)
	})
	m.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "ok\n") })
	m.HandleFunc("GET /readyz", s.readyz)
	if h := s.config.Notifications; h != nil {
		m.Handle("POST /v1/payments/{provider}/notify", h)
	}
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

// readiness says why the node should get no clients now; nil when it should.
func (s *Server) readiness() error {
	switch {
	case s.draining.Load():
		return errors.New("draining")
	case s.config.Ready != nil:
		return s.config.Ready()
	}
	return nil
}

func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	if err := s.readiness(); err != nil {
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

func bearer(r *http.Request) string {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return token
}

// check says who calls, and whether they may.
func (s *Server) check(c *call, e *endpoint) *refusal.Refusal {
	who, err := s.config.Keys.Verify(bearer(c.Request), s.now())
	if err == nil && !e.anyStore {
		err = s.storesOf(who)
	}
	if err != nil {
		s.stats.BadTokens.Add(1)
		return asRefusal(err)
	}
	c.who = who
	switch {
	case c.store != "" && !e.anyStore && !who.In(c.store):
		return forbidden("store:" + c.store)
	case e.permission != "" && !who.May(e.permission):
		return forbidden(e.permission)
	case !s.callers.allow(who.ID(), s.now()):
		return tooMany("user")
	case who.Session != "" && c.store != "" && !s.seatedNow(c.Context(), who):
		return errUnseated
	}
	return nil
}

func (c *call) json(status int, b []byte) {
	h := c.ResponseWriter.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(b)))
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
func (s *Server) ask(ctx context.Context, of class, r *actors.Request) actors.Answer {
	began := s.now()
	if bad := s.admission.enter(of, began); bad != nil {
		return actors.Answer{Refusal: bad}
	}
	ctx, cancel := context.WithTimeout(ctx, r.Deadline.Sub(began))
	defer cancel()
	got := make(once, 1)
	r.To = got
	s.config.Engine.Do(r)
	select {
	case a := <-got:
		now := s.now()
		s.admission.leave(now, now.Sub(began), true)
		return a
	case <-ctx.Done():
		now := s.now()
		s.admission.leave(now, now.Sub(began), false)
		return actors.Answer{Refusal: errDeadline}
	}
}

// commandBody is any command, as REST takes it; its cid is the Idempotency-Key.
type commandBody struct {
	Cmd        string         `json:"cmd" doc:"A command's name"`
	D          jsontext.Value `json:"d" doc:"Its data"`
	Dry        bool           `json:"dry,omitempty" doc:"Check and price it, do nothing (order.place, order.add, bill.split)"`
	DeadlineMS int64          `json:"deadline_ms,omitempty" minimum:"1" maximum:"30000"`
}

func (s *Server) postCommand(c *call, _ *storeParams) *refusal.Refusal {
	m, bad := s.body(c)
	if bad != nil {
		return bad
	}
	var in commandBody
	if err := json.Unmarshal(m.D, &in); err != nil {
		return malformedBody(err)
	}
	m.Cmd, m.D, m.Dry, m.DeadlineMS = in.Cmd, in.D, in.Dry, in.DeadlineMS
	return s.execute(c, m)
}

func (s *Server) postOrder(c *call, _ *storeParams) *refusal.Refusal {
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
	m.Store = c.store
	a := s.run(c.Context(), c.who, address(c.Request), m, wire.ParseTrace(c.Request.Header.Get("traceparent")))
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

// run executes a command that came over REST or the service, and waits for its answer.
func (s *Server) run(ctx context.Context, who *auth.Principal, address string, m *message, trace wire.Trace) actors.Answer {
	if s.draining.Load() {
		return actors.Answer{Refusal: errDraining}
	}
	is := s.begin(who, address, m, trace)
	of := classOf(who, m.Cmd)
	r, bad := s.request(who, m)
	if bad == nil {
		bad = s.paces.allow(who, address, r.Store, of, is.Received)
	}
	if bad != nil {
		s.finish(&is, bad)
		return actors.Answer{Refusal: bad}
	}
	r.Trace, is.Store = is.Trace, r.Store
	s.stats.Commands.Add(1)
	a := s.ask(ctx, of, r)
	s.finish(&is, a.Refusal)
	return a
}

// read asks the engine for the view of one entity.
func (s *Server) read(ctx context.Context, of class, storeID string, t command.Target) actors.Answer {
	return s.ask(ctx, of, &actors.Request{Store: storeID, Target: t, Deadline: s.now().Add(deadlineDefault)})
}
