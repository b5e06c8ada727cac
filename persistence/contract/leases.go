package contract

import (
	"errors"
	"slices"
	"testing"

	"github.com/brigata/brigata/actors/journal"
)

// Process is what one process has of a database that several share.
type Process interface {
	journal.Journal
	journal.Leases
}

// Enter opens the test's database as another process, which the test closes.
type Enter func(name string, format int) Process

// RunLeases tests a database that several processes share.
func RunLeases(t *testing.T, fresh func(t *testing.T) Enter) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, Enter)
	}{
		{"a raised epoch refuses what was cut before", raised},
		{"a raised epoch fences earlier lives of the name", superseded},
		{"renewals are compared and set", renewed},
		{"an eviction only as watched", evicted},
		{"a forgotten lease", forgotten},
		{"claims never take from a live lease", claimed},
		{"a release gives back one claim", released},
		{"a cell waits for a node that can read it", needed},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, fresh(t)) })
	}
}

func join(t *testing.T, enter Enter, name string) (Process, journal.Lease) {
	t.Helper()
	p := enter(name, 1)
	t.Cleanup(func() { ok(t, p.Close()) })
	l, err := p.Self(t.Context())
	ok(t, err)
	l, err = p.Raise(t.Context(), l)
	ok(t, err)
	return p, l
}

func batch(p Process, seq int) *journal.Batch {
	return &journal.Batch{Epoch: p.Epoch(), Token: int64(seq), Pos: int64(seq), Rows: []journal.Row{Block(1, seq, 1)}}
}

func isFenced(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, journal.ErrFenced) {
		t.Fatalf("got %v, want fenced", err)
	}
}

func leaseOf(t *testing.T, p Process, l journal.Lease) (bool, *journal.Lease) {
	t.Helper()
	renewed, all, err := p.Renew(t.Context(), l)
	ok(t, err)
	i := slices.IndexFunc(all, func(x journal.Lease) bool { return x.Node == l.Node })
	if i < 0 {
		return renewed, nil
	}
	return renewed, &all[i]
}

func raised(t *testing.T, enter Enter) {
	a, first := join(t, enter, "a")
	if first.Name != "a" || first.Format != 1 || first.Epoch != 1 || a.Epoch() != 1 {
		t.Fatalf("got %+v at %d", first, a.Epoch())
	}
	ok(t, a.Commit(batch(a, 1)))
	old := batch(a, 2)
	second, err := a.Raise(t.Context(), first)
	ok(t, err)
	if second.Epoch != 2 || second.Renewals <= first.Renewals || a.Epoch() != 2 {
		t.Fatalf("got %+v after %+v", second, first)
	}
	isFenced(t, a.Commit(old))
	_, err = a.Raise(t.Context(), first)
	isFenced(t, err)
	ok(t, a.Commit(batch(a, 2)))
	self, err := a.Self(t.Context())
	ok(t, err)
	if self != second {
		t.Fatalf("got %+v, want %+v", self, second)
	}
}

func superseded(t *testing.T, enter Enter) {
	old, lease := join(t, enter, "a")
	other, _ := join(t, enter, "b")
	_, err := old.Claim(t.Context(), lease, []string{"roma"})
	ok(t, err)
	next, nextLease := join(t, enter, "a")
	isFenced(t, old.Commit(batch(old, 1)))
	if renewed, l := leaseOf(t, old, lease); renewed || l != nil {
		t.Fatalf("the earlier life renewed: %v, %+v", renewed, l)
	}
	ok(t, other.Commit(batch(other, 1)))
	rows, err := next.Claim(t.Context(), nextLease, []string{"roma"})
	ok(t, err)
	if rows[0].Node != nextLease.Node || rows[0].Claim != 2 {
		t.Fatalf("got %+v", rows)
	}
	// The earlier life may come back, and takes nothing from the later one.
	self, err := old.Self(t.Context())
	ok(t, err)
	_, err = old.Raise(t.Context(), self)
	ok(t, err)
	ok(t, next.Commit(batch(next, 2)))
}

func renewed(t *testing.T, enter Enter) {
	a, lease := join(t, enter, "a")
	_, other := join(t, enter, "b")
	first, now := leaseOf(t, a, lease)
	if !first || now.Renewals != lease.Renewals+1 || now.Epoch != lease.Epoch {
		t.Fatalf("got %v, %+v", first, now)
	}
	if again, now := leaseOf(t, a, lease); again || now.Renewals != lease.Renewals+1 {
		t.Fatalf("renewed twice: %v, %+v", again, now)
	}
	_, all, err := a.Renew(t.Context(), *now)
	ok(t, err)
	if len(all) != 2 || !slices.Contains(all, other) {
		t.Fatalf("got %+v", all)
	}
}

func evicted(t *testing.T, enter Enter) {
	a, lease := join(t, enter, "a")
	b, _ := join(t, enter, "b")
	moved := lease
	moved.Renewals++
	for _, l := range []journal.Lease{moved, {Node: lease.Node, Epoch: lease.Epoch + 1, Renewals: lease.Renewals}} {
		if done, err := b.Fence(t.Context(), l); err != nil || done {
			t.Fatalf("fenced %+v, which does not stand: %v, %v", l, done, err)
		}
	}
	ok(t, a.Commit(batch(a, 1)))
	done, err := b.Fence(t.Context(), lease)
	if ok(t, err); !done {
		t.Fatal("not fenced")
	}
	isFenced(t, a.Commit(batch(a, 2)))
	isFenced(t, a.Commit(&journal.Batch{Epoch: a.Epoch(), Token: 3, Heads: []journal.Head{{Key: Key(1), Cell: "roma", Seq: 1}}}))
	_, err = a.Claim(t.Context(), lease, []string{"roma"})
	isFenced(t, err)
	if renewed, now := leaseOf(t, a, lease); renewed || now.Epoch != lease.Epoch+1 {
		t.Fatalf("got %v, %+v", renewed, now)
	}
	if again, err := b.Fence(t.Context(), lease); err != nil || again {
		t.Fatalf("fenced twice: %v, %v", again, err)
	}
	_, err = a.Raise(t.Context(), lease)
	isFenced(t, err)
	self, err := a.Self(t.Context())
	ok(t, err)
	_, err = a.Raise(t.Context(), self)
	ok(t, err)
	ok(t, a.Commit(batch(a, 2)))
}

func forgotten(t *testing.T, enter Enter) {
	a, lease := join(t, enter, "a")
	b, _ := join(t, enter, "b")
	stale := lease
	stale.Renewals--
	ok(t, b.Forget(t.Context(), stale))
	if renewed, _ := leaseOf(t, a, lease); !renewed {
		t.Fatal("forgotten though it moved")
	}
	lease.Renewals++
	ok(t, b.Forget(t.Context(), lease))
	if _, now := leaseOf(t, b, lease); now != nil {
		t.Fatalf("still there: %+v", now)
	}
	isFenced(t, a.Commit(batch(a, 1)))
	self, err := a.Self(t.Context())
	ok(t, err)
	_, err = a.Raise(t.Context(), self)
	ok(t, err)
	ok(t, a.Commit(batch(a, 1)))
}

func claimed(t *testing.T, enter Enter) {
	a, lease := join(t, enter, "a")
	b, other := join(t, enter, "b")
	claim := func(p Process, l journal.Lease, want ...journal.Claim) {
		t.Helper()
		var cells []string
		for _, c := range want {
			cells = append(cells, c.Cell)
		}
		rows, err := p.Claim(t.Context(), l, cells)
		ok(t, err)
		if !slices.Equal(rows, want) {
			t.Fatalf("got  %+v\nwant %+v", rows, want)
		}
	}
	of := func(l journal.Lease, cell string, n int64) journal.Claim {
		return journal.Claim{Cell: cell, Node: l.Node, Epoch: l.Epoch, Claim: n}
	}
	claim(a, lease, of(lease, "ostia", 1), of(lease, "roma", 1))
	claim(b, other, of(lease, "ostia", 1), of(lease, "roma", 1), of(other, "siena", 1))
	claim(a, lease, of(lease, "roma", 2)) // its own: another activation
	next, err := a.Raise(t.Context(), lease)
	ok(t, err)
	claim(b, other, of(other, "roma", 3)) // of an epoch that has gone
	claim(a, next, of(next, "ostia", 2), of(other, "roma", 3))
	all, err := b.Claims(t.Context())
	ok(t, err)
	if want := []journal.Claim{of(next, "ostia", 2), of(other, "roma", 3), of(other, "siena", 1)}; !slices.Equal(all, want) {
		t.Fatalf("got  %+v\nwant %+v", all, want)
	}
	_, err = a.Claim(t.Context(), lease, []string{"terni"}) // a claim that was sent before the lapse
	isFenced(t, err)
}

func released(t *testing.T, enter Enter) {
	a, lease := join(t, enter, "a")
	b, other := join(t, enter, "b")
	rows, err := a.Claim(t.Context(), lease, []string{"roma"})
	ok(t, err)
	mine := rows[0]
	for _, wrong := range []journal.Claim{
		{Cell: "roma", Node: other.Node, Epoch: mine.Epoch, Claim: mine.Claim},
		{Cell: "roma", Node: mine.Node, Epoch: mine.Epoch + 1, Claim: mine.Claim},
		{Cell: "roma", Node: mine.Node, Epoch: mine.Epoch, Claim: mine.Claim - 1},
	} {
		row, err := b.Release(t.Context(), wrong)
		if ok(t, err); row != mine {
			t.Fatalf("released by %+v: %+v", wrong, row)
		}
	}
	row, err := a.Release(t.Context(), mine)
	if ok(t, err); row != (journal.Claim{Cell: "roma", Claim: 1}) {
		t.Fatalf("got %+v", row)
	}
	rows, err = b.Claim(t.Context(), other, []string{"roma"})
	ok(t, err)
	if row, err = a.Release(t.Context(), mine); err != nil || row != rows[0] || row.Node != other.Node || row.Claim != 2 {
		t.Fatalf("released what another claimed since: %+v, %v", row, err)
	}
	if row, err = a.Release(t.Context(), journal.Claim{Cell: "terni", Node: lease.Node, Epoch: lease.Epoch, Claim: 1}); err != nil || row != (journal.Claim{Cell: "terni"}) {
		t.Fatalf("got %+v, %v", row, err)
	}
}

func needed(t *testing.T, enter Enter) {
	a, lease := join(t, enter, "a")
	rows, err := a.Claim(t.Context(), lease, []string{"roma"})
	ok(t, err)
	c := rows[0]
	c.Needs = 2
	row, err := a.Release(t.Context(), c)
	if ok(t, err); row != (journal.Claim{Cell: "roma", Claim: 1, Needs: 2}) {
		t.Fatalf("got %+v", row)
	}
	if rows, err = a.Claim(t.Context(), lease, []string{"roma"}); err != nil || rows[0] != row {
		t.Fatalf("claimed by a node that cannot read it: %+v, %v", rows, err)
	}
	newer := enter("n", 2)
	t.Cleanup(func() { ok(t, newer.Close()) })
	l, err := newer.Self(t.Context())
	ok(t, err)
	l, err = newer.Raise(t.Context(), l)
	ok(t, err)
	rows, err = newer.Claim(t.Context(), l, []string{"roma"})
	if ok(t, err); rows[0] != (journal.Claim{Cell: "roma", Node: l.Node, Epoch: l.Epoch, Claim: 2, Needs: 2}) {
		t.Fatalf("got %+v", rows)
	}
	if row, err = newer.Release(t.Context(), rows[0]); err != nil || row.Needs != 2 {
		t.Fatalf("got %+v, %v", row, err)
	}
}
