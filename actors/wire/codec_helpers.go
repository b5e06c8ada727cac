package wire

import (
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

var errTruncated = errors.New("wire: a message ends early or is malformed")

// ErrNewer says that a newer version wrote something that this one would lose.
var ErrNewer = errors.New("wire: written by a newer version")

// newer refuses a number beyond all that this version knows of. One that it has given up
// is lower, and skipped.
func newer(message string, n protowire.Number) error {
	return fmt.Errorf("%w: field %d of %s", ErrNewer, n, message)
}

// wireField is one field of a message: u for numbers, raw for what has a length.
type wireField struct {
	num protowire.Number
	u   uint64
	raw []byte
}

// next reads a field, known or not.
func next(b []byte) (f wireField, rest []byte, err error) {
	num, kind, n := protowire.ConsumeTag(b)
	if n < 0 {
		return f, nil, errTruncated
	}
	f.num, b = num, b[n:]
	switch kind {
	case protowire.VarintType:
		f.u, n = protowire.ConsumeVarint(b)
	case protowire.Fixed64Type:
		f.u, n = protowire.ConsumeFixed64(b)
	case protowire.BytesType:
		f.raw, n = protowire.ConsumeBytes(b)
	default:
		n = protowire.ConsumeFieldValue(num, kind, b)
	}
	if n < 0 {
		return f, nil, errTruncated
	}
	return f, b[n:], nil
}

func (f *wireField) int() int64      { return protowire.DecodeZigZag(f.u) }
func (f *wireField) str() string     { return string(f.raw) }
func (f *wireField) time() time.Time { return time.UnixMilli(f.int()).UTC() }

func num(b []byte, tag uint64, n int64) []byte {
	return protowire.AppendVarint(protowire.AppendVarint(b, tag), protowire.EncodeZigZag(n))
}

func str(b []byte, tag uint64, s string) []byte {
	return protowire.AppendString(protowire.AppendVarint(b, tag), s)
}

// open starts a message within a message: one byte is kept for its length, which is
// enough for most. at is where the message starts.
func open(b []byte, tag uint64) (out []byte, at int) {
	b = append(protowire.AppendVarint(b, tag), 0)
	return b, len(b)
}

// shut writes the length of the message that starts at at, making room where one byte
// does not do.
func shut(b []byte, at int) []byte {
	n := len(b) - at
	if n < 128 {
		b[at-1] = byte(n)
		return b
	}
	more := protowire.SizeVarint(uint64(n)) - 1
	for range more {
		b = append(b, 0)
	}
	copy(b[at+more:], b[at:at+n])
	protowire.AppendVarint(b[:at-1], uint64(n))
	return b
}

// shutUnlessEmpty takes back a message without content, with its tag of that many bytes.
func shutUnlessEmpty(b []byte, at, tag int) []byte {
	if len(b) > at {
		return shut(b, at)
	}
	return b[:at-1-tag]
}
