package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/brigata/brigata/gateway/webhooks"
)

// hooked is what REST says of a webhook.
type hooked struct {
	ID, State, Reason, Position, Error, Secret string
	Late, Dead, Waiting                        int64
}

// TestWebhooksOverREST is a partner's life with webhooks: it subscribes, is told, asks for
// what it missed, changes its secret, gives up on an event and has it tried again, and is
// told all of it once more.
func TestWebhooksOverREST(t *testing.T) {
	t.Parallel()
	database, err := newDatabase()
	if err != nil {
		t.Fatal(err)
	}
	data := t.TempDir()
	start := func() *node {
		return startNode(t, data, "--database-url", database, "--webhook-allow-private")
	}
	n := start()
	const path = "/v1/stores/demo/webhooks"
	p := newPartner(t)
	p.subscribe(n)
	var list struct{ Items []hooked }
	get := func(into any, path string) {
		t.Helper()
		if err := json.Unmarshal(n.rest(t, "GET", path, "", ""), into); err != nil {
			t.Fatal(err)
		}
	}
	get(&list, path)
	one := path + "/" + list.Items[0].ID
	stands := func(what string, is func(h hooked) bool) {
		t.Helper()
		within(t, time.Minute, what, func() bool {
			var h hooked
			get(&h, one)
			return is(h)
		})
	}
	orders := n.someOrders(t, 3)
	p.expects(n, orders)

	// The same events, asked for.
	type listed struct {
		Items []struct {
			ID, Order string
			Seq       int64
		}
		Next string
	}
	asked, cursor := map[string][]int64{}, ""
	for {
		var l listed
		get(&l, "/v1/stores/demo/events?limit=5&after="+cursor)
		if cursor = l.Next; len(l.Items) == 0 {
			break
		}
		for _, e := range l.Items {
			asked[e.Order] = append(asked[e.Order], e.Seq)
		}
	}
	p.mu.Lock()
	for _, id := range orders {
		if !slices.Equal(asked[id], p.came[id]) {
			t.Errorf("%s: asked for it has %v, told %v", id, asked[id], p.came[id])
		}
	}
	p.mu.Unlock()

	// A new secret: both sign.
	former := p.secret
	var fresh struct{ Secret string }
	if err := json.Unmarshal(n.rest(t, "POST", one+"/secret", newID(), ""), &fresh); err != nil || fresh.Secret == "" || fresh.Secret == former {
		t.Fatalf("%+v %v", fresh, err)
	}
	p.mu.Lock()
	p.secret = fresh.Secret
	p.mu.Unlock()
	orders = append(orders, n.someOrders(t, 2)...)
	p.expects(n, orders)
	p.mu.Lock()
	if !webhooks.Verify(former, p.last.Header.Get("Brigata-Signature"), p.body, time.Now()) {
		t.Error("the former secret does not sign any more")
	}
	p.mu.Unlock()
	p.attacked()

	// An event that is refused for hours is a dead letter. Those hours are put into the
	// database: the next refusal is the last.
	victim := n.someOrders(t, 1)[0]
	p.refuse(victim, true)
	second := n.someOrders(t, 1)[0] // goes on meanwhile
	stands("the order waits", func(h hooked) bool { return h.Late > 0 })
	n.kill()
	c, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	if tag, err := c.Exec(t.Context(), "UPDATE webhook_late SET tries = 19, next_at = 0 WHERE order_id = $1", victim); err != nil || tag.RowsAffected() != 1 {
		t.Fatalf("%v %v", tag, err)
	}
	c.Close(context.Background())
	n = start()
	stands("it is a dead letter", func(h hooked) bool { return h.Dead > 0 })
	var dead struct {
		Items []struct {
			ID, Order, Error string
			Tries            int
		}
	}
	get(&dead, one+"/dead-letters")
	if d := dead.Items; len(d) != 1 || d[0].Order != victim || d[0].Tries != 20 || d[0].Error == "" {
		t.Errorf("%+v", dead)
	}
	p.expects(n, []string{second})
	var again struct{ Retried int64 }
	if err := json.Unmarshal(n.rest(t, "POST", one+"/dead-letters/retry", newID(), fmt.Sprintf(`{"ids":[%q]}`, dead.Items[0].ID)), &again); err != nil || again.Retried != 1 {
		t.Errorf("%+v %v", again, err)
	}
	p.refuse(victim, false) // only now: its order is told from the dead letter on, and nothing later of it has come
	within(t, time.Minute, "the dead letter comes", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.bodies[dead.Items[0].ID] != ""
	})
	stands("nothing is late or dead", func(h hooked) bool { return h.Late == 0 && h.Dead == 0 && h.Waiting == 0 })

	// All of it once more.
	all := append(orders, second)
	for _, id := range all {
		p.forget(id)
	}
	n.rest(t, "POST", one+"/replay", newID(), fmt.Sprintf(`{"from":%q}`, time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)))
	p.expects(n, all)

	// Without leave, nobody is called in one's own network.
	n.kill()
	n = startNode(t, data, "--database-url", database)
	for _, url := range []string{p.server.URL, "ftp://example.com"} {
		if status, _ := rest(t, n, n.token, "POST", path, fmt.Sprintf(`{"url":%q}`, url), nil); status != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", url, status)
		}
	}
	// Where a name leads is looked at when it is called.
	secure := strings.Replace(p.server.URL, "http", "https", 1)
	for _, url := range []string{secure, "https://localhost/x", "https://10.0.0.1/x", "https://[::1]/x", "https://169.254.169.254/latest/meta-data"} {
		var made hooked
		if status, _ := rest(t, n, n.token, "POST", path, fmt.Sprintf(`{"url":%q,"events":["order.closed"]}`, url), &made); status != http.StatusCreated {
			t.Errorf("%s: %d", url, status)
		}
		if b := n.rest(t, "POST", path+"/"+made.ID+"/test", newID(), ""); !bytes.Contains(b, []byte(`"ok":false`)) || !bytes.Contains(b, []byte("public")) {
			t.Errorf("%s: %s", url, b)
		}
	}
}
