package e2e

import (
	"bufio"
	"os/exec"
	"strings"
	"testing"
)

// TestTerminal is two terminals: an order placed in one arrives on the kitchen's feed in
// the other.
func TestTerminal(t *testing.T) {
	n := startNode(t, t.TempDir())
	watch := exec.Command(program, "watch", "kitchen", "--json", "--data", n.data)
	out, err := watch.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := watch.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { watch.Process.Kill(); watch.Wait() })
	feed := bufio.NewScanner(out)
	feed.Buffer(nil, 1<<20)
	if !feed.Scan() || !strings.Contains(feed.Text(), `"mode":"snap"`) {
		t.Fatalf("watch says %q", feed.Text())
	}

	cid := newID()
	text, errs, status := n.terminal("order", "--table", "T03", "kung-pao-chicken=2", "mapo-tofu", "--cid", cid)
	if status != 0 || !strings.Contains(text, "Order 1") || !strings.Contains(text, cid) {
		t.Fatalf("order: %d %s %s", status, text, errs)
	}
	if !feed.Scan() || !strings.Contains(feed.Text(), `"k":"ticket/`+cid+`.wok.0"`) {
		t.Fatalf("the kitchen got %q", feed.Text())
	}
	if text, _, _ = n.terminal("order", "--table", "T03", "kung-pao-chicken=2", "mapo-tofu", "--cid", cid, "--json"); !strings.Contains(text, `"dup":true`) {
		t.Fatalf("a repeat: %s", text)
	}
	for _, c := range []struct {
		args   []string
		status int
		out    string
	}{
		{[]string{"bump", "1"}, 0, "ready"},
		{[]string{"bump", cid + "/2"}, 0, "ready"},
		{[]string{"get", "order", cid}, 0, "Kung Pao Chicken"},
		{[]string{"get", "table", "T03"}, 0, "bill    1 order  total ¥104.00  due ¥104.00"},
		{[]string{"get", "table", "T03"}, 0, cid},
		{[]string{"watch", "order", "1", "--once"}, 0, "Kung Pao Chicken"},
		{[]string{"get", "order", "7"}, 1, "no open order"},
		{[]string{"store", "demo", "--count", "2"}, 0, "demo-2"},
		{[]string{"get", "table", "T03"}, 0, cid},
		{[]string{"get", "table", "T03", "--store", "demo-1"}, 0, "free"},
		{[]string{"stock", "kung-pao-chicken"}, 0, "28 left"},
		{[]string{"order", "--table", "T03", "no-such-dish"}, 1, "not_on_menu"},
		{[]string{"order", "--table", "T03"}, 2, ""},
		{[]string{"nonsense"}, 2, ""},
		{[]string{"get", "order", "1", "--server", "http://127.0.0.1:1"}, 3, "unreachable"},
	} {
		text, errs, status := n.terminal(c.args...)
		if status != c.status || !strings.Contains(text+errs, c.out) {
			t.Errorf("%v: status %d, want %d\n%s%s", c.args, status, c.status, text, errs)
		}
	}
}

// TestSecondServer says what to do when another process has the database, or the address.
func TestStartUpErrors(t *testing.T) {
	n := startNode(t, t.TempDir())
	_, errs, status := run1("serve", "--listen", "127.0.0.1:0", "--data", n.data)
	if status == 0 || !strings.Contains(errs, "another process") {
		t.Errorf("two nodes on one SQLite file: %d %s", status, errs)
	}
	_, errs, status = run1("serve", "--listen", strings.TrimPrefix(n.url, "http://"), "--data", t.TempDir())
	if status == 0 || !strings.Contains(errs, "--listen") {
		t.Errorf("two nodes on one address: %d %s", status, errs)
	}
	_, errs, status = run1("token", "--data", t.TempDir(), "--role", "waiter")
	if status != 2 || !strings.Contains(errs, "start a node") {
		t.Errorf("a token without a key: %d %s", status, errs)
	}
}

func run1(args ...string) (out, errs string, status int) {
	cmd := exec.Command(program, args...)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.Run()
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
}
