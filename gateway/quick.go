package gateway

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/brigata/brigata/actors/wire"
)

// quick reads a command as clients send it: known members once each, plain strings,
// whole numbers, an object under d. It reports false for everything else, which
// json.Unmarshal then reads or refuses. d is only found by its brackets: whoever decodes
// it finds out whether it is JSON, and check says what a whole message would have been.
func (m *message) quick(b []byte) bool {
	s := scanner{b: b}
	seen := 0
	if !s.is('{') {
		return false
	}
	for {
		key, ok := s.plain()
		if !ok || !s.is(':') {
			return false
		}
		bit := 0
		switch string(key) {
		case "id":
			bit = 1
			m.ID, ok = s.whole()
		case "cmd":
			bit = 2
			var name []byte
			if name, ok = s.plain(); ok {
				m.Cmd, ok = wire.CommandName(name)
			}
		case "cid":
			bit = 4
			m.CID, ok = s.text()
		case "store":
			bit = 8
			m.Store, ok = s.text()
		case "d":
			bit = 16
			m.D, ok = s.object()
		case "deadline_ms":
			bit = 32
			m.DeadlineMS, ok = s.whole()
		}
		if !ok || bit == 0 || seen&bit != 0 {
			return false
		}
		if seen |= bit; !s.is(',') {
			break
		}
	}
	m.raw = b
	return s.is('}') && s.i == len(b) && seen&3 == 3
}

// check says what is wrong with a message that quick has read, and that could not be
// decoded all the way.
func (m *message) check() error {
	if m.raw == nil {
		return nil
	}
	return unmarshal(m.raw, &message{})
}

// scanner walks JSON in its simplest form.
type scanner struct {
	b []byte
	i int
}

// is takes c, with space before and after it, if it is next.
func (s *scanner) is(c byte) bool {
	s.space()
	if s.i >= len(s.b) || s.b[s.i] != c {
		return false
	}
	s.i++
	s.space()
	return true
}

func (s *scanner) space() {
	for s.i < len(s.b) && (s.b[s.i] == ' ' || s.b[s.i] == '\t' || s.b[s.i] == '\r' || s.b[s.i] == '\n') {
		s.i++
	}
}

// plain takes a string of printable ASCII without escapes.
func (s *scanner) plain() ([]byte, bool) {
	if s.i >= len(s.b) || s.b[s.i] != '"' {
		return nil, false
	}
	from := s.i + 1
	for i := from; i < len(s.b); i++ {
		switch c := s.b[i]; {
		case c == '"':
			s.i = i + 1
			return s.b[from:i], true
		case c < 0x20 || c >= 0x7f || c == '\\':
			return nil, false
		}
	}
	return nil, false
}

func (s *scanner) text() (string, bool) {
	p, ok := s.plain()
	return string(p), ok
}

// whole takes a number of up to 15 digits.
func (s *scanner) whole() (n int64, ok bool) {
	from := s.i
	for ; s.i < len(s.b) && s.b[s.i] >= '0' && s.b[s.i] <= '9'; s.i++ {
		n = 10*n + int64(s.b[s.i]-'0')
		if s.i-from >= 15 {
			return 0, false
		}
	}
	return n, s.i > from && (s.b[from] != '0' || s.i == from+1)
}

// object takes what lies between a bracket and the one that closes it.
func (s *scanner) object() (jsontext.Value, bool) {
	if s.i >= len(s.b) || s.b[s.i] != '{' {
		return nil, false
	}
	from, depth := s.i, 0
	for ; s.i < len(s.b); s.i++ {
		switch s.b[s.i] {
		case '"':
			if !s.skip() {
				return nil, false
			}
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				s.i++
				return jsontext.Value(s.b[from:s.i]), true
			}
		}
	}
	return nil, false
}

// skip goes to the end of a string.
func (s *scanner) skip() bool {
	for s.i++; s.i < len(s.b); s.i++ {
		switch s.b[s.i] {
		case '"':
			return true
		case '\\':
			s.i++
		}
	}
	return false
}
