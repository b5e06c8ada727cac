package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/goleak"

	"github.com/brigata/brigata/actors/journal"
	"github.com/brigata/brigata/persistence/contract"
	"github.com/brigata/brigata/persistence/pgtest"
	"github.com/brigata/brigata/persistence/postgres"
)

// server is shared by the package's tests: each has a database of its own.
var server = sync.OnceValues(func() (*pgtest.Server, error) { return pgtest.Start(pgtest.Options{}) })

var (
	used      atomic.Bool
	databases atomic.Int64
)

func TestMain(m *testing.M) {
	code := m.Run()
	var err error
	if used.Load() {
		var s *pgtest.Server
		if s, err = server(); err == nil {
			err = s.Stop()
		}
	}
	if err != nil && !errors.Is(err, pgtest.ErrNotInstalled) {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

func started(t testing.TB) *pgtest.Server {
	t.Helper()
	used.Store(true)
	s, err := server()
	if errors.Is(err, pgtest.ErrNotInstalled) {
		t.Skip(err)
	}
	check(t, err)
	return s
}

func database(t testing.TB) string {
	t.Helper()
	url, err := started(t).NewDatabase(fmt.Sprintf("t%d", databases.Add(1)))
	check(t, err)
	return url
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func open(t testing.TB, url string) *postgres.Journal {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	j, err := postgres.Open(ctx, postgres.Config{URL: url, Node: "test"})
	check(t, err)
	return j
}

func TestContract(t *testing.T) {
	contract.Run(t, func(t *testing.T) contract.Open {
		url := database(t)
		return func() journal.Journal { return open(t, url) }
	})
}

func TestLeases(t *testing.T) {
	contract.RunLeases(t, func(t *testing.T) contract.Enter {
		url := database(t)
		return func(name string, format int) contract.Process {
			j, err := postgres.Open(t.Context(), postgres.Config{URL: url, Node: name, Format: format})
			check(t, err)
			return j
		}
	})
}

// A fenced process writes neither rows nor heads; the fence waits for what is in
// flight; and a process that renounces writes on at its new epoch.
func TestFence(t *testing.T) {
	url := database(t)
	old, other := open(t, url), open(t, url)
	defer old.Close()
	defer other.Close()
	ctx := context.Background()
	rows := func(seq int) *journal.Batch {
		return &journal.Batch{Token: int64(seq), Pos: int64(seq), Rows: []journal.Row{contract.Block(1, seq, 1)}}
	}
	heads := &journal.Batch{Token: 9, Heads: []journal.Head{{Key: contract.Key(1), Cell: "roma", Seq: 1}}}
	check(t, old.Commit(rows(1)))
	lease, err := old.Self(ctx)
	check(t, err)
	if done, err := other.Fence(ctx, lease); err != nil || !done {
		t.Fatalf("not fenced: %v, %v", done, err)
	}
	for range 2 {
		for _, b := range []*journal.Batch{rows(2), heads, {Token: 8, Rows: rows(2).Rows, Heads: heads.Heads}} {
			if err := old.Commit(b); !errors.Is(err, journal.ErrFenced) {
				t.Fatalf("got %v", err)
			}
		}
		if _, err := old.Probe(rows(1)); err != nil { // a new connection is fenced as well
			t.Fatal(err)
		}
	}
	s, err := other.Load(ctx, []journal.Key{contract.Key(1)})
	check(t, err)
	if len(s) != 1 || !s[0].Head.Live || s[0].Head.Seq != 0 || len(s[0].Tail) != 1 {
		t.Fatalf("a fenced process wrote: %+v", s)
	}
	check(t, other.Commit(rows(2)))
	lease, err = old.Self(ctx)
	check(t, err)
	_, err = old.Raise(ctx, lease)
	check(t, err)
	b := rows(3)
	b.Epoch = old.Epoch()
	check(t, old.Commit(b))
}

// A commit that does not answer is ended by its timeout; the probe ends its backend, so
// that it cannot take effect any more, and the batch can be sent again.
func TestHungCommit(t *testing.T) {
	url := database(t)
	ctx := context.Background()
	j, err := postgres.Open(ctx, postgres.Config{URL: url, Node: "test", CommitTimeout: 100 * time.Millisecond})
	check(t, err)
	defer j.Close()
	evictor, err := j.Pool().Begin(ctx)
	check(t, err)
	_, err = evictor.Exec(ctx, "SELECT FROM nodes WHERE id = $1 FOR UPDATE", j.Node())
	check(t, err)
	b := &journal.Batch{Token: 1, Pos: 1, Rows: []journal.Row{contract.Block(1, 1, 1)}}
	for range 3 {
		if err := j.Commit(b); err == nil || errors.Is(err, journal.ErrFenced) || errors.Is(err, journal.ErrConflict) {
			t.Fatalf("got %v", err)
		}
		if err := j.Commit(b); err == nil {
			t.Fatal("committed with an earlier commit in doubt")
		}
		slots, err := j.Probe(b)
		check(t, err)
		if slots[0].Found {
			t.Fatal("written behind the fence")
		}
	}
	check(t, evictor.Rollback(ctx))
	check(t, j.Commit(b))
	slots, err := j.Probe(b)
	check(t, err)
	if !slots[0].Mine {
		t.Fatalf("got %+v", slots[0])
	}
}

// The fence waits for a commit in flight, and a client that pauses in the middle of a
// COPY does not hold it up.
func TestFenceWaits(t *testing.T) {
	url := database(t)
	j := open(t, url)
	defer j.Close()
	ctx := context.Background()
	cc, err := pgx.ParseConfig(url)
	check(t, err)
	cc.RuntimeParams["brigata.node"], cc.RuntimeParams["brigata.epoch"] = fmt.Sprint(j.Node()), "0"
	conn, err := pgx.ConnectConfig(ctx, cc)
	check(t, err)
	defer conn.Close(ctx)
	r, w := io.Pipe()
	copied := make(chan error, 1)
	go func() {
		_, err := conn.PgConn().CopyFrom(ctx, r, "COPY journal (entity, seq, token, stream, pos, n, kind, cell, payload) FROM STDIN")
		copied <- err
	}()
	fmt.Fprintln(w, "00000000-0000-8000-8000-000000000001\t1\t1\t1\t1\t1\t1\troma\t\\\\x00") // and pauses
	lease, err := j.Self(ctx)
	check(t, err)
	done, err := j.Fence(ctx, lease)
	if check(t, err); !done {
		t.Fatal("not fenced")
	}
	w.Close()
	if err := <-copied; err == nil || !strings.Contains(err.Error(), "BF001") {
		t.Fatalf("got %v", err)
	}
}

// Sessions that name no node are fenced: a hand at psql too.
func TestNobodyElseWrites(t *testing.T) {
	j := open(t, database(t))
	defer j.Close()
	_, err := j.Pool().Exec(context.Background(), "INSERT INTO heads (entity, seq, cell, kind, live) VALUES (gen_random_uuid(), 0, 'x', 1, true)")
	if err == nil {
		t.Fatal("written")
	}
}
