// Package postgres is the journal of a cluster. It promises what every journal
// promises, to many processes on one database: a process that was fenced writes nothing
// more, and a commit whose outcome is unknown is found out before anything is sent
// again.
//
// The journal is one plain table yet. Partitioning it has to go by a function of the
// entity's key; by event time the key would lose its compare-and-set.
//
// Connections must reach the server itself: behind a pooler that shares backends, Probe
// could not end the backend whose commit is in doubt. After a failover to a replica
// nothing can: let the old primary be gone for good before the new one takes over.
package postgres

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/brigata/brigata/actors/journal"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrating is the advisory lock of the process that changes the schema.
const migrating = 0x62726967

// Config of a journal.
type Config struct {
	URL     string
	Node    string // stable name
	Address string // where the other nodes reach this one
	Format  int    // what this process can read: see journal.Claim
	// CommitTimeout ends a commit that does not answer; its outcome is then unknown (15 s).
	CommitTimeout time.Duration
	// ProbeTimeout bounds one try of a probe (10 s).
	ProbeTimeout time.Duration
	// Readers is how many connections load entities at most (8).
	Readers int
}

// Journal is one process's journal. It writes over a connection of its own, as a fresh
// incarnation of its node.
type Journal struct {
	config  Config
	pool    *pgxpool.Pool // reads
	leases  *pgxpool.Pool // leases and claims: they never wait for reads
	node    int64
	epoch   atomic.Int64
	writing atomic.Pointer[context.CancelFunc] // ends the commit or probe in progress

	mu      sync.Mutex
	conn    *pgx.Conn // nil: none
	backend backend   // of conn
	settled int64     // the epoch that conn writes for
	doubt   bool      // conn may have a commit in progress
	doubted []backend // backends that may still commit
	closed  bool
	text    sqlText
	copying []byte // the last batch as it was sent
}

var _ journal.Journal = (*Journal)(nil)

// Open brings the schema up to date and enters a new incarnation of the node, at an
// epoch of its own: 0, until Raise.
func Open(ctx context.Context, c Config) (*Journal, error) {
	if c.Node == "" {
		return nil, errors.New("postgres: a node needs a name")
	}
	if c.CommitTimeout <= 0 {
		c.CommitTimeout = 15 * time.Second
	}
	if c.ProbeTimeout <= 0 {
		c.ProbeTimeout = 10 * time.Second
	}
	if c.Readers <= 0 {
		c.Readers = 8
	}
	if err := migrate(ctx, c.URL); err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	pc, err := pgxpool.ParseConfig(c.URL)
	if err != nil {
		return nil, err
	}
	pc.MaxConns, pc.MinConns = int32(c.Readers), readersMin
	maps.Copy(pc.ConnConfig.RuntimeParams, settings())
	j := &Journal{config: c}
	if j.pool, err = pgxpool.NewWithConfig(ctx, pc); err != nil {
		return nil, err
	}
	lc := pc.Copy()
	lc.MaxConns, lc.MinConns = leasesMax, 1
	if j.leases, err = pgxpool.NewWithConfig(ctx, lc); err != nil {
		j.pool.Close()
		return nil, err
	}
	if err := j.enter(ctx); err != nil {
		j.Close()
		return nil, err
	}
	return j, nil
}

const (
	// leasesMax is how many connections leases and claims have.
	leasesMax = 4
	// readersMin is how many connections are there before anybody reads: a cell that comes
	// over would wait for them.
	readersMin = 2
)

// settings of all our sessions. Every query here looks keys up, and must go on doing so
// when the planner knows nothing of the tables yet.
func settings() map[string]string {
	return map[string]string{
		"application_name": "brigata", "synchronous_commit": "on", "standard_conforming_strings": "on",
		"enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off", "jit": "off",
	}
}

func migrate(ctx context.Context, url string) error {
	cc, err := pgx.ParseConfig(url)
	if err != nil {
		return err
	}
	conn, err := pgx.ConnectConfig(ctx, cc)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx)) // and with it the lock
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock($1)", migrating); err != nil {
		return err
	}
	db := stdlib.OpenDB(*cc)
	defer db.Close()
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectPostgres, db, dir)
	if err != nil {
		return err
	}
	_, err = p.Up(ctx)
	return err
}

// enter writes the incarnation's rows and connects the writer.
func (j *Journal) enter(ctx context.Context) error {
	err := j.leases.QueryRow(ctx, `WITH n AS (INSERT INTO nodes (name, epoch, address, format) VALUES ($1, 0, $2, $3) RETURNING id, epoch),
		l AS (INSERT INTO leases (node, epoch, renewals) SELECT id, epoch, 0 FROM n)
		SELECT id FROM n`, j.config.Node, j.config.Address, j.config.Format).Scan(&j.node)
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.connect(ctx, j.Epoch())
}

// Node is the id of this incarnation, and the stream of all it writes.
func (j *Journal) Node() int64 { return j.node }

// Epoch implements journal.Journal.
func (j *Journal) Epoch() int64 { return j.epoch.Load() }

// Pool is the readers' pool. Its sessions avoid plans that read whole tables.
func (j *Journal) Pool() *pgxpool.Pool { return j.pool }

// interrupt ends a commit or probe that waits for its answer.
func (j *Journal) interrupt() {
	if cancel := j.writing.Load(); cancel != nil {
		(*cancel)()
	}
}

// bound gives the writer's next call its end.
func (j *Journal) bound(d time.Duration) (context.Context, func()) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	j.writing.Store(&cancel)
	return ctx, func() { j.writing.Store(nil); cancel() }
}

// connect opens the writer's connection for an epoch; the caller holds the lock.
func (j *Journal) connect(ctx context.Context, epoch int64) error {
	if j.closed {
		return errClosed
	}
	cc, err := pgx.ParseConfig(j.config.URL)
	if err != nil {
		return err
	}
	maps.Copy(cc.RuntimeParams, settings())
	cc.RuntimeParams["application_name"] = "brigata journal"
	cc.RuntimeParams["brigata.node"] = strconv.FormatInt(j.node, 10)
	cc.RuntimeParams["brigata.epoch"] = strconv.FormatInt(epoch, 10)
	conn, err := pgx.ConnectConfig(ctx, cc)
	if err != nil {
		return err
	}
	var b backend
	err = conn.QueryRow(ctx, "SELECT pid, (extract(epoch FROM backend_start) * 1000000)::bigint FROM pg_stat_activity WHERE pid = pg_backend_pid()").Scan(&b.pid, &b.start)
	if err != nil {
		shut(conn)
		return err
	}
	j.conn, j.backend, j.settled, j.doubt = conn, b, epoch, false
	return nil
}

var errClosed = errors.New("postgres: journal is closed")

// shut closes a connection without a word to the server: it may not listen.
func shut(conn *pgx.Conn) {
	conn.PgConn().Conn().Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	conn.Close(ctx)
	select {
	case <-conn.PgConn().CleanupDone():
	case <-ctx.Done():
	}
}

// Close implements journal.Journal.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if !j.closed {
		j.closed = true
		if j.conn != nil {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			j.conn.Close(ctx)
			j.conn = nil
		}
		j.pool.Close()
		j.leases.Close()
	}
	return nil
}
