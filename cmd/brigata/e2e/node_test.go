package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/brigata/brigata/cmd/brigata/client"
	"github.com/brigata/brigata/persistence/pgtest"
	"github.com/brigata/brigata/persistence/ports"
)

var kills = flag.Int("kills", 50, "how many times the node is killed under load")

// program is the binary under test; database the Postgres that the tests share.
var (
	program  string
	database *pgtest.Server
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "brigata-e2e")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "brigata")
	if out, err := exec.Command("go", "build", "-o", program, "github.com/brigata/brigata/cmd/brigata").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
		return 1
	}
	if database, err = pgtest.Start(pgtest.Options{}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer database.Stop()
	return m.Run()
}

// onBoth runs a test on SQLite and on Postgres, each with a database of its own.
func onBoth(t *testing.T, f func(t *testing.T, start func(*testing.T) *node)) {
	t.Run("sqlite", func(t *testing.T) {
		data := t.TempDir()
		f(t, func(t *testing.T) *node { return startNode(t, data) })
	})
	t.Run("postgres", func(t *testing.T) {
		data := t.TempDir()
		url, err := newDatabase()
		if err != nil {
			t.Fatal(err)
		}
		f(t, func(t *testing.T) *node { return startNode(t, data, "--database-url", url) })
	})
}

var databases atomic.Int64

// newDatabase makes an empty database on the tests' server.
func newDatabase() (string, error) {
	return database.NewDatabase(fmt.Sprintf("e2e_%d", databases.Add(1)))
}

// node is one running server process.
type node struct {
	t      *testing.T
	cmd    *exec.Cmd
	data   string
	url    string
	token  string
	args   []string // of serve, beside --listen and --data
	logs   *tail
	exited chan error
}

// startNode starts the server on a free port over data and waits until it is ready.
func startNode(t *testing.T, data string, args ...string) *node {
	t.Helper()
	return startNodeAt(t, freePort(t), data, args...)
}

// freePort is the address of a port that nobody else is given.
func freePort(t *testing.T) string { return freePorts(t, 1) }

// gossipPort is one whose next two are free as well.
func gossipPort(t *testing.T) string { return freePorts(t, 3) }

func freePorts(t *testing.T, n int) string {
	t.Helper()
	address, err := ports.Address(n)
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// startNodeAt starts the server on that address.
func startNodeAt(t *testing.T, addr, data string, args ...string) *node {
	t.Helper()
	n := &node{t: t, data: data, url: "http://" + addr, args: args, exited: make(chan error, 1)}
	n.cmd = exec.Command(program, append([]string{"serve", "--listen", addr, "--data", data}, args...)...)
	logs := &tail{}
	n.logs, n.cmd.Stdout, n.cmd.Stderr = logs, logs, logs
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { n.exited <- n.cmd.Wait() }()
	t.Cleanup(func() {
		n.kill()
		if t.Failed() {
			t.Logf("node's last words:\n%s", logs.text())
		}
	})
	deadline := time.Now().Add(30 * time.Second)
	for !n.ready() {
		select {
		case err := <-n.exited:
			n.exited <- err
			t.Fatalf("node ended: %v\n%s", err, logs.text())
		case <-time.After(5 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("node not ready in 30 s\n%s", logs.text())
		}
	}
	b, err := os.ReadFile(filepath.Join(data, "local.json"))
	if err != nil {
		t.Fatal(err)
	}
	var local struct{ Token string }
	if err := json.Unmarshal(b, &local); err != nil {
		t.Fatal(err)
	}
	n.token = local.Token
	return n
}

func (n *node) ready() bool {
	r, err := http.Get(n.url + "/readyz")
	if err != nil {
		return false
	}
	r.Body.Close()
	return r.StatusCode == http.StatusOK
}

// kill ends the node with SIGKILL and waits for its end.
func (n *node) kill() { n.end(syscall.SIGKILL) }

// stop ends the node with SIGTERM and returns how it went.
func (n *node) stop() error { return n.end(syscall.SIGTERM) }

func (n *node) end(s syscall.Signal) error {
	_ = n.cmd.Process.Signal(s)
	err := <-n.exited
	n.exited <- err
	return err
}

// roleToken prints a development token with the binary itself.
func (n *node) roleToken(role string, args ...string) string {
	n.t.Helper()
	out, err := exec.Command(program, append([]string{"token", "--data", n.data, "--role", role, "--store", "demo"}, args...)...).Output()
	if err != nil {
		n.t.Fatalf("token: %v", err)
	}
	return strings.TrimSpace(string(out))
}

// dial logs in.
func (n *node) dial(token, name string) *client.Conn {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, err := client.Dial(ctx, n.url, token, name)
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(c.Close)
	return c
}

// terminal runs the terminal client and returns its output and exit status.
func (n *node) terminal(args ...string) (out, errs string, status int) {
	n.t.Helper()
	cmd := exec.Command(program, append(args, "--data", n.data)...)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		n.t.Fatal(err)
	}
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
}

// verify stops the node and replays all it has left.
func (n *node) verify() {
	n.t.Helper()
	if err := n.stop(); err != nil {
		n.t.Fatal(err)
	}
	args := []string{"verify", "--data", n.data}
	if i := slices.Index(n.args, "--database-url"); i >= 0 {
		args = append(args, n.args[i:i+2]...)
	}
	if out, errs, status := run1(args...); status != 0 {
		n.t.Fatal(out, errs)
	}
}

// tail keeps the last lines that a process wrote, and tells the last few.
type tail struct {
	mu    sync.Mutex
	lines []string
	rest  strings.Builder
}

func (l *tail) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest.Write(p)
	r := bufio.NewReader(strings.NewReader(l.rest.String()))
	l.rest.Reset()
	for {
		line, err := r.ReadString('\n')
		if errors.Is(err, io.EOF) {
			l.rest.WriteString(line)
			return len(p), nil
		}
		l.lines = append(l.lines, line)
		if len(l.lines) > 10_000 {
			l.lines = l.lines[1:]
		}
	}
}

// has says that a line has the words.
func (l *tail) has(words string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.lines, func(line string) bool { return strings.Contains(line, words) })
}

func (l *tail) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines[max(0, len(l.lines)-40):], "") + l.rest.String()
}
