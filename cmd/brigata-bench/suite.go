package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/cmd/brigata/server"
	"github.com/brigata/brigata/gateway/auth"
	"github.com/brigata/brigata/persistence/pgtest"
)

// Suite runs workloads beside their peers and writes one report of them all.
type Suite struct {
	Workloads   []string      `arg:"" optional:"" help:"W1 to W9; all of them when none is named."`
	Duration    time.Duration `default:"4s" help:"Time measured, per system and round."`
	Rounds      int           `default:"3" help:"Interleaved rounds; medians are reported, with their range."`
	DatabaseURL string        `help:"PostgreSQL to use; without it a temporary one is started." env:"BRIGATA_DATABASE_URL"`
	Subscribers []int         `default:"1000,10000" help:"W3: subscribers of one topic."`
	Orders      int           `default:"100000" help:"W4: orders of the store, a tenth of them live."`
	Stores      []int         `default:"1,10,100,1000" help:"W8: stores."`
	Binary      string        `default:"bin/brigata" help:"W9: the server's binary."`
	Redis       string        `default:"bin/brigata-bench-redis" help:"W2: the Redis peer; left out where it is not built."`
	JSON        string        `name:"json" help:"Write one JSON object a line to this file."`
	Markdown    string        `help:"Write the report to this file, and its plots into a folder beside it."`
	Add         []string      `help:"Files of --json whose figures go into the report, too: a run in parts."`
	Profile     string        `help:"W3: write Brigata's CPU profile of the largest fan-out to this file."`
}

// suite is a run of it.
type suite struct {
	*Suite
	ctx        context.Context
	database   string
	postmaster int
	dishes     []dish
	report     report
	redis      string // its version, where it ran
}

// part is one workload of the suite.
type part struct {
	id, title string
	run       func(*suite) error
	once      bool // a round takes long, and its figures hardly differ
}

var workloads = []part{
	{"W1", "durable orders of three lines, 64 and 256 clients", (*suite).orders, false},
	{"W2", "one hot dish", (*suite).hot, false},
	{"W3", "one change to many subscribers", (*suite).fanout, false},
	{"W4", "a cell is opened", (*suite).recovery, false},
	{"W5", "the menu is read", (*suite).menu, false},
	{"W6", "one of three nodes is killed", (*suite).kill, true},
	{"W7", "a box loses its link", (*suite).edge, true},
	{"W8", "many stores", (*suite).stores, false},
	{"W9", "what is idle, and the start", (*suite).idle, true},
}

// Run runs it.
func (s *Suite) Run(ctx context.Context) error {
	for _, id := range s.Workloads {
		if !slices.ContainsFunc(workloads, func(w part) bool { return w.id == id }) {
			return fmt.Errorf("no such workload: %s", id)
		}
	}
	d, err := dishes()
	if err != nil {
		return err
	}
	r := &suite{Suite: s, ctx: ctx, database: s.DatabaseURL, dishes: d}
	for _, file := range s.Add {
		if err := r.report.read(file); err != nil {
			return err
		}
	}
	if r.database == "" {
		pg, err := pgtest.Start(pgtest.Options{})
		if err != nil {
			return err
		}
		defer pg.Stop()
		r.database, r.postmaster = pg.URL(), pg.PID()
	}
	for _, w := range workloads {
		if len(s.Workloads) > 0 && !slices.Contains(s.Workloads, w.id) {
			continue
		}
		fmt.Fprintf(os.Stderr, "%s: %s\n", w.id, w.title)
		r.report.workload = w.id
		rounds := s.Rounds
		if w.once {
			s.Rounds = 1
		}
		began := time.Now()
		err := w.run(r)
		s.Rounds = rounds
		fmt.Fprintf(os.Stderr, "%s took %s\n", w.id, time.Since(began).Round(time.Second))
		if err != nil {
			return fmt.Errorf("%s: %w", w.id, err)
		}
		// Another run may --add it when a later part fails.
		if err := r.writeJSON(); err != nil {
			return err
		}
	}
	return r.write()
}

// read adds the figures of an earlier run.
func (r *report) read(file string) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(b)) {
		var x row
		if err := json.Unmarshal([]byte(line), &x); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		r.rows = append(r.rows, x)
	}
	return nil
}

func (s *suite) writeJSON() error {
	if s.JSON == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(s.JSON), 0o755); err != nil {
		return err
	}
	f, err := os.Create(s.JSON)
	if err != nil {
		return err
	}
	return errors.Join(s.report.json(f), f.Close())
}

func (s *suite) write() error {
	if s.Markdown != "" {
		return s.markdown()
	}
	for _, w := range workloads {
		r := report{workload: w.id, rows: slices.DeleteFunc(slices.Clone(s.report.rows), func(x row) bool { return x.Workload != w.id })}
		if len(r.rows) > 0 {
			r.table(os.Stdout)
		}
	}
	return nil
}

// bench is the surroundings of W1 and W2.
func (s *suite) bench(r Run) *bench {
	r.Duration, r.Warm, r.Connections, r.Stores = s.Duration, time.Second, 16, max(r.Stores, 1)
	return &bench{Run: &r, ctx: s.ctx, database: s.database, postmaster: s.postmaster, dishes: s.dishes, report: report{workload: r.Workload}}
}

// systems measures those of W1's and W2's that are named, in rounds; what they are
// called in the report ends in of.
func (s *suite) systems(r Run, of string, names ...string) error {
	b := s.bench(r)
	for range s.Rounds {
		for _, name := range names {
			fmt.Fprintf(os.Stderr, "  %s%s\n", name, of)
			if err := b.system(name); err != nil {
				return err
			}
		}
	}
	for _, other := range names {
		if other != "brigata" && other != "limit" {
			b.report.ratio("brigata", other)
		}
	}
	for _, x := range b.report.rows {
		x.Workload, x.System = s.report.workload, x.System+of
		s.report.rows = append(s.report.rows, x)
	}
	return nil
}

func (s *suite) orders() error {
	for _, n := range []int{64, 256} {
		if err := s.systems(Run{Workload: "W1", Clients: n}, fmt.Sprintf(" %d", n), "echo", "limit", "conventional", "conventional-batch", "brigata"); err != nil {
			return err
		}
	}
	return nil
}

// stores: what an order costs as its stores grow in number.
func (s *suite) stores() error {
	for _, n := range s.Stores {
		if err := s.systems(Run{Workload: "W1", Clients: 256, Stores: n}, fmt.Sprintf(" %d stores", n), "brigata"); err != nil {
			return err
		}
	}
	first := s.report.median(fmt.Sprintf("brigata %d stores", s.Stores[0]), "cpu_us_per_order")
	for _, n := range s.Stores[1:] {
		name := fmt.Sprintf("brigata %d stores", n)
		s.report.add(name+"/"+fmt.Sprint(s.Stores[0]), "ratio", s.report.median(name, "cpu_us_per_order")/first, "1")
	}
	return nil
}

// house is one node in a process of its own.
type house struct {
	*process
	keys *auth.Keys
	url  string // of its database
	data string
	drop func()
}

// node starts a node of a database of its own with these stores' documents; without a
// server for databases it is on SQLite.
func (s *suite) node(documents [][]byte, more ...string) (h *house, err error) {
	b := s.bench(Run{})
	h = &house{drop: func() {}}
	if s.database != "" {
		if h.url, h.drop, err = b.newDatabase(); err != nil {
			return nil, err
		}
	}
	if h.data, err = os.MkdirTemp("", "brigata-bench"); err != nil {
		return nil, err
	}
	args := append([]string{"serve-brigata", "--data", h.data, "--database-url", h.url}, more...)
	for i, d := range documents {
		file := filepath.Join(h.data, fmt.Sprintf("%d.json", i))
		if err := os.WriteFile(file, d, 0o600); err != nil {
			return nil, err
		}
		args = append(args, "--stores", file)
	}
	if h.process, err = b.start(args...); err != nil {
		return nil, err
	}
	h.keys, err = auth.LoadKeys(filepath.Join(h.data, server.KeyFile))
	return h, err
}

func (h *house) end() {
	h.stop()
	h.drop()
	os.RemoveAll(h.data)
}

func (h *house) token(store, role string) string { return tokenOf(h.keys, "bench-"+role, store, role) }

func tokenOf(keys *auth.Keys, user, store, role string) string {
	t, err := keys.Issue(auth.Subject(user, "Bench", []string{store}, command.Role(role)), time.Now(), time.Hour)
	if err != nil {
		panic(err) // the claims above are complete
	}
	return t
}

// enter dials a node and logs in.
func (h *house) enter(store, role, client string) (*socket, error) {
	c, err := dial(h.addr)
	if err != nil {
		return nil, err
	}
	return c, c.login(h.token(store, role), client)
}

// do sends one command and returns what its reply says in d, and the version.
func (s *socket) do(id int, cmd, cid, d string) (v int64, reply json.RawMessage, err error) {
	p, err := s.ask(fmt.Appendf(nil, `{"id":%d,"cmd":%q,"cid":%q,"d":%s}`, id, cmd, cid, d))
	for err == nil && string(p) == "{}" {
		if err = s.send(p); err == nil {
			p, err = s.frame()
		}
	}
	if err != nil {
		return 0, nil, err
	}
	var a struct {
		OK *struct {
			V int64           `json:"v"`
			D json.RawMessage `json:"d"`
		} `json:"ok"`
	}
	if err := json.Unmarshal(p, &a); err != nil || a.OK == nil {
		return 0, nil, fmt.Errorf("%s: %s", cmd, strings.TrimSpace(string(p)))
	}
	return a.OK.V, a.OK.D, nil
}

// percentile of sorted times.
func percentile(sorted []time.Duration, p float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(len(sorted)-1, int(float64(len(sorted))*p))]
}
