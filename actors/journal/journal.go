// Package journal is what the host asks of a database, and the writer that makes what
// cells append durable: all cells of a node in one transaction at a time.
//
// Its promise: a cell's rows become durable in the order in which they were appended,
// as a prefix, and the cell hears of it exactly once. Journals store bytes and know
// no orders.
package journal

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"
)

// Key names an entity in the journal: a UUIDv8 whose first 48 bits are the time of
// the entity's id where that is a UUIDv7 (0 where it is not; for locality only, never
// truth) and whose rest is a hash of store, kind and id.
type Key [16]byte

// KeyOf is the key of an entity: time bits from its id if that is a UUIDv7 (timed), then
// a hash of store, kind and id. What is written with it can only be found with it.
func KeyOf(store string, kind uint8, id string, timed bool) (k Key) {
	h := sha256.New()
	h.Write([]byte(store))
	h.Write([]byte{0, kind})
	h.Write([]byte(id))
	var sum [sha256.Size]byte
	h.Sum(sum[:0])
	copy(k[6:], sum[:10])
	if timed && len(id) == 36 {
		var b [6]byte
		if _, err := hex.Decode(b[:], []byte(id[:8]+id[9:13])); err == nil {
			copy(k[:], b[:])
		}
	}
	k[6] = k[6]&0x0f | 0x80
	k[8] = k[8]&0x3f | 0x80
	return k
}

// Since is the least key whose time bits are at or after t, to the millisecond.
func Since(t time.Time) Key {
	var k Key
	ms := max(t.UnixMilli(), 0)
	for i := range 6 {
		k[i] = byte(ms >> (40 - 8*i))
	}
	return k
}

// Row is one block of an entity's events. Blocks of an entity follow one another
// without a gap: the slot (Key, Seq) is the compare-and-set.
type Row struct {
	Key     Key
	Cell    string // the store
	Kind    uint8  // of the entity, as the host numbers kinds
	Seq     int64  // of the first event in the block, from 1
	N       int    // events in the block, at least 1
	Payload []byte
}

// Head is where an entity stands: that it exists, whether it is loaded when its cell
// opens, and its latest snapshot.
type Head struct {
	Key   Key
	Cell  string
	Kind  uint8
	Seq   int64     // last event that State holds; 0: there is no snapshot
	Live  bool      // false only in a snapshot whose Seq is the end of the entity's log
	Due   time.Time // to the microsecond; zero: none
	State []byte
}

// Batch is what one transaction writes: its rows in order, then its heads unless the
// database holds newer ones (a greater Seq). The first block of an entity makes its
// head, live; a block on a head that is not live makes it live; and a head that is not
// live stays live all the same when a block follows it.
type Batch struct {
	Epoch int64 // the journal's when the batch was cut: it is written under no other
	Token int64 // unique among the writer's batches: tells whose a slot is
	Pos   int64 // stream position of the first row; each row is one further
	Rows  []Row
	Heads []Head
	// Traces are the sampled traces that wait for this batch; databases ignore them.
	Traces []Trace
}

// Trace is a W3C trace context that is sampled.
type Trace struct {
	ID   [16]byte
	Span [8]byte
}

// Slot is what a journal holds at a row's (Key, Seq).
type Slot struct {
	Found bool
	Token int64
	N     int
	Mine  bool // written by this process
}

// Stored is an entity as a cell loads it: its snapshot and what follows it.
type Stored struct {
	Head Head
	Tail []Row // in order; blocks that end after Head.Seq
}

var (
	// ErrFenced says that this process may not write any more, or not what it has cut
	// before it took a new epoch. Nothing was written.
	ErrFenced = errors.New("journal: fenced")
	// ErrNewer says that a newer version wrote what this one does not know: it has to be
	// left to a node that does.
	ErrNewer = errors.New("journal: written by a newer version")
	// ErrConflict says that a row's slot is taken. Nothing was written.
	ErrConflict = errors.New("journal: conflict")
)

// Journal is a database of blocks and heads.
type Journal interface {
	// Epoch is the epoch that this process writes for: see Leases. A process that has
	// its database alone stays at one.
	Epoch() int64
	// Commit writes the batch in one transaction. ErrFenced and ErrConflict mean that
	// nothing was written; any other error means that the outcome is unknown, and
	// only Probe can tell.
	Commit(b *Batch) error
	// Probe makes sure that no earlier Commit can still take effect (new connection,
	// the old backend ended) and reads the slot of each row of b.
	Probe(b *Batch) ([]Slot, error)
	// Cells lists the cells that have any entity.
	Cells(ctx context.Context) ([]string, error)
	// Open yields every live entity of a cell with its tail.
	Open(ctx context.Context, cell string, yield func(Stored) error) error
	// Known yields the keys of all the cell's entities whose time bits are at or after
	// since, live or not.
	Known(ctx context.Context, cell string, since time.Time, yield func(Key) error) error
	// List reads at most limit keys of the cell's entities of that kind, live or not, the
	// latest first, below before (zero: from the end).
	List(ctx context.Context, cell string, kind uint8, before Key, limit int) ([]Key, error)
	// Load reads entities by key; missing ones are absent from the answer.
	Load(ctx context.Context, keys []Key) ([]Stored, error)
	// Log reads at most limit blocks of an entity that end at or after from.
	Log(ctx context.Context, key Key, from int64, limit int) ([]Row, error)
	Close() error
}
