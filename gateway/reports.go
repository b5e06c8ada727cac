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
	"github.com/brigata/brigata/gateway/payments"
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
	route(s, api, endpoint{method: "GET", path: path + "days", tag: tag, permission: permission,
		summary: "What each business day took, by provider, and its cash difference", reply: report[actors.Takings]{}}, s.getDays)
	route(s, api, endpoint{method: "GET", path: path + "reconciliation", tag: tag, permission: permission,
		summary: "Where a day's payments and the providers' statements differ", reply: payments.Reconciliation{}}, s.getReconciliation)
}

// Reconcile compares a day of a store's payments with what its providers list.
type Reconcile func(ctx context.Context, store string, t *store.Today, date string) (*payments.Reconciliation, error)

type reconcileParams struct {
	Store  string `path:"store" maxLength:"64" doc:"The store's id"`
	Date   string `query:"date" maxLength:"10" doc:"A day of the calendar that is over, in the store's zone; yesterday by default. Statements are ready by 11:00 of the next day"`
	Format string `query:"format" enum:"json,csv" doc:"As the Accept header says by default, else JSON"`
}

// reconcileWithin bounds what providers may take to hand out their statements.
const reconcileWithin = time.Minute

func (s *Server) getReconciliation(c *call, in *reconcileParams) *refusal.Refusal {
	if s.config.Reconcile == nil {
		return notFound("provider", "")
	}
	t := s.config.Engine.Today(c.store)
	now := t.Local(s.now())
	if in.Date == "" {
		in.Date = now.AddDate(0, 0, -1).Format(time.DateOnly)
	}
	if _, err := time.Parse(time.DateOnly, in.Date); err != nil || in.Date >= now.Format(time.DateOnly) {
		return refusal.Faults(refusal.Fault{At: "/date", Reason: "range"})
	}
	if !s.books.TryLock() { // it reads much, here and at the provider
		return &refusal.Refusal{Code: refusal.Overloaded, Message: "Payments are being reconciled", Fields: refusal.Fields{What: "node"}, AfterMS: 5000}
	}
	defer s.books.Unlock()
	ctx, cancel := context.WithTimeout(c.Context(), reconcileWithin)
	defer cancel()
	out, err := s.config.Reconcile(ctx, c.store, t, in.Date)
	if no := refusal.Of(err); no != nil {
		return no
	}
	if err != nil {
		s.log.Warn("reconcile payments", "store", c.store, "date", in.Date, "error", err)
		return &refusal.Refusal{Code: refusal.Unavailable, Message: "A provider's statement cannot be had", Fields: refusal.Fields{What: "provider"}, AfterMS: 60_000}
	}
	if wantsCSV(c, in.Format) {
		writeCSV(c, "kind,provider,payment,refund,ours,theirs,at", out.Items, func(x actors.Difference) []any {
			at := ""
			if !x.At.IsZero() {
				at = x.At.UTC().Format(time.RFC3339)
			}
			return []any{x.Kind, x.Provider, x.Payment, x.Refund, x.Ours, x.Theirs, at}
		})
		return nil
	}
	b, err := json.Marshal(out)
	if err != nil {
		return s.fault("write a report", err)
	}
	c.json(http.StatusOK, b)
	return nil
}

func wantsCSV(c *call, format string) bool {
	return format == "csv" || format == "" && strings.Contains(c.Request.Header.Get("Accept"), "text/csv")
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

func (s *Server) getDays(c *call, in *ReportParams) *refusal.Refusal {
	return reply(s, c, in, "date,sales,tips,expected,closed,counted,difference,providers",
		func(ctx context.Context, r *actors.Reports) ([]actors.Takings, error) { return r.Days(ctx) },
		func(x actors.Takings) []any {
			var by []string
			for _, p := range x.Providers {
				by = append(by, fmt.Sprintf("%s:%d:%d:%d", p.Provider, p.Payments, p.Amount, p.Tip))
			}
			return []any{x.Date, x.Sales, x.Tips, x.Expected, x.Closed, x.Counted, x.Difference, strings.Join(by, " ")}
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
	if wantsCSV(c, in.Format) {
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
