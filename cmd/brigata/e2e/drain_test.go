package e2e

import (
	"strings"
	"testing"
)

// TestDrain ends a node with SIGTERM: clients are told, and nothing is left to replay.
func TestDrain(t *testing.T) {
	onBoth(t, func(t *testing.T, start func(*testing.T) *node) {
		n := start(t)
		c := n.dial(n.token, "waiter")
		id := place(t, c, "T07")
		r := dialRaw(t, n)
		r.login(n.token)
		ended := make(chan error, 1)
		go func() { ended <- n.stop() }()
		said, code := r.rest()
		if !strings.Contains(said, `"bye":{"code":4001`) || code != 4001 {
			t.Errorf("closed %d after %q", code, said)
		}
		if err := <-ended; err != nil {
			t.Errorf("ended with %v", err)
		}
		n = start(t)
		c = n.dial(n.token, "waiter")
		var o struct{ State string }
		view(t, c, "order."+id, "order/"+id, &o)
		if o.State != "accepted" {
			t.Errorf("%+v", o)
		}
	})
}
