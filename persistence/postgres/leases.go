package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/brigata/brigata/actors/journal"
)

var _ journal.Leases = (*Journal)(nil)

// nodes.epoch is what the fence locks, and what counts. leases.epoch follows it, so that
// a renewal is a compare-and-set on one row that no commit locks: a slow commit must
// not lapse a lease. Whoever raises an epoch writes the lease first, then the node.

const leaseColumns = "SELECT n.id, n.name, n.address, n.format, n.epoch, coalesce(l.renewals, 0) FROM nodes n "

func scanLease(row pgx.CollectableRow) (l journal.Lease, err error) {
	err = row.Scan(&l.Node, &l.Name, &l.Address, &l.Format, &l.Epoch, &l.Renewals)
	return l, err
}

// Self implements journal.Leases.
func (j *Journal) Self(ctx context.Context) (journal.Lease, error) {
	rows, err := j.leases.Query(ctx, leaseColumns+"LEFT JOIN leases l ON l.node = n.id WHERE n.id = $1", j.node)
	if err != nil {
		return journal.Lease{}, err
	}
	return pgx.CollectExactlyOneRow(rows, scanLease)
}

// Raise implements journal.Leases. Nothing that the old epoch had in progress is left
// when it returns, so a commit that still waits for its answer need not.
func (j *Journal) Raise(ctx context.Context, l journal.Lease) (journal.Lease, error) {
	next := l
	err := pgx.BeginFunc(ctx, j.leases, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `INSERT INTO leases AS l (node, epoch, renewals) VALUES ($1, $2 + 1, 1)
			ON CONFLICT (node) DO UPDATE SET epoch = l.epoch + 1, renewals = l.renewals + 1 WHERE l.epoch = $2
			RETURNING epoch, renewals`, j.node, l.Epoch).Scan(&next.Epoch, &next.Renewals)
		if errors.Is(err, pgx.ErrNoRows) {
			return journal.ErrFenced
		}
		if err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, "UPDATE nodes SET epoch = epoch + 1 WHERE id = $1 AND epoch = $2", j.node, l.Epoch)
		if err == nil && tag.RowsAffected() == 0 {
			return journal.ErrFenced
		}
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `WITH gone AS (DELETE FROM leases WHERE node IN (SELECT id FROM nodes WHERE name = $2 AND id < $1) RETURNING node)
			UPDATE nodes SET epoch = epoch + 1 WHERE id IN (SELECT node FROM gone)`, j.node, l.Name)
		return err
	})
	if err != nil {
		return journal.Lease{}, err
	}
	j.epoch.Store(next.Epoch)
	j.interrupt()
	return next, nil
}

// Renew implements journal.Leases.
func (j *Journal) Renew(ctx context.Context, l journal.Lease) (bool, []journal.Lease, error) {
	var b pgx.Batch
	b.Queue("UPDATE leases SET renewals = renewals + 1 WHERE node = $1 AND epoch = $2 AND renewals = $3", l.Node, l.Epoch, l.Renewals)
	b.Queue(leaseColumns + "JOIN leases l ON l.node = n.id ORDER BY n.id")
	results := j.leases.SendBatch(ctx, &b)
	defer results.Close()
	tag, err := results.Exec()
	if err != nil {
		return false, nil, err
	}
	rows, err := results.Query()
	if err != nil {
		return false, nil, err
	}
	all, err := pgx.CollectRows(rows, scanLease)
	if err == nil {
		err = results.Close() // the commit
	}
	return tag.RowsAffected() == 1, all, err
}

// Fence implements journal.Leases.
func (j *Journal) Fence(ctx context.Context, l journal.Lease) (bool, error) {
	tag, err := j.leases.Exec(ctx, `WITH l AS (UPDATE leases SET epoch = epoch + 1 WHERE node = $1 AND epoch = $2 AND renewals = $3 RETURNING node)
		UPDATE nodes SET epoch = epoch + 1 WHERE id IN (SELECT node FROM l)`, l.Node, l.Epoch, l.Renewals)
	return tag.RowsAffected() == 1, err
}

// Forget implements journal.Leases.
func (j *Journal) Forget(ctx context.Context, l journal.Lease) error {
	_, err := j.leases.Exec(ctx, `WITH l AS (DELETE FROM leases WHERE node = $1 AND epoch = $2 AND renewals = $3 RETURNING node)
		UPDATE nodes SET epoch = epoch + 1 WHERE id IN (SELECT node FROM l)`, l.Node, l.Epoch, l.Renewals)
	return err
}

func scanClaim(row pgx.CollectableRow) (c journal.Claim, err error) {
	var node, epoch *int64
	err = row.Scan(&c.Cell, &node, &epoch, &c.Claim, &c.Needs)
	if node != nil && epoch != nil {
		c.Node, c.Epoch = *node, *epoch
	}
	return c, err
}

// Claims implements journal.Leases.
func (j *Journal) Claims(ctx context.Context) ([]journal.Claim, error) {
	rows, err := j.leases.Query(ctx, "SELECT cell, node, node_epoch, claim, needs FROM cells ORDER BY cell")
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanClaim)
}

// A claim never takes from a node that stands at the epoch of its own claim. The
// statement may see nodes as they were a moment before it sees the cell's row, so only an
// epoch beyond the claim's says that its node was fenced: epochs never go back.
const claimCells = `INSERT INTO cells AS c (cell, node, node_epoch, claim)
	SELECT cell, $1, $2, 1 FROM unnest($3::text[]) AS cell ORDER BY cell
	ON CONFLICT (cell) DO UPDATE SET node = $1, node_epoch = $2, claim = c.claim + 1
	WHERE c.needs <= $4 AND (c.node IS NULL OR c.node = $1 AND c.node_epoch = $2
		OR EXISTS (SELECT FROM nodes o WHERE o.id = c.node AND o.epoch > c.node_epoch))`

// Claim implements journal.Leases. The claimer's own epoch is held until the commit, so
// that a fenced node claims nothing.
func (j *Journal) Claim(ctx context.Context, l journal.Lease, cells []string) ([]journal.Claim, error) {
	var b pgx.Batch
	b.Queue("SELECT set_config('brigata.node', $1, true), set_config('brigata.epoch', $2, true)",
		strconv.FormatInt(l.Node, 10), strconv.FormatInt(l.Epoch, 10))
	b.Queue("SELECT fence()")
	b.Queue(claimCells, l.Node, l.Epoch, cells, l.Format)
	b.Queue("SELECT cell, node, node_epoch, claim, needs FROM cells WHERE cell = ANY ($1) ORDER BY cell", cells)
	results := j.leases.SendBatch(ctx, &b)
	defer results.Close()
	for range 3 {
		if _, err := results.Exec(); err != nil {
			return nil, fenced(err)
		}
	}
	rows, err := results.Query()
	if err != nil {
		return nil, err
	}
	all, err := pgx.CollectRows(rows, scanClaim)
	if err == nil {
		err = results.Close()
	}
	return all, err
}

func fenced(err error) error {
	var e *pgconn.PgError
	if errors.As(err, &e) && e.Code == codeFenced {
		return fmt.Errorf("%w: %w", journal.ErrFenced, err)
	}
	return err
}

// Release implements journal.Leases.
func (j *Journal) Release(ctx context.Context, c journal.Claim) (journal.Claim, error) {
	var b pgx.Batch
	b.Queue(`UPDATE cells SET node = NULL, node_epoch = NULL, needs = greatest(needs, $5)
		WHERE cell = $1 AND node = $2 AND node_epoch = $3 AND claim = $4`, c.Cell, c.Node, c.Epoch, c.Claim, c.Needs)
	b.Queue("SELECT cell, node, node_epoch, claim, needs FROM cells WHERE cell = $1", c.Cell)
	results := j.leases.SendBatch(ctx, &b)
	defer results.Close()
	if _, err := results.Exec(); err != nil {
		return journal.Claim{}, err
	}
	rows, err := results.Query()
	if err != nil {
		return journal.Claim{}, err
	}
	row, err := pgx.CollectExactlyOneRow(rows, scanClaim)
	if errors.Is(err, pgx.ErrNoRows) {
		row, err = journal.Claim{Cell: c.Cell}, nil
	}
	if err == nil {
		err = results.Close()
	}
	return row, err
}
