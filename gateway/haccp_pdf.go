package gateway

import (
	"cmp"
	"fmt"
)

// pdf is the log on A4, as a reader's own fonts show it; the store's name is the English
// one, where it has one.
func (l *haccpLog) pdf() []byte {
	s := newSheet()
	s.title("HACCP temperature log")
	name := cmp.Or(l.today.Config.Name.EN, l.today.Config.Name.ZH, l.today.Config.ID)
	s.row([]float64{0}, name+"   "+l.local(l.from)+"  to  "+l.local(l.to))
	s.title("Hours")
	columns := []float64{0, 112, 220, 290, 320, 350, 380, 420, 450, 480}
	s.row(columns, "time", "sensor", "asset", "min", "max", "avg", "readings", "low", "high", "verdict")
	for i := range l.hours {
		h := &l.hours[i]
		s.row(columns, l.local(h.At), h.sensor.ID, h.sensor.Asset, degrees(h.Min), degrees(h.Max), degrees(h.Avg), fmt.Sprint(h.N),
			degrees(h.sensor.Limits.Low), degrees(h.sensor.Limits.High), h.verdict())
	}
	s.title("Corrective actions")
	columns = []float64{0, 112, 220, 290}
	for _, v := range l.works {
		s.row([]float64{0}, "Work order "+v.ID+", "+v.Asset+", "+v.Sensor+": "+string(v.State))
		for _, e := range v.Log {
			s.row(columns, l.local(e.At), v.Sensor, e.By.ID, e.What)
		}
	}
	return s.bytes()
}
