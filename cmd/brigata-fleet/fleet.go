package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/brigata/brigata/cluster/cells"
	"github.com/brigata/brigata/cluster/certtest"
	"github.com/brigata/brigata/cluster/peers"
	"github.com/brigata/brigata/cmd/brigata/demo"
	"github.com/brigata/brigata/gateway/auth"
	"github.com/brigata/brigata/persistence/pgtest"
	"github.com/brigata/brigata/persistence/ports"
)

// layout is how a fleet lies on the machine.
type layout struct {
	port   int    // of the first node's clients, on loopback
	gossip int    // of the first node's gossip there; the others' are ten further each
	demo   bool   // the nodes make the demo store
	links  string // namespaces or proxies: the nodes can be cut off; "": they share the loopback
}

// fleet is nodes, each a process, on one Postgres.
type fleet struct {
	shared Shared
	layout layout
	dir    string
	db     *pgtest.Server
	links  links    // nil: nothing can be cut
	spaces *network // the same, if it is namespaces
	keys   *auth.Keys
	certs  certtest.Files // in namespaces: they are not loopback
	nodes  []*node
}

// node is one process, or the place of one that is down.
type node struct {
	fleet        *fleet
	index        int
	name         string
	data, log    string
	host, reach  string // where it listens, and where other nodes reach it
	port, gossip int
	database     string // where it reaches the database
	cmd          *exec.Cmd
	exited       chan struct{}
	pid          atomic.Int64
	away         atomic.Bool // not there yet, or asked to leave: a load balancer sends nobody
}

const (
	readyIn = 30 * time.Second
	stopIn  = 30 * time.Second
)

func newFleet(s Shared, l layout) (*fleet, error) {
	f := &fleet{shared: s, layout: l}
	if err := f.prepare(); err != nil {
		f.stop()
		return nil, err
	}
	return f, nil
}

func (f *fleet) prepare() (err error) {
	if f.dir, err = os.MkdirTemp("", "brigata-fleet"); err != nil {
		return err
	}
	if err = os.Chmod(f.dir, 0o755); err != nil { // Postgres reads its rules here
		return err
	}
	settings := map[string]string{}
	if f.layout.links == "namespaces" {
		if f.spaces, err = newNetwork(); err != nil {
			return err
		}
		f.links = f.spaces
		rules := filepath.Join(f.dir, "hba.conf")
		text := "local all all trust\nhost all all 127.0.0.1/32 trust\nhost all all " + f.spaces.subnet() + " trust\n"
		if err = os.WriteFile(rules, []byte(text), 0o644); err != nil {
			return err
		}
		settings["listen_addresses"], settings["hba_file"] = "127.0.0.1,"+f.spaces.database(), rules
		if f.certs, err = certtest.Write(f.dir, peers.ServerName); err != nil {
			return err
		}
		key := make([]byte, 32)
		_, _ = rand.Read(key)
		if err = os.WriteFile(f.gossipKey(), []byte(base64.StdEncoding.EncodeToString(key)), 0o600); err != nil {
			return err
		}
	}
	if f.db, err = pgtest.Start(pgtest.Options{Settings: settings}); err != nil {
		return err
	}
	if f.layout.links == "proxies" {
		if err = f.wire(); err != nil {
			return err
		}
	}
	// One signing key for all: the tokens of the load are good everywhere from the start.
	if f.keys, err = auth.LoadKeys(filepath.Join(f.dir, "signing-key.pem")); err != nil {
		return err
	}
	for i := range f.shared.Nodes {
		n := &node{fleet: f, index: i, name: fmt.Sprintf("node-%d", i+1), host: "127.0.0.1", port: f.layout.port + i, gossip: f.layout.gossip + 10*i, database: f.db.URL()}
		n.reach = n.host
		n.away.Store(true)
		n.data, n.log = filepath.Join(f.dir, n.name), filepath.Join(f.dir, n.name+".log")
		switch x := f.links.(type) {
		case *network:
			if n.host, err = x.add(i); err != nil {
				return err
			}
			n.reach, n.port, n.gossip = n.host, 8080, 7946
			n.database = strings.Replace(f.db.URL(), f.db.Addr(), net.JoinHostPort(x.database(), port(f.db.Addr())), 1)
		case *wires:
			n.host, n.reach, n.port, n.gossip = home(i), reach(i), x.port+3, x.port
			n.database = strings.Replace(f.db.URL(), f.db.Addr(), on(databaseFor(i), x.port), 1)
		}
		if err = os.Mkdir(n.data, 0o700); err != nil {
			return err
		}
		if err = copyFile(filepath.Join(f.dir, "signing-key.pem"), filepath.Join(n.data, "signing-key.pem")); err != nil {
			return err
		}
		f.nodes = append(f.nodes, n)
	}
	return nil
}

// document is a demo store whose business day begins half a day from now: no round goes
// on until then, and what a new day does to counts is not in the checkers' models.
func document(n int) []byte {
	const shanghai = 8 * time.Hour
	begins := time.Now().UTC().Add(shanghai + 12*time.Hour).Format("15:04")
	return bytes.Replace(demo.Numbered(n), []byte(`"day_starts": "05:00"`), fmt.Appendf(nil, `"day_starts": %q`, begins), 1)
}

// wire puts proxies between the nodes, and between each of them and the database.
func (f *fleet) wire() error {
	first, err := ports.Reserve(4)
	if err != nil {
		return err
	}
	f.links, err = newWires(&wires{nodes: f.shared.Nodes, port: first, database: f.db.Addr(), pid: func(i int) int { return int(f.nodes[i].pid.Load()) }})
	return err
}

func port(address string) string {
	_, p, _ := net.SplitHostPort(address)
	return p
}

func (f *fleet) gossipKey() string { return filepath.Join(f.dir, "gossip.key") }

func copyFile(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o600)
}

func (n *node) url() string { return fmt.Sprintf("http://%s:%d", n.host, n.port) }

// start starts a node and returns when it is ready.
func (f *fleet) start(ctx context.Context, i int) error {
	n := f.nodes[i]
	args := []string{"serve", "--listen", fmt.Sprintf("%s:%d", n.host, n.port), "--data", n.data, "--database-url", n.database, "--name", n.name,
		"--gossip", on(n.host, n.gossip), "--advertise", n.reach}
	for _, o := range f.nodes {
		if o != n {
			args = append(args, "--join", on(o.reach, o.gossip))
		}
	}
	if !f.layout.demo {
		args = append(args, "--no-demo")
	}
	binary, err := filepath.Abs(f.shared.Brigata)
	if err != nil {
		return err
	}
	if f.spaces != nil {
		args = append(args, "--tls-ca", f.certs.CA, "--tls-cert", f.certs.Cert, "--tls-key", f.certs.Key, "--gossip-key-file", f.gossipKey())
		args = append([]string{"netns", "exec", f.spaces.space(i), binary}, args...)
		binary = "ip" // it becomes the node: same process id
	}
	log, err := os.OpenFile(n.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	n.cmd = exec.Command(binary, args...)
	n.cmd.Stdout, n.cmd.Stderr = log, log
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // ^C is for us to pass on
	if err := n.cmd.Start(); err != nil {
		return err
	}
	n.pid.Store(int64(n.cmd.Process.Pid))
	n.exited = make(chan struct{})
	go func(c *exec.Cmd, done chan struct{}) { c.Wait(); close(done) }(n.cmd, n.exited)
	if err := n.await(ctx, readyIn); err != nil {
		return err
	}
	n.away.Store(false)
	return nil
}

// await returns when the node says that it is ready.
func (n *node) await(ctx context.Context, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		r, err := http.NewRequestWithContext(ctx, "GET", n.url()+"/readyz", nil)
		if err != nil {
			return err
		}
		if res, err := http.DefaultClient.Do(r); err == nil {
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-n.exited:
			return fmt.Errorf("%s ended: %s", n.name, n.tail())
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w: %s", n.name, ctx.Err(), n.tail())
		}
	}
}

// keepLogs copies what the nodes have written into a folder. A log that is not there is
// none to keep.
func (f *fleet) keepLogs(folder string) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		fmt.Fprintln(os.Stderr, "logs not kept:", err)
		return
	}
	for _, n := range f.nodes {
		if err := copyFile(n.log, filepath.Join(folder, n.name+".log")); err != nil && !errors.Is(err, fs.ErrNotExist) {
			fmt.Fprintln(os.Stderr, "log not kept:", err)
		}
	}
}

func (n *node) tail() string {
	b, _ := os.ReadFile(n.log)
	return string(b[max(0, len(b)-2000):])
}

func (n *node) signal(s syscall.Signal) error { return n.cmd.Process.Signal(s) }

// end sends a signal that ends the node, and waits for that.
func (n *node) end(s syscall.Signal) error {
	if n.cmd == nil {
		return nil
	}
	select {
	case <-n.exited:
		return nil
	default:
	}
	if err := n.signal(s); err != nil {
		return err
	}
	select {
	case <-n.exited:
		return nil
	case <-time.After(stopIn):
		n.signal(syscall.SIGKILL)
		<-n.exited
		return fmt.Errorf("%s did not end", n.name)
	}
}

// leave drains n as an orchestrator does: first nobody new is sent there, then it is told.
func (n *node) leave() error {
	n.away.Store(true)
	return n.end(syscall.SIGTERM)
}

// stop ends everything and removes what it left.
func (f *fleet) stop() error {
	var errs []error
	for _, n := range f.nodes {
		if n.cmd != nil {
			n.signal(syscall.SIGCONT)
			errs = append(errs, n.end(syscall.SIGTERM))
		}
	}
	if f.db != nil {
		errs = append(errs, f.db.Stop())
	}
	if f.links != nil {
		f.links.remove()
	}
	return errors.Join(append(errs, os.RemoveAll(f.dir))...)
}

func numbered(n int) (stores []string) {
	for i := range n {
		stores = append(stores, fmt.Sprintf("demo-%d", i+1))
	}
	return stores
}

// load loads demo stores, each at the node that should have it.
func (f *fleet) load(ctx context.Context, stores []string) error {
	var names []string
	up := map[string]*node{}
	for _, n := range f.nodes {
		if n.cmd != nil {
			names, up[n.name] = append(names, n.name), n
		}
	}
	for i, s := range stores {
		token, err := f.token("root", "admin", s)
		if err != nil {
			return err
		}
		n := up[cells.Preferred(s, names)]
		if _, err := f.call(ctx, n, "PUT", "/v1/stores/"+s, token, document(i+1)); err != nil {
			return fmt.Errorf("load %s at %s: %w", s, n.name, err)
		}
	}
	return nil
}

// call makes a REST request and returns the body of a good answer.
func (f *fleet) call(ctx context.Context, n *node, method, path, token string, body []byte) ([]byte, error) {
	return f.callAs(ctx, n, method, path, token, body, http.Header{})
}

func (f *fleet) callAs(ctx context.Context, n *node, method, path, token string, body []byte, header http.Header) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, n.url()+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header = header
	r.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode >= 300 {
		err = &answered{res.StatusCode, string(b)}
	}
	return b, err
}

// answered is an answer that is none to be glad of.
type answered struct {
	status int
	body   string
}

func (a *answered) Error() string { return fmt.Sprintf("%d %s", a.status, a.body) }

// spread counts the cells of each node as n sees them.
func (f *fleet) spread(ctx context.Context, n *node) (map[string]int, error) {
	token, err := f.token("root", "admin", "demo-1")
	if err != nil {
		return nil, err
	}
	b, err := f.call(ctx, n, "GET", "/v1/cluster", token, nil)
	if err != nil {
		return nil, err
	}
	var in struct {
		Nodes []struct {
			Name, State string
			Cells       int
		}
	}
	if err := json.Unmarshal(b, &in); err != nil {
		return nil, err
	}
	all := map[string]int{}
	for _, x := range in.Nodes {
		if x.State != "gone" {
			all[x.Name] = x.Cells
		}
	}
	return all, nil
}

// settleWithin is how long cells may take to be where they should be: each has been where
// it is for its dwell first, and they move a few at a time.
const settleWithin = time.Minute

// settled waits until every node has as many cells as rendezvous gives it; ok is false when
// that is not so in time.
func (f *fleet) settled(ctx context.Context, stores []string) (all map[string]int, ok bool, err error) {
	var names []string
	for _, n := range f.nodes {
		names = append(names, n.name)
	}
	want := map[string]int{}
	for _, s := range stores {
		want[cells.Preferred(s, names)]++
	}
	for end := time.Now().Add(settleWithin); ; {
		if all, err = f.spread(ctx, f.nodes[0]); err != nil || maps.Equal(all, want) || time.Now().After(end) {
			return all, maps.Equal(all, want), err
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return all, false, ctx.Err()
		}
	}
}
