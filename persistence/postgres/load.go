package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/brigata/brigata/actors/journal"
)

// page is how many entities one query reads, and knownPage how many keys.
const page, knownPage = 256, 16 * 256

const headColumns = "SELECT entity, seq, cell, kind, live, due, state FROM heads "

// The index of lists is by cell, liveness and key: each query goes through it twice.
const (
	knownQuery = `(SELECT entity FROM heads WHERE cell = $1 AND live AND entity > $2 ORDER BY entity LIMIT $3)
		UNION ALL (SELECT entity FROM heads WHERE cell = $1 AND NOT live AND entity > $2 ORDER BY entity LIMIT $3)
		ORDER BY entity LIMIT $3`
	listQuery = `(SELECT entity FROM heads WHERE cell = $1 AND live AND entity < $2 AND kind = $3 ORDER BY entity DESC LIMIT $4)
		UNION ALL (SELECT entity FROM heads WHERE cell = $1 AND NOT live AND entity < $2 AND kind = $3 ORDER BY entity DESC LIMIT $4)
		ORDER BY entity DESC LIMIT $4`
)

// Load implements journal.Journal.
func (j *Journal) Load(ctx context.Context, keys []journal.Key) ([]journal.Stored, error) {
	out := make([]journal.Stored, 0, len(keys))
	ids := make([]pgtype.UUID, 0, min(page, len(keys)))
	for len(keys) > 0 {
		n := min(page, len(keys))
		ids = ids[:0]
		for _, k := range keys[:n] {
			ids = append(ids, pgtype.UUID{Bytes: k, Valid: true})
		}
		some, err := j.stored(ctx, headColumns+"WHERE entity = ANY ($1)", ids)
		if err != nil {
			return nil, err
		}
		out = append(out, some...)
		keys = keys[n:]
	}
	return out, nil
}

// stored reads the heads of a query, then their tails: blocks that a commit adds in
// between do no harm.
func (j *Journal) stored(ctx context.Context, query string, args ...any) (all []journal.Stored, err error) {
	heads, err := j.heads(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	all = make([]journal.Stored, 0, len(heads))
	return all, j.tails(ctx, heads, func(s journal.Stored) { all = append(all, s) })
}

func (j *Journal) heads(ctx context.Context, query string, args ...any) ([]journal.Stored, error) {
	rows, err := j.pool.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (s journal.Stored, err error) {
		h := &s.Head
		var due *time.Time
		if err := row.Scan((*[16]byte)(&h.Key), &h.Seq, &h.Cell, &h.Kind, &h.Live, &due, &h.State); err != nil {
			return s, err
		}
		if due != nil {
			h.Due = due.UTC()
		}
		return s, nil
	})
}

// tails reads what follows the snapshots of some entities, and hands each on as soon as it is whole,
// in the order of heads.
func (j *Journal) tails(ctx context.Context, heads []journal.Stored, whole func(journal.Stored)) error {
	if len(heads) == 0 {
		return nil
	}
	keys := make([]pgtype.UUID, len(heads))
	seqs := make([]int64, len(heads))
	for i := range heads {
		keys[i], seqs[i] = pgtype.UUID{Bytes: heads[i].Head.Key, Valid: true}, heads[i].Head.Seq
	}
	// The block before may reach into what follows the snapshot. A subquery that is sorted has to be
	// run for one entity after the other: the rows come in order, and nothing has to sort them all.
	rows, err := j.pool.Query(ctx, `SELECT u.at, t.cell, t.kind, t.seq, t.n, t.payload
		FROM unnest($1::uuid[], $2::bigint[]) WITH ORDINALITY AS u (entity, seq, at)
		CROSS JOIN LATERAL (SELECT j.* FROM journal j WHERE j.entity = u.entity AND j.seq + j.n > u.seq + 1
			AND j.seq >= (SELECT coalesce(max(k.seq), 0) FROM journal k WHERE k.entity = u.entity AND k.seq <= u.seq)
			ORDER BY j.seq) AS t`, keys, seqs)
	if err != nil {
		return err
	}
	defer rows.Close()
	next := 0 // the first that is not whole
	for rows.Next() {
		var at int
		var r journal.Row
		if err := rows.Scan(&at, &r.Cell, &r.Kind, &r.Seq, &r.N, &r.Payload); err != nil {
			return err
		}
		at--
		if at < next {
			return errors.New("postgres: a tail in two pieces")
		}
		for ; next < at; next++ {
			whole(heads[next])
		}
		s := &heads[at]
		r.Key = s.Head.Key
		s.Tail = append(s.Tail, r)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for ; next < len(heads); next++ {
		whole(heads[next])
	}
	return nil
}

// Log implements journal.Journal.
func (j *Journal) Log(ctx context.Context, key journal.Key, from int64, limit int) ([]journal.Row, error) {
	rows, err := j.pool.Query(ctx, `SELECT cell, kind, seq, n, payload FROM journal WHERE entity = $1
		AND seq >= coalesce((SELECT max(k.seq) FROM journal k WHERE k.entity = $1 AND k.seq <= $2), 0)
		AND seq + n - 1 >= $2 ORDER BY seq LIMIT $3`, pgtype.UUID{Bytes: key, Valid: true}, from, limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (journal.Row, error) {
		r := journal.Row{Key: key}
		err := row.Scan(&r.Cell, &r.Kind, &r.Seq, &r.N, &r.Payload)
		return r, err
	})
}

// Cells implements journal.Journal. It steps from cell to cell in the index; DISTINCT
// would read all of it.
func (j *Journal) Cells(ctx context.Context) ([]string, error) {
	rows, err := j.pool.Query(ctx, `WITH RECURSIVE c AS (
			(SELECT min(cell) AS cell FROM heads)
			UNION ALL SELECT (SELECT min(h.cell) FROM heads h WHERE h.cell > c.cell) FROM c WHERE c.cell IS NOT NULL)
		SELECT cell FROM c WHERE cell IS NOT NULL`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// Open implements journal.Journal.
func (j *Journal) Open(ctx context.Context, cell string, yield func(journal.Stored) error) error {
	return pages(ctx, page, journal.Key{}, func(ctx context.Context, after journal.Key) ([]journal.Stored, error) {
		return j.heads(ctx, headColumns+"WHERE cell = $1 AND live AND entity > $2 ORDER BY entity LIMIT $3",
			cell, pgtype.UUID{Bytes: after, Valid: true}, page)
	}, j.tails, func(s journal.Stored) journal.Key { return s.Head.Key }, yield)
}

// Known implements journal.Journal.
func (j *Journal) Known(ctx context.Context, cell string, since time.Time, yield func(journal.Key) error) error {
	// No key is the bound itself: its version bits are zero.
	return pages(ctx, knownPage, journal.Since(since), func(ctx context.Context, after journal.Key) ([]journal.Key, error) {
		rows, err := j.pool.Query(ctx, knownQuery,
			cell, pgtype.UUID{Bytes: after, Valid: true}, knownPage)
		if err != nil {
			return nil, err
		}
		return pgx.CollectRows(rows, func(row pgx.CollectableRow) (k journal.Key, err error) {
			err = row.Scan((*[16]byte)(&k))
			return k, err
		})
	}, areWhole, func(k journal.Key) journal.Key { return k }, yield)
}

// pages reads page after page in the order of keys, until one is not full, and makes each of them
// whole while the next is read and what is whole is used: three connections at most.
func pages[T any](ctx context.Context, full int, after journal.Key, read func(context.Context, journal.Key) ([]T, error),
	makeWhole func(ctx context.Context, rows []T, whole func(T)) error, key func(T) journal.Key, yield func(T) error) error {
	type page struct {
		whole chan T
		err   error // once whole is closed
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	next := make(chan *page, 1)
	go func() {
		defer close(next)
		for more := true; more; {
			rows, err := read(ctx, after)
			if more = err == nil && len(rows) == full; more {
				after = key(rows[full-1])
			}
			p := &page{make(chan T, full), err}
			go func() {
				defer close(p.whole)
				if err == nil {
					p.err = makeWhole(ctx, rows, func(x T) { p.whole <- x })
				}
			}()
			next <- p
		}
	}()
	var err error
	for p := range next { // to the end, whatever happens: no connection is left behind
		for x := range p.whole {
			if err != nil {
				continue
			}
			if err = yield(x); err != nil {
				cancel()
			}
		}
		if err == nil && p.err != nil {
			err = p.err
			cancel()
		}
	}
	return err
}

func areWhole[T any](_ context.Context, rows []T, whole func(T)) error {
	for _, x := range rows {
		whole(x)
	}
	return nil
}

// List implements journal.Journal.
func (j *Journal) List(ctx context.Context, cell string, kind uint8, before journal.Key, limit int) ([]journal.Key, error) {
	if before == (journal.Key{}) {
		for i := range before {
			before[i] = 0xff
		}
	}
	rows, err := j.pool.Query(ctx, listQuery, cell, pgtype.UUID{Bytes: before, Valid: true}, kind, limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (journal.Key, error) {
		var k journal.Key
		err := row.Scan((*[16]byte)(&k))
		return k, err
	})
}
