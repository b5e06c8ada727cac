package memory_test

import (
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/brigata/brigata/actors/journal"
	"github.com/brigata/brigata/persistence/contract"
	"github.com/brigata/brigata/persistence/memory"
)

// TestFaults is a simulation by seed: many cells, a journal that fails as it likes, and
// every durable block there once and in order.
func TestFaults(t *testing.T) {
	for seed := range uint64(50) {
		synctest.Test(t, func(t *testing.T) { simulate(t, seed) })
	}
}

func simulate(t *testing.T, seed uint64) {
	var mu sync.Mutex
	r := rand.New(rand.NewPCG(seed, 1))
	db := memory.NewDatabase()
	j := db.Open(memory.Options{
		Commit: func(*journal.Batch) memory.Fault {
			mu.Lock()
			defer mu.Unlock()
			return []memory.Fault{memory.None, memory.None, memory.Before, memory.After}[r.IntN(4)]
		},
		Probe: func(*journal.Batch) error {
			mu.Lock()
			defer mu.Unlock()
			if r.IntN(3) == 0 {
				return errDown
			}
			return nil
		},
	})
	thief := db.Open(memory.Options{})
	plan := rand.New(rand.NewPCG(seed, 2)) // not the journal's, which the writer draws from
	w := journal.NewWriter(j, journal.Options{RowsMax: 1 + plan.IntN(20)})
	var wg sync.WaitGroup
	cells := make([]*contract.Cell, 12)
	for i := range cells {
		c := contract.NewCell(w, i, 1)
		cells[i] = c
		steps, every := 20+plan.IntN(40), 1+plan.IntN(5)
		stolen := i%4 == 3
		wg.Go(func() {
			for n := 1; n <= steps; n++ {
				if stolen && n == steps/2 { // the same payload: only the slot's owner differs
					thief.Commit(&journal.Batch{Token: 1, Pos: 1, Rows: []journal.Row{contract.Block(i, n+3, 1)}})
				}
				if seq := c.Append(); seq%every == 0 && c.Wait(seq) != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	check(t, w.Flush(t.Context()))
	check(t, w.Stop(t.Context()))
	for i, c := range cells {
		if i%4 == 3 {
			if err := c.Err(); !errors.Is(err, journal.ErrConflict) {
				t.Errorf("seed %d: cell %d: %v", seed, i, err)
			}
			continue
		}
		if err := errors.Join(c.Err(), c.Check(j)); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
	}
}

func BenchmarkWriter(b *testing.B) {
	b.ReportAllocs()
	w := journal.NewWriter(discard{memory.New()}, journal.Options{})
	const cells = 256
	var wg sync.WaitGroup
	for i := range cells {
		wg.Go(func() {
			c := contract.NewCell(w, i, 1)
			for range b.N / cells {
				c.Wait(c.Append())
			}
		})
	}
	wg.Wait()
	w.Stop(b.Context())
}

// discard is a journal that takes no time.
type discard struct{ *memory.Journal }

func (discard) Commit(*journal.Batch) error { return nil }
