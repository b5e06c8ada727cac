package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"math"
	"time"

	"github.com/brigata/brigata/actors/journal"
)

// page is how many entities are read under one hold of the connection: commits wait no
// longer than that, and callers' functions run without it.
const page = 256

// Load implements journal.Journal.
func (j *Journal) Load(ctx context.Context, keys []journal.Key) ([]journal.Stored, error) {
	out := make([]journal.Stored, 0, len(keys))
	for len(keys) > 0 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n := min(page, len(keys))
		var err error
		if out, err = j.stored(out, keys[:n]); err != nil {
			return nil, err
		}
		keys = keys[n:]
	}
	return out, nil
}

func (j *Journal) stored(out []journal.Stored, keys []journal.Key) ([]journal.Stored, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for i := range keys {
		h, err := scanHead(j.load.QueryRowContext(context.Background(), keys[i][:]))
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return nil, err
		}
		tail, err := j.blocks(h.Key, h.Seq+1, math.MaxInt64)
		if err != nil {
			return nil, err
		}
		out = append(out, journal.Stored{Head: h, Tail: tail})
	}
	return out, nil
}

func scanHead(row *sql.Row) (journal.Head, error) {
	var h journal.Head
	var key []byte
	var due sql.NullInt64
	if err := row.Scan(&key, &h.Seq, &h.Cell, &h.Kind, &h.Live, &due, &h.State); err != nil {
		return h, err
	}
	copy(h.Key[:], key)
	if due.Valid {
		h.Due = time.UnixMicro(due.Int64).UTC()
	}
	return h, nil
}

// blocks reads the blocks that end at or after from.
func (j *Journal) blocks(key journal.Key, from int64, limit int64) ([]journal.Row, error) {
	rows, err := j.tail.QueryContext(context.Background(), key[:], from, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []journal.Row
	for rows.Next() {
		r := journal.Row{Key: key}
		if err := rows.Scan(&r.Cell, &r.Kind, &r.Seq, &r.N, &r.Payload); err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, rows.Err()
}

// Log implements journal.Journal.
func (j *Journal) Log(ctx context.Context, key journal.Key, from int64, limit int) ([]journal.Row, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.blocks(key, from, int64(limit))
}

// Cells implements journal.Journal.
func (j *Journal) Cells(ctx context.Context) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	rows, err := j.conn.QueryContext(context.Background(), "SELECT DISTINCT cell FROM heads ORDER BY cell")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var cells []string
	for rows.Next() {
		var c string
		if err := rows.Scan(&c); err != nil {
			return nil, err
		}
		cells = append(cells, c)
	}
	return cells, rows.Err()
}

// keys reads one page of a cell's keys after a key.
func (j *Journal) keys(query, cell string, after []byte) ([]journal.Key, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	rows, err := j.conn.QueryContext(context.Background(), query, cell, after, page)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []journal.Key
	for rows.Next() {
		var b sql.RawBytes
		if err := rows.Scan(&b); err != nil {
			return nil, err
		}
		out = append(out, journal.Key(b))
	}
	return out, rows.Err()
}

// each yields a cell's keys page by page; after is the bound below the first one.
func (j *Journal) each(ctx context.Context, query, cell string, after []byte, yield func([]journal.Key) error) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		keys, err := j.keys(query, cell, after)
		if err != nil || len(keys) == 0 {
			return err
		}
		if err := yield(keys); err != nil {
			return err
		}
		after = keys[len(keys)-1][:]
	}
}

// Open implements journal.Journal.
func (j *Journal) Open(ctx context.Context, cell string, yield func(journal.Stored) error) error {
	const q = "SELECT entity FROM heads WHERE cell = ? AND live AND entity > ? ORDER BY entity LIMIT ?"
	return j.each(ctx, q, cell, []byte{}, func(keys []journal.Key) error {
		all, err := j.stored(nil, keys)
		for i := 0; err == nil && i < len(all); i++ {
			err = yield(all[i])
		}
		return err
	})
}

// Known implements journal.Journal.
func (j *Journal) Known(ctx context.Context, cell string, since time.Time, yield func(journal.Key) error) error {
	const q = "SELECT entity FROM heads WHERE cell = ? AND entity > ? ORDER BY entity LIMIT ?"
	// The six bytes of time sort before every key that has them.
	first := journal.Since(since)
	return j.each(ctx, q, cell, first[:6], func(keys []journal.Key) error {
		for _, k := range keys {
			if err := yield(k); err != nil {
				return err
			}
		}
		return nil
	})
}

// List implements journal.Journal.
func (j *Journal) List(ctx context.Context, cell string, kind uint8, before journal.Key, limit int) ([]journal.Key, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	end := before[:]
	if before == (journal.Key{}) {
		end = bytes.Repeat([]byte{0xff}, len(before)+1)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	rows, err := j.conn.QueryContext(context.Background(),
		"SELECT entity FROM heads WHERE cell = ? AND entity < ? AND kind = ? ORDER BY entity DESC LIMIT ?", cell, end, kind, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var keys []journal.Key
	for rows.Next() {
		var b sql.RawBytes
		if err := rows.Scan(&b); err != nil {
			return nil, err
		}
		keys = append(keys, journal.Key(b))
	}
	return keys, rows.Err()
}
