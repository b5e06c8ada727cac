package cells_test

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/brigata/brigata/actors/journal"
	"github.com/brigata/brigata/cluster/cells"
	"github.com/brigata/brigata/persistence/memory"
)

const (
	ms  = time.Millisecond
	sec = time.Second
)

// stage plays keepers on one database, event by event: every request's arrival at the
// database and every answer is one, so that each can be lost or late.
type stage struct {
	t     *testing.T
	db    *memory.Database
	rng   *rand.Rand
	now   time.Duration
	due   events
	order int
	nodes []*node
	seen  func(n *node, what string, c journal.Claim)
}

type event struct {
	at    time.Duration
	order int
	do    func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at < e[j].at || e[i].at == e[j].at && e[i].order < e[j].order
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	old := *e
	x := old[len(old)-1]
	*e = old[:len(old)-1]
	return x
}

func newStage(t *testing.T, seed uint64) *stage {
	return &stage{t: t, db: memory.NewDatabase(), rng: rand.New(rand.NewPCG(seed, 3))}
}

func (s *stage) after(d time.Duration, do func()) {
	s.order++
	heap.Push(&s.due, event{s.now + max(d, 0), s.order, do})
}

// run plays for d.
func (s *stage) run(d time.Duration) {
	end := s.now + d
	for len(s.due) > 0 && s.due[0].at <= end {
		e := heap.Pop(&s.due).(event)
		s.now = e.at
		e.do()
		s.check()
	}
	s.now = end
}

// until plays until is, and says how long that took.
func (s *stage) until(d time.Duration, what string, is func() bool) time.Duration {
	s.t.Helper()
	began := s.now
	for !is() {
		if s.now-began > d {
			s.t.Fatalf("at %v, not within %v: %s", s.now, d, what)
		}
		s.run(5 * ms)
	}
	return s.now - began
}

// check: a cell answers at one node at most, whatever happens.
func (s *stage) check() {
	at := map[string]string{}
	for _, n := range s.nodes {
		for c, a := range n.open {
			if !a || n.keeper.Good() <= n.Now() || n.down {
				continue
			}
			if other, two := at[c]; two {
				s.t.Fatalf("at %v: %s answers at %s and at %s", s.now, c, other, n.name)
			}
			at[c] = n.name
		}
	}
}

// node is one process: a keeper's World, with a host that only notes what is open.
type node struct {
	*stage
	name    string
	journal *memory.Journal
	keeper  *cells.Keeper
	open    map[string]bool // activated; true while it answers
	claims  map[string]int64
	life    int

	down, drains bool
	pausedTill   time.Duration
	ahead        time.Duration // its clock is that much ahead of the stage's
	toDB, fromDB bool          // cut
	alone        bool          // sees no other member
	latency      time.Duration
	newer        map[string]bool // cells that this version cannot read

	asked   map[string]int // database calls by name
	lapsed  []error
	evicted []journal.Lease
	joined  []journal.Lease
	dropped int
	refused int
	moving  int
}

func (s *stage) start(name string, format int) *node {
	n := &node{stage: s, name: name, open: map[string]bool{}, claims: map[string]int64{}, latency: 2 * ms, asked: map[string]int{}}
	n.journal = s.db.Open(memory.Options{Name: name, Format: format})
	n.keeper = cells.NewKeeper(n, n.journal, cells.Options{}, cells.Events{
		Joined:  func(l journal.Lease) { n.joined = append(n.joined, l) },
		Lapsed:  func(why error) { n.lapsed = append(n.lapsed, why) },
		Evicted: func(l journal.Lease) { n.evicted = append(n.evicted, l) },
		Refused: func(journal.Claim, error) { n.refused++ },
		Changed: func(c journal.Claim) {
			if s.seen != nil {
				s.seen(n, "changed", c)
			}
			for _, o := range s.nodes {
				if o != n && !n.alone && !o.alone && !o.down {
					o.turn(n.delay(), func() { o.keeper.Heard([]journal.Claim{c}) })
				}
			}
		},
	})
	s.nodes = append(s.nodes, n)
	n.turn(0, func() {})
	return n
}

func (n *node) delay() time.Duration {
	return n.latency/2 + time.Duration(n.rng.Int64N(int64(n.latency)))
}

// turn calls the keeper, when the process runs, and has it tick when it wants to.
func (n *node) turn(d time.Duration, do func()) {
	life := n.life
	n.after(d, func() {
		switch {
		case n.down || n.life != life:
		case n.now < n.pausedTill:
			n.turn(n.pausedTill-n.now, do)
		default:
			do()
			n.tick()
		}
	})
}

// tick has the keeper ticking from now on.
func (n *node) tick() {
	next := n.keeper.Tick() - n.Now()
	n.again(next)
}

func (n *node) again(d time.Duration) {
	life := n.life
	n.after(max(d, ms), func() {
		if !n.down && n.life == life {
			if n.now < n.pausedTill {
				n.again(n.pausedTill - n.now)
				return
			}
			n.keeper.Tick()
		}
	})
}

func (n *node) crash() { n.down = true; n.life++ }

func (n *node) Now() time.Duration { return n.now + n.ahead + time.Hour }

func (n *node) Members() (all []cells.Member) {
	for _, o := range n.nodes {
		if o == n || !o.down && !n.alone && !o.alone {
			l, _ := o.journal.Self(context.Background())
			all = append(all, cells.Member{Name: o.name, Node: l.Node, Draining: o.drains})
		}
	}
	return all
}

var errTimeout = errors.New("no answer")

func (n *node) Ask(within time.Duration, op func(context.Context) error, done func(error)) {
	answered := false
	answer := func(err error) {
		if !answered {
			answered = true
			done(err)
		}
	}
	n.turn(within, func() { answer(errTimeout) })
	n.after(n.delay(), func() { // what was sent arrives, even if the sender is gone
		if n.toDB {
			return
		}
		err := op(context.Background())
		if !n.fromDB {
			n.turn(n.delay(), func() { answer(err) })
		}
	})
}

func (n *node) Open(cell string, claim int64, done func(error)) {
	drops := n.dropped
	n.turn(5*n.delay(), func() {
		switch {
		case n.dropped != drops:
			done(errors.New("dropped"))
		case n.newer[cell]:
			done(fmt.Errorf("%w: a newer event", journal.ErrNewer))
		default:
			if n.open[cell] && n.claims[cell] != claim {
				n.t.Fatalf("at %v: %s opened at %s as %d and %d", n.now, cell, n.name, n.claims[cell], claim)
			}
			n.open[cell], n.claims[cell] = true, claim
			done(nil)
		}
	})
}

func (n *node) HandOver(cell string, claim int64, done func(error)) {
	if _, ok := n.open[cell]; ok {
		n.open[cell] = false
	}
	n.moving++
	n.turn(5*n.delay(), func() {
		n.moving--
		delete(n.open, cell)
		done(nil)
	})
}

func (n *node) DropAll(done func()) {
	clear(n.open)
	n.dropped++
	n.turn(ms, done)
}

// owners says which node answers for each of the cells.
func (s *stage) owners() map[string]string {
	all := map[string]string{}
	for _, n := range s.nodes {
		for c, a := range n.open {
			if a && !n.down && n.keeper.Good() > n.Now() {
				all[c] = n.name
			}
		}
	}
	return all
}

// make creates cells at a node.
func (s *stage) make(n *node, count int) []string {
	s.t.Helper()
	var names []string
	for i := range count {
		name := fmt.Sprintf("store-%03d", i)
		names = append(names, name)
		n.turn(0, func() { n.keeper.Create(name) })
	}
	s.until(20*sec, "the cells are open", func() bool { return len(s.owners()) == count })
	return names
}

// placed says that every cell answers where it should be.
func (s *stage) placed(names []string, at ...string) bool {
	owners := s.owners()
	slices.Sort(at)
	for _, c := range names {
		if owners[c] != cells.Preferred(c, at) {
			return false
		}
	}
	return true
}
