//go:build operations

package e2e

import (
	"bytes"
	"context"
	"encoding/base64"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestRotation changes all that two running nodes know one another by, step by step as the
// operations guide has it, and the key that one signs with, restarting one node at a time.
// Orders come at the other meanwhile, and none is lost.
func TestRotation(t *testing.T) {
	url, err := newDatabase()
	if err != nil {
		t.Fatal(err)
	}
	files, old, next := t.TempDir(), certificates(t), certificates(t)
	file := func(name string, parts ...string) string {
		var text []byte
		for _, part := range parts {
			b, err := os.ReadFile(part)
			if err != nil {
				t.Fatal(err)
			}
			text = append(text, b...)
		}
		path := filepath.Join(files, name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	gossipKeys := func(first byte, others ...byte) string {
		path := filepath.Join(files, "gossip.key")
		var lines []string
		for _, b := range append([]byte{first}, others...) {
			lines = append(lines, base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{b}, 32)))
		}
		if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ca, cert, key, gossip := file("ca.pem", old.CA), file("node.pem", old.Cert), file("node-key.pem", old.Key), gossipKeys(7)

	at := []string{gossipPort(t), gossipPort(t)}
	data := []string{t.TempDir(), t.TempDir()}
	nodes := make([]*node, 2)
	start := func(i int) {
		t.Helper()
		nodes[i] = startNode(t, data[i], "--database-url", url, "--name", string(rune('a'+i)), "--gossip", at[i], "--join", at[1-i],
			"--tls-ca", ca, "--tls-cert", cert, "--tls-key", key, "--gossip-key-file", gossip)
	}
	var ids []string
	together := func(step string) {
		t.Helper()
		within(t, 20*time.Second, step+": the nodes see each other", func() bool {
			return states(t, nodes[0])["b"] == "alive" && states(t, nodes[1])["a"] == "alive"
		})
		for _, n := range nodes { // the store is on one of the two: a request crosses
			ids = append(ids, placed(t, n.dial(n.token, "phone"), 1)...)
		}
		for _, n := range nodes {
			has(t, n, ids)
		}
	}
	roll := func(step string) {
		t.Helper()
		for i := range nodes {
			other := nodes[1-i]
			ctx, cancel := context.WithCancel(t.Context())
			var ordering sync.WaitGroup
			ordering.Go(func() {
				for ctx.Err() == nil {
					out, errs, status := other.terminal("order", "--table", "T02", "mapo-tofu")
					if status != 0 && ctx.Err() == nil {
						t.Errorf("%s: an order at the other node: %s%s", step, out, errs)
					}
				}
			})
			if err := nodes[i].stop(); err != nil {
				t.Error(err)
			}
			start(i)
			cancel()
			ordering.Wait()
			together(step)
		}
	}
	start(0)
	start(1)
	must(t, send(t, nodes[0].dial(nodes[0].token, "setup"), "stock.count", newID(), `{"dish":"mapo-tofu","qty":100000}`))
	together("before")

	file("ca.pem", old.CA, next.CA)
	gossipKeys(7, 8)
	roll("both authorities and gossip keys are taken")
	file("node.pem", next.Cert)
	file("node-key.pem", next.Key)
	gossipKeys(8, 7)
	roll("the new ones are shown")
	file("ca.pem", next.CA)
	gossipKeys(8)
	roll("the old ones are gone")

	// The first node signs with a new key: what the old one signed is good at both still.
	before := nodes[0].token
	if err := nodes[0].stop(); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(data[0], "signing-key.pem"), filepath.Join(data[0], "signing-key.old")); err != nil {
		t.Fatal(err)
	}
	start(0)
	together("a new signing key")
	if slices.Equal(header(before), header(nodes[0].token)) {
		t.Error("the key is the old one")
	}
	for _, n := range nodes {
		for _, token := range []string{before, nodes[0].token} {
			if status, _ := rest(t, n, token, "GET", "/v1/stores/demo/orders/"+ids[0], "", nil); status != 200 {
				t.Errorf("a token at %s: %d", n.url, status)
			}
		}
	}
	if err := nodes[1].stop(); err != nil {
		t.Error(err)
	}
	nodes[0].verify()
}

// header is a token's, which names its key.
func header(token string) []byte {
	h, _, _ := strings.Cut(token, ".")
	return []byte(h)
}
