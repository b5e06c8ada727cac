package cells_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/brigata/brigata/cluster/cells"
	"github.com/brigata/brigata/persistence/memory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// host notes what is open.
type host struct {
	mu    sync.Mutex
	open  map[string]int64
	drops int
}

func (h *host) Activator() func(context.Context, string, int64) error {
	return func(_ context.Context, cell string, claim int64) error {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.open[cell] = claim
		return nil
	}
}

func (h *host) HandOver(_ context.Context, cell string, claim int64) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.open[cell] == claim {
		delete(h.open, cell)
	}
	return nil
}

func (h *host) DropAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.open)
	h.drops++
}

func (h *host) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.open)
}

var fast = cells.Options{TTL: 2 * time.Second, Margin: 100 * ms, Renew: 50 * ms, Scan: 20 * ms, Dwell: 50 * ms, Settle: 20 * ms, Patience: 100 * ms}

func runner(t *testing.T, db *memory.Database, name string, members func() []cells.Member) (*cells.Runner, *host, *memory.Journal) {
	j := db.Open(memory.Options{Name: name, Format: 1})
	l, err := j.Self(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	h := &host{open: map[string]int64{}}
	r := cells.Run(cells.Config{Host: h, Leases: j, Self: cells.Member{Name: name, Node: l.Node}, Members: members, Options: fast})
	t.Cleanup(r.Stop)
	return r, h, j
}

// TestRunner drives two keepers on real time: one makes cells, both have their share,
// one drains, and the other has them all.
func TestRunner(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	db := memory.NewDatabase()
	var mu sync.Mutex
	drains := false
	members := func() []cells.Member {
		mu.Lock()
		defer mu.Unlock()
		return []cells.Member{{Name: "a", Node: 1}, {Name: "b", Node: 2, Draining: drains}}
	}
	a, ha, _ := runner(t, db, "a", members)
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(a.Ready(ctx))
	const count = 40
	for i := range count {
		o, err := a.Create(ctx, fmt.Sprintf("store-%d", i))
		if check(err); !o.Mine || !o.Open {
			t.Fatalf("%+v", o)
		}
	}
	if _, ok := a.Where("nowhere"); ok {
		t.Fatal("there is a store that nobody made")
	}
	b, hb, _ := runner(t, db, "b", members)
	check(b.Ready(ctx))
	check(b.Refresh(ctx))
	if o, err := b.Create(ctx, "store-0"); err != nil || o.Name == "" {
		t.Fatalf("%+v, %v", o, err)
	}
	share := 0
	for i := range count {
		if cells.Preferred(fmt.Sprintf("store-%d", i), []string{"a", "b"}) == "b" {
			share++
		}
	}
	tick := time.NewTicker(5 * ms)
	defer tick.Stop()
	for ha.count() != count-share || hb.count() != share {
		select {
		case <-ctx.Done():
			t.Fatalf("a has %d, b has %d", ha.count(), hb.count())
		case <-tick.C:
		}
	}
	mu.Lock()
	drains = true
	mu.Unlock()
	a.MembersChanged()
	check(b.Drain(ctx))
	if hb.count() != 0 {
		t.Fatalf("%d cells were left", hb.count())
	}
	for ha.count() != count || len(a.View().Leases) != 1 { // it reads the leases with its own renewals
		select {
		case <-ctx.Done():
			t.Fatalf("a has %d, and sees %d leases", ha.count(), len(a.View().Leases))
		case <-tick.C:
		}
	}
	if v := a.View(); len(v.Leases) != 1 || v.Open != count || !v.Holding || len(v.Claims) != count {
		t.Fatalf("%d leases, %d open, %d claims", len(v.Leases), v.Open, len(v.Claims))
	}
	if ha.drops+hb.drops > 0 {
		t.Fatalf("leases lapsed: %d, %d", ha.drops, hb.drops)
	}
}

// TestRunnerFenced is fenced from outside: all is dropped, and it comes back by itself,
// each cell another activation.
func TestRunnerFenced(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r, h, j := runner(t, memory.NewDatabase(), "a", nil)
	if _, err := r.Create(ctx, "roma"); err != nil {
		t.Fatal(err)
	}
	j.Evict()
	tick := time.NewTicker(5 * ms)
	defer tick.Stop()
	for {
		if o, _ := r.Where("roma"); o.Open && o.Claim > 1 && r.Good() {
			break
		}
		select {
		case <-ctx.Done():
			t.Fatal("it does not recover")
		case <-tick.C:
		}
	}
	if h.drops != 1 {
		t.Fatalf("dropped %d times", h.drops)
	}
	r.Stop()
	if err := r.Refresh(ctx); err == nil {
		t.Fatal("a stopped runner reads")
	}
}
