package gateway

import (
	"strings"
	"testing"

	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/gateway/auth"
)

func TestCluster(t *testing.T) {
	n := newNode(t, func(c *Config) {
		c.Nodes = func() []wire.Node { return []wire.Node{{ID: "7", Name: "node-1", Kind: "server", State: "alive"}} }
	})
	got := n.call("GET", "/v1/cluster", n.token("root", "admin", nil), "")
	want := `{"nodes":[{"id":"7","name":"node-1","kind":"server","address":"","version":"","state":"alive","epoch":0,"lease_ms":0,"cells":0,"stores":[],"connections":0}]}`
	if got.StatusCode != 200 || got.body != want {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
	n.wantProblem(n.call("GET", "/v1/cluster", n.token("boss", "manager", nil), ""), 403, refusal.Forbidden)
	n.wantProblem(n.call("GET", "/v1/cluster", "", ""), 401, refusal.Unauthenticated)
	alone := newNode(t, nil)
	alone.wantProblem(alone.call("GET", "/v1/cluster", alone.token("root", "admin", nil), ""), 503, refusal.Unavailable)
}

// A store that is somewhere, and whose values nobody can tell just now, is unavailable: it
// is never said not to be there, at the door, over REST or on a board.
func TestStoreAway(t *testing.T) {
	n := newNode(t, func(c *Config) {
		c.Exists = func(store string) bool { return store == "s1" || store == "away" }
	})
	of := func(stores ...string) string {
		return n.token("boss", "manager", func(c *auth.Claims) { c.Store = stores })
	}
	order := "0192f3a1-7b2c-7d3e-8f40-5a6b7c8d9e0f"
	n.wantProblem(n.call("GET", "/v1/stores/away/orders/"+order, of("away"), ""), 503, refusal.Unavailable)
	n.wantProblem(n.call("GET", "/v1/stores/none/orders/"+order, of("none", "s1"), ""), 404, refusal.NotFound)
	n.wantProblem(n.call("GET", "/v1/stores/none/orders/"+order, of("none"), ""), 401, refusal.Unauthenticated)
	c := n.enter(of("away"), "")
	c.send(`{"id":2,"sub":[{"t":"stock"}]}`)
	if got := string(c.next().OK); !strings.Contains(got, `"unavailable"`) {
		t.Errorf("a board of a store that is away: %s", got)
	}
}
