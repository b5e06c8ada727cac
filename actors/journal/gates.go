package journal

import (
	"time"

	"github.com/brigata/brigata/actors/threads"
)

// release is what the second goroutine tells sources about one batch.
type release struct {
	spans []span
	lost  []span
	err   error
	marks []chan struct{}
}

// open is the second goroutine: it opens the gates, batch by batch.
func (w *Writer) open() {
	defer close(w.done)
	for {
		r, ok := threads.Receive(w.options.Threads, w.gates)
		if !ok {
			return
		}
		for _, s := range r.spans {
			s.source.Durable(s.token)
		}
		for _, s := range r.lost {
			s.source.Lost(r.err)
		}
		for _, m := range r.marks {
			close(m)
		}
		clear(r.spans)
		clear(r.lost)
		r.spans, r.lost, r.marks, r.err = r.spans[:0], r.lost[:0], r.marks[:0], nil
		w.free <- r
	}
}

// unused waits for a release that nobody uses: what bounds the batches ahead.
func (w *Writer) unused() *release {
	r, _ := threads.Receive(w.options.Threads, w.free)
	return r
}

// committed hands the batch to the gates.
func (w *Writer) committed(took time.Duration) {
	w.pos += int64(len(w.batch.Rows))
	if hook := w.options.Hooks.Committed; hook != nil {
		hook(Committed{len(w.batch.Rows), w.bytes, took, w.batch.Traces})
	}
	w.release(w.spans)
}

func (w *Writer) release(spans []span) {
	r := w.unused()
	r.spans = append(r.spans[:0], spans...)
	w.gates <- r
}
