package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	mrand "math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/cmd/brigata/server"
	"github.com/brigata/brigata/gateway"
	"github.com/brigata/brigata/gateway/auth"
	"github.com/brigata/brigata/persistence/ports"
)

// W6: three nodes on one Postgres take orders for thirty stores; in the middle one of
// them is killed. Beside it the same without the kill. Clients repeat what was not
// answered, under the same id, wherever somebody listens.

const (
	killNodes   = 3
	killStores  = 30
	killClients = 48
	killAfter   = 5 * time.Second
	killFor     = 15 * time.Second
)

// ServeNode is one node of a cluster.
type ServeNode struct {
	Data        string `required:""`
	DatabaseURL string `required:""`
	Name        string `required:""`
	Gossip      string `required:""`
	Join        []string
	Stores      []string
}

// Run serves until it is told to stop.
func (s *ServeNode) Run(ctx context.Context) error {
	limits := gateway.Limits{Rate: 1e6, Burst: 1e6, PerAddress: 1e5, PerUser: 1e5, DialRate: 1e5, UserRate: 1e6, AddressRate: 1e6, StoreRate: 1e6, CallRate: 1e9, AnswerWithin: -1}
	n, err := server.Start(ctx, server.Options{Listen: "127.0.0.1:0", Data: s.Data, DatabaseURL: s.DatabaseURL, Name: s.Name, StoreFiles: s.Stores,
		Limits: limits, Cluster: server.Cluster{Gossip: s.Gossip, Join: s.Join}, Out: io.Discard,
		Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))})
	if err != nil {
		return err
	}
	fmt.Println(strings.TrimPrefix(n.URL(), "http://"))
	<-ctx.Done()
	return n.Stop()
}

// fleet is the nodes of one run.
type fleet struct {
	nodes []*process
	keys  *auth.Keys
	began time.Time
	dead  atomic.Int32 // 1 + the index of the killed one

	mu    sync.Mutex
	done  []done
	acked acked
}

// done is an order that was acknowledged.
type done struct {
	store    string
	due, end time.Duration
	tries    int
}

func (s *suite) kill() error {
	for range s.Rounds {
		for _, system := range []string{"undisturbed", "killed"} {
			fmt.Fprintln(os.Stderr, "  "+system)
			if err := s.killed(system, system == "killed"); err != nil {
				return fmt.Errorf("%s: %w", system, err)
			}
		}
	}
	s.report.add("killed/undisturbed", "orders_ratio", s.report.median("killed", "orders_per_s")/s.report.median("undisturbed", "orders_per_s"), "1")
	return nil
}

func (s *suite) killed(system string, kill bool) error {
	b := s.bench(Run{})
	url, drop, err := b.newDatabase()
	if err != nil {
		return err
	}
	defer drop()
	dir, err := os.MkdirTemp("", "brigata-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	f := &fleet{acked: acked{orders: map[string]int{}, taken: map[string]int{}}}
	defer f.stop()
	if err := f.start(b, dir, url); err != nil {
		return err
	}
	if err := f.load(s.dishes, kill); err != nil {
		return err
	}
	f.stop()
	if err := audit(s.ctx, url, "", &f.acked); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	f.judge(&s.report, system)
	return nil
}

func (f *fleet) start(b *bench, dir, url string) error {
	var gossip []string
	for i := range killNodes {
		base, err := ports.Address(3)
		if err != nil {
			return err
		}
		gossip = append(gossip, base)
		data := filepath.Join(dir, fmt.Sprint(i))
		args := []string{"serve-node", "--data", data, "--database-url", url, "--name", fmt.Sprintf("node-%d", i), "--gossip", base}
		if i > 0 {
			args = append(args, "--join", gossip[0])
		}
		p, err := b.start(args...)
		if err != nil {
			return err
		}
		f.nodes = append(f.nodes, p)
		if i == 0 {
			if f.keys, err = auth.LoadKeys(filepath.Join(data, server.KeyFile)); err != nil {
				return err
			}
		}
	}
	return f.apply(b, dir, url, gossip[0])
}

// apply gives the cluster its stores, through a node that comes, and goes again.
func (f *fleet) apply(b *bench, dir, url, join string) error {
	base, err := ports.Address(3)
	if err != nil {
		return err
	}
	args := []string{"serve-node", "--data", filepath.Join(dir, "apply"), "--database-url", url, "--name", "apply", "--gossip", base, "--join", join}
	for i := range killStores {
		file := filepath.Join(dir, fmt.Sprintf("bench-%d.json", i))
		if err := os.WriteFile(file, benchDocument(fmt.Sprintf("bench-%d", i)), 0o600); err != nil {
			return err
		}
		args = append(args, "--stores", file)
	}
	p, err := b.start(args...)
	if err != nil {
		return err
	}
	p.stop()
	return nil
}

func (f *fleet) stop() {
	var all sync.WaitGroup
	for i, p := range f.nodes {
		if int(f.dead.Load()) != i+1 {
			all.Go(p.stop)
		}
	}
	all.Wait()
	f.nodes = nil
}

// load has clients order for a while; the last node may die on the way.
func (f *fleet) load(dishes []dish, kill bool) error {
	var stop atomic.Bool
	w := &workload{clients: killClients, stores: killStores, dishes: dishes}
	errs := make([]error, killClients)
	var clients sync.WaitGroup
	f.began = time.Now()
	for i := range killClients {
		clients.Go(func() { errs[i] = f.client(w, i, &stop) })
	}
	time.Sleep(killAfter)
	if kill {
		f.dead.Store(killNodes)
		last := f.nodes[killNodes-1]
		_ = last.cmd.Process.Kill()
		_ = last.cmd.Wait()
	}
	time.Sleep(killFor - killAfter)
	stop.Store(true)
	clients.Wait()
	return errors.Join(errs...)
}

func (f *fleet) client(w *workload, i int, stop *atomic.Bool) error {
	store := w.store(i)
	g := generator{w: w, r: mrand.New(mrand.NewPCG(uint64(i), 7)), z: newZipf(len(w.dishes))}
	token, err := f.keys.Issue(auth.Subject("bench-manager", "Bench", []string{store}, command.Manager), time.Now(), time.Hour)
	if err != nil {
		return err
	}
	var c *socket
	at := i % killNodes
	for id := int64(10); !stop.Load(); id++ {
		cid := newID()
		frame := slices.Clone(g.order(nil, id, cid))
		d := done{store: store, due: time.Since(f.began)}
		for placed := false; !placed; {
			if d.tries++; time.Since(f.began) > killFor+20*time.Second {
				return fmt.Errorf("client %d: an order was not taken in 20 s", i)
			}
			if c == nil {
				if at+1 == int(f.dead.Load()) {
					at = (at + 1) % killNodes
				}
				if c = f.dial(at, token, i); c == nil {
					at = (at + 1) % killNodes
					time.Sleep(20 * time.Millisecond)
					continue
				}
			}
			p, err := c.answer(frame, id)
			if err != nil {
				c.conn.Close()
				c = nil
				continue
			}
			if no, ok := placedNo(p); ok {
				placed = true
				d.end = time.Since(f.began)
				f.mu.Lock()
				f.done = append(f.done, d)
				f.acked.orders[store+"/"+cid] = no
				f.mu.Unlock()
			} else if !bytes.Contains(p, []byte(`"retry":true`)) {
				return fmt.Errorf("client %d: %s", i, p)
			} else {
				time.Sleep(50 * time.Millisecond)
			}
		}
	}
	if c != nil {
		c.conn.Close()
	}
	return nil
}

func (f *fleet) dial(at int, token string, i int) *socket {
	c, err := dial(f.nodes[at].addr)
	if err != nil {
		return nil
	}
	_ = c.conn.SetDeadline(time.Now().Add(2 * time.Second))
	if c.login(token, fmt.Sprintf("load-%d", i)) != nil {
		c.conn.Close()
		return nil
	}
	return c
}

// answer sends a frame and returns the answer to that id; none in three seconds is an
// error.
func (s *socket) answer(frame []byte, id int64) ([]byte, error) {
	return s.answerWithin(3*time.Second, frame, id)
}

func (s *socket) answerWithin(d time.Duration, frame []byte, id int64) ([]byte, error) {
	_ = s.conn.SetDeadline(time.Now().Add(d))
	p, err := s.ask(frame)
	for err == nil && !bytes.HasPrefix(p, fmt.Appendf(nil, `{"id":%d,`, id)) {
		if string(p) == "{}" {
			if err = s.send(p); err != nil {
				return nil, err
			}
		}
		p, err = s.frame()
	}
	return p, err
}

// judge says how many orders there were, and how long a store was away at most.
func (f *fleet) judge(r *report, system string) {
	last := map[string]time.Duration{}
	var away []time.Duration
	var longest time.Duration
	var took []time.Duration
	slices.SortFunc(f.done, func(a, b done) int { return int(a.end - b.end) })
	for _, d := range f.done {
		took = append(took, d.end-d.due)
		if had, ok := last[d.store]; ok && d.end > killAfter && d.end-had > longest {
			longest = d.end - had
		}
		if d.tries > 1 {
			away = append(away, d.end-d.due)
		}
		last[d.store] = d.end
	}
	slices.Sort(took)
	slices.Sort(away)
	r.add(system, "orders_per_s", float64(len(f.done))/killFor.Seconds(), "1/s")
	r.add(system, "p50_ms", ms(percentile(took, 0.5)), "ms")
	r.add(system, "p99_ms", ms(percentile(took, 0.99)), "ms")
	r.add(system, "longest_gap_of_a_store_ms", ms(longest), "ms")
	r.add(system, "orders_repeated", float64(len(away)), "1")
	r.add(system, "orders_lost", 0, "1") // or the audit had failed
}
