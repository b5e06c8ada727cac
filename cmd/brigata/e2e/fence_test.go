package e2e

import (
	"net/http"
	"testing"
	"time"
)

// TestTakeOver starts a second node on one Postgres. Until there is a cluster the later
// one takes the database over: the first may not write, and says so.
func TestTakeOver(t *testing.T) {
	url, err := newDatabase()
	if err != nil {
		t.Fatal(err)
	}
	data := t.TempDir()
	first := startNode(t, data, "--database-url", url)
	c := first.dial(first.token, "waiter")
	id := place(t, c, "T01")
	second := startNode(t, data, "--database-url", url, "--name", "node-2")
	m := send(t, c, "item.bump", newID(), `{"order":"`+id+`","items":["1"]}`)
	if m.Err == nil || m.Err.Code != "unavailable" && m.Err.Code != "moved" || !m.Err.Retry {
		t.Fatalf("the fenced node says %s", m.Raw)
	}
	deadline := time.Now().Add(10 * time.Second)
	for first.ready() {
		if time.Now().After(deadline) {
			t.Fatal("the fenced node says that it is ready")
		}
	}
	if r, err := http.Get(first.url + "/healthz"); err != nil || r.StatusCode != http.StatusOK {
		t.Fatal(r, err)
	}
	d := second.dial(second.token, "waiter")
	must(t, send(t, d, "item.bump", newID(), `{"order":"`+id+`","items":["1"]}`))
}
