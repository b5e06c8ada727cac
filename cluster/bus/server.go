package bus

import (
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Server is the embedded NATS server of a node, joined with those of the others by
// routes. Its only client is this process: NATS routes nothing unless it listens for
// clients, so it does, on loopback, with a secret that nobody else has. Stop ends it.
type Server struct {
	server  *server.Server
	conn    *nats.Conn
	refused atomic.Int64 // messages
	// strangers is connections.
	strangers atomic.Int64

	mu      sync.Mutex
	options *server.Options
	routes  []string
}

// ServerOptions start a Server; Name and Listen are needed.
type ServerOptions struct {
	Name      string      // unique among the nodes, and of this start
	Listen    string      // host:port for the others' routes; port 0: any
	Advertise string      // host:port that they reach it at; "": Listen
	TLS       *tls.Config // both sides'; nil: in the clear
	Log       *slog.Logger
}

const (
	payloadMax = 4 << 20
	// pendingMax is what may wait for a slow peer before it is cut; it comes back, and
	// what it missed is healed.
	pendingMax = 64 << 20
	readyIn    = 10 * time.Second
)

// StartServer starts the server and connects to it within the process.
func StartServer(o ServerOptions) (*Server, error) {
	host, port, err := net.SplitHostPort(o.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen for the bus: %w", err)
	}
	at, err := strconv.Atoi(port)
	if err != nil {
		return nil, fmt.Errorf("listen for the bus: %w", err)
	}
	if at == 0 {
		at = server.RANDOM_PORT
	}
	secret := rand.Text()
	s := &Server{options: &server.Options{ServerName: o.Name, Host: "127.0.0.1", Port: server.RANDOM_PORT, Authorization: secret, NoSigs: true, MaxPayload: payloadMax, MaxPending: pendingMax,
		WriteDeadline: 5 * time.Second, PingInterval: 5 * time.Second, MaxPingsOut: 2, DisableShortFirstPing: true,
		Cluster: server.ClusterOpts{Name: "brigata", Host: host, Port: at, Advertise: o.Advertise, PoolSize: -1, TLSConfig: o.TLS, TLSTimeout: 3,
			PingInterval: 5 * time.Second, MaxPingsOut: 2}}}
	if s.server, err = server.NewServer(s.options); err != nil {
		return nil, fmt.Errorf("start the bus: %w", err)
	}
	log := o.Log
	if log == nil {
		log = slog.Default()
	}
	s.server.SetLoggerV2(&logger{s, log}, false, false, false)
	s.server.Start()
	if !s.server.ReadyForConnections(readyIn) {
		s.server.Shutdown()
		return nil, errors.New("start the bus: not ready in time")
	}
	s.conn, err = nats.Connect("", nats.InProcessServer(s.server), nats.MaxReconnects(-1), nats.NoEcho(), nats.Token(secret), nats.Name(o.Name),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})) // a subscription that is behind sees a gap
	if err != nil {
		s.server.Shutdown()
		return nil, fmt.Errorf("connect to the bus: %w", err)
	}
	return s, nil
}

// Address is where the others' routes reach this server.
func (s *Server) Address() string {
	if a := s.options.Cluster.Advertise; a != "" {
		return a
	}
	return s.server.ClusterAddr().String()
}

// Connect has routes to exactly those addresses, besides the ones that others make to us.
func (s *Server) Connect(addresses []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	slices.Sort(addresses)
	addresses = slices.Compact(addresses)
	if slices.Equal(addresses, s.routes) {
		return nil
	}
	next := s.options.Clone()
	next.Routes = nil
	for _, a := range addresses {
		next.Routes = append(next.Routes, &url.URL{Scheme: "nats-route", Host: a})
	}
	if err := s.server.ReloadOptions(next); err != nil {
		return fmt.Errorf("change the routes of the bus: %w", err)
	}
	s.routes = addresses
	return nil
}

// Routes counts the servers that this one is connected with.
func (s *Server) Routes() int { return s.server.NumRoutes() }

// Strangers counts connections without a certificate of ours.
func (s *Server) Strangers() int64 { return s.strangers.Load() }

// Refused counts messages that were too large or malformed.
func (s *Server) Refused() int64 { return s.refused.Load() }

// Stop ends it.
func (s *Server) Stop() {
	s.conn.Close()
	s.server.Shutdown()
	s.server.WaitForShutdown()
}

// logger takes the server's log, and counts handshakes that failed and messages that
// were too large or malformed: it tells of them nowhere else.
type logger struct {
	*Server
	log *slog.Logger
}

var (
	ofStrangers = []string{"TLS route handshake error", "route connection", "Authorization"}
	ofMessages  = []string{"maximum payload", "Parser ERROR", "parser error"}
)

func containsAny(text string, parts []string) bool {
	return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(text, p) })
}

func (l *logger) Errorf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	switch {
	case containsAny(text, ofStrangers):
		l.strangers.Add(1)
	case containsAny(text, ofMessages):
		l.refused.Add(1)
	}
	l.log.Debug("bus", "said", text)
}

func (l *logger) Warnf(format string, v ...any) {
	l.log.Debug("bus", "said", fmt.Sprintf(format, v...))
}
func (l *logger) Fatalf(format string, v ...any) {
	l.log.Error("bus", "said", fmt.Sprintf(format, v...))
}
func (*logger) Noticef(string, ...any) {}
func (*logger) Debugf(string, ...any)  {}
func (*logger) Tracef(string, ...any)  {}
