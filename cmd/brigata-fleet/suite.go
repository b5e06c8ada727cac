package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// suite runs scenarios, each round on a fleet of its own.
type suite struct {
	options Faults
	command string
	commit  string
	began   time.Time
	rounds  int
	failed  int
	totals  map[string]int // faults by kind, and orders
	waits   []int64        // ms
}

// scenario is something that happens to a fleet under load.
type scenario struct {
	name    string
	apart   bool // it needs links that can be cut
	up      int  // nodes at first; 0: all
	planned bool // no client may notice but by waiting
	// act does it and undoes it; it returns what it was, in words.
	act func(*round) (string, error)
}

// round is one run of a scenario, held to everything by itself.
type round struct {
	*suite
	ctx      context.Context
	fleet    *fleet
	load     *load
	screens  *screens
	what     scenario
	from     time.Duration // when it began to happen
	to       time.Duration // when all was whole again
	happened []fault
	astray   []string // cells that were not where they should be
}

// fault is one that happened.
type fault struct {
	kind string
	at   time.Duration
}

// happens notes a fault that is about to be.
func (r *round) happens(kind string) {
	r.happened = append(r.happened, fault{kind, r.load.history.now()})
}

var scenarios = []scenario{
	{name: "kill", act: (*round).kill},
	{name: "pause", act: (*round).pause},
	{name: "partition", apart: true, act: (*round).partition},
	{name: "database", act: (*round).database},
	{name: "join", up: -1, planned: true, act: (*round).join},
	{name: "leave", planned: true, act: (*round).leave},
	{name: "rolling", planned: true, act: (*round).rolling},
}

// long is a round of many faults of every kind, at random.
var long = scenario{name: "long", act: (*round).many}

const (
	// warm is how long the load runs before something happens, and after all is whole.
	warm, cool = 2 * time.Second, 2 * time.Second
	// answerIn and pauseIn are what was promised: after a death, and when it is planned.
	answerIn, pauseIn = 5 * time.Second, 500 * time.Millisecond
	// recoverIn is what 99 of 100 waits are within in a long run, where faults overlap.
	recoverIn = 10 * time.Second
)

// enough is what a long run goes on for.
var enough = map[string]int{"kill": 200, "pause": 100, "partition": 100, "database": 50, "orders": 100_000}

func (s *suite) run(ctx context.Context) error {
	if s.options.Scenario == long.name {
		before, err := s.goOn()
		if err != nil {
			return err
		}
		for n := before + 1; s.lacks() && (s.options.For == 0 || time.Since(s.began) < s.options.For); n++ {
			if err := s.round(ctx, long, n); err != nil {
				return fmt.Errorf("long, round %d: %w", n, err)
			}
		}
		return nil
	}
	for _, x := range scenarios {
		if s.options.Scenario != "all" && s.options.Scenario != x.name {
			continue
		}
		if x.apart && s.options.links() == "" {
			fmt.Printf("%-9s not run: it needs Linux\n", x.name)
			continue
		}
		for n := range s.options.Rounds {
			if err := s.round(ctx, x, n+1); err != nil {
				return fmt.Errorf("%s, round %d: %w", x.name, n+1, err)
			}
		}
	}
	return nil
}

// goOn counts the long rounds that were kept before: a long run may be broken off.
func (s *suite) goOn() (rounds int, err error) {
	all, err := readResults(s.options.Results)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	for i := range all {
		if r := &all[i]; r.Scenario == long.name {
			s.add(r)
		}
	}
	return s.rounds, err
}

// lacks says that a long run has not done enough yet.
func (s *suite) lacks() bool {
	for kind, n := range enough {
		if s.totals[kind] < n && (kind != "partition" || s.options.links() != "") {
			return true
		}
	}
	return false
}

func (s *suite) round(ctx context.Context, x scenario, n int) error {
	began, loaded := time.Now(), loadNow()
	f, err := newFleet(s.options.Shared, layout{port: 18081, gossip: gossipPort, links: s.options.links()})
	if err != nil {
		return err
	}
	defer f.stop()
	if s.options.Logs != "" {
		defer f.keepLogs(filepath.Join(s.options.Logs, fmt.Sprintf("%s-%d", x.name, n)))
	}
	up := len(f.nodes) + x.up
	for i := range up {
		if err := f.start(ctx, i); err != nil {
			return err
		}
	}
	stores := numbered(s.options.Stores)
	if err := f.load(ctx, stores); err != nil {
		return err
	}
	r := &round{suite: s, ctx: ctx, fleet: f, what: x}
	if r.load, err = startLoad(f, stores, s.options.Clients, s.options.Every); err != nil {
		return err
	}
	defer r.load.stop()
	if r.screens, err = startScreens(f, stores); err != nil {
		return err
	}
	defer r.screens.stop()
	r.sleep(warm)
	r.from = r.load.history.now()
	detail, err := x.act(r)
	r.to = r.load.history.now()
	if err != nil {
		return err
	}
	r.sleep(cool)
	is := &result{Scenario: x.name, Round: n, At: began.UTC().Truncate(time.Second), Detail: detail, Command: s.command, Commit: s.commit, Machine: machine(), Load: loaded,
		Links: f.joined(), Nodes: len(f.nodes), Stores: len(stores), Clients: len(r.load.all), Happened: map[string]int{}, Found: map[string]int{}}
	if err := r.judge(is, stores); err != nil {
		return err
	}
	is.TookS = time.Since(began).Seconds()
	s.add(is)
	fmt.Println(is)
	return is.keep(s.options.Results)
}

// joined says what joins the nodes.
func (f *fleet) joined() string {
	if f.links != nil {
		return f.links.String()
	}
	return "loopback"
}

func (s *suite) add(r *result) {
	s.rounds++
	if len(r.Faults) > 0 {
		s.failed++
	}
	for kind, n := range r.Happened {
		s.totals[kind] += n
	}
	s.totals["orders"] += r.Orders
	s.totals["commands"] += r.Acked
	for _, w := range r.Waits {
		s.waits = append(s.waits, w...)
	}
}

func (s *suite) summary() string {
	t := s.totals
	return fmt.Sprintf("summary: %d rounds in %.0f s, %d commands and %d orders acknowledged; %d kills, %d pauses, %d partitions, %d database faults, %d joins, %d drains; whoever waited did so for p50 %d ms, p99 %d ms, at most %d ms; %d failed rounds",
		s.rounds, time.Since(s.began).Seconds(), t["commands"], t["orders"], t["kill"], t["pause"], t["partition"], t["database"], t["join"], t["drain"],
		percentile(s.waits, 50), percentile(s.waits, 99), percentile(s.waits, 100), s.failed)
}

func (r *round) sleep(d time.Duration) {
	select {
	case <-time.After(d):
	case <-r.ctx.Done():
	}
}

// judge holds what is left to what was promised.
func (r *round) judge(is *result, stores []string) error {
	h := &r.load.history
	r.load.pause()
	l, err := read(r.ctx, r.fleet.db.URL(), stores)
	if err != nil {
		return err
	}
	healed, boards, feeds := l.compare(r.ctx, r.fleet, stores, r.screens)
	if err := r.ctx.Err(); err != nil {
		return err
	}
	is.found("I9", boards)
	is.found("I10", feeds)
	l.check(h, is)
	dishes, orders, unsure := h.linearizable()
	is.found("I1", dishes)
	is.found("I6", orders)
	for _, key := range append(dishes, orders...) {
		fmt.Print(h.story(key))
	}
	if out, err := exec.CommandContext(r.ctx, r.options.Brigata, "verify", "--database-url", r.fleet.db.URL()).CombinedOutput(); err != nil {
		is.found("log", []string{strings.TrimSpace(string(out[max(0, len(out)-300):]))})
	}
	w := h.between(r.from, r.to+cool, stores)
	if w.silent > 0 {
		is.found("time", []string{fmt.Sprintf("%d stores never answered", w.silent)})
	}
	if n := h.unanswered(); n > 0 {
		is.found("time", []string{fmt.Sprintf("%d commands had no answer %v after all was whole", n, settleIn)})
	}
	switch {
	case r.what.planned && w.failed > 0:
		is.found("time", []string{fmt.Sprintf("%d requests failed at first", w.failed)})
	case r.what.planned && w.longest > pauseIn:
		is.found("time", []string{fmt.Sprintf("a pause of %d ms", w.longest.Milliseconds())})
	case r.what.name == "kill" && w.again > answerIn:
		is.found("time", []string{fmt.Sprintf("%.1f s until every store answered", w.again.Seconds())})
	}
	is.found("place", r.astray)
	for _, x := range r.happened {
		is.Happened[x.kind]++
	}
	is.Waits = h.waits(r.happened, r.to+cool)
	is.Acked, is.Orders, is.Payments, is.Repeats = h.acked(), len(h.orders), len(h.payments), h.repeats
	is.Histories, is.Undecided, is.Retried = len(h.ops), unsure, w.failed
	is.AgainMS, is.LongestMS, is.HealedMS = w.again.Milliseconds(), w.longest.Milliseconds(), healed.Milliseconds()
	return r.ctx.Err()
}

// dirty marks a working directory that was changed.
const dirty = "-dirty"

// commit is the commit that the working directory is at, with a mark if it was changed.
func commit() string {
	out, err := exec.Command("git", "describe", "--always", "--dirty="+dirty, "--abbrev=10", "--exclude=*").Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

// commandLine is how this program was called.
func commandLine() string { return "brigata-fleet " + strings.Join(os.Args[1:], " ") }
