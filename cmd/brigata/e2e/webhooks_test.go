package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/brigata/brigata/gateway/webhooks"
)

// partner is a receiver of webhooks that refuses every third call.
type partner struct {
	t         *testing.T
	server    *httptest.Server
	address   string
	forgeries int // calls of strangers

	mu     sync.Mutex
	secret string
	calls  int
	forged int           // calls that were not signed by the node
	last   *http.Request // the last that was, and its body
	body   []byte
	not    map[string]bool    // orders of which nothing is taken
	bodies map[string]string  // by event
	came   map[string][]int64 // by order, each event once
}

func newPartner(t *testing.T) *partner {
	p := &partner{t: t, not: map[string]bool{}, bodies: map[string]string{}, came: map[string][]int64{}}
	p.server = httptest.NewServer(http.HandlerFunc(p.serve))
	p.address = p.server.Listener.Addr().String()
	t.Cleanup(p.server.Close)
	t.Cleanup(func() {
		if p.forged != p.forgeries {
			t.Errorf("%d calls were not signed by the node, of which %d are known", p.forged, p.forgeries)
		}
	})
	return p
}

func (p *partner) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the node was killed
	}
	var e struct {
		ID, Order string
		Seq       int64
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !webhooks.Verify(p.secret, r.Header.Get("Brigata-Signature"), body, time.Now()) {
		p.forged++
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	p.last, p.body = r, body
	if err := json.Unmarshal(body, &e); err != nil || e.ID != r.Header.Get("Brigata-Id") {
		p.t.Errorf("not of the node: %v %s", r.Header, body)
	}
	if p.calls++; p.calls%3 == 0 || p.not[e.Order] {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	switch had, known := p.bodies[e.ID]; {
	case known && had != string(body):
		p.t.Errorf("%s came as\n%s\nand as\n%s", e.ID, had, body)
	case !known:
		p.bodies[e.ID] = string(body)
		if all := p.came[e.Order]; len(all) > 0 && all[len(all)-1] > e.Seq {
			p.t.Errorf("order %s: %d came after %v", e.Order, e.Seq, all)
		}
		p.came[e.Order] = append(p.came[e.Order], e.Seq)
	}
}

// refuse says whether an order's events are refused.
func (p *partner) refuse(order string, is bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.not[order] = is
}

// forget has the partner forget what came of an order.
func (p *partner) forget(order string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.came, order)
	for id := range p.bodies {
		if strings.Contains(id, order) {
			delete(p.bodies, id)
		}
	}
}

// attacked has strangers call: with nothing, with what the node once sent but changed, or
// signed long ago, and signed with another secret. It must take none.
func (p *partner) attacked() {
	p.t.Helper()
	p.mu.Lock()
	body, signature, secret := p.body, p.last.Header.Get("Brigata-Signature"), p.secret
	before := p.forged
	p.mu.Unlock()
	changed := bytes.Replace(body, []byte(`"seq":`), []byte(`"seq":9`), 1)
	forgeries := []struct {
		signature string
		body      []byte
	}{
		{"", body}, {signature, changed}, {"t=1,v1=00", body},
		{webhooks.Sign(time.Now().Add(-10*time.Minute), body, secret), body}, {webhooks.Sign(time.Now(), changed, "whsec_another"), changed},
	}
	for i, f := range forgeries {
		r, err := http.NewRequest("POST", "http://"+p.address, bytes.NewReader(f.body))
		if err != nil {
			p.t.Fatal(err)
		}
		r.Header.Set("Brigata-Signature", f.signature)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			p.t.Fatal(err)
		}
		if res.Body.Close(); res.StatusCode != http.StatusUnauthorized {
			p.t.Errorf("forgery %d was taken: %d", i, res.StatusCode)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forgeries += len(forgeries)
	if p.forged != before+len(forgeries) {
		p.t.Errorf("%d calls were refused as forged, of %d: the node's own too", p.forged-before, len(forgeries))
	}
}

// wanted are the events that orders' histories name.
func (p *partner) wanted(n *node, orders []string) map[string][]int64 {
	p.t.Helper()
	wanted := map[string][]int64{}
	for _, id := range orders {
		var history struct {
			Items []struct {
				V    int64
				Type string
			}
		}
		if err := json.Unmarshal(n.rest(p.t, "GET", "/v1/stores/demo/orders/"+id+"/history", "", ""), &history); err != nil {
			p.t.Fatal(err)
		}
		for _, e := range history.Items {
			switch e.Type {
			case "was_placed", "was_accepted", "moved", "items_voided", "ended":
				wanted[id] = append(wanted[id], e.V)
			}
		}
		if len(wanted[id]) < 3 {
			p.t.Fatalf("only %v are in the history of %s: the test proves nothing", wanted[id], id)
		}
	}
	return wanted
}

// expects waits until all of the orders' events have come.
func (p *partner) expects(n *node, orders []string) {
	p.t.Helper()
	wanted := p.wanted(n, orders)
	within(p.t, time.Minute, "every event has come", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		for id, all := range wanted {
			for _, v := range all {
				if !slices.Contains(p.came[id], v) {
					return false
				}
			}
		}
		return true
	})
}

// rest makes a call that must succeed and returns its body.
func (n *node) rest(t *testing.T, method, path, key, body string) []byte {
	t.Helper()
	r, err := http.NewRequest(method, n.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+n.token)
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var b bytes.Buffer
	b.ReadFrom(res.Body)
	if res.StatusCode/100 != 2 {
		t.Fatalf("%s %s: %d %s", method, path, res.StatusCode, b.Bytes())
	}
	return b.Bytes()
}

// subscribe has the partner told of everything.
func (p *partner) subscribe(n *node) {
	p.t.Helper()
	var made struct{ ID, Secret string }
	if err := json.Unmarshal(n.rest(p.t, "POST", "/v1/stores/demo/webhooks", newID(), fmt.Sprintf(`{"url":%q}`, p.server.URL)), &made); err != nil {
		p.t.Fatal(err)
	}
	p.mu.Lock()
	p.secret = made.Secret
	p.mu.Unlock()
	if b := n.rest(p.t, "GET", "/v1/stores/demo/webhooks", "", ""); !bytes.Contains(b, []byte(made.ID)) || bytes.Contains(b, []byte(made.Secret)) {
		p.t.Fatalf("%s", b)
	}
}

// someOrders places orders, has them cooked, and voids every other one.
func (n *node) someOrders(t *testing.T, count int) (orders []string) {
	t.Helper()
	c := n.dial(n.token, "")
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	do := func(name, id, d string) {
		m, err := c.Command(ctx, name, id, json.RawMessage(d), false)
		if err != nil || m.Err != nil {
			t.Fatalf("%s: %+v %v", name, m.Err, err)
		}
	}
	for i := range count {
		id := newID()
		do("order.place", id, fmt.Sprintf(`{"type":"dine_in","table":"T%02d","lines":[{"id":"1","dish":"mapo-tofu","qty":1}]}`, 1+i))
		do("item.bump", newID(), fmt.Sprintf(`{"order":%q,"items":["1"]}`, id))
		if i%2 == 0 {
			do("order.void", newID(), fmt.Sprintf(`{"order":%q,"reason":"mistake"}`, id)) // it comes to its end
		}
		orders = append(orders, id)
	}
	return orders
}

// A node that is killed with -9 in the middle, again and again, loses no event, and tells
// none of an order too early; the receiver refuses a third of the calls.
func TestWebhooksSurviveKills(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, start func(*testing.T) *node) {
		p := newPartner(t)
		n := start(t)
		n.kill()
		n = startNode(t, n.data, append(n.args, "--webhook-allow-private")...)
		p.subscribe(n)
		var orders []string
		for range 4 {
			orders = append(orders, n.someOrders(t, 4)...)
			n.kill() // while most of it is undelivered
			n = startNode(t, n.data, n.args...)
		}
		p.expects(n, orders)
	})
}

var away = flag.Duration("away", 0, "how long the receiver of webhooks is away, in a test of that")

// TestWebhooksReceiverAway takes the receiver away in a rush, for a real while, and kills
// the node meanwhile: every event comes once it is back, each order's in its sequence, and
// none that somebody else has signed is taken.
func TestWebhooksReceiverAway(t *testing.T) {
	t.Parallel()
	if *away == 0 {
		t.Skip("it takes as long as -away says; TestReceiverComesBack of gateway/webhooks has the same for a short while")
	}
	p := newPartner(t)
	n := startNode(t, t.TempDir(), "--webhook-allow-private")
	must(t, send(t, n.dial(n.token, "boss"), "stock.count", newID(), `{"dish":"mapo-tofu","unlimited":true}`))
	p.subscribe(n)
	orders := n.someOrders(t, 4)
	p.expects(n, orders)
	p.attacked()
	p.server.Close()
	for gone := time.Now(); time.Since(gone) < *away; {
		orders = append(orders, n.someOrders(t, 4)...)
		if len(orders) == 12 {
			n.kill()
			n = startNode(t, n.data, n.args...)
		}
		time.Sleep(min(*away/20, *away-time.Since(gone)))
	}
	l, err := net.Listen("tcp", p.address)
	if err != nil {
		t.Fatal(err)
	}
	back := time.Now()
	again := &httptest.Server{Listener: l, Config: &http.Server{Handler: http.HandlerFunc(p.serve)}}
	again.Start()
	t.Cleanup(again.Close)
	within(t, 2*time.Minute, "it is found again", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.came) > 4
	})
	found := time.Since(back)
	p.expects(n, orders)
	p.attacked()
	t.Logf("%d orders, %d forgeries, all refused; away for %v; the first call %v after it was back, everything after %v", len(orders), p.forgeries, *away, found, time.Since(back))
}

// Of two nodes the one that has the store tells; when it is killed, the other goes on.
func TestWebhooksHandOver(t *testing.T) {
	t.Parallel()
	url, err := newDatabase()
	if err != nil {
		t.Fatal(err)
	}
	first, second := gossipPort(t), gossipPort(t)
	a := startNode(t, t.TempDir(), "--database-url", url, "--name", "a", "--gossip", first, "--join", second, "--webhook-allow-private")
	b := startNode(t, t.TempDir(), "--database-url", url, "--name", "b", "--gossip", second, "--join", first, "--webhook-allow-private")
	within(t, 20*time.Second, "the nodes see each other", func() bool {
		return states(t, a)["b"] == "alive" && states(t, b)["a"] == "alive"
	})
	p := newPartner(t)
	p.subscribe(a)
	orders := append(a.someOrders(t, 3), b.someOrders(t, 3)...)
	p.expects(a, orders)
	orders = append(orders, b.someOrders(t, 4)...)
	a.kill()
	within(t, 60*time.Second, "the other has the store", func() bool {
		r, err := http.NewRequest("GET", b.url+"/v1/stores/demo/orders", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+b.token)
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	p.expects(b, orders)
}
