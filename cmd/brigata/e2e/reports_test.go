package e2e

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestReports reads a day's reports over REST, as JSON and as CSV.
func TestReports(t *testing.T) {
	onBoth(t, func(t *testing.T, start func(*testing.T) *node) {
		n := start(t)
		c := n.dial(n.token, "manager")
		var total int64
		for i := range 3 {
			total += must(t, send(t, c, "order.place", newID(), fmt.Sprintf(`{"type":"dine_in","table":"T01","lines":[{"dish":"mapo-tofu","qty":%d}]}`, 1+i))).D.Total
		}
		off := place(t, c, "T02")
		must(t, send(t, c, "order.void", newID(), fmt.Sprintf(`{"order":%q,"reason":"mistake"}`, off)))

		var sales struct {
			Currency string
			From, To time.Time
			Items    []struct {
				Key         string
				Orders, Qty int
				Amount, Tax int64
			}
		}
		const path = "/v1/stores/demo/reports/"
		for _, by := range []string{"dish", "channel", "hour"} {
			if status, _ := rest(t, n, n.token, "GET", path+"sales?by="+by, "", &sales); status != 200 || sales.Currency != "CNY" || !sales.From.Before(sales.To) {
				t.Fatalf("%d %+v", status, sales)
			}
			var got int64
			qty := 0
			for _, x := range sales.Items {
				got, qty = got+x.Amount, qty+x.Qty
			}
			if got != total || qty != 6 {
				t.Errorf("by %s: %d for %d portions, want %d: %+v", by, got, qty, total, sales.Items)
			}
		}
		r, _ := http.NewRequest("GET", n.url+path+"voids", nil)
		r.Header.Set("Authorization", "Bearer "+n.token)
		r.Header.Set("Accept", "text/csv")
		w, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Body.Close()
		b, _ := io.ReadAll(w.Body)
		if lines := strings.Split(string(b), "\n"); w.Header.Get("Content-Type") != "text/csv; charset=utf-8" || len(lines) != 3 ||
			lines[0] != "at,order,line,dish,qty,amount,reason,by" || !strings.Contains(lines[1], off+",1,mapo-tofu,1,") || !strings.Contains(lines[1], ",mistake,") {
			t.Errorf("%v %s", w.Header, b)
		}
		for query, want := range map[string]int{"prep-times?format=csv": 200, "availability?from=2026-01-01&to=2026-01-31": 200,
			"sales?from=2026-01-01&to=2026-03-01": 422, "sales?from=monday": 422, "sales?by=mood": 422, "availability?from=2026-01-02&to=2026-01-01": 422} {
			if status, _ := rest(t, n, n.token, "GET", path+query, "", nil); status != want {
				t.Errorf("%s: %d, want %d", query, status, want)
			}
		}
		for report, head := range map[string]string{"sales": "key,orders,qty,amount,tax", "prep-times": "station,count,p50_ms,p90_ms,p99_ms",
			"availability": "dish,out_ms,times", "days": "date,sales,tips,expected,closed,counted,difference,providers"} {
			if b := n.rest(t, "GET", path+report+"?format=csv", "", ""); !strings.HasPrefix(string(b), head+"\n") {
				t.Errorf("%s: %s", report, b)
			}
		}
		paying := newID()
		must(t, send(t, c, "payment.create", paying, `{"table":"T01","provider":"cash","amount":1000,"tip":50}`))
		must(t, send(t, c, "payment.confirm", newID(), fmt.Sprintf(`{"payment":%q}`, paying)))
		must(t, send(t, c, "day.close", newID(), fmt.Sprintf(`{"date":%q,"counted":1040}`, today(t, n))))
		var days struct {
			Items []struct {
				Sales, Tips, Expected, Counted, Difference int64
				Closed                                     bool
				Providers                                  []struct {
					Provider    string
					Payments    int
					Amount, Tip int64
				}
			}
		}
		if status, _ := rest(t, n, n.token, "GET", path+"days", "", &days); status != 200 || len(days.Items) != 1 {
			t.Fatalf("%d %+v", status, days)
		}
		if d := days.Items[0]; d.Sales != 1000 || d.Tips != 50 || d.Expected != 1050 || d.Counted != 1040 || d.Difference != -10 || !d.Closed ||
			len(d.Providers) != 1 || d.Providers[0].Provider != "cash" || d.Providers[0].Amount != 1000 || d.Providers[0].Tip != 50 {
			t.Errorf("%+v", d)
		}
		if status, _ := rest(t, n, n.roleToken("waiter"), "GET", path+"sales", "", nil); status != 403 {
			t.Errorf("a waiter reads sales: %d", status)
		}
	})
}

// today is the store's business date.
func today(t *testing.T, n *node) string {
	t.Helper()
	var v struct{ Date string }
	view(t, n.dial(n.token, "today"), "store", "store/demo", &v)
	return v.Date
}
