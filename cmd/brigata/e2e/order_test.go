package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/brigata/brigata/cmd/brigata/client"
)

// ok is the part of a reply that the tests read.
type ok struct {
	V   int64 `json:"v"`
	Dup bool  `json:"dup"`
	D   struct {
		Order string `json:"order"`
		No    int    `json:"no"`
		State string `json:"state"`
		Total int64  `json:"total"`
		Mode  string `json:"mode"`
		Left  *int64 `json:"left"`
		Items []struct {
			ID      string `json:"id"`
			State   string `json:"state"`
			FireSeq int    `json:"fire_seq"`
		} `json:"items"`
	} `json:"d"`
}

func send(t *testing.T, c *client.Conn, cmd, cid, d string) client.Message {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	m, err := c.Command(ctx, cmd, cid, json.RawMessage(d), false)
	if err != nil {
		t.Fatalf("%s: %v", cmd, err)
	}
	return m
}

func must(t *testing.T, m client.Message) ok {
	t.Helper()
	if m.Err != nil {
		t.Fatalf("refused: %s", m.Raw)
	}
	var r ok
	if err := json.Unmarshal(m.OK, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func refused(t *testing.T, m client.Message, code string) map[string]any {
	t.Helper()
	if m.Err == nil || m.Err.Code != code {
		t.Fatalf("want %s, got %s", code, m.Raw)
	}
	var f map[string]any
	if err := json.Unmarshal(m.Err.Fields, &f); err != nil {
		t.Fatal(err)
	}
	return f
}

// left asks the stock topic how many portions of a dish there are.
func left(t *testing.T, c *client.Conn, dish string) int64 {
	t.Helper()
	var v struct {
		Left int64 `json:"left"`
	}
	view(t, c, "stock", "dish/"+dish, &v)
	return v.Left
}

// view reads one element of a topic's snapshot.
func view(t *testing.T, c *client.Conn, topic, key string, into any) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	subs, _, err := c.Subscribe(ctx, client.Sub{T: topic})
	if err != nil || subs[0].Err != nil {
		t.Fatalf("subscribe %s: %v %v", topic, err, subs)
	}
	for _, raw := range subs[0].D {
		var e struct {
			K string          `json:"k"`
			D json.RawMessage `json:"d"`
		}
		if err := json.Unmarshal(raw, &e); err != nil {
			t.Fatal(err)
		}
		if e.K == key {
			if err := json.Unmarshal(e.D, into); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("%s is not in %s", key, topic)
}

func TestOrderPath(t *testing.T) {
	onBoth(t, func(t *testing.T, start func(*testing.T) *node) {
		n := start(t)
		c := n.dial(n.token, "path")
		before := left(t, c, "kung-pao-chicken")
		cid := newID()
		body := `{"type":"dine_in","table":"T03","guests":2,"lines":[{"dish":"kung-pao-chicken","qty":2},{"dish":"mapo-tofu","qty":1,"options":[{"option":"extra-rice"}]}]}`
		first := must(t, send(t, c, "order.place", cid, body))
		if first.D.Order != cid || first.D.State != "accepted" || first.D.Total != 2*3800+3000 || first.Dup {
			t.Fatalf("placed: %+v", first)
		}
		if got := left(t, c, "kung-pao-chicken"); got != before-2 {
			t.Fatalf("left %d, want %d", got, before-2)
		}

		// A repeat, with other spacing and key order, is the same command.
		again := must(t, send(t, c, "order.place", cid,
			`{"lines":[{"qty":2,"dish":"kung-pao-chicken"},{"dish":"mapo-tofu","options":[{"option":"extra-rice"}],"qty":1}], "guests":2, "table":"T03","type":"dine_in"}`))
		if !again.Dup || again.D.No != first.D.No || again.D.Total != first.D.Total {
			t.Fatalf("repeat: %+v", again)
		}
		if f := refused(t, send(t, c, "order.place", cid, `{"type":"dine_in","table":"T04","lines":[{"dish":"mapo-tofu","qty":1}]}`), "conflict"); f["reason"] != "cid_reused" {
			t.Fatalf("other body: %v", f)
		}
		if f := refused(t, send(t, c, "order.place", newID(), `{"type":"dine_in","table":"T03","total":1,"lines":[{"dish":"mapo-tofu","qty":1}]}`), "stale_price"); f["total"] != float64(2800) {
			t.Fatalf("stale price: %v", f)
		}

		must(t, send(t, c, "stock.count", newID(), `{"dish":"tea-smoked-duck","qty":3}`))
		soldOut := newID()
		for range 2 { // the refusal is an outcome too: a repeat gets the same
			f := refused(t, send(t, c, "order.place", soldOut, `{"type":"dine_in","table":"T03","lines":[{"dish":"tea-smoked-duck","qty":2},{"dish":"tea-smoked-duck","qty":2}]}`), "sold_out")
			if f["dish"] != "tea-smoked-duck" || f["left"] != float64(3) {
				t.Fatalf("sold out: %v", f)
			}
			must(t, send(t, c, "stock.count", newID(), `{"dish":"tea-smoked-duck","qty":3}`))
		}

		bump := must(t, send(t, c, "item.bump", newID(), fmt.Sprintf(`{"order":%q,"items":["1"]}`, cid)))
		if bump.D.Items[0].State != "ready" {
			t.Fatalf("bump: %+v", bump)
		}
		recall := must(t, send(t, c, "item.recall", newID(), fmt.Sprintf(`{"order":%q,"items":["1"]}`, cid)))
		if recall.D.Items[0].State != "cooking" || recall.D.Items[0].FireSeq != 1 {
			t.Fatalf("recall: %+v", recall)
		}

		held := newID()
		must(t, send(t, c, "order.place", held, `{"type":"dine_in","table":"T05","hold":true,"lines":[{"dish":"tea-smoked-duck","qty":2}]}`))
		if got := left(t, c, "tea-smoked-duck"); got != 1 {
			t.Fatalf("reserved: left %d, want 1", got)
		}
		must(t, send(t, c, "order.cancel", newID(), fmt.Sprintf(`{"order":%q,"reason":"mistake"}`, held)))
		// The stock hears of it from the order, as soon as that but not at once: it may be durable a batch later.
		within(t, 10*time.Second, "cancelled: 3 are left", func() bool { return left(t, c, "tea-smoked-duck") == 3 })

		n.kill()
		n = start(t)
		c = n.dial(n.token, "path")
		var o struct {
			No       int    `json:"no"`
			State    string `json:"state"`
			Progress string `json:"progress"`
			Total    int64  `json:"total"`
		}
		view(t, c, "order."+cid, "order/"+cid, &o)
		if o.No != first.D.No || o.State != "accepted" || o.Progress != "cooking" || o.Total != first.D.Total {
			t.Fatalf("after kill -9: %+v", o)
		}
		if got := left(t, c, "kung-pao-chicken"); got != before-2 {
			t.Fatalf("after kill -9: left %d, want %d", got, before-2)
		}
		var table struct {
			State string `json:"state"`
			Bill  struct {
				Total int64 `json:"total"`
				Due   int64 `json:"due"`
			} `json:"bill"`
		}
		view(t, c, "table.T03", "table/T03", &table)
		if table.State != "seated" || table.Bill.Due != first.D.Total {
			t.Fatalf("after kill -9: %+v", table)
		}
		repeat := must(t, send(t, c, "order.place", cid, body))
		if !repeat.Dup || repeat.D.No != first.D.No {
			t.Fatalf("repeat after kill -9: %+v", repeat)
		}
	})
}
