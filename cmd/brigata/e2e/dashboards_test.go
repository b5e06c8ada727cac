package e2e

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// told matches the metrics that queries name; recorded ones have colons.
var told = regexp.MustCompile(`\b(?:brigata|process|go)_[a-z0-9_]+|\bbrigata:[a-z0-9_:]+`)

func metricsOf(t *testing.T, url string) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	for line := range strings.Lines(get(t, url+"/metrics")) {
		if name, ok := strings.CutPrefix(line, "# TYPE "); ok {
			name, kind, _ := strings.Cut(strings.TrimSpace(name), " ")
			names[name] = true
			if kind == "histogram" {
				names[name+"_bucket"], names[name+"_sum"], names[name+"_count"] = true, true, true
			}
		}
	}
	return names
}

// TestDashboards holds every query of the dashboards and of the rules to what nodes really
// tell: two that share stores, after one has joined, and an order at each.
func TestDashboards(t *testing.T) {
	t.Parallel()
	db, err := newDatabase()
	if err != nil {
		t.Fatal(err)
	}
	first, second := gossipPort(t), gossipPort(t)
	hub := freePort(t)
	certs := certificates(t)
	tls := []string{"--tls-ca", certs.CA, "--tls-cert", certs.Cert, "--tls-key", certs.Key}
	a := startNode(t, t.TempDir(), append(tls, "--edge-listen", hub, "--database-url", db, "--name", "a", "--gossip", first, "--join", second)...)
	if _, errs, status := a.terminal("store", "demo", "--count", "8"); status != 0 {
		t.Fatal(errs)
	}
	box := newBox(t, a, hub)
	b := startNode(t, t.TempDir(), append(tls, "--database-url", db, "--name", "b", "--gossip", second, "--join", first)...)
	have := map[string]bool{}
	within(t, 30*time.Second, "a store has moved, and a request crossed", func() bool {
		for _, n := range []*node{a, b} {
			n.terminal("order", "--table", "T01", "mapo-tofu")
			maps.Copy(have, metricsOf(t, n.url))
		}
		return have["brigata_handover_duration_seconds"] && have["brigata_route_duration_seconds"]
	})
	maps.Copy(have, metricsOf(t, "http://"+box.http))
	rules, err := os.ReadFile("../../../deploy/prometheus/rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`record: (\S+)`).FindAllStringSubmatch(string(rules), -1) {
		have[m[1]] = true
	}
	check := func(file, query string) {
		for _, name := range told.FindAllString(query, -1) {
			if !have[name] {
				t.Errorf("%s: nobody tells %s\n%s", file, name, query)
			}
		}
	}
	check("rules.yml", string(rules))
	boards, err := filepath.Glob("../../../deploy/grafana/*.json")
	if err != nil || len(boards) == 0 {
		t.Fatal(boards, err)
	}
	for _, file := range boards {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var d struct {
			UID, Title string
			Panels     []struct {
				Title, Type string
				Targets     []struct{ Expr string }
			}
		}
		if err := json.Unmarshal(b, &d); err != nil || d.UID == "" {
			t.Fatalf("%s: %v", file, err)
		}
		for _, p := range d.Panels {
			if p.Type != "row" && len(p.Targets) == 0 {
				t.Errorf("%s: %s asks nothing", file, p.Title)
			}
			for _, q := range p.Targets {
				check(file+": "+p.Title, q.Expr)
			}
		}
	}
}

// TestRunbooks: every alert names a heading of the operations guide that is there.
func TestRunbooks(t *testing.T) {
	rules, err := os.ReadFile("../../../deploy/prometheus/rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	tests, err := os.ReadFile("../../../deploy/prometheus/rules_test.yml")
	if err != nil {
		t.Fatal(err)
	}
	guide, err := os.ReadFile("../../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	alerts := regexp.MustCompile(`alert: (\S+)`).FindAllStringSubmatch(string(rules), -1)
	if len(alerts) == 0 {
		t.Fatal("no alerts")
	}
	for _, a := range alerts {
		if !strings.Contains(string(guide), "### "+a[1]+"\n") {
			t.Errorf("the operations guide has no page for %s", a[1])
		}
		if !strings.Contains(string(rules), "  runbook_url: https://github.com/brigata/brigata/blob/main/docs/operations.md#"+strings.ToLower(a[1])+"\n") {
			t.Errorf("%s has no runbook", a[1])
		}
		if !strings.Contains(string(tests), "alertname: "+a[1]+"\n") {
			t.Errorf("%s has no test", a[1])
		}
	}
}
