package sim

import (
	"context"
	"time"

	"github.com/brigata/brigata/actors/journal"
	"github.com/brigata/brigata/actors/mutant"
)

// This file is what a process asks of the database for its lease and its cells. What
// raises an epoch waits for the commits that hold it.

var _ journal.Leases = (*conn)(nil)

type withinKey struct{}

// bounded carries how long an ask may take.
func bounded(within time.Duration) context.Context {
	return context.WithValue(context.Background(), withinKey{}, within)
}

func within(ctx context.Context) time.Duration {
	d, ok := ctx.Value(withinKey{}).(time.Duration)
	if !ok {
		d = time.Second
	}
	return d
}

// lease runs a statement that waits for the commits of those nodes.
func lease[T any](ctx context.Context, c *conn, waitFor func() []int64, do func() (T, error)) (T, error) {
	return leaseLate(ctx, c, 0, waitFor, do)
}

func leaseLate[T any](ctx context.Context, c *conn, late int64, waitFor func() []int64, do func() (T, error)) (T, error) {
	var got T
	var failed error
	err := c.askLate(nil, late, within(ctx), func(done func()) {
		boot := c.db.boot
		var try func()
		try = func() {
			if c.db.boot != boot {
				return
			}
			for _, n := range waitFor() {
				if c.db.share[n] > 0 {
					c.db.world.after(2*millisecond, try)
					return
				}
			}
			got, failed = do()
			done()
		}
		try()
	})
	if err != nil {
		return *new(T), err
	}
	return got, failed
}

// strays is how late a statement arrives that changes who has what: a fault holds some.
func (c *conn) strays() int64 {
	n, w := c.process.node, c.db.world
	if n.strays == 0 || w.healed || w.rng.IntN(2) == 0 {
		return 0
	}
	n.strays--
	return w.between(1*second, 6*second)
}

func nobody() []int64 { return nil }

// Self implements journal.Leases.
func (c *conn) Self(ctx context.Context) (journal.Lease, error) {
	return lease(ctx, c, nobody, func() (journal.Lease, error) { return c.store.Self(context.Background()) })
}

// Raise implements journal.Leases.
func (c *conn) Raise(ctx context.Context, l journal.Lease) (journal.Lease, error) {
	if mutant.Is(mutant.LapseKeepsEpoch) && c.epoch > 0 || mutant.Is(mutant.RestartKeepsEpoch) && l.Epoch > 0 {
		c.epoch = l.Epoch

		return l, nil
	}
	next, err := lease(ctx, c, func() []int64 { return c.db.lives(c.process.node) }, func() (journal.Lease, error) {
		return c.store.Raise(context.Background(), l)
	})
	if err == nil {
		c.epoch = next.Epoch
	}
	return next, err
}

// lives are the incarnations of a node.
func (d *database) lives(n *node) []int64 { return d.incarnations[n.index] }

// Renew implements journal.Leases.
func (c *conn) Renew(ctx context.Context, l journal.Lease) (renewed bool, all []journal.Lease, err error) {
	type answer struct {
		renewed bool
		all     []journal.Lease
	}
	a, err := lease(ctx, c, nobody, func() (a answer, err error) {
		if mutant.Is(mutant.RenewAnyEpoch) {
			l, _ = c.store.Self(context.Background())
		}
		a.renewed, a.all, err = c.store.Renew(context.Background(), l)
		return a, err
	})
	if mutant.Is(mutant.RenewAnyEpoch) {
		for i := range a.all {
			if a.all[i].Node == l.Node {
				a.all[i].Epoch = c.epoch
			}
		}
	}
	return a.renewed, a.all, err
}

// Fence implements journal.Leases.
func (c *conn) Fence(ctx context.Context, l journal.Lease) (bool, error) {
	return lease(ctx, c, func() []int64 { return []int64{l.Node} }, func() (bool, error) {
		if mutant.Is(mutant.EvictWithoutFence) {
			c.db.loose[l.Node] = true
			return true, nil
		}
		return c.store.Fence(context.Background(), l)
	})
}

// Forget implements journal.Leases.
func (c *conn) Forget(ctx context.Context, l journal.Lease) error {
	_, err := lease(ctx, c, func() []int64 { return []int64{l.Node} }, func() (bool, error) { return true, c.store.Forget(context.Background(), l) })
	return err
}

// Claims implements journal.Leases.
func (c *conn) Claims(ctx context.Context) ([]journal.Claim, error) {
	return lease(ctx, c, nobody, func() ([]journal.Claim, error) { return c.store.Claims(context.Background()) })
}

// Claim implements journal.Leases.
func (c *conn) Claim(ctx context.Context, l journal.Lease, cells []string) ([]journal.Claim, error) {
	return leaseLate(ctx, c, c.strays(), nobody, func() ([]journal.Claim, error) {
		if all, err := c.store.Claims(context.Background()); err == nil {
			for _, r := range all {
				if r.Node != l.Node && (mutant.Is(mutant.ClaimOverLive) || c.db.loose[r.Node]) {
					_, _ = c.store.Release(context.Background(), r)
				}
			}
		}
		rows, err := c.store.Claim(context.Background(), l, cells)
		for _, r := range rows {
			c.db.world.tell("  db: the cell is node %d's at epoch %d, claim %d", r.Node, r.Epoch, r.Claim)
		}
		return rows, err
	})
}

// Release implements journal.Leases.
func (c *conn) Release(ctx context.Context, is journal.Claim) (journal.Claim, error) {
	return leaseLate(ctx, c, c.strays(), nobody, func() (journal.Claim, error) {
		if all, err := c.store.Claims(context.Background()); err == nil && mutant.Is(mutant.ReleaseAnyClaim) {
			for _, r := range all {
				if r.Cell == is.Cell && r.Node == is.Node {
					is = r
				}
			}
		}
		row, err := c.store.Release(context.Background(), is)
		c.db.world.tell("  db: released: the cell is node %d's, claim %d", row.Node, row.Claim)
		return row, err
	})
}
