package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/brigata/brigata/actors/journal"
)

// backend is a server process: ids come back, so the start time belongs to it.
type backend struct {
	pid   int32
	start int64 // microseconds since 1970
}

// Probe implements journal.Journal.
func (j *Journal) Probe(b *journal.Batch) ([]journal.Slot, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	ctx, cancel := j.bound(j.config.ProbeTimeout)
	defer cancel()
	if j.conn != nil && (j.doubt || j.conn.IsClosed()) {
		if j.doubt {
			j.doubted = append(j.doubted, j.backend)
		}
		shut(j.conn)
		j.conn, j.doubt = nil, false
	}
	if j.conn == nil {
		if err := j.connect(ctx, j.Epoch()); err != nil {
			return nil, err
		}
	}
	for len(j.doubted) > 0 {
		if err := j.end(ctx, j.doubted[0]); err != nil {
			return nil, err
		}
		j.doubted = j.doubted[1:]
	}
	return j.slots(ctx, b.Rows)
}

// end terminates a backend and waits until it is gone, and what it was about to commit
// with it. The server waits for no longer than this try may last.
func (j *Journal) end(ctx context.Context, b backend) error {
	rows, err := j.conn.Query(ctx, `SELECT pg_terminate_backend(pid, $3) FROM pg_stat_activity
		WHERE pid = $1 AND (extract(epoch FROM backend_start) * 1000000)::bigint = $2`,
		b.pid, b.start, j.config.ProbeTimeout.Milliseconds()/2+1)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var gone bool
		if err := rows.Scan(&gone); err != nil {
			return err
		}
		if !gone {
			return fmt.Errorf("postgres: backend %d does not end", b.pid)
		}
	}
	return rows.Err()
}

func (j *Journal) slots(ctx context.Context, of []journal.Row) ([]journal.Slot, error) {
	keys := make([]pgtype.UUID, len(of))
	seqs := make([]int64, len(of))
	for i := range of {
		keys[i], seqs[i] = pgtype.UUID{Bytes: of[i].Key, Valid: true}, of[i].Seq
	}
	rows, err := j.conn.Query(ctx, `SELECT u.at, j.token, j.n, j.stream = $3
		FROM unnest($1::uuid[], $2::bigint[]) WITH ORDINALITY AS u (entity, seq, at)
		JOIN journal j ON j.entity = u.entity AND j.seq = u.seq`, keys, seqs, j.node)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	slots := make([]journal.Slot, len(of))
	for rows.Next() {
		var at int
		s := journal.Slot{Found: true}
		if err := rows.Scan(&at, &s.Token, &s.N, &s.Mine); err != nil {
			return nil, err
		}
		slots[at-1] = s
	}
	return slots, rows.Err()
}
