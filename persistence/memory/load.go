package memory

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/brigata/brigata/actors/journal"
)

// sorted returns copies of the entities that match, by key: readers see no order of
// Go's maps, so that simulations repeat.
func (j *Journal) sorted(match func(*entity) bool) []journal.Stored {
	j.db.mu.Lock()
	defer j.db.mu.Unlock()
	var out []journal.Stored
	for _, k := range j.keys(match) {
		out = append(out, j.db.entities[k].stored())
	}
	return out
}

// keys returns those of the entities that match, in order; the caller holds the lock.
func (j *Journal) keys(match func(*entity) bool) (keys []journal.Key) {
	for k, e := range j.db.entities {
		if match(e) {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b journal.Key) int { return bytes.Compare(a[:], b[:]) })
	return keys
}

func (e *entity) stored() journal.Stored {
	s := journal.Stored{Head: e.head}
	s.Head.State = bytes.Clone(e.head.State)
	for _, b := range e.blocks {
		if b.row.Seq+int64(b.row.N)-1 > e.head.Seq {
			s.Tail = append(s.Tail, b.copy())
		}
	}
	return s
}

func (b block) copy() journal.Row {
	r := b.row
	r.Payload = bytes.Clone(r.Payload)
	return r
}

// Cells implements journal.Journal.
func (j *Journal) Cells(context.Context) ([]string, error) {
	j.db.mu.Lock()
	defer j.db.mu.Unlock()
	var cells []string
	for _, e := range j.db.entities {
		cells = append(cells, e.head.Cell)
	}
	slices.Sort(cells)
	return slices.Compact(cells), nil
}

// Open implements journal.Journal.
func (j *Journal) Open(ctx context.Context, cell string, yield func(journal.Stored) error) error {
	for _, s := range j.sorted(func(e *entity) bool { return e.head.Cell == cell && e.head.Live }) {
		if err := errors.Join(ctx.Err(), yield(s)); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// Known implements journal.Journal.
func (j *Journal) Known(ctx context.Context, cell string, since time.Time, yield func(journal.Key) error) error {
	from := journal.Since(since)
	j.db.mu.Lock()
	keys := j.keys(func(e *entity) bool {
		return e.head.Cell == cell && bytes.Compare(e.head.Key[:], from[:]) >= 0
	})
	j.db.mu.Unlock()
	for _, k := range keys {
		if err := errors.Join(ctx.Err(), yield(k)); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// List implements journal.Journal.
func (j *Journal) List(ctx context.Context, cell string, kind uint8, before journal.Key, limit int) ([]journal.Key, error) {
	all := j.sorted(func(e *entity) bool {
		return e.head.Cell == cell && e.head.Kind == kind && (before == journal.Key{} || bytes.Compare(e.head.Key[:], before[:]) < 0)
	})
	var keys []journal.Key
	for i := len(all) - 1; i >= 0 && len(keys) < limit; i-- {
		keys = append(keys, all[i].Head.Key)
	}
	return keys, ctx.Err()
}

// Load implements journal.Journal.
func (j *Journal) Load(ctx context.Context, keys []journal.Key) ([]journal.Stored, error) {
	j.db.mu.Lock()
	defer j.db.mu.Unlock()
	var out []journal.Stored
	for _, k := range keys {
		if e := j.db.entities[k]; e != nil {
			out = append(out, e.stored())
		}
	}
	return out, ctx.Err()
}

// Log implements journal.Journal.
func (j *Journal) Log(ctx context.Context, key journal.Key, from int64, limit int) ([]journal.Row, error) {
	j.db.mu.Lock()
	defer j.db.mu.Unlock()
	e := j.db.entities[key]
	if e == nil {
		return nil, ctx.Err()
	}
	var rows []journal.Row
	for _, b := range e.blocks {
		if len(rows) < limit && b.row.Seq+int64(b.row.N)-1 >= from {
			rows = append(rows, b.copy())
		}
	}
	return rows, ctx.Err()
}
