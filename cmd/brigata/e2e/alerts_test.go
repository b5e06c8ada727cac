//go:build operations

package e2e

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"math"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/brigata/brigata/persistence/pgtest"
)

// watcher is a running Prometheus.
type watcher struct {
	t       *testing.T
	address string
}

// prometheus runs a real one over the given targets with the shipped rules, faster.
func prometheus(t *testing.T, targets ...string) *watcher {
	t.Helper()
	binary, err := exec.LookPath("prometheus")
	if err != nil {
		t.Fatal("missing: prometheus (Debian: apt-get install prometheus)")
	}
	dir := t.TempDir()
	rules, err := os.ReadFile("../../../deploy/prometheus/rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	fast := regexp.MustCompile(`(?m)^( +for: ).*$`).ReplaceAllString(string(rules), "${1}2s")
	fast = regexp.MustCompile(`\[\d+m\]`).ReplaceAllString(fast, "[8s]")
	config := "global: {scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms}\nrule_files: [rules.yml]\n" +
		"scrape_configs: [{job_name: brigata, static_configs: [{targets: [" + strings.Join(targets, ", ") + "]}]}]\n"
	for name, text := range map[string]string{"prometheus.yml": config, "rules.yml": fast} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	address := freePort(t)
	cmd := exec.Command(binary, "--config.file="+filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+address)
	logs := &tail{}
	cmd.Stdout, cmd.Stderr = logs, logs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Log(logs.text())
		}
	})
	return &watcher{t, "http://" + address}
}

// value is what a query that has one answer comes to.
func (w *watcher) value(query string) float64 {
	var got struct {
		Result []struct{ Value [2]any }
	}
	_ = json.Unmarshal(ask(w.address, "/api/v1/query?query="+url.QueryEscape(query)), &got)
	if len(got.Result) != 1 {
		return math.NaN()
	}
	x, _ := strconv.ParseFloat(got.Result[0].Value[1].(string), 64)
	return x
}

// firing are the alerts that fire, by name, and by name and instance.
func (w *watcher) firing() map[string]bool {
	var got struct {
		Alerts []struct {
			Labels map[string]string
			State  string
		}
	}
	_ = json.Unmarshal(ask(w.address, "/api/v1/alerts"), &got)
	names := map[string]bool{}
	for _, x := range got.Alerts {
		if x.State == "firing" {
			names[x.Labels["alertname"]], names[x.Labels["alertname"]+" "+x.Labels["instance"]] = true, true
		}
	}
	return names
}

func (w *watcher) fires(name string) {
	w.t.Helper()
	eventually(w.t, name+" fires", func() bool { return w.firing()[name] })
}

func (w *watcher) resolves(name string) {
	w.t.Helper()
	eventually(w.t, name+" resolves", func() bool { return !w.firing()[name] })
}

// ask reads an answer of Prometheus's API, or nil while it has none.
func ask(address, path string) (data json.RawMessage) {
	r, err := http.Get(address + path)
	if err != nil {
		return nil
	}
	defer r.Body.Close()
	b, _ := io.ReadAll(r.Body)
	var answer struct{ Data json.RawMessage }
	if json.Unmarshal(b, &answer) != nil {
		return nil
	}
	return answer.Data
}

// eventually polls what only another program can tell.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	late := time.After(60 * time.Second)
	for !is() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("not in 60 s: " + what)
		}
	}
}

// TestAlertsFire: a real Prometheus scrapes three real nodes of a cluster. A node is killed,
// the database stands still and goes away: what is wrong fires, and resolves.
func TestAlertsFire(t *testing.T) {
	db, err := pgtest.Start(pgtest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Stop() })
	gossip := []string{gossipPort(t), gossipPort(t), gossipPort(t)}
	start := func(i int, address, data string) *node {
		args := []string{"--database-url", db.URL(), "--name", string(rune('a' + i)), "--gossip", gossip[i]}
		for _, other := range gossip {
			if other != gossip[i] {
				args = append(args, "--join", other)
			}
		}
		return startNodeAt(t, address, data, args...)
	}
	var nodes []*node
	var at []string
	for i := range gossip {
		at = append(at, freePort(t))
		nodes = append(nodes, start(i, at[i], t.TempDir()))
	}
	p := prometheus(t, at...)
	value, firing, fires, resolves := p.value, p.firing, p.fires, p.resolves
	eventually(t, "three nodes are scraped, and there is one store", func() bool { return value("sum(up)") == 3 && value("sum(brigata_cells)") == 1 })
	if f := firing(); len(f) > 0 {
		t.Fatalf("alerts without a fault: %v", f)
	}

	// Orders come all the time, from somebody who tries again.
	ctx, cancel := context.WithCancel(context.Background())
	var ordering sync.WaitGroup
	ordering.Go(func() {
		for ctx.Err() == nil {
			nodes[0].terminal("order", "--table", "T01", "mapo-tofu")
		}
	})
	defer ordering.Wait()
	defer cancel()
	eventually(t, "orders are counted", func() bool {
		return value(`sum(brigata_command_duration_seconds_count{command="order.place",code="ok"})`) > 3
	})

	nodes[2].kill()
	fires("NodeDown " + at[2])
	nodes[2] = start(2, at[2], nodes[2].data)
	resolves("NodeDown " + at[2])

	// A database that stands still again and again, too shortly for the lease to lapse: what
	// is decided meanwhile is answered and shown late.
	seen := map[string]bool{}
	eventually(t, "BoardsLag and OrdersSlow fire", func() bool {
		still := family(t, db.PID())
		signal(t, still, syscall.SIGSTOP)
		<-time.After(1500 * time.Millisecond)
		signal(t, still, syscall.SIGCONT)
		maps.Copy(seen, firing())
		return seen["BoardsLag"] && seen["OrdersSlow"]
	})
	resolves("BoardsLag")
	resolves("OrdersSlow")

	still := family(t, db.PID())
	signal(t, still, syscall.SIGSTOP)
	fires("NodeNotReady")
	signal(t, still, syscall.SIGCONT)
	resolves("NodeNotReady")

	if err := db.Kill(); err != nil {
		t.Fatal(err)
	}
	fires("DatabaseUnreachable")
	fires("CommandsFail")
	if err := db.Restart(); err != nil {
		t.Fatal(err)
	}
	resolves("DatabaseUnreachable")
	resolves("NodeNotReady")
	resolves("CommandsFail")
}

// TestBoxAlertsFire: a box fills up while its store's node cannot journal, loses its link, and
// strangers come to the boxes' listener: each fires, and resolves, and no reading is lost.
func TestBoxAlertsFire(t *testing.T) {
	db, err := pgtest.Start(pgtest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Stop() })
	hub := freePort(t)
	n := startNode(t, t.TempDir(), "--database-url", db.URL(), "--edge-listen", hub)
	b := newBox(t, n, hub, "--believe", "--backlog-max", "65536")
	p := prometheus(t, strings.TrimPrefix(n.url, "http://"))
	eventually(t, "the box is seen", func() bool { return p.value("sum(brigata_edge_link)") == 1 })
	if f := p.firing(); len(f) > 0 {
		t.Fatalf("alerts without a fault: %v", f)
	}

	still := family(t, db.PID())
	signal(t, still, syscall.SIGSTOP)
	out, err := exec.Command(program, "sensors", "simulate", "--broker", "tcp://"+b.mqtt, "--user", "kitchen", "--password", "a-long-secret",
		"--every", "10s", "--speed", "0", "--for", "1h").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	p.fires("BoxStoreFills")
	signal(t, still, syscall.SIGCONT)
	p.resolves("BoxStoreFills")
	eventually(t, "all readings are there, once", func() bool { return n.counted("walkin-1") == 360 })

	b.kill()
	p.fires("BoxUnlinked")
	b.start()
	p.resolves("BoxUnlinked")

	stranger := exec.Command(program, "edge", "--credentials", foreignBox(t, hub), "--data", t.TempDir(), "--mqtt", "127.0.0.1:0", "--http", "127.0.0.1:0")
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	ended := func() {
		stranger.Process.Kill()
		stranger.Wait()
	}
	t.Cleanup(ended)
	p.fires("BoxesRefused")
	ended()
	p.resolves("BoxesRefused")
}

// foreignBox mints a box's credentials by an authority that is no node's.
func foreignBox(t *testing.T, hub string) (file string) {
	t.Helper()
	dir := t.TempDir()
	file = filepath.Join(dir, "box.json")
	if out, errs, status := run1("edge-token", "--authority", filepath.Join(dir, "foreign.pem"), "--hub", hub, "--out", file); status != 0 {
		t.Fatal(out, errs)
	}
	return file
}

// family is a process and its children.
func family(t *testing.T, pid int) []int {
	t.Helper()
	all := []int{pid}
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		child, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		_, rest, _ := strings.Cut(string(b), ") ")
		if fields := strings.Fields(rest); len(fields) > 1 && fields[1] == strconv.Itoa(pid) {
			all = append(all, child)
		}
	}
	return all
}

func signal(t *testing.T, pids []int, s syscall.Signal) {
	t.Helper()
	for _, pid := range pids {
		_ = syscall.Kill(pid, s) // a backend may have ended meanwhile
	}
}
