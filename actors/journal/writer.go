package journal

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/brigata/brigata/actors/mutant"
	"github.com/brigata/brigata/actors/threads"
)

// Source is what a writer writes for: a cell with rows and heads that wait. It must be
// comparable; two cells, or two lives of one cell, are two values.
type Source interface {
	// Cut adds what waits to b, and remembers b.Token with it. What one Cut adds stays
	// together. The writer's goroutine calls it; payloads are the writer's until
	// Durable or Lost.
	Cut(b *Batch)
	// Durable says that everything this source cut at b.Token == token is durable.
	// Calls come in the order of the cuts, on the writer's second goroutine, so that a
	// slow gate does not hold up the next commit. They must not wait for the writer.
	Durable(token int64)
	// Lost says that what was cut and not yet durable, and everything this value
	// appends later, will never be written: ErrFenced, ErrConflict or ErrInvalid.
	Lost(err error)
}

// Options bound a writer's batches; zero values mean the defaults.
type Options struct {
	RowsMax  int // a batch is full with this many rows (4096); one Cut is never split
	BytesMax int // or this many bytes of payload and state (4 MiB)
	Backoff  Backoff
	Hooks    Hooks
	Threads  threads.Threads // nil: goroutines
}

// Backoff is how long the writer waits between tries while the database does not
// answer: Min, doubled up to Max (20 ms and 2 s).
type Backoff struct{ Min, Max time.Duration }

// Hooks tell of the writer's work, for logs and metrics. They are called on its
// goroutine and must be quick.
type Hooks struct {
	Committed func(Committed)
	Unknown   func(err error) // a commit whose outcome only Probe can tell
	Probed    func(err error) // nil: the journal answered
	Lost      func(s Source, err error)
}

// Committed is one transaction. Took is from its first try.
type Committed struct {
	Rows, Bytes int
	Took        time.Duration
	Traces      []Trace // the callee's only during the call
}

// batchesAhead is how many committed batches may wait for their gates to open before
// the writer waits for them.
const batchesAhead = 16

// Writer makes what sources append durable, all of them in one transaction at a time.
// A journal has one writer.
type Writer struct {
	journal Journal
	options Options

	mu      sync.Mutex
	queue   []Source
	queued  map[Source]struct{}
	lost    map[Source]struct{}
	marks   []chan struct{} // flushes
	asleep  bool
	stopped bool

	appends atomic.Int64 // so far: tells whether others still append

	wake  chan struct{}
	abort chan struct{} // closed: give up on a journal that does not answer
	once  sync.Once
	done  chan struct{} // closed: both goroutines have ended
	gates chan *release
	free  chan *release

	// These belong to the writer's goroutine.
	batch  Batch
	spans  []span
	bytes  int
	token  int64
	pos    int64
	spare  []Source
	rest   []Source // taken, and not yet cut
	resent Batch    // the rest of a batch that lost a source
}

// span is what one source has in the batch.
type span struct {
	source       Source
	token        int64 // of its cut
	rows, heads  int   // first
	rowsEnd, end int
}

// NewWriter starts a writer on a journal. Stop ends it.
func NewWriter(j Journal, o Options) *Writer {
	if o.RowsMax <= 0 {
		o.RowsMax = 4096
	}
	if o.BytesMax <= 0 {
		o.BytesMax = 4 << 20
	}
	if o.Backoff.Min <= 0 {
		o.Backoff.Min = 20 * time.Millisecond
	}
	if o.Backoff.Max < o.Backoff.Min {
		o.Backoff.Max = max(2*time.Second, o.Backoff.Min)
	}
	w := &Writer{
		journal: j, options: o,
		queued: map[Source]struct{}{}, lost: map[Source]struct{}{},
		wake: make(chan struct{}, 1), abort: make(chan struct{}), done: make(chan struct{}),
		gates: make(chan *release, batchesAhead), free: make(chan *release, batchesAhead),
		pos: 1,
	}
	for range batchesAhead {
		w.free <- &release{}
	}
	threads.Go(o.Threads, w.write)
	threads.Go(o.Threads, w.open)
	return w
}

// Append says that s has something to cut. It never blocks and may be called by any
// goroutine, also while s waits already. It does nothing for a lost source and after
// Stop.
func (w *Writer) Append(s Source) {
	w.appends.Add(1)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped {
		return
	}
	if _, ok := w.queued[s]; ok {
		return
	}
	if len(w.lost) > 0 {
		if _, ok := w.lost[s]; ok {
			return
		}
	}
	w.queued[s] = struct{}{}
	w.queue = append(w.queue, s)
	w.rouse()
}

// Grow says that a source which waits has more to cut: the next batch waits for whoever
// still appends. It is Append for who knows that Cut has not been called since the last.
func (w *Writer) Grow() { w.appends.Add(1) }

// Waiting is how many sources have something that no batch has taken yet.
func (w *Writer) Waiting() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.queued)
}

// rouse wakes the writer's goroutine; the caller holds the lock.
func (w *Writer) rouse() {
	if w.asleep {
		w.asleep = false
		w.wake <- struct{}{}
	}
}

// Forget drops what the writer remembers of a lost source that will not append again.
func (w *Writer) Forget(s Source) {
	w.mu.Lock()
	if _, ok := w.queued[s]; !ok {
		delete(w.lost, s)
	}
	w.mu.Unlock()
}

// Flush returns when everything appended before has been settled: its source was told.
func (w *Writer) Flush(ctx context.Context) error {
	mark := make(chan struct{})
	w.mu.Lock()
	if w.stopped {
		w.mu.Unlock()
		return ErrStopped
	}
	w.marks = append(w.marks, mark)
	w.rouse()
	w.mu.Unlock()
	switch threads.First(w.options.Threads, threads.Forever, mark, w.done, ctx.Done()) {
	case 0:
		return nil
	case 2:
		return ctx.Err()
	}
	select {
	case <-mark:
		return nil
	default:
		return ErrStopped
	}
}

// ErrStopped says that the writer was stopped before it could settle everything.
var ErrStopped = errors.New("journal: writer stopped")

// Stop settles what waits and ends the writer. When ctx ends first the writer gives up:
// sources with an unknown outcome hear nothing more, and its goroutines end with the
// journal's call in progress. A second Stop waits for that.
func (w *Writer) Stop(ctx context.Context) error {
	w.mu.Lock()
	w.stopped = true
	w.rouse()
	w.mu.Unlock()
	if threads.First(w.options.Threads, threads.Forever, w.done, ctx.Done(), nil) == 0 {
		return nil
	}
	w.once.Do(func() { close(w.abort) })
	return ctx.Err()
}

// write is the writer's goroutine.
func (w *Writer) write() {
	defer close(w.gates)
	for {
		pending, marks, ok := w.take()
		if !ok {
			return
		}
		for w.rest = pending; len(w.rest) > 0; {
			w.rest = w.cut(w.rest)
			if mutant.Is(mutant.GateAtCut) {
				w.release(w.spans)
			}
			if len(w.spans) > 0 && !w.settle() {
				return
			}
		}
		clear(pending)
		w.spare = pending
		if len(marks) > 0 {
			r := w.unused()
			r.marks = append(r.marks[:0], marks...)
			w.gates <- r
		}
	}
}

// take waits for sources and takes them all, once others have stopped appending: the
// goroutines that the last commit released get to append again before the next one. A
// pause by the clock instead would slow everybody down.
func (w *Writer) take() ([]Source, []chan struct{}, bool) {
	w.mu.Lock()
	for len(w.queue) == 0 && len(w.marks) == 0 {
		if w.stopped {
			w.mu.Unlock()
			return nil, nil, false
		}
		w.asleep = true
		w.mu.Unlock()
		threads.Receive(w.options.Threads, w.wake)
		w.mu.Lock()
	}
	for seen, i := int64(-1), 0; seen != w.appends.Load() && i < 64; i++ {
		seen = w.appends.Load()
		w.mu.Unlock()
		runtime.Gosched()
		w.mu.Lock()
	}
	pending, marks := w.queue, w.marks
	w.queue, w.marks = w.spare[:0], nil
	w.spare = nil
	w.mu.Unlock()
	return pending, marks, true
}

// cut fills the batch from sources until it is full, and returns those left over.
func (w *Writer) cut(from []Source) []Source {
	w.token++
	clear(w.batch.Rows)
	clear(w.batch.Heads)
	// Read before anything is cut: what a cell appended before it was dropped must not
	// be written under the epoch that the process took since.
	w.batch = Batch{Epoch: w.journal.Epoch(), Token: w.token, Pos: w.pos, Rows: w.batch.Rows[:0], Heads: w.batch.Heads[:0], Traces: w.batch.Traces[:0]}
	w.spans, w.bytes = w.spans[:0], 0
	b := &w.batch
	for i, s := range from {
		if len(b.Rows) >= w.options.RowsMax || w.bytes >= w.options.BytesMax {
			return from[i:]
		}
		// Before Cut: what is appended from here on may come too late for it.
		w.mu.Lock()
		delete(w.queued, s)
		_, lost := w.lost[s]
		w.mu.Unlock()
		if lost {
			continue
		}
		at := span{source: s, token: w.token, rows: len(b.Rows), heads: len(b.Heads)}
		s.Cut(b)
		at.rowsEnd, at.end = len(b.Rows), len(b.Heads)
		if at.rows == at.rowsEnd && at.heads == at.end {
			continue
		}
		if err := b.check(at); err != nil {
			b.Rows, b.Heads = b.Rows[:at.rows], b.Heads[:at.heads]
			w.lose([]span{at}, err)
			continue
		}
		for _, r := range b.Rows[at.rows:at.rowsEnd] {
			w.bytes += len(r.Payload)
		}
		for _, h := range b.Heads[at.heads:at.end] {
			w.bytes += len(h.State)
		}
		w.spans = append(w.spans, at)
	}
	return nil
}
