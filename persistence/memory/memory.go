// Package memory is a journal in memory, for tests and simulations. It promises what
// the other journals promise, except that nothing outlives the process, and it fails
// where a test asks it to.
package memory

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/brigata/brigata/actors/journal"
)

// ErrLost is the answer to a commit whose outcome a test hides.
var ErrLost = errors.New("memory: connection lost")

// ErrClosed is the answer of a closed journal.
var ErrClosed = errors.New("memory: closed")

// Fault is what a test does to a commit.
type Fault int

const (
	None     Fault = iota
	Before         // ErrLost, nothing written
	After          // ErrLost, but written
	Conflict       // ErrConflict, nothing written
	Fenced         // ErrFenced, nothing written
)

// Options of a journal; the zero value injects nothing. The functions are called with
// the database unlocked and may block.
type Options struct {
	Commit func(b *journal.Batch) Fault
	Probe  func(b *journal.Batch) error // an error fails the probe

	Name    string // of the process's node; "": one of its own
	Address string
	Format  int // what the process can read
}

type block struct {
	row    journal.Row
	token  int64
	stream int64
	pos    int64
}

type entity struct {
	head   journal.Head
	blocks []block // in order of Seq
}

// Database is what journals share; each Open is one process.
type Database struct {
	mu       sync.Mutex
	entities map[journal.Key]*entity
	nodes    map[int64]*node // by stream
	claims   map[string]journal.Claim
	streams  int64
	commits  int64
}

// NewDatabase returns an empty database.
func NewDatabase() *Database {
	return &Database{entities: map[journal.Key]*entity{}, nodes: map[int64]*node{}, claims: map[string]journal.Claim{}}
}

// Commits counts the transactions so far.
func (d *Database) Commits() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.commits
}

// Open returns a journal on the database, as a process of its own.
func (d *Database) Open(o Options) *Journal {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.streams++
	if o.Name == "" {
		o.Name = fmt.Sprintf("process-%d", d.streams)
	}
	d.nodes[d.streams] = &node{name: o.Name, address: o.Address, format: o.Format, lease: true}
	return &Journal{db: d, stream: d.streams, options: o}
}

// New returns a journal on a database of its own.
func New() *Journal { return NewDatabase().Open(Options{}) }

// Journal is one process's journal on a Database.
type Journal struct {
	db      *Database
	stream  int64
	options Options

	// Guarded by db.mu.
	epoch  int64
	closed bool
}

var _ journal.Journal = (*Journal)(nil)

// Commit implements journal.Journal.
func (j *Journal) Commit(b *journal.Batch) error {
	fault := None
	if j.options.Commit != nil {
		fault = j.options.Commit(b)
	}
	switch fault {
	case Before:
		return ErrLost
	case Conflict:
		return journal.ErrConflict
	case Fenced:
		return journal.ErrFenced
	}
	j.db.mu.Lock()
	defer j.db.mu.Unlock()
	if err := j.apply(b); err != nil {
		return err
	}
	if fault == After {
		return ErrLost
	}
	return nil
}

func (j *Journal) apply(b *journal.Batch) error {
	switch {
	case j.closed:
		return ErrClosed
	case b.Epoch != j.epoch || j.db.nodes[j.stream].epoch != j.epoch:
		return journal.ErrFenced
	case j.taken(b.Rows):
		return journal.ErrConflict
	}
	for i, r := range b.Rows {
		e := j.db.entities[r.Key]
		if e == nil {
			e = &entity{head: journal.Head{Key: r.Key, Cell: r.Cell, Kind: r.Kind}}
			j.db.entities[r.Key] = e
		}
		e.head.Live = true
		r.Payload = bytes.Clone(r.Payload)
		at, _ := e.find(r.Seq)
		e.blocks = slices.Insert(e.blocks, at, block{r, b.Token, j.stream, b.Pos + int64(i)})
	}
	for _, h := range b.Heads {
		e := j.db.entities[h.Key]
		if e == nil {
			e = &entity{}
			j.db.entities[h.Key] = e
		}
		if h.Seq < e.head.Seq {
			continue
		}
		if n := len(e.blocks); n > 0 && e.blocks[n-1].row.Seq+int64(e.blocks[n-1].row.N)-1 > h.Seq {
			h.Live = true
		}
		h.State = bytes.Clone(h.State)
		h.Due = h.Due.Truncate(time.Microsecond)
		e.head = h
	}
	j.db.commits++
	return nil
}

// taken reports whether a row's slot is taken, in the database or in the rows.
func (j *Journal) taken(rows []journal.Row) bool {
	type slot struct {
		key journal.Key
		seq int64
	}
	seen := make(map[slot]bool, len(rows))
	for _, r := range rows {
		if seen[slot{r.Key, r.Seq}] {
			return true
		}
		seen[slot{r.Key, r.Seq}] = true
		if e := j.db.entities[r.Key]; e != nil {
			if _, ok := e.find(r.Seq); ok {
				return true
			}
		}
	}
	return false
}

// find returns where the block at seq is or would be.
func (e *entity) find(seq int64) (int, bool) {
	return slices.BinarySearchFunc(e.blocks, seq, func(b block, seq int64) int {
		return int(b.row.Seq - seq)
	})
}

// Probe implements journal.Journal.
func (j *Journal) Probe(b *journal.Batch) ([]journal.Slot, error) {
	if j.options.Probe != nil {
		if err := j.options.Probe(b); err != nil {
			return nil, err
		}
	}
	j.db.mu.Lock()
	defer j.db.mu.Unlock()
	if j.closed {
		return nil, ErrClosed
	}
	slots := make([]journal.Slot, len(b.Rows))
	for i, r := range b.Rows {
		e := j.db.entities[r.Key]
		if e == nil {
			continue
		}
		if at, ok := e.find(r.Seq); ok {
			k := e.blocks[at]
			slots[i] = journal.Slot{Found: true, Token: k.token, N: k.row.N, Mine: k.stream == j.stream}
		}
	}
	return slots, nil
}

// Close implements journal.Journal.
func (j *Journal) Close() error {
	j.db.mu.Lock()
	j.closed = true
	j.db.mu.Unlock()
	return nil
}
