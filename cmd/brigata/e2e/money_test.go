package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/brigata/brigata/gateway/payments/fake"
)

var runs = flag.Int("runs", 0, "orders that are paid by each kind of provider, half of them on each database, each with a kill at one of its steps; 0: one for each step, on SQLite")

// The steps of an order's money at which its node is killed: when a request has left and
// its answer has not come, and between one answer and the next request.
const (
	createSent        = "create sent"
	providerAsked     = "provider asked, nothing done"
	providerDone      = "provider done, answer lost"
	createAnswered    = "create answered"
	notificationSent  = "notification sent"
	notificationTaken = "notification taken"
	confirmSent       = "confirm sent"
	confirmAnswered   = "confirm answered"
	credited          = "bill credited"
	closeSent         = "close sent"
	closed            = "order closed"
)

var (
	stepsOutside = []string{createSent, providerAsked, providerDone, createAnswered, notificationSent, notificationTaken, credited, closeSent, closed}
	stepsInside  = []string{createSent, createAnswered, confirmSent, confirmAnswered, credited, closeSent, closed}
)

// shop is a node that is killed again and again, and what its payers share. Each payer
// repeats, under the same ids, whatever it got no answer to.
type shop struct {
	t        *testing.T
	provider string
	bank     *fake.Bank // nil: the staff take the money
	node     atomic.Pointer[node]
	token    string
	ctx      context.Context
	deaths   chan chan struct{} // who sends wants the node killed; closed when it is up again
}

// payer pays one order.
type payer struct {
	*shop
	order, payment string
	total          int64
	step           string // at which the node is killed
	once           sync.Once
}

// at kills the node if this is the payer's step, and returns when there is a new one.
func (p *payer) at(step string) {
	if step != "" && step == p.step {
		p.once.Do(p.kill)
	}
}

func (p *payer) kill() {
	up := make(chan struct{})
	select {
	case p.deaths <- up:
		<-up
	case <-p.ctx.Done():
	}
}

// sending is a context of requests that have reached a step when they are written.
func (p *payer) sending(step string) context.Context {
	return httptrace.WithClientTrace(p.ctx, &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { p.at(step) }})
}

type commandAnswer struct {
	D struct {
		Total int64
		State string
	}
	Code  string
	Retry bool
}

// call sends a command until it is answered for good; code is a refusal's.
func (p *payer) call(step, cmd, cid, d string) (answer commandAnswer) {
	body, err := json.Marshal(map[string]any{"cmd": cmd, "d": json.RawMessage(d)})
	if err != nil {
		p.t.Error(err)
		return answer
	}
	p.until(cmd+" is answered", func() bool {
		answer = commandAnswer{}
		return p.try(p.sending(step), "POST", "/commands", cid, body, &answer) == nil && !answer.Retry
	})
	return answer
}

// until tries something until it is done, with short waits.
func (p *shop) until(what string, done func() bool) {
	for !done() {
		select {
		case <-p.ctx.Done():
			p.t.Errorf("it did not come about that %s", what)
			return
		case <-time.After(time.Duration(5+rand.IntN(20)) * time.Millisecond):
		}
	}
}

func (p *shop) try(ctx context.Context, method, path, cid string, body []byte, into any) error {
	ctx, cancel := context.WithTimeout(ctx, 8*time.Second)
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

func (p *payer) bill() (b bill, err error) {
	return b, p.try(p.ctx, "GET", "/orders/"+p.order, "", nil, &b)
}

// buy takes the order from its placing to its end.
func (p *payer) buy() {
	p.total = p.call("", "order.place", p.order, `{"type":"pickup","lines":[{"dish":"mapo-tofu","qty":1}],"contact":{"name":"A","phone":"1"}}`).D.Total
	if p.total == 0 {
		p.t.Error("an order was not placed")
		return
	}
	if p.bank != nil {
		switch p.step {
		case providerAsked, providerDone:
			p.bank.Trap(p.payment, p.step == providerDone, func() { p.at(p.step) })
		}
	}
	if a := p.call(createSent, "payment.create", p.payment, fmt.Sprintf(`{"order":%q,"provider":%q,"amount":%d}`, p.order, p.provider, p.total)); a.D.State == "" {
		p.t.Errorf("payment.create: %+v", a)
		return
	}
	p.at(createAnswered)
	if p.bank != nil {
		p.notified()
	} else {
		p.call(confirmSent, "payment.confirm", newID(), fmt.Sprintf(`{"payment":%q}`, p.payment))
		p.at(confirmAnswered)
	}
	p.until("the bill is credited", func() bool {
		b, err := p.bill()
		return err == nil && b.State == "accepted"
	})
	p.at(credited)
	p.call("", "item.bump", newID(), fmt.Sprintf(`{"order":%q,"station":"wok"}`, p.order))
	p.call(closeSent, "order.hand_off", newID(), fmt.Sprintf(`{"order":%q,"to":"guest"}`, p.order))
	p.at(closed)
}

// notified pays outside, and has the provider tell of it until it is told that it was
// heard, and then once more.
func (p *payer) notified() {
	p.until("it is paid outside", func() bool { return p.bank.Pay(p.payment) || p.bank.Charge(p.payment).State == "paid" })
	for range 2 {
		p.until("the notification is taken", func() bool {
			status, err := p.bank.Notify(p.sending(notificationSent), p.node.Load().url+"/v1/payments/"+p.bank.Name+"/notify", p.payment)
			return err == nil && status == http.StatusOK
		})
		p.at(notificationTaken)
	}
}

// TestMoneySurvivesKills kills the node at every step of create, provider, notification,
// credit and close, while others are at other steps. Afterwards there is one charge for
// each payment, and the provider's books, the orders' and the day's are the same.
func TestMoneySurvivesKills(t *testing.T) {
	t.Parallel()
	for _, provider := range []string{"cash", "terminal", "stripe", "wechat", "alipay"} {
		t.Run(provider, func(t *testing.T) {
			if *runs > 0 {
				onBoth(t, func(t *testing.T, start func(*testing.T) *node) { moneySurvives(t, provider, *runs/2, start) })
				return
			}
			data := t.TempDir()
			moneySurvives(t, provider, 0, func(t *testing.T) *node { return startNode(t, data) })
		})
	}
}

func moneySurvives(t *testing.T, provider string, runs int, start func(*testing.T) *node) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute+time.Duration(runs)*20*time.Second)
	defer cancel()
	s := &shop{t: t, provider: provider, ctx: ctx, deaths: make(chan chan struct{})}
	steps := stepsInside
	first := start(t)
	args := first.args
	if provider != "cash" && provider != "terminal" {
		s.bank, steps = fake.New(provider), stepsOutside
		defer s.bank.Close()
		args = append(args, "--payments", fake.Write(t, s.bank))
		first.kill()
		first = startNode(t, first.data, args...)
	}
	s.node.Store(first)
	s.token = first.token
	(&payer{shop: s}).call("", "stock.count", newID(), `{"dish":"mapo-tofu","unlimited":true}`)

	const atOnce = 8
	all := make([]*payer, max(runs, len(steps)))
	next := make(chan *payer, len(all))
	for i := range all {
		all[i] = &payer{shop: s, order: newID(), payment: newID(), step: steps[i%len(steps)]}
		next <- all[i]
	}
	close(next)
	var payers sync.WaitGroup
	for range atOnce {
		payers.Go(func() {
			for p := range next {
				p.buy()
			}
		})
	}
	done := make(chan struct{})
	go func() { payers.Wait(); close(done) }()
	kills := 0
	for buying := true; buying; {
		select {
		case <-done:
			buying = false
		case up := <-s.deaths:
			s.node.Load().kill()
			kills++
			s.node.Store(startNode(t, first.data, args...))
			close(up)
		}
	}
	if ctx.Err() != nil {
		t.Fatalf("%d kills of %d in the time there was", kills, len(all))
	}
	if kills != len(all) {
		t.Errorf("%d kills for %d runs", kills, len(all))
	}
	charges, doubled, unbalanced := s.balance(all)
	t.Logf("%s: %d runs, %d kills, %d charges, %d doubled, %d unbalanced", t.Name(), len(all), kills, charges, doubled, unbalanced)
	if charges != len(all) || doubled+unbalanced > 0 {
		t.Errorf("%d charges for %d payments", charges, len(all))
	}
	last := s.node.Load()
	last.args = first.args[:0:0]
	if i := len(first.args); i >= 2 && first.args[0] == "--database-url" {
		last.args = first.args[:2]
	}
	last.verify()
}

// balance holds the provider's ledger, the orders' bills and the day's takings to one
// another. Where the staff take the money, the day's takings are the ledger.
func (s *shop) balance(all []*payer) (charges, doubled, unbalanced int) {
	var booked int64
	for _, p := range all {
		b, err := p.bill()
		if err != nil || b.State != "closed" || b.Payment != "paid" || b.Paid != p.total || b.Total != b.Paid-b.Refunded {
			s.t.Errorf("%s: %+v %v", p.order, b, err)
			unbalanced++
		}
		booked += b.Paid - b.Refunded
	}
	var days struct {
		Items []struct {
			Sales     int64
			Providers []struct {
				Provider string
				Payments int
				Amount   int64
			}
		}
	}
	if err := s.try(s.ctx, "GET", "/reports/days", "", nil, &days); err != nil || len(days.Items) != 1 || len(days.Items[0].Providers) != 1 {
		s.t.Errorf("%+v %v", days, err)
		return 0, 0, unbalanced + 1
	}
	took := days.Items[0].Providers[0]
	if took.Provider != s.provider || took.Amount != booked || days.Items[0].Sales != booked {
		s.t.Errorf("the day has %+v, the bills %d", days, booked)
		unbalanced++
	}
	if s.bank == nil {
		return took.Payments, max(0, took.Payments-len(all)), unbalanced
	}
	var charged int64
	for _, p := range all {
		n := 0
		for _, c := range s.bank.Charges() {
			switch {
			case c.ID != p.payment:
			case c.State != "paid" || c.Amount != p.total || len(c.Refunds) > 0:
				s.t.Errorf("%+v", c)
				unbalanced++
			default:
				charged += c.Amount
				n++
			}
		}
		charges += n
		doubled += max(0, n-1)
	}
	if charged != booked {
		s.t.Errorf("the provider has %d, the bills say %d", charged, booked)
		unbalanced++
	}
	return charges, doubled, unbalanced
}
