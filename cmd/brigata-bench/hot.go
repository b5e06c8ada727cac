package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/persistence/postgres"
)

// W2: everybody wants one dish. Over sockets it is beside the conventional way, and in
// process beside Redis, which keeps one number, a set of ids and a list, in a script,
// with its log forced to disk before each answer, by the client that batches best.

// hotClients is how many phones want the dish in process, and how many callers Redis has.
const hotClients = 500

func (s *suite) hot() error {
	if err := s.systems(Run{Workload: "W2", Clients: 256}, " 256", "conventional", "conventional-batch", "brigata"); err != nil {
		return err
	}
	for range s.Rounds {
		if err := s.hotInProcess(); err != nil {
			return err
		}
		if err := s.hotRedis(); err != nil {
			return err
		}
	}
	if r := s.report.median("redis script", "orders_per_s"); r > 0 {
		s.report.add("brigata in process/redis script", "ratio", s.report.median("brigata in process", "orders_per_s")/r, "1")
	}
	return nil
}

// hotRedis runs the Redis peer, a program of a module of its own.
func (s *suite) hotRedis() error {
	out, err := exec.CommandContext(s.ctx, s.Redis, "-callers", fmt.Sprint(hotClients), "-for", s.Duration.String()).Output()
	if errors.Is(err, fs.ErrNotExist) {
		fmt.Fprintf(os.Stderr, "  %s is not built: no Redis\n", s.Redis)
		return nil
	} else if err != nil {
		return fmt.Errorf("redis: %w", err)
	}
	var r struct {
		Orders  int     `json:"orders"`
		Seconds float64 `json:"seconds"`
		P50     float64 `json:"p50_ms"`
		P99     float64 `json:"p99_ms"`
		Version string  `json:"version"`
	}
	if err := json.Unmarshal(out, &r); err != nil {
		return fmt.Errorf("redis: %w", err)
	}
	s.redis = r.Version
	s.report.add("redis script", "orders_per_s", float64(r.Orders)/r.Seconds, "1/s")
	s.report.add("redis script", "p50_ms", r.P50, "ms")
	s.report.add("redis script", "p99_ms", r.P99, "ms")
	return nil
}

// hotInProcess has callers order one dish of a node in this process, on Postgres.
func (s *suite) hotInProcess() error {
	url, drop, err := s.bench(Run{}).newDatabase()
	if err != nil {
		return err
	}
	defer drop()
	j, err := postgres.Open(s.ctx, postgres.Config{URL: url, Node: "hot", Format: wire.Format})
	if err != nil {
		return err
	}
	defer j.Close()
	n, err := actors.NewNode(actors.Config{Journal: j, Log: slog.New(slog.DiscardHandler), Publish: func([]actors.View) {}})
	if err != nil {
		return err
	}
	defer n.Stop(s.ctx)
	if err := n.Open(s.ctx, "bench-0"); err != nil {
		return err
	}
	config, m, text, err := wire.DecodeStoreFile(benchDocument("bench-0"))
	if err != nil {
		return err
	}
	for t, c := range map[string]command.Command{"menu": &menu.Load{Menu: m, Text: text}, "store": &store.Configure{Config: config}} {
		if a := ask(n, t, "", newID(), c, [16]byte{}); a.Refusal != nil {
			return a.Refusal
		}
	}
	return s.rush(n)
}

// answers takes one answer.
type answers chan actors.Answer

// Reply implements actors.Replier.
func (a answers) Reply(_ int64, x actors.Answer) { a <- x }

func ask(n *actors.Node, kind, id, cid string, c command.Command, body [16]byte) actors.Answer {
	to := make(answers, 1)
	n.Do(&actors.Request{Store: "bench-0", Target: command.Target{Kind: kind, ID: id}, Command: c, ID: command.ID(cid), Body: body,
		By: command.Who{ID: "lin", Name: "Lin", Role: command.Manager}, Principal: "lin", Channel: "pos", To: to})
	return <-to
}

// rush orders as fast as it goes.
func (s *suite) rush(n *actors.Node) error {
	var stop, measuring atomic.Bool
	var all sync.WaitGroup
	var mu sync.Mutex
	var took []time.Duration
	var failed error
	d := fmt.Appendf(nil, `{"type":"pickup","lines":[{"dish":%q,"qty":1}]}`, s.dishes[0].id)
	for range hotClients {
		all.Go(func() {
			var mine []time.Duration
			for !stop.Load() {
				cid := newID()
				began := time.Now()
				t, c, err := wire.DecodeCommand("order.place", command.ID(cid), d)
				if err == nil {
					var body [16]byte
					body, err = wire.BodyHash("order.place", d)
					if a := ask(n, t.Kind, t.ID, cid, c, body); a.Refusal != nil {
						err = a.Refusal
					}
				}
				if err != nil {
					mu.Lock()
					failed = err
					mu.Unlock()
					return
				}
				if measuring.Load() {
					mine = append(mine, time.Since(began))
				}
			}
			mu.Lock()
			took = append(took, mine...)
			mu.Unlock()
		})
	}
	time.Sleep(time.Second)
	measuring.Store(true)
	began := time.Now()
	time.Sleep(s.Duration)
	measuring.Store(false)
	seconds := time.Since(began).Seconds()
	stop.Store(true)
	all.Wait()
	slices.Sort(took)
	s.report.add("brigata in process", "orders_per_s", float64(len(took))/seconds, "1/s")
	s.report.add("brigata in process", "p50_ms", ms(percentile(took, 0.5)), "ms")
	s.report.add("brigata in process", "p99_ms", ms(percentile(took, 0.99)), "ms")
	return failed
}
