package contract

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/brigata/brigata/actors/journal"
)

// Cell is a source as tests use it: one entity, whose blocks wait until the writer cuts
// them.
type Cell struct {
	Writer *journal.Writer
	Entity int
	Mark   string // of this cell's blocks, where several cells write one entity
	first  int

	mu      sync.Mutex
	waiting []journal.Row
	heads   []journal.Head
	cuts    []cut
	seq     int   // of the next block
	durable int   // blocks are durable below this seq
	lost    error // nil: not
	wrong   error // a promise that the writer broke
	changed chan struct{}
}

type cut struct {
	token int64
	end   int
}

// NewCell returns a cell that appends from seq on.
func NewCell(w *journal.Writer, entity, seq int) *Cell {
	return &Cell{Writer: w, Entity: entity, first: seq, seq: seq, durable: seq, changed: make(chan struct{}, 1)}
}

// Append appends a block of one event and returns its seq.
func (c *Cell) Append(heads ...journal.Head) int {
	c.mu.Lock()
	seq := c.seq
	c.seq++
	row := Block(c.Entity, seq, 1)
	row.Payload = append(row.Payload, c.Mark...)
	c.waiting = append(c.waiting, row)
	c.heads = append(c.heads, heads...)
	c.mu.Unlock()
	c.Writer.Append(c)
	return seq
}

// Wait returns once the block at seq is durable, or how it was lost.
func (c *Cell) Wait(seq int) error {
	for {
		c.mu.Lock()
		durable, lost, wrong := c.durable, c.lost, c.wrong
		c.mu.Unlock()
		switch {
		case wrong != nil:
			return wrong
		case durable > seq:
			return nil
		case lost != nil:
			return lost
		}
		<-c.changed
	}
}

// DurableEnd is the seq below which all blocks are durable.
func (c *Cell) DurableEnd() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.durable
}

// Err is how the cell was lost, or what the writer did wrong.
func (c *Cell) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.wrong != nil {
		return c.wrong
	}
	return c.lost
}

func (c *Cell) note() {
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// Cut implements journal.Source.
func (c *Cell) Cut(b *journal.Batch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lost != nil {
		c.wrong = fmt.Errorf("cell %d: cut after lost", c.Entity)
	}
	if len(c.waiting) == 0 && len(c.heads) == 0 {
		return
	}
	b.Rows = append(b.Rows, c.waiting...)
	b.Heads = append(b.Heads, c.heads...)
	c.waiting, c.heads = c.waiting[:0], c.heads[:0]
	c.cuts = append(c.cuts, cut{b.Token, c.seq})
}

// Durable implements journal.Source.
func (c *Cell) Durable(token int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.note()
	if len(c.cuts) == 0 || c.cuts[0].token != token || c.lost != nil {
		c.wrong = fmt.Errorf("cell %d: durable %d, waiting for %v, lost %v", c.Entity, token, c.cuts, c.lost)
		return
	}
	c.durable = c.cuts[0].end
	c.cuts = c.cuts[1:]
}

// Lost implements journal.Source.
func (c *Cell) Lost(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.note()
	if c.lost != nil {
		c.wrong = fmt.Errorf("cell %d: lost twice", c.Entity)
	}
	c.lost = err
}

// Check compares what the journal holds of the entity with what the cell was told: each
// durable block is there, once and in order, and unless the cell was lost a prefix of
// what else it appended follows them.
func (c *Cell) Check(j journal.Journal) error {
	rows, err := j.Log(context.Background(), Key(c.Entity), 0, 1<<30)
	if err != nil {
		return err
	}
	return c.CheckRows(rows)
}

// CheckRows is Check with the entity's whole log. Behind what is durable of a cell with
// a mark, another one may have gone on.
func (c *Cell) CheckRows(rows []journal.Row) error {
	c.mu.Lock()
	durable, next, wrong := c.durable, c.seq, c.wrong
	alone := c.lost == nil && c.Mark == ""
	c.mu.Unlock()
	if wrong != nil {
		return wrong
	}
	if len(rows) < durable-1 || alone && len(rows) > next-1 {
		return fmt.Errorf("cell %d: %d blocks, %d durable, %d appended", c.Entity, len(rows), durable-1, next-1)
	}
	for i, r := range rows {
		seq := i + 1
		ours := seq >= c.first && (seq < durable || alone)
		if r.Seq != int64(seq) || r.N != 1 || ours && string(r.Payload) != string(Payload(c.Entity, seq))+c.Mark {
			return fmt.Errorf("cell %d %s from %d to %d: block %d is %d, n %d, %q", c.Entity, c.Mark, c.first, durable, seq, r.Seq, r.N, r.Payload)
		}
	}
	return nil
}

// writer: 64 cells append 2,000 blocks each, some waiting for each one and some not.
func writer(t *testing.T, open Open) {
	j := open()
	w := journal.NewWriter(j, journal.Options{})
	const cells, blocks = 64, 2000
	all := make([]*Cell, cells)
	var wg sync.WaitGroup
	for i := range all {
		c := NewCell(w, i, 1)
		all[i] = c
		wg.Go(func() {
			for n := range blocks {
				var heads []journal.Head
				if n%100 == 99 {
					heads = append(heads, journal.Head{Key: Key(i), Cell: "roma", Kind: 3, Seq: int64(n), Live: true, State: []byte("state")})
				}
				seq := c.Append(heads...)
				if n%(i+1) == 0 && n%8 == 0 || seq == blocks {
					if err := c.Wait(seq); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	ok(t, w.Flush(ctx))
	ok(t, w.Stop(ctx))
	ok(t, j.Close())
	j = use(t, open)
	for _, c := range all {
		if c.DurableEnd() != blocks+1 {
			t.Errorf("cell %d: durable up to %d", c.Entity, c.DurableEnd())
		}
		ok(t, c.Check(j))
		if h := one(t, j, c.Entity).Head; h.Seq != blocks-1 {
			t.Errorf("cell %d: snapshot at %d", c.Entity, h.Seq)
		}
	}
}
