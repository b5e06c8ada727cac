package fake

import (
	"bytes"
	"fmt"
	"strings"

	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/width"
)

// Read is what a slip looks like on paper of so many columns: a line of text for each,
// with its size in front where it is not the normal one. It fails on a command that the
// printer does not know, on text that it cannot write, and on a line that the paper is too
// narrow for: a printer breaks that anywhere, which shifts what is aligned.
func Read(slip []byte, columns int) (string, error) {
	r := reader{rest: slip, columns: columns, wide: 1}
	for len(r.rest) > 0 {
		if r.command() {
			continue
		}
		line, rest, found := bytes.Cut(r.rest, []byte("\n"))
		if !found {
			return "", fmt.Errorf("no end of line after %q", r.rest)
		}
		r.rest = rest
		if err := r.line(line); err != nil {
			return "", err
		}
	}
	return r.out.String(), nil
}

type reader struct {
	rest      []byte
	columns   int
	wide      int
	utf8      bool
	size, bar string
	out       strings.Builder
}

// command takes a command off the front, if there is one.
func (r *reader) command() bool {
	for prefix, do := range map[string]func(){
		"\x1b@":            func() { r.utf8, r.wide, r.size, r.bar = false, 1, "", "" },
		"\x1d!\x11":        func() { r.wide, r.size = 2, "[large] " },
		"\x1d!\x01":        func() { r.wide, r.size = 1, "[tall] " },
		"\x1d!\x00":        func() { r.wide, r.size = 1, "" },
		"\x1bE\x01":        func() { r.bar = "[bold] " },
		"\x1bE\x00":        func() { r.bar = "" },
		"\x1ba\x01":        func() {},
		"\x1ba\x00":        func() {},
		"\x1c&":            func() { r.utf8 = false },
		"\x1c(C\x02\x0002": func() { r.utf8 = true },
		"\x1dVB\x03":       func() { r.out.WriteString("[cut]\n") },
	} {
		if rest, ok := bytes.CutPrefix(r.rest, []byte(prefix)); ok {
			r.rest = rest
			do()
			return true
		}
	}
	return false
}

func (r *reader) line(b []byte) error {
	text := string(b)
	if !r.utf8 {
		var err error
		if text, err = simplifiedchinese.GB18030.NewDecoder().String(text); err != nil {
			return err
		}
	}
	used := 0
	for _, x := range text {
		if x < ' ' || x == 0x7f || x == '\uFFFD' {
			return fmt.Errorf("%q cannot be printed, in %q", x, text)
		}
		switch width.LookupRune(x).Kind() {
		case width.EastAsianWide, width.EastAsianFullwidth:
			used++
		case width.EastAsianAmbiguous:
			if !r.utf8 {
				used++
			}
		}
		used++
	}
	if used*r.wide > r.columns {
		return fmt.Errorf("%q takes %d of %d columns", text, used*r.wide, r.columns)
	}
	r.out.WriteString(r.size + r.bar + strings.TrimRight(text, " ") + "\n")
	return nil
}
