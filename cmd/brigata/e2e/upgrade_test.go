//go:build operations

package e2e

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/brigata/brigata/cmd/brigata/client"
)

// previous is the build that nodes are upgraded from: the last commit of the release before.
const previous = "03f65f8a79f9"

// previousProgram builds it from the repository's history.
func previousProgram(t *testing.T) string {
	t.Helper()
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	if exec.Command("git", "-C", root, "cat-file", "-e", previous+"^{commit}").Run() != nil {
		t.Fatalf("the history does not reach back to %s, the previous build: a whole clone has it (git fetch --unshallow)", previous)
	}
	source := t.TempDir()
	archive := exec.Command("sh", "-c", `git -C "$0" archive "$1" | tar -x -C "$2"`, root, previous, source)
	if out, err := archive.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	binary := filepath.Join(source, "brigata-previous")
	build := exec.Command("go", "build", "-trimpath", "-o", binary, "./cmd/brigata")
	build.Dir = source
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return binary
}

// with has f start nodes of another build.
func with(binary string, f func()) {
	current := program
	program = binary
	defer func() { program = current }()
	f()
}

// placed places n orders that the kitchen sees at once, and returns them.
func placed(t *testing.T, c *client.Conn, n int) (ids []string) {
	t.Helper()
	for range n {
		id := newID()
		must(t, send(t, c, "order.place", id, `{"type":"dine_in","table":"T05","lines":[{"dish":"mapo-tofu","qty":1}]}`))
		ids = append(ids, id)
	}
	return ids
}

// has checks that a node shows each order with its dish.
func has(t *testing.T, n *node, ids []string) {
	t.Helper()
	for _, id := range ids {
		var o struct {
			Lines []struct{ Dish string }
		}
		if status, _ := rest(t, n, n.token, "GET", "/v1/stores/demo/orders/"+id, "", &o); status != 200 || len(o.Lines) != 1 || o.Lines[0].Dish != "mapo-tofu" {
			t.Errorf("order %s after the upgrade: %d %+v", id, status, o)
		}
	}
}

// TestUpgrade: what the previous build has written, this one reads and goes on with.
func TestUpgrade(t *testing.T) {
	old := previousProgram(t)
	onBoth(t, func(t *testing.T, start func(*testing.T) *node) {
		var n *node
		with(old, func() { n = start(t) })
		c := n.dial(n.token, "old")
		ids := placed(t, c, 20)
		must(t, send(t, c, "table.open", newID(), `{"table":"T01","guests":2}`))
		must(t, send(t, c, "cart.set", newID(), `{"table":"T01","line":"1","dish":"mapo-tofu","qty":2}`))
		must(t, send(t, c, "stock.count", newID(), `{"dish":"kung-pao-chicken","qty":7}`))
		n.kill()

		n = start(t)
		has(t, n, ids)
		c = n.dial(n.token, "new")
		must(t, send(t, c, "order.place", newID(), `{"type":"dine_in","table":"T01","cart":1}`))
		refused(t, send(t, c, "order.place", newID(), `{"type":"pickup","contact":{"name":"A","phone":"1"},"lines":[{"dish":"kung-pao-chicken","qty":8}]}`), "sold_out")
		must(t, send(t, c, "order.place", newID(), `{"type":"pickup","contact":{"name":"A","phone":"1"},"lines":[{"dish":"kung-pao-chicken","qty":7}]}`))
		has(t, n, placed(t, c, 5))
		n.verify()
	})
}

// TestMixedCluster: two builds are one cluster. Stores move from the old to the new and back,
// clients of either see both, and nothing is lost on the way.
func TestMixedCluster(t *testing.T) {
	old := previousProgram(t)
	url, err := newDatabase()
	if err != nil {
		t.Fatal(err)
	}
	first, second := gossipPort(t), gossipPort(t)
	data := []string{t.TempDir(), t.TempDir()}
	startA := func() *node {
		return startNode(t, data[0], "--database-url", url, "--name", "a", "--gossip", first, "--join", second)
	}
	startB := func() *node {
		return startNode(t, data[1], "--database-url", url, "--name", "b", "--gossip", second, "--join", first)
	}
	var a *node
	with(old, func() { a = startA() })
	ids := placed(t, a.dial(a.token, "a"), 10)
	b := startB()
	both := func() {
		t.Helper()
		within(t, 20*time.Second, "the nodes see each other", func() bool {
			return states(t, a)["b"] == "alive" && states(t, b)["a"] == "alive"
		})
	}
	both()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	shows := func(n *node) { // an order of either node comes to a board of n
		t.Helper()
		board := n.dial(n.token, "board")
		got, _, err := board.Subscribe(ctx, client.Sub{T: "kitchen.all"})
		if err != nil || got[0].Err != nil {
			t.Fatalf("%+v %v", got, err)
		}
		for _, from := range []*node{a, b} {
			id := placed(t, from.dial(from.token, "phone"), 1)[0]
			ids = append(ids, id)
			for shown := false; !shown; {
				select {
				case m, ok := <-board.Pushes():
					if !ok {
						t.Fatal(board.Err())
					}
					shown = strings.Contains(m.K, id)
				case <-ctx.Done():
					t.Fatalf("order %s of %s is not on the board of %s", id, from.url, n.url)
				}
			}
		}
	}
	shows(a)
	shows(b)
	has(t, a, ids)
	has(t, b, ids)

	// The old one goes: the new one has it all. The old comes back, and the new one goes.
	if err := a.stop(); err != nil {
		t.Fatal(err)
	}
	ids = append(ids, placed(t, b.dial(b.token, "b"), 5)...)
	has(t, b, ids)
	with(old, func() { a = startA() })
	both()
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	within(t, 20*time.Second, "the old build has the store", func() bool {
		status, _ := rest(t, a, a.token, "GET", "/v1/stores/demo/orders/"+ids[len(ids)-1], "", nil)
		return status == 200
	})
	has(t, a, ids)
	ids = append(ids, placed(t, a.dial(a.token, "a"), 5)...)
	b = startB()
	both()
	if err := a.stop(); err != nil {
		t.Fatal(err)
	}
	has(t, b, ids)
	b.verify()
}

// TestMixedBoxes: boxes and nodes need not be of one build. A node reads a box that is older, and
// one that is newer; then the older box is given this build, and what waits on its disk is read.
func TestMixedBoxes(t *testing.T) {
	old := previousProgram(t)
	data, address, hub := t.TempDir(), freePort(t), freePort(t)
	serve := func() *node { return startNodeAt(t, address, data, "--edge-listen", hub) }
	const sensors, minutes = 6, 60
	total := int64(0)
	play := func(b *box) {
		t.Helper()
		if err := b.simulate("--for", "1h", "--speed", "0")(); err != nil {
			t.Fatal(err)
		}
		total += minutes
	}

	var n *node
	with(old, func() { n = serve() })
	b := newBox(t, n, hub, "--believe")
	play(b)
	n.counts(b, total)
	n.kill()
	b.kill()

	n = serve()
	with(old, func() { b = newBox(t, n, hub, "--believe") })
	play(b)
	n.counts(b, total)
	n.kill()
	play(b)
	within(t, time.Minute, "all is in windows", func() bool { return b.status().Backlog == sensors*minutes })
	b.kill()
	b.command[0] = program
	b.start()
	n = serve()
	n.counts(b, total)
	play(b)
	n.counts(b, total)
	within(t, time.Minute, "nothing waits", func() bool { return b.status().Backlog == 0 })
	n.args = nil // what serve alone understands
	n.verify()
}
