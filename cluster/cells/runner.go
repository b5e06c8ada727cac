package cells

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/brigata/brigata/actors/journal"
)

// Host is what a runner asks of the host of the actors. Its calls may block.
type Host interface {
	// Activator returns what loads a cell and lets it act, as the activation that claim
	// names, unless DropAll is called before it has.
	Activator() func(ctx context.Context, cell string, claim int64) error
	// HandOver stops a cell's actors and returns nil when nothing of it can be written
	// any more: all of it is durable, or it was lost. It may be called again.
	HandOver(ctx context.Context, cell string, claim int64) error
	// DropAll ends every cell at once; what waits is answered that it is unavailable.
	DropAll()
}

// Config of a Runner. Host and Leases are needed.
type Config struct {
	Host    Host
	Leases  journal.Leases
	Members func() []Member // nil: this process alone. It must not call the runner.
	Self    Member          // this process
	Options Options
	Events  Events
	Now     func() time.Duration // nil: SinceBoot
}

// Runner drives a keeper in a process, on real time. Its methods may be called from any
// goroutine, but not from Events.
type Runner struct {
	config Config
	good   atomic.Int64 // the lease is good until then
	ctx    context.Context
	cancel context.CancelFunc
	asks   sync.WaitGroup
	wake   chan struct{}
	done   chan struct{}

	mu      sync.Mutex
	keeper  *Keeper
	changed chan struct{} // closed and made anew by every change
	stopped bool
}

// Run starts a keeper. Stop ends it.
func Run(c Config) *Runner {
	if c.Now == nil {
		c.Now = SinceBoot
	}
	if c.Members == nil {
		c.Members = func() []Member { return []Member{c.Self} }
	}
	r := &Runner{config: c, wake: make(chan struct{}, 1), done: make(chan struct{}), changed: make(chan struct{})}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.keeper = NewKeeper(world{r}, c.Leases, c.Options, c.Events)
	go r.run()
	return r
}

// run ticks when something is due.
func (r *Runner) run() {
	defer close(r.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-r.ctx.Done():
			return
		case <-timer.C:
		case <-r.wake:
		}
		r.mu.Lock()
		next := r.keeper.Tick()
		r.after()
		r.mu.Unlock()
		timer.Reset(max(0, next-r.config.Now()))
	}
}

// after publishes what a call of the keeper changed; the caller holds the lock.
func (r *Runner) after() {
	r.good.Store(int64(r.keeper.Good()))
	close(r.changed)
	r.changed = make(chan struct{})
}

// turn calls the keeper, which ticks soon after.
func (r *Runner) turn(f func(k *Keeper)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return
	}
	f(r.keeper)
	r.after()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Good reports whether this process may answer from memory: its lease has not ended.
func (r *Runner) Good() bool { return time.Duration(r.good.Load()) > r.config.Now() }

// Left is how long the lease is good for.
func (r *Runner) Left() time.Duration { return time.Duration(r.good.Load()) - r.config.Now() }

// Lost hears from the host that a cell cannot be written any more, and was dropped.
func (r *Runner) Lost(cell string, claim int64, err error) {
	r.turn(func(k *Keeper) { k.Lost(cell, claim, err) })
}

// Outdated hears from the host that a cell holds what this version cannot read.
func (r *Runner) Outdated(cell string, claim int64) {
	r.turn(func(k *Keeper) { k.Outdated(cell, claim) })
}

// Heard takes what other nodes say of cells: see Events.Changed.
func (r *Runner) Heard(all ...journal.Claim) { r.turn(func(k *Keeper) { k.Heard(all) }) }

// MembersChanged has the members read again.
func (r *Runner) MembersChanged() { r.turn(func(*Keeper) {}) }

// Where says who has a cell; false if there is no such cell, as far as is known here.
// Refresh makes what is known current.
func (r *Runner) Where(cell string) (Owner, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.keeper.Where(cell)
}

// View is the cluster as this process knows it.
type View struct {
	Self    journal.Lease
	Holding bool
	Leases  []journal.Lease
	Still   []bool // which of the leases are not renewed any more
	Claims  []journal.Claim
	Open    int // cells that answer here
}

// View reads what `brigata nodes` shows.
func (r *Runner) View() (v View) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v.Self, v.Holding = r.keeper.Lease()
	v.Leases, v.Still = r.keeper.Leases()
	v.Claims = r.keeper.Claims()
	_, v.Open = r.keeper.Held()
	return v
}

// await returns once the keeper is as wanted.
func (r *Runner) await(ctx context.Context, is func(k *Keeper) bool) error {
	for {
		r.mu.Lock()
		ok, changed, stopped := is(r.keeper), r.changed, r.stopped
		r.mu.Unlock()
		switch {
		case stopped:
			return ErrStopped
		case ok:
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// ErrStopped says that the runner was stopped.
var ErrStopped = errors.New("cells: stopped")

// Refresh returns once the claims have been read that stood when it was called.
func (r *Runner) Refresh(ctx context.Context) error {
	scan := 0
	r.turn(func(k *Keeper) { scan = k.Refresh() })
	return r.await(ctx, func(k *Keeper) bool { return k.Scanned() >= scan })
}

// Ready returns once this process holds its lease, and answers for every cell that should
// be here.
func (r *Runner) Ready(ctx context.Context) error { return r.await(ctx, (*Keeper).Settled) }

// Create sees to it that a cell exists, and returns once somebody has it; if that is this
// process, once it answers.
func (r *Runner) Create(ctx context.Context, cell string) (Owner, error) {
	if err := r.Refresh(ctx); err != nil {
		return Owner{}, err
	}
	var o Owner
	has := func(k *Keeper) (ok bool) {
		o, ok = k.Where(cell)
		return ok && o.Node != 0 && (o.Open || !o.Mine)
	}
	r.turn(func(k *Keeper) {
		if !has(k) {
			k.Create(cell)
		}
	})
	err := r.await(ctx, has)
	return o, err
}

// Drain hands every cell over and returns when that is done. The lease is given up.
func (r *Runner) Drain(ctx context.Context) error {
	r.turn((*Keeper).Drain)
	if err := r.await(ctx, func(k *Keeper) bool { all, _ := k.Held(); return all == 0 }); err != nil {
		return err
	}
	var lease journal.Lease
	var holding bool
	r.turn(func(k *Keeper) {
		lease, holding = k.Lease()
		k.Leave()
	})
	if !holding {
		return nil
	}
	return r.config.Leases.Forget(ctx, lease)
}

// Stop ends the runner and waits for what it asked for. It hands nothing over: Drain
// does. What the process still has is fenced by the others when its lease ends.
func (r *Runner) Stop() {
	r.mu.Lock()
	r.stopped = true
	r.after()
	r.mu.Unlock()
	r.cancel()
	<-r.done
	r.asks.Wait()
}

// world gives the keeper what it acts on: a goroutine for each thing that may block.
type world struct{ *Runner }

func (w world) Now() time.Duration { return w.config.Now() }
func (w world) Members() []Member  { return w.config.Members() }

func (w world) Ask(within time.Duration, op func(context.Context) error, done func(error)) {
	w.asks.Go(func() {
		ctx, cancel := context.WithTimeout(w.ctx, within)
		defer cancel()
		err := op(ctx)
		w.turn(func(*Keeper) { done(err) })
	})
}

func (w world) DropAll(done func()) {
	w.asks.Go(func() {
		w.config.Host.DropAll()
		w.turn(func(*Keeper) { done() })
	})
}

func (w world) Open(cell string, claim int64, done func(error)) {
	activate := w.config.Host.Activator() // in the keeper's turn: before any DropAll that comes after it
	w.asks.Go(func() {
		err := activate(w.ctx, cell, claim)
		w.turn(func(*Keeper) { done(err) })
	})
}

func (w world) HandOver(cell string, claim int64, done func(error)) {
	w.asks.Go(func() {
		err := w.config.Host.HandOver(w.ctx, cell, claim)
		w.turn(func(*Keeper) { done(err) })
	})
}
