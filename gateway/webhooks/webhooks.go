// Package webhooks tells partners' servers what happens to a store's orders, and keeps
// it for those who rather ask.
//
// Its promises: what is told is durable and read from the journal; every event arrives at
// least once, under the same id each time, and those of one order in their sequence; one
// that is not taken holds up its order and no other; only the node that has the store's
// cell tells, and the next one goes on where it was. cmd makes one Driver per node.
package webhooks

import (
	"cmp"
	"context"
	"embed"
	"io/fs"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/gateway/auth"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Config makes a Driver. Database, Archive and Here are needed.
type Config struct {
	Database auth.Database
	Archive  actors.Archive
	// Here says that the store's cell is on this node.
	Here func(store string) bool
	// AllowPrivate lets targets be on private networks, and be called without TLS.
	AllowPrivate bool
	Within       time.Duration // for a receiver to take an event: 10 s
	Again        time.Duration // first wait after a failure: 1 s; it doubles up to Most
	Most         time.Duration // 1 h
	Tries        int           // of one event, then it is a dead letter: 20, over about seven hours
	DisableAfter time.Duration // nothing but failures for so long: 72 h
	Look         time.Duration // between looks at what was changed elsewhere: 1 s
	Hooks        Hooks
	Log          *slog.Logger
}

// Hooks tell of the work, for metrics and traces. Any goroutine calls them.
type Hooks struct {
	// Delivered: a receiver was called; result is ok, refused, unreachable or forbidden.
	Delivered func(Delivered)
	// Dead: an event was given up.
	Dead func(store string)
}

// Delivered is one call of a receiver.
type Delivered struct {
	Store, Type, Result string
	Began, Ended        time.Time
	Trace, Parent       wire.Trace // Parent is zero where the event's command had none
}

// Keep is how long events can be told again, asked for and retried.
const Keep = 7 * 24 * time.Hour

// Driver tells what happens in the cells of its node.
type Driver struct {
	config Config
	db     auth.Database
	client *http.Client
	ctx    context.Context
	stop   context.CancelFunc
	tasks  sync.WaitGroup
	poked  chan struct{} // a buffer of one
	catch  chan struct{} // taken by those who look through a store's past

	feeds atomic.Pointer[map[string]*feed] // by store, of all that have a webhook
	seen  string                           // of webhook_changes; the looking goroutine's
}

// New makes a driver, which knows from now on whom to tell. Stop ends it.
func New(ctx context.Context, c Config) (*Driver, error) {
	c.Within = cmp.Or(c.Within, 10*time.Second)
	c.Again = cmp.Or(c.Again, time.Second)
	c.Most = cmp.Or(c.Most, time.Hour)
	c.Tries = cmp.Or(c.Tries, 20)
	c.DisableAfter = cmp.Or(c.DisableAfter, 72*time.Hour)
	c.Look = cmp.Or(c.Look, time.Second)
	if c.Log == nil {
		c.Log = slog.Default()
	}
	d := &Driver{config: c, db: c.Database, client: client(c.AllowPrivate, c.Within), poked: make(chan struct{}, 1), catch: make(chan struct{}, 2)}
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	if err := d.db.Migrate(ctx, dir, "webhook_versions"); err != nil {
		return nil, err
	}
	d.feeds.Store(&map[string]*feed{})
	if err := d.read(ctx); err != nil {
		return nil, err
	}
	d.ctx, d.stop = context.WithCancel(context.Background())
	d.tasks.Go(d.look)
	return d, nil
}

// Stop lets what is under way come to an end, for a moment, and saves how far it came.
func (d *Driver) Stop() {
	d.stop()
	d.tasks.Wait()
	d.client.CloseIdleConnections()
}

// Publish takes the newest views of cells of this node. It never blocks.
func (d *Driver) Publish(views []actors.View) {
	feeds := *d.feeds.Load()
	if len(feeds) == 0 {
		return
	}
	for i := range views {
		if v := &views[i]; v.Target.Kind == "order" {
			if f := feeds[v.Store]; f != nil {
				f.see(v.Target.ID)
			}
		}
	}
}

// Lag is the age of the oldest event that this node has not delivered yet, but for those
// of disabled webhooks.
func (d *Driver) Lag() time.Duration {
	oldest := int64(0)
	for _, f := range *d.feeds.Load() {
		if at := f.oldest.Load(); at > 0 && (oldest == 0 || at < oldest) {
			oldest = at
		}
	}
	if oldest == 0 {
		return 0
	}
	return max(0, time.Since(time.UnixMilli(oldest)))
}

// poke has the driver look at once for what was changed.
func (d *Driver) poke() {
	select {
	case d.poked <- struct{}{}:
	default:
	}
}

// look follows what was changed, here or by another node, and which cells are here.
func (d *Driver) look() {
	tick := time.NewTicker(d.config.Look)
	defer tick.Stop()
	for d.ctx.Err() == nil {
		if err := d.read(d.ctx); err != nil && d.ctx.Err() == nil {
			d.config.Log.Warn("webhooks not read", "error", err)
		}
		for _, f := range *d.feeds.Load() {
			f.place()
		}
		select {
		case <-d.ctx.Done():
		case <-d.poked:
		case <-tick.C:
		}
	}
}

// read reads all webhooks again if any has changed.
func (d *Driver) read(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var now string
	if err := d.db.QueryRowContext(ctx, "SELECT value FROM webhook_changes WHERE id = 1").Scan(&now); err != nil {
		return err
	}
	if now == d.seen {
		return nil
	}
	all, err := d.rows(ctx, "")
	if err != nil {
		return err
	}
	by := map[string][]row{}
	for _, r := range all {
		by[r.store] = append(by[r.store], r)
	}
	old, feeds := *d.feeds.Load(), map[string]*feed{}
	for store, rows := range by {
		f := old[store]
		if f == nil {
			f = &feed{d: d, store: store, pending: map[string]struct{}{}, wake: make(chan struct{}, 1)}
		}
		f.set(rows)
		feeds[store] = f
	}
	for store, f := range old {
		if feeds[store] == nil {
			f.set(nil)
			if f.busy() { // until what it does has ended
				feeds[store] = f
				now = d.seen
			}
		}
	}
	d.feeds.Store(&feeds)
	d.seen = now
	return nil
}
