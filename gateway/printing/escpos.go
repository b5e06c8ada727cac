package printing

import (
	"bytes"
	"fmt"
	"strings"

	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/printer"
	"github.com/brigata/brigata/actors/store"
)

// ESC/POS, as Epson's reference gives it.
var (
	reset  = []byte{0x1b, '@'}
	large  = []byte{0x1d, '!', 0x11} // double width and height
	tall   = []byte{0x1d, '!', 0x01}
	normal = []byte{0x1d, '!', 0x00}
	bold   = []byte{0x1b, 'E', 1}
	plain  = []byte{0x1b, 'E', 0}
	kanji  = []byte{0x1c, '&'} // GB18030, two bytes a character
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
	width int // columns of normal characters
}

// render makes a job's bytes: large numbers, a line for each thing to make, and what is
// special about it below, in the language that the printer can write.
func render(j *printer.Job, p *store.Printer) []byte {
	s := &slip{utf8: p.Encoding == "utf8", width: 48}
	if p.PaperMM > 0 && p.PaperMM <= 58 {
		s.width = 32
	}
	s.b.Write(reset)
	if !s.utf8 {
		s.b.Write(kanji)
	}
	s.head(j)
	for i := range j.Items {
		s.item(&j.Items[i])
	}
	s.rule()
	s.line(j.At.Format("2006-01-02 15:04 UTC"))
	if j.From != "" {
		s.line("FOR " + j.From)
	}
	s.b.Write(cut)
	return s.b.Bytes()
}

func (s *slip) head(j *printer.Job) {
	s.b.Write(large)
	s.line(fmt.Sprintf("%s  #%d", j.Label, j.No))
	s.b.Write(normal)
	if j.Copy > 0 {
		s.b.Write(bold)
		s.line(fmt.Sprintf("*** COPY %d ***", j.Copy))
		s.b.Write(plain)
	}
	if j.Rush {
		s.b.Write(bold)
		s.line("*** RUSH 加急 ***")
		s.b.Write(plain)
	}
	parts := []string{j.Station, strings.ReplaceAll(j.Type, "_", " ")}
	if j.Course > 0 {
		parts = append(parts, fmt.Sprint("course ", j.Course))
	}
	if j.Guests > 0 {
		parts = append(parts, fmt.Sprint(j.Guests, " guests"))
	}
	if j.Server != "" {
		parts = append(parts, j.Server)
	}
	s.line(strings.Join(parts, " · "))
	if j.Note != "" {
		s.line("> " + j.Note)
	}
	s.rule()
}

func (s *slip) item(i *printer.Item) {
	s.b.Write(tall)
	state := ""
	switch {
	case i.Void:
		state = "VOID 退 "
	case i.Added:
		state = "ADDED 加 "
	}
	s.line(fmt.Sprintf("%s%d × %s", state, i.Qty, name(i.Name)))
	s.b.Write(normal)
	for _, m := range i.Mods {
		s.line("   " + name(m))
	}
	for _, a := range i.Allergies {
		s.b.Write(bold)
		s.line("   !! " + name(a))
		s.b.Write(plain)
	}
	if i.Note != "" {
		s.line("   > " + i.Note)
	}
	if i.Seat > 0 {
		s.line(fmt.Sprintf("   seat %d", i.Seat))
	}
}

// name is what the kitchen reads: Chinese first, where there is any.
func name(t menu.Text) string {
	switch {
	case t.ZH == "":
		return t.EN
	case t.EN == "":
		return t.ZH
	}
	return t.ZH + " " + t.EN
}

func (s *slip) rule() { s.line(strings.Repeat("-", s.width)) }

// line writes text in the printer's encoding. Control characters, which could command
// the printer, do not get there.
func (s *slip) line(text string) {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
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
