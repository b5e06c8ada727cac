// Package cells decides which node has which cell. A process holds a lease in the
// database; what it claims under the lease is its own until it hands it over, or until
// its lease is seen to stand still and it is fenced.
//
// Its promise: of two nodes only the one whose lease stands can append to a cell's log,
// and no node answers a read from the moment its lease may have ended. Clocks of
// different machines are never compared, the database's is never read.
//
// Keeper is the protocol itself: one value per process, without a clock, goroutine or
// socket. Whoever drives it calls it by one goroutine at a time. Runner drives it in a
// process, a simulation drives it step by step. cmd joins it with the host, the
// database and the members.
package cells

import (
	"context"
	"time"

	"github.com/brigata/brigata/actors/journal"
)

// Member is a process of the cluster, as the members know of one another. Membership
// says where cells should be; it never takes one away from anybody.
type Member struct {
	Name     string // stable
	Node     int64  // its incarnation: journal.Lease.Node
	Draining bool   // takes no cells any more
}

// World is what a keeper acts on. Functions given as done are to be called later, in
// turn with every other call of the keeper, at most once.
type World interface {
	// Now is the time since an instant of this machine's past, and goes on while the
	// machine is suspended.
	Now() time.Duration
	// Ask runs op, which blocks on the database, for at most within. An error says that
	// the outcome is unknown, unless it is the database's own.
	Ask(within time.Duration, op func(context.Context) error, done func(error))
	// Members lists the processes that are there, this one included.
	Members() []Member
	// Open loads a cell and lets it act, as the activation that claim names. An error
	// that is journal.ErrNewer says that this version cannot read it.
	Open(cell string, claim int64, done func(error))
	// HandOver stops a cell's actors and calls done when nothing of it can be written
	// any more: all of it is durable, or it was lost. After an error it is asked again.
	HandOver(cell string, claim int64, done func(error))
	// DropAll ends every cell at once, and whatever is being loaded; what waits is
	// answered that it is unavailable. done is called in any life.
	DropAll(done func())
}

// Options turn a keeper; zero values mean the defaults.
type Options struct {
	TTL      time.Duration // how long others wait for a renewal before they evict (3 s)
	Margin   time.Duration // a node stops that much sooner, an evictor that much later (300 ms)
	Renew    time.Duration // between renewals (500 ms)
	Scan     time.Duration // between looks at all claims (1 s)
	Dwell    time.Duration // a cell stays at least so long where it was opened (10 s)
	Settle   time.Duration // and moves only when the members have not changed for so long (2 s)
	Patience time.Duration // how long a free cell waits for the node that it should go to (1.5 s)
	Moves    int           // cells on their way to another node at a time, until it has claimed them (2)
	Opens    int           // cells claimed and opened at a time (16)
}

func (o *Options) ensureDefaults() {
	for _, d := range []struct {
		is    *time.Duration
		value time.Duration
	}{
		{&o.TTL, 3 * time.Second}, {&o.Margin, 300 * time.Millisecond}, {&o.Renew, 500 * time.Millisecond}, {&o.Scan, time.Second},
		{&o.Dwell, 10 * time.Second}, {&o.Settle, 2 * time.Second}, {&o.Patience, 1500 * time.Millisecond},
	} {
		if *d.is <= 0 {
			*d.is = d.value
		}
	}
	if o.Moves <= 0 {
		o.Moves = 2
	}
	if o.Opens <= 0 {
		o.Opens = 16
	}
}

// Events tell of what a keeper did, for logs, metrics and the other nodes. They are
// called in the keeper's turn: they must be quick, and may not call it.
type Events struct {
	Joined  func(journal.Lease)                         // under a new epoch
	Lapsed  func(why error)                             // every cell was dropped
	Evicted func(journal.Lease)                         // this node fenced another
	Changed func(journal.Claim)                         // this node claimed or released a cell: tell the others, who call Heard
	Opened  func(c journal.Claim, took time.Duration)   // since it was claimed
	Moved   func(c journal.Claim, paused time.Duration) // handed over: since it stopped answering
	Refused func(c journal.Claim, err error)            // this version cannot read the cell
}

// Owner is where a cell is.
type Owner struct {
	Node    int64 // 0: nobody has it now; somebody will
	Name    string
	Address string
	Claim   int64 // the activation
	Mine    bool
	Open    bool // of a cell that is mine: it answers
}
