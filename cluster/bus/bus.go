// Package bus brings the views of every store to the boards of every node that shows
// them, and its values (document, menu) to every node that needs them.
//
// Its promise: what was published at a store's node and is not here is noticed, by a gap
// in the count of what was published or by comparison every few seconds and whenever
// members change, and fetched. Views go over embedded NATS servers, which may lose them;
// comparison and fetching go over the peers. cmd makes one Bus per node.
package bus

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/actors/wire/pb"
	"github.com/brigata/brigata/cluster/cells"
)

// Boards are this node's: what they hold of a store that lives here is what has been
// published of it.
type Boards interface {
	Publish(views []actors.View)
	Known(store string) []actors.View
	Stores() map[string]bool // of which anything is known, and whether somebody watches
	Forget(store string) bool
	Stale(store string) // what is shown may not be so any more: tell those who watch
}

// Config makes a Bus; all but Stored, Renewed, Came, Zone, Log, Arrived and StaleAfter is needed.
type Config struct {
	Self   string // this start of this node
	Server *Server
	Boards Boards
	// Here returns the values of a store whose cell answers here, or nil.
	Here func(store string) *store.Today
	// Where says who has a store's cell; false: there is no such store.
	Where func(store string) (cells.Owner, bool)
	// Read asks for an entity's view, wherever it is. It never blocks.
	Read func(store string, t command.Target, got func(actors.Answer))
	// Ask puts a question to the node at an address.
	Ask func(address string, m *pb.Parcel, within time.Duration, got func(*pb.Parcel, error))
	// Stored reads a store's values from the database, for when its node does not answer.
	Stored func(ctx context.Context, store string) (*store.Today, error)
	// Renewed is told that Today of a store that lives elsewhere has changed. It does not block.
	Renewed func(store string)
	// Came is told that a store that was watched here while it lived elsewhere is here now: the
	// boards may show what has ended. It does not block.
	Came func(store string)
	Zone func(name string) (*time.Location, error)
	Log  *slog.Logger
	// Arrived is told of each view that came over the bus, and is as quick as a hook must be.
	Arrived func(*actors.View)
	// StaleAfter is how long the boards may go without being held to a store's node: past
	// it whoever watches is told, and nobody may begin to. 0: 10 s.
	StaleAfter time.Duration
}

const (
	// healEvery is how often what is here is compared with the stores' nodes.
	healEvery = 3 * time.Second
	// watchedFor is how long a node that said that it watches a store is told of it.
	watchedFor = 5 * healEvery
	// keptFor is how long a mirror stays that nobody uses.
	keptFor = 2 * time.Minute
	// queueMax is how many views wait to be sent; beyond it they are dropped, and healed.
	queueMax = 8192
	// answersMax is how many questions of other nodes are worked on at a time.
	answersMax = 8
)

// Bus is this node's end. Stop ends it.
type Bus struct {
	config Config
	log    *slog.Logger
	out    chan message
	kick   chan struct{}
	work   chan struct{} // bounds answers
	ctx    context.Context
	cancel context.CancelFunc
	tasks  sync.WaitGroup
	stats  Stats

	life    sync.Mutex
	stopped bool

	mu      sync.Mutex
	outlets map[string]*outlet
	mirrors map[string]*mirror
}

// Stats are counters since the start.
type Stats struct {
	Sent, Dropped, Taken, Gaps, Healed, Malformed atomic.Int64
}

// outlet is what this node has published of a store.
type outlet struct {
	n        uint64 // views
	values   uint64 // changes of the store's values
	today    *store.Today
	watchers map[string]time.Time // nodes, and when each last said so
}

// message is one to be sent.
type message struct {
	store string
	view  actors.View
	n     uint64 // 0: the store's values changed
}

// New starts a Bus.
func New(c Config) *Bus {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Came == nil {
		c.Came = func(string) {}
	}
	if c.Renewed == nil {
		c.Renewed = func(string) {}
	}
	if c.Zone == nil {
		c.Zone = time.LoadLocation
	}
	if c.StaleAfter == 0 {
		c.StaleAfter = 10 * time.Second
	}
	b := &Bus{config: c, log: c.Log, out: make(chan message, queueMax), kick: make(chan struct{}, 1), work: make(chan struct{}, answersMax),
		outlets: map[string]*outlet{}, mirrors: map[string]*mirror{}}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	b.tasks.Go(b.send)
	b.tasks.Go(b.heal)
	return b
}

// Stats returns the counters.
func (b *Bus) Stats() *Stats { return &b.stats }

// Changed has everything compared soon: members or owners have changed.
func (b *Bus) Changed() {
	select {
	case b.kick <- struct{}{}:
	default:
	}
}

// Stop ends it.
func (b *Bus) Stop() {
	b.life.Lock()
	b.stopped = true
	b.life.Unlock()
	b.cancel()
	b.tasks.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, m := range b.mirrors {
		m.unsubscribe()
	}
}

// spawn runs f, and Stop waits for it; false once it has stopped.
func (b *Bus) spawn(f func()) bool {
	b.life.Lock()
	defer b.life.Unlock()
	if b.stopped {
		return false
	}
	b.tasks.Go(f)
	return true
}

// Publish takes views of cells that are here, in commit order; those of one store never
// come from two goroutines at once. It does not block.
func (b *Bus) Publish(views []actors.View) {
	b.config.Boards.Publish(views) // before they are counted: what is counted can be fetched
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range views {
		v := &views[i]
		o := b.outlet(v.Store)
		o.n++
		if len(o.watchers) > 0 {
			b.enqueue(message{v.Store, *v, o.n})
		}
		switch v.Target.Kind {
		case "store", "menu", "stock":
			b.valued(v.Store, o)
		}
	}
}

func (b *Bus) outlet(id string) *outlet {
	o := b.outlets[id]
	if o == nil {
		o = &outlet{watchers: map[string]time.Time{}}
		b.outlets[id] = o
	}
	return o
}

// valued notes whether the store's values have changed, and tells so.
func (b *Bus) valued(id string, o *outlet) {
	t := b.config.Here(id)
	if t == nil || t == o.today {
		return
	}
	o.today = t
	o.values++
	b.enqueue(message{store: id})
}

func (b *Bus) enqueue(m message) {
	select {
	case b.out <- m:
	default:
		b.stats.Dropped.Add(1)
	}
}

func (b *Bus) send() {
	for {
		select {
		case m := <-b.out:
			b.sendOne(&m)
		case <-b.ctx.Done():
			return
		}
	}
}

func (b *Bus) sendOne(m *message) {
	conn := b.config.Server.conn
	if m.n == 0 {
		if err := conn.Publish(valuesOf(m.store), nil); err != nil {
			b.log.Debug("not sent", "store", m.store, "error", err)
		}
		return
	}
	data, err := proto.Marshal(viewOf(&m.view, b.config.Self, m.n))
	if err == nil {
		err = conn.Publish(subject(m.store, m.view.Target), data)
	}
	if err != nil {
		b.stats.Dropped.Add(1)
		b.log.Debug("not sent", "store", m.store, "error", err)
		return
	}
	b.stats.Sent.Add(1)
}

// viewOf is a view as nodes send it.
func viewOf(v *actors.View, source string, n uint64) *pb.View {
	p := &pb.View{Kind: v.Target.Kind, Id: v.Target.ID, V: v.V, Live: v.Live, View: wire.MarshalView(v.View), Source: source, N: n,
		Trace: v.Trace.String()}
	if !v.At.IsZero() {
		p.AtUs = v.At.UnixMicro()
	}
	return p
}

// readView is its opposite.
func readView(storeID string, p *pb.View) (actors.View, error) {
	view, err := wire.UnmarshalView(p.Kind, p.View)
	return actors.View{Store: storeID, Target: command.Target{Kind: p.Kind, ID: p.Id}, V: p.V, Live: p.Live, View: view,
		Trace: wire.ParseTrace(p.Trace)}, err
}

// PublishStatus tells the other nodes how this one is.
func (b *Bus) PublishStatus(id string, status []byte) {
	if err := b.config.Server.conn.Publish(statusOf(id), status); err != nil {
		b.log.Debug("status not sent", "error", err)
	}
}

// Statuses has f called with what other nodes tell of themselves, until Stop.
func (b *Bus) Statuses(f func(status []byte)) error {
	_, err := b.config.Server.conn.Subscribe(statuses, natsHandler(f))
	return err
}
