package cells_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/brigata/brigata/actors/journal"
)

const ttl, margin = 3 * sec, 300 * ms

// A process takes a new epoch before its first claim and after every lapse, and has
// dropped everything by then.
func TestNewEpochAfterEveryLapse(t *testing.T) {
	s := newStage(t, 1)
	a := s.start("a", 1)
	s.make(a, 3)
	for i := range 3 {
		if len(a.joined) != i+1 || a.joined[i].Epoch != int64(i+1) || a.dropped != i {
			t.Fatalf("joined %+v, dropped %d times", a.joined, a.dropped)
		}
		for _, c := range a.keeper.Claims() {
			if c.Epoch != int64(i+1) {
				t.Fatalf("claimed under an earlier epoch: %+v", c)
			}
		}
		a.toDB, a.fromDB = true, true
		s.until(5*sec, "the lease lapses", func() bool { return len(a.lapsed) == i+1 })
		if a.keeper.Good() != 0 || len(a.open) != 0 {
			t.Fatal("it goes on without a lease")
		}
		a.toDB, a.fromDB = false, false
		s.until(10*sec, "it recovers by itself", func() bool { return len(s.owners()) == 3 })
	}
}

// The lease counts from when the process asked, not from when the answer came.
func TestLeaseCountsFromTheAsking(t *testing.T) {
	s := newStage(t, 1)
	a := s.start("a", 1)
	s.make(a, 1)
	a.latency = 250 * ms // at least that there and back
	s.run(5 * sec)
	for range 200 {
		if left := a.keeper.Good() - a.Now(); left > ttl-margin-250*ms {
			t.Fatalf("%v of the lease are left", left)
		}
		s.run(20 * ms)
	}
	if len(a.lapsed) > 0 {
		t.Fatalf("lapsed: %v", a.lapsed)
	}
}

// A node that died is missed as soon as its lease is over for all who watch: they do not
// wait for their own next renewal to look. Renewals are half a second apart.
func TestMissedAtOnce(t *testing.T) {
	for seed := range uint64(20) {
		s := newStage(t, seed)
		a, b := s.start("a", 1), s.start("b", 1)
		s.start("c", 1)
		names := s.make(a, 30)
		s.until(90*sec, "balance", func() bool { return s.placed(names, "a", "b", "c") })
		s.run(ms * time.Duration(seed) * 37) // anywhere between two renewals
		b.crash()
		took := s.until(5*sec, "all cells answer", func() bool { return len(s.owners()) == len(names) })
		if most := 500*ms + ttl + margin + 50*ms; took > most {
			t.Errorf("seed %d: they answer after %v, and not %v", seed, took, most)
		}
	}
}

// A machine that was suspended has lost its lease, though its processes saw no time go by.
func TestSuspended(t *testing.T) {
	s := newStage(t, 1)
	a := s.start("a", 1)
	s.make(a, 1)
	a.pausedTill = s.now + 10*sec
	s.run(10 * sec)
	if a.keeper.Good() > a.Now() {
		t.Fatal("the lease of a suspended machine is good")
	}
	s.until(5*sec, "it lapses", func() bool { return len(a.lapsed) == 1 })
}

// A renewal that was made and whose answer was lost does not cost the lease.
func TestLostRenewal(t *testing.T) {
	s := newStage(t, 1)
	a := s.start("a", 1)
	s.make(a, 1)
	for range 5 {
		a.fromDB = true
		s.run(700 * ms)
		a.fromDB = false
		s.run(3 * sec)
	}
	if len(a.lapsed) > 0 || len(a.joined) != 1 {
		t.Fatalf("lapsed %v, joined %v", a.lapsed, a.joined)
	}
}

// Nobody is evicted before its renewals were watched standing still for the TTL and the
// margin; then somebody opens its cells, unasked.
func TestEvictionAfterWatching(t *testing.T) {
	s := newStage(t, 1)
	a, b := s.start("a", 1), s.start("b", 1)
	names := s.make(a, 20)
	s.until(60*sec, "balance", func() bool { return s.placed(names, "a", "b") })
	moved, _ := a.journal.Self(context.Background())
	last := s.now
	a.crash()
	took := s.until(10*sec, "eviction", func() bool { return len(b.evicted) > 0 })
	if took < ttl+margin-600*ms || b.evicted[0].Renewals < moved.Renewals { // its last renewal may be up to half a second old
		t.Fatalf("evicted %+v after %v", b.evicted[0], took)
	}
	s.until(2*sec, "its cells are open", func() bool { return s.placed(names, "b") })
	t.Logf("evicted after %v, all open after %v", took, s.now-last)
}

// A node that was paused for a minute evicts nobody who went on.
func TestPausedNodeEvictsNobody(t *testing.T) {
	s := newStage(t, 1)
	a, b := s.start("a", 1), s.start("b", 1)
	s.make(a, 4)
	s.run(3 * sec)
	b.pausedTill = s.now + 60*sec
	s.run(70 * sec)
	if len(b.evicted) > 0 || len(a.lapsed) > 0 {
		t.Fatalf("evicted %+v", b.evicted)
	}
}

// A database that was away for everybody evicts nobody when it comes back.
func TestDatabaseAwayEvictsNobody(t *testing.T) {
	s := newStage(t, 1)
	a, b := s.start("a", 1), s.start("b", 1)
	names := s.make(a, 10)
	s.run(40 * sec)
	for _, n := range []*node{a, b} {
		n.toDB, n.fromDB = true, true
	}
	s.run(10 * sec)
	if len(s.owners()) > 0 {
		t.Fatal("nodes without the database answer")
	}
	for _, n := range []*node{a, b} {
		n.toDB, n.fromDB = false, false
	}
	b.latency = 300 * ms // the other one has read all leases before it is back
	s.until(10*sec, "all cells", func() bool { return len(s.owners()) == len(names) })
	if len(a.evicted)+len(b.evicted) > 0 {
		t.Fatalf("evicted %+v, %+v", a.evicted, b.evicted)
	}
}

// A node whose renewals arrive and whose answers do not gives up by its own clock, and
// nobody evicts it while its renewals move.
func TestMuteDatabase(t *testing.T) {
	s := newStage(t, 1)
	a, b := s.start("a", 1), s.start("b", 1)
	s.make(a, 4)
	a.fromDB = true
	s.until(ttl, "a lapses", func() bool { return len(a.lapsed) == 1 })
	if len(b.evicted) > 0 {
		t.Fatalf("evicted %+v", b.evicted)
	}
}

// A node that is fenced while its lease would still hold drops everything with the next
// renewal, and does not go on under an epoch that it did not take.
func TestFencedRenewal(t *testing.T) {
	s := newStage(t, 1)
	a, b := s.start("a", 1), s.start("b", 1)
	s.make(a, 4)
	self, _ := a.journal.Self(context.Background())
	if done, err := b.journal.Fence(context.Background(), self); err != nil || !done {
		t.Fatal(done, err)
	}
	s.until(700*ms, "it lapses", func() bool { return len(a.lapsed) == 1 })
	if !errors.Is(a.lapsed[0], journal.ErrFenced) {
		t.Fatalf("lapsed by %v", a.lapsed[0])
	}
	s.until(5*sec, "it takes a new epoch", func() bool { return len(a.joined) == 2 && a.joined[1].Epoch == self.Epoch+2 })
}

// A lost cell is claimed anew, for another activation; a fenced append ends them all.
func TestLost(t *testing.T) {
	s := newStage(t, 1)
	a := s.start("a", 1)
	names := s.make(a, 2)
	was := a.claims[names[0]]
	a.turn(0, func() { delete(a.open, names[0]); a.keeper.Lost(names[0], was, journal.ErrConflict) })
	s.until(2*sec, "claimed anew", func() bool { return a.open[names[0]] && a.claims[names[0]] == was+1 })
	a.turn(0, func() { a.keeper.Lost(names[0], was, journal.ErrFenced) }) // an activation that is long gone
	s.run(sec)
	if len(a.lapsed) > 0 {
		t.Fatal("it lapsed for an old activation")
	}
	a.turn(0, func() { a.keeper.Lost(names[1], a.claims[names[1]], journal.ErrFenced) })
	s.until(sec, "lapse", func() bool { return len(a.lapsed) == 1 && a.dropped == 1 })
	s.until(5*sec, "recovery", func() bool { return len(s.owners()) == 2 })
}
