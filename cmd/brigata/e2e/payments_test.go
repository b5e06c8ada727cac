package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/brigata/brigata/cmd/brigata/client"
	"github.com/brigata/brigata/gateway/payments/fake"
)

// payers pay orders at a node that is killed again and again. Each repeats, under the
// same ids, whatever it got no answer to.
type payers struct {
	t     *testing.T
	bank  *fake.Bank
	node  atomic.Pointer[node]
	token string
	ctx   context.Context
}

// paid is one order and how it was paid.
type paid struct {
	order, payment string
	total          int64
}

// call sends a command until it is answered for good; code is a refusal's.
func (p *payers) call(cmd, cid, d string) (answer struct {
	D struct {
		Total int64
		State string
	}
	Code  string
	Retry bool
}) {
	body, err := json.Marshal(map[string]any{"cmd": cmd, "d": json.RawMessage(d)})
	if err != nil {
		p.t.Error(err)
		return
	}
	for p.ctx.Err() == nil {
		answer.Code, answer.Retry = "", false
		if p.try("POST", "/commands", cid, body, &answer) == nil && !answer.Retry {
			return answer
		}
		p.rest()
	}
	p.t.Errorf("%s was never answered", cmd)
	return answer
}

// rest is how long a client waits before it tries again.
func (p *payers) rest() {
	select {
	case <-p.ctx.Done():
	case <-time.After(time.Duration(5+rand.IntN(20)) * time.Millisecond):
	}
}

func (p *payers) try(method, path, cid string, body []byte, into any) error {
	ctx, cancel := context.WithTimeout(p.ctx, 8*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, p.node.Load().url+"/v1/stores/demo"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+p.token)
	r.Header.Set("Content-Type", "application/json")
	if cid != "" {
		r.Header.Set("Idempotency-Key", cid)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, into)
}

type bill struct {
	State, Payment        string
	Total, Paid, Refunded int64
}

// buy takes one order from its placing to its end.
func (p *payers) buy() paid {
	x := paid{order: newID(), payment: newID()}
	placed := p.call("order.place", x.order, `{"type":"pickup","lines":[{"dish":"mapo-tofu","qty":1}],"contact":{"name":"A","phone":"1"}}`)
	if x.total = placed.D.Total; x.total == 0 {
		p.t.Errorf("order.place: %+v", placed)
		return x
	}
	if a := p.call("payment.create", x.payment, fmt.Sprintf(`{"order":%q,"provider":%q,"amount":%d}`, x.order, p.bank.Name, x.total)); a.D.State == "" {
		p.t.Errorf("payment.create: %+v", a)
		return x
	}
	for !p.bank.Pay(x.payment) && p.bank.Charge(x.payment).State != "paid" && p.ctx.Err() == nil {
		p.rest()
	}
	for range 2 { // the provider sends until it is told that it was heard, and then once more
		for p.ctx.Err() == nil {
			status, err := p.bank.Notify(p.ctx, p.node.Load().url+"/v1/payments/"+p.bank.Name+"/notify", x.payment)
			if err == nil && status == http.StatusOK {
				break
			}
			p.rest()
		}
	}
	for p.ctx.Err() == nil {
		var b bill
		if p.try("GET", "/orders/"+x.order, "", nil, &b) == nil && b.State == "accepted" {
			break
		}
		p.rest()
	}
	p.call("item.bump", newID(), fmt.Sprintf(`{"order":%q,"station":"wok"}`, x.order))
	p.call("order.hand_off", newID(), fmt.Sprintf(`{"order":%q,"to":"guest"}`, x.order))
	return x
}

// TestMoneySurvivesKills kills the node at random moments while payments are created,
// charged, notified, credited and their orders closed. Afterwards the provider has one
// charge for each payment, and the books balance.
func TestMoneySurvivesKills(t *testing.T) {
	for _, name := range []string{"stripe", "wechat", "alipay"} {
		t.Run(name, func(t *testing.T) {
			bank := fake.New(name)
			defer bank.Close()
			data, file := t.TempDir(), fake.Write(t, bank)
			start := func() *node { return startNode(t, data, "--payments", file) }
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
			defer cancel()
			p := &payers{t: t, bank: bank, ctx: ctx}
			p.node.Store(start())
			p.token = p.node.Load().token
			p.call("stock.count", newID(), `{"dish":"mapo-tofu","unlimited":true}`)
			const atOnce = 8
			each := max(1, *kills/2)
			var mu sync.Mutex
			var all []paid
			var buyers sync.WaitGroup
			for range atOnce {
				buyers.Go(func() {
					for range each {
						x := p.buy()
						mu.Lock()
						all = append(all, x)
						mu.Unlock()
					}
				})
			}
			done := make(chan struct{})
			go func() { buyers.Wait(); close(done) }()
			killed := 0
			for buying := true; buying; {
				select {
				case <-done:
					buying = false
				case <-time.After(time.Duration(rand.IntN(150)) * time.Millisecond):
					p.node.Load().kill()
					killed++
					p.node.Store(start())
				}
			}
			balance(t, p, all)
			t.Logf("%d payments through %d kills", len(all), killed)
			last := p.node.Load()
			last.args = nil // of serve alone
			last.verify()
		})
	}
}

// balance holds the provider's ledger and our books to one another.
func balance(t *testing.T, p *payers, all []paid) {
	charged, booked := int64(0), int64(0)
	charges := map[string]int{}
	for _, c := range p.bank.Charges() {
		charges[c.ID]++
		if c.State == "paid" {
			charged += c.Amount
		}
		if len(c.Refunds) > 0 {
			t.Errorf("%s was given back", c.ID)
		}
	}
	for _, x := range all {
		if c := p.bank.Charge(x.payment); charges[x.payment] != 1 || c.State != "paid" || c.Amount != x.total {
			t.Errorf("%s: %d charges, %+v", x.payment, charges[x.payment], c)
		}
		var b bill
		if err := p.try("GET", "/orders/"+x.order, "", nil, &b); err != nil || b.State != "closed" || b.Payment != "paid" || b.Paid != x.total || b.Total != b.Paid-b.Refunded {
			t.Errorf("%s: %+v %v", x.order, b, err)
		}
		booked += b.Paid - b.Refunded
	}
	if charged != booked || len(all) == 0 {
		t.Errorf("the provider has %d, the books say %d, of %d payments", charged, booked, len(all))
	}
}

// TestGuestsPayForThemselves holds guests apart: nobody pays, cancels or reads what
// another guest pays, with a table or without one, though it knows the id.
func TestGuestsPayForThemselves(t *testing.T) {
	n := startNode(t, t.TempDir())
	boss := n.dial(n.token, "boss")
	var table struct{ D struct{ Session string } }
	if err := json.Unmarshal(send(t, boss, "table.open", newID(), `{"table":"T03","guests":2}`).OK, &table); err != nil {
		t.Fatal(err)
	}
	here := []string{"--table", "T03", "--session", table.D.Session}
	for name, x := range map[string]struct {
		as         []string
		order, pay string
	}{
		"without a table": {nil, `{"type":"pickup","lines":[{"dish":"mapo-tofu","qty":1}],"contact":{"name":"A","phone":"1"}}`, `"order":%q`},
		"at a table":      {here, `{"type":"dine_in","table":"T03","lines":[{"dish":"mapo-tofu","qty":1}]}`, `"table":"T03"`},
	} {
		t.Run(name, func(t *testing.T) {
			as := func(name string) *client.Conn {
				return n.dial(n.roleToken("guest", append([]string{"--user", newID()}, x.as...)...), name)
			}
			mine, other := as("mine"), as("other")
			order, paying := newID(), newID()
			must(t, send(t, mine, "order.place", order, x.order))
			create, not := x.pay, "conflict"
			if x.as == nil {
				create, not = fmt.Sprintf(x.pay, order), "forbidden"
				refused(t, send(t, other, "payment.create", newID(), "{"+create+`,"provider":"cash","amount":1}`), "forbidden")
			}
			create = "{" + create + `,"provider":"cash","amount":100}`
			must(t, send(t, mine, "payment.create", paying, create))
			cancel := fmt.Sprintf(`{"payment":%q}`, paying)
			refused(t, send(t, other, "payment.create", paying, create), not)
			refused(t, send(t, other, "payment.cancel", newID(), cancel), "forbidden")
			for _, who := range []*client.Conn{mine, other} {
				refused(t, send(t, who, "payment.confirm", newID(), cancel), "forbidden")
				refused(t, send(t, who, "payment.refund", newID(), fmt.Sprintf(`{"payment":%q,"amount":1,"reason":"other"}`, paying)), "forbidden")
				refused(t, send(t, who, "payment.report", newID(), fmt.Sprintf(`{"payment":%q,"outcome":"charged"}`, paying)), "bad_request")
			}
			must(t, send(t, mine, "payment.cancel", newID(), cancel))
		})
	}
}

// TestReconciliation reads where a day's payments and the provider's statement differ.
func TestReconciliation(t *testing.T) {
	bank := fake.New("wechat")
	defer bank.Close()
	n := startNode(t, t.TempDir(), "--payments", fake.Write(t, bank))
	stray, other := newID(), newID()
	yesterday := time.Now().In(bank.Zone).AddDate(0, 0, -1)
	for id, store := range map[string]string{stray: "demo", other: "another"} {
		bank.Book(fake.Charge{ID: id, Store: store, Amount: 700, Currency: "CNY"})
		bank.Change(id, func(c *fake.Charge) { c.At = yesterday })
	}
	const path = "/v1/stores/demo/reports/reconciliation"
	var out struct {
		Date string
		Held []struct {
			Provider string
			Lines    int
			Amount   int64
		}
		Items []struct {
			Kind, Provider, Payment string
			Ours, Theirs            int64
		}
	}
	date := yesterday.Format(time.DateOnly)
	if status, _ := rest(t, n, n.token, "GET", path+"?date="+date, "", &out); status != 200 || len(out.Items) != 1 || out.Items[0].Payment != stray ||
		out.Items[0].Kind != "extra" || out.Items[0].Theirs != 700 || len(out.Held) != 1 || out.Held[0].Lines != 2 || out.Held[0].Amount != 1400 {
		t.Errorf("%d %+v", status, out)
	}
	r, err := http.NewRequest("GET", n.url+path+"?format=csv&date="+date, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+n.token)
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Body.Close()
	if b, err := io.ReadAll(w.Body); err != nil || string(b) != "kind,provider,payment,refund,ours,theirs,at\nextra,wechat,"+stray+",,0,700,\n" {
		t.Errorf("%s %v", b, err)
	}
	for query, want := range map[string]int{"?date=2999-01-01": 422, "?date=monday": 422, "?date=2026-02-30": 422} {
		if status, _ := rest(t, n, n.token, "GET", path+query, "", nil); status != want {
			t.Errorf("%s: %d, want %d", query, status, want)
		}
	}
	if status, _ := rest(t, n, n.roleToken("cashier"), "GET", path, "", nil); status != 403 {
		t.Errorf("a cashier reads it: %d", status)
	}
	bank.Next(fake.Fail)
	if status, _ := rest(t, n, n.token, "GET", path+"?date="+date, "", nil); status != 503 {
		t.Errorf("the provider is down: %d", status)
	}
}
