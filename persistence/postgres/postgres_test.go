package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

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
	if done, err := other.Fence(ctx, old.Node(), old.Epoch()+1); err != nil || done {
		t.Fatalf("fenced another epoch: %v, %v", done, err)
	}
	if done, err := other.Fence(ctx, old.Node(), old.Epoch()); err != nil || !done {
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
	check(t, old.Renounce(ctx))
	check(t, old.Commit(rows(3)))
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
