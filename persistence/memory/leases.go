package memory

import (
	"context"
	"maps"
	"slices"

	"github.com/brigata/brigata/actors/journal"
)

var _ journal.Leases = (*Journal)(nil)

// node is one process, as the database knows it.
type node struct {
	name, address string
	format        int
	epoch         int64
	lease         bool // it has a lease, which it may let others take away
	renewals      int64
}

func (n *node) is(id int64) journal.Lease {
	return journal.Lease{Node: id, Name: n.name, Address: n.address, Format: n.format, Epoch: n.epoch, Renewals: n.renewals}
}

func (n *node) stands(l journal.Lease) bool {
	return n != nil && n.lease && n.epoch == l.Epoch && n.renewals == l.Renewals
}

// Epoch implements journal.Journal.
func (j *Journal) Epoch() int64 {
	j.db.mu.Lock()
	defer j.db.mu.Unlock()
	return j.epoch
}

// Evict ends this process's right to write, as another node would.
func (j *Journal) Evict() {
	j.db.mu.Lock()
	j.db.nodes[j.stream].epoch++
	j.db.mu.Unlock()
}

// lock takes the database; false if the journal is closed or ctx has ended.
func (j *Journal) lock(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	j.db.mu.Lock()
	if j.closed {
		j.db.mu.Unlock()
		return ErrClosed
	}
	return nil
}

// Self implements journal.Leases.
func (j *Journal) Self(ctx context.Context) (journal.Lease, error) {
	if err := j.lock(ctx); err != nil {
		return journal.Lease{}, err
	}
	defer j.db.mu.Unlock()
	return j.db.nodes[j.stream].is(j.stream), nil
}

// Raise implements journal.Leases.
func (j *Journal) Raise(ctx context.Context, l journal.Lease) (journal.Lease, error) {
	if err := j.lock(ctx); err != nil {
		return journal.Lease{}, err
	}
	defer j.db.mu.Unlock()
	n := j.db.nodes[j.stream]
	if n.epoch != l.Epoch {
		return journal.Lease{}, journal.ErrFenced
	}
	for id, other := range j.db.nodes {
		if other.name == n.name && id < j.stream && other.lease {
			other.epoch++
			other.lease = false
		}
	}
	n.epoch++
	n.renewals++
	n.lease = true
	j.epoch = n.epoch
	return n.is(j.stream), nil
}

// Renew implements journal.Leases.
func (j *Journal) Renew(ctx context.Context, l journal.Lease) (bool, []journal.Lease, error) {
	if err := j.lock(ctx); err != nil {
		return false, nil, err
	}
	defer j.db.mu.Unlock()
	n := j.db.nodes[l.Node]
	renewed := n.stands(l)
	if renewed {
		n.renewals++
	}
	var all []journal.Lease
	for _, id := range slices.Sorted(maps.Keys(j.db.nodes)) {
		if j.db.nodes[id].lease {
			all = append(all, j.db.nodes[id].is(id))
		}
	}
	return renewed, all, nil
}

// Fence implements journal.Leases.
func (j *Journal) Fence(ctx context.Context, l journal.Lease) (bool, error) {
	if err := j.lock(ctx); err != nil {
		return false, err
	}
	defer j.db.mu.Unlock()
	n := j.db.nodes[l.Node]
	if !n.stands(l) {
		return false, nil
	}
	n.epoch++
	return true, nil
}

// Forget implements journal.Leases.
func (j *Journal) Forget(ctx context.Context, l journal.Lease) error {
	if err := j.lock(ctx); err != nil {
		return err
	}
	defer j.db.mu.Unlock()
	if n := j.db.nodes[l.Node]; n.stands(l) {
		n.epoch++
		n.lease = false
	}
	return nil
}

// Claims implements journal.Leases.
func (j *Journal) Claims(ctx context.Context) ([]journal.Claim, error) {
	if err := j.lock(ctx); err != nil {
		return nil, err
	}
	defer j.db.mu.Unlock()
	var all []journal.Claim
	for _, cell := range slices.Sorted(maps.Keys(j.db.claims)) {
		all = append(all, j.db.claims[cell])
	}
	return all, nil
}

// Claim implements journal.Leases.
func (j *Journal) Claim(ctx context.Context, l journal.Lease, cells []string) ([]journal.Claim, error) {
	if err := j.lock(ctx); err != nil {
		return nil, err
	}
	defer j.db.mu.Unlock()
	if n := j.db.nodes[l.Node]; n == nil || n.epoch != l.Epoch {
		return nil, journal.ErrFenced
	}
	var rows []journal.Claim
	for _, cell := range cells {
		c, ok := j.db.claims[cell]
		own := c.Node == l.Node && c.Epoch == l.Epoch
		if (!ok || c.Node == 0 || own || j.db.nodes[c.Node].epoch > c.Epoch) && c.Needs <= l.Format {
			c = journal.Claim{Cell: cell, Node: l.Node, Epoch: l.Epoch, Claim: c.Claim + 1, Needs: c.Needs}
			j.db.claims[cell] = c
		}
		rows = append(rows, c)
	}
	return rows, nil
}

// Release implements journal.Leases.
func (j *Journal) Release(ctx context.Context, c journal.Claim) (journal.Claim, error) {
	if err := j.lock(ctx); err != nil {
		return journal.Claim{}, err
	}
	defer j.db.mu.Unlock()
	is, ok := j.db.claims[c.Cell]
	if ok && is.Node == c.Node && is.Epoch == c.Epoch && is.Claim == c.Claim {
		is.Node, is.Epoch, is.Needs = 0, 0, max(is.Needs, c.Needs)
		j.db.claims[c.Cell] = is
	}
	is.Cell = c.Cell
	return is, nil
}
