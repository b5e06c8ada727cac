package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// storeDoc is the demo store under another name.
func storeDoc(t *testing.T, n *node, id string, change map[string]any) string {
	t.Helper()
	var doc map[string]any
	rest(t, n, n.token, "GET", "/v1/stores/demo", "", &doc)
	doc["id"] = id
	for k, v := range change {
		if doc[k] = v; v == nil {
			delete(doc, k)
		}
	}
	b, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// chain publishes menus at a chain's store.
type chain struct {
	t     *testing.T
	at    *node
	draft struct {
		Base int64          `json:"base"`
		Menu map[string]any `json:"menu"`
	}
}

// reprice publishes another price of the dish at the chain's store.
func (c *chain) reprice(price int) {
	c.t.Helper()
	rest(c.t, c.at, c.at.token, "GET", "/v1/stores/demo/menu", "", &c.draft.Menu)
	c.draft.Base = int64(c.draft.Menu["version"].(float64))
	delete(c.draft.Menu, "version")
	delete(c.draft.Menu, "published_at")
	for _, d := range c.draft.Menu["dishes"].([]any) {
		if d := d.(map[string]any); d["id"] == "mapo-tofu" {
			d["price"] = price
		}
	}
	b, err := json.Marshal(c.draft)
	if err != nil {
		c.t.Fatal(err)
	}
	var drafted struct {
		D struct {
			V int64 `json:"draft_v"`
		} `json:"d"`
	}
	if status, _ := rest(c.t, c.at, c.at.token, "PUT", "/v1/stores/demo/menu/draft", string(b), &drafted); status != 200 {
		c.t.Fatalf("draft: %d", status)
	}
	if status, _ := rest(c.t, c.at, c.at.token, "POST", "/v1/stores/demo/menu/publish", fmt.Sprintf(`{"draft_v":%d}`, drafted.D.V), nil); status != 200 {
		c.t.Fatalf("publish: %d", status)
	}
}

// price is what the dish costs in a store, and whether the other dish is sold there.
func price(t *testing.T, n *node, id string) (tofu int, pork bool) {
	t.Helper()
	var m struct {
		Dishes []struct {
			ID    string
			Price int
		}
	}
	rest(t, n, n.token, "GET", "/v1/stores/"+id+"/menu", "", &m)
	for _, d := range m.Dishes {
		if d.ID == "mapo-tofu" {
			tofu = d.Price
		}
		pork = pork || d.ID == "twice-cooked-pork"
	}
	return tofu, pork
}

// What is published at a chain's store is sold in its stores, wherever they are, with
// their own prices; and it stays so when a node is killed.
func TestChain(t *testing.T) {
	url, err := newDatabase()
	if err != nil {
		t.Fatal(err)
	}
	first, second := gossipPort(t), gossipPort(t)
	a := startNode(t, t.TempDir(), "--database-url", url, "--name", "a", "--gossip", first, "--join", second)
	b := startNode(t, t.TempDir(), "--database-url", url, "--name", "b", "--gossip", second, "--join", first)
	within(t, 20*time.Second, "the nodes see each other", func() bool {
		return states(t, a)["b"] == "alive" && states(t, b)["a"] == "alive"
	})
	// Enough of them that both nodes have some.
	var stores []string
	for i := range 8 {
		id := fmt.Sprintf("branch-%d", i)
		stores = append(stores, id)
		from := map[string]any{"store": "demo", "dishes": []any{map[string]any{"id": "twice-cooked-pork", "hidden": true}}}
		if i == 7 {
			from = map[string]any{"store": "demo", "dishes": []any{map[string]any{"id": "mapo-tofu", "price": 4321}}}
		}
		if status, _ := rest(t, a, a.token, "PUT", "/v1/stores/"+id, storeDoc(t, a, id, map[string]any{"menu": nil, "menu_from": from}), nil); status != 200 {
			t.Fatalf("%s: %d", id, status)
		}
	}
	all := []string{}
	for _, id := range stores {
		all = append(all, "--store", id)
	}
	a.token, b.token = a.roleToken("admin", all...), b.roleToken("admin", all...)
	shown := func(n *node, want int) func() bool {
		return func() bool {
			for i, id := range stores {
				tofu, pork := price(t, n, id)
				if own := i == 7; own != pork || !own && tofu != want || own && tofu != 4321 {
					return false
				}
			}
			return true
		}
	}
	for _, n := range []*node{a, b} {
		within(t, 10*time.Second, "the branches sell the chain's menu", shown(n, 2800))
	}
	at := &chain{t: t, at: b}
	at.reprice(3600)
	published := time.Now()
	for _, n := range []*node{a, b} {
		within(t, 10*time.Second, "the new price is in the branches", shown(n, 3600))
	}
	t.Logf("on both nodes %v after it was published", time.Since(published))
	problem := func(method, path, body string, want int, word string) {
		t.Helper()
		var raw json.RawMessage
		status, _ := rest(t, b, b.token, method, path, body, &raw)
		if status != want || !strings.Contains(string(raw), word) {
			t.Errorf("%s %s: %d %s", method, path, status, raw)
		}
	}
	draft, _ := json.Marshal(at.draft)
	problem("PUT", "/v1/stores/branch-0/menu/draft", string(draft), 409, `"follows"`)
	problem("POST", "/v1/stores/branch-0/menu/publish", `{"draft_v":1}`, 409, `"follows"`)
	problem("PUT", "/v1/stores/x", storeDoc(t, b, "x", map[string]any{"menu": nil, "menu_from": map[string]any{"store": "nowhere"}}), 404, `"nowhere"`)
	problem("PUT", "/v1/stores/x", storeDoc(t, b, "x", map[string]any{"menu_from": map[string]any{"store": "demo"}}), 422, `/menu_from`)
	problem("PUT", "/v1/stores/x", storeDoc(t, b, "x", map[string]any{"menu": nil, "menu_from": map[string]any{"store": "demo", "dishs": []any{}}}), 422, `/menu_from/dishs`)
	of := func(dish map[string]any) map[string]any {
		return map[string]any{"menu": nil, "menu_from": map[string]any{"store": "demo", "dishes": []any{dish}}}
	}
	problem("PUT", "/v1/stores/x", storeDoc(t, b, "x", of(map[string]any{"id": "mapo-tofu", "tax_class": "luxury"})), 422, `/menu_from/dishes/0/tax_class`)
	problem("PUT", "/v1/stores/x", storeDoc(t, b, "x", of(map[string]any{"id": "mapo-tofu", "stations": []string{"moon"}})), 422, `/menu_from/dishes/0/stations`)
	few := of(map[string]any{"id": "mapo-tofu", "price": 1})
	few["stations"], few["routes"] = []any{map[string]any{"id": "wok", "name": map[string]any{"en": "Wok"}}}, []any{}
	problem("PUT", "/v1/stores/x", storeDoc(t, b, "x", few), 422, `the store has no station`)

	a.kill()
	within(t, 30*time.Second, "b has every store", shown(b, 3600))
	at.reprice(3700)
	within(t, 20*time.Second, "the newest price is in the branches", shown(b, 3700))
	// What a store has is what it is loaded with again, and that changes nothing.
	var doc json.RawMessage
	_, h := rest(t, b, b.token, "GET", "/v1/stores/branch-7/menu", "", nil)
	rest(t, b, b.token, "GET", "/v1/stores/branch-7", "", &doc)
	if status, _ := rest(t, b, b.token, "PUT", "/v1/stores/branch-7", string(doc), nil); status != 200 {
		t.Errorf("a store's own document: %d", status)
	}
	if _, again := rest(t, b, b.token, "GET", "/v1/stores/branch-7/menu", "", nil); again.Get("ETag") != h.Get("ETag") {
		t.Errorf("the same menu was published again: %s, %s", h.Get("ETag"), again.Get("ETag"))
	}
}
