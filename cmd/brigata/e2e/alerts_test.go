//go:build operations

package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// prometheus runs a real one over the given targets with the shipped rules, faster, and
// returns its address.
func prometheus(t *testing.T, targets ...string) string {
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
	config := "global: {scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms}\nrule_files: [rules.yml]\n" +
		"scrape_configs: [{job_name: brigata, static_configs: [{targets: [" + strings.Join(targets, ", ") + "]}]}]\n"
	for name, text := range map[string]string{"prometheus.yml": config, "rules.yml": fast} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
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
	return "http://" + address
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

// TestAlertFires: a real Prometheus scrapes two real nodes; one is killed: its alert fires,
// and resolves when it is back.
func TestAlertFires(t *testing.T) {
	a, data := startNode(t, t.TempDir()), t.TempDir()
	b := startNode(t, data)
	host := func(n *node) string { return strings.TrimPrefix(n.url, "http://") }
	p := prometheus(t, host(a), host(b))
	up := func(want string) func() bool {
		return func() bool {
			return strings.Contains(string(ask(p, "/api/v1/query?query="+url.QueryEscape("sum(up)"))), fmt.Sprintf("%q]", want))
		}
	}
	firing := func() (names []string) {
		var got struct {
			Alerts []struct {
				Labels map[string]string
				State  string
			}
		}
		_ = json.Unmarshal(ask(p, "/api/v1/alerts"), &got)
		for _, x := range got.Alerts {
			if x.State == "firing" {
				names = append(names, x.Labels["alertname"]+" "+x.Labels["instance"])
			}
		}
		return names
	}
	eventually(t, "both nodes are scraped", up("2"))
	if f := firing(); len(f) > 0 {
		t.Fatalf("alerts without a fault: %v", f)
	}
	b.kill()
	eventually(t, "the alert fires", func() bool { return slices.Contains(firing(), "NodeDown "+host(b)) })
	startNodeAt(t, host(b), data)
	eventually(t, "the alert resolves", func() bool { return !slices.Contains(firing(), "NodeDown "+host(b)) })
	a.terminal("order", "--table", "T01", "mapo-tofu")
	eventually(t, "the order is counted", func() bool {
		return strings.Contains(string(ask(p, "/api/v1/query?query="+url.QueryEscape(`brigata_command_duration_seconds_count{command="order.place",code="ok"}`))), `"1"]`)
	})
}
