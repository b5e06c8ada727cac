package cells

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/brigata/brigata/actors/journal"
	"github.com/brigata/brigata/actors/mutant"
)

// Keeper is one process's part in the protocol: its lease, its watch over the others'
// leases, and its cells. It belongs to whoever drives it.
type Keeper struct {
	world   World
	leases  journal.Leases
	options Options
	events  Events

	// life is raised by every lapse: what an earlier life asked for is not heard.
	life     int
	lease    journal.Lease // holding: as it stands in the database, as far as known
	holding  bool
	until    time.Duration // the lease may not be relied on from here
	dropping int           // what an earlier life had is not gone yet
	joining  bool
	renewing bool
	scanning bool
	joinAt   time.Duration
	renewAt  time.Duration
	scanAt   time.Duration
	scans    int // how many scans have been asked for, and
	scanned  int // the number of the last one that was answered

	watches map[int64]*watch
	table   map[string]*place
	names   []string // of the table, sorted: what a keeper does does not depend on maps
	held    map[string]*held
	passed  map[string]time.Duration // cells that were released for others, and when: nobody is known to have claimed them yet

	candidates []string       // who may take cells, sorted
	formats    map[string]int // what each of them can read
	election   int            // the number of this set of candidates, and
	changedAt  time.Duration  // when it came to be
	draining   bool
}

// place is what is known of a cell.
type place struct {
	claim  journal.Claim
	free   time.Duration // since when it was seen without a live owner; 0: it has one
	shy    time.Duration // not claimed before that
	create bool          // somebody asked for it: it need not wait for a better node

	preferred string // at the election
	dated     int
}

// held is a cell that this process has, or is about to have.
type held struct {
	claim   int64
	state   state
	since   time.Duration // in this state
	stopped time.Duration // when it stopped answering
	retry   time.Duration // when what failed is tried again; 0: nothing failed
	wait    time.Duration // and how long was waited for that
	needs   int           // the format that it turned out to need; 0: this one will do
}

type state int

const (
	claiming  state = iota
	opening         // claimed, being loaded
	open            // answers
	leaving         // its actors stop
	releasing       // nothing of it can be written any more
)

// NewKeeper makes a keeper; nothing happens before the first Tick.
func NewKeeper(w World, l journal.Leases, o Options, e Events) *Keeper {
	o.ensureDefaults()
	return &Keeper{world: w, leases: l, options: o, events: e,
		watches: map[int64]*watch{}, table: map[string]*place{}, held: map[string]*held{}, passed: map[string]time.Duration{}}
}

// Tick does what is due, and returns when the next thing is. It is called then, and after
// every other call of the keeper; calls too early or too late do no harm.
func (k *Keeper) Tick() time.Duration {
	now := k.world.Now()
	if k.holding && now >= k.until && !mutant.Is(mutant.RenewAnyEpoch) {
		k.lapse(errRanOut)
	}
	switch {
	case !k.holding:
		k.join(now)
		return k.joinAt
	case now >= k.renewAt && !k.renewing:
		k.renew(now)
	}
	if now >= k.scanAt && !k.scanning {
		k.scan(now)
	}
	k.balance(now)
	next := k.until
	if !k.renewing {
		next = min(next, k.renewAt)
	}
	if !k.scanning {
		next = min(next, k.scanAt)
	}
	for _, h := range k.held {
		if h.retry > 0 {
			next = min(next, h.retry)
		}
	}
	for _, since := range k.passed {
		next = min(next, since+passIn)
	}
	return next
}

// errRanOut is why a process that heard of no renewal gives its cells up.
var errRanOut = errors.New("cells: the lease was not renewed in time")

// lapse ends everything that the lease allowed. The process takes a new epoch before it
// opens anything again: what it sent before can then not be written any more.
func (k *Keeper) lapse(why error) {
	k.holding, k.until = false, 0
	k.life++
	k.joining, k.renewing, k.scanning = false, false, false
	k.dropping++
	k.world.DropAll(func() { k.dropping-- })
	clear(k.held)
	if k.events.Lapsed != nil {
		k.events.Lapsed(why)
	}
}

// Good says until when reads may be answered from memory; 0: not at all.
func (k *Keeper) Good() time.Duration {
	if !k.holding {
		return 0
	}
	return k.until
}

// Lost hears from the host that a cell cannot be written any more, and was dropped.
func (k *Keeper) Lost(cell string, claim int64, err error) {
	h := k.held[cell]
	switch {
	case h == nil || h.claim != claim:
	case errors.Is(err, journal.ErrFenced):
		k.lapse(fmt.Errorf("append: %w", err))
	case h.state == opening || h.state == open:
		delete(k.held, cell) // the row is still ours: it is claimed anew, for another activation
	}
}

// Outdated hears from the host that an open cell holds something that this version cannot
// read. It moves to a node that can, if there is one.
func (k *Keeper) Outdated(cell string, claim int64) {
	h := k.held[cell]
	if h == nil || h.claim != claim || h.state != open {
		return
	}
	for _, n := range k.candidates {
		if k.formats[n] > k.lease.Format {
			h.needs = k.lease.Format + 1
		}
	}
}

// Where says who has a cell; false if there is no such cell, as far as is known here.
func (k *Keeper) Where(cell string) (Owner, bool) {
	p := k.table[cell]
	if p == nil {
		return Owner{}, false
	}
	o := Owner{Claim: p.claim.Claim}
	switch w := k.watches[p.claim.Node]; {
	case k.alive(p.claim) && w != nil:
		o.Node, o.Name, o.Address = p.claim.Node, w.lease.Name, w.lease.Address
	case w == nil: // too new to be known here
		o.Node = p.claim.Node
	}
	if o.Mine = k.mine(p.claim); o.Mine {
		h := k.held[cell]
		o.Open = h != nil && h.state == open
	}
	return o, true
}

// Claims lists what is known of all cells, by name.
func (k *Keeper) Claims() []journal.Claim {
	all := make([]journal.Claim, 0, len(k.names))
	for _, n := range k.names {
		all = append(all, k.table[n].claim)
	}
	return all
}

// Leases lists the leases as they were read last, by node, and which of them stand
// still.
func (k *Keeper) Leases() (all []journal.Lease, still []bool) {
	for _, n := range k.nodes() {
		w := k.watches[n]
		all = append(all, w.lease)
		still = append(still, w.still() > k.options.TTL+k.options.Margin)
	}
	return all, still
}

// Lease is this process's own, and whether it holds it.
func (k *Keeper) Lease() (journal.Lease, bool) { return k.lease, k.holding }

// Drain begins to hand every cell over; none is claimed any more.
func (k *Keeper) Drain() { k.draining = true }

// Leave ends the lease of a process that has drained: it is not renewed any more.
func (k *Keeper) Leave() {
	k.life++
	k.holding, k.until = false, 0
	k.joining, k.renewing, k.scanning = false, false, false
}

// Held counts the cells that this process has, and how many of them answer.
func (k *Keeper) Held() (all, answering int) {
	for _, h := range k.held {
		if h.state == open {
			answering++
		}
	}
	return len(k.held), answering
}

// Settled reports whether this process holds its lease, has read all claims, and answers
// for every cell that should be here and that it can read.
func (k *Keeper) Settled() bool {
	if !k.holding || k.scanned == 0 || k.watches[k.lease.Node] == nil {
		return false
	}
	for name, p := range k.table {
		h := k.held[name]
		switch {
		case h != nil && h.state != open:
			return false
		case h == nil && p.claim.Needs <= k.lease.Format && (k.mine(p.claim) || !k.alive(p.claim) && k.preferred(p) == k.lease.Name):
			return false
		}
	}
	return true
}

// mine: its own means the same node at the same epoch.
func (k *Keeper) mine(c journal.Claim) bool {
	return k.holding && c.Node == k.lease.Node && c.Epoch == k.lease.Epoch
}

func (k *Keeper) nodes() []int64 {
	all := make([]int64, 0, len(k.watches))
	for n := range k.watches {
		all = append(all, n)
	}
	slices.Sort(all)
	return all
}
