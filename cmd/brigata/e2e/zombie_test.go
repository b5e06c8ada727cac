package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/brigata/brigata/cmd/brigata/client"
)

// shared starts two nodes on one Postgres; the first one has the demo store.
func shared(t *testing.T) (url string, first, second *node) {
	t.Helper()
	url, err := newDatabase()
	if err != nil {
		t.Fatal(err)
	}
	first = startNode(t, t.TempDir(), "--database-url", url, "--name", "a")
	return url, first, startNode(t, t.TempDir(), "--database-url", url, "--name", "b")
}

// within calls f until it says that it is done.
func within(t *testing.T, d time.Duration, what string, f func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(d); !f(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", d, what)
		}
	}
}

// takes reports whether the node takes an order; it says why if not.
func (n *node) takes() bool {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	c, err := client.Dial(ctx, n.url, n.token, "waiter")
	if err != nil {
		return false
	}
	defer c.Close()
	m, err := c.Command(ctx, "order.place", newID(), json.RawMessage(`{"type":"dine_in","table":"T23","lines":[{"dish":"cold-noodles","qty":1}]}`), false)
	if err == nil && m.Err != nil && !m.Err.Retry {
		n.t.Fatalf("refused for good: %s", m.Raw)
	}
	return err == nil && m.Err == nil
}

// TestTakeOver kills the node that has the store. While its lease stands nobody takes the
// store from it; then the other node opens it unasked. The node that comes back does not
// take it back either, until it is handed over.
func TestTakeOver(t *testing.T) {
	_, first, second := shared(t)
	c := first.dial(first.token, "waiter")
	id := place(t, c, "T01")
	must(t, send(t, c, "item.bump", newID(), `{"order":"`+id+`","items":["1"]}`))
	first.kill()
	died := time.Now()
	within(t, 10*time.Second, "the store answers again", func() bool {
		return second.takes()
	})
	t.Logf("the store answered again after %v", time.Since(died).Round(time.Millisecond))
	tells(t, second, "brigata_evictions_total 1", "brigata_lease_lapses_total 0")
	again := startNode(t, first.data, "--database-url", first.args[1], "--name", "a")
	if !second.takes() {
		t.Fatal("the store is not where it was")
	}
	if err := second.stop(); err != nil {
		t.Fatal(err)
	}
	within(t, 10*time.Second, "the store was handed over", func() bool {
		return again.takes()
	})
}

// TestZombie pauses a node past its lease under load, and has it go on while another
// node has its store. Whatever reached it late is neither written nor answered: not a
// row of its own joins the log, and no answer is anything but "try again".
func TestZombie(t *testing.T) {
	url, first, second := shared(t)
	held := place(t, first.dial(first.token, "setup"), "T24")

	var stopped, resumed atomic.Bool
	var late, acked atomic.Int64
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for i := range 12 {
		c := first.dial(first.token, fmt.Sprintf("guest-%d", i))
		wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				asked := stopped.Load()
				cmd, body := "order.place", fmt.Sprintf(`{"type":"dine_in","table":"T%02d","lines":[{"dish":"cold-noodles","qty":1}]}`, 1+i)
				if n%3 == 2 {
					cmd, body = "item.bump", `{"order":"`+held+`","items":["1"]}`
				}
				m, err := c.Command(ctx, cmd, newID(), json.RawMessage(body), false)
				switch {
				case err != nil:
					return
				case asked && resumed.Load() && (m.Err == nil || !m.Err.Retry):
					t.Errorf("%s was sent to a paused node, and answered when it went on: %s", cmd, m.Raw)
					return
				case asked:
					late.Add(1)
				case m.Err == nil:
					acked.Add(1)
				}
			}
		})
	}
	within(t, 10*time.Second, "load", func() bool { return acked.Load() > 100 })
	pause(t, first, &stopped)
	within(t, 15*time.Second, "the other node takes over", func() bool {
		return second.takes()
	})
	before := rowsOf(t, url, "a")
	resumed.Store(true)
	if err := first.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	within(t, 10*time.Second, "late answers", func() bool { return late.Load() > 100 || t.Failed() })
	cancel()
	wg.Wait()
	if after := rowsOf(t, url, "a"); after != before {
		t.Errorf("the zombie wrote: %d rows before it went on, %d after", before, after)
	}
	within(t, 10*time.Second, "it recovers by itself", first.ready)
	if !second.takes() {
		t.Fatal("the store is not where it was")
	}
}

// pause stops a node; what is asked from then on is asked of a paused node.
func pause(t *testing.T, n *node, stopped *atomic.Bool) {
	t.Helper()
	if err := n.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	// The signal comes back before the last thread stands still: one may yet take a command.
	var is syscall.WaitStatus
	_, err := syscall.Wait4(n.cmd.Process.Pid, &is, syscall.WUNTRACED, nil)
	for err == syscall.EINTR {
		_, err = syscall.Wait4(n.cmd.Process.Pid, &is, syscall.WUNTRACED, nil)
	}
	if err != nil || !is.Stopped() {
		t.Fatalf("not stopped: %v, status %#x", err, is)
	}
	stopped.Store(true)
}

// rowsOf counts what all incarnations of a node have written.
func rowsOf(t *testing.T, url, name string) (n int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM journal WHERE stream IN (SELECT id FROM nodes WHERE name = $1)", name).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
