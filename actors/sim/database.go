package sim

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/brigata/brigata/actors/journal"
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
	slots map[slot]int // of transactions in flight
	nodes []fence
}

type slot struct {
	key journal.Key
	seq int64
}

// fence is the row of a node that its commits lock for share.
type fence struct{ epoch, share int }

// session is a connection's backend. It does not outlive its server.
type session struct {
	boot int
	dead bool
}

func newDatabase(w *World) *database {
	return &database{world: w, rows: memory.NewDatabase(), up: true, slots: map[slot]int{}, nodes: make([]fence, w.plan.Nodes)}
}

// crash stops the server: what has not committed is rolled back.
func (d *database) crash(down int64) {
	d.world.tell("the database CRASHES")
	d.up = false
	d.boot++
	clear(d.slots)
	for i := range d.nodes {
		d.nodes[i].share = 0
	}
	d.world.after(down, func() { d.up = true })
}

// conn is a process's connection, and its journal.
type conn struct {
	db      *database
	process *process
	store   *memory.Journal
	session *session
	epoch   int
}

var _ journal.Journal = (*conn)(nil)

var errTimeout = errors.New("sim: the database does not answer")

func (d *database) connect(p *process) *conn {
	return &conn{db: d, process: p, store: d.rows.Open(memory.Options{}), session: &session{boot: d.boot}}
}

// ask runs op at the server and waits for its answer: op calls done when the server
// answers, at once or later. A nil session is a connection made for the purpose.
func (c *conn) ask(s *session, timeout time.Duration, op func(done func())) error {
	w, d, p := c.db.world, c.db, c.process
	got := false
	w.after(w.latency()/4, func() {
		if !d.up || p.node.toDB || s != nil && (s.dead || s.boot != d.boot) {
			return
		}
		boot := d.boot
		op(func() {
			if d.boot != boot {
				return
			}
			w.after(w.latency()/4, func() {
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

// fence raises the node's epoch, which waits for what is in flight under the old one. A
// raise that comes late, from an earlier life perhaps, finds another epoch and does nothing.
func (c *conn) fence() bool {
	row := &c.db.nodes[c.process.node.index]
	was, err := read(c, func() (int, error) { return row.epoch, nil })
	if err != nil {
		return false
	}
	raised := false
	err = c.ask(nil, 2*time.Second, func(done func()) {
		boot := c.db.boot
		var try func()
		try = func() {
			switch {
			case c.db.boot != boot:
			case row.epoch == was && row.share > 0:
				c.db.world.after(2*millisecond, try)
			default:
				if raised = row.epoch == was; raised {
					row.epoch++
				}
				done()
			}
		}
		try()
	})
	c.epoch = was + 1
	return err == nil && raised
}

// Epoch implements journal.Journal: a process takes its epoch once, before it cuts anything.
func (c *conn) Epoch() int64 { return c.store.Epoch() }

// Commit implements journal.Journal.
func (c *conn) Commit(b *journal.Batch) error {
	sent := clone(b)
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
	c := &journal.Batch{Token: b.Token, Pos: b.Pos, Rows: slices.Clone(b.Rows), Heads: slices.Clone(b.Heads)}
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
	row := &d.nodes[c.process.node.index]
	if row.epoch != c.epoch {
		done(journal.ErrFenced)
		return
	}
	row.share++
	for _, r := range b.Rows {
		d.slots[slot{r.Key, r.Seq}]++
	}
	took := w.between(500, 4*millisecond)
	if w.chance(w.plan.Slow) {
		took += w.between(0, 4*second)
	}
	goesOn := w.rng.IntN(2) == 0 // a backend that is told to end may be past the point of no return
	w.after(took, func() {
		if d.boot != boot {
			return
		}
		row.share--
		for _, r := range b.Rows {
			if d.slots[slot{r.Key, r.Seq}]--; d.slots[slot{r.Key, r.Seq}] == 0 {
				delete(d.slots, slot{r.Key, r.Seq})
			}
		}
		if s.dead && !goesOn {
			return
		}
		err := c.store.Commit(b)
		if err == nil {
			w.checks.committed(b, false)
		}
		done(err)
	})
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
		err = c.store.Open(ctx, cell, func(s journal.Stored) error { all = append(all, s); return nil })
		return all, err
	})
	for i := 0; i < len(all) && err == nil; i++ {
		err = yield(all[i])
	}
	return err
}

// Known implements journal.Journal.
func (c *conn) Known(ctx context.Context, cell string, since time.Time, yield func(journal.Key) error) error {
	all, err := read(c, func() (all []journal.Key, err error) {
		err = c.store.Known(ctx, cell, since, func(k journal.Key) error { all = append(all, k); return nil })
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
	return read(c, func() ([]journal.Stored, error) { return c.store.Load(ctx, keys) })
}

// Log implements journal.Journal.
func (c *conn) Log(ctx context.Context, key journal.Key, from int64, limit int) ([]journal.Row, error) {
	return read(c, func() ([]journal.Row, error) { return c.store.Log(ctx, key, from, limit) })
}

// Close implements journal.Journal.
func (c *conn) Close() error { return c.store.Close() }
