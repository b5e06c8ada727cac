package cells_test

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/brigata/brigata/actors/journal"
	"github.com/brigata/brigata/cluster/cells"
)

// Two sides of a partition that still reach the database do not fight: claims never take
// from a live lease.
func TestPartitionMovesNothing(t *testing.T) {
	s := newStage(t, 1)
	a, b := s.start("a", 1), s.start("b", 1)
	names := s.make(a, 30)
	s.until(60*sec, "balance", func() bool { return s.placed(names, "a", "b") })
	s.seen = func(n *node, what string, c journal.Claim) { t.Errorf("%s %s %+v", n.name, what, c) }
	a.alone, b.alone = true, true
	s.run(60 * sec)
	if !s.placed(names, "a", "b") {
		t.Fatal("cells moved")
	}
	if len(a.evicted)+len(b.evicted) > 0 {
		t.Fatal("evicted for a partition")
	}
}

// A claim whose answer was lost is made again: the number tells the activations apart.
func TestLostClaim(t *testing.T) {
	s := newStage(t, 1)
	a := s.start("a", 1)
	s.run(sec)
	a.turn(0, func() { a.keeper.Create("roma"); a.fromDB = true })
	s.run(900 * ms)
	a.fromDB = false
	s.until(3*sec, "open", func() bool { return a.open["roma"] })
	rows, _ := a.journal.Claims(context.Background())
	if rows[0].Claim < 2 || rows[0].Claim != a.claims["roma"] {
		t.Fatalf("open as %d, the row says %+v", a.claims["roma"], rows[0])
	}
}

// A release that matches no row reads the row again: a claim of its own that came late
// has raised the number.
func TestReleaseReadsAgain(t *testing.T) {
	s := newStage(t, 1)
	a := s.start("a", 1)
	names := s.make(a, 1)
	l, _ := a.keeper.Lease()
	if _, err := a.journal.Claim(context.Background(), l, names); err != nil {
		t.Fatal(err)
	}
	a.turn(0, a.keeper.Drain)
	s.until(5*sec, "drained", func() bool { all, _ := a.keeper.Held(); return all == 0 })
	rows, _ := a.journal.Claims(context.Background())
	if rows[0].Node != 0 || rows[0].Claim != 2 {
		t.Fatalf("got %+v", rows[0])
	}
}

// A release whose answer was lost is tried again, and finds another's claim: it leaves it.
func TestLostRelease(t *testing.T) {
	s := newStage(t, 1)
	a, b := s.start("a", 1), s.start("b", 1)
	names := s.make(a, 1)
	a.drains = true
	a.turn(0, a.keeper.Drain)
	s.until(sec, "it releases", func() bool {
		rows, _ := b.journal.Claims(context.Background())
		a.fromDB = rows[0].Node != 0 && len(a.open) == 0
		return rows[0].Node == 0
	})
	s.until(5*sec, "the other has it", func() bool { return s.owners()[names[0]] == "b" })
	a.fromDB = false
	s.until(5*sec, "drained", func() bool { all, _ := a.keeper.Held(); return all == 0 })
	if s.owners()[names[0]] != "b" {
		t.Fatal("released what another had claimed")
	}
}

// Cells go to a node that joins a few at a time, and each has been where it was for the
// dwell; a node that drains is left at once by all, and takes none.
func TestJoinAndDrain(t *testing.T) {
	s := newStage(t, 1)
	a, b := s.start("a", 1), s.start("b", 1)
	names := s.make(a, 60)
	s.until(60*sec, "balance", func() bool { return s.placed(names, "a", "b") })
	s.run(11 * sec) // every cell has been where it is for the dwell
	opened := s.now
	c := s.start("c", 1)
	first := true
	for !s.placed(names, "a", "b", "c") {
		if s.now > opened+60*sec {
			t.Fatal("not balanced in a minute")
		}
		if a.moving+b.moving > 0 && first {
			first = false
			if s.now-opened < 2*sec {
				t.Fatalf("moved before the members had settled: after %v", s.now-opened)
			}
		}
		if a.moving > 2 || b.moving > 2 {
			t.Fatalf("%d and %d cells move at once", a.moving, b.moving)
		}
		s.run(5 * ms)
	}
	c.drains = true
	c.turn(0, c.keeper.Drain)
	most := 0
	took := s.until(5*sec, "drained", func() bool {
		most = max(most, len(names)-len(s.owners()))
		all, _ := c.keeper.Held()
		return all == 0
	})
	if most > 8 { // four move, and as many are claimed and not open yet
		t.Errorf("%d cells were without a node at once", most)
	}
	s.until(2*sec, "all cells", func() bool { return s.placed(names, "a", "b") })
	s.run(20 * sec)
	if len(c.open) > 0 {
		t.Fatal("a node that drains took cells")
	}
	t.Logf("drained in %v", took)
}

// A cell does not wait for ever for the node that it should go to: that one may be there
// and not answer.
func TestPatience(t *testing.T) {
	s := newStage(t, 1)
	a, b, c := s.start("a", 1), s.start("b", 1), s.start("c", 1)
	names := s.make(a, 30)
	s.until(90*sec, "balance", func() bool { return s.placed(names, "a", "b", "c") })
	b.pausedTill = s.now + 2500*ms // its lease would not be up
	c.drains = true
	c.turn(0, c.keeper.Drain)
	s.until(2300*ms, "what was c's is a's", func() bool {
		o := s.owners()
		for _, n := range names {
			if cells.Preferred(n, []string{"a", "b", "c"}) == "c" && o[n] != "a" {
				return false
			}
		}
		return true
	})
}

// Two views of where a cell should be do not make it flap: it stays for the dwell.
func TestDwell(t *testing.T) {
	s := newStage(t, 1)
	a, b := s.start("a", 1), s.start("b", 1)
	names := s.make(a, 10)
	last := map[string]int64{}
	at := map[string]int{}
	s.seen = func(n *node, _ string, c journal.Claim) {
		if c.Node == 0 {
			return
		}
		if was, ok := at[c.Cell]; ok && last[c.Cell] != c.Node && int(s.now/ms)-was < 10_000 {
			t.Errorf("%s moved again after %d ms", c.Cell, int(s.now/ms)-was)
		}
		last[c.Cell], at[c.Cell] = c.Node, int(s.now/ms)
	}
	for i := range 40 {
		a.alone = i%2 == 0
		b.alone = i%3 == 0
		s.run(4 * sec)
	}
	a.alone, b.alone = false, false
	s.until(60*sec, "balance", func() bool { return s.placed(names, "a", "b") })
}

// A restart of a node moves nothing for good: its name gets back what it had.
func TestRestart(t *testing.T) {
	s := newStage(t, 1)
	a, b := s.start("a", 1), s.start("b", 1)
	names := s.make(a, 30)
	s.until(60*sec, "balance", func() bool { return s.placed(names, "a", "b") })
	b.crash()
	s.run(sec)
	s.start("b", 1) // under its own name it fences its earlier life at once
	s.until(60*sec, "balance", func() bool { return s.placed(names, "a", "b") })
}

// A cell that holds what a version does not know is left to a node that knows it, and
// does not come back.
func TestNewerVersion(t *testing.T) {
	s := newStage(t, 1)
	old := s.start("old", 1)
	names := s.make(old, 8)
	old.newer = map[string]bool{names[0]: true, names[1]: true}
	for _, n := range names[:2] { // as if they had been elsewhere meanwhile
		old.turn(0, func() { delete(old.open, n); old.keeper.Lost(n, old.claims[n], journal.ErrConflict) })
	}
	s.until(5*sec, "it gives them up", func() bool { return old.refused == 2 })
	s.run(20 * sec)
	if old.refused != 2 || len(s.owners()) != 6 {
		t.Fatalf("refused %d times, %v", old.refused, s.owners())
	}
	s.start("new", 2)
	s.until(5*sec, "the newer one has them", func() bool { o := s.owners(); return o[names[0]] == "new" && o[names[1]] == "new" })
	s.run(60 * sec)
	if o := s.owners(); old.refused != 2 || o[names[0]] != "new" || o[names[1]] != "new" || len(o) != 8 {
		t.Fatalf("refused %d times, %v", old.refused, o)
	}
}

// An open cell that turns out to hold something newer moves, if there is where to.
func TestOutdated(t *testing.T) {
	s := newStage(t, 1)
	old := s.start("old", 1)
	names := s.make(old, 1)
	old.turn(0, func() { old.keeper.Outdated(names[0], old.claims[names[0]]) })
	s.run(5 * sec)
	if s.owners()[names[0]] != "old" {
		t.Fatal("it left though nobody can read it")
	}
	s.start("new", 2)
	s.run(2 * sec)
	old.turn(0, func() { old.keeper.Outdated(names[0], old.claims[names[0]]) })
	s.until(5*sec, "it moves", func() bool { return s.owners()[names[0]] == "new" })
}

// TestSwarm plays many stories of faults. Never does a cell answer at two nodes (the
// stage looks after every event); in the end each answers where it should.
func TestSwarm(t *testing.T) {
	seeds := uint64(150)
	if testing.Short() {
		seeds = 20
	}
	for seed := range seeds {
		s := newStage(t, seed)
		var nodes [3]*node
		for i := range nodes {
			nodes[i] = s.start(fmt.Sprintf("n%d", i), 1)
		}
		names := s.make(nodes[0], 12)
		for range 40 {
			i := s.rng.IntN(3)
			n, d := nodes[i], ms*100+ms*(1<<s.rng.IntN(13))
			switch s.rng.IntN(7) {
			case 0:
				n.crash()
				s.after(d, func() { nodes[i] = s.start(n.name, 1) })
				s.run(d + ms)
			case 1:
				n.pausedTill = max(n.pausedTill, s.now+d)
			case 2: // clocks run apart, by less than the margin is for
				n.pausedTill = max(n.pausedTill, s.now+d)
				n.ahead += 20 * ms
			case 3:
				n.toDB, n.fromDB = true, true
				s.after(d, func() { n.toDB, n.fromDB = false, false })
			case 4:
				n.fromDB = true
				s.after(d, func() { n.fromDB = false })
			case 5:
				n.alone = true
				s.after(d, func() { n.alone = false })
			case 6:
				n.latency = 2*ms + d/10
				s.after(d, func() { n.latency = 2 * ms })
			}
			s.run(ms * 1 << s.rng.IntN(13))
		}
		s.run(10 * sec)
		s.until(90*sec, fmt.Sprintf("seed %d comes to rest", seed), func() bool { return s.placed(names, "n0", "n1", "n2") })
	}
}

// Cells are spread evenly, and a node that comes or goes moves its own share only.
func TestPreferred(t *testing.T) {
	three, four := []string{"a", "b", "c"}, []string{"a", "b", "c", "d"}
	counts, moved := map[string]int{}, 0
	const stores = 1000
	for i := range stores {
		cell := fmt.Sprintf("store-%d", i)
		was, is := cells.Preferred(cell, three), cells.Preferred(cell, four)
		counts[was]++
		if was != is {
			moved++
			if is != "d" {
				t.Fatalf("%s moved from %s to %s", cell, was, is)
			}
		}
	}
	for n, c := range counts {
		if math.Abs(float64(c)-stores/3.0) > stores/3.0*0.2 {
			t.Errorf("%s has %d of %d", n, c, stores)
		}
	}
	if moved < stores/5 || moved > stores*3/10 {
		t.Errorf("%d of %d moved", moved, stores)
	}
	t.Log(counts, moved)
}
