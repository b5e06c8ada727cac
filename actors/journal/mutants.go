package journal

import "github.com/brigata/brigata/actors/mutant"

// This file holds the writer's known-wrong parts that are more than a condition.

// remerge fills a batch whose outcome is unknown up with what has been appended since.
func (w *Writer) remerge() {
	for i := range w.spans {
		var more Batch
		more.Token = w.batch.Token
		w.spans[i].source.Cut(&more)
		for _, r := range more.Rows {
			for j := range w.batch.Rows {
				if was := &w.batch.Rows[j]; was.Key == r.Key {
					was.N += r.N
					was.Payload = append(append([]byte(nil), was.Payload...), r.Payload...)
				}
			}
		}
	}
}

// skip moves a batch that conflicts to the next slots.
func (w *Writer) skip(slots []Slot) {
	for i := range w.batch.Rows {
		if slots[i].Found {
			w.batch.Rows[i].Seq++
		}
	}
}

// pick keeps of each span what conflicts with nothing.
func (w *Writer) pick(slots []Slot) {
	kept := Batch{Epoch: w.batch.Epoch, Token: w.batch.Token, Pos: w.batch.Pos, Heads: w.batch.Heads}
	spans := w.spans[:0:0]
	for _, s := range w.spans {
		at := s
		at.rows = len(kept.Rows)
		for i := s.rows; i < s.rowsEnd; i++ {
			if !slots[i].Found {
				kept.Rows = append(kept.Rows, w.batch.Rows[i])
			}
		}
		at.rowsEnd = len(kept.Rows)
		spans = append(spans, at)
	}
	w.batch, w.spans = kept, spans
}

// mistaken handles a probe's answer as a known-wrong writer would; it reports whether it
// did.
func (w *Writer) mistaken(v verdict, slots []Slot) bool {
	switch {
	case !v.mixed:
		return false
	case mutant.Is(mutant.BlindRetry):
		w.skip(slots)
	case mutant.Is(mutant.ForeignEntityOnly):
		w.pick(slots)
	default:
		return false
	}
	return true
}
