package cells

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/brigata/brigata/actors/journal"
	"github.com/brigata/brigata/actors/mutant"
)

// shyFor is how long a node does not claim what it has just released, so that another
// one gets to.
const shyFor = 800 * time.Millisecond

// openRetryMax bounds the pause between tries to load a cell.
const openRetryMax = 5 * time.Second

const (
	// passIn is how long a cell that was released counts as on its way, at most: it may be
	// that nobody tells of its claim, or claims it soon.
	passIn = 100 * time.Millisecond
	// A node that drains hands over more at a time than Moves, for it is waited for: so many
	// times as many, and of many cells in so many turns.
	drainTimes, drainRounds = 2, 64
)

// scan reads whose the cells are: those without a live owner are opened unasked, for
// duties do not wait for a guest.
func (k *Keeper) scan(now time.Duration) {
	k.scanning = true
	k.scanAt = now + k.options.Scan
	k.scans++
	scan := k.scans
	var all []journal.Claim
	k.ask(askWithin, func(ctx context.Context) (err error) {
		all, err = k.leases.Claims(ctx)
		return err
	}, func(err error) {
		k.scanning = false
		if err != nil {
			k.scanAt = min(k.scanAt, k.world.Now()+retryAfter)
			return
		}
		k.scanned = scan
		for _, c := range all {
			k.learn(c)
		}
	})
}

// Refresh has the claims read again soon, and returns the number of a scan that began
// after this call: see Scanned.
func (k *Keeper) Refresh() int {
	k.scanAt = 0
	return k.scans + 1
}

// Scanned is the number of the last scan that was answered.
func (k *Keeper) Scanned() int { return k.scanned }

// Heard takes what another node says of cells; what it says is older than what is known
// changes nothing. It is a hint only: the database judges every claim.
func (k *Keeper) Heard(all []journal.Claim) {
	for _, c := range all {
		k.learn(c)
	}
}

// learn keeps the newest row of a cell. A claim's number is raised by every claim, and a
// released row keeps it.
func (k *Keeper) learn(c journal.Claim) {
	p := k.table[c.Cell]
	if p == nil {
		p = &place{}
		k.table[c.Cell] = p
		at, _ := slices.BinarySearch(k.names, c.Cell)
		k.names = slices.Insert(k.names, at, c.Cell)
	} else if c.Claim < p.claim.Claim || c.Claim == p.claim.Claim && p.claim.Node == 0 {
		return
	}
	p.claim, p.dated, p.create = c, 0, false
	if c.Node != 0 {
		p.shy = 0 // whoever was to have it had it
		delete(k.passed, c.Cell)
	}
}

// balance claims what has no live owner, hands over what belongs elsewhere, and tries
// again what failed.
func (k *Keeper) balance(now time.Duration) {
	k.elect(now)
	var want []string
	busy, moves := 0, 0
	for _, h := range k.held {
		switch h.state {
		case claiming, opening:
			busy++
		case leaving, releasing:
			moves++
		}
	}
	moves += k.passing(now)
	for _, name := range k.names {
		p := k.table[name]
		if h := k.held[name]; h != nil {
			if k.tend(name, p, h, now, moves) {
				moves++
			}
			continue
		}
		if k.draining || !k.wanted(p, now) || busy >= k.options.Opens {
			continue
		}
		busy++
		want = append(want, name)
	}
	if len(want) > 0 {
		k.claim(want, now)
	}
}

// passing counts the cells that this node has released and that another one is to claim.
func (k *Keeper) passing(now time.Duration) int {
	for name, since := range k.passed {
		if now-since >= passIn {
			delete(k.passed, name)
		}
	}
	return len(k.passed)
}

// elect notes who may take cells: members that do not drain and whose leases move.
func (k *Keeper) elect(now time.Duration) {
	var names []string
	formats := map[string]int{}
	for _, m := range k.world.Members() {
		w := k.watches[m.Node]
		switch {
		case m.Draining:
		case m.Node == k.lease.Node:
			if !k.draining {
				names, formats[m.Name] = append(names, m.Name), k.lease.Format
			}
		case w != nil && w.still() <= k.options.TTL:
			names, formats[m.Name] = append(names, m.Name), w.lease.Format
		}
	}
	slices.Sort(names)
	if names = slices.Compact(names); !slices.Equal(names, k.candidates) {
		k.candidates, k.changedAt, k.formats = names, now, formats
		k.election++
	}
}

// preferred is the node that a cell should be with, of those that can read it.
func (k *Keeper) preferred(p *place) string {
	if p.dated != k.election {
		able := k.candidates
		if p.claim.Needs > 0 {
			able = slices.DeleteFunc(slices.Clone(able), func(n string) bool { return k.formats[n] < p.claim.Needs })
		}
		p.preferred, p.dated = Preferred(p.claim.Cell, able), k.election
	}
	return p.preferred
}

// wanted reports whether this node should claim a cell that it does not hold.
func (k *Keeper) wanted(p *place, now time.Duration) bool {
	if k.alive(p.claim) && !k.mine(p.claim) && !mutant.Is(mutant.ClaimOverLive) {
		p.free = 0
		return false
	}
	if p.free == 0 {
		p.free = max(now, 1)
	}
	if now < p.shy || p.claim.Needs > k.lease.Format || k.watches[k.lease.Node] == nil {
		return false
	}
	if mutant.Is(mutant.OpenOnDemand) {
		return p.create
	}
	return p.create || k.mine(p.claim) || k.preferred(p) == k.lease.Name || now-p.free >= k.options.Patience
}

// claim asks for cells. One that turns out to be another's is left alone until it is
// free; one whose claim's answer is lost is found by the next scan to be its own, and
// claimed again: the number tells the activations apart.
func (k *Keeper) claim(want []string, now time.Duration) {
	for _, name := range want {
		k.held[name] = &held{state: claiming, since: now}
	}
	lease := k.lease
	var rows []journal.Claim
	k.ask(askWithin, func(ctx context.Context) (err error) {
		rows, err = k.leases.Claim(ctx, lease, want)
		return err
	}, func(err error) {
		switch {
		case errors.Is(err, journal.ErrFenced):
			k.lapse(fmt.Errorf("claim: %w", err))
			return
		case err != nil:
			for _, name := range want {
				delete(k.held, name)
				k.shun(name, retryAfter)
			}
			k.scanAt = k.world.Now()
			return
		}
		for _, c := range rows {
			k.claimed(c)
		}
		for _, name := range want { // rows that are missing
			if h := k.held[name]; h != nil && h.state == claiming {
				delete(k.held, name)
				k.shun(name, shyFor)
			}
		}
	})
}

func (k *Keeper) claimed(c journal.Claim) {
	h := k.held[c.Cell]
	k.learn(c)
	if h == nil || h.state != claiming {
		return
	}
	if !k.mine(c) {
		delete(k.held, c.Cell)
		k.shun(c.Cell, shyFor)
		return
	}
	h.claim = c.Claim
	if k.events.Changed != nil {
		k.events.Changed(c)
	}
	k.open(c, h)
}

func (k *Keeper) shun(cell string, d time.Duration) {
	if p := k.table[cell]; p != nil {
		p.shy = k.world.Now() + d
	}
}

// open has the host load a cell. What fails is tried again while the cell is this
// node's; what this version cannot read is left to one that can.
func (k *Keeper) open(c journal.Claim, h *held) {
	if h.state == claiming {
		h.state, h.since = opening, k.world.Now()
	}
	h.retry = 0
	k.world.Open(c.Cell, c.Claim, func(err error) {
		if k.held[c.Cell] != h || h.state != opening {
			return
		}
		now := k.world.Now()
		switch {
		case errors.Is(err, journal.ErrNewer):
			if k.events.Refused != nil {
				k.events.Refused(c, err)
			}
			h.needs = k.lease.Format + 1
			k.release(c.Cell, h)
		case err != nil:
			h.wait = min(max(2*h.wait, 50*time.Millisecond), openRetryMax)
			h.retry = now + h.wait
		default:
			if k.events.Opened != nil {
				k.events.Opened(c, now-h.since)
			}
			h.state, h.since, h.wait = open, now, 0
		}
	})
}

// tend looks after a cell that is held; it reports whether it begins to hand it over.
func (k *Keeper) tend(name string, p *place, h *held, now time.Duration, moves int) bool {
	switch {
	case h.retry > 0 && now >= h.retry:
		h.retry = 0
		switch h.state {
		case opening:
			k.open(journal.Claim{Cell: name, Node: k.lease.Node, Epoch: k.lease.Epoch, Claim: h.claim}, h)
		case leaving:
			k.stop(name, h)
		case releasing:
			k.release(name, h)
		}
	case h.state == open && k.leaves(p, h, now, moves):
		h.state, h.since, h.stopped = leaving, now, now
		k.stop(name, h)
		return true
	}
	return false
}

// leaves reports whether an open cell is to be handed over, a few at a time: without delay
// when this node drains, and to balance to a node whose lease moves, when the members have
// settled and the cell has been here for a while. More at a time would only wait for one
// another, on this node and on those that open them, and their clients with them.
func (k *Keeper) leaves(p *place, h *held, now time.Duration, moves int) bool {
	few := k.options.Moves
	if k.draining {
		few = max(few*drainTimes, len(k.held)/drainRounds)
	}
	switch {
	case moves >= few:
		return false
	case k.draining, h.needs > 0:
		return true
	}
	return now-k.changedAt >= k.options.Settle && now-h.since >= k.options.Dwell &&
		k.preferred(p) != "" && k.preferred(p) != k.lease.Name
}

// stop has the host stop the cell's actors and make all of it durable. Only then is it
// released, so that the release comes after everything that was written.
func (k *Keeper) stop(name string, h *held) {
	k.world.HandOver(name, h.claim, func(err error) {
		switch {
		case k.held[name] != h || h.state != leaving:
		case err != nil:
			h.retry = k.world.Now() + retryAfter
		default:
			h.state, h.since = releasing, k.world.Now()
			k.release(name, h)
		}
	})
}

// release gives a cell back, where node, epoch and claim are its own. If that matches no
// row, the row says what is the case: a claim whose answer was lost may have raised the
// number, or an earlier try has released it.
func (k *Keeper) release(name string, h *held) {
	h.state = releasing
	c := journal.Claim{Cell: name, Node: k.lease.Node, Epoch: k.lease.Epoch, Claim: h.claim, Needs: h.needs}
	var row journal.Claim
	k.ask(askWithin, func(ctx context.Context) (err error) {
		row, err = k.leases.Release(ctx, c)
		return err
	}, func(err error) {
		now := k.world.Now()
		switch {
		case k.held[name] != h:
		case err != nil:
			h.retry = now + retryAfter
		case k.mine(row):
			h.claim = row.Claim
			k.release(name, h)
		default:
			delete(k.held, name)
			if k.learn(row); k.table[name].claim.Node == 0 && len(k.candidates) > 0 {
				k.passed[name] = now
			}
			k.shun(name, shyFor)
			if k.events.Changed != nil {
				k.events.Changed(row)
			}
			if k.events.Moved != nil && h.stopped > 0 {
				k.events.Moved(row, now-h.stopped)
			}
		}
	})
}

// Create has this node claim a cell that may be new, unless another one has it.
func (k *Keeper) Create(cell string) {
	if k.table[cell] == nil {
		k.learn(journal.Claim{Cell: cell})
	}
	k.table[cell].create = true
}
