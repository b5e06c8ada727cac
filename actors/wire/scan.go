package wire

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/order"
)

// Scanner walks JSON in its simplest form, which is what clients send: plain strings, whole
// numbers. What it does not take need not be wrong; a decoder of all of JSON finds out.
type Scanner struct {
	b []byte
	i int
}

// Scan starts at the beginning of b.
func Scan(b []byte) Scanner { return Scanner{b: b} }

// End says that nothing is left.
func (s *Scanner) End() bool { return s.i == len(s.b) }

// Is takes c, with space before and after it, if it is next.
func (s *Scanner) Is(c byte) bool {
	s.space()
	if s.i >= len(s.b) || s.b[s.i] != c {
		return false
	}
	s.i++
	s.space()
	return true
}

func (s *Scanner) space() {
	for s.i < len(s.b) && (s.b[s.i] == ' ' || s.b[s.i] == '\t' || s.b[s.i] == '\r' || s.b[s.i] == '\n') {
		s.i++
	}
}

// Plain takes a string of printable ASCII without escapes.
func (s *Scanner) Plain() ([]byte, bool) {
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

// Text is Plain, copied.
func (s *Scanner) Text() (string, bool) {
	p, ok := s.Plain()
	return string(p), ok
}

// Whole takes a number of up to 15 digits.
func (s *Scanner) Whole() (n int64, ok bool) {
	from := s.i
	for ; s.i < len(s.b) && s.b[s.i] >= '0' && s.b[s.i] <= '9'; s.i++ {
		n = 10*n + int64(s.b[s.i]-'0')
		if s.i-from >= 15 {
			return 0, false
		}
	}
	return n, s.i > from && (s.b[from] != '0' || s.i == from+1)
}

// Object takes what lies between a bracket and the one that closes it.
func (s *Scanner) Object() (jsontext.Value, bool) {
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
func (s *Scanner) skip() bool {
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

// quickPlace reads an order as most clients send it into c, and reports false for one that
// holds more, is written otherwise, or is wrong: the decoder then reads or refuses it.
func quickPlace(d []byte, c *order.Place) bool {
	s := Scan(d)
	_, ok := s.Members(func(key []byte) (bit int, ok bool) {
		var n int64
		switch string(key) {
		case "type":
			bit = 1
			c.Type, ok = s.Text()
		case "table":
			bit = 2
			c.Table, ok = s.Text()
		case "lines":
			bit = 4
			ok = s.list(func() bool {
				c.Lines = append(c.Lines, menu.Line{})
				return s.line(&c.Lines[len(c.Lines)-1])
			})
		case "total":
			bit = 8
			var total int64
			total, ok = s.Whole()
			c.Total = &total
		case "menu_version":
			bit = 16
			c.MenuVersion, ok = s.Whole()
		case "guests":
			bit = 32
			n, ok = s.Whole()
			c.Guests = int(n)
		}
		return bit, ok
	})
	return ok && s.End()
}

func (s *Scanner) line(l *menu.Line) bool {
	_, ok := s.Members(func(key []byte) (bit int, ok bool) {
		var n int64
		switch string(key) {
		case "id":
			bit = 1
			l.ID, ok = s.Text()
		case "dish":
			bit = 2
			l.Dish, ok = s.Text()
		case "qty":
			bit = 4
			n, ok = s.Whole()
			l.Qty = int(n)
		case "seat":
			bit = 8
			n, ok = s.Whole()
			l.Seat = int(n)
		case "note":
			bit = 16
			l.Note, ok = s.Text()
		case "options":
			bit = 32
			ok = s.list(func() bool {
				l.Options = append(l.Options, menu.Pick{})
				return s.pick(&l.Options[len(l.Options)-1])
			})
		}
		return bit, ok
	})
	return ok
}

func (s *Scanner) pick(p *menu.Pick) bool {
	_, ok := s.Members(func(key []byte) (bit int, ok bool) {
		switch string(key) {
		case "group":
			bit = 1
			p.Group, ok = s.Text()
		case "option":
			bit = 2
			p.Option, ok = s.Text()
		case "qty":
			bit = 4
			var n int64
			n, ok = s.Whole()
			p.Qty = int(n)
		}
		return bit, ok
	})
	return ok
}

// Members takes an object, with space around it; take takes the value of a key that it knows,
// and says with a bit which it is: none may come twice. It returns the bits seen.
func (s *Scanner) Members(take func(key []byte) (bit int, ok bool)) (seen int, ok bool) {
	if !s.Is('{') {
		return 0, false
	}
	for {
		key, ok := s.Plain()
		if !ok || !s.Is(':') {
			return seen, false
		}
		bit, ok := take(key)
		if !ok || seen&bit != 0 {
			return seen, false
		}
		if seen |= bit; !s.Is(',') {
			return seen, s.Is('}')
		}
	}
}

// list takes a list that is not empty, each element by take.
func (s *Scanner) list(take func() bool) bool {
	if !s.Is('[') {
		return false
	}
	for {
		if !take() {
			return false
		}
		if !s.Is(',') {
			return s.Is(']')
		}
	}
}
