package printing

import (
	"bytes"
	"strings"

	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/width"

	"github.com/brigata/brigata/actors/store"
)

// ESC/POS, as Epson's reference gives it.
var (
	reset  = []byte{0x1b, '@'}
	left   = []byte{0x1b, 'a', 0}
	center = []byte{0x1b, 'a', 1}
	large  = []byte{0x1d, '!', 0x11} // double width and height
	tall   = []byte{0x1d, '!', 0x01}
	normal = []byte{0x1d, '!', 0x00}
	bold   = []byte{0x1b, 'E', 1}
	plain  = []byte{0x1b, 'E', 0}
	kanji  = []byte{0x1c, '&'}                      // GB18030, two bytes a character
	utf8   = []byte{0x1c, '(', 'C', 2, 0, '0', '2'} // UTF-8 until the next reset
	cut    = []byte{0x1d, 'V', 'B', 3}
	// paper asks for the paper sensor at once; bits 5 and 6 of the answer: none is left.
	paper = []byte{0x10, 0x04, 4}
)

// marker asks the printer to say the id when all before it is printed; done is what it
// says then.
func marker(id string) []byte { return append([]byte{0x1d, '(', 'H', 6, 0, 48, 48}, id...) }
func done(id string) []byte   { return append([]byte{0x37, 0x22}, append([]byte(id), 0)...) }

// slip is one job on its way to paper.
type slip struct {
	b     bytes.Buffer
	utf8  bool
	width int // columns of normal characters; a Chinese one takes two
}

// newSlip begins a slip for a printer: 48 columns on 80 mm, 32 on 58 mm.
func newSlip(p *store.Printer) *slip {
	s := &slip{utf8: p.Encoding == "utf8", width: 48}
	if p.PaperMM > 0 && p.PaperMM <= 58 {
		s.width = 32
	}
	s.b.Write(reset)
	if s.utf8 {
		s.b.Write(utf8)
	} else {
		s.b.Write(kanji)
	}
	return s
}

// in writes what f does with a command before it, and the one that undoes it after it.
func (s *slip) in(on, off []byte, f func()) {
	s.b.Write(on)
	f()
	s.b.Write(off)
}

func (s *slip) rule() { s.line(strings.Repeat("-", s.width)) }

// row writes text at the left and an amount at the right, below the text where both do
// not fit.
func (s *slip) row(text, amount string) {
	text = clean(text)
	lines := s.wrap(text, s.width)
	last := lines[len(lines)-1]
	gap := s.width - s.columns(last) - s.columns(amount)
	if gap < 1 {
		lines, last = append(lines, ""), ""
		gap = max(0, s.width-s.columns(amount))
	}
	for _, l := range lines[:len(lines)-1] {
		s.write(l)
	}
	s.write(last + strings.Repeat(" ", gap) + amount)
}

// line writes text that is at most as wide as the paper in lines of normal characters.
func (s *slip) line(text string) { s.wide(text, 1) }

// wide writes text in characters that are so many times as wide.
func (s *slip) wide(text string, times int) {
	for _, l := range s.wrap(clean(text), s.width/times) {
		s.write(l)
	}
}

// wrap breaks text into lines of at most so many columns: at a blank where there is one,
// with what begins a line kept in front of the others.
func (s *slip) wrap(text string, most int) (lines []string) {
	indent := text[:len(text)-len(strings.TrimLeft(text, " "))]
	if len(indent) > most/2 {
		indent = ""
	}
	for s.columns(text) > most {
		at, blank, used := 0, 0, 0
		for i, r := range text {
			if used += s.columnsOf(r); used > most {
				break
			}
			if at = i + len(string(r)); r == ' ' && i > len(indent) {
				blank = i
			}
		}
		if blank > 0 {
			lines, text = append(lines, text[:blank]), indent+text[blank+1:]
		} else {
			lines, text = append(lines, text[:at]), indent+text[at:]
		}
	}
	return append(lines, text)
}

func (s *slip) columns(text string) (n int) {
	for _, r := range text {
		n += s.columnsOf(r)
	}
	return n
}

// columnsOf is how wide a character is. What Unicode leaves open, such as ×, takes two
// columns where it is a Chinese character's two bytes.
func (s *slip) columnsOf(r rune) int {
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	case width.EastAsianAmbiguous:
		if !s.utf8 {
			return 2
		}
	}
	return 1
}

// clean has no control characters, which could command the printer.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, text)
}

// write writes a line in the printer's encoding.
func (s *slip) write(text string) {
	if !s.utf8 {
		b, err := simplifiedchinese.GB18030.NewEncoder().String(text)
		if err != nil {
			b = strings.Map(func(r rune) rune {
				if r > 0x7e {
					return '?'
				}
				return r
			}, text)
		}
		text = b
	}
	s.b.WriteString(text)
	s.b.WriteByte('\n')
}
