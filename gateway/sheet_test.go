package gateway

import (
	"bytes"
	"compress/zlib"
	"encoding/hex"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"
)

var (
	sheetStreams = regexp.MustCompile(`(?s)/Length (\d+)/Filter/FlateDecode>>stream\n`)
	sheetTexts   = regexp.MustCompile(`BT (\S+) (\S+) Td((?: /\w \S+ Tf <[0-9A-F]*> Tj)+) ET`)
	sheetRuns    = regexp.MustCompile(`/(\w) \S+ Tf <([0-9A-F]*)>`)
)

// readSheet reads a PDF of sheet's back: a string for each line, its columns between bars.
func readSheet(t *testing.T, b []byte) (lines []string) {
	t.Helper()
	soundPDF(t, b)
	for _, m := range sheetStreams.FindAllSubmatchIndex(b, -1) {
		n, _ := strconv.Atoi(string(b[m[2]:m[3]]))
		z, err := zlib.NewReader(bytes.NewReader(b[m[1] : m[1]+n]))
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		last := ""
		for _, x := range sheetTexts.FindAllStringSubmatch(string(content), -1) {
			var text strings.Builder
			for _, run := range sheetRuns.FindAllStringSubmatch(x[3], -1) {
				raw, err := hex.DecodeString(run[2])
				if err != nil {
					t.Fatal(err)
				}
				var u []uint16
				for i := 0; i < len(raw); i++ {
					if run[1] == "C" {
						u = append(u, uint16(raw[i])<<8|uint16(raw[i+1]))
						i++
					} else {
						u = append(u, uint16(raw[i]))
					}
				}
				text.WriteString(string(utf16.Decode(u)))
			}
			if x[2] == last {
				lines[len(lines)-1] += "|" + text.String()
			} else {
				lines = append(lines, text.String())
			}
			last = x[2]
		}
	}
	return lines
}

// soundPDF holds a file's table of contents to what is where it says.
func soundPDF(t *testing.T, b []byte) {
	t.Helper()
	_, tail, ok := bytes.Cut(b, []byte("\nstartxref\n"))
	text, rest, _ := strings.Cut(string(tail), "\n")
	table, err := strconv.Atoi(text)
	if !bytes.HasPrefix(b, []byte("%PDF-1.5\n")) || !ok || err != nil || rest != "%%EOF\n" || !bytes.HasPrefix(b[table:], []byte("xref\n0 ")) {
		t.Fatalf("no PDF: %d bytes, %q", len(b), tail)
	}
	for i, line := range bytes.Split(b[table:], []byte("\n"))[3:] {
		var at int
		if !bytes.HasSuffix(line, []byte(" 00000 n ")) {
			break
		}
		if fmt.Sscanf(string(line), "%d", &at); !bytes.HasPrefix(b[at:], fmt.Appendf(nil, "%d 0 obj\n", i+1)) {
			t.Errorf("object %d is not at %d", i+1, at)
		}
	}
}

func TestSheetGoesOnOnTheNextPage(t *testing.T) {
	s := newSheet()
	for i := range 200 {
		s.row([]float64{0, 100}, fmt.Sprint(i), "走入式冷库 (walk-in) \\ <1> 🧊")
	}
	lines := readSheet(t, s.bytes())
	if len(s.pages) != 4 || len(lines) != 200 || lines[199] != `199|走入式冷库 (walk-in) \ <1> 🧊` {
		t.Fatalf("%d pages, %d lines, the last %q", len(s.pages), len(lines), lines[len(lines)-1])
	}
}

func TestSheetWraps(t *testing.T) {
	s := newSheet()
	long := strings.Repeat("W", 300) + " " + strings.Repeat("冷", 300)
	s.row([]float64{0, 100, 200}, "a", long, "c")
	for i, line := range readSheet(t, s.bytes()) {
		if n := len([]rune(line)); n > 20 {
			t.Errorf("line %d has %d letters", i, n)
		}
	}
	s.row([]float64{0}, "") // nothing, and no end of it
}
