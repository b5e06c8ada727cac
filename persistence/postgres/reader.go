package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/brigata/brigata/actors/journal"
)

// errReads is what a reader says to who wants to write.
var errReads = errors.New("postgres: this journal only reads")

// Reader is a journal that enters no node and cannot write, for those who look at a
// database from outside.
type Reader struct{ Journal }

// Read opens a database to read. Its schema must be up to date.
func Read(ctx context.Context, url string) (*Reader, error) {
	pc, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	pc.MaxConns = 2
	for k, v := range settings() {
		pc.ConnConfig.RuntimeParams[k] = v
	}
	pc.ConnConfig.RuntimeParams["default_transaction_read_only"] = "on"
	r := &Reader{Journal{closed: true}}
	if r.pool, err = pgxpool.NewWithConfig(ctx, pc); err != nil {
		return nil, err
	}
	if _, err := r.pool.Exec(ctx, "SELECT FROM heads LIMIT 1"); err != nil {
		r.pool.Close()
		return nil, err
	}
	return r, nil
}

// Commit implements journal.Journal: it never writes.
func (r *Reader) Commit(*journal.Batch) error { return errReads }

// Probe implements journal.Journal.
func (r *Reader) Probe(*journal.Batch) ([]journal.Slot, error) { return nil, errReads }

// Close ends the connections.
func (r *Reader) Close() error {
	r.pool.Close()
	return nil
}
