package server

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/brigata/brigata/actors/journal"
	"github.com/brigata/brigata/cluster/cells"
	"github.com/brigata/brigata/persistence/postgres"
)

// placement says which cells are this node's, where nodes may share the database. The
// host has it as its lease.
type placement struct{ atomic.Pointer[cells.Runner] }

// Good implements actors.Lease.
func (p *placement) Good() bool { r := p.Load(); return r != nil && r.Good() }

// Lost implements actors.Lease.
func (p *placement) Lost(store string, claim int64, err error) { p.Load().Lost(store, claim, err) }

// Outdated implements actors.Lease.
func (p *placement) Outdated(store string, claim int64) { p.Load().Outdated(store, claim) }

// told tells whether the database answers, of the question that is asked without end.
type told struct {
	journal.Leases
	asked func(error)
}

func (t told) Renew(ctx context.Context, l journal.Lease) (bool, []journal.Lease, error) {
	renewed, all, err := t.Leases.Renew(ctx, l)
	t.asked(err)
	return renewed, all, err
}

// place starts to claim cells, and returns when those that should be here are open.
func (n *Node) place(ctx context.Context, j *postgres.Journal) error {
	c := cells.Config{Host: n.host, Leases: told{j, n.told.Asked}, Self: cells.Member{Name: n.options.Name, Node: j.Node()}, Events: n.events()}
	if n.joined != nil {
		c.Members, c.Events.Changed = n.joined.cellMembers, n.joined.moved
	}
	r := cells.Run(c)
	n.placed.Store(r)
	if err := r.Ready(ctx); err != nil {
		return fmt.Errorf("open the stores: %w", err)
	}
	return nil
}

// where says who has a store's cell; false: there is no such store.
func (n *Node) where(storeID string) (cells.Owner, bool) {
	if r := n.placed.Load(); r != nil {
		return r.Where(storeID)
	}
	return cells.Owner{}, true // not known yet
}

// events logs what becomes of cells.
func (n *Node) events() cells.Events {
	log := n.options.Log
	at := func(c journal.Claim) slog.Attr { return slog.String("store", c.Cell) }
	return cells.Events{
		Joined: func(l journal.Lease) { log.Info("lease taken", "node", l.Node, "epoch", l.Epoch) },
		Lapsed: func(why error) {
			log.Error("lease lapsed: every cell is dropped", "error", why)
			n.told.Lapsed()
		},
		Evicted: func(l journal.Lease) {
			log.Warn("node evicted", "name", l.Name, "node", l.Node, "epoch", l.Epoch)
			n.told.Evicted()
		},
		Opened: func(c journal.Claim, took time.Duration) {
			log.Debug("cell opened", at(c), "claim", c.Claim, "took", took)
			n.told.CellOpened(took)
			if n.settling.reopened(c.Cell) {
				n.settle(c.Cell)
			}
		},
		Moved: func(c journal.Claim, paused time.Duration) {
			log.Info("cell handed over", at(c), "paused", paused)
			n.told.HandedOver(paused)
			if n.payments != nil { // the next node works for it now
				n.payments.Forget(c.Cell)
			}
		},
		Refused: func(c journal.Claim, err error) {
			log.Error("cell left to a newer version", at(c), "error", err)
			n.told.Refused()
		},
	}
}
