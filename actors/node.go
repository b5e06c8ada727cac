package actors

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/journal"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/actors/threads"
	"github.com/brigata/brigata/actors/wire"
)

// Config makes a Node. Journal is needed; zero values of the rest are defaults.
type Config struct {
	Journal journal.Journal
	Writer  journal.Options // its Threads are the node's
	Publish func([]View)    // views in commit order; called by one goroutine at a time for a store
	Now     func() time.Time
	Zone    func(name string) (*time.Location, error)
	Hooks   Hooks
	Log     *slog.Logger
	Lease   Lease           // nil: the process has its database alone
	Engine  Engine          // what runs the actors: Proto.Actor
	Threads threads.Threads // what runs beside them: goroutines

	// Providers says through whom a store can take money, beside cash and terminals; nil: nobody.
	Providers   func(store string) []string
	MailboxMax  int           // messages that wait for one entity: 4096
	ResidentMax int           // entities in memory beside those that stay: 500 000
	IdleAfter   time.Duration // what nobody asked for is taken out of memory: 10 min
}

// Hooks tell of the host's work, for logs, metrics and traces. They are called on the
// hot path and must be quick.
type Hooks struct {
	// Turn: an entity of that kind has taken a message.
	Turn func(kind string, events int)
	// Traced: a turn of a command whose trace is sampled was taken.
	Traced func(TracedTurn)
	// Opened: a gate opened: all that waited is durable.
	Opened func(Opened)
	// Panicked: rules have a bug; the entity is loaded again.
	Panicked func(store, kind, id string, value any, stack []byte)
	// Unreadable: what the journal holds of an entity is damaged, or newer than this version.
	Unreadable func(store, kind, id string, err error)
	// Lost: a cell cannot be written any more.
	Lost func(store string, err error)
}

// TracedTurn is a turn that one traced command led to.
type TracedTurn struct {
	Trace        wire.Trace
	Kind, ID     string
	Events       int
	Began, Ended time.Time
}

// Opened is what one transaction let out of a cell.
type Opened struct {
	Since, At time.Time    // the first of its turns, and when the gate opened
	Traces    []wire.Trace // of its sampled turns; the callee's only during the call
}

// Node hosts the cells of one process.
type Node struct {
	config Config
	engine Engine
	writer *journal.Writer
	clock  *clock
	log    *slog.Logger

	mu            sync.RWMutex
	cells         map[string]*cell
	life          int             // raised by DropAll: what was being loaded then is old
	reopening     map[string]bool // cells that were lost and are being opened again
	leaving, left []Mailbox       // actors out of memory since the last sweep, and before it
	stopping      atomic.Bool
	fenced        atomic.Bool // this process may not write any more
	resident      atomic.Int64
	tasks         threads.Group
	stop          chan struct{}
	loads         chan struct{} // a token for each read of a single entity: at most loadsMax at a time
}

// loadsMax is how many single entities are read from the journal at a time.
const loadsMax = 8

var (
	errMoved = &refusal.Refusal{Code: refusal.Moved, Message: "The store is moving; try again",
		Fields: refusal.Fields{What: "node"}, AfterMS: 200}
	errLost = &refusal.Refusal{Code: refusal.Unavailable, Message: "The database cannot be written; try again",
		Fields: refusal.Fields{What: "database"}, AfterMS: 1000}
	errFull = &refusal.Refusal{Code: refusal.Overloaded, Message: "Too much waits; try again",
		Fields: refusal.Fields{What: "node"}, AfterMS: 500}
	errLate = &refusal.Refusal{Code: refusal.Unavailable, Message: "No time was left",
		Fields: refusal.Fields{What: "deadline"}, AfterMS: 100}
)

// NewNode starts a node without cells.
func NewNode(c Config) (*Node, error) {
	if c.Journal == nil {
		return nil, errors.New("actors: a journal is needed")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Zone == nil {
		c.Zone = time.LoadLocation
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.MailboxMax == 0 {
		c.MailboxMax = 4096
	}
	if c.ResidentMax == 0 {
		c.ResidentMax = 500_000
	}
	if c.IdleAfter == 0 {
		c.IdleAfter = 10 * time.Minute
	}
	if c.Engine == nil {
		c.Engine = newProtoActor()
	}
	c.Writer.Threads = c.Threads
	n := &Node{config: c, engine: c.Engine, log: c.Log, cells: map[string]*cell{}, reopening: map[string]bool{}, stop: make(chan struct{}),
		loads: make(chan struct{}, loadsMax)}
	for range loadsMax {
		n.loads <- struct{}{}
	}
	n.tasks.Threads = c.Threads
	n.writer = journal.NewWriter(c.Journal, c.Writer)
	n.clock = newClock(n)
	n.tasks.Go(n.clock.wake)
	n.tasks.Go(n.clock.tidy)
	return n, nil
}

// now is the time to the millisecond, in UTC.
func (n *Node) now() time.Time { return n.config.Now().UTC().Truncate(time.Millisecond) }

func (n *Node) cell(store string) *cell {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.cells[store]
}

// reopens says that the store's cell was lost and will be here again.
func (n *Node) reopens(store string) bool {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.reopening[store]
}

// Stores lists the cells that are open, in order.
func (n *Node) Stores() (stores []string) {
	for _, c := range n.open() {
		stores = append(stores, c.store)
	}
	return stores
}

// open lists the cells by their stores.
func (n *Node) open() []*cell {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return byStore(n.cells)
}

func byStore(cells map[string]*cell) []*cell {
	return slices.SortedFunc(maps.Values(cells), func(a, b *cell) int { return strings.Compare(a.store, b.store) })
}

// Resident is how many orders and payments are in memory.
func (n *Node) Resident() int { return int(n.resident.Load()) }

// Unwritten is how many cells have events that no transaction has taken yet.
func (n *Node) Unwritten() int { return n.writer.Waiting() }

// Today returns a store's current values, or nil if its cell is not open here or was
// never configured.
func (n *Node) Today(storeID string) *store.Today {
	c := n.cell(storeID)
	if c == nil {
		return nil
	}
	if t := c.today.Load(); t.Known() {
		return t
	}
	return nil
}

// Do executes a request. It never blocks, and answers exactly once through r.To.
func (n *Node) Do(r *Request) {
	if n.stopping.Load() {
		r.To.Reply(r.Tag, Answer{Refusal: errMoved})
		return
	}
	c := n.cell(r.Store)
	if c == nil {
		r.To.Reply(r.Tag, Answer{Refusal: n.absent(r.Store)})
		return
	}
	if r.Target.ID == "" && (r.Target.Kind == "store" || r.Target.Kind == "menu") {
		r.Target.ID = r.Store
	}
	switch {
	case r.Dry && r.Target.Kind == "order" && r.Target.ID == "":
		c.previewPlace(r)
	case r.Command == nil:
		c.read(r)
	case r.Dry:
		c.existing(r)
	default:
		c.do(r)
	}
}

// keyOf names an entity in the journal.
func keyOf(storeID string, k *kind, id string) journal.Key {
	return journal.KeyOf(storeID, k.id, id, !k.stays && len(id) == 36)
}

// Open opens a store's cell where the process has the database alone: see Activate.
func (n *Node) Open(ctx context.Context, storeID string) error { return n.Activate(ctx, storeID, 0) }

// Flush returns when everything that was decided before is durable and published.
func (n *Node) Flush(ctx context.Context) error { return n.writer.Flush(ctx) }

// Stop snapshots every cell, makes all of it durable and ends the node. Requests that
// come meanwhile are told to try elsewhere.
func (n *Node) Stop(ctx context.Context) error {
	if n.stopping.Swap(true) {
		return nil
	}
	close(n.stop)
	n.clock.close()
	for _, c := range n.open() {
		c.tellAll(snapshot{})
	}
	err := n.writer.Flush(ctx)
	err = errors.Join(err, n.writer.Stop(ctx))
	for _, c := range n.open() {
		c.close(nil)
	}
	n.mu.Lock()
	n.cells = map[string]*cell{}
	n.mu.Unlock()
	n.tasks.Wait()
	n.engine.Stop()
	return err
}

// lost drops a cell that cannot be written. Where nodes share the database, the cluster
// says who opens it next.
func (n *Node) lost(c *cell, err error) {
	alone := n.config.Lease == nil
	if alone {
		n.setReopening(c.store, true)
		defer n.setReopening(c.store, false)
	}
	was := n.remove(c)
	c.close(nil)
	n.writer.Forget(c)
	if !was {
		return // dropped before
	}
	if n.config.Hooks.Lost != nil {
		n.config.Hooks.Lost(c.store, err)
	}
	n.log.Error("cell lost", "store", c.store, "error", err)
	switch {
	case !alone:
		n.config.Lease.Lost(c.store, c.claim, err)
	case errors.Is(err, journal.ErrFenced):
		n.fenced.Store(true)
	default:
		n.reopen(c.store)
	}
}

func (n *Node) setReopening(storeID string, is bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if is {
		n.reopening[storeID] = true
	} else {
		delete(n.reopening, storeID)
	}
}

// reopen opens a cell again, however often it takes.
func (n *Node) reopen(storeID string) {
	for wait := 50 * time.Millisecond; !n.stopping.Load(); wait = min(2*wait, 5*time.Second) {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		err := n.Open(ctx, storeID)
		cancel()
		if err == nil {
			return
		}
		n.log.Error("cell not opened", "store", storeID, "error", err)
		if threads.First(n.config.Threads, wait, n.stop, nil, nil) == 0 {
			return
		}
	}
}

// target names the entity of a duty.
func (c *cell) target(t command.Target) command.Target {
	if t.ID == "" {
		t.ID = c.store
	}
	return t
}
