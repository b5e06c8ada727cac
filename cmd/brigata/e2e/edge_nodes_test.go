package e2e

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/edge"
	"github.com/brigata/brigata/edge/credentials"
)

// shows waits until a box is as wanted wherever nodes are shown: over REST, on the topic
// of nodes, and in the terminal, where its line has the words.
func (n *node) shows(what, box string, is func(*wire.Node) bool, words ...string) {
	n.t.Helper()
	within(n.t, 60*time.Second, what, func() bool {
		var in struct{ Nodes []wire.Node }
		n.get("/v1/cluster", &in)
		i := slices.IndexFunc(in.Nodes, func(x wire.Node) bool { return x.Kind == "edge" && x.Name == box })
		return i >= 0 && is(&in.Nodes[i])
	})
	await(n.t, n.dial(n.token, what), "nodes", "node/edge-demo-"+box, func(d string) bool {
		var x wire.Node
		return json.Unmarshal([]byte(d), &x) == nil && is(&x)
	})
	out, errs, status := n.terminal("nodes")
	line := ""
	for l := range strings.Lines(out) {
		if strings.HasPrefix(l, box+" ") {
			line = l
		}
	}
	for _, w := range words {
		if !slices.Contains(strings.Fields(line), w) {
			n.t.Errorf("%s: brigata nodes (%d %s) does not say %q:\n%s", what, status, errs, w, out)
		}
	}
}

// Boxes are shown as nodes are: those that join, wait, come back, are off in time, are
// lost and leave.
func TestBoxesAreNodes(t *testing.T) {
	t.Parallel()
	owner, n, hubs, _ := twoNodes(t)
	b := newBox(t, owner, hubs, "--believe")
	up := func(x *wire.Node) bool { return x.State == "alive" && x.Link == "up" }
	for _, at := range []*node{owner, n} {
		at.shows("joined", "edge-1", func(x *wire.Node) bool {
			return up(x) && x.Store == "demo" && x.Model == "fused-1.0.2" && x.Backlog == 0 && -2000 < x.ClockOffsetMS && x.ClockOffsetMS < 2000 && !x.StartedAt.IsZero()
		}, "demo", "alive", "up", "0", "fused-1.0.2")
	}

	b.kill()
	n.shows("cut off", "edge-1", func(x *wire.Node) bool { return x.Link == "down" }, "down")
	n.shows("lost", "edge-1", func(x *wire.Node) bool { return x.State == "suspect" && x.Link == "down" }, "suspect", "down")

	b.args = append(b.args, "--hub", strings.Split(hubs, ",")[1]) // the node that does not have the store cannot read it
	b.start()
	n.shows("back", "edge-1", up, "alive", "up")
	if err := b.simulate("--for", "1h", "--speed", "0")(); err != nil {
		t.Fatal(err)
	}
	waiting := func(x *wire.Node) bool { return up(x) && x.Backlog > 50 }
	n.shows("waiting", "edge-1", waiting, "alive", "up")
	b.kill()
	b.args = b.args[:1]
	b.start()
	n.shows("drained", "edge-1", func(x *wire.Node) bool { return up(x) && x.Backlog == 0 }, "0")

	authority, err := credentials.LoadAuthority(owner.args[slices.Index(owner.args, "--edge-authority")+1])
	if err != nil {
		t.Fatal(err)
	}
	c, err := authority.Mint("demo", "edge-2", strings.Split(hubs, ","), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	off, err := edge.Start(t.Context(), edge.Options{Credentials: c, Data: filepath.Join(t.TempDir(), "edge-2"), Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return time.Now().Add(time.Hour) }})
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []*node{owner, n} {
		at.shows("an hour off", "edge-2", func(x *wire.Node) bool {
			return up(x) && (time.Duration(x.ClockOffsetMS)*time.Millisecond-time.Hour).Abs() < time.Minute
		}, "alive")
	}
	if err := off.Stop(); err != nil {
		t.Error(err)
	}
	n.shows("left", "edge-2", func(x *wire.Node) bool { return x.State == "gone" && x.Link == "down" }, "gone", "down")

	if err := b.stop(); err != nil {
		t.Errorf("the box ended: %v\n%s", err, b.logs.text())
	}
	for _, at := range []*node{owner, n} {
		at.shows("left", "edge-1", func(x *wire.Node) bool { return x.State == "gone" && x.Link == "down" }, "gone", "down")
	}
	for _, event := range []string{"edge-1 alive", "edge-1 suspect", "edge-1 gone", "edge-2 alive", "edge-2 gone"} {
		name, state, _ := strings.Cut(event, " ")
		if said := fmt.Sprintf(`"msg":"edge node","store":"demo","name":"%s","state":"%s"`, name, state); !n.logs.has(said) {
			t.Errorf("the node's log has no %q:\n%s", said, n.logs.text())
		}
	}
}

// stop ends the box with SIGTERM, and returns how it went.
func (b *box) stop() error {
	_ = b.cmd.Process.Signal(syscall.SIGTERM)
	err := <-b.exited
	b.exited <- err
	return err
}
