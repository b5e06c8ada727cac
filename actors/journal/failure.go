package journal

import (
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/brigata/brigata/actors/mutant"
	"github.com/brigata/brigata/actors/threads"
)

// ErrInvalid says that a source cut a row or head that no journal can hold. Nothing of
// that cut was written.
var ErrInvalid = errors.New("journal: invalid")

// PayloadMax is how many bytes a payload or a state may have.
const PayloadMax = 16 << 20

// conflictsMax is how often a batch may conflict with nothing that a probe can see.
const conflictsMax = 3

// check refuses what a database would refuse forever: the writer would try forever.
func (b *Batch) check(at span) error {
	for i := at.rows; i < at.rowsEnd; i++ {
		r := &b.Rows[i]
		if r.Seq < 1 || r.N < 1 || r.N > 1<<30 || len(r.Payload) > PayloadMax || !text(r.Cell) {
			return fmt.Errorf("%w: row %x at %d: n %d, %d bytes, cell %q", ErrInvalid, r.Key, r.Seq, r.N, len(r.Payload), r.Cell)
		}
	}
	for i := at.heads; i < at.end; i++ {
		h := &b.Heads[i]
		if h.Seq < 0 || len(h.State) > PayloadMax || !text(h.Cell) {
			return fmt.Errorf("%w: head %x at %d: %d bytes, cell %q", ErrInvalid, h.Key, h.Seq, len(h.State), h.Cell)
		}
	}
	return nil
}

// text reports whether databases take s as text: UTF-8 without NUL.
func text(s string) bool {
	for i := range len(s) {
		if s[i] == 0 {
			return false
		}
	}
	return utf8.ValidString(s)
}

// settle commits the batch until all of its sources are told, or reports false when the
// writer was aborted. The rules are those of DESIGN section 6: a batch whose outcome is
// unknown is sent again exactly as it was, or not at all.
func (w *Writer) settle() bool {
	conflicts := 0
	for try := 0; ; try++ {
		if try > 1 && !w.pause(try-2) {
			return false
		}
		began := time.Now()
		err := w.journal.Commit(&w.batch)
		switch {
		case err == nil:
			w.committed(time.Since(began))
			return true
		case errors.Is(err, ErrFenced):
			w.fenced(err)
			return true
		}
		conflict := errors.Is(err, ErrConflict)
		if hook := w.options.Hooks.Unknown; hook != nil && !conflict {
			hook(err)
		}
		if mutant.Is(mutant.LostIsFailure) && !conflict {
			w.lose(w.spans, err)
			return true
		}
		if mutant.Is(mutant.ResendMerged) && !conflict {
			w.remerge()
		}
		slots, ok := w.probe()
		if !ok {
			return false
		}
		verdict := w.judge(slots)
		switch {
		case verdict.durable:
			w.committed(time.Since(began))
			return true
		case mutant.Any() && w.mistaken(verdict, slots):
		case verdict.mixed:
			if w.divide(slots, err); len(w.spans) == 0 {
				return true
			}
			try, conflicts = 0, 0
		case conflict:
			// Nothing foreign, nothing ours: rows of the batch hit one another, or
			// the other row has gone since.
			if w.twice(); len(w.spans) == 0 {
				return true
			}
			if conflicts++; conflicts >= conflictsMax {
				w.lose(w.spans, err)
				return true
			}
		}
	}
}

// probe asks the journal until it answers.
func (w *Writer) probe() ([]Slot, bool) {
	for try := 0; ; try++ {
		if try > 0 && !w.pause(try-1) {
			return nil, false
		}
		slots, err := w.journal.Probe(&w.batch)
		if err == nil && len(slots) != len(w.batch.Rows) {
			err = fmt.Errorf("journal: probe of %d rows answered %d slots", len(w.batch.Rows), len(slots))
		}
		if hook := w.options.Hooks.Probed; hook != nil {
			hook(err)
		}
		if err == nil {
			return slots, true
		}
		select {
		case <-w.abort:
			return nil, false
		default:
		}
	}
}

// pause waits out a backoff; false means that the writer was aborted.
func (w *Writer) pause(try int) bool {
	d := w.options.Backoff.Max
	if try < 16 {
		d = min(d, w.options.Backoff.Min<<try)
	}
	return threads.First(w.options.Threads, d, w.abort, nil, nil) < 0
}

// verdict is what slots say of a batch. Neither: none of it is there.
type verdict struct{ durable, mixed bool }

func (w *Writer) judge(slots []Slot) verdict {
	ours, found := 0, 0
	for i, s := range slots {
		if s.Found {
			found++
		}
		if w.ours(i, s) {
			ours++
		}
	}
	if len(slots) > 0 && ours == len(slots) {
		return verdict{durable: true}
	}
	return verdict{mixed: found > 0}
}

// ours reports whether the slot of row i was written by this very batch. The count
// matters too: a slot written by a batch that was cut earlier differs in it.
func (w *Writer) ours(i int, s Slot) bool {
	return s.Found && s.Mine && s.Token == w.batch.Token && (s.N == w.batch.Rows[i].N || mutant.Is(mutant.ResendMerged))
}

// divide judges each source by its own slots: one whose slot another holds is lost
// whole, for its later events may rest on any earlier one; the rows of the others form
// a new batch. Ours beside foreign cannot be, for a batch is one transaction; were it
// so, what is ours is durable all the same.
func (w *Writer) divide(slots []Slot, err error) {
	var durable, lost, again []span
	for _, s := range w.spans {
		ours, found := 0, 0
		for i := s.rows; i < s.rowsEnd; i++ {
			if slots[i].Found {
				found++
			}
			if w.ours(i, slots[i]) {
				ours++
			}
		}
		switch {
		case found == 0:
			again = append(again, s)
		case ours == s.rowsEnd-s.rows:
			durable = append(durable, s)
		default:
			lost = append(lost, s)
		}
	}
	if len(durable) > 0 {
		w.pos += int64(len(w.batch.Rows))
		w.release(durable)
	}
	if !errors.Is(err, ErrConflict) {
		err = fmt.Errorf("%w (found after: %w)", ErrConflict, err)
	}
	w.lose(lost, err)
	w.keep(again)
}

// twice loses the sources that have a slot twice in the batch.
func (w *Writer) twice() {
	type slot struct {
		key Key
		seq int64
	}
	seen := make(map[slot]int, len(w.batch.Rows))
	twice := make(map[int]bool)
	for i, s := range w.spans {
		for _, r := range w.batch.Rows[s.rows:s.rowsEnd] {
			if first, ok := seen[slot{r.Key, r.Seq}]; ok {
				twice[first], twice[i] = true, true
			}
			seen[slot{r.Key, r.Seq}] = i
		}
	}
	if len(twice) == 0 {
		return
	}
	var lost, again []span
	for i, s := range w.spans {
		if twice[i] {
			lost = append(lost, s)
		} else {
			again = append(again, s)
		}
	}
	w.lose(lost, ErrConflict)
	w.keep(again)
}

// keep makes a new batch of the given spans of this one.
func (w *Writer) keep(spans []span) {
	old := w.batch
	w.token++
	b := Batch{Epoch: old.Epoch, Token: w.token, Pos: w.pos, Rows: w.resent.Rows[:0], Heads: w.resent.Heads[:0], Traces: old.Traces}
	kept := make([]span, 0, len(spans))
	for _, s := range spans {
		at := span{source: s.source, token: s.token, rows: len(b.Rows), heads: len(b.Heads)}
		b.Rows = append(b.Rows, old.Rows[s.rows:s.rowsEnd]...)
		b.Heads = append(b.Heads, old.Heads[s.heads:s.end]...)
		at.rowsEnd, at.end = len(b.Rows), len(b.Heads)
		kept = append(kept, at)
	}
	clear(old.Rows)
	clear(old.Heads)
	w.batch, w.resent, w.spans = b, old, kept
}

// fenced loses the batch's sources, and, unless the process has taken a new epoch since
// the batch was cut, all that wait: none of them will be written.
func (w *Writer) fenced(err error) {
	w.lose(w.spans, err)
	if w.batch.Epoch != w.journal.Epoch() {
		return
	}
	w.mu.Lock()
	waiting := make([]span, 0, len(w.queued))
	for _, s := range w.rest {
		waiting = append(waiting, span{source: s})
	}
	for _, s := range w.queue {
		waiting = append(waiting, span{source: s})
	}
	w.mu.Unlock()
	w.lose(waiting, err)
}

// lose marks sources as lost, so that they are never cut again, and tells them once
// what they have in earlier batches has been released.
func (w *Writer) lose(spans []span, err error) {
	if len(spans) == 0 {
		return
	}
	r := w.unused()
	r.lost, r.err = r.lost[:0], err
	w.mu.Lock()
	for _, s := range spans {
		if _, ok := w.lost[s.source]; !ok {
			w.lost[s.source] = struct{}{}
			r.lost = append(r.lost, s)
		}
	}
	w.mu.Unlock()
	if hook := w.options.Hooks.Lost; hook != nil {
		for _, s := range r.lost {
			hook(s.source, err)
		}
	}
	w.gates <- r
}
