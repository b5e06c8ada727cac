package postgres

import (
	"bytes"
	"io"

	"github.com/brigata/brigata/actors/journal"
)

// Encoder returns the encoder of COPY, for benchmarks.
func Encoder() func(b *journal.Batch) io.Reader {
	var buf []byte
	return func(b *journal.Batch) io.Reader {
		buf = appendRows(buf[:0], 1, b)
		return bytes.NewReader(buf)
	}
}
