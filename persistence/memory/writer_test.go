package memory_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/brigata/brigata/actors/journal"
	"github.com/brigata/brigata/persistence/contract"
	"github.com/brigata/brigata/persistence/memory"
)

var errDown = errors.New("down")

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// faults answers commits by a list, then with None, and keeps what was sent.
type faults struct {
	mu    sync.Mutex
	next  []memory.Fault
	sent  []journal.Batch
	down  int // probes that fail yet
	probe int
}

func (f *faults) options() memory.Options {
	return memory.Options{
		Commit: func(b *journal.Batch) memory.Fault {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.sent = append(f.sent, journal.Batch{Token: b.Token, Pos: b.Pos, Rows: slices.Clone(b.Rows)})
			if len(f.next) == 0 {
				return memory.None
			}
			first := f.next[0]
			f.next = f.next[1:]
			return first
		},
		Probe: func(*journal.Batch) error {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.probe++
			if f.down > 0 {
				f.down--
				return errDown
			}
			return nil
		},
	}
}

// hidden runs one cell's append through faults and returns what was sent.
func hidden(t *testing.T, f *faults) []journal.Batch {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		j := memory.NewDatabase().Open(f.options())
		w := journal.NewWriter(j, journal.Options{})
		c := contract.NewCell(w, 1, 1)
		check(t, c.Wait(c.Append()))
		check(t, c.Wait(c.Append()))
		check(t, w.Stop(t.Context()))
		check(t, c.Check(j))
	})
	return f.sent
}

func TestCommitLostBefore(t *testing.T) {
	sent := hidden(t, &faults{next: []memory.Fault{memory.Before, memory.Before, memory.Before}, down: 5})
	if len(sent) != 5 {
		t.Fatalf("sent %d batches", len(sent))
	}
	for _, b := range sent[1:4] { // again and again the very same
		if b.Token != sent[0].Token || b.Pos != 1 || len(b.Rows) != 1 || b.Rows[0].Seq != 1 {
			t.Fatalf("sent again as %+v", b)
		}
	}
}

func TestCommitLostAfter(t *testing.T) {
	sent := hidden(t, &faults{next: []memory.Fault{memory.Before, memory.After}, down: 1})
	if len(sent) != 3 || sent[2].Token == sent[1].Token || sent[2].Pos != 2 {
		t.Fatalf("sent %+v", sent)
	}
}

// Of cells in one batch, the one whose slot is taken is lost; the others are written.
func TestConflict(t *testing.T) {
	for _, fault := range []memory.Fault{memory.None, memory.Before} {
		synctest.Test(t, func(t *testing.T) {
			db := memory.NewDatabase()
			f := &faults{next: []memory.Fault{fault}}
			j := db.Open(f.options())
			check(t, db.Open(memory.Options{}).Commit(&journal.Batch{Token: 1, Pos: 1, Rows: []journal.Row{contract.Block(2, 2, 1)}}))
			w := journal.NewWriter(j, journal.Options{})
			a, b, c := contract.NewCell(w, 1, 1), contract.NewCell(w, 2, 1), contract.NewCell(w, 3, 1)
			var last [3]int
			for i, cell := range []*contract.Cell{a, b, c} {
				cell.Append()
				last[i] = cell.Append()
			}
			check(t, w.Flush(t.Context()))
			check(t, a.Wait(last[0]))
			check(t, c.Wait(last[2]))
			if err := b.Wait(last[1]); !errors.Is(err, journal.ErrConflict) {
				t.Fatalf("got %v", err)
			}
			b.Append() // never cut again
			check(t, w.Stop(t.Context()))
			check(t, a.Check(j))
			check(t, c.Check(j))
			rows, err := j.Log(t.Context(), contract.Key(2), 0, 9)
			if check(t, err); len(rows) != 1 {
				t.Fatalf("of the lost cell: %v", rows)
			}
			if err := b.Err(); !errors.Is(err, journal.ErrConflict) {
				t.Fatal(err)
			}
		})
	}
}

// A journal that reports conflicts which nobody can see loses the batch in the end.
func TestConflictWithNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &faults{next: slices.Repeat([]memory.Fault{memory.Conflict}, 3)}
		w := journal.NewWriter(memory.NewDatabase().Open(f.options()), journal.Options{})
		c := contract.NewCell(w, 1, 1)
		if err := c.Wait(c.Append()); !errors.Is(err, journal.ErrConflict) {
			t.Fatalf("got %v", err)
		}
		fresh := contract.NewCell(w, 1, 1)
		check(t, fresh.Wait(fresh.Append()))
		check(t, w.Stop(t.Context()))
	})
}

func TestTwoCellsOneEntity(t *testing.T) {
	w := journal.NewWriter(memory.New(), journal.Options{})
	a, b, c := contract.NewCell(w, 1, 1), contract.NewCell(w, 1, 1), contract.NewCell(w, 2, 1)
	a.Append()
	b.Append()
	check(t, c.Wait(c.Append()))
	check(t, w.Stop(t.Context()))
	// Whether in one batch or in two, at most one of them is durable.
	if a.Err() == nil && b.Err() == nil {
		t.Fatal("both were written")
	}
}

func TestFenced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := memory.New()
		w := journal.NewWriter(j, journal.Options{})
		a, b := contract.NewCell(w, 1, 1), contract.NewCell(w, 2, 1)
		check(t, a.Wait(a.Append()))
		j.Evict()
		for _, c := range []*contract.Cell{a, b} {
			if err := c.Wait(c.Append()); !errors.Is(err, journal.ErrFenced) {
				t.Fatalf("got %v", err)
			}
		}
		check(t, w.Stop(t.Context()))
		check(t, a.Check(j))
	})
}

func TestInvalid(t *testing.T) {
	w := journal.NewWriter(memory.New(), journal.Options{})
	bad, good := contract.NewCell(w, 1, 0), contract.NewCell(w, 2, 1) // seq 0
	if err := bad.Wait(bad.Append()); !errors.Is(err, journal.ErrInvalid) {
		t.Fatalf("got %v", err)
	}
	check(t, good.Wait(good.Append()))
	check(t, w.Stop(t.Context()))
}

// A writer whose journal does not answer gives up when its stop does.
func TestStopGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &faults{next: []memory.Fault{memory.Before}, down: 1 << 30}
		w := journal.NewWriter(memory.NewDatabase().Open(f.options()), journal.Options{})
		c := contract.NewCell(w, 1, 1)
		c.Append()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := w.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
		check(t, w.Stop(t.Context()))
		if f.probe < 20 || f.probe > 60 {
			t.Errorf("%d probes in a minute", f.probe)
		}
		if err := w.Flush(t.Context()); !errors.Is(err, journal.ErrStopped) {
			t.Fatalf("got %v", err)
		}
	})
}

// slow is a source whose gate blocks: commits go on without it, up to the bound.
type slow struct {
	*contract.Cell
	gate chan struct{}
}

func (s slow) Durable(token int64) { <-s.gate; s.Cell.Durable(token) }

func TestSlowGate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := memory.NewDatabase()
		w := journal.NewWriter(db.Open(memory.Options{}), journal.Options{})
		stopped := journal.NewWriter(memory.New(), journal.Options{}) // hears of the cell, never of slow
		check(t, stopped.Stop(t.Context()))
		s := slow{contract.NewCell(stopped, 1, 1), make(chan struct{})}
		other := contract.NewCell(w, 2, 1)
		s.Append()
		w.Append(s)
		synctest.Wait()
		for range 40 {
			other.Append()
			synctest.Wait()
		}
		if n := db.Commits(); n < 8 || n > 20 {
			t.Errorf("%d commits beside a closed gate", n)
		}
		close(s.gate)
		check(t, other.Wait(40))
		check(t, w.Stop(t.Context()))
	})
}
