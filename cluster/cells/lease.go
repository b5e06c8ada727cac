package cells

import (
	"context"
	"fmt"
	"time"

	"github.com/brigata/brigata/actors/journal"
	"github.com/brigata/brigata/actors/mutant"
)

const (
	askWithin   = time.Second
	fenceWithin = 8 * time.Second // it waits for what its node has in progress
	retryAfter  = 200 * time.Millisecond
	// forgetAfter is when a lease that nobody renews and that owns nothing is taken away.
	forgetAfter = 24 * time.Hour
)

// watch is what this process has itself seen of a lease.
type watch struct {
	lease journal.Lease
	since time.Duration // the answer that first showed it so
	seen  time.Duration // when the last answer that showed it so was asked for
	// asked: an eviction is under way.
	asked bool
}

// still is how long the renewals are known to have stood still. Both ends are on this
// process's clock, and neither reaches beyond what was seen.
func (w *watch) still() time.Duration { return max(0, w.seen-w.since) }

// ask runs op on the database and hears its answer only in the life that asked.
func (k *Keeper) ask(within time.Duration, op func(context.Context) error, done func(error)) {
	life := k.life
	k.world.Ask(within, op, func(err error) {
		if life == k.life {
			done(err)
		}
	})
}

// join takes a new epoch, before the first claim and after each lapse: the same act as
// an eviction, on oneself, so it waits for what an earlier life has in progress.
func (k *Keeper) join(now time.Duration) {
	k.joinAt = now + retryAfter
	if k.joining || k.draining || k.dropping > 0 {
		return
	}
	k.joining = true
	var is journal.Lease
	k.ask(askWithin, func(ctx context.Context) (err error) {
		is, err = k.leases.Self(ctx)
		return err
	}, func(err error) {
		if err != nil {
			k.joining = false
			return
		}
		k.raise(is)
	})
}

func (k *Keeper) raise(is journal.Lease) {
	asked := k.world.Now()
	var next journal.Lease
	k.ask(fenceWithin, func(ctx context.Context) (err error) {
		next, err = k.leases.Raise(ctx, is)
		return err
	}, func(err error) {
		k.joining = false
		if err != nil {
			return // perhaps it was raised: the next try reads it again
		}
		now := k.world.Now()
		k.lease, k.holding = next, true
		k.until = asked + k.options.TTL - k.options.Margin
		k.renewAt, k.scanAt = now, now
		if k.events.Joined != nil {
			k.events.Joined(next)
		}
	})
}

// renew raises the renewals by compare-and-set. The lease is good from when it asked:
// the database may have renewed it at once, and the answer may have come late.
func (k *Keeper) renew(now time.Duration) {
	k.renewing = true
	k.renewAt = now + k.options.Renew
	var renewed bool
	var all []journal.Lease
	k.ask(askWithin, func(ctx context.Context) (err error) {
		renewed, all, err = k.leases.Renew(ctx, k.lease)
		return err
	}, func(err error) {
		k.renewing = false
		if err != nil {
			k.renewAt = min(k.renewAt, k.world.Now()+retryAfter)
			return
		}
		k.watch(all, now)
		own := k.watches[k.lease.Node]
		switch {
		case own == nil || own.lease.Epoch != k.lease.Epoch:
			k.lapse(fmt.Errorf("renew: %w", journal.ErrFenced))
			return
		case renewed:
			if mutant.Is(mutant.LeaseFromAnswer) {
				now = k.world.Now()
			}
			k.until = max(k.until, now+k.options.TTL-k.options.Margin)
		default: // an earlier renewal's answer was lost
			k.renewAt = k.world.Now()
		}
		k.lease = own.lease
		k.evict()
	})
}

// watch compares the leases with what was seen before.
func (k *Keeper) watch(all []journal.Lease, asked time.Duration) {
	now := k.world.Now()
	gone := make(map[int64]bool, len(k.watches))
	for n := range k.watches {
		gone[n] = true
	}
	for _, l := range all {
		delete(gone, l.Node)
		w := k.watches[l.Node]
		switch {
		case w == nil:
			k.watches[l.Node] = &watch{lease: l, since: now, seen: asked}
		case w.lease.Epoch == l.Epoch && w.lease.Renewals == l.Renewals && asked-w.seen <= k.options.TTL:
			w.seen = asked
		default:
			// It moved; or nothing was read for so long that the database may have been
			// away for everybody.
			w.lease, w.since, w.seen = l, now, asked
		}
	}
	for n := range gone {
		delete(k.watches, n)
	}
}

// evict fences the nodes whose renewals this process has itself watched stand still for
// a whole lease and the margin, if they own anything, and only as they were watched.
func (k *Keeper) evict() {
	for _, n := range k.nodes() {
		w := k.watches[n]
		if n == k.lease.Node || w.asked {
			continue
		}
		if enough := k.options.TTL + k.options.Margin; w.still() <= enough && !(mutant.Is(mutant.EvictSoon) && w.still() > k.options.TTL/2) {
			if at := w.since + enough + time.Millisecond; at > k.world.Now() { // not only with the next renewal
				k.renewAt = min(k.renewAt, at)
			}
			continue
		}
		switch {
		case k.owns(w.lease):
			k.fence(w)
		case w.still() > forgetAfter:
			l := w.lease
			k.ask(askWithin, func(ctx context.Context) error { return k.leases.Forget(ctx, l) }, func(error) {})
		}
	}
}

func (k *Keeper) fence(w *watch) {
	w.asked = true
	l := w.lease
	var fenced bool
	k.ask(fenceWithin, func(ctx context.Context) (err error) {
		fenced, err = k.leases.Fence(ctx, l)
		return err
	}, func(err error) {
		w.asked = false
		if err != nil {
			return
		}
		if !fenced { // it moves after all, or another one was first: the leases say which
			k.renewAt = k.world.Now()
			return
		}
		w.lease.Epoch = max(w.lease.Epoch, l.Epoch+1)
		if k.events.Evicted != nil {
			k.events.Evicted(l)
		}
		k.scanAt = k.world.Now()
	})
}

// owns reports whether a lease owns any cell.
func (k *Keeper) owns(l journal.Lease) bool {
	for _, p := range k.table {
		if p.claim.Node == l.Node && p.claim.Epoch == l.Epoch {
			return true
		}
	}
	return false
}

// alive reports whether the cell's owner has not been fenced since it claimed, as far as
// is known here. The database judges every claim.
func (k *Keeper) alive(c journal.Claim) bool {
	if c.Node == 0 {
		return false
	}
	if k.holding && c.Node == k.lease.Node {
		return c.Epoch == k.lease.Epoch
	}
	w := k.watches[c.Node]
	return w != nil && w.lease.Epoch <= c.Epoch
}
