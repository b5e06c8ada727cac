package postgres

import (
	"io"

	"github.com/brigata/brigata/actors/journal"
)

// Encoder returns the encoder of COPY, for benchmarks.
func Encoder() func(b *journal.Batch) io.Reader {
	var e encoder
	return func(b *journal.Batch) io.Reader { return e.encode(1, b) }
}
