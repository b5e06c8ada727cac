package e2e

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// told matches the metrics that queries name, with what selects some of their series; recorded
// ones have colons.
var (
	told    = regexp.MustCompile(`\b((?:brigata|process|go)_[a-z0-9_]+|brigata:[a-z0-9_:]+)(?:\{([^}]*)\})?`)
	selects = regexp.MustCompile(`([a-z_]+) *(?:=~|!~|!=|=)`)
)

// sampleLine matches a line of what nodes tell: a metric, and its labels if it has any.
var (
	sampleLine = regexp.MustCompile(`^([a-z0-9_]+)(?:\{(.*)\})? `)
	labelName  = regexp.MustCompile(`([a-z_]+)="`)
)

// metricsOf reads what a process tells: the labels of each metric, in their order, by the name
// that it has in queries.
func metricsOf(t *testing.T, url string) map[string]string {
	t.Helper()
	metrics := map[string]string{}
	for line := range strings.Lines(get(t, url+"/metrics")) {
		if m := sampleLine.FindStringSubmatch(line); m != nil {
			var labels []string
			for _, l := range labelName.FindAllStringSubmatch(m[2], -1) {
				labels = append(labels, l[1])
			}
			metrics[m[1]] = strings.Join(labels, ",")
		}
	}
	return metrics
}

// operated are what whoever operates nodes looks at, and the labels that tell its parts.
var operated = []struct{ what, metric, labels string }{
	{"rate, errors and duration of each command", "brigata_command_duration_seconds_bucket", "code,command,le"},
	{"what is sold out, among them", "brigata_command_duration_seconds_count", "code,command"},
	{"commands that wait", "brigata_commands_inflight", ""},
	{"cells that wait for a transaction", "brigata_journal_waiting", ""},
	{"windows that wait on a box", "brigata_edge_backlog", "box,store"},
	{"the same, as the box tells it", "brigata_box_backlog", ""},
	{"rows of a batch", "brigata_journal_batch_rows_bucket", "le"},
	{"bytes of a batch", "brigata_journal_batch_size_bytes_bucket", "le"},
	{"time of a commit", "brigata_journal_commit_duration_seconds_bucket", "le"},
	{"wait at the gate", "brigata_gate_wait_seconds_bucket", "le"},
	{"cells that are open", "brigata_cells", ""},
	{"cells that are claimed", "brigata_cells_owned", ""},
	{"cells that were lost", "brigata_cells_lost_total", "reason"},
	{"leases", "brigata_leases", ""},
	{"leases that stand still", "brigata_leases_still", ""},
	{"hand-overs", "brigata_handover_duration_seconds_bucket", "le"},
	{"the way to another node", "brigata_route_duration_seconds_bucket", "code,le"},
	{"lag of boards", "brigata_board_lag_seconds_bucket", "le"},
	{"resumes", "brigata_subscriptions_total", "mode"},
	{"views that were conflated", "brigata_frames_conflated_total", ""},
	{"topics that overflowed", "brigata_topics_overflowed_total", ""},
	{"what was shed", "brigata_shed_total", "class"},
	{"breakers", "brigata_breaker_state", "breaker"},
	{"a database that does not answer", "brigata_database_silence_seconds", ""},
}

// labelNames are all that there are, and each has few values: an order, a table or a person would
// make series without end.
var labelNames = []string{"box", "breaker", "class", "code", "command", "kind", "le", "mode", "outcome", "reason", "result", "side", "store", "what"}

// TestDashboards holds every query of the dashboards and of the rules, and what operators look
// at, to what nodes really tell: two that share stores, after one has joined, and an order at each.
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
	have := map[string]string{}
	tells := func(metric string) bool {
		_, ok := have[metric]
		return ok
	}
	within(t, 30*time.Second, "a store has moved, and a request crossed", func() bool {
		for _, n := range []*node{a, b} {
			n.terminal("order", "--table", "T01", "mapo-tofu")
			maps.Copy(have, metricsOf(t, n.url))
		}
		return tells("brigata_handover_duration_seconds_count") && tells("brigata_route_duration_seconds_count")
	})
	maps.Copy(have, metricsOf(t, "http://"+box.http))
	for _, x := range operated {
		if got, ok := have[x.metric]; !ok || got != x.labels {
			t.Errorf("%s: %s has labels %q, not %q", x.what, x.metric, got, x.labels)
		}
	}
	for metric, of := range have {
		for l := range strings.SplitSeq(of, ",") {
			if strings.HasPrefix(metric, "brigata_") && l != "" && !slices.Contains(labelNames, l) {
				t.Errorf("%s has a label %s", metric, l)
			}
		}
	}
	rules, err := os.ReadFile("../../../deploy/prometheus/rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`record: (\S+)`).FindAllStringSubmatch(string(rules), -1) {
		have[m[1]] = ""
	}
	check := func(file, query string) {
		for _, m := range told.FindAllStringSubmatch(query, -1) {
			if !tells(m[1]) {
				t.Errorf("%s: nobody tells %s\n%s", file, m[1], query)
			}
			for _, l := range selects.FindAllStringSubmatch(m[2], -1) {
				if !slices.Contains(strings.Split(have[m[1]]+",instance,job", ","), l[1]) { // Prometheus adds two
					t.Errorf("%s: %s has no label %s\n%s", file, m[1], l[1], query)
				}
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
