package gateway

import (
	"context"
	"encoding/csv"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/store"
)

// ReportParams is exported because parameters in an unexported embedded struct are not read.
type ReportParams struct {
	Store  string `path:"store" maxLength:"64" doc:"The store's id"`
	From   string `query:"from" maxLength:"40" doc:"A business date, or an instant (RFC 3339); the current business day by default"`
	To     string `query:"to" maxLength:"40" doc:"Up to the start of this business date, or this instant; now by default. At most 31 days after from"`
	Format string `query:"format" enum:"json,csv" doc:"As the Accept header says by default, else JSON"`
}

type salesParams struct {
	ReportParams
	By string `query:"by" enum:"hour,dish,channel" default:"hour"`
}

// report is a period's rows. Money is in minor units of the currency.
type report[T any] struct {
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Currency string    `json:"currency"`
	Items    []T       `json:"items"`
}

func (s *Server) reportRoutes(api huma.API) {
	const path, tag, permission = "/v1/stores/{store}/reports/", "reports", "rest:reports:read"
	route(s, api, endpoint{method: "GET", path: path + "sales", tag: tag, permission: permission,
		summary: "What was sold, by hour, dish or channel", reply: report[actors.Sale]{}}, s.getSales)
	route(s, api, endpoint{method: "GET", path: path + "prep-times", tag: tag, permission: permission,
		summary: "How long each station took", reply: report[actors.Prep]{}}, s.getPrepTimes)
	route(s, api, endpoint{method: "GET", path: path + "voids", tag: tag, permission: permission,
		summary: "What was taken off orders, by whom and why", reply: report[actors.Voiding]{}}, s.getVoids)
	route(s, api, endpoint{method: "GET", path: path + "availability", tag: tag, permission: permission,
		summary: "How long dishes could not be had", reply: report[actors.Outage]{}}, s.getAvailability)
}

func (s *Server) getSales(c *call, in *salesParams) *refusal.Refusal {
	return reply(s, c, &in.ReportParams, "key,orders,qty,amount,tax",
		func(ctx context.Context, r *actors.Reports) ([]actors.Sale, error) { return r.Sales(ctx, in.By) },
		func(x actors.Sale) []any { return []any{x.Key, x.Orders, x.Qty, x.Amount, x.Tax} })
}

func (s *Server) getPrepTimes(c *call, in *ReportParams) *refusal.Refusal {
	return reply(s, c, in, "station,count,p50_ms,p90_ms,p99_ms",
		func(ctx context.Context, r *actors.Reports) ([]actors.Prep, error) { return r.PrepTimes(ctx) },
		func(x actors.Prep) []any { return []any{x.Station, x.Count, x.P50MS, x.P90MS, x.P99MS} })
}

func (s *Server) getVoids(c *call, in *ReportParams) *refusal.Refusal {
	return reply(s, c, in, "at,order,line,dish,qty,amount,reason,by",
		func(ctx context.Context, r *actors.Reports) ([]actors.Voiding, error) { return r.Voids(ctx) },
		func(x actors.Voiding) []any {
			return []any{x.At.UTC().Format(time.RFC3339), x.Order, x.Line, x.Dish, x.Qty, x.Amount, x.Reason, x.By.ID}
		})
}

func (s *Server) getAvailability(c *call, in *ReportParams) *refusal.Refusal {
	return reply(s, c, in, "dish,out_ms,times",
		func(ctx context.Context, r *actors.Reports) ([]actors.Outage, error) {
			return r.Availability(ctx, s.now())
		},
		func(x actors.Outage) []any { return []any{x.Dish, x.OutMS, x.Times} })
}

// reply answers with what reckon finds, as JSON or as CSV with that header.
func reply[T any](s *Server, c *call, in *ReportParams, header string,
	reckon func(context.Context, *actors.Reports) ([]T, error), cells func(T) []any) *refusal.Refusal {
	if s.config.Archive == nil {
		return errNoArchive
	}
	t := s.config.Engine.Today(c.store)
	from, to, bad := in.period(t, s.now())
	if bad != nil {
		return bad
	}
	r := s.config.Archive.Reports(c.store)
	r.Zone, r.From, r.To = t.Zone, from, to
	ctx, cancel := context.WithTimeout(c.Context(), archiveWithin)
	defer cancel()
	var items []T
	err := s.archive.do(ctx, func(ctx context.Context) (err error) {
		items, err = reckon(ctx, &r)
		return err
	})
	if err != nil {
		return s.fault("make a report", err)
	}
	if in.Format == "csv" || in.Format == "" && strings.Contains(c.Request.Header.Get("Accept"), "text/csv") {
		writeCSV(c, header, items, cells)
		return nil
	}
	b, err := json.Marshal(report[T]{from, to, t.Config.Currency, items})
	if err != nil {
		return s.fault("write a report", err)
	}
	c.json(http.StatusOK, b)
	return nil
}

// period is what in asks for.
func (in *ReportParams) period(t *store.Today, now time.Time) (from, to time.Time, bad *refusal.Refusal) {
	from, to = t.DayStart(t.BusinessDate(now)), now.UTC()
	for _, p := range []struct {
		name, text string
		at         *time.Time
	}{{"/from", in.From, &from}, {"/to", in.To, &to}} {
		if p.text == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339, p.text)
		if err != nil {
			at = t.DayStart(p.text)
		}
		if at.IsZero() {
			return from, to, refusal.Faults(refusal.Fault{At: p.name, Reason: "type"})
		}
		*p.at = at.UTC()
	}
	return from, to, nil
}

func writeCSV[T any](c *call, header string, items []T, cells func(T) []any) {
	h := c.ResponseWriter.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Type", "text/csv; charset=utf-8")
	w := csv.NewWriter(c.ResponseWriter)
	w.Write(strings.Split(header, ","))
	for _, x := range items {
		var row []string
		for _, v := range cells(x) {
			row = append(row, cell(fmt.Sprint(v)))
		}
		w.Write(row)
	}
	w.Flush() // the client that went away is nobody's error
}
