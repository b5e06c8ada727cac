package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/brigata/brigata/cmd/brigata/client"
)

// attempt is an order that a client wants placed, and what it was told.
type attempt struct {
	cid, body string
	no        int
	code      string // of a refusal
	qty       int
}

// guest places orders one after the other. It repeats one whose answer it did not get,
// under the same id, as the protocol asks.
type guest struct {
	n        int
	done     []attempt
	open     *attempt
	disagree error
}

func (g *guest) next() *attempt {
	if g.open == nil {
		qty := 1 + rand.IntN(2)
		table := fmt.Sprintf("T%02d", 1+g.n%24)
		g.open = &attempt{cid: newID(), qty: qty, body: fmt.Sprintf(
			`{"type":"dine_in","table":%q,"lines":[{"dish":"tea-smoked-duck","qty":%d},{"dish":"mapo-tofu","qty":1},{"dish":"kung-pao-chicken","qty":1}]}`, table, qty)}
	}
	return g.open
}

// load places orders until the node is gone.
func (g *guest) load(url, token string) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	c, err := client.Dial(ctx, url, token, fmt.Sprintf("guest-%d", g.n))
	if err != nil {
		return
	}
	defer c.Close()
	for range 35 { // below a connection's burst
		a := g.next()
		m, err := c.Command(ctx, "order.place", a.cid, json.RawMessage(a.body), false)
		switch {
		case err != nil:
			return
		case m.Err != nil && m.Err.Retry:
			continue
		case m.Err != nil:
			a.code = m.Err.Code
		default:
			var r ok
			if err := json.Unmarshal(m.OK, &r); err != nil {
				g.disagree = err
				return
			}
			a.no = r.D.No
		}
		g.done = append(g.done, *a)
		g.open = nil
	}
}

// TestKill kills the node with -9 at random moments under load. Afterwards every
// command that was answered gets the same answer again, and nothing is oversold.
func TestKill(t *testing.T) {
	onBoth(t, func(t *testing.T, start func(*testing.T) *node) {
		t.Parallel()
		const stock = 150
		n := start(t)
		c := n.dial(n.token, "setup")
		must(t, send(t, c, "stock.count", newID(), fmt.Sprintf(`{"dish":"tea-smoked-duck","qty":%d}`, stock)))
		must(t, send(t, c, "stock.count", newID(), `{"dish":"kung-pao-chicken","qty":100000}`))
		must(t, send(t, c, "stock.count", newID(), `{"dish":"mapo-tofu","qty":100000}`))
		token := n.token
		guests := make([]guest, 6)
		for i := range guests {
			guests[i].n = i
		}
		for range *kills / 2 {
			var wg sync.WaitGroup
			for i := range guests {
				wg.Go(func() { guests[i].load(n.url, token) })
			}
			timer := time.NewTimer(time.Duration(rand.IntN(60_000)) * time.Microsecond)
			<-timer.C
			n.kill()
			wg.Wait()
			n = start(t)
		}
		var wg sync.WaitGroup
		for i := range guests { // what was left open is settled
			wg.Go(func() {
				for guests[i].open != nil {
					guests[i].load(n.url, token)
				}
			})
		}
		wg.Wait()
		audit(t, n, guests, stock)
		n.verify()
	})
}

// repeat sends an order again as the protocol asks: after as long as a refusal says, while
// it says that the same may succeed later.
func repeat(t *testing.T, c *client.Conn, a attempt) (m client.Message) {
	t.Helper()
	for range 20 {
		if m = send(t, c, "order.place", a.cid, a.body); m.Err == nil || !m.Err.Retry {
			return m
		}
		<-time.After(time.Duration(m.Err.AfterMS) * time.Millisecond)
	}
	t.Fatalf("%s is still refused: %s", a.cid, m.Raw)
	return m
}

func audit(t *testing.T, n *node, guests []guest, stock int64) {
	var taken, answered int64
	numbers := map[int]string{}
	for i := range guests {
		g := &guests[i]
		if g.disagree != nil {
			t.Fatal(g.disagree)
		}
		for from := 0; from < len(g.done); from += 30 {
			c := n.dial(n.token, fmt.Sprintf("audit-%d-%d", i, from))
			for _, a := range g.done[from:min(from+30, len(g.done))] {
				answered++
				m := repeat(t, c, a)
				if a.code != "" {
					if m.Err == nil || m.Err.Code != a.code {
						t.Fatalf("%s was refused %s, and now got %s", a.cid, a.code, m.Raw)
					}
					continue
				}
				r := must(t, m)
				if !r.Dup || r.D.No != a.no {
					t.Fatalf("%s was order %d, and now got %s", a.cid, a.no, m.Raw)
				}
				if other := numbers[a.no]; other != "" {
					t.Fatalf("%s and %s are both order %d", other, a.cid, a.no)
				}
				numbers[a.no] = a.cid
				taken += int64(a.qty)
			}
			c.Close()
		}
	}
	c := n.dial(n.token, "audit")
	var v struct{ Counted, Taken, Left int64 }
	view(t, c, "stock", "dish/tea-smoked-duck", &v)
	if v.Taken != taken || v.Taken > stock || v.Left != stock-taken {
		t.Fatalf("orders took %d of %d, stock says %+v", taken, stock, v)
	}
	t.Logf("%d answers held, %d orders, %d of %d portions", answered, len(numbers), taken, stock)
	if len(numbers) == 0 {
		t.Fatal("nothing was placed: the test proves nothing")
	}
}
