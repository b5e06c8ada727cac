package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/workorder"
	"github.com/brigata/brigata/gateway/auth"
	"github.com/brigata/brigata/persistence/memory"
)

type fakeArchive struct{ asked OrderQuery }

func (f *fakeArchive) Orders(_ context.Context, _ string, q OrderQuery) ([]byte, string, error) {
	f.asked = q
	if q.Cursor == "broken" {
		return nil, "", errors.New("disk")
	}
	return []byte(`{"id":"a"},{"id":"b"}`), "n1", nil
}

func (*fakeArchive) History(_ context.Context, _, id string) ([]byte, error) {
	if id != uuid(1) {
		return nil, notFound("order", id)
	}
	return []byte(`{"v":1}`), nil
}

// longWhat takes several lines of a page.
var longWhat = strings.TrimSpace(strings.Repeat("换了压缩机 (new compressor), ", 12))

func (*fakeArchive) WorkOrders(_ context.Context, _ string, q WorkOrderQuery) ([]*workorder.View, string, error) {
	if q.State == "done" {
		return nil, "", errors.New("disk")
	}
	at := time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)
	if q.Cursor == "n2" {
		return []*workorder.View{{ID: uuid(8), Asset: "walk-in", Sensor: "walkin-1", State: workorder.Finished,
			Log: []workorder.Entry{{At: at.Add(time.Hour), By: command.Who{ID: "lin"}, What: "discard: " + longWhat}}}}, "", nil
	}
	return []*workorder.View{{ID: uuid(7), Asset: "walk-in", Sensor: "walkin-1", State: workorder.Opened,
		Log: []workorder.Entry{{At: at, What: "alert: limit"}, {At: at, By: command.Who{ID: "chen"}, What: "=1+1"}}}}, "n2", nil
}

func (*fakeArchive) Reports(store string) actors.Reports {
	return actors.Reports{Archive: actors.Archive{Journal: memory.NewDatabase().Open(memory.Options{})}, Store: store}
}

type response struct {
	*http.Response
	body string
}

func (n *node) call(method, path, token, body string, header ...string) response {
	n.t.Helper()
	r, err := http.NewRequest(method, n.http.URL+path, strings.NewReader(body))
	if err != nil {
		n.t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		n.t.Fatal(err)
	}
	defer w.Body.Close()
	b, err := io.ReadAll(w.Body)
	if err != nil {
		n.t.Fatal(err)
	}
	return response{w, string(b)}
}

func (n *node) wantProblem(w response, status int, code refusal.Code) {
	n.t.Helper()
	var p problem
	if err := json.Unmarshal([]byte(w.body), &p); err != nil {
		n.t.Fatalf("%v: %s", err, w.body)
	}
	if w.StatusCode != status || p.Status != status || p.Code != code || p.Type != "https://brigata.dev/errors/"+string(code) ||
		w.Header.Get("Content-Type") != "application/problem+json" || w.Header.Get("X-Content-Type-Options") != "nosniff" || p.Detail == "" {
		n.t.Errorf("%d %s, want %d %s", w.StatusCode, w.body, status, code)
	}
}

func TestProblems(t *testing.T) {
	n := newNode(t, nil)
	waiter, guest := n.token("lin", "waiter", nil), n.token("g1", "guest", nil)
	for _, x := range []struct {
		method, path, token, body string
		status                    int
		code                      refusal.Code
	}{
		{"GET", "/v1/stores/s1/menu", "", "", 401, refusal.Unauthenticated},
		{"GET", "/v1/stores/s1/menu", "a.b.c", "", 401, refusal.Unauthenticated},
		{"GET", "/v1/stores/s2/menu", waiter, "", 403, refusal.Forbidden},
		{"GET", "/v1/stores/s1/orders", guest, "", 403, refusal.Forbidden},
		{"GET", "/v1/stores/s1/orders", waiter, "", 503, refusal.Unavailable},
		{"GET", "/v1/stores/s1/orders/" + uuid(9), waiter, "", 404, refusal.NotFound},
		{"GET", "/v1/stores/s1/orders/" + uuid(9), guest, "", 403, refusal.Forbidden},
		{"GET", "/v1/stores/s1/orders/9/history", waiter, "", 403, refusal.Forbidden},
		{"GET", "/v1/nothing", waiter, "", 404, refusal.NotFound},
		{"DELETE", "/v1/stores/s1/orders", waiter, "", 404, refusal.NotFound},
		{"GET", "/v1/stores/s1/menu?category=none", waiter, "", 404, refusal.NotFound},
		{"POST", "/v1/stores/s1/commands", waiter, "{", 400, refusal.BadRequest},
		{"POST", "/v1/stores/s1/commands", waiter, `{"cmd":"order.fly"}`, 400, refusal.BadRequest},
		{"POST", "/v1/stores/s1/commands", waiter, `{"cmd":"order.void","d":{}}`, 403, refusal.Forbidden},
		{"POST", "/v1/stores/s1/orders", waiter, strings.Repeat("x", 20_000), 400, refusal.BadRequest},
		{"POST", "/v1/stores/s1/orders", waiter, `{}`, 400, refusal.BadRequest},
		{"PUT", "/v1/stores/s1", n.token("boss", "manager", nil), `{}`, 403, refusal.Forbidden},
		{"PUT", "/v1/stores/s1", n.token("root", "admin", nil), `{}`, 404, refusal.NotFound},
	} {
		t.Log(x.method, x.path)
		n.wantProblem(n.call(x.method, x.path, x.token, x.body), x.status, x.code)
	}
	n.engine.onCommand(func(r *actors.Request) {
		left := int64(1)
		r.To.Reply(r.Tag, actors.Answer{Refusal: refusal.New(refusal.SoldOut, "", "Only 1 left").With(refusal.Fields{Dish: "mapo", Left: &left})})
	})
	w := n.call("POST", "/v1/stores/s1/orders", waiter, `{"type":"dine_in"}`, "Idempotency-Key", uuid(1))
	n.wantProblem(w, 409, refusal.SoldOut)
	if !strings.Contains(w.body, `"fields":{"dish":"mapo","left":1}`) {
		t.Error(w.body)
	}
	n.engine.onCommand(func(r *actors.Request) { r.To.Reply(r.Tag, actors.Answer{Refusal: errBusy}) })
	if w := n.call("POST", "/v1/stores/s1/orders", waiter, `{}`, "Idempotency-Key", uuid(1)); w.StatusCode != 503 || w.Header.Get("Retry-After") != "1" {
		t.Errorf("%d %v", w.StatusCode, w.Header)
	}
}

func TestMenuByETag(t *testing.T) {
	n := newNode(t, nil)
	waiter, guest := n.token("lin", "waiter", nil), n.token("g1", "guest", nil)
	w := n.call("GET", "/v1/stores/s1/menu", waiter, "")
	etag := w.Header.Get("ETag")
	if w.StatusCode != 200 || etag != `"12"` || !strings.Contains(w.body, `"stations":["wok"]`) {
		t.Fatalf("%d %s %s", w.StatusCode, etag, w.body)
	}
	if w := n.call("GET", "/v1/stores/s1/menu", waiter, "", "If-None-Match", `"1", W/"12"`); w.StatusCode != 304 || w.body != "" || w.Header.Get("ETag") != etag {
		t.Fatalf("%d %s", w.StatusCode, w.body)
	}
	w = n.call("GET", "/v1/stores/s1/menu", guest, "", "If-None-Match", etag)
	if w.StatusCode != 200 || w.Header.Get("ETag") == etag || strings.Contains(w.body, "stations") || strings.Contains(w.body, "prep_ms") {
		t.Fatalf("a guest: %d %s %s", w.StatusCode, w.Header.Get("ETag"), w.body)
	}
	w = n.call("GET", "/v1/stores/s1/menu?depth=1", guest, "")
	if !strings.Contains(w.body, `"count":1,"dishes":[]`) || !strings.Contains(w.body, `"dishes":[],"groups":[]`) && !strings.Contains(w.body, `"groups":[]`) || strings.Contains(w.body, "mapo") {
		t.Fatalf("depth: %s", w.body)
	}
	w = n.call("GET", "/v1/stores/s1/menu?category=hot", guest, "")
	if !strings.Contains(w.body, `"id":"mapo"`) || strings.Contains(w.body, `"id":"set"`) || !strings.Contains(w.body, `"id":"more"`) || strings.Contains(w.body, `"id":"other"`) {
		t.Fatalf("category: %s", w.body)
	}
	if w = n.call("GET", "/v1/stores/s1/menu?category=sets", guest, ""); !strings.Contains(w.body, `"id":"soup"`) {
		t.Fatalf("a combo's choices: %s", w.body)
	}
	n.engine.mu.Lock()
	n.engine.today["s1"] = testStore("s1", 13)
	n.engine.mu.Unlock()
	if w := n.call("GET", "/v1/stores/s1/menu", waiter, "", "If-None-Match", etag); w.StatusCode != 200 || w.Header.Get("ETag") != `"13"` || !strings.Contains(w.body, `"version":13`) {
		t.Fatalf("a new version: %d %s", w.StatusCode, w.body)
	}
}

func TestOrdersOverREST(t *testing.T) {
	archive := &fakeArchive{}
	n := newNode(t, func(c *Config) { c.Archive = archive })
	boss, guest := n.token("boss", "manager", nil), n.token("g1", "guest", func(c *auth.Claims) { c.Session = "S1" })
	w := n.call("GET", "/v1/stores/s1/orders?limit=7&state=closed&table=T03&from=2026-11-22T00:00:00Z&cursor=c", boss, "")
	if w.body != `{"items":[{"id":"a"},{"id":"b"}],"next":"n1"}` || archive.asked.Limit != 7 || archive.asked.State != "closed" ||
		archive.asked.Table != "T03" || archive.asked.From.IsZero() || archive.asked.Cursor != "c" {
		t.Fatalf("%s %+v", w.body, archive.asked)
	}
	for _, q := range []string{"limit=0", "limit=201", "limit=x", "state=odd", "from=yesterday", "table=..", "cursor=" + strings.Repeat("x", 300)} {
		n.wantProblem(n.call("GET", "/v1/stores/s1/orders?"+q, boss, ""), 422, refusal.Invalid)
	}
	n.wantProblem(n.call("GET", "/v1/stores/s1/orders?cursor=broken", boss, ""), 500, refusal.Internal)
	if w := n.call("GET", "/v1/stores/s1/orders/"+uuid(1)+"/history", boss, ""); w.body != `{"items":[{"v":1}],"next":""}` {
		t.Fatal(w.body)
	}
	n.wantProblem(n.call("GET", "/v1/stores/s1/orders/"+uuid(2)+"/history", boss, ""), 404, refusal.NotFound)

	n.publish(1, newTable("T03", "S1", uuid(1)), true)
	n.publish(4, newOrder(1, atTable("T03", "S1")), true)
	n.publish(1, newOrder(2, atTable("T05", "S2")), true)
	w = n.call("GET", "/v1/stores/s1/orders/"+uuid(1), guest, "")
	if w.StatusCode != 200 || w.Header.Get("ETag") != `"4"` || strings.Contains(w.body, "lin-secret") {
		t.Fatalf("%d %s", w.StatusCode, w.body)
	}
	if w := n.call("GET", "/v1/stores/s1/orders/"+uuid(1), guest, "", "If-None-Match", `"4"`); w.StatusCode != 304 {
		t.Fatal(w.StatusCode)
	}
	n.wantProblem(n.call("GET", "/v1/stores/s1/orders/"+uuid(2), guest, ""), 403, refusal.Forbidden)
	if w := n.call("GET", "/v1/stores/s1/orders/"+uuid(2), boss, ""); !strings.Contains(w.body, "lin-secret") {
		t.Fatal(w.body)
	}
	var trace string
	n.engine.onCommand(func(r *actors.Request) {
		trace = r.Trace.String()
		r.To.Reply(r.Tag, actors.Answer{V: 1, Dup: r.ID == "0192f3a1-7b2c-7d3e-8f40-000000000008"})
	})
	const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	if w := n.call("POST", "/v1/stores/s1/orders", boss, `{}`, "Idempotency-Key", uuid(7), "traceparent", parent); w.StatusCode != 201 || trace != parent {
		t.Errorf("%d %s %s", w.StatusCode, trace, w.body)
	}
	if w := n.call("POST", "/v1/stores/s1/commands", boss, `{"cmd":"order.place","d":{}}`, "Idempotency-Key", uuid(8)); w.StatusCode != 200 || w.Header.Get("Dup") != "true" {
		t.Errorf("%d %v", w.StatusCode, w.Header)
	}
}

func TestStores(t *testing.T) {
	var doc string
	n := newNode(t, func(c *Config) {
		c.Stores = func(_ context.Context, id string, b []byte) ([]byte, *refusal.Refusal) {
			doc = id + string(b)
			return []byte(`{"store":"` + id + `"}`), nil
		}
		c.StoreDocument = func(id string) []byte { return []byte(`{"id":"` + id + `"}`) }
	})
	root := n.token("root", "admin", func(c *auth.Claims) { c.Store = auth.Stores{"s1", "new"} })
	if w := n.call("PUT", "/v1/stores/new", root, `{"a":1}`); w.StatusCode != 200 || w.body != `{"store":"new"}` || doc != `new{"a":1}` {
		t.Fatalf("%d %s %s", w.StatusCode, w.body, doc)
	}
	if w := n.call("PUT", "/v1/stores/other", root, `{}`); w.StatusCode != 200 { // it need not exist, so no token can name it
		t.Errorf("%d %s", w.StatusCode, w.body)
	}
	n.wantProblem(n.call("GET", "/v1/stores/other", root, ""), 403, refusal.Forbidden)
	n.wantProblem(n.call("PUT", "/v1/stores/new", root, strings.Repeat(" ", 3<<20)), 400, refusal.BadRequest)
	n.wantProblem(n.call("PUT", "/v1/stores/new", n.token("lin", "waiter", func(c *auth.Claims) { c.Store = auth.Stores{"new"} }), `{}`), 403, refusal.Forbidden)
	if w := n.call("GET", "/v1/stores/s1", n.token("boss", "manager", nil), ""); w.body != `{"id":"s1"}` {
		t.Fatal(w.body)
	}
	n.wantProblem(n.call("GET", "/v1/stores/s1", n.token("g1", "guest", nil), ""), 403, refusal.Forbidden)
	if w := n.call("GET", "/healthz", "", ""); w.StatusCode != 200 {
		t.Error(w.StatusCode)
	}
	if w := n.call("GET", "/readyz", "", ""); w.StatusCode != 200 || w.Header.Get("X-Frame-Options") != "DENY" {
		t.Error(w.StatusCode)
	}
	n.Drain(context.Background())
	if w := n.call("GET", "/readyz", "", ""); w.StatusCode != 503 {
		t.Error(w.StatusCode)
	}
	n.wantProblem(n.call("POST", "/v1/stores/s1/orders", n.token("lin", "waiter", nil), `{}`), 503, refusal.Moved)
}
