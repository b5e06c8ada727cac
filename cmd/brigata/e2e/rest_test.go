package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
)

// rest calls the API and decodes its answer.
func rest(t *testing.T, n *node, token, method, path, body string, into any) (status int, header http.Header) {
	t.Helper()
	r, err := http.NewRequest(method, n.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if method != http.MethodGet {
		r.Header.Set("Idempotency-Key", newID())
	}
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	b, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	if into != nil {
		if err := json.Unmarshal(b, into); err != nil {
			t.Fatalf("%s %s: %v: %s", method, path, err, b)
		}
	}
	return got.StatusCode, got.Header
}

type page struct {
	Items []struct {
		ID    string `json:"id"`
		No    int    `json:"no"`
		State string `json:"state"`
		Table string `json:"table"`
		V     int    `json:"v"`
		Type  string `json:"type"`
		CID   string `json:"cid"`
	} `json:"items"`
	Next string `json:"next"`
}

// TestLists reads what has been: lists of orders, page by page, and an order's history.
func TestLists(t *testing.T) {
	onBoth(t, func(t *testing.T, start func(*testing.T) *node) {
		n := start(t)
		c := n.dial(n.token, "waiter")
		var ids []string
		for i := range 12 {
			ids = append(ids, place(t, c, fmt.Sprintf("T%02d", 1+i%3)))
		}
		last := ids[len(ids)-1]
		must(t, send(t, c, "item.bump", newID(), fmt.Sprintf(`{"order":%q,"items":["1"]}`, last)))
		must(t, send(t, c, "order.void", newID(), fmt.Sprintf(`{"order":%q,"reason":"mistake"}`, ids[0])))

		seen := map[string]bool{}
		before := "g"
		for path := "/v1/stores/demo/orders?limit=5"; path != ""; {
			var p page
			if status, _ := rest(t, n, n.token, "GET", path, "", &p); status != 200 {
				t.Fatal(status)
			}
			for _, o := range p.Items { // the newest id first
				if seen[o.ID] || o.ID[:13] > before {
					t.Errorf("%s after %s", o.ID, before)
				}
				seen[o.ID], before = true, o.ID[:13]
			}
			if path = ""; p.Next != "" {
				path = "/v1/stores/demo/orders?limit=5&cursor=" + p.Next
			}
		}
		if len(seen) != 12 {
			t.Errorf("%d orders are listed", len(seen))
		}
		for query, want := range map[string]int{"state=voided": 1, "state=accepted": 11, "table=T02": 4, "state=closed": 0,
			"from=2020-01-01T00:00:00Z": 12, "to=2020-01-01T00:00:00Z": 0} {
			var p page
			if rest(t, n, n.token, "GET", "/v1/stores/demo/orders?"+query, "", &p); len(p.Items) != want {
				t.Errorf("%s: %d orders, want %d", query, len(p.Items), want)
			}
		}
		var p page
		rest(t, n, n.token, "GET", "/v1/stores/demo/orders/"+last+"/history", "", &p)
		var types []string
		for i, e := range p.Items {
			if e.V != i+1 {
				t.Errorf("event %d is version %d", i, e.V)
			}
			types = append(types, e.Type)
		}
		if len(types) < 5 || types[0] != "sent" || p.Items[0].CID != last || types[len(types)-1] != "moved" && types[len(types)-1] != "table_knows" {
			t.Errorf("history %v", types)
		}
		for path, want := range map[string]int{"/v1/stores/demo/orders?cursor=x": 422, "/v1/stores/demo/orders?limit=900": 422,
			"/v1/stores/demo/orders/" + newID() + "/history": 404, "/v1/stores/demo/orders/" + newID(): 404} {
			if status, h := rest(t, n, n.token, "GET", path, "", nil); status != want || h.Get("Content-Type") != "application/problem+json" {
				t.Errorf("%s: %d %s", path, status, h.Get("Content-Type"))
			}
		}
	})
}

// TestStores loads stores as an operator does.
func TestStores(t *testing.T) {
	n := startNode(t, t.TempDir())
	out, errs, status := n.terminal("store", "demo", "--count", "2")
	if status != 0 {
		t.Fatal(out, errs)
	}
	c := n.dial(n.roleToken("waiter", "--store", "demo-2"), "waiter")
	if len(c.Session.Stores) != 2 {
		t.Fatalf("%+v", c.Session)
	}
	var doc map[string]any
	admin := strings.TrimSpace(n.roleToken("admin"))
	rest(t, n, admin, "GET", "/v1/stores/demo", "", &doc)
	doc["pay_within_ms"] = 60_000
	b, _ := json.Marshal(doc)
	if status, _ := rest(t, n, n.roleToken("manager"), "PUT", "/v1/stores/demo", string(b), nil); status != 403 {
		t.Errorf("a manager may load stores: %d", status)
	}
	if status, _ := rest(t, n, admin, "PUT", "/v1/stores/other", string(b), nil); status != 422 {
		t.Errorf("a document under another id: %d", status)
	}
	file := t.TempDir() + "/store.json"
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, errs, status := n.terminal("store", "apply", file); status != 0 || !strings.Contains(out, "applied demo") {
		t.Fatal(out, errs, status)
	}
	rest(t, n, admin, "GET", "/v1/stores/demo", "", &doc)
	if doc["pay_within_ms"] != 60_000.0 {
		t.Errorf("%v", doc["pay_within_ms"])
	}
	etag := func() string {
		_, h := rest(t, n, admin, "GET", "/v1/stores/demo/menu", "", nil)
		return h.Get("ETag")
	}
	if got := etag(); got != `"1"` {
		t.Errorf("the same menu was published again: %s", got)
	}
	// A dish of a class that nobody taxes is neither loaded nor published; a class that bills have stays.
	menu := doc["menu"].(map[string]any)
	tofu := menu["dishes"].([]any)[0].(map[string]any)
	class := tofu["tax_class"]
	put := func(want int, word string) {
		t.Helper()
		b, _ := json.Marshal(doc)
		var no json.RawMessage
		if status, _ := rest(t, n, admin, "PUT", "/v1/stores/demo", string(b), &no); status != want || !strings.Contains(string(no), word) {
			t.Errorf("%d, not %d with %s: %s", status, want, word, no)
		}
	}
	tofu["tax_class"] = "luxury"
	put(422, `"/menu/dishes/0/tax_class"`)
	draft, _ := json.Marshal(map[string]any{"base": 1, "menu": menu})
	if status, _ := rest(t, n, admin, "PUT", "/v1/stores/demo/menu/draft", string(draft), nil); status != 200 {
		t.Errorf("draft: %d", status)
	}
	if status, _ := rest(t, n, admin, "POST", "/v1/stores/demo/menu/publish", `{"draft_v":1}`, nil); status != 409 {
		t.Errorf("published with a class that nobody taxes: %d", status)
	}
	tofu["tax_class"] = class
	doc["tax"].(map[string]any)["classes"] = []any{}
	put(409, `"tax_class"`)
	if got := etag(); got != `"1"` {
		t.Errorf("what was refused is published: %s", got)
	}
	os.WriteFile(file, []byte(`{"id":"x"}`), 0o600)
	if _, errs, status := n.terminal("store", "apply", file); status != 1 || !strings.Contains(errs, "invalid") {
		t.Errorf("%d %s", status, errs)
	}
}
