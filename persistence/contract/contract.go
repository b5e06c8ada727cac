// Package contract is what every journal must do, as tests. Each implementation runs
// the whole of it.
package contract

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/brigata/brigata/actors/journal"
)

// Open opens a journal on the test's database, as a new process. At most one is open at
// a time.
type Open func() journal.Journal

// Run tests an implementation; fresh makes an empty database for one subtest.
func Run(t *testing.T, fresh func(t *testing.T) Open) {
	tests := []struct {
		name string
		run  func(*testing.T, Open)
	}{
		{"order", order},
		{"conflict writes nothing", conflict},
		{"slots", slots},
		{"heads are made and revived", revived},
		{"snapshots only if newer", newer},
		{"a closing head does not hide a later block", hidden},
		{"open", opened},
		{"a full page", fullPage},
		{"known", known},
		{"list", list},
		{"load", load},
		{"log", log},
		{"reopen", reopen},
		{"writer", writer},
	}
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) { c.run(t, fresh(t)) })
	}
}

var noon = time.Date(2024, 5, 17, 12, 0, 0, 0, time.UTC)

// Key returns the i-th key, its time bits i seconds after noon of a day.
func Key(i int) journal.Key {
	k := journal.Since(noon.Add(time.Duration(i) * time.Second))
	k[6], k[8] = 0x80, 0x80
	binary.BigEndian.PutUint32(k[12:], uint32(i))
	return k
}

// Block returns a row whose payload tells it apart.
func Block(key, seq, n int) journal.Row {
	return journal.Row{Key: Key(key), Cell: "roma", Kind: 3, Seq: int64(seq), N: n, Payload: Payload(key, seq)}
}

// Payload is what Block holds.
func Payload(key, seq int) []byte { return fmt.Appendf(nil, "%d/%d\x00\xff", key, seq) }

func use(t *testing.T, open Open) journal.Journal {
	t.Helper()
	j := open()
	t.Cleanup(func() { ok(t, j.Close()) })
	return j
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func commit(t *testing.T, j journal.Journal, token, pos int64, rows []journal.Row, heads ...journal.Head) {
	t.Helper()
	ok(t, j.Commit(&journal.Batch{Token: token, Pos: pos, Rows: rows, Heads: heads}))
}

func one(t *testing.T, j journal.Journal, key int) journal.Stored {
	t.Helper()
	s, err := j.Load(context.Background(), []journal.Key{Key(key)})
	ok(t, err)
	if len(s) != 1 {
		t.Fatalf("entity %d: loaded %d", key, len(s))
	}
	return s[0]
}

func same(t *testing.T, got, want []journal.Row) {
	t.Helper()
	if !slices.EqualFunc(got, want, func(a, b journal.Row) bool {
		return a.Key == b.Key && a.Cell == b.Cell && a.Kind == b.Kind && a.Seq == b.Seq && a.N == b.N && bytes.Equal(a.Payload, b.Payload)
	}) {
		t.Fatalf("got  %v\nwant %v", got, want)
	}
}

func rowsOf(t *testing.T, j journal.Journal, key int) []journal.Row {
	t.Helper()
	rows, err := j.Log(context.Background(), Key(key), 0, 1<<20)
	ok(t, err)
	return rows
}

func order(t *testing.T, open Open) {
	j := use(t, open)
	commit(t, j, 1, 1, []journal.Row{Block(1, 1, 2), Block(2, 1, 1), Block(1, 3, 1)})
	commit(t, j, 2, 4, []journal.Row{Block(2, 2, 5), Block(1, 4, 1)})
	same(t, rowsOf(t, j, 1), []journal.Row{Block(1, 1, 2), Block(1, 3, 1), Block(1, 4, 1)})
	same(t, rowsOf(t, j, 2), []journal.Row{Block(2, 1, 1), Block(2, 2, 5)})
}

func conflict(t *testing.T, open Open) {
	j := use(t, open)
	commit(t, j, 1, 1, []journal.Row{Block(1, 1, 2)})
	other := Block(1, 1, 2)
	other.Payload = []byte("another")
	// Anywhere in the batch, whatever stands around it.
	for _, rows := range [][]journal.Row{
		{other},
		{Block(2, 1, 1), other, Block(3, 1, 1)},
		{Block(2, 1, 1), Block(2, 1, 1)},
	} {
		head := journal.Head{Key: Key(9), Cell: "roma", Seq: 4, Live: true}
		err := j.Commit(&journal.Batch{Token: 2, Pos: 2, Rows: rows, Heads: []journal.Head{head}})
		if !errors.Is(err, journal.ErrConflict) {
			t.Fatalf("got %v", err)
		}
	}
	same(t, rowsOf(t, j, 1), []journal.Row{Block(1, 1, 2)})
	got, err := j.Load(context.Background(), []journal.Key{Key(2), Key(3), Key(9)})
	ok(t, err)
	if len(got) != 0 {
		t.Fatalf("a refused batch left %v", got)
	}
	commit(t, j, 3, 2, []journal.Row{Block(1, 3, 1)})
}

func slots(t *testing.T, open Open) {
	j := open()
	commit(t, j, 7, 1, []journal.Row{Block(1, 1, 2), Block(2, 1, 1)})
	probe := &journal.Batch{Token: 8, Rows: []journal.Row{Block(2, 1, 1), Block(3, 1, 1), Block(1, 1, 4), Block(1, 2, 1)}}
	for range 2 {
		got, err := j.Probe(probe)
		ok(t, err)
		want := []journal.Slot{{Found: true, Token: 7, N: 1, Mine: true}, {}, {Found: true, Token: 7, N: 2, Mine: true}, {}}
		if !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
	commit(t, j, 8, 3, []journal.Row{Block(3, 1, 1)}) // works on after a probe
	ok(t, j.Close())
	j = use(t, open)
	got, err := j.Probe(probe)
	ok(t, err)
	if !got[0].Found || got[0].Mine || got[0].Token != 7 {
		t.Fatalf("another process's slot: %v", got[0])
	}
}

func revived(t *testing.T, open Open) {
	j := use(t, open)
	commit(t, j, 1, 1, []journal.Row{Block(1, 1, 2)})
	h := one(t, j, 1).Head
	if h.Cell != "roma" || h.Kind != 3 || h.Seq != 0 || !h.Live || len(h.State) != 0 || !h.Due.IsZero() {
		t.Fatalf("first head: %+v", h)
	}
	commit(t, j, 2, 2, nil, journal.Head{Key: Key(1), Cell: "roma", Kind: 3, Seq: 2, State: []byte("closed")})
	if one(t, j, 1).Head.Live {
		t.Fatal("still live")
	}
	commit(t, j, 3, 2, []journal.Row{Block(1, 3, 1), Block(2, 1, 1)})
	s := one(t, j, 1)
	if !s.Head.Live || s.Head.Seq != 2 || string(s.Head.State) != "closed" {
		t.Fatalf("revived head: %+v", s.Head)
	}
	same(t, s.Tail, []journal.Row{Block(1, 3, 1)})
	// The block and the head that closes it again, in one transaction.
	commit(t, j, 4, 4, []journal.Row{Block(1, 4, 2)}, journal.Head{Key: Key(1), Cell: "roma", Kind: 3, Seq: 5})
	if s := one(t, j, 1); s.Head.Live || len(s.Tail) != 0 {
		t.Fatalf("closed again: %+v", s)
	}
	// A head in the middle of a block: the block goes on after it.
	commit(t, j, 5, 6, []journal.Row{Block(3, 1, 3)}, journal.Head{Key: Key(3), Cell: "roma", Kind: 3, Seq: 1})
	if s := one(t, j, 3); !s.Head.Live || s.Head.Seq != 1 || len(s.Tail) != 1 {
		t.Fatalf("a head in mid-block: %+v", s)
	}
}

func newer(t *testing.T, open Open) {
	j := use(t, open)
	head := func(seq int64, state string, due time.Time) journal.Head {
		return journal.Head{Key: Key(1), Cell: "roma", Kind: 3, Seq: seq, Live: true, Due: due, State: []byte(state)}
	}
	commit(t, j, 1, 1, []journal.Row{Block(1, 1, 1), Block(1, 2, 1), Block(1, 3, 1)}, head(2, "two", noon))
	s := one(t, j, 1)
	if s.Head.Seq != 2 || string(s.Head.State) != "two" || !s.Head.Due.Equal(noon) || !s.Head.Live {
		t.Fatalf("got %+v", s.Head)
	}
	same(t, s.Tail, []journal.Row{Block(1, 3, 1)})
	due := noon.Add(1234567 * time.Microsecond)
	commit(t, j, 2, 4, nil, head(1, "one", time.Time{}))
	commit(t, j, 3, 4, nil, head(2, "two again", due))
	if s = one(t, j, 1); string(s.Head.State) != "two again" || !s.Head.Due.Equal(due) {
		t.Fatalf("got %+v", s.Head)
	}
	commit(t, j, 4, 4, nil, head(3, "th'ree\\\x00", time.Time{}), journal.Head{Key: Key(2), Cell: "o'rto\\", Live: true})
	if s = one(t, j, 1); s.Head.Seq != 3 || len(s.Tail) != 0 || string(s.Head.State) != "th'ree\\\x00" || !s.Head.Due.IsZero() {
		t.Fatalf("got %+v", s)
	}
	commit(t, j, 5, 4, nil, head(5, "five", noon), head(7, "seven", noon), head(6, "six", noon))
	if s = one(t, j, 1); s.Head.Seq != 7 || string(s.Head.State) != "seven" {
		t.Fatalf("of several heads: %+v", s)
	}
	if s = one(t, j, 2); s.Head.Cell != "o'rto\\" || !s.Head.Live {
		t.Fatalf("got %+v", s)
	}
}

func hidden(t *testing.T, open Open) {
	j := use(t, open)
	closing := journal.Head{Key: Key(1), Cell: "roma", Kind: 3, Seq: 1, State: []byte("one")}
	commit(t, j, 1, 1, []journal.Row{Block(1, 1, 1)})
	commit(t, j, 2, 2, []journal.Row{Block(1, 2, 1)}, closing)
	if s := one(t, j, 1); !s.Head.Live || s.Head.Seq != 1 || len(s.Tail) != 1 {
		t.Fatalf("got %+v", s)
	}
}
