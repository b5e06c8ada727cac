package contract

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/brigata/brigata/actors/journal"
)

// Two thirds are live: more than one page of Postgres's, and one that is just full.
func opened(t *testing.T, open Open)   { openedOf(t, open, 600) }
func fullPage(t *testing.T, open Open) { openedOf(t, open, 384) }

func openedOf(t *testing.T, open Open, n int) {
	j := use(t, open)
	var rows []journal.Row
	var heads []journal.Head
	for i := range n {
		rows = append(rows, Block(i, 1, 2), Block(i, 3, 2))
		switch i % 3 {
		case 1: // inside the second block: it belongs to the tail
			heads = append(heads, journal.Head{Key: Key(i), Cell: "roma", Kind: 3, Seq: 3, Live: true})
		case 2:
			heads = append(heads, journal.Head{Key: Key(i), Cell: "roma", Kind: 3, Seq: 4})
		}
	}
	elsewhere := Block(n, 1, 1)
	elsewhere.Cell = "ostia"
	commit(t, j, 1, 1, append(rows, elsewhere), heads...)
	seen := map[journal.Key]bool{}
	ok(t, j.Open(context.Background(), "roma", func(s journal.Stored) error {
		i := int(binary.BigEndian.Uint32(s.Head.Key[12:]))
		want := []journal.Row{Block(i, 1, 2), Block(i, 3, 2)}
		if i%3 == 1 {
			want = want[1:]
		}
		same(t, s.Tail, want)
		if i%3 == 2 || i == n || seen[s.Head.Key] {
			t.Errorf("yielded %d", i)
		}
		seen[s.Head.Key] = true
		return nil
	}))
	if len(seen) != n/3*2 {
		t.Fatalf("opened %d", len(seen))
	}
	stop := errors.New("stop")
	if err := j.Open(context.Background(), "roma", func(journal.Stored) error { return stop }); !errors.Is(err, stop) {
		t.Fatalf("got %v", err)
	}
	cells, err := j.Cells(context.Background())
	ok(t, err)
	if slices.Sort(cells); !slices.Equal(cells, []string{"ostia", "roma"}) {
		t.Fatalf("cells %v", cells)
	}
}

func known(t *testing.T, open Open) {
	j := use(t, open)
	var rows []journal.Row
	for i := range 1000 {
		rows = append(rows, Block(i, 1, 1))
	}
	commit(t, j, 1, 1, rows, journal.Head{Key: Key(999), Cell: "roma", Kind: 3, Seq: 1})
	count := func(cell string, since time.Time) int {
		n := 0
		ok(t, j.Known(context.Background(), cell, since, func(journal.Key) error { n++; return nil }))
		return n
	}
	for _, c := range []struct {
		cell  string
		since time.Time
		want  int
	}{{"roma", time.Time{}, 1000}, {"roma", noon.Add(990 * time.Second), 10}, {"roma", noon.Add(time.Hour), 0}, {"ostia", time.Time{}, 0}} {
		if got := count(c.cell, c.since); got != c.want {
			t.Errorf("%s since %v: %d, want %d", c.cell, c.since, got, c.want)
		}
	}
}

func list(t *testing.T, open Open) {
	j := use(t, open)
	var rows []journal.Row
	for i := range 20 {
		r := Block(i, 1, 1)
		r.Kind = uint8(3 + i%2)
		rows = append(rows, r)
	}
	commit(t, j, 1, 1, rows, journal.Head{Key: Key(18), Cell: "roma", Kind: 3, Seq: 1})
	var got []journal.Key
	for page := (journal.Key{}); ; page = got[len(got)-1] {
		some, err := j.List(context.Background(), "roma", 3, page, 4)
		ok(t, err)
		if len(some) == 0 {
			break
		}
		got = append(got, some...)
	}
	if len(got) != 10 {
		t.Fatalf("%d keys of that kind, want 10", len(got))
	}
	for i, k := range got {
		if k != Key(18-2*i) {
			t.Errorf("key %d is %x, want %x", i, k, Key(18-2*i))
		}
	}
	if some, err := j.List(context.Background(), "ostia", 3, journal.Key{}, 4); err != nil || len(some) != 0 {
		t.Error(some, err)
	}
}

func load(t *testing.T, open Open) {
	j := use(t, open)
	var rows []journal.Row
	var keys []journal.Key
	for i := range 1000 {
		keys = append(keys, Key(i))
		if i%4 != 0 {
			rows = append(rows, Block(i, 1, 1), Block(i, 2, 3))
		}
	}
	commit(t, j, 1, 1, rows)
	got, err := j.Load(context.Background(), keys)
	ok(t, err)
	if len(got) != 750 {
		t.Fatalf("loaded %d", len(got))
	}
	for _, s := range got {
		i := int(binary.BigEndian.Uint32(s.Head.Key[12:]))
		same(t, s.Tail, []journal.Row{Block(i, 1, 1), Block(i, 2, 3)})
	}
}

func log(t *testing.T, open Open) {
	j := use(t, open)
	var rows []journal.Row
	for seq := 1; seq <= 100; seq += 5 {
		rows = append(rows, Block(1, seq, 5))
	}
	commit(t, j, 1, 1, rows)
	var got []journal.Row
	for from := int64(0); ; {
		page, err := j.Log(context.Background(), Key(1), from, 7)
		ok(t, err)
		if len(page) == 0 {
			break
		}
		got = append(got, page...)
		last := page[len(page)-1]
		from = last.Seq + int64(last.N)
	}
	same(t, got, rows)
	inside, err := j.Log(context.Background(), Key(1), 10, 1)
	ok(t, err)
	same(t, inside, []journal.Row{Block(1, 6, 5)})
}

func reopen(t *testing.T, open Open) {
	j := open()
	commit(t, j, 1, 1, []journal.Row{Block(1, 1, 1), Block(2, 1, 1)},
		journal.Head{Key: Key(2), Cell: "roma", Kind: 3, Seq: 1, Due: noon, State: []byte("state")})
	ok(t, j.Close())
	j = use(t, open)
	same(t, one(t, j, 1).Tail, []journal.Row{Block(1, 1, 1)})
	if h := one(t, j, 2).Head; h.Live || h.Seq != 1 || string(h.State) != "state" || !h.Due.Equal(noon) {
		t.Fatalf("got %+v", h)
	}
	if err := j.Commit(&journal.Batch{Token: 1, Pos: 1, Rows: []journal.Row{Block(1, 1, 1)}}); !errors.Is(err, journal.ErrConflict) {
		t.Fatalf("got %v", err)
	}
	commit(t, j, 2, 1, []journal.Row{Block(1, 2, 1)})
}
