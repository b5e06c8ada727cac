package wire

import (
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// BodyHash tells bodies apart: it is equal for two commands exactly when their names
// and their data's canonical JSON (RFC 8785) are, but for chance (2⁻¹²⁸ for bodies
// that were not made to collide; who makes them only fools their own command). It
// takes one pass and sorts nothing: members of an object are hashed by themselves and
// added up. d must be valid JSON without duplicate keys, as strict decoding leaves it.
func BodyHash(name string, d []byte) ([16]byte, error) {
	h := hasher{b: d}
	v := h.value(0)
	h.space()
	if h.bad || h.i != len(h.b) {
		return [16]byte{}, errJSON
	}
	v = mix(sum([]byte(name), 1), v)
	var out [16]byte
	binary.LittleEndian.PutUint64(out[:], v.a)
	binary.LittleEndian.PutUint64(out[8:], v.b)
	return out, nil
}

// pair is a 128-bit hash in two lanes.
type pair struct{ a, b uint64 }

const (
	k0 = 0xa0761d6478bd642f
	k1 = 0xe7037ed1a0b428db
	k2 = 0x8ebc6af09c88c6e3
	k3 = 0x589965cc75374cc3
)

func fold(x, y uint64) uint64 {
	hi, lo := bits.Mul64(x, y)
	return hi ^ lo
}

func mix(x, y pair) pair {
	return pair{fold(x.a^k0, y.a^k1) + y.b, fold(x.b^k2, y.b^k3) + x.a}
}

// sum hashes bytes under a kind, so that "1" and 1 differ.
func sum(s []byte, kind uint64) pair {
	p := pair{k0 ^ kind, k2 + kind*k1}
	n := uint64(len(s))
	for len(s) >= 8 {
		w := binary.LittleEndian.Uint64(s)
		p = pair{fold(p.a^w, k1), fold(p.b^w, k3)}
		s = s[8:]
	}
	var last [8]byte
	copy(last[:], s)
	w := binary.LittleEndian.Uint64(last[:])
	return pair{fold(p.a^w, k1^n), fold(p.b^w, k3^n)}
}

const depthMax = 100

// hasher walks JSON that is known to be valid.
type hasher struct {
	b   []byte
	i   int
	bad bool
}

func (h *hasher) space() {
	for h.i < len(h.b) && (h.b[h.i] == ' ' || h.b[h.i] == '\n' || h.b[h.i] == '\t' || h.b[h.i] == '\r') {
		h.i++
	}
}

func (h *hasher) peek() byte {
	h.space()
	if h.i >= len(h.b) {
		h.bad = true
		return 0
	}
	return h.b[h.i]
}

func (h *hasher) value(depth int) pair {
	if depth > depthMax {
		h.bad = true
	}
	if h.bad {
		return pair{}
	}
	switch c := h.peek(); c {
	case '{':
		return h.object(depth)
	case '[':
		return h.array(depth)
	case '"':
		return sum(h.str(), 2)
	case 't', 'f', 'n':
		from := h.i
		for h.i < len(h.b) && h.b[h.i] >= 'a' && h.b[h.i] <= 'z' {
			h.i++
		}
		return sum(h.b[from:h.i], 3)
	}
	return h.number()
}

func (h *hasher) object(depth int) pair {
	h.i++
	all := pair{4, 4}
	for n := 0; !h.bad; n++ {
		switch h.peek() {
		case '}':
			h.i++
			return mix(all, pair{k1, k2})
		case ',':
			h.i++
			h.space()
		}
		key := sum(h.str(), 5)
		if h.peek() != ':' {
			h.bad = true
			break
		}
		h.i++
		m := mix(key, h.value(depth+1))
		all.a, all.b = all.a+m.a, all.b+m.b // whatever the order
	}
	return pair{}
}

func (h *hasher) array(depth int) pair {
	h.i++
	all := pair{6, 6}
	for !h.bad {
		switch h.peek() {
		case ']':
			h.i++
			return mix(all, pair{k3, k0})
		case ',':
			h.i++
		}
		all = mix(all, h.value(depth+1))
	}
	return pair{}
}

// str returns a string's characters without escapes.
func (h *hasher) str() []byte {
	if h.peek() != '"' {
		h.bad = true
		return nil
	}
	from, escaped := h.i, false
	for h.i++; h.i < len(h.b) && h.b[h.i] != '"'; h.i++ {
		if h.b[h.i] == '\\' {
			escaped = true
			h.i++
		}
	}
	if h.i >= len(h.b) {
		h.bad = true
		return nil
	}
	h.i++
	if !escaped {
		return h.b[from+1 : h.i-1]
	}
	s, err := jsontext.AppendUnquote(nil, h.b[from:h.i])
	h.bad = h.bad || err != nil
	return s
}

// number hashes a number by its value as RFC 8785 has it: a double.
func (h *hasher) number() pair {
	from, simple := h.i, true
	for ; h.i < len(h.b); h.i++ {
		c := h.b[h.i]
		if c == '.' || c == 'e' || c == 'E' || c == '+' {
			simple = false
		} else if c != '-' && (c < '0' || c > '9') {
			break
		}
	}
	s := h.b[from:h.i]
	if len(s) == 0 {
		h.bad = true
		return pair{}
	}
	if simple && len(s) <= 15 && s[0] != '-' {
		return sum(s, 7)
	}
	f, err := strconv.ParseFloat(string(s), 64)
	if err != nil {
		h.bad = true
		return pair{}
	}
	if f == math.Trunc(f) && f >= 0 && f < 1e15 {
		return sum(strconv.AppendInt(nil, int64(f), 10), 7)
	}
	return sum(strconv.AppendUint(nil, math.Float64bits(f), 16), 8)
}
