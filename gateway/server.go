// Package gateway is where clients come in: sockets, REST, boards, auth and limits. It
// holds no business state. Its promises: a reply comes only from the engine's answer, a
// board is right or is replaced, guests never see what is not theirs, and no client,
// slow or hostile, costs more than its bounds. cmd makes one Server per node.
package gateway

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/time/rate"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/gateway/auth"
	"github.com/brigata/brigata/gateway/boards"
	"github.com/brigata/brigata/gateway/feed"
	"github.com/brigata/brigata/gateway/webhooks"
)

// Engine is what executes commands and answers reads: the host of the actors.
type Engine interface {
	// Do never blocks; it answers exactly once through r.To.
	Do(r *actors.Request)
	// Today returns a store's current values, or nil if this node does not have the store.
	Today(store string) *store.Today
}

// Config makes a Server. Engine and Keys are needed.
type Config struct {
	Engine  Engine
	Keys    *auth.Keys
	Archive Archive // lists and histories; nil: they are unavailable
	// Accounts are who may log in; nil: nobody, and tokens come from elsewhere.
	Accounts *auth.Accounts
	// Stores loads a store's document and returns the reply's JSON; the same document
	// again changes nothing. nil: stores cannot be loaded.
	Stores func(ctx context.Context, id string, doc []byte) ([]byte, *refusal.Refusal)
	// StoreNames lists the ids of all stores, for those whose token is good in all.
	StoreNames func() []string
	// StoreDocument returns a store's document as JSON, or nil.
	StoreDocument func(id string) []byte
	Origins       []string // host patterns that browsers may come from besides our own host
	Limits        Limits   // zero fields are defaults
	// Watch has a store's views come to this node: see boards.Config. nil: they do.
	Watch func(store string) *refusal.Refusal
	// Exists says that a store is somewhere, though its values may not be known here just
	// now. nil: what Engine knows is all there is.
	Exists func(store string) bool
	// Nodes lists the nodes of the cluster, for /v1/cluster. nil: it is unavailable.
	Nodes func() []wire.Node
	// Reconcile compares a day's payments with what providers list; nil: there are no providers.
	Reconcile Reconcile
	// Notifications takes what payment providers send, below /v1/payments/{provider}/notify;
	// it verifies who sent it. nil: there are no providers.
	Notifications http.Handler
	Webhooks      *webhooks.Driver // nil: there are none
	Ready         func() error     // says why the node is not ready; nil: always ready
	Now           func() time.Time // nil: time.Now
	Log           *slog.Logger     // nil: slog.Default
	Hooks         Hooks
	Operations    Operations
}

// Server is the gateway of one node. It is an http.Handler.
type Server struct {
	config  Config
	limits  Limits
	now     func() time.Time
	log     *slog.Logger
	mux     *http.ServeMux
	boards  *boards.Boards
	menus   menuCache
	stats   Stats
	tasks   tasks
	counts  counts
	dials   visitors // by address
	callers visitors // of REST, by principal

	addresses visitors // of those who have no token yet
	streams   streams  // of the service
	watches   watches  // of its streams
	admission admission
	paces     paces
	accounts  breaker
	archive   breaker
	books     sync.Mutex // held while payments are reconciled

	draining atomic.Bool
	refusing atomic.Bool  // commands too
	open     atomic.Int64 // connections
	stop     chan struct{}
	stopOnce sync.Once

	mu       sync.Mutex
	sessions map[*session]struct{}
	byClient map[clientKey]*session
}

type clientKey struct{ user, client string }

// Stats are counters since the start.
type Stats struct {
	Messages, Commands, Frames, BadTokens, Replaced atomic.Int64
	Closes                                          sync.Map // websocket.StatusCode → *atomic.Int64
	Feed                                            feed.Counts
}

// New starts a gateway. Drain ends it.
func New(c Config) (*Server, error) {
	if c.Engine == nil || c.Keys == nil {
		return nil, errors.New("a gateway needs an engine and keys")
	}
	c.Limits.ensureDefaults()
	if c.Limits.Ping%time.Second != 0 {
		return nil, errors.New("the ping interval must be whole seconds")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	s := &Server{config: c, limits: c.Limits, now: c.Now, log: c.Log, stop: make(chan struct{}),
		sessions: map[*session]struct{}{}, byClient: map[clientKey]*session{}}
	s.dials = visitors{rate: rate.Limit(s.limits.DialRate), burst: 4 * s.limits.DialRate}
	s.callers = visitors{rate: rate.Limit(s.limits.CallRate), burst: 4 * s.limits.CallRate}
	s.addresses = visitors{rate: rate.Limit(s.limits.CallRate), burst: 4 * s.limits.CallRate}
	s.admission.init(s.limits.AnswerWithin, s.limits.InflightNode)
	s.paces.init(&s.limits)
	s.accounts, s.archive = newBreaker("accounts"), newBreaker("archive")
	s.boards = boards.New(boards.Config{Epoch: rand.Text()[:6], Today: c.Engine.Today, Now: c.Now, Read: s.readFor, Watch: c.Watch, Exists: c.Exists})
	s.mux = s.routes()
	s.tasks.run(s.sweepEachSecond)
	if c.Accounts != nil {
		c.Accounts.OnRevoked(s.revoke)
		s.tasks.run(func() { c.Accounts.Run(s.stop) })
	}
	return s, nil
}

// Publish gives the boards the newest views, in commit order of each entity; those of
// one store must not come from two goroutines at once. It never blocks: clients' queues
// are bounded and have writers of their own.
func (s *Server) Publish(views []actors.View) {
	hook := s.config.Hooks.Published
	if hook == nil {
		s.boards.Publish(views)
		return
	}
	p := Published{Began: s.now()}
	s.boards.Publish(views)
	p.Done = s.now()
	for i := range views {
		if at := views[i].At; p.Oldest.IsZero() || at.Before(p.Oldest) {
			p.Oldest = at
		}
		if views[i].Trace.Sampled() {
			p.Traces = append(p.Traces, views[i].Trace)
		}
	}
	if p.Oldest.IsZero() { // a cell was opened
		p.Oldest = p.Began
	}
	hook(p)
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	s.mux.ServeHTTP(w, r)
}

// HTTP returns the server that clients' connections come to, with h behind it. A client
// that sends its headers or its body a byte at a time, or takes its answer so, is cut when
// its time is over, whatever h does meanwhile. What streams lifts these bounds for itself:
// a socket by its upgrade, the service's streams once their caller is known.
func (s *Server) HTTP(h http.Handler) *http.Server {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	p.SetHTTP2(true)
	p.SetUnencryptedHTTP2(true) // gRPC needs HTTP/2, and TLS may end before us
	return &http.Server{Handler: h, Protocols: p, ConnContext: connContext, ReadHeaderTimeout: s.limits.HeaderWithin, ReadTimeout: s.limits.RequestWithin,
		WriteTimeout: s.limits.TakenWithin, IdleTimeout: s.limits.IdleWithin, MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug)}
}

type connKey struct{}

// connContext lets a socket see to its connection's buffers. They are small, so that a client
// that does not read is noticed before megabytes wait in the kernel, and one that sends without
// waiting is stopped by its own.
func connContext(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

// sendBuffer and receiveBuffer are the kernel's of each socket, in bytes; Linux takes twice that. The
// one for receiving has room for what a connection's first window has promised to take: what is
// sent and finds none is lost with the acknowledgements on it, and then both directions stall.
const (
	sendBuffer    = 16 << 10
	receiveBuffer = 64 << 10
)

// tcpOf is the connection that a request came on; nil: it is none that we know.
func tcpOf(ctx context.Context) *net.TCPConn {
	c := ctx.Value(connKey{})
	if t, ok := c.(interface{ NetConn() net.Conn }); ok { // TLS
		c = t.NetConn()
	}
	tcp, _ := c.(*net.TCPConn)
	return tcp
}

func (s *Server) sweepEachSecond() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			s.sweep(s.now())
		case <-s.stop:
			return
		}
	}
}

func (s *Server) sweep(now time.Time) {
	for _, c := range s.all() {
		c.sweep(now)
	}
	s.streams.end(func(p *auth.Principal) bool { return now.After(p.Expires) }, errTokenOver)
	s.boards.Sweep(now)
	s.dials.sweep(now)
	s.callers.sweep(now)
	s.addresses.sweep(now)
	s.paces.sweep(now)
}

func (s *Server) all() []*session {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*session, 0, len(s.sessions))
	for c := range s.sessions {
		all = append(all, c)
	}
	return all
}

func (s *Server) join(c *session) {
	s.open.Add(1)
	s.mu.Lock()
	s.sessions[c] = struct{}{}
	s.mu.Unlock()
	if s.draining.Load() { // Drain may have looked before we joined
		c.end(closeDraining)
	}
}

// storesOf refuses a token whose stores are not here.
func (s *Server) storesOf(who *auth.Principal) error {
	if who.Everywhere() {
		return nil
	}
	for _, st := range who.Stores {
		if s.exists(st) {
			return nil
		}
	}
	return refusal.New(refusal.Unauthenticated, "store", "There is no such store")
}

func (s *Server) exists(store string) bool {
	return s.config.Engine.Today(store) != nil || s.config.Exists != nil && s.config.Exists(store)
}

// enter counts the session for its user and closes an older one of the same client.
func (s *Server) enter(c *session, who *auth.Principal, client string) bool {
	if !s.counts.take("user "+who.ID(), s.limits.PerUser) {
		return false
	}
	c.client = client
	if client == "" {
		return true
	}
	key := clientKey{who.ID(), client}
	s.mu.Lock()
	old := s.byClient[key]
	s.byClient[key] = c
	s.mu.Unlock()
	if old != nil {
		s.stats.Replaced.Add(1)
		old.end(closeReplaced)
	}
	return true
}

func (s *Server) part(c *session) {
	c.mu.Lock()
	who, waiting := c.who, len(c.waiting)
	c.waiting = nil
	c.mu.Unlock()
	s.admission.inflight.Add(int64(-waiting))
	s.open.Add(-1)
	s.counts.give("address " + c.address)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, c)
	if who == nil {
		return
	}
	s.counts.give("user " + who.ID())
	if key := (clientKey{who.ID(), c.client}); s.byClient[key] == c {
		delete(s.byClient, key)
	}
}

func (s *Server) closed(code websocket.StatusCode) {
	if hook := s.config.Hooks.Closed; hook != nil {
		hook(int(code))
	}
	n, _ := s.stats.Closes.LoadOrStore(code, new(atomic.Int64))
	n.(*atomic.Int64).Add(1)
}

var (
	errTokenOver = refusal.New(refusal.Unauthenticated, "expired", "The token has expired")
	errLoginOver = refusal.New(refusal.Unauthenticated, "revoked", "The login was ended")
)

// revoke closes the sessions of principals that match. Unless they are gone for good, a
// fresh token lets them in again.
func (s *Server) revoke(match func(*auth.Principal) bool, gone bool) {
	code, why := closeExpired, errTokenOver
	if gone {
		code, why = closeRevoked, errLoginOver
	}
	s.streams.end(match, why)
	for _, c := range s.all() {
		if who := c.principal(); who != nil && match(who) {
			c.end(code)
		}
	}
}

// Connections returns how many sockets are open.
func (s *Server) Connections() int { return int(s.open.Load()) }

// Inflight returns how many commands have no answer yet.
func (s *Server) Inflight() int { return int(s.admission.inflight.Load()) }

// Stats returns the counters.
func (s *Server) Stats() *Stats { return &s.stats }

// newID returns an unguessable name for a session.
func newID() string { return rand.Text() }
