package main

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/brigata/brigata/persistence/pgtest"
	"github.com/brigata/brigata/persistence/ports"
)

// build makes a program of this module.
func build(t *testing.T, dir, name string) string {
	t.Helper()
	file := filepath.Join(dir, name)
	if out, err := exec.Command("go", "build", "-o", file, "github.com/brigata/brigata/cmd/"+name).CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return file
}

// freePorts is the first of n ports in a row that nobody else is given.
func freePorts(t *testing.T, n int) int {
	t.Helper()
	first, err := ports.Reserve(n)
	if err != nil {
		t.Fatal(err)
	}
	return first
}

var (
	urls    = regexp.MustCompile(`(node-\d) +(http://\S+) +data (\S+)`)
	pgURL   = regexp.MustCompile(`Postgres +postgres://[^@]*@([^/]+)/`)
	started = 2 * time.Minute
)

// make cluster says where everything is; ^C ends all of it and leaves nothing, so that it
// can be run again.
func TestClusterEndsCleanly(t *testing.T) {
	dir := t.TempDir()
	fleet, server := build(t, dir, "brigata-fleet"), build(t, dir, "brigata")
	scratch, err := os.MkdirTemp("", "brigata-cluster") // Postgres, which is nobody's, must get there
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(scratch)
	if err := os.Chmod(scratch, 0o755); err != nil {
		t.Fatal(err)
	}
	port, gossip := freePorts(t, 3), freePorts(t, 23) // the nodes' gossip is ten apart, with two more each
	for range 2 {
		c := exec.Command(fleet, "cluster", "--brigata", server, "--port", strconv.Itoa(port), "--gossip", strconv.Itoa(gossip), "--stores", "3")
		c.Env = append(os.Environ(), "TMPDIR="+scratch)
		c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		out, err := c.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		var errs strings.Builder
		c.Stderr = &errs
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		kill := time.AfterFunc(started, func() { c.Process.Kill() })
		var text strings.Builder
		for lines := bufio.NewScanner(out); lines.Scan() && !strings.Contains(lines.Text(), "^C"); {
			text.WriteString(lines.Text() + "\n")
		}
		nodes, database := urls.FindAllStringSubmatch(text.String(), -1), pgURL.FindStringSubmatch(text.String())
		if len(nodes) != 3 || len(database) == 0 {
			if strings.Contains(errs.String(), pgtest.ErrNotInstalled.Error()) {
				t.Skip(errs.String())
			}
			c.Process.Kill()
			t.Fatalf("it says %q, %q", text.String(), errs.String())
		}
		for _, n := range nodes {
			r, err := http.Get(n[2] + "/readyz")
			if err != nil {
				t.Fatal(err)
			}
			if r.Body.Close(); r.StatusCode != http.StatusOK {
				t.Errorf("%s: %s", n[1], r.Status)
			}
		}
		if err := c.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		if err := c.Wait(); err != nil {
			t.Fatalf("it ends with %v: %s", err, errs.String())
		}
		kill.Stop()
		for _, n := range nodes {
			if _, err := os.Stat(n[3]); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s left its data: %v", n[1], err)
			}
			if _, err := http.Get(n[2] + "/readyz"); !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("%s goes on: %v", n[1], err)
			}
		}
		if conn, err := net.Dial("tcp", database[1]); err == nil {
			conn.Close()
			t.Error("Postgres goes on")
		}
		if left, _ := filepath.Glob(filepath.Join(scratch, "*")); len(left) > 0 {
			t.Errorf("it left %v", left)
		}
	}
}
