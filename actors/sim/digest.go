package sim

import (
	"encoding/binary"
	"math/bits"
)

// digest is the hash of all that happened in a run, in order; it is the same in every
// process.
type digest uint64

func (d *digest) number(x uint64) {
	hi, lo := bits.Mul64(uint64(*d)^x^0xa0761d6478bd642f, 0xe7037ed1a0b428db)
	*d = digest(hi ^ lo)
}

func (d *digest) bytes(b []byte) {
	d.number(uint64(len(b)))
	for ; len(b) >= 8; b = b[8:] {
		d.number(binary.LittleEndian.Uint64(b))
	}
	var last [8]byte
	copy(last[:], b)
	d.number(binary.LittleEndian.Uint64(last[:]))
}

func one(is bool) uint64 {
	if is {
		return 1
	}
	return 0
}
