package main

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// suite runs scenarios, each on a fleet of its own.
type suite struct {
	options Faults
	rounds  int
	failed  int
	acked   int
}

// scenario is something that happens to a fleet under load.
type scenario struct {
	name    string
	apart   bool // it needs namespaces
	up      int  // nodes at first; 0: all
	planned bool // no client may notice but by waiting
	// act does it and undoes it; it returns what it was, in words.
	act func(*round) (string, error)
}

// round is one run of a scenario.
type round struct {
	*suite
	ctx   context.Context
	fleet *fleet
	load  *load
	what  scenario
	from  time.Duration // when it began to happen
	to    time.Duration // when all was whole again
}

var scenarios = []scenario{
	{name: "kill", act: (*round).kill},
	{name: "pause", act: (*round).pause},
	{name: "partition", apart: true, act: (*round).partition},
	{name: "database", act: (*round).database},
	{name: "join", up: -1, planned: true, act: (*round).join},
	{name: "rolling", planned: true, act: (*round).rolling},
}

const (
	// warm is how long the load runs before something happens, and after all is whole.
	warm, cool = 2 * time.Second, 2 * time.Second
	// answerIn and pauseIn are what was promised: after a death, and when it is planned.
	answerIn, pauseIn = 5 * time.Second, 500 * time.Millisecond
	// compared is of how many stores the boards are compared, on every node.
	compared = 12
)

func (s *suite) run(ctx context.Context) error {
	for _, x := range scenarios {
		if s.options.Scenario != "all" && s.options.Scenario != x.name {
			continue
		}
		if x.apart && !permitted() {
			fmt.Printf("%-9s not run: it needs root and ip netns\n", x.name)
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

func (s *suite) round(ctx context.Context, x scenario, n int) error {
	l := layout{port: 18081, spaces: permitted()}
	f, err := newFleet(s.options.Shared, l)
	if err != nil {
		return err
	}
	defer f.stop()
	up := len(f.nodes) + x.up
	if x.up == 0 {
		up = len(f.nodes)
	}
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
	if r.load, err = startLoad(f, stores, s.options.Every); err != nil {
		return err
	}
	defer r.load.stop()
	r.sleep(warm)
	r.from = r.load.history.now()
	detail, err := x.act(r)
	r.to = r.load.history.now()
	if err != nil {
		return err
	}
	r.sleep(cool)
	return r.judge(n, stores, detail)
}

func (r *round) sleep(d time.Duration) {
	select {
	case <-time.After(d):
	case <-r.ctx.Done():
	}
}

// judge holds what is left to what was promised, and prints a line.
func (r *round) judge(n int, stores []string, detail string) error {
	h := &r.load.history
	r.load.pause()
	l, err := read(r.ctx, r.fleet.db.URL(), stores)
	if err != nil {
		return err
	}
	healed, wrong := l.compare(r.ctx, r.fleet, stores[:min(len(stores), compared)])
	lost, twice, oversold := l.check(h)
	bad, unsure := h.linearizable()
	w := h.between(r.from, r.to+cool, stores)
	r.rounds++
	r.acked += h.acked()
	out, verifyErr := exec.CommandContext(r.ctx, r.options.Brigata, "verify", "--database-url", r.fleet.db.URL()).CombinedOutput()
	var faults []string
	note := func(what string, list []string) {
		if len(list) > 0 {
			faults = append(faults, fmt.Sprintf("%d %s (%s)", len(list), what, strings.Join(list[:min(len(list), 3)], "; ")))
		}
	}
	note("lost", lost)
	note("twice", twice)
	note("oversold", oversold)
	note("not linearizable", bad)
	note("boards wrong", wrong)
	if verifyErr != nil {
		faults = append(faults, "verify: "+strings.TrimSpace(string(out[max(0, len(out)-300):])))
	}
	if w.silent > 0 {
		faults = append(faults, fmt.Sprintf("%d stores never answered", w.silent))
	}
	switch {
	case r.what.planned && w.failed > 0:
		faults = append(faults, fmt.Sprintf("%d requests failed at first", w.failed))
	case r.what.planned && w.longest > pauseIn:
		faults = append(faults, fmt.Sprintf("a pause of %d ms", w.longest.Milliseconds()))
	case r.what.name == "kill" && w.again > answerIn:
		faults = append(faults, "too long until every store answered")
	}
	verdict := "ok"
	if len(faults) > 0 {
		r.failed++
		verdict = "FAILED: " + strings.Join(faults, ", ")
	}
	fmt.Printf("%-9s %d  %s; %d stores, %d acknowledged, %d lost, %d twice, %d oversold, %d histories (%d undecided), every store answers after %.1f s, longest %d ms, %d retried, boards right after %.1f s: %s\n",
		r.what.name, n, detail, len(stores), h.acked(), len(lost), len(twice), len(oversold), len(h.ops), len(unsure), w.again.Seconds(),
		w.longest.Milliseconds(), w.failed, healed.Seconds(), verdict)
	return r.ctx.Err()
}

// kill is a crash of the node with the most cells.
func (r *round) kill() (string, error) {
	i := r.busiest()
	if err := r.fleet.nodes[i].end(syscall.SIGKILL); err != nil {
		return "", err
	}
	r.sleep(6 * time.Second)
	return fmt.Sprintf("kill -9 of %s, started again after 6 s", r.fleet.nodes[i].name), r.fleet.start(r.ctx, i)
}

// busiest is the node with the most cells, as the first one that answers sees it.
func (r *round) busiest() (best int) {
	for _, n := range r.fleet.nodes {
		all, err := r.fleet.spread(r.ctx, n)
		if err != nil {
			continue
		}
		for i, x := range r.fleet.nodes {
			if all[x.name] > all[r.fleet.nodes[best].name] {
				best = i
			}
		}
		return best
	}
	return 0
}

// pause stops a process, for less and for longer than its lease, and lets it go on: a
// zombie must not answer or write.
func (r *round) pause() (string, error) {
	all := []time.Duration{500 * time.Millisecond, 2 * time.Second, 10 * time.Second}
	if r.options.Long {
		all = append(all, time.Minute)
	}
	for _, d := range all {
		n := r.fleet.nodes[r.busiest()]
		if err := n.signal(syscall.SIGSTOP); err != nil {
			return "", err
		}
		r.sleep(d)
		if err := n.signal(syscall.SIGCONT); err != nil {
			return "", err
		}
		r.sleep(3 * time.Second)
	}
	return fmt.Sprintf("a node stopped for %v", all), nil
}

// partition cuts the network in every shape, one after the other.
func (r *round) partition() (string, error) {
	f := r.fleet
	last := len(f.nodes) - 1
	alone := func(i int, outOnly bool) (cuts []cut) {
		for j := range f.nodes {
			if j == i {
				continue
			}
			cuts = append(cuts, cut{i, f.nodes[j].host})
			if !outOnly {
				cuts = append(cuts, cut{j, f.nodes[i].host})
			}
		}
		return cuts
	}
	shapes := []struct {
		name string
		cuts []cut
	}{
		{"a node from the others", alone(last, false)},
		{"one direction", alone(0, true)},
		{"one pair", []cut{{0, f.nodes[1].host}, {1, f.nodes[0].host}}},
		{"a node from the database", []cut{{last, f.net.database()}}},
		{"a node from all", append(alone(0, false), cut{0, f.net.database()})},
	}
	lengths := []time.Duration{time.Second, 6 * time.Second}
	if r.options.Long {
		lengths = append(lengths, time.Minute)
	}
	var names []string
	for _, s := range shapes {
		names = append(names, s.name)
		for _, d := range lengths {
			if err := r.cutFor(s.cuts, d); err != nil {
				return "", err
			}
			r.sleep(2 * time.Second)
		}
	}
	return fmt.Sprintf("cut %s, for %v each", strings.Join(names, ", "), lengths), nil
}

// cut is what node cannot send to.
type cut struct {
	node int
	to   string
}

func (r *round) cutFor(cuts []cut, d time.Duration) error {
	for _, c := range cuts {
		if err := r.fleet.net.cut(c.node, c.to); err != nil {
			return err
		}
	}
	r.sleep(d)
	for _, c := range cuts {
		if err := r.fleet.net.mend(c.node, c.to); err != nil {
			return err
		}
	}
	return nil
}

// database crashes Postgres, and where the network permits cuts every node from it.
func (r *round) database() (string, error) {
	if err := r.fleet.db.Restart(); err != nil {
		return "", err
	}
	r.sleep(4 * time.Second)
	if r.fleet.net == nil {
		return "Postgres killed and started again", nil
	}
	var all []cut
	for i := range r.fleet.nodes {
		all = append(all, cut{i, r.fleet.net.database()})
	}
	if err := r.cutFor(all, 4*time.Second); err != nil {
		return "", err
	}
	r.sleep(6 * time.Second)
	return "Postgres killed and started again; then all nodes cut from it for 4 s", nil
}

// join adds the last node and waits until cells are spread.
func (r *round) join() (string, error) {
	last := len(r.fleet.nodes) - 1
	if err := r.fleet.start(r.ctx, last); err != nil {
		return "", err
	}
	var all map[string]int
	for range 60 {
		r.sleep(time.Second)
		var err error
		if all, err = r.fleet.spread(r.ctx, r.fleet.nodes[0]); err != nil {
			return "", err
		}
		if even(all, len(r.fleet.nodes)) {
			break
		}
	}
	return fmt.Sprintf("%s joined, cells %v", r.fleet.nodes[last].name, all), nil
}

// even says that every node has about its share.
func even(all map[string]int, nodes int) bool {
	total, least := 0, 1<<30
	for _, n := range all {
		total, least = total+n, min(least, n)
	}
	return len(all) == nodes && least*nodes*2 >= total
}

// rolling restarts every node in turn, as an upgrade does.
func (r *round) rolling() (string, error) {
	var took []string
	for i, n := range r.fleet.nodes {
		began := time.Now()
		if err := n.end(syscall.SIGTERM); err != nil {
			return "", err
		}
		took = append(took, fmt.Sprintf("%.1f", time.Since(began).Seconds()))
		if err := r.fleet.start(r.ctx, i); err != nil {
			return "", err
		}
		r.sleep(3 * time.Second)
	}
	return fmt.Sprintf("all nodes restarted in turn, drained in %v s", took), nil
}
