// Package peers carries questions and answers between the nodes of a cluster, over
// Proto.Actor's remote: the shell of virtual actors is here, and all that knows gRPC.
//
// Its promise: a question is answered once, by an answer or by an error that says
// whether it may have been done; and what comes from outside the cluster, is too large
// or is not known changes nothing and is counted.
//
// routes and bus ask through it; cmd makes one Peers per node.
package peers

import (
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/cluster"
	"github.com/asynkron/protoactor-go/remote"

	"github.com/brigata/brigata/actors/wire/pb"
)

var (
	// ErrDead says that the question did not arrive: nothing was done.
	ErrDead = errors.New("peers: nobody is there")
	// ErrLate says that no answer came in time: whether it was done is not known.
	ErrLate = errors.New("peers: no answer in time")
	// ErrFull says that too many questions to that node wait. Nothing was done.
	ErrFull = errors.New("peers: too many questions wait")
)

// Options start a node's peers. Bind and Owner are needed.
type Options struct {
	Bind      string // host:port to listen on; port 0: any
	Advertise string // host:port that others reach it at; "": what Bind became
	// TLS is both sides' configuration: see LoadTLS. nil: in the clear.
	TLS *tls.Config
	// Owner says at which address a store's cell is; "" while nobody has it.
	Owner func(store string) (address string)
	Log   *slog.Logger
}

// Peers is this node's end of all conversations. Stop ends it.
type Peers struct {
	options Options
	log     *slog.Logger
	cluster *cluster.Cluster
	self    string // address
	lastTag atomic.Uint32
	refused atomic.Int64 // messages
	// strangers is connections.
	strangers atomic.Int64
	handler   atomic.Pointer[Handler]
	stop      chan struct{}

	mu      sync.Mutex
	waiting map[uint32]*question
	asked   map[string]int // questions under way, by address; 0 once all are answered
}

// Handler takes a question. It must not block, and calls answer at most once, on any
// goroutine.
type Handler func(m *pb.Parcel, answer func(*pb.Parcel))

// question is one that waits for its answer.
type question struct {
	address string
	got     func(*pb.Parcel, error)
	timer   *time.Timer
}

const (
	// perPeer is how many questions to one node wait at most.
	perPeer = 4096
	// A batch of messages must stay below what gRPC takes: beyond it gRPC drops the whole
	// batch without a word (its own limit is 4 MB, and a batch of 1000 exceeds that).
	batchMax   = 64
	messageMax = 64 << 20
	// queueMax is preallocated for each peer: the default takes 15 MB of each.
	queueMax = 1024
)

// Start listens. Questions are refused until Handle is called.
func Start(o Options) (*Peers, error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	p := &Peers{options: o, log: o.Log, stop: make(chan struct{}), waiting: map[uint32]*question{}, asked: map[string]int{}}
	host, port, err := freePort(o.Bind)
	if err != nil {
		return nil, err
	}
	quiet := func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }
	system := actor.NewActorSystem(actor.WithLoggerFactory(quiet))
	c := remote.Configure(host, port, remote.WithServerOptions(p.serverOptions()...), remote.WithDialOptions(dialOptions(o.TLS)...),
		remote.WithEndpointWriterBatchSize(batchMax), remote.WithEndpointWriterQueueSize(queueMax),
		// A dead address otherwise holds requests for five tries of two seconds.
		func(c *remote.Config) { c.MaxRetryCount = 1 })
	if c.AdvertisedHost = o.Advertise; c.AdvertisedHost == "" {
		c.AdvertisedHost = net.JoinHostPort(host, strconv.Itoa(port))
	}
	p.self = c.AdvertisedHost
	system.ProcessRegistry.Add(questions{p}, questionsID) // before anybody can ask
	system.ProcessRegistry.Add(answers{p}, answersID)
	if err := p.start(system, c); err != nil {
		return nil, err
	}
	return p, nil
}

// freePort settles the port before Proto.Actor listens: it joins host and port wrongly
// for IPv6 and panics where it cannot listen.
func freePort(bind string) (host string, port int, err error) {
	l, err := net.Listen("tcp", bind)
	if err != nil {
		return "", 0, err
	}
	defer l.Close()
	a := l.Addr().(*net.TCPAddr)
	if host = a.IP.String(); a.IP.To4() == nil {
		host = "[" + host + "]"
	}
	return host, a.Port, nil
}

// Address is where others reach this node.
func (p *Peers) Address() string { return p.self }

// Strangers counts connections without a certificate of ours.
func (p *Peers) Strangers() int64 { return p.strangers.Load() }

// Refused counts messages that were too large, malformed or not known.
func (p *Peers) Refused() int64 { return p.refused.Load() }

// Handle has h take all questions from now on.
func (p *Peers) Handle(h Handler) { p.handler.Store(&h) }

// Ask puts a question to the node at address. got is called once, on any goroutine.
func (p *Peers) Ask(address string, m *pb.Parcel, within time.Duration, got func(*pb.Parcel, error)) {
	tag := p.lastTag.Add(1)
	if tag == 0 { // that would be no tag
		tag = p.lastTag.Add(1)
	}
	q := &question{address: address, got: got}
	p.mu.Lock()
	if p.asked[address] >= perPeer {
		p.mu.Unlock()
		got(nil, ErrFull)
		return
	}
	p.asked[address]++
	p.waiting[tag] = q
	q.timer = time.AfterFunc(within, func() { p.answered(tag, nil, ErrLate) })
	p.mu.Unlock()
	system := p.cluster.ActorSystem
	system.Root.Send(&actor.PID{Address: address, Id: questionsID}, &actor.MessageEnvelope{Message: m,
		Sender: &actor.PID{Address: p.self, Id: answersID, RequestId: tag}})
}

// answered ends a question; the first of answer, dead letter and time does.
func (p *Peers) answered(tag uint32, m *pb.Parcel, err error) {
	p.mu.Lock()
	q := p.waiting[tag]
	if q != nil {
		delete(p.waiting, tag)
		p.asked[q.address]--
	}
	p.mu.Unlock()
	if q == nil {
		return
	}
	q.timer.Stop()
	q.got(m, err)
}

// Reset forgets the connection to a node that is gone or was started anew: what is
// queued for it comes back as dead, and the next question connects at once.
func (p *Peers) Reset(address string) {
	if address == p.self {
		return
	}
	p.mu.Lock()
	if p.asked[address] == 0 {
		delete(p.asked, address)
	}
	p.mu.Unlock()
	p.cluster.ActorSystem.EventStream.Publish(&remote.EndpointTerminatedEvent{Address: address})
}

// Stop ends it: questions that wait get ErrLate. It is not graceful in Proto.Actor's
// sense, which sleeps two seconds and waits ten for peers that may be dead; whoever
// drains has answered everything before.
func (p *Peers) Stop() {
	close(p.stop)
	p.mu.Lock()
	tags := slices.Collect(maps.Keys(p.waiting))
	addresses := slices.Collect(maps.Keys(p.asked))
	p.mu.Unlock()
	for _, t := range tags {
		p.answered(t, nil, ErrLate)
	}
	for _, a := range addresses {
		p.Reset(a)
	}
	p.cluster.Remote.Shutdown(false)
	p.cluster.ActorSystem.Shutdown()
}
