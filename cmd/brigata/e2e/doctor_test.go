package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/brigata/brigata/persistence/pgtest"
)

// findings runs brigata doctor and returns what it found, by check.
func findings(t *testing.T, args ...string) (map[string]string, int) {
	t.Helper()
	out, errs, status := run1(append([]string{"doctor", "--json", "--listen", "127.0.0.1:0"}, args...)...)
	found := map[string]string{}
	for line := range strings.Lines(out) {
		var f struct{ Check, State, Found, Mend string }
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if f.State == "bad" && f.Mend == "" {
			t.Errorf("%s is bad, and nobody says what to do", f.Check)
		}
		found[f.Check] = f.State
	}
	if len(found) == 0 {
		t.Fatal(out, errs)
	}
	return found, status
}

func TestDoctor(t *testing.T) {
	url, err := newDatabase()
	if err != nil {
		t.Fatal(err)
	}
	found, status := findings(t, "--data", t.TempDir(), "--database-url", url)
	for _, check := range []string{"database", "fsync", "full_page_writes", "synchronous_commit", "connections", "rights", "listening address", "data folder"} {
		if found[check] != "ok" {
			t.Errorf("%s of a sound deployment is %q", check, found[check])
		}
	}
	if status != 0 {
		t.Errorf("exit status %d", status)
	}

	loose, err := pgtest.Start(pgtest.Options{Settings: map[string]string{"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "max_connections": "12"}})
	if err != nil {
		t.Fatal(err)
	}
	defer loose.Stop()
	bad, err := loose.NewDatabase("loose")
	if err != nil {
		t.Fatal(err)
	}
	found, status = findings(t, "--data", t.TempDir(), "--database-url", bad)
	if status != 1 || found["fsync"] != "bad" || found["full_page_writes"] != "bad" || found["synchronous_commit"] != "warn" || found["connections"] != "bad" {
		t.Errorf("a database that loses orders: %d %v", status, found)
	}
	conn, err := pgx.Connect(t.Context(), bad)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	_, err = conn.Exec(t.Context(), "CREATE ROLE visitor LOGIN; CREATE TABLE journal (x int)")
	if err != nil {
		t.Fatal(err)
	}
	visitor := strings.Replace(bad, "//postgres@", "//visitor@", 1)
	if found, status = findings(t, "--data", t.TempDir(), "--database-url", visitor); status != 1 || found["rights"] != "bad" {
		t.Errorf("a user who may not make tables: %d %v", status, found)
	}
	if _, err = conn.Exec(t.Context(), "GRANT CREATE ON SCHEMA public TO visitor"); err != nil {
		t.Fatal(err)
	}
	if found, status = findings(t, "--data", t.TempDir(), "--database-url", visitor); status != 1 || found["rights"] != "bad" {
		t.Errorf("a journal of somebody else's: %d %v", status, found)
	}

	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	found, status = findings(t, "--data", filepath.Join(blocked, "data"), "--database-url", "postgres://127.0.0.1:1/none", "--tls-ca", blocked, "--tls-cert", blocked, "--tls-key", blocked)
	if status != 1 || found["data folder"] != "bad" || found["database"] != "bad" || found["certificate"] != "bad" {
		t.Errorf("nothing is right: %d %v", status, found)
	}
	n := startNode(t, t.TempDir())
	out, _, _ := run1("doctor", "--data", t.TempDir(), "--listen", strings.TrimPrefix(n.url, "http://"))
	if !strings.Contains(out, "a server answers") {
		t.Errorf("a node has the address: %s", out)
	}
}
