package gateway

import (
	"bytes"
	"fmt"

	"github.com/signintech/gopdf"
	"golang.org/x/image/font/gofont/goregular"
)

const (
	pdfMargin = 36.0 // points
	pdfLine   = 13.0
	pdfBottom = 842 - pdfMargin
)

// sheet is a PDF that is being written from top to bottom.
type sheet struct {
	pdf gopdf.GoPdf
	err error
}

// pdf is the log on A4. Its letters are Latin ones: names appear in English, or as ids.
func (l *haccpLog) pdf() ([]byte, error) {
	s := &sheet{}
	s.pdf.Start(gopdf.Config{PageSize: *gopdf.PageSizeA4})
	if err := s.pdf.AddTTFFontData("go", goregular.TTF); err != nil {
		return nil, err
	}
	s.page()
	s.title("HACCP temperature log")
	name := l.today.Config.Name.EN
	if name == "" {
		name = l.today.Config.ID
	}
	s.row([]float64{0}, name+"   "+l.local(l.from)+"  to  "+l.local(l.to))
	s.title("Hours")
	columns := []float64{0, 120, 230, 290, 330, 370, 420, 480}
	s.row(columns, "time", "sensor", "asset", "min", "max", "avg", "readings", "verdict")
	for i := range l.hours {
		h := &l.hours[i]
		s.row(columns, l.local(h.At), clip(h.sensor.ID, 20), clip(h.sensor.Asset, 11), degrees(h.Min), degrees(h.Max), degrees(h.Avg), fmt.Sprint(h.N), h.verdict())
	}
	s.title("Corrective actions")
	columns = []float64{0, 120, 200, 260}
	for _, v := range l.works {
		s.row([]float64{0}, "Work order "+v.ID+", "+v.Asset+", "+v.Sensor+": "+string(v.State))
		for _, e := range v.Log {
			s.row(columns, l.local(e.At), clip(v.Sensor, 15), clip(e.By.ID, 11), clip(e.What, 60))
		}
	}
	if s.err != nil {
		return nil, s.err
	}
	var b bytes.Buffer
	_, err := s.pdf.WriteTo(&b)
	return b.Bytes(), err
}

func (s *sheet) page() {
	s.pdf.AddPage()
	s.pdf.SetY(pdfMargin)
	s.size(8)
}

func (s *sheet) size(points float64) {
	if err := s.pdf.SetFont("go", "", points); s.err == nil {
		s.err = err
	}
}

func (s *sheet) title(text string) {
	s.pdf.SetY(s.pdf.GetY() + pdfLine)
	s.size(12)
	s.row([]float64{0}, text)
	s.size(8)
}

func (s *sheet) row(columns []float64, texts ...string) {
	if s.pdf.GetY() > pdfBottom {
		s.page()
	}
	for i, text := range texts {
		s.pdf.SetX(pdfMargin + columns[i])
		if err := s.pdf.Cell(nil, text); s.err == nil {
			s.err = err
		}
	}
	s.pdf.SetY(s.pdf.GetY() + pdfLine)
}

func clip(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}
