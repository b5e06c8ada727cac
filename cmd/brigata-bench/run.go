package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/brigata/brigata/cmd/brigata/demo"
	"github.com/brigata/brigata/persistence/pgtest"
)

// Run runs one workload against every system, round by round, and audits it.
type Run struct {
	Workload    string        `arg:"" enum:"W1,W2" help:"W1: orders of three lines. W2: every order takes one hot dish."`
	Clients     int           `default:"64" help:"Clients, each with one order in flight."`
	Stores      int           `default:"1" help:"Stores that the clients are spread over."`
	Boards      int           `default:"0" help:"Kitchen boards that watch."`
	Duration    time.Duration `default:"5s" help:"Time measured, per system and round."`
	Warm        time.Duration `default:"1s" help:"Time before measuring."`
	Rounds      int           `default:"1" help:"Interleaved rounds; medians are reported."`
	Connections int           `default:"16" help:"The conventional way's pool size."`
	Systems     []string      `default:"echo,limit,conventional,conventional-batch,brigata" help:"Systems to run, in this order. There are brigata-sqlite too, brigata-untold without telemetry, and brigata-traced with one command in a hundred traced."`
	DatabaseURL string        `help:"PostgreSQL to use; without it a temporary one is started." env:"BRIGATA_DATABASE_URL"`
	JSON        bool          `name:"json" help:"One JSON object a line instead of a table."`
	Profile     string        `help:"Write Brigata's CPU profile of the measured time to this file."`
}

// bench is one run's surroundings.
type bench struct {
	*Run
	ctx        context.Context
	database   string
	postmaster int
	dishes     []dish
	report     report
	databases  int // made so far
}

// Run runs it.
func (r *Run) Run(ctx context.Context) error {
	b := &bench{Run: r, ctx: ctx, database: r.DatabaseURL, report: report{workload: r.Workload}}
	var err error
	if b.dishes, err = dishes(); err != nil {
		return err
	}
	if b.database == "" {
		pg, err := pgtest.Start(pgtest.Options{})
		if err != nil {
			return err
		}
		defer pg.Stop()
		b.database, b.postmaster = pg.URL(), pg.PID()
	}
	for round := range r.Rounds {
		for _, system := range r.Systems {
			fmt.Fprintf(os.Stderr, "round %d: %s\n", round+1, system)
			if err := b.system(system); err != nil {
				return fmt.Errorf("%s: %w", system, err)
			}
		}
	}
	for _, other := range []string{"conventional", "conventional-batch", "echo", "brigata-sqlite", "brigata-untold"} {
		if slices.Contains(r.Systems, "brigata") {
			b.report.ratio("brigata", other)
		}
	}
	b.report.ratio("brigata-traced", "brigata-untold")
	if r.JSON {
		return b.report.json(os.Stdout)
	}
	b.report.table(os.Stdout)
	return nil
}

func (b *bench) workload() workload {
	return workload{clients: b.Clients, stores: b.Stores, boards: b.Boards, hot: b.Run.Workload == "W2", warm: b.Warm,
		duration: b.Duration, dishes: b.dishes, token: func(store, _ string) string { return store }}
}

// system measures one of the systems, in a process of its own.
func (b *bench) system(name string) error {
	w := b.workload()
	var args []string
	switch name {
	case "limit":
		return b.limit()
	case "brigata", "brigata-sqlite", "brigata-untold", "brigata-traced":
		return b.brigata(w, name)
	case "echo":
		w.echo, w.boards = true, 0
		args = []string{"serve-echo"}
	case "conventional":
		args = []string{"serve-conventional", "--database-url", b.database, "--stores", strconv.Itoa(b.Stores), "--connections", strconv.Itoa(b.Connections)}
	case "conventional-batch":
		args = []string{"serve-conventional", "--batch", "--database-url", b.database, "--stores", strconv.Itoa(b.Stores), "--connections", strconv.Itoa(b.Connections)}
	default:
		return fmt.Errorf("no such system: %s", name)
	}
	p, err := b.start(args...)
	if err != nil {
		return err
	}
	defer p.stop()
	m, err := w.run(p.addr, sampler(p.cmd.Process.Pid, b.postmasterOf(name)))
	if err != nil {
		return err
	}
	b.report.measured(name, m)
	return nil
}

func (b *bench) postmasterOf(system string) int {
	if system == "echo" {
		return 0
	}
	return b.postmaster
}

// process is a server started from this very binary.
type process struct {
	cmd  *exec.Cmd
	addr string
}

// start runs this binary again as a server and waits for its address.
func (b *bench) start(args ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(b.ctx, self, args...)
	cmd.Env = append(os.Environ(), "GOGC=400")
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd}
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		return nil, errors.Join(fmt.Errorf("%s ended at its start", args[0]), cmd.Wait())
	}
	p.addr = lines.Text()
	go func() { // whatever else it prints must not fill the pipe
		for lines.Scan() {
			fmt.Fprintln(os.Stderr, lines.Text())
		}
	}()
	return p, nil
}

func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	_ = p.cmd.Wait()
}

// dishes reads names and prices from the demo store; combos are left out, because
// the conventional way knows none.
func dishes() ([]dish, error) {
	var doc struct {
		Menu struct {
			Dishes []struct {
				ID     string            `json:"id"`
				Price  int64             `json:"price"`
				Groups []string          `json:"groups"`
				Parts  []json.RawMessage `json:"parts"`
			} `json:"dishes"`
		} `json:"menu"`
	}
	if err := json.Unmarshal(benchDocument("bench-0"), &doc); err != nil {
		return nil, err
	}
	var out []dish
	for _, d := range doc.Menu.Dishes {
		out = append(out, dish{d.ID, d.Price})
	}
	return out, nil
}

// benchDocument is the demo store under another id, made comparable: every dish is
// counted, no dish has options or parts, pickup is paid later, and it is about noon.
func benchDocument(id string) []byte {
	var doc map[string]any
	if err := json.Unmarshal(demo.Store(), &doc); err != nil {
		panic(err) // it is embedded in this binary
	}
	doc["id"], doc["zone"] = id, noon
	doc["pay"] = map[string]any{"dine_in": "later", "pickup": "later", "delivery": "later"}
	menu := doc["menu"].(map[string]any)
	var stock []any
	for _, x := range menu["dishes"].([]any) {
		d := x.(map[string]any)
		d["groups"], d["dayparts"] = []any{}, []any{}
		if d["parts"] != nil {
			delete(d, "parts")
			d["stations"] = []any{"wok"}
		}
		stock = append(stock, map[string]any{"dish": d["id"], "qty": stockQty, "low_at": 5})
	}
	doc["stock"] = stock
	b, err := json.Marshal(doc)
	if err != nil {
		panic(err)
	}
	return b
}

// noon is a zone where it was about noon when this process began: no business day ends,
// and no stock is counted anew, between a load and its audit.
var noon = fmt.Sprintf("Etc/GMT%+d", time.Now().UTC().Hour()-12)

// stockQty is more of each dish than any run sells.
const stockQty = 1_000_000_000

// ServeConventional is the conventional peer as a process of its own.
type ServeConventional struct {
	DatabaseURL string `required:""`
	Stores      int    `default:"1"`
	Connections int    `default:"16"`
	Batch       bool
}

// Run serves until it is told to stop.
func (s *ServeConventional) Run(ctx context.Context) error {
	d, err := dishes()
	if err != nil {
		return err
	}
	c, err := newConventional(ctx, s.DatabaseURL, s.Connections, s.Stores, s.Batch, d)
	if err != nil {
		return err
	}
	defer c.pool.Close()
	return serveConventional(ctx, c, os.Stdout)
}

// ServeEcho is the floor: a bare socket echo of the same frames.
type ServeEcho struct{}

// Run serves until it is told to stop.
func (s *ServeEcho) Run(ctx context.Context) error {
	return serveEcho(ctx, len(strings.TrimSpace(sampleReply)), os.Stdout)
}

// sampleReply is as long as an order's reply.
const sampleReply = `{"id":10,"ok":{"v":8,"dup":false,"d":{"order":"0192f3a1-7b2c-7d3e-8f40-5a6b7c8d9e0f","no":4242,"state":"accepted","payment":"unpaid","currency":"CNY","subtotal":14800,"discount":0,"service":0,"tax":838,"total":14800,"lines":[{"id":"1","unit_price":3800,"amount":7600},{"id":"2","unit_price":3000,"amount":3000},{"id":"3","unit_price":4200,"amount":4200}],"promise_at":"2026-11-22T04:48:00.000Z"}}}`
