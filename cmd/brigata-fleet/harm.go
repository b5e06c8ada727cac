package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"time"
)

// kill is a crash of the node with the most cells.
func (r *round) kill() (string, error) {
	i := r.busiest()
	r.happens("kill")
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
		if err := r.pauseFor(r.busiest(), d); err != nil {
			return "", err
		}
		r.sleep(3 * time.Second)
	}
	return fmt.Sprintf("a node stopped for %v", all), nil
}

func (r *round) pauseFor(i int, d time.Duration) error {
	n := r.fleet.nodes[i]
	r.happens("pause")
	if err := n.signal(syscall.SIGSTOP); err != nil {
		return err
	}
	r.sleep(d)
	return n.signal(syscall.SIGCONT)
}

// cut is a direction in which nothing goes.
type cut struct{ from, to int }

// shape is a way for a network to be broken.
type shape struct {
	name string
	cuts func(r *round) []cut
}

// alone cuts node i off the others, or, one way, only what it sends.
func (r *round) alone(i int, oneWay bool) (cuts []cut) {
	for j := range r.fleet.nodes {
		if j == i {
			continue
		}
		cuts = append(cuts, cut{i, j})
		if !oneWay {
			cuts = append(cuts, cut{j, i})
		}
	}
	return cuts
}

var shapes = []shape{
	{"a node from the others", func(r *round) []cut { return r.alone(len(r.fleet.nodes)-1, false) }},
	{"one direction", func(r *round) []cut { return r.alone(0, true) }},
	{"one pair", func(*round) []cut { return []cut{{0, 1}, {1, 0}} }},
	{"a node from the database", func(r *round) []cut { return []cut{{len(r.fleet.nodes) - 1, toDatabase}} }},
	{"a node from all", func(r *round) []cut { return append(r.alone(0, false), cut{0, toDatabase}) }},
	{"everybody from everybody", func(r *round) (all []cut) {
		for i := range r.fleet.nodes {
			all = append(all, r.alone(i, true)...)
		}
		return all
	}},
}

// partition cuts the network in every shape, one after the other.
func (r *round) partition() (string, error) {
	lengths := []time.Duration{time.Second, 6 * time.Second}
	if r.options.Long {
		lengths = append(lengths, time.Minute)
	}
	var names []string
	for _, s := range shapes {
		names = append(names, s.name)
		for _, d := range lengths {
			r.happens("partition")
			if err := r.cutFor(s.cuts(r), d); err != nil {
				return "", err
			}
			r.sleep(2 * time.Second)
		}
	}
	return fmt.Sprintf("cut %s, for %v each", strings.Join(names, ", "), lengths), nil
}

func (r *round) cutFor(cuts []cut, d time.Duration) error {
	for _, c := range cuts {
		if err := r.fleet.links.cut(c.from, c.to); err != nil {
			return err
		}
	}
	r.sleep(d)
	for _, c := range cuts {
		if err := r.fleet.links.mend(c.from, c.to); err != nil {
			return err
		}
	}
	return nil
}

// database crashes Postgres in both ways, and where the network permits cuts every node
// from it.
func (r *round) database() (string, error) {
	for _, nine := range []bool{false, true} {
		if err := r.crashDatabase(nine); err != nil {
			return "", err
		}
		r.sleep(4 * time.Second)
	}
	if r.fleet.links == nil {
		return "Postgres ended at once and by kill -9, and started again", nil
	}
	r.happens("cut from database")
	if err := r.cutDatabase(4 * time.Second); err != nil {
		return "", err
	}
	r.sleep(6 * time.Second)
	return "Postgres ended at once and by kill -9, and started again; then all nodes cut from it for 4 s", nil
}

func (r *round) cutDatabase(d time.Duration) error {
	var all []cut
	for i := range r.fleet.nodes {
		all = append(all, cut{i, toDatabase})
	}
	return r.cutFor(all, d)
}

// againIn is how long Postgres may find its own dead in the way.
const againIn = 20 * time.Second

// crashDatabase ends Postgres, by kill -9 of its first process if nine, and starts it again.
func (r *round) crashDatabase(nine bool) error {
	r.happens("database")
	db := r.fleet.db
	if !nine {
		return db.Restart()
	}
	if err := syscall.Kill(db.PID(), syscall.SIGKILL); err != nil {
		return err
	}
	for end := time.Now().Add(againIn); ; {
		err := db.Restart() // its other processes may not have seen yet that the first one is gone
		if err == nil || time.Now().After(end) || r.ctx.Err() != nil {
			return err
		}
		r.sleep(50 * time.Millisecond)
	}
}

// join adds the last node and waits until it has its cells.
func (r *round) join() (string, error) {
	last := len(r.fleet.nodes) - 1
	r.happens("join")
	if err := r.fleet.start(r.ctx, last); err != nil {
		return "", err
	}
	all, err := r.settled()
	return fmt.Sprintf("%s joined, cells %v", r.fleet.nodes[last].name, all), err
}

// settled waits until every node has the cells that rendezvous gives it, and notes it if
// that is never so.
func (r *round) settled() (map[string]int, error) {
	all, ok, err := r.fleet.settled(r.ctx, numbered(r.options.Stores))
	if err == nil && !ok {
		r.astray = append(r.astray, fmt.Sprintf("cells %v", all))
	}
	return all, err
}

// leave drains the last node for good while the others work, and has it come back.
func (r *round) leave() (string, error) {
	last := len(r.fleet.nodes) - 1
	n := r.fleet.nodes[last]
	r.happens("drain")
	began := time.Now()
	if err := n.leave(); err != nil {
		return "", err
	}
	took := time.Since(began)
	r.sleep(4 * time.Second)
	r.happens("join")
	if err := r.fleet.start(r.ctx, last); err != nil {
		return "", err
	}
	all, err := r.settled()
	return fmt.Sprintf("%s left in %.1f s, and came back after 4 s; cells %v", n.name, took.Seconds(), all), err
}

// rolling restarts every node in turn, as an upgrade does.
func (r *round) rolling() (string, error) {
	var took []string
	for i, n := range r.fleet.nodes {
		began := time.Now()
		r.happens("drain")
		if err := n.leave(); err != nil {
			return "", err
		}
		took = append(took, fmt.Sprintf("%.1f", time.Since(began).Seconds()))
		if err := r.fleet.start(r.ctx, i); err != nil {
			return "", err
		}
		r.sleep(3 * time.Second)
	}
	all, err := r.settled()
	return fmt.Sprintf("all nodes restarted in turn, drained in %v s; cells %v", took, all), err
}

// mix is what a long round does, shuffled: the shares of what a long run is to do.
var mix = map[string]int{"kill": 16, "pause": 8, "partition": 8, "database": 4}

// betweenMax is how long at most before the next fault: most come while the last one heals.
const betweenMax = 4 * time.Second

// many does faults of every kind, at random.
func (r *round) many() (string, error) {
	var all []string
	for _, kind := range []string{"kill", "pause", "partition", "database"} {
		for range mix[kind] {
			if kind != "partition" || r.fleet.links != nil {
				all = append(all, kind)
			}
		}
	}
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for _, kind := range all {
		if err := r.one(kind); err != nil {
			return "", fmt.Errorf("%s: %w", kind, err)
		}
		if r.sleep(rand.N(betweenMax)); r.ctx.Err() != nil {
			return "", r.ctx.Err()
		}
	}
	return fmt.Sprintf("%d faults", len(all)), nil
}

func (r *round) one(kind string) error {
	i := rand.N(len(r.fleet.nodes))
	d := 100*time.Millisecond + rand.N(5*time.Second)
	if r.options.Long && rand.N(20) == 0 {
		d = time.Minute
	}
	switch kind {
	case "kill":
		r.happens(kind)
		if err := r.fleet.nodes[i].end(syscall.SIGKILL); err != nil {
			return err
		}
		r.sleep(rand.N(2 * time.Second)) // back before or after it is missed
		return r.fleet.start(r.ctx, i)
	case "pause":
		return r.pauseFor(i, d)
	case "partition":
		r.happens(kind)
		return r.cutFor(shapes[rand.N(len(shapes))].cuts(r), d)
	}
	return r.crashDatabase(true)
}
