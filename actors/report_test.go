package actors_test

import (
	"bytes"
	"context"
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/persistence/memory"
)

// logged is what the test sums up from the events themselves.
type logged struct {
	orders        int
	total, tax    int64
	voids, voided int64 // times; portions
	out           time.Duration
}

func sumLog(t *testing.T, a actors.Archive) (sum logged) {
	t.Helper()
	var b bytes.Buffer
	if err := a.Export(context.Background(), "demo", &b); err != nil {
		t.Fatal(err)
	}
	type last struct {
		placed, off bool
		total, tax  int64
	}
	orders, outs := map[string]*last{}, map[string]time.Time{}
	for lines := json.NewDecoder(&b); lines.More(); {
		var l struct {
			Kind, ID string
			Events   []struct {
				At   time.Time
				Type string
				D    struct {
					As     string
					Totals *struct{ Total, Tax int64 }
					Items  json.RawMessage
				}
			}
		}
		if err := lines.Decode(&l); err != nil {
			t.Fatal(err)
		}
		for _, e := range l.Events {
			switch {
			case l.Kind == "stock" && e.Type == "went_out":
				outs[l.ID] = e.At
			case l.Kind == "stock" && e.Type == "came_in":
				sum.out += e.At.Sub(outs[l.ID])
			case l.Kind != "order":
				continue
			}
			if orders[l.ID] == nil {
				orders[l.ID] = &last{}
			}
			o := orders[l.ID]
			o.placed = o.placed || e.Type == "was_placed"
			o.off = o.off || e.Type == "ended" && e.D.As != "closed"
			if e.D.Totals != nil {
				o.total, o.tax = e.D.Totals.Total, e.D.Totals.Tax
			}
			if e.Type == "items_voided" {
				var items []struct{ Qty int64 }
				if err := json.Unmarshal(e.D.Items, &items); err != nil {
					t.Fatal(err)
				}
				for _, i := range items {
					sum.voids, sum.voided = sum.voids+1, sum.voided+i.Qty
				}
			}
		}
	}
	for _, o := range orders {
		if o.placed && !o.off {
			sum.orders, sum.total, sum.tax = sum.orders+1, sum.total+o.total, sum.tax+o.tax
		}
	}
	return sum
}

// A day's reports are what the log says of the day.
func TestReportsEqualTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		from := time.Now().UTC()
		for i := range 120 { // more than a page
			id := h.order(`{"type":"dine_in","table":"T01","lines":[{"dish":"mapo-tofu","qty":3},{"dish":"pickled-vegetables","qty":%d}]}`, 1+i%3)
			time.Sleep(time.Minute)
			switch i % 10 {
			case 0:
				h.ok("item.void", `{"order":%q,"items":["1"],"qty":1,"reason":"quality"}`, id)
				h.ok("item.void", `{"order":%q,"items":["1"],"qty":1,"reason":"mistake"}`, id)
			case 1:
				h.ok("item.bump", `{"order":%q,"items":["1"]}`, id)
			case 2:
				h.ok("order.void", `{"order":%q,"reason":"mistake"}`, id)
			}
			if i == 5 {
				h.ok("stock.count", `{"dish":"mapo-tofu","unlimited":true}`)
				h.ok("stock.out", `{"dish":"wood-ear-salad","until":"manual","reason":"other"}`)
			}
		}
		h.ok("stock.in", `{"dish":"wood-ear-salad"}`)
		if err := h.node.Flush(context.Background()); err != nil {
			t.Fatal(err)
		}
		a := actors.Archive{Journal: h.db.Open(memory.Options{})}
		r := actors.Reports{Archive: a, Store: "demo", Zone: h.node.Today("demo").Zone, From: from, To: time.Now().Add(time.Hour)}
		holdReports(t, &r, sumLog(t, a))

		r.Most = 50
		if _, err := r.Sales(context.Background(), "dish"); refusal.Of(err) == nil || refusal.Of(err).Fields.Reason != "too_many" {
			t.Errorf("more orders than allowed: %v", err)
		}
		r.Most, r.From = 0, r.To.AddDate(0, 0, -32)
		if _, err := r.Availability(context.Background(), time.Now()); refusal.Of(err) == nil || refusal.Of(err).Fields.Reason != "range" {
			t.Errorf("32 days: %v", err)
		}
		r.From, r.To = from.AddDate(0, 0, -2), from
		if rows, err := r.Sales(context.Background(), "hour"); err != nil || len(rows) != 0 {
			t.Errorf("before the first order: %v %v", rows, err)
		}
	})
}

func holdReports(t *testing.T, r *actors.Reports, want logged) {
	t.Helper()
	ctx := context.Background()
	for by, keys := range map[string]int{"hour": 3, "dish": 2, "channel": 1} {
		rows, err := r.Sales(ctx, by)
		if err != nil {
			t.Fatal(err)
		}
		var orders int
		var total, tax int64
		for _, x := range rows {
			orders, total, tax = orders+x.Orders, total+x.Amount, tax+x.Tax
		}
		if by == "dish" {
			orders /= 2
		}
		if orders != want.orders || total != want.total || tax != want.tax || total == 0 || len(rows) < keys-1 || len(rows) > keys {
			t.Errorf("by %s: %d orders, %d, tax %d; the log says %+v: %+v", by, orders, total, tax, want, rows)
		}
	}
	voids, err := r.Voids(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var n, portions int64
	for _, v := range voids {
		if v.Reason == "quality" && (v.Dish != "mapo-tofu" || v.Qty != 1 || v.Amount == 0 || v.By.ID != "lin") {
			t.Errorf("%+v", v)
		}
		if v.Qty == 1 && v.Line == "1" { // the voided orders took three
			n, portions = n+1, portions+1
		}
	}
	if n != want.voids || portions != want.voided || n != 24 || int64(len(voids)) != n+24 {
		t.Errorf("%d voids of %d portions, %d in all; the log says %+v", n, portions, len(voids), want)
	}
	preps, err := r.PrepTimes(ctx)
	if err != nil || len(preps) != 1 || preps[0].Station != "wok" || preps[0].Count != 12 || preps[0].P50MS != 60_000 || preps[0].P99MS != 60_000 {
		t.Errorf("%+v %v", preps, err)
	}
	outs, err := r.Availability(ctx, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range outs {
		if o.Dish == "wood-ear-salad" && o.OutMS == want.out.Milliseconds() && o.Times == 1 && o.OutMS == 114*60_000 {
			return
		}
	}
	t.Errorf("%+v; the log says %v", outs, want.out)
}
