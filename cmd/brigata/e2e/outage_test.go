package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/brigata/brigata/persistence/pgtest"
)

// answer is how a REST call went while the database was away.
type answer struct {
	what   string
	cid    string
	status int
	took   time.Duration
	Code   string
	Retry  bool
	After  int64 `json:"after_ms"`
}

// TestDatabaseHangs stops every process of a Postgres where it stands, and has them go on
// much later. Meanwhile the menu is read from memory, whatever is ordered is refused in
// bounded time and says when to try again, people and sockets are turned away but not for
// good, and nothing hangs. Afterwards the node recovers by itself: every refused order can
// be sent again, and is there once.
func TestDatabaseHangs(t *testing.T) {
	t.Parallel()
	pg, err := pgtest.Start(pgtest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer pg.Stop()
	n := startNode(t, t.TempDir(), "--database-url", pg.URL())
	var admin grant
	n.login(t, http.StatusOK, &admin, map[string]string{"user": "admin", "password": n.oneTimePassword(t), "new_password": "a long one"})
	waiter := n.roleToken("waiter")
	c := n.dial(waiter, "before")
	must(t, send(t, c, "table.open", newID(), `{"table":"T01","guests":2}`))
	_, h := rest(t, n, waiter, "GET", "/v1/stores/demo/menu", "", nil)
	etag := h.Get("ETag")

	if err := pg.Pause(); err != nil {
		t.Fatal(err)
	}
	resumed := false
	defer func() {
		if !resumed {
			pg.Resume()
		}
	}()
	var refused []answer
	patient := &http.Client{Timeout: 20 * time.Second}
	ask := func(what, method, path, token, cid, body string) (a answer) {
		t.Helper()
		r, err := http.NewRequest(method, n.url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Idempotency-Key", cid)
		began := time.Now()
		w, err := patient.Do(r)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			return a
		}
		defer w.Body.Close()
		json.NewDecoder(w.Body).Decode(&a)
		a.what, a.cid, a.status, a.took = what, cid, w.StatusCode, time.Since(began)
		return a
	}
	const order = `{"type":"dine_in","table":"T01","lines":[{"dish":"mapo-tofu","qty":1}]}`
	pace := time.NewTicker(300 * time.Millisecond)
	defer pace.Stop()
	for end := time.Now().Add(15 * time.Second); time.Now().Before(end); <-pace.C { // past the lease's end, and then some
		var all sync.WaitGroup
		var mu sync.Mutex
		for what, call := range map[string]func() answer{
			"order": func() answer { return ask("order", "POST", "/v1/stores/demo/orders", waiter, newID(), order) },
			"login": func() answer {
				return ask("login", "POST", "/v1/login", "", newID(), `{"user":"admin","password":"a long one"}`)
			},
			"people": func() answer { return ask("people", "GET", "/v1/users", admin.Token, "", "") },
			"orders": func() answer { return ask("orders", "GET", "/v1/stores/demo/orders", waiter, "", "") },
			"menu":   func() answer { return ask("menu", "GET", "/v1/stores/demo/menu", waiter, "", "") },
			"health": func() answer { return ask("health", "GET", "/healthz", "", "", "") },
		} {
			all.Go(func() {
				a := call()
				switch what {
				case "menu", "health":
					if a.status != http.StatusOK || a.took > 3*time.Second {
						t.Errorf("%s: %d after %v", what, a.status, a.took)
					}
					return
				}
				mu.Lock()
				defer mu.Unlock()
				refused = append(refused, a)
			})
		}
		all.Wait()
	}
	if n.ready() {
		t.Error("the node says that it is ready")
	}
	if status, h := rest(t, n, waiter, "GET", "/v1/stores/demo/menu?depth=1", "", nil); status != http.StatusOK || h.Get("ETag") != etag {
		t.Errorf("the menu's first level: %d %v", status, h)
	}
	// A socket that comes now is let in, and told to try again: it is not sent away for good.
	late := n.dial(n.roleToken("waiter"), "meanwhile")
	cid := newID()
	if m := send(t, late, "order.place", cid, order); m.Err == nil || m.Err.Code != "unavailable" || !m.Err.Retry || m.Err.AfterMS <= 0 {
		t.Errorf("an order on a socket: %s", m.Raw)
	}
	refused = append(refused, answer{what: "order", cid: cid, status: 503, Code: "unavailable", Retry: true, After: 1})
	orders := 0
	for _, a := range refused {
		if a.status != http.StatusServiceUnavailable || a.Code != "unavailable" || !a.Retry || a.After <= 0 || a.took > 12*time.Second {
			t.Errorf("%+v", a)
		}
		if a.what == "order" {
			orders++
		}
	}

	if err := pg.Resume(); err != nil {
		t.Fatal(err)
	}
	resumed = true
	within(t, 30*time.Second, "the node is ready again", n.ready)
	within(t, 15*time.Second, "people can log in again", func() bool {
		return ask("login", "POST", "/v1/login", "", newID(), `{"user":"admin","password":"a long one"}`).status == http.StatusOK
	})
	again := map[string]bool{}
	after := n.dial(waiter, "after")
	for _, a := range refused {
		if a.what != "order" {
			continue
		}
		must(t, send(t, after, "order.place", a.cid, order))
		again[a.cid] = true
	}
	var p page
	rest(t, n, waiter, "GET", fmt.Sprintf("/v1/stores/demo/orders?limit=%d&table=T01", 200), "", &p)
	if len(p.Items) != len(again) || len(again) != orders {
		t.Errorf("%d orders are listed, %d were sent, %d of them are different", len(p.Items), orders, len(again))
	}
	for _, o := range p.Items {
		if !again[o.ID] {
			t.Errorf("%s was never sent", o.ID)
		}
	}
	n.verify()
}
