package gateway

import (
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/gateway/auth"
)

// class orders what the node gives up when it has more than it can do: what comes first
// here is refused first.
type class int

// classes are their names in metrics.
var classes = [...]string{"guest_reads", "guest_commands", "staff", "guest_payments", "kitchen_and_payments"}

const (
	guestReads class = iota
	guestCommands
	staffWork
	guestPayments // there are as many of them as there are phones
	kitchenAndPayments
)

// shares of the work that may be under way for each class, in percent of what is admitted
// now, and how much is never too much for it; the kitchen and the tills are bounded by the
// node's limit alone.
var (
	shares = [...]int64{guestReads: 25, guestCommands: 50, staffWork: 100, guestPayments: 100}
	floors = [...]int64{guestReads: 8, guestCommands: 16, staffWork: 256, guestPayments: 256}
)

// classOf says in which class somebody's command is.
func classOf(who *auth.Principal, name string) class {
	money := strings.HasPrefix(name, "payment.") || strings.HasPrefix(name, "bill.")
	switch guest := who.IsGuest() || who.IsChannel(); {
	case guest && money:
		return guestPayments
	case guest:
		return guestCommands
	case money, strings.HasPrefix(name, "item."), who.Rank() == command.Kitchen, who.Rank() == command.Expo:
		return kitchenAndPayments
	}
	return staffWork
}

func readClass(who *auth.Principal) class {
	if who.IsGuest() || who.IsChannel() {
		return guestReads
	}
	return staffWork
}

const (
	admitFirst = 64 // requests that may be under way when nothing is known yet
	admitMin   = 16
	admitStep  = 16
	adjustEach = 100 * time.Millisecond
	// quietUnder requests under way, on average, answers take what the machine and its
	// database take for one.
	quietUnder = 4
	// answerWithinMost bounds what a slow database may make of that.
	answerWithinMost = 200 * time.Millisecond
	// stalledAfter without any answer nobody waits any more.
	stalledAfter = 2 * time.Second
	probeEach    = time.Second
)

// Shed counts, by class, what was refused as the node had too much to do.
func (s *Server) Shed() map[string]func() int64 {
	all := map[string]func() int64{}
	for of, name := range classes {
		all[name] = s.admission.shed[of].Load
	}
	return all
}

// admission bounds how much is under way by how long answers take: it admits less while
// they take longer than they should, and more while they do not and more is asked for. What would only
// queue is refused at once, and says when to come back.
type admission struct {
	target time.Duration // what answers may take on average, at least
	most   int64

	limit    atomic.Int64
	inflight atomic.Int64 // commands
	reads    atomic.Int64
	answered atomic.Int64 // ms of the last answer, or of when work began after a pause
	probed   atomic.Int64 // ms of the last request that was let through to a node that stalls
	n, sum   atomic.Int64 // answers of this interval, and their ns
	shed     [kitchenAndPayments + 1]atomic.Int64
	since    atomic.Int64 // ms when it began

	mu    sync.Mutex    // of who adjusts
	quiet time.Duration // what answers take on average while few are under way
}

func (a *admission) init(target time.Duration, most int) {
	a.target, a.most = target, int64(most)
	a.limit.Store(min(a.most, admitFirst))
	if target < 0 {
		a.limit.Store(a.most)
	}
}

// enter counts a request as under way, or says why not.
func (a *admission) enter(of class, now time.Time) *refusal.Refusal {
	n := a.inflight.Add(1)
	bad := a.judge(of, n, now.UnixMilli(), true)
	if bad != nil {
		a.inflight.Add(-1)
	}
	return bad
}

// enterRead is enter for what is read from memory: it counts until leaveRead, and says
// nothing of how long answers take, nor of whether the database gives any.
func (a *admission) enterRead(of class, now time.Time) *refusal.Refusal {
	reads, commands := a.reads.Add(1), a.inflight.Load()
	bad := a.busy(of, reads+commands)
	if bad == nil && commands > 0 {
		bad = a.stalled(of, now.UnixMilli(), false)
	}
	if bad != nil {
		a.leaveRead()
	}
	return bad
}

func (a *admission) leaveRead() { a.reads.Add(-1) }

// would is enter without counting: for what need not even be read.
func (a *admission) would(of class, now time.Time) *refusal.Refusal {
	return a.judge(of, a.inflight.Load()+1, now.UnixMilli(), false)
}

// judge says whether the n-th command may be under way; one that enters and may try a
// node that stalls is the only one for a while.
func (a *admission) judge(of class, n, ms int64, enters bool) *refusal.Refusal {
	if n == 1 {
		if enters {
			a.answered.Store(ms)
		}
		return nil
	}
	if bad := a.busy(of, n+a.reads.Load()); bad != nil {
		return bad
	}
	return a.stalled(of, ms, enters)
}

// busy says whether n requests are more than a class may have.
func (a *admission) busy(of class, n int64) *refusal.Refusal {
	allowed := a.most
	if of < kitchenAndPayments {
		allowed = max(floors[of], a.limit.Load()*shares[of]/100)
	}
	if n <= allowed {
		return nil
	}
	a.shed[of].Add(1)
	return errBusy
}

// stalled says whether nothing was answered for so long that nobody waits any more.
func (a *admission) stalled(of class, ms int64, enters bool) *refusal.Refusal {
	if ms-a.answered.Load() <= stalledAfter.Milliseconds() {
		return nil
	}
	last := a.probed.Load()
	if ms-last >= probeEach.Milliseconds() && (!enters || a.probed.CompareAndSwap(last, ms)) {
		return nil
	}
	a.shed[of].Add(1)
	return errStalled
}

// errStalled is the breaker's answer while nothing is answered: a request a second tries.
var errStalled = &refusal.Refusal{Code: refusal.Unavailable, Message: "The database does not answer; nothing was done",
	Fields: refusal.Fields{What: "database"}, AfterMS: probeEach.Milliseconds()}

// leave takes a request off that took so long; done is false when nobody answered it.
func (a *admission) leave(now time.Time, took time.Duration, done bool) {
	a.inflight.Add(-1)
	ms := now.UnixMilli()
	if done {
		a.answered.Store(ms)
	}
	a.sum.Add(int64(took))
	a.n.Add(1)
	if ms-a.since.Load() >= adjustEach.Milliseconds() && a.mu.TryLock() {
		a.adjust(ms)
		a.mu.Unlock()
	}
}

func (a *admission) adjust(ms int64) {
	elapsed := time.Duration(ms-a.since.Load()) * time.Millisecond
	if elapsed < adjustEach {
		return
	}
	a.since.Store(ms)
	n, sum := a.n.Swap(0), a.sum.Swap(0)
	if n == 0 {
		return
	}
	limit, under, mean := a.limit.Load(), a.inflight.Load(), time.Duration(sum/n)
	if under < quietUnder && time.Duration(sum) < quietUnder*elapsed { // Little's law
		a.quiet += (mean - a.quiet) / 8
	}
	switch {
	case a.target < 0:
	case mean > min(max(a.target, 2*a.quiet), answerWithinMost):
		a.limit.Store(max(admitMin, limit*7/10))
	case under*2 > limit: // what nobody needs is not known to be good
		a.limit.Store(min(a.most, limit+max(admitStep, limit/8)))
	}
}
