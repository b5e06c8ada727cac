// Package server puts a node together: journal, host, gateway, in the order in which
// they start, and ends them in the reverse one. brigata serve runs it, and the
// benchmark runs the same.
package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/journal"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/cmd/brigata/build"
	"github.com/brigata/brigata/cmd/brigata/demo"
	"github.com/brigata/brigata/cmd/brigata/telemetry"
	"github.com/brigata/brigata/cmd/brigata/terminal"
	"github.com/brigata/brigata/edge/hub"
	"github.com/brigata/brigata/gateway"
	"github.com/brigata/brigata/gateway/auth"
	"github.com/brigata/brigata/gateway/payments"
	"github.com/brigata/brigata/gateway/printing"
	"github.com/brigata/brigata/gateway/webhooks"
	"github.com/brigata/brigata/persistence/postgres"
	"github.com/brigata/brigata/persistence/sqlite"
	"github.com/brigata/brigata/web"
)

// Options are what an operator can set.
type Options struct {
	Listen      string   // host:port
	Data        string   // folder of the signing key and, without DatabaseURL, of the database
	DatabaseURL string   // Postgres; "" is SQLite in Data
	StoreFiles  []string // store documents to apply at the start
	Name        string   // stable name of the node
	Demo        bool     // load the demo store into an empty database
	Origins     []string // browsers' origins beside our own host
	// EdgeListen is where boxes in stores connect, host:port; "": nowhere. EdgeAuthority is
	// the file of their authority; "": AuthorityFile in Data.
	EdgeListen, EdgeAuthority string
	EdgeModels                string // folder of models for boxes, by store or store.box; "": none

	Limits   gateway.Limits
	Cluster  Cluster // with other nodes that share the Postgres
	Payments string  // file of accounts at payment providers; "": none
	// WebhookAllowPrivate lets webhooks call private addresses, and without TLS.
	WebhookAllowPrivate bool
	Telemetry           telemetry.Options
	MetricsFrom         []netip.Prefix // networks that read /metrics without a token
	Out                 io.Writer      // for people
	Log                 *slog.Logger
}

const (
	drainWithin = 20 * time.Second
	openAtOnce  = 4
	// localTTL is how long the terminal client's token in the data folder holds.
	localTTL = 90 * 24 * time.Hour
)

// Node is a running server.
type Node struct {
	options  Options
	keys     *auth.Keys
	journal  journal.Journal
	host     *actors.Node
	side     auth.Database
	accounts *auth.Accounts
	gateway  *gateway.Server
	hub      *hub.Hub
	findings findings
	payments *payments.Driver // nil: no provider is set up
	printing *printing.Driver
	chains   *chains
	webhooks *webhooks.Driver
	told     *telemetry.Telemetry
	http     *http.Server
	address  net.Addr
	served   chan error

	// FirstUser's one-time password, on the node that made the installation's first account.
	FirstUser, FirstPassword string

	began  time.Time
	placed placement // on Postgres
	joined *joined   // with other nodes

	settling settling

	mu     sync.Mutex
	stores []string // on SQLite
}

// Start brings a node up; when it returns, the node is ready. Stop ends it.
func Start(ctx context.Context, o Options) (_ *Node, err error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if err := o.Cluster.check(o.DatabaseURL); err != nil {
		return nil, err
	}
	n := &Node{options: o, served: make(chan error, 1), began: time.Now().UTC().Truncate(time.Millisecond)}
	n.settling.init()
	defer func() {
		if err != nil {
			n.Stop()
		}
	}()
	if err := os.MkdirAll(o.Data, 0o700); err != nil {
		return n, fmt.Errorf("the data folder cannot be made: %w", err)
	}
	if n.keys, err = auth.LoadKeys(filepath.Join(o.Data, KeyFile)); err != nil {
		return n, err
	}
	listener, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return n, fmt.Errorf("%w (is another server there? choose another with --listen)", err)
	}
	n.address = listener.Addr()
	if err := n.open(ctx); err != nil {
		listener.Close()
		return n, err
	}
	n.http = n.gateway.HTTP(web.Handler(n.demoLogins(n.gateway)))
	if err := n.writeLocal(); err != nil { // before anybody is told that the node is ready
		listener.Close()
		return n, err
	}
	go func() { n.served <- n.http.Serve(listener) }()
	return n, nil
}

// DatabaseFile is the SQLite database's name in the data folder.
const DatabaseFile = "brigata.db"

// KeyFile is the signing key's name in the data folder.
const KeyFile = "signing-key.pem"

// open brings up the journal, the host with its cells, and the gateway.
func (n *Node) open(ctx context.Context) (err error) {
	o := n.options
	if o.Cluster.on() {
		if err = n.meet(); err != nil {
			return err
		}
	}
	if n.journal, err = n.openJournal(ctx); err != nil {
		return err
	}
	o.Telemetry.Node, o.Telemetry.Version, o.Telemetry.Log = o.Name, build.Version(), o.Log
	if n.told, err = telemetry.New(ctx, o.Telemetry); err != nil {
		return err
	}
	hooks, writerHooks := n.told.Host()
	tills, err := n.tills()
	if err != nil {
		return err
	}
	c := actors.Config{Journal: n.journal, Log: o.Log, Hooks: hooks, Writer: journal.Options{Hooks: writerHooks},
		Providers: tills.Of, Publish: n.publish}
	if o.DatabaseURL != "" {
		c.Lease = &n.placed
	}
	if n.host, err = actors.NewNode(c); err != nil {
		return err
	}
	n.drive(tills)
	n.chains = newChains(n)
	if err := n.openAccounts(ctx); err != nil {
		return err
	}
	if err := n.openWebhooks(ctx); err != nil {
		return err
	}
	engine, watch := n.engine()
	n.gateway, err = gateway.New(gateway.Config{Engine: engine, Watch: watch, Exists: n.exists, Nodes: n.Nodes, Keys: n.keys, Accounts: n.accounts, StoreNames: n.Stores, Archive: archive{actors.Archive{Journal: n.journal}}, Origins: o.Origins, Limits: o.Limits,
		Log: o.Log, Ready: n.ready, Stores: n.Apply, Notifications: n.notifications(engine), Reconcile: n.reconcile(), Webhooks: n.webhooks, StoreDocument: n.document,
		Hooks: n.told.Gateway(), Operations: gateway.Operations{Metrics: n.told.Handler(), MetricsFrom: o.MetricsFrom, Profiles: profiles(), Backup: n.backup()}})
	if err != nil {
		return err
	}
	if j, shared := n.journal.(*postgres.Journal); shared && n.joined != nil {
		if err := n.joined.join(j.Node()); err != nil {
			return err
		}
	}
	if err := n.gauges(); err != nil {
		return err
	}
	if err := n.openStores(ctx); err != nil {
		return err
	}
	return n.openHub()
}

// engine is what the gateway talks to, and how it has views of other nodes' stores come.
func (n *Node) engine() (gateway.Engine, func(string) *refusal.Refusal) {
	if n.joined == nil {
		return n.host, nil
	}
	n.joined.route()
	return n.joined.routes, n.joined.watch
}

// publish takes the views of cells that are here.
func (n *Node) publish(views []actors.View) {
	if n.payments != nil { // it works for this node's cells
		n.payments.Publish(views)
	}
	n.printing.Publish(views)
	n.chains.publish(views)
	n.webhooks.Publish(views)
	n.show(views)
}

// show brings views onto the boards, here and on other nodes.
func (n *Node) show(views []actors.View) {
	if n.joined != nil {
		n.joined.bus.Publish(views)
		return
	}
	n.gateway.Publish(views)
}

// reachedAt is where other nodes reach this one.
func (n *Node) reachedAt() string {
	if n.joined != nil {
		return n.joined.peers.Address()
	}
	return n.address.String()
}

func (n *Node) openJournal(ctx context.Context) (journal.Journal, error) {
	if url := n.options.DatabaseURL; url != "" {
		j, err := postgres.Open(ctx, postgres.Config{URL: url, Node: n.options.Name, Address: n.reachedAt(), Format: wire.Format})
		if err != nil {
			return nil, err // not a nil *Journal in an interface
		}
		return j, nil
	}
	j, err := sqlite.Open(filepath.Join(n.options.Data, DatabaseFile))
	if err != nil {
		return nil, err
	}
	return j, nil
}

func (n *Node) openStores(ctx context.Context) (err error) {
	if j, shared := n.journal.(*postgres.Journal); shared {
		err = n.place(ctx, j)
	} else {
		err = n.openAll(ctx)
	}
	if err != nil {
		return err
	}
	for _, file := range n.options.StoreFiles {
		doc, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("the store file cannot be read: %w", err)
		}
		if _, no := n.Apply(ctx, "", doc); no != nil {
			return fmt.Errorf("%s: %s (%s %s)", file, no.Message, no.Fields.At, no.Fields.Reason)
		}
	}
	if n.options.Demo && len(n.Stores()) == 0 {
		if _, no := n.Apply(ctx, "demo", demo.Store()); no != nil {
			return fmt.Errorf("demo store: %w", no)
		}
	}
	return nil
}

// openAll opens every cell of a database that this process has alone.
func (n *Node) openAll(ctx context.Context) error {
	all, err := n.journal.Cells(ctx)
	if err != nil {
		return fmt.Errorf("list the stores: %w", err)
	}
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		errs []error
		gate = make(chan struct{}, openAtOnce)
	)
	for _, c := range all {
		wg.Go(func() {
			gate <- struct{}{}
			defer func() { <-gate }()
			if err := n.host.Open(ctx, c); err != nil {
				mu.Lock()
				errs = append(errs, err)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	n.stores = all
	return errors.Join(errs...)
}

func (n *Node) ready() error {
	if n.options.DatabaseURL != "" && !n.placed.Good() {
		return errNoLease
	}
	return nil
}

var errNoLease = errors.New("the database does not renew this node's lease")

// URL is where the node listens.
func (n *Node) URL() string { return "http://" + n.address.String() }

// Stores lists the stores that there are, wherever they are open.
func (n *Node) Stores() (all []string) {
	if r := n.placed.Load(); r != nil {
		for _, c := range r.View().Claims {
			all = append(all, c.Cell)
		}
		return all
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.stores)
}

// exists says that a store is somewhere, open or not.
func (n *Node) exists(storeID string) bool {
	if n.options.DatabaseURL != "" {
		_, ok := n.where(storeID)
		return ok
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Contains(n.stores, storeID)
}

// Err returns what ended the server, if it ended by itself.
func (n *Node) Err() <-chan error { return n.served }

// Stop drains the node: clients are told to come back, what is under way is answered,
// every cell is snapshotted and, on Postgres, handed over.
func (n *Node) Stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), drainWithin)
	defer cancel()
	var errs []error
	if n.hub != nil {
		n.hub.Stop()
	}
	told := n.tellDrain()
	if n.gateway != nil {
		errs = append(errs, n.gateway.Drain(ctx))
	}
	if n.http != nil {
		errs = append(errs, n.http.Shutdown(ctx))
	}
	if n.payments != nil {
		n.payments.Stop()
	}
	if n.printing != nil {
		n.printing.Stop()
	}
	if n.chains != nil {
		n.chains.Stop()
	}
	if n.webhooks != nil {
		n.webhooks.Stop()
	}
	if r := n.placed.Load(); r != nil {
		<-told // or the others would wait for this node to take what it gives away
		errs = append(errs, r.Drain(ctx))
		r.Stop()
	}
	n.settling.stop()
	if n.host != nil {
		errs = append(errs, n.host.Stop(ctx))
	}
	if n.joined != nil {
		errs = append(errs, n.joined.leave())
	}
	if n.side.DB != nil {
		errs = append(errs, n.side.Close())
	}
	if n.journal != nil {
		errs = append(errs, n.journal.Close())
	}
	if n.told != nil {
		errs = append(errs, n.told.Stop(ctx))
	}
	return errors.Join(errs...)
}

// Token signs a token for development and tests.
func (n *Node) Token(role string, stores []string, ttl time.Duration) (string, error) {
	return n.keys.Issue(auth.Subject("local", "Local", stores, command.Role(role)), time.Now(), ttl)
}

// writeLocal leaves the address and a token for the terminal client.
func (n *Node) writeLocal() error {
	stores := n.Stores()
	if len(stores) == 0 {
		stores = []string{"demo"}
	}
	first := stores[0]
	if slices.Contains(stores, "demo") {
		first = "demo"
	}
	token, err := n.Token("admin", stores, localTTL)
	if err != nil {
		return err
	}
	return terminal.WriteLocal(n.options.Data, terminal.Local{Server: n.URL(), Token: token, Store: first})
}
