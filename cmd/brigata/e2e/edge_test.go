package e2e

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/cluster/cells"
	"github.com/brigata/brigata/cmd/brigata/client"
)

// box is a running edge node process.
type box struct {
	t       *testing.T
	cmd     *exec.Cmd
	dir     string   // of its credentials and devices
	command []string // that runs it
	data    string
	mqtt    string
	http    string
	exited  chan error
	args    []string
	logs    *tail
}

const devicesFile = `[{"user":"kitchen","password":"a-long-secret","sensors":["walkin-1","walkin-1-door","walkin-1-power","walkin-1-vibration","fridge-1","freezer-1"]}]`

// newBox mints credentials with the binary, as the node's operator does, and starts an
// edge node with them; hubs are separated by commas.
func newBox(t *testing.T, n *node, hubs string, args ...string) *box {
	t.Helper()
	b := &box{t: t, dir: t.TempDir(), command: []string{program, "edge"}, mqtt: freePort(t), http: freePort(t), args: args}
	b.data = filepath.Join(b.dir, "data")
	file := filepath.Join(b.dir, "box.json")
	mint := []string{"edge-token", "--data", n.data, "--hub", hubs, "--out", file}
	if i := slices.Index(n.args, "--edge-authority"); i >= 0 {
		mint = append(mint, "--authority", n.args[i+1])
	}
	if out, err := exec.Command(program, mint...).CombinedOutput(); err != nil {
		t.Fatalf("edge-token: %v\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(b.dir, "devices.json"), []byte(devicesFile), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.kill) // a start that fails leaves a process, too
	b.start()
	return b
}

func (b *box) start() {
	b.t.Helper()
	logs := &tail{}
	b.cmd = exec.Command(b.command[0], slices.Concat(b.command[1:], []string{"--credentials", filepath.Join(b.dir, "box.json"), "--store", "demo", "--data", b.data,
		"--devices", filepath.Join(b.dir, "devices.json"), "--mqtt", b.mqtt, "--http", b.http}, b.args)...)
	b.logs, b.cmd.Stdout, b.cmd.Stderr = logs, logs, logs
	if err := b.cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	b.exited = make(chan error, 1)
	go func(c *exec.Cmd, exited chan error) { exited <- c.Wait() }(b.cmd, b.exited)
	b.ready(logs)
}

// ready waits until the box knows its sensors.
func (b *box) ready(logs *tail) {
	b.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for b.status().Sensors == 0 {
		select {
		case err := <-b.exited:
			b.exited <- err
			b.t.Fatalf("edge node ended: %v\n%s", err, logs.text())
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("edge node not ready in 30 s\n%s", logs.text())
		}
	}
}

func (b *box) kill() {
	if b.exited == nil {
		return
	}
	_ = b.cmd.Process.Signal(syscall.SIGKILL)
	err := <-b.exited
	b.exited <- err
}

type boxStatus struct {
	Backlog  int   `json:"backlog"`
	Sensors  int   `json:"sensors"`
	Taken    int64 `json:"taken"`
	Repeated int64 `json:"repeated"`
	Unknown  int64 `json:"unknown"`
	Lost     int64 `json:"lost"`
	Raw      int64 `json:"raw"` // bytes
	Learnt   int64 `json:"models_learnt"`
	Kept     int64 `json:"models_kept"`
}

func (b *box) status() (s boxStatus) {
	r, err := http.Get("http://" + b.http + "/status")
	if err != nil {
		return s
	}
	defer r.Body.Close()
	_ = json.NewDecoder(r.Body).Decode(&s)
	return s
}

// await reads pushes of a topic until one of key is as wanted.
func await(t *testing.T, c *client.Conn, topic, key string, ok func(d string) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	subs, _, err := c.Subscribe(ctx, client.Sub{T: topic})
	if err != nil || subs[0].Err != nil {
		t.Fatalf("subscribe %s: %v %+v", topic, err, subs)
	}
	last := ""
	for _, raw := range subs[0].D {
		var e client.Message
		if json.Unmarshal(raw, &e) == nil && e.K == key {
			if last = string(e.D); ok(last) {
				return
			}
		}
	}
	for {
		select {
		case m := <-c.Pushes():
			if m.K == key {
				if last = string(m.D); ok(last) {
					return
				}
			}
		case <-ctx.Done():
			t.Fatalf("%s never became as wanted: %s", key, last)
		}
	}
}

// twoNodes starts two nodes of one cluster that take the same boxes, and tells where the
// boxes link. The first has the store, and keeps it while it lives.
func twoNodes(t *testing.T) (first, second *node, hubs, url string) {
	t.Helper()
	url, err := newDatabase()
	if err != nil {
		t.Fatal(err)
	}
	authority := filepath.Join(t.TempDir(), "boxes.pem")
	gossip, hub := []string{gossipPort(t), gossipPort(t)}, []string{freePort(t), freePort(t)}
	var nodes []*node
	for i, name := range []string{"a", "b"} {
		nodes = append(nodes, startNode(t, t.TempDir(), "--database-url", url, "--name", name, "--gossip", gossip[i], "--join", gossip[1-i],
			"--edge-listen", hub[i], "--edge-authority", authority))
	}
	within(t, 20*time.Second, "the nodes see each other", func() bool {
		return states(t, nodes[0])["b"] == "alive" && states(t, nodes[1])["a"] == "alive"
	})
	names := []string{"a", "b"}
	owner := slices.Index(names, cells.Preferred("demo", names))
	within(t, 30*time.Second, "the store is where it stays", func() bool {
		var in struct{ Nodes []wire.Node }
		nodes[0].get("/v1/cluster", &in)
		return slices.ContainsFunc(in.Nodes, func(x wire.Node) bool { return x.Name == names[owner] && slices.Contains(x.Stores, "demo") })
	})
	return nodes[owner], nodes[1-owner], hub[owner] + "," + hub[1-owner], url
}

// TestFailingFridgeToHeldDish goes the whole way: sensors over MQTT, a box, its leaf
// links, two nodes, a phone. The walk-in loses its refrigerant; in the middle of the
// episode, while readings come, the box dies and the node that has the store. Then the
// walk-in is mended, and a person releases what is held: nobody else does.
func TestFailingFridgeToHeldDish(t *testing.T) {
	t.Parallel()
	owner, n, hubs, url := twoNodes(t)
	b := newBox(t, owner, hubs, "--believe")
	boss := n.dial(n.token, "boss")
	var opened struct{ D struct{ Session string } }
	if err := json.Unmarshal(send(t, boss, "table.open", newID(), `{"table":"T03","guests":2}`).OK, &opened); err != nil {
		t.Fatal(err)
	}
	phone := n.dial(n.roleToken("guest", "--user", newID(), "--table", "T03", "--session", opened.D.Session), "phone")
	const minutes, mended = 8 * 60, 60
	failing := b.simulate("--for", "8h", "--failure", "refrigerant", "--fail-after", "30m", "--speed", "1500")
	await(t, boss, "sensors", "sensor/walkin-1", func(d string) bool {
		return strings.Contains(d, `"state":"alert"`) || strings.Contains(d, `"state":"escalated"`)
	})
	if got := owner.counted("walkin-1"); got >= minutes {
		t.Fatalf("the episode is over: %d readings", got)
	}
	owner.kill()
	b.kill() // what it acknowledged is on its disk; the devices come back
	b.start()
	await(t, phone, "menu", "dish/mapo-tofu", func(d string) bool { return strings.Contains(d, `"available":false`) })
	await(t, boss, "stock", "dish/mapo-tofu", heldBy("walkin-1"))
	await(t, boss, "nodes", "node/edge-demo-edge-1", func(d string) bool {
		return strings.Contains(d, `"kind":"edge"`) && strings.Contains(d, `"link":"up"`) && strings.Contains(d, `"model":"fused-1.0.2"`)
	})
	var walkin struct{ State, Workorder string }
	view(t, boss, "sensors", "sensor/walkin-1", &walkin)
	order := "workorder/" + walkin.Workorder
	await(t, boss, "sensors", order, func(d string) bool { // its dishes answer one after the other
		var order struct {
			Severity string
			Holds    []string
		}
		return json.Unmarshal([]byte(d), &order) == nil && order.Severity == "food" && len(order.Holds) == 3
	})
	refused := func() {
		t.Helper()
		m := send(t, boss, "order.place", newID(), `{"type":"dine_in","table":"T03","lines":[{"dish":"mapo-tofu","qty":1}]}`)
		if m.Err == nil {
			t.Fatalf("food that is held was sold: %s", m.Raw)
		}
	}
	refused()
	await(t, boss, "sensors", "sensor/walkin-1", func(d string) bool { return strings.Contains(d, `"state":"escalated"`) }) // nobody has looked
	out, errs, status := n.terminal("sensors", "ack", "walkin-1")
	if status != 0 || !strings.Contains(out, "acked") {
		t.Fatal(out, errs)
	}
	out, _, _ = n.terminal("watch", "sensors", "--once")
	if !strings.Contains(out, "walkin-1 ") || !strings.Contains(out, "work order") {
		t.Fatal(out)
	}
	if err := failing(); err != nil {
		t.Fatal(err)
	}
	n.counts(b, minutes)
	if err := b.simulate("--for", "1h", "--speed", "0")(); err != nil {
		t.Fatal(err)
	}
	n.counts(b, minutes+mended)
	await(t, boss, "sensors", "sensor/walkin-1", func(d string) bool { return strings.Contains(d, `"state":"resolved"`) })
	await(t, boss, "stock", "dish/mapo-tofu", heldBy("walkin-1"))
	await(t, boss, "sensors", order, func(d string) bool { return strings.Contains(d, `"state":"open"`) })
	refused()
	if m := send(t, boss, "stock.release", newID(), `{"dish":"mapo-tofu","reason":"food_safety"}`); m.Err != nil {
		t.Fatal(m.Raw)
	}
	await(t, phone, "menu", "dish/mapo-tofu", func(d string) bool { return strings.Contains(d, `"available":true`) })
	n.inspected("walkin-1", minutes+mended)
	n.args = []string{"--database-url", url}
	n.verify()
}

// simulate plays the demo's sensors, a reading a minute; wait says how that went.
func (b *box) simulate(args ...string) (wait func() error) {
	b.t.Helper()
	c := exec.Command(program, append([]string{"sensors", "simulate", "--broker", "tcp://" + b.mqtt, "--user", "kitchen", "--password", "a-long-secret", "--every", "60s"}, args...)...)
	out := &tail{}
	c.Stdout, c.Stderr = out, out
	if err := c.Start(); err != nil {
		b.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	b.t.Cleanup(func() { _ = c.Process.Kill() })
	return func() error {
		if err := <-ended; err != nil {
			return fmt.Errorf("simulate: %w\n%s", err, out.text())
		}
		return nil
	}
}

// counts waits until so many readings of the walk-in are in its series, and no more.
func (n *node) counts(b *box, want int64) {
	n.t.Helper()
	for end := time.Now().Add(60 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		got := n.counted("walkin-1")
		if got == want {
			return
		}
		if got > want || time.Now().After(end) {
			n.t.Fatalf("%d readings of %d are in the series; %+v", got, want, b.status())
		}
	}
}

// heldBy says that a dish is held for a sensor.
func heldBy(sensor string) func(string) bool {
	return func(d string) bool {
		return strings.Contains(d, `"mode":"held"`) && strings.Contains(d, `"sensor":"`+sensor+`"`)
	}
}

// inspected reads what an inspector is given: every reading of the sensor is in an hour's
// line, the alert and what became of it are there, and on paper too.
func (n *node) inspected(id string, readings int) {
	n.t.Helper()
	from := "from=" + time.Now().Add(-24*time.Hour).UTC().Format(time.RFC3339)
	lines, err := csv.NewReader(bytes.NewReader(n.rest(n.t, "GET", "/v1/stores/demo/reports/haccp?"+from, "", ""))).ReadAll()
	if err != nil || len(lines) < 2 {
		n.t.Fatal(lines, err)
	}
	column := func(line []string, name string) string { return line[slices.Index(lines[0], name)] }
	records := map[string]bool{}
	for _, line := range lines[1:] {
		if column(line, "sensor") != id {
			continue
		}
		records[column(line, "record")] = true
		if v := column(line, "readings"); v != "" {
			k, err := strconv.Atoi(v)
			if err != nil {
				n.t.Fatal(line, err)
			}
			readings -= k
		}
	}
	if readings != 0 || len(records) < 2 {
		n.t.Errorf("%d readings are missing; there are records of %v in\n%v", readings, records, lines)
	}
	if paper := n.rest(n.t, "GET", "/v1/stores/demo/reports/haccp?format=pdf&"+from, "", ""); !bytes.HasPrefix(paper, []byte("%PDF-")) || !bytes.HasSuffix(bytes.TrimSpace(paper), []byte("%%EOF")) {
		n.t.Errorf("no PDF: %.40q", paper)
	}
}

// counted sums a sensor's readings up.
func (n *node) counted(id string) (total int64) {
	n.t.Helper()
	var series struct{ Items []struct{ N int64 } }
	n.get("/v1/stores/demo/sensors/"+id+"/series?step_ms=3600000", &series)
	for _, p := range series.Items {
		total += p.N
	}
	return total
}

// get reads a resource as the node's operator.
func (n *node) get(path string, into any) {
	n.t.Helper()
	r, err := http.NewRequest("GET", n.url+path, nil)
	if err != nil {
		n.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+n.token)
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		n.t.Fatal(err)
	}
	defer w.Body.Close()
	if err := json.NewDecoder(w.Body).Decode(into); err != nil || w.StatusCode != http.StatusOK {
		n.t.Fatal(fmt.Sprint(w.Status), err)
	}
}

// TestEdgeKills plays an hour of readings against the clock while node and box are killed
// twice each: every reading that was acknowledged counts, and none of them twice.
func TestEdgeKills(t *testing.T) {
	t.Parallel()
	data, hub, addr := t.TempDir(), freePort(t), freePort(t)
	n := startNodeAt(t, addr, data, "--edge-listen", hub)
	b := newBox(t, n, hub, "--believe")
	play := exec.Command(program, "sensors", "simulate", "--broker", "tcp://"+b.mqtt, "--user", "kitchen", "--password", "a-long-secret",
		"--for", "1h", "--every", "2s", "--speed", "300")
	out := &tail{}
	play.Stdout, play.Stderr = out, out
	if err := play.Start(); err != nil {
		t.Fatal(err)
	}
	played := make(chan error, 1)
	go func() { played <- play.Wait() }()
	reach := func(taken int64) { // readings since the box's start
		t.Helper()
		for end := time.Now().Add(60 * time.Second); b.status().Taken < taken; time.Sleep(20 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("the box does not come to %d readings: %+v %s", taken, b.status(), out.text())
			}
		}
	}
	for range 2 {
		reach(1000)
		n.kill()
		reach(1500)
		b.kill()
		b.start() // it knows its sensors from before
		n = startNodeAt(t, addr, data, "--edge-listen", hub)
	}
	if err := <-played; err != nil {
		t.Fatalf("%v: %s", err, out.text())
	}
	began := time.Now()
	for _, id := range []string{"walkin-1", "fridge-1", "freezer-1", "walkin-1-power"} {
		for end := time.Now().Add(60 * time.Second); ; time.Sleep(50 * time.Millisecond) {
			got := n.counted(id)
			if got == 1800 {
				break
			}
			if got > 1800 || time.Now().After(end) {
				t.Fatalf("%s counted %d readings of 1800; %+v", id, got, b.status())
			}
		}
	}
	t.Logf("all there %v after the last was acknowledged", time.Since(began).Round(time.Millisecond))
	n.args = nil // what serve alone understands
	n.verify()
}
