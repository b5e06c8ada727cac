package gateway

import (
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/sensor"
	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/actors/workorder"
)

// haccpLog is what an inspector reads: what each sensor measured, an hour a line, and
// what was done about every alert.
type haccpLog struct {
	today    *store.Today
	from, to time.Time
	hours    []haccpHour
	works    []*workorder.View
}

// haccpHour is one sensor in one hour.
type haccpHour struct {
	sensor store.Sensor
	unit   string
	sensor.Point
}

// verdict says whether the hour was within the limits: the corrective action of one
// that was not is a work order.
func (h *haccpHour) verdict() string {
	l := h.sensor.Limits
	if l.High > l.Low && (h.Max > l.High || h.Min < l.Low) {
		return "outside"
	}
	return "ok"
}

const (
	haccpDays     = 31
	haccpPage     = 200
	haccpWorksMax = 10_000
)

type haccpParams struct {
	Store  string    `path:"store" maxLength:"64" doc:"The store's id"`
	From   time.Time `query:"from" doc:"A day before to by default, at most 31 days"`
	To     time.Time `query:"to" doc:"Now by default"`
	Format string    `query:"format" enum:"csv,pdf" default:"csv"`
}

// getHACCP answers with the log as CSV, or as PDF when asked for ?format=pdf.
func (s *Server) getHACCP(c *call, in *haccpParams) *refusal.Refusal {
	if s.config.Archive == nil {
		return errNoArchive
	}
	l := haccpLog{today: s.config.Engine.Today(c.store), from: in.From, to: in.To}
	if l.to.IsZero() {
		l.to = s.now()
	}
	if l.from.IsZero() {
		l.from = l.to.AddDate(0, 0, -1)
	}
	if !l.from.Before(l.to) || l.to.Sub(l.from) > haccpDays*24*time.Hour {
		return refusal.Faults(refusal.Fault{At: "/from", Reason: "range"})
	}
	ctx, cancel := context.WithTimeout(c.Context(), archiveWithin)
	defer cancel()
	if bad := s.fillHACCP(ctx, c.store, &l); bad != nil {
		return bad
	}
	h := c.ResponseWriter.Header()
	h.Set("Cache-Control", "no-store")
	name := "haccp-" + c.store + "-" + l.today.BusinessDate(l.from)
	if in.Format == "pdf" {
		h.Set("Content-Type", "application/pdf")
		h.Set("Content-Disposition", `attachment; filename="`+name+`.pdf"`)
		c.ResponseWriter.Write(l.pdf())
		return nil
	}
	h.Set("Content-Type", "text/csv; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="`+name+`.csv"`)
	l.csv(c.ResponseWriter)
	return nil
}

func (s *Server) fillHACCP(ctx context.Context, storeID string, l *haccpLog) *refusal.Refusal {
	for _, x := range l.today.Config.Sensors {
		if x.Kind != "temperature" && x.Kind != "thermal" {
			continue
		}
		a := s.series(ctx, storeID, &sensor.Query{Sensor: x.ID, From: l.from, To: l.to, StepMS: sensor.CoarseStep.Milliseconds()})
		if a.Refusal != nil {
			if a.Refusal.Code == refusal.NotFound {
				continue
			}
			return a.Refusal
		}
		r, err := decodeSeries(a.D)
		if err != nil {
			return s.fault("read a series", err)
		}
		for _, p := range r.Items {
			l.hours = append(l.hours, haccpHour{x, r.Unit, p})
		}
	}
	for q := (WorkOrderQuery{From: l.from, To: l.to, Limit: haccpPage}); ; {
		list, next, err := s.config.Archive.WorkOrders(ctx, storeID, q)
		if err != nil {
			return s.fault("list work orders", err)
		}
		l.works = append(l.works, list...)
		if q.Cursor = next; next == "" {
			return nil
		}
		if len(l.works) >= haccpWorksMax { // a record with some of them left out is none
			return refusal.Faults(refusal.Fault{At: "/from", Reason: "range"})
		}
	}
}

var haccpHeader = []string{"record", "time", "asset", "sensor", "unit", "min", "max", "avg", "readings", "low", "high", "verdict", "who", "what"}

func (l *haccpLog) csv(to io.Writer) {
	w := csv.NewWriter(to)
	w.Write(haccpHeader)
	for i := range l.hours {
		h := &l.hours[i]
		w.Write([]string{"hour", l.local(h.At), h.sensor.Asset, h.sensor.ID, h.unit, degrees(h.Min), degrees(h.Max), degrees(h.Avg),
			fmt.Sprint(h.N), degrees(h.sensor.Limits.Low), degrees(h.sensor.Limits.High), h.verdict(), "", ""})
	}
	for _, v := range l.works {
		for _, e := range v.Log {
			w.Write([]string{"action", l.local(e.At), v.Asset, v.Sensor, "", "", "", "", "", "", "", string(v.State), cell(e.By.ID), cell(e.What)})
		}
	}
	w.Flush() // the client that went away is nobody's error
}

// cell keeps a spreadsheet from taking what somebody wrote for a formula.
func cell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}

func (l *haccpLog) local(t time.Time) string {
	return l.today.Local(t).Format("2006-01-02 15:04 -07:00")
}

func degrees(v float64) string { return fmt.Sprintf("%.1f", v) }
