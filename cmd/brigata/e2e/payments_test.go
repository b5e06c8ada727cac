package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/brigata/brigata/cmd/brigata/client"
	"github.com/brigata/brigata/gateway/payments/fake"
)

// TestGuestsPayForThemselves holds guests apart: nobody pays, cancels or reads what
// another guest pays, with a table or without one, though it knows the id.
func TestGuestsPayForThemselves(t *testing.T) {
	n := startNode(t, t.TempDir())
	boss := n.dial(n.token, "boss")
	var table struct{ D struct{ Session string } }
	if err := json.Unmarshal(send(t, boss, "table.open", newID(), `{"table":"T03","guests":2}`).OK, &table); err != nil {
		t.Fatal(err)
	}
	here := []string{"--table", "T03", "--session", table.D.Session}
	for name, x := range map[string]struct {
		as         []string
		order, pay string
	}{
		"without a table": {nil, `{"type":"pickup","lines":[{"dish":"mapo-tofu","qty":1}],"contact":{"name":"A","phone":"1"}}`, `"order":%q`},
		"at a table":      {here, `{"type":"dine_in","table":"T03","lines":[{"dish":"mapo-tofu","qty":1}]}`, `"table":"T03"`},
	} {
		t.Run(name, func(t *testing.T) {
			as := func(name string) *client.Conn {
				return n.dial(n.roleToken("guest", append([]string{"--user", newID()}, x.as...)...), name)
			}
			mine, other := as("mine"), as("other")
			order, paying := newID(), newID()
			must(t, send(t, mine, "order.place", order, x.order))
			create, not := x.pay, "conflict"
			if x.as == nil {
				create, not = fmt.Sprintf(x.pay, order), "forbidden"
				refused(t, send(t, other, "payment.create", newID(), "{"+create+`,"provider":"cash","amount":1}`), "forbidden")
			}
			create = "{" + create + `,"provider":"cash","amount":100}`
			must(t, send(t, mine, "payment.create", paying, create))
			cancel := fmt.Sprintf(`{"payment":%q}`, paying)
			refused(t, send(t, other, "payment.create", paying, create), not)
			refused(t, send(t, other, "payment.cancel", newID(), cancel), "forbidden")
			for _, who := range []*client.Conn{mine, other} {
				refused(t, send(t, who, "payment.confirm", newID(), cancel), "forbidden")
				refused(t, send(t, who, "payment.refund", newID(), fmt.Sprintf(`{"payment":%q,"amount":1,"reason":"other"}`, paying)), "forbidden")
				refused(t, send(t, who, "payment.report", newID(), fmt.Sprintf(`{"payment":%q,"outcome":"charged"}`, paying)), "bad_request")
			}
			must(t, send(t, mine, "payment.cancel", newID(), cancel))
		})
	}
}

// TestReconciliation reads where a day's payments and the provider's statement differ.
func TestReconciliation(t *testing.T) {
	bank := fake.New("wechat")
	defer bank.Close()
	n := startNode(t, t.TempDir(), "--payments", fake.Write(t, bank))
	stray, other := newID(), newID()
	yesterday := time.Now().In(bank.Zone).AddDate(0, 0, -1)
	for id, store := range map[string]string{stray: "demo", other: "another"} {
		bank.Book(fake.Charge{ID: id, Store: store, Amount: 700, Currency: "CNY"})
		bank.Change(id, func(c *fake.Charge) { c.At = yesterday })
	}
	const path = "/v1/stores/demo/reports/reconciliation"
	var out struct {
		Date string
		Held []struct {
			Provider string
			Lines    int
			Amount   int64
		}
		Items []struct {
			Kind, Provider, Payment string
			Ours, Theirs            int64
		}
	}
	date := yesterday.Format(time.DateOnly)
	if status, _ := rest(t, n, n.token, "GET", path+"?date="+date, "", &out); status != 200 || len(out.Items) != 1 || out.Items[0].Payment != stray ||
		out.Items[0].Kind != "extra" || out.Items[0].Theirs != 700 || len(out.Held) != 1 || out.Held[0].Lines != 2 || out.Held[0].Amount != 1400 {
		t.Errorf("%d %+v", status, out)
	}
	r, err := http.NewRequest("GET", n.url+path+"?format=csv&date="+date, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+n.token)
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	if b, err := io.ReadAll(w.Body); err != nil || string(b) != "kind,provider,payment,refund,ours,theirs,at\nextra,wechat,"+stray+",,0,700,\n" {
		t.Errorf("%s %v", b, err)
	}
	for query, want := range map[string]int{"?date=2999-01-01": 422, "?date=monday": 422, "?date=2026-02-30": 422} {
		if status, _ := rest(t, n, n.token, "GET", path+query, "", nil); status != want {
			t.Errorf("%s: %d, want %d", query, status, want)
		}
	}
	if status, _ := rest(t, n, n.roleToken("cashier"), "GET", path, "", nil); status != 403 {
		t.Errorf("a cashier reads it: %d", status)
	}
	bank.Next(fake.Fail)
	if status, _ := rest(t, n, n.token, "GET", path+"?date="+date, "", nil); status != 503 {
		t.Errorf("the provider is down: %d", status)
	}
}
