package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// TestBackup copies the database of a node under load, restores it, and goes on from
// it: what was acknowledged before the copy began is there, to the byte.
func TestBackup(t *testing.T) {
	n := startNode(t, t.TempDir())
	setup := n.dial(n.token, "setup")
	for _, dish := range []string{"tea-smoked-duck", "kung-pao-chicken", "mapo-tofu"} {
		must(t, send(t, setup, "stock.count", newID(), `{"dish":"`+dish+`","qty":1000}`))
	}
	guests := make([]guest, 4)
	var wg sync.WaitGroup
	before := guest{n: 9}
	before.load(n.url, n.token)
	for i := range guests {
		guests[i].n = i
		wg.Go(func() { guests[i].load(n.url, n.token) })
	}
	file := filepath.Join(t.TempDir(), "copy.tar")
	if out, errs, status := n.terminal("backup", file); status != 0 {
		t.Fatal(out, errs)
	}
	wg.Wait()
	if s, err := os.Stat(file); err != nil || s.Mode().Perm() != 0o600 {
		t.Fatal(s.Mode(), err)
	}

	data := t.TempDir()
	out, errs, status := run1("restore", file, "--data", data)
	if status != 0 || !strings.Contains(out, "all logs fold") {
		t.Fatal(out, errs)
	}
	if _, errs, status = run1("restore", file, "--data", data); status != 2 || !strings.Contains(errs, "exists") {
		t.Errorf("over a database: %d %s", status, errs)
	}
	again := startNode(t, data)
	if accounts(t, again) != accounts(t, n) {
		t.Error("the people are not those of the backup")
	}
	c := again.dial(again.token, "after")
	for _, a := range before.done {
		if r := must(t, send(t, c, "order.place", a.cid, a.body)); !r.Dup || r.D.No != a.no {
			t.Fatalf("%s was order %d, and is %+v", a.cid, a.no, r)
		}
	}
	next := must(t, send(t, c, "order.place", newID(), before.done[0].body))
	if next.Dup || next.D.No <= before.done[len(before.done)-1].no {
		t.Fatalf("it does not go on: %+v", next)
	}
	if err := again.stop(); err != nil {
		t.Fatal(err)
	}
	if out, errs, status = run1("verify", "--data", data); status != 0 {
		t.Fatal(out, errs)
	}
	out, errs, status = run1("export", "demo", "--data", data)
	if status != 0 {
		t.Fatal(errs)
	}
	for line := range strings.Lines(out) {
		var x struct {
			Kind, ID string
			Events   []struct{ V int64 }
		}
		if err := json.Unmarshal([]byte(line), &x); err != nil || x.Kind == "" || x.ID == "" || len(x.Events) == 0 {
			t.Fatalf("%q: %v", line, err)
		}
	}
	if !strings.Contains(out, before.done[0].cid) {
		t.Error("an order is not in the export")
	}
}

// accounts is the list of users as an admin sees it.
func accounts(t *testing.T, n *node) string {
	t.Helper()
	r, err := http.NewRequest("GET", n.url+"/v1/users", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+n.token)
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	b, err := io.ReadAll(got.Body)
	if err != nil || got.StatusCode != http.StatusOK || !strings.Contains(string(b), `"created_at"`) {
		t.Fatalf("%s: %s %v", got.Status, b, err)
	}
	return string(b)
}

// TestBackupPostgres dumps a node's Postgres under load with Postgres's own tool, restores the
// dump into an empty database, as the operations guide says, and goes on from it.
func TestBackupPostgres(t *testing.T) {
	url, err := newDatabase()
	if err != nil {
		t.Fatal(err)
	}
	n := startNode(t, t.TempDir(), "--database-url", url)
	before := guest{n: 9}
	before.load(n.url, n.token)
	if len(before.done) == 0 {
		t.Fatal("nothing was placed")
	}
	guests := make([]guest, 4)
	var wg sync.WaitGroup
	for i := range guests {
		guests[i].n = i
		wg.Go(func() { guests[i].load(n.url, n.token) })
	}
	dump := filepath.Join(t.TempDir(), "orders.dump")
	if out, err := exec.Command("pg_dump", "-Fc", "-f", dump, url).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	wg.Wait()
	people := accounts(t, n)
	if err := n.stop(); err != nil {
		t.Fatal(err)
	}

	restored, err := newDatabase()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("pg_restore", "--exit-on-error", "-d", restored, dump).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if out, errs, status := run1("verify", "--database-url", restored); status != 0 {
		t.Fatal(out, errs)
	}
	if found, status := findings(t, "--data", t.TempDir(), "--database-url", restored); status != 0 || found["rights"] != "ok" {
		t.Errorf("%d %v", status, found)
	}
	again := startNode(t, t.TempDir(), "--database-url", restored) // with a new key: people log in again
	if accounts(t, again) != people {
		t.Error("the people are not those of the backup")
	}
	c := again.dial(again.token, "after")
	for _, a := range before.done {
		m := send(t, c, "order.place", a.cid, a.body)
		if a.code != "" {
			refused(t, m, a.code)
		} else if r := must(t, m); !r.Dup || r.D.No != a.no {
			t.Fatalf("%s was order %d, and is %+v", a.cid, a.no, r)
		}
	}
	if next := must(t, send(t, c, "order.place", newID(), `{"type":"dine_in","table":"T20","lines":[{"dish":"mapo-tofu","qty":1}]}`)); next.Dup || next.D.No <= before.done[len(before.done)-1].no {
		t.Fatalf("it does not go on: %+v", next)
	}
	again.verify()
}

// TestVerifyPostgres verifies and exports what a node leaves in a Postgres, while it runs.
func TestVerifyPostgres(t *testing.T) {
	url, err := newDatabase()
	if err != nil {
		t.Fatal(err)
	}
	n := startNode(t, t.TempDir(), "--database-url", url)
	g := guest{n: 1}
	g.load(n.url, n.token)
	if len(g.done) == 0 {
		t.Fatal("nothing was placed")
	}
	if out, errs, status := run1("verify", "--database-url", url, "--store", "demo"); status != 0 || !strings.Contains(out, "demo: ") {
		t.Fatal(out, errs)
	}
	if _, errs, status := run1("verify", "--database-url", url, "--store", "nowhere"); status != 2 {
		t.Fatal(errs)
	}
	out, errs, status := run1("export", "demo", "--database-url", url)
	if status != 0 {
		t.Fatal(errs)
	}
	for _, a := range g.done {
		if a.code == "" && !strings.Contains(out, a.cid) {
			t.Errorf("order %d (%s) is not in the export", a.no, a.cid)
		}
	}
}
