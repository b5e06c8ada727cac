package e2e

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/brigata/brigata/cluster/certtest"
	"github.com/brigata/brigata/cluster/peers"
	"github.com/brigata/brigata/cmd/brigata/client"
)

// states tells the state of each node by name, as n sees them.
func states(t *testing.T, n *node) map[string]string {
	t.Helper()
	r, err := http.NewRequest("GET", n.url+"/v1/cluster", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+n.token)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var in struct {
		Nodes []struct{ Name, State string }
	}
	if err := json.NewDecoder(res.Body).Decode(&in); err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, x := range in.Nodes {
		all[x.Name] = x.State
	}
	return all
}

// Two nodes are one server: either takes orders for the store of the other, each shows
// what the other does, and when one is stopped the other has it all.
func TestCluster(t *testing.T) {
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
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	dial := func(n *node, token string) *client.Conn {
		c, err := client.Dial(ctx, n.url, token, "")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		return c
	}
	// Each node's token is good on the other.
	atA, atB := dial(a, b.token), dial(b, a.token)
	boards := []*client.Conn{atA, atB}
	for _, c := range boards {
		if got, _, err := c.Subscribe(ctx, client.Sub{T: "kitchen.all"}); err != nil || got[0].Err != nil {
			t.Fatalf("%+v %v", got, err)
		}
	}
	for i, c := range boards {
		id := newID()
		m, err := c.Command(ctx, "order.place", id, json.RawMessage(`{"type":"dine_in","table":"T0`+strconv.Itoa(i+1)+`","lines":[{"id":"1","dish":"mapo-tofu","qty":1}]}`), false)
		if err != nil || m.Err != nil {
			t.Fatalf("%+v %v", m.Err, err)
		}
		for j, board := range boards {
			for shown := false; !shown; {
				select {
				case m, ok := <-board.Pushes():
					if !ok {
						t.Fatalf("board %d ended: %v", j, board.Err())
					}
					shown = strings.Contains(m.K, id)
				case <-ctx.Done():
					t.Fatalf("order %d is not on board %d", i, j)
				}
			}
		}
	}
	// nodes, from the terminal.
	out, err := exec.Command(program, "nodes", "--data", a.data).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "alive") || strings.Count(string(out), "\n") < 3 {
		t.Errorf("brigata nodes: %v\n%s", err, out)
	}
	tells(t, a, "brigata_cluster_members 2", "brigata_leases 2", "brigata_leases_still 0", "brigata_bus_routes 1")
	a.stop()
	within(t, 20*time.Second, "a is gone", func() bool { return states(t, b)["a"] == "gone" })
	tells(t, b, "brigata_cluster_members 1", "brigata_leases 1", "brigata_cells_owned 1", "brigata_cell_open_duration_seconds_count 1", "brigata_evictions_total 0")
	m, err := atB.Command(ctx, "order.place", newID(), json.RawMessage(`{"type":"dine_in","table":"T03","lines":[{"id":"1","dish":"mapo-tofu","qty":1}]}`), false)
	if err != nil || m.Err != nil {
		t.Fatalf("after a has left: %+v %v", m.Err, err)
	}
	var ok struct {
		D struct{ No int }
	}
	if err := json.Unmarshal(m.OK, &ok); err != nil || ok.D.No != 3 {
		t.Errorf("the third order has number %d", ok.D.No)
	}
}

// tells waits until the node's metrics hold the lines.
func tells(t *testing.T, n *node, lines ...string) {
	t.Helper()
	for _, line := range lines {
		within(t, 20*time.Second, line, func() bool { return strings.Contains(get(t, n.url+"/metrics"), "\n"+line+"\n") })
	}
}

// certificates are an authority of its own and what it signed for a node.
func certificates(t *testing.T) certtest.Files {
	t.Helper()
	f, err := certtest.Write(t.TempDir(), peers.ServerName)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// Who does not hold the gossip's key, or shows no certificate of the nodes' authority, is
// kept out, and counted where operators look.
func TestStrangersAreCounted(t *testing.T) {
	url, err := newDatabase()
	if err != nil {
		t.Fatal(err)
	}
	f := certificates(t)
	keyFile := filepath.Join(t.TempDir(), "gossip.key")
	if err := os.WriteFile(keyFile, []byte(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))), 0o600); err != nil {
		t.Fatal(err)
	}
	gossip := gossipPort(t)
	n := startNode(t, t.TempDir(), "--database-url", url, "--gossip", gossip, "--gossip-key-file", keyFile, "--tls-ca", f.CA, "--tls-cert", f.Cert, "--tls-key", f.Key)
	for _, what := range []string{"gossip_key", "gossip_node", "node_certificate", "node_message", "bus_certificate", "bus_message", "bus_view"} {
		tells(t, n, `brigata_peers_refused_total{what="`+what+`"} 0`)
	}
	host, port, err := net.SplitHostPort(gossip)
	if err != nil {
		t.Fatal(err)
	}
	first, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	for i, x := range []struct{ network, what string }{{"udp", "gossip_key"}, {"tcp", "node_certificate"}, {"tcp", "bus_certificate"}} {
		conn, err := net.Dial(x.network, net.JoinHostPort(host, strconv.Itoa(first+i)))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.Write([]byte("a stranger says something to this node\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		tells(t, n, `brigata_peers_refused_total{what="`+x.what+`"} 1`)
	}
	tells(t, n, "brigata_cluster_members 1")
}

// What would not be safe does not start, and says why.
func TestClusterRefusesToStart(t *testing.T) {
	for want, args := range map[string][]string{
		"--database-url": {"--join", "127.0.0.1:7946"},
		"--tls-ca":       {"--database-url", "postgres://x", "--gossip", "10.1.2.3:7946"},
		"--advertise":    {"--database-url", "postgres://x", "--gossip", "0.0.0.0:7946"},
		"host:port":      {"--database-url", "postgres://x", "--gossip", "here"},
		"belong":         {"--database-url", "postgres://x", "--gossip", "127.0.0.1:7946", "--tls-ca", "ca.pem"},
	} {
		out, err := exec.Command(program, append([]string{"serve", "--listen", "127.0.0.1:0", "--data", t.TempDir()}, args...)...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), want) {
			t.Errorf("%v: %v %s", args, err, out)
		}
	}
}
