package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/brigata/brigata/cmd/brigata/client"
)

// element is one entry of a topic, as pushes and snapshots carry it.
type element struct {
	K   string `json:"k"`
	S   int64  `json:"s"`
	V   int64  `json:"v"`
	Del bool   `json:"del"`
}

func place(t *testing.T, c *client.Conn, table string) string {
	t.Helper()
	cid := newID()
	must(t, send(t, c, "order.place", cid, fmt.Sprintf(`{"type":"dine_in","table":%q,"lines":[{"dish":"mapo-tofu","qty":1}]}`, table)))
	return cid
}

// TestResume cuts a kitchen board off, lets orders come, and resumes: exactly what was
// missed arrives. After a restart of the node the answer is a snapshot.
func TestResume(t *testing.T) {
	onBoth(t, func(t *testing.T, start func(*testing.T) *node) {
		n := start(t)
		waiter := n.dial(n.token, "waiter")
		board := n.dial(n.roleToken("kitchen"), "board")
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		subs, _, err := board.Subscribe(ctx, client.Sub{T: "kitchen.wok"})
		if err != nil || subs[0].Err != nil || subs[0].Mode != "snap" || len(subs[0].D) != 0 {
			t.Fatal(subs, err)
		}
		held := map[string]bool{}
		first := place(t, waiter, "T01")
		push := <-board.Pushes()
		if push.K != "ticket/"+first+".wok.0" || push.S <= subs[0].S {
			t.Fatalf("pushed %s after %d", push.Raw, subs[0].S)
		}
		held[push.K] = true
		at := client.Sub{T: "kitchen.wok", E: subs[0].E, S: push.S}
		board.Close()

		missed := []string{place(t, waiter, "T02"), place(t, waiter, "T03"), place(t, waiter, "T04")}
		must(t, send(t, waiter, "item.bump", newID(), fmt.Sprintf(`{"order":%q,"items":["1"]}`, first)))

		board = n.dial(n.roleToken("kitchen"), "board")
		subs, _, err = board.Subscribe(ctx, at)
		if err != nil || subs[0].Err != nil || subs[0].Mode != "delta" {
			t.Fatal(subs, err)
		}
		got := map[string]bool{}
		for _, raw := range subs[0].D {
			var e element
			if err := json.Unmarshal(raw, &e); err != nil {
				t.Fatal(err)
			}
			if e.S <= at.S || e.Del {
				t.Errorf("%s was known at %d", raw, at.S)
			}
			got[e.K] = true
		}
		for _, id := range append(missed, first) {
			if !got["ticket/"+id+".wok.0"] {
				t.Errorf("the change of %s is missing in %v", id, got)
			}
		}
		if len(got) != 4 {
			t.Errorf("got %v", got)
		}

		n.kill()
		n = start(t)
		board = n.dial(n.roleToken("kitchen"), "board")
		subs, _, err = board.Subscribe(ctx, client.Sub{T: "kitchen.wok", E: subs[0].E, S: subs[0].S})
		if err != nil || subs[0].Mode != "snap" || len(subs[0].D) != 4 {
			t.Fatalf("after a restart: %+v, %v", subs, err)
		}
	})
}
