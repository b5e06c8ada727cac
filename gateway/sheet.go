package gateway

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"strings"
	"unicode/utf16"
)

// sheet is a PDF of lines of text, written from top to bottom of A4. Letters are of two
// fonts that every reader has or replaces: Helvetica, and STSong for what is not Latin.
type sheet struct {
	pages []*bytes.Buffer // content of each
	y     float64         // of the next line, from the bottom
	size  float64         // of the letters; points, as everything
}

const (
	sheetWidth, sheetHeight = 595.0, 842.0
	sheetMargin             = 36.0
	sheetLine               = 13.0
	sheetText, sheetTitle   = 8.0, 12.0
)

func newSheet() *sheet {
	s := &sheet{size: sheetText}
	s.page()
	return s
}

func (s *sheet) page() {
	s.pages = append(s.pages, new(bytes.Buffer))
	s.y = sheetHeight - sheetMargin - sheetLine
}

// title is a line in larger letters, after an empty one.
func (s *sheet) title(text string) {
	s.y -= sheetLine
	s.size = sheetTitle
	s.row([]float64{0}, text)
	s.size = sheetText
}

// row writes texts at their columns, which are distances from the margin. What is too long
// for its column goes on in the next lines.
func (s *sheet) row(columns []float64, texts ...string) {
	for left := true; left; {
		if s.y < sheetMargin {
			s.page()
		}
		left = false
		for i, text := range texts {
			end := sheetWidth - 2*sheetMargin
			if i+1 < len(columns) {
				end = columns[i+1] - s.size/2
			}
			var line string
			line, texts[i] = s.fit(text, end-columns[i])
			s.write(sheetMargin+columns[i], line)
			left = left || texts[i] != ""
		}
		s.y -= sheetLine
	}
}

// fit cuts off as much of a text as a width holds, at a space if there is one.
func (s *sheet) fit(text string, width float64) (line, rest string) {
	wide, space := 0.0, 0
	for i, r := range text {
		if r == ' ' {
			space = i
		}
		if wide += s.size * em(r); wide > width && i > 0 {
			if space > 0 {
				return text[:space], text[space+1:]
			}
			return text[:i], text[i:]
		}
	}
	return text, ""
}

// em is about how wide a letter is, in its size.
func em(r rune) float64 {
	switch _, latin := winANSI(r); {
	case !latin:
		return 1
	case strings.ContainsRune("ijl.,:;'|! ()[]-", r):
		return 0.34
	case r >= 'A' && r <= 'Z', strings.ContainsRune("mw@%", r):
		return 0.8
	}
	return 0.56
}

// winANSI is the byte of a letter that Helvetica has here.
func winANSI(r rune) (byte, bool) {
	switch {
	case r < ' ':
		return ' ', true
	case r < 0x7f, r >= 0xa0 && r <= 0xff:
		return byte(r), true
	case r == '…':
		return 0x85, true
	}
	return 0, false
}

// write puts a text at x, in runs of one font.
func (s *sheet) write(x float64, text string) {
	if text == "" {
		return
	}
	p := s.pages[len(s.pages)-1]
	fmt.Fprintf(p, "BT %.1f %.1f Td", x, s.y)
	font := ""
	for _, r := range text {
		b, latin := winANSI(r)
		next := "C"
		if latin {
			next = "L"
		}
		if next != font {
			if font != "" {
				p.WriteString("> Tj")
			}
			font = next
			fmt.Fprintf(p, " /%s %g Tf <", font, s.size)
		}
		if latin {
			fmt.Fprintf(p, "%02X", b)
			continue
		}
		for _, u := range utf16.AppendRune(nil, r) {
			fmt.Fprintf(p, "%04X", u)
		}
	}
	p.WriteString("> Tj ET\n")
}

// sheetFonts are objects 3 to 6.
var sheetFonts = []string{
	"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
	"<</Type/Font/Subtype/Type0/BaseFont/STSong-Light-UniGB-UTF16-H/Encoding/UniGB-UTF16-H/DescendantFonts[5 0 R]>>",
	"<</Type/Font/Subtype/CIDFontType0/BaseFont/STSong-Light/CIDSystemInfo<</Registry(Adobe)/Ordering(GB1)/Supplement 4>>/DW 1000/FontDescriptor 6 0 R>>",
	"<</Type/FontDescriptor/FontName/STSong-Light/Flags 6/FontBBox[-25 -254 1000 880]/ItalicAngle 0/Ascent 880/Descent -120/CapHeight 880/StemV 93>>",
}

// bytes is the file.
func (s *sheet) bytes() []byte {
	var out bytes.Buffer
	out.WriteString("%PDF-1.5\n")
	var at []int
	object := func(body string) {
		at = append(at, out.Len())
		fmt.Fprintf(&out, "%d 0 obj\n%s\nendobj\n", len(at), body)
	}
	object("<</Type/Catalog/Pages 2 0 R>>")
	var kids strings.Builder
	first := 3 + len(sheetFonts)
	for i := range s.pages {
		fmt.Fprintf(&kids, "%d 0 R ", first+2*i)
	}
	object(fmt.Sprintf("<</Type/Pages/Count %d/Kids[%s]/MediaBox[0 0 %g %g]/Resources<</Font<</L 3 0 R/C 4 0 R>>>>>>", len(s.pages), kids.String(), sheetWidth, sheetHeight))
	for _, f := range sheetFonts {
		object(f)
	}
	for i, p := range s.pages {
		object(fmt.Sprintf("<</Type/Page/Parent 2 0 R/Contents %d 0 R>>", first+2*i+1))
		var packed bytes.Buffer
		z := zlib.NewWriter(&packed)
		z.Write(p.Bytes()) // into memory
		z.Close()
		object(fmt.Sprintf("<</Length %d/Filter/FlateDecode>>stream\n%s\nendstream", packed.Len(), packed.Bytes()))
	}
	table := out.Len()
	fmt.Fprintf(&out, "xref\n0 %d\n0000000000 65535 f \n", len(at)+1)
	for _, a := range at {
		fmt.Fprintf(&out, "%010d 00000 n \n", a)
	}
	fmt.Fprintf(&out, "trailer <</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", len(at)+1, table)
	return out.Bytes()
}
