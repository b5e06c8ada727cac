package sim

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/brigata/brigata/actors/journal"
	"github.com/brigata/brigata/actors/mutant"
	"github.com/brigata/brigata/persistence/memory"
)

// database is the journal in memory, seen over a network: a transaction begins, takes
// its locks, commits and is answered at four different times, and the server may die
// between any two.
type database struct {
	world *World
	rows  *memory.Database
	up    bool
	boot  int
	slots map[slot]int  // of transactions in flight
	share map[int64]int // commits in flight that hold a process's epoch

	incarnations [][]int64            // of each node
	loose        map[int64]bool       // evicted without being fenced
	closed       map[journal.Key]bool // its snapshot said that it is over
}

type slot struct {
	key journal.Key
	seq int64
}

// session is a connection's backend. It does not outlive its server.
type session struct {
	boot int
	dead bool
}

func newDatabase(w *World) *database {
	return &database{world: w, rows: memory.NewDatabase(), up: true, slots: map[slot]int{}, share: map[int64]int{},
		incarnations: make([][]int64, w.plan.Nodes), loose: map[int64]bool{}, closed: map[journal.Key]bool{}}
}

// crash stops the server: what has not committed is rolled back.
func (d *database) crash(down int64) {
	d.world.tell("the database CRASHES")
	d.up = false
	d.boot++
	clear(d.slots)
	clear(d.share)
	d.world.after(down, func() { d.up = true })
}

// conn is a process's connection, and its journal.
type conn struct {
	db      *database
	process *process
	store   *memory.Journal
	session *session
	epoch   int64 // that the process writes for
}

var _ journal.Journal = (*conn)(nil)

var errTimeout = errors.New("sim: the database does not answer")

func (d *database) connect(p *process) *conn {
	store := d.rows.Open(memory.Options{Name: p.node.name()})
	if last := p.node.store; last != nil && mutant.Is(mutant.RestartKeepsEpoch) {
		store = last
	}
	p.node.store = store
	self, err := store.Self(context.Background())
	if err != nil {
		panic(err)
	}
	p.stream = self.Node
	d.incarnations[p.node.index] = append(d.incarnations[p.node.index], p.stream)
	return &conn{db: d, process: p, store: store, session: &session{boot: d.boot}}
}

// ask runs op at the server and waits for its answer: op calls done when the server
// answers, at once or later. A nil session is a connection made for the purpose.
func (c *conn) ask(s *session, timeout time.Duration, op func(done func())) error {
	return c.askLate(s, 0, timeout, op)
}

// askLate is an ask whose question is that late on its way.
func (c *conn) askLate(s *session, late int64, timeout time.Duration, op func(done func())) error {
	w, d, p := c.db.world, c.db, c.process
	got := false
	w.after(late+w.hop(), func() {
		if !d.up || p.node.toDB || s != nil && (s.dead || s.boot != d.boot) {
			return
		}
		boot := d.boot
		op(func() {
			if d.boot != boot {
				return
			}
			w.after(w.hop(), func() {
				if d.boot == boot && !p.node.fromDB {
					p.after(0, func() { got = true })
				}
			})
		})
	})
	if !p.Wait(timeout, func() bool { return got }) {
		return errTimeout
	}
	return nil
}

// hop is how long a message between a process and its database takes.
func (w *World) hop() int64 {
	d := w.between(50, 750)
	if w.chance(w.plan.Tail / 2) {
		d += w.between(0, []int64{second, second, second, 4 * second}[w.rng.IntN(4)])
	}
	return d
}

// Epoch implements journal.Journal.
func (c *conn) Epoch() int64 { return c.epoch }

// Commit implements journal.Journal.
func (c *conn) Commit(b *journal.Batch) error {
	sent := clone(b)
	misnap(sent)
	var answer error
	s := c.session
	if err := c.ask(s, 1500*time.Millisecond, func(done func()) {
		c.begin(s, sent, func(err error) { answer = err; done() })
	}); err != nil {
		return err
	}
	return answer
}

// clone is what has left the process: its buffers are its own again.
func clone(b *journal.Batch) *journal.Batch {
	c := &journal.Batch{Epoch: b.Epoch, Token: b.Token, Pos: b.Pos, Rows: slices.Clone(b.Rows), Heads: slices.Clone(b.Heads)}
	for i := range c.Rows {
		c.Rows[i].Payload = bytes.Clone(c.Rows[i].Payload)
	}
	for i := range c.Heads {
		c.Heads[i].State = bytes.Clone(c.Heads[i].State)
	}
	return c
}

// begin is a transaction at the server: unique slots, then the fence, then, some time
// later, the commit.
func (c *conn) begin(s *session, b *journal.Batch, done func(error)) {
	d, w := c.db, c.db.world
	boot := d.boot
	for _, r := range b.Rows {
		if d.slots[slot{r.Key, r.Seq}] > 0 { // another transaction has it: wait for its end
			w.after(2*millisecond, func() {
				if d.boot == boot && !s.dead {
					c.begin(s, b, done)
				}
			})
			return
		}
	}
	stream := c.process.stream
	if self, err := c.store.Self(context.Background()); err != nil || self.Epoch != b.Epoch && !mutant.Is(mutant.NoFence) {
		done(journal.ErrFenced)
		return
	}
	if !mutant.Is(mutant.FenceWithoutLock) {
		d.share[stream]++
	}
	for _, r := range b.Rows {
		d.slots[slot{r.Key, r.Seq}]++
	}
	took := w.between(500, 4*millisecond)
	if w.chance(w.plan.Slow) {
		took += w.between(0, 5*second)
	}
	goesOn := w.rng.IntN(2) == 0 // a backend that is told to end may be past the point of no return
	w.after(took, func() {
		if d.boot != boot {
			return
		}
		d.share[stream] = max(0, d.share[stream]-1)
		for _, r := range b.Rows {
			if d.slots[slot{r.Key, r.Seq}]--; d.slots[slot{r.Key, r.Seq}] == 0 {
				delete(d.slots, slot{r.Key, r.Seq})
			}
		}
		if s.dead && !goesOn {
			return
		}
		done(c.write(b))
	})
}

// write is the moment of the commit.
func (c *conn) write(b *journal.Batch) error {
	store := c.store
	if mutant.Is(mutant.NoFence) || mutant.Is(mutant.FenceWithoutLock) {
		store, b.Epoch = c.db.rows.Open(memory.Options{}), 0
	}
	if mutant.Is(mutant.SplitBatch) || mutant.Is(mutant.TwoWriters) {
		return c.writeApart(b)
	}
	err := store.Commit(b)
	if err == nil {
		for i := range b.Heads {
			if !b.Heads[i].Live {
				c.db.closed[b.Heads[i].Key] = true
			}
		}
		c.db.world.checks.committed(c.process, b)
	}
	return err
}

// Probe implements journal.Journal: it ends the old backend, then reads the slots.
func (c *conn) Probe(b *journal.Batch) (slots []journal.Slot, err error) {
	old, sent := c.session, clone(b)
	c.session = &session{boot: c.db.boot}
	if err := c.ask(c.session, time.Second, func(done func()) { old.dead = true; done() }); err != nil {
		c.session = old
		return nil, err
	}
	// A backend past the point of no return ends with its commit.
	if err := c.ask(c.session, 5*time.Second, func(done func()) {
		boot := c.db.boot
		var try func()
		try = func() {
			if c.db.boot != boot {
				return
			}
			if slices.ContainsFunc(sent.Rows, func(r journal.Row) bool { return c.db.slots[slot{r.Key, r.Seq}] > 0 }) {
				c.db.world.after(2*millisecond, try)
				return
			}
			slots, err = c.store.Probe(sent)
			done()
		}
		try()
	}); err != nil {
		return nil, err
	}
	return slots, err
}

// read runs a query: it sees the database as of one moment.
func read[T any](c *conn, query func() (T, error)) (T, error) {
	var got T
	var failed error
	if err := c.ask(nil, time.Second, func(done func()) { got, failed = query(); done() }); err != nil {
		return *new(T), err
	}
	return got, failed
}

// Cells implements journal.Journal.
func (c *conn) Cells(ctx context.Context) ([]string, error) {
	return read(c, func() ([]string, error) { return c.store.Cells(ctx) })
}

// Open implements journal.Journal.
func (c *conn) Open(ctx context.Context, cell string, yield func(journal.Stored) error) error {
	all, err := read(c, func() (all []journal.Stored, err error) {
		err = c.store.Open(ctx, cell, func(s journal.Stored) error {
			if c.db.opens(&s) {
				all = append(all, s)
			}
			return nil
		})
		return all, err
	})
	for i := 0; i < len(all) && err == nil; i++ {
		err = yield(all[i])
	}
	return err
}

// Known implements journal.Journal.
func (c *conn) Known(ctx context.Context, cell string, since time.Time, yield func(journal.Key) error) error {
	if mutant.Is(mutant.KnownShort) {
		since = c.db.world.time().Add(-time.Second)
	}
	all, err := read(c, func() (all []journal.Key, err error) {
		err = c.store.Known(ctx, cell, since, func(k journal.Key) error {
			if !mutant.Is(mutant.KnownForgotten) {
				all = append(all, k)
			}
			return nil
		})
		return all, err
	})
	for i := 0; i < len(all) && err == nil; i++ {
		err = yield(all[i])
	}
	return err
}

// List implements journal.Journal.
func (c *conn) List(ctx context.Context, cell string, kind uint8, before journal.Key, limit int) ([]journal.Key, error) {
	return read(c, func() ([]journal.Key, error) { return c.store.List(ctx, cell, kind, before, limit) })
}

// Load implements journal.Journal.
func (c *conn) Load(ctx context.Context, keys []journal.Key) ([]journal.Stored, error) {
	keys = slices.Clone(keys)
	return read(c, func() ([]journal.Stored, error) {
		all, err := c.store.Load(ctx, keys)
		for i := range all {
			misload(&all[i])
		}
		return all, err
	})
}

// Log implements journal.Journal.
func (c *conn) Log(ctx context.Context, key journal.Key, from int64, limit int) ([]journal.Row, error) {
	return read(c, func() ([]journal.Row, error) { return c.store.Log(ctx, key, from, limit) })
}

// Close implements journal.Journal.
func (c *conn) Close() error { return c.store.Close() }
