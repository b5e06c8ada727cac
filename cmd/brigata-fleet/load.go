package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/cmd/brigata/client"
	"github.com/brigata/brigata/gateway/auth"
)

// dish is what every order of the load wants: it runs out, and comes back.
const dish = "kung-pao-chicken"

const (
	// attemptIn is how long a client waits before it asks another node.
	attemptIn = 1500 * time.Millisecond
	// settleIn is how long it goes on with a command once the load has ended.
	settleIn = 40 * time.Second
	stocked  = 12 // portions at first
	restock  = 5
	// paid is what a payment is of, in minor units: a table's bill takes many.
	paid = 100
)

func (f *fleet) token(user, role string, stores ...string) (string, error) {
	return f.keys.Issue(auth.Subject(user, user, stores, command.Role(role)), time.Now(), time.Hour)
}

// load is a few clients per store, each on a socket to some node: they place orders, mark
// them urgent and not, read them back from yet another node, pay in cash, and repeat what
// was answered already.
type load struct {
	fleet   *fleet
	every   time.Duration
	history history
	all     []*worker

	paused  atomic.Bool
	givesUp atomic.Bool
	ctx     context.Context
	cancel  context.CancelFunc
	workers sync.WaitGroup
	busy    atomic.Int64
}

// worker is a client. It belongs to its goroutine.
type worker struct {
	*load
	store, token string
	client       int
	at           int // node that it is connected with
	counts       bool
	counted      chan struct{} // closed when the store's dish has been counted
	conn         *client.Conn
	left         *atomic.Bool // the node said bye, or closed the socket
	order, table string
	rush         bool
}

func startLoad(f *fleet, stores []string, clients int, every time.Duration) (*load, error) {
	l := &load{fleet: f, every: every}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	for i := range len(stores) * clients {
		s := stores[i/clients]
		token, err := f.token(fmt.Sprintf("load-%d", i), "manager", s)
		if err != nil {
			return nil, err
		}
		w := &worker{load: l, store: s, token: token, client: i, at: i % len(f.nodes), counts: i%clients == 0}
		if w.counts {
			w.counted = make(chan struct{})
		} else {
			w.counted = l.all[i-1].counted
		}
		l.all = append(l.all, w)
	}
	for _, w := range l.all {
		l.workers.Go(w.run)
	}
	return l, nil
}

// pause has every client end what it does and wait. What is not answered by then is given
// up, and its outcome counts as unknown.
func (l *load) pause() {
	l.paused.Store(true)
	for end := time.Now().Add(settleIn); l.busy.Load() > 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			l.givesUp.Store(true)
		}
	}
}

func (l *load) stop() {
	l.cancel()
	l.workers.Wait()
}

func (w *worker) run() {
	defer func() {
		if w.conn != nil {
			w.conn.Close()
		}
	}()
	if w.counts {
		w.count()
		close(w.counted)
	}
	select {
	case <-w.counted:
	case <-w.ctx.Done():
		return
	}
	for n := 0; w.ctx.Err() == nil; n++ {
		if !w.paused.Load() {
			w.busy.Add(1)
			if !w.paused.Load() {
				w.step(n)
			}
			w.busy.Add(-1)
		}
		select {
		case <-time.After(w.every/2 + mathrand.N(w.every)):
		case <-w.ctx.Done():
		}
	}
}

func (w *worker) count() {
	w.busy.Add(1)
	defer w.busy.Add(-1)
	if a := w.do("stock.count", fmt.Sprintf(`{"dish":%q,"qty":%d}`, dish, stocked)); a.ok {
		w.history.add(w.client, w.store+"/"+dish, stockOp{kind: "count", qty: stocked}, a)
	}
}

func (w *worker) step(n int) {
	switch {
	case w.order == "" || n%2 == 0:
		w.place(n)
	case n%8 == 7:
		w.pay()
	default:
		w.rush = !w.rush
		order := w.order
		var read sync.WaitGroup
		read.Go(func() { w.read(order) }) // at the same time, from another node
		a := w.do("order.rush", fmt.Sprintf(`{"order":%q,"on":%t}`, order, w.rush))
		w.history.add(w.client, w.store+"/"+order, orderOp{kind: "rush", on: w.rush}, a)
		read.Wait()
	}
}

func (w *worker) place(n int) {
	table := fmt.Sprintf("T%02d", 1+n%20)
	d := fmt.Sprintf(`{"type":"dine_in","table":%q,"lines":[{"id":"1","dish":%q,"qty":1}]}`, table, dish)
	a := w.do("order.place", d)
	w.history.add(w.client, w.store+"/"+dish, stockOp{kind: "take", qty: 1}, a)
	switch {
	case a.ok:
		w.order, w.table, w.rush = a.cid, table, false
		w.history.placed(w.store, a)
		w.history.add(w.client, w.store+"/"+a.cid, orderOp{kind: "place"}, a)
	case a.code == "sold_out":
		a := w.do("stock.restock", fmt.Sprintf(`{"dish":%q,"qty":%d}`, dish, restock))
		w.history.add(w.client, w.store+"/"+dish, stockOp{kind: "restock", qty: restock}, a)
	}
	if a.known && n%16 == 0 { // as after a lost answer; by then perhaps to another owner
		w.elsewhere()
		w.history.repeated(w.store, a, w.repeat("order.place", a.cid, d))
	}
}

// pay pays some of a table's bill; cash of the staff's is there at once.
func (w *worker) pay() {
	d := fmt.Sprintf(`{"table":%q,"provider":"cash","amount":%d}`, w.table, paid)
	a := w.do("payment.create", d)
	if a.ok { // the waiter has the money in hand
		if w.do("payment.confirm", fmt.Sprintf(`{"payment":%q}`, a.cid)).ok {
			w.history.paid(w.store, a.cid)
		}
	}
	if a.known {
		w.elsewhere()
		w.history.repeated(w.store, a, w.repeat("payment.create", a.cid, d))
	}
}

// read reads the order once, over REST, wherever.
func (w *worker) read(order string) {
	ctx, cancel := context.WithTimeout(w.ctx, attemptIn)
	defer cancel()
	a := answer{call: w.history.now()}
	n := w.fleet.nodes[mathrand.N(len(w.fleet.nodes))]
	b, err := w.fleet.call(ctx, n, "GET", "/v1/stores/"+w.store+"/orders/"+order, w.token, nil)
	a.back = w.history.now()
	var bad *answered
	var o struct{ Rush bool }
	switch {
	case errors.As(err, &bad) && bad.status == 404:
		w.history.add(1_000_000+w.client, w.store+"/"+order, orderOp{kind: "read"}, a)
	case err == nil && json.Unmarshal(b, &o) == nil:
		a.ok = true
		w.history.add(1_000_000+w.client, w.store+"/"+order, orderOp{kind: "read", on: o.Rush}, a)
	}
}

// answer is what became of a command, and when.
type answer struct {
	cid        string
	ok, known  bool
	code       string
	d          json.RawMessage
	call, back time.Duration
	failed     int // tries before the one that was answered
}

// do executes a command until it is answered, on whatever node answers, under one id.
func (w *worker) do(name, d string) answer { return w.repeat(name, newID(), d) }

// repeat does it under an id that may have been used.
func (w *worker) repeat(name, cid, d string) answer {
	a := answer{cid: cid, call: w.history.now()}
	defer func() { w.history.took(w.store, &a) }()
	for ; ; a.failed++ {
		if w.givesUp.Load() || w.ctx.Err() != nil {
			a.back = w.history.now()
			return a // unknown
		}
		m, err := w.try(name, a.cid, d)
		switch {
		case err != nil:
			w.elsewhere()
			continue
		case m.Err != nil && m.Err.Retry:
			w.history.refused(m.Err.Code)
			time.Sleep(min(time.Duration(m.Err.AfterMS)*time.Millisecond, 100*time.Millisecond))
			continue
		case m.Err != nil:
			a.code, a.known = m.Err.Code, true
		default:
			a.ok, a.known = true, true
			var ok struct{ D json.RawMessage }
			if json.Unmarshal(m.OK, &ok) == nil {
				a.d = ok.D
			}
		}
		a.back = w.history.now()
		return a
	}
}

func (w *worker) try(name, cid, d string) (client.Message, error) {
	ctx, cancel := context.WithTimeout(context.Background(), attemptIn)
	defer cancel()
	if w.conn != nil && w.left.Load() { // as told: it is no failure
		w.elsewhere()
	}
	if w.conn == nil {
		w.balance()
		c, err := client.Dial(ctx, w.fleet.nodes[w.at].url(), w.token, fmt.Sprintf("load-%d", w.client))
		if err != nil {
			return client.Message{}, err
		}
		w.conn, w.left = c, new(atomic.Bool)
		go func(left *atomic.Bool) {
			for m := range c.Pushes() {
				if m.Bye != nil {
					left.Store(true)
				}
			}
			left.Store(true)
		}(w.left)
	}
	return w.conn.Command(ctx, name, cid, json.RawMessage(d), false)
}

// elsewhere gives the connection up for one to the next node.
func (w *worker) elsewhere() {
	if w.conn != nil {
		go w.conn.Close() // a dead peer's takes its time
		w.conn = nil
	}
	w.at = (w.at + 1) % len(w.fleet.nodes)
	time.Sleep(10 * time.Millisecond)
}

// balance passes over nodes that a load balancer would.
func (w *worker) balance() {
	for range w.fleet.nodes {
		if !w.fleet.nodes[w.at].away.Load() {
			return
		}
		w.at = (w.at + 1) % len(w.fleet.nodes)
	}
}

// newID mints a UUIDv7.
func newID() string {
	var id [16]byte
	_, _ = rand.Read(id[6:])
	ms := uint64(time.Now().UnixMilli())
	binary.BigEndian.PutUint32(id[:4], uint32(ms>>16))
	binary.BigEndian.PutUint16(id[4:6], uint16(ms))
	id[6], id[8] = id[6]&0x0f|0x70, id[8]&0x3f|0x80
	h := hex.EncodeToString(id[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
