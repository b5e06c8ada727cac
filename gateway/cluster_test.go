package gateway

import (
	"testing"

	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/wire"
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
