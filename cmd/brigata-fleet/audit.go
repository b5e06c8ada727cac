package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/journal"
	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/stock"
	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/actors/table"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/cmd/brigata/client"
	"github.com/brigata/brigata/gateway/boards"
	"github.com/brigata/brigata/gateway/feed"
	"github.com/brigata/brigata/persistence/postgres"
)

// ledger is what the database's log folds to, with nobody at work.
type ledger struct {
	boards   *boards.Boards
	values   map[string]*store.Today
	orders   map[string]*order.View // store/id
	stocks   map[string]*stock.View // store/dish/name
	tables   map[string]*table.View // store/id
	owed     []string               // store/kind/id of entities that owe something
	shows    map[[2]string]string   // store and topic: as it must be shown
	stations map[string][]string    // by store
}

func newLedger() *ledger {
	l := &ledger{values: map[string]*store.Today{}, orders: map[string]*order.View{}, stocks: map[string]*stock.View{}, tables: map[string]*table.View{},
		shows: map[[2]string]string{}, stations: map[string][]string{}}
	l.boards = boards.New(boards.Config{Epoch: "audit", Now: time.Now, Today: func(s string) *store.Today { return l.values[s] },
		Read: func(_ string, _ command.Target, got func(actors.Answer)) { got(actors.Answer{}) }})
	return l
}

// read folds every log of the database. The load must rest.
func read(ctx context.Context, url string, stores []string) (*ledger, error) {
	j, err := postgres.Read(ctx, url)
	if err != nil {
		return nil, err
	}
	defer j.Close()
	l := newLedger()
	a := actors.Archive{Journal: j}
	for _, s := range stores {
		if l.values[s], err = a.Today(ctx, s); err != nil {
			return nil, err
		}
		for _, x := range l.values[s].Config.Stations {
			l.stations[s] = append(l.stations[s], x.ID)
		}
		views, err := a.Live(ctx, s)
		if err != nil {
			return nil, err
		}
		l.take(views)
		if err := l.owes(ctx, j, s); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// blocksMax bounds what is read of one log.
const blocksMax = 100_000

// owes folds each log of a store from its beginning, and notes who owes something.
func (l *ledger) owes(ctx context.Context, j journal.Journal, storeID string) error {
	var keys []journal.Key
	err := j.Known(ctx, storeID, time.Time{}, func(k journal.Key) error {
		keys = append(keys, k)
		return nil
	})
	if err != nil {
		return err
	}
	for _, k := range keys {
		rows, err := j.Log(ctx, k, 1, blocksMax)
		if err != nil || len(rows) == 0 {
			return err
		}
		f, err := actors.NewFold(rows[0].Kind)
		if err != nil {
			return err
		}
		for i := range rows {
			turns, err := wire.DecodeBlock(rows[i].Payload)
			if err != nil {
				return err
			}
			for t := range turns {
				f.Turn(&turns[t])
			}
		}
		if owes := f.Owes(); len(owes) > 0 {
			l.owed = append(l.owed, fmt.Sprintf("%s/%s/%s owes %T to %s/%s", storeID, f.Kind, f.ID, owes[0].Do, owes[0].To.Kind, owes[0].To.ID))
		}
	}
	return nil
}

func (l *ledger) take(views []actors.View) {
	l.boards.Publish(views)
	for _, v := range views {
		switch x := v.View.(type) {
		case *order.View:
			l.orders[v.Store+"/"+x.ID] = x
		case *stock.View:
			l.stocks[v.Store+"/"+x.ID] = x
		case *table.View:
			l.tables[v.Store+"/"+x.ID] = x
		}
	}
}

// check holds the log to what clients were told, and to itself: I1, I2, I3, I4, I5, I7, I8
// and I11 at rest.
func (l *ledger) check(h *history, r *result) {
	var lost, twice, oversold, owed []string
	numbers, taken := map[string]string{}, map[string]int64{}
	for key, o := range l.orders {
		storeID, _, _ := strings.Cut(key, "/")
		if o.State == order.Submitted {
			owed = append(owed, key+" is not answered")
		}
		if o.State == order.Refused || o.No == 0 {
			continue
		}
		no := fmt.Sprint(storeID, "/", o.Date, "/", o.No)
		if other := numbers[no]; other != "" {
			twice = append(twice, key+" and "+other)
		}
		numbers[no] = key
		for _, x := range o.Lines {
			taken[storeID+"/dish/"+x.Dish] += int64(x.Qty)
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for key, no := range h.orders {
		if o := l.orders[key]; o == nil || o.No != no {
			lost = append(lost, key)
		}
	}
	for key, s := range l.stocks {
		if s.Mode != stock.Counted {
			continue
		}
		if s.Left < 0 || s.Taken > s.Counted {
			oversold = append(oversold, fmt.Sprintf("%s: %d of %d", key, s.Taken, s.Counted))
		}
		if s.Taken != taken[key] {
			owed = append(owed, fmt.Sprintf("%s: %d are taken, its orders have %d", key, s.Taken, taken[key]))
		}
	}
	charged, bills, unpaid := l.money(h.payments)
	r.found("I1", oversold)
	r.found("I2", append(lost, unpaid...))
	r.found("I3", twice)
	r.found("I4", h.differ)
	r.found("I5", append(owed, l.owed...))
	r.found("I7", l.tickets())
	r.found("I8", charged)
	r.found("I11", bills)
}

// money returns the payments that are in two bills or twice in one, the bills that do not
// add up, and the acknowledged payments that are in none.
func (l *ledger) money(acknowledged map[string]bool) (charged, bills, lost []string) {
	seen := map[string]bool{}
	for key, t := range l.tables {
		if t.Bill == nil {
			continue
		}
		storeID, _, _ := strings.Cut(key, "/")
		var sum, back int64
		for _, p := range t.Bill.Payments {
			if p.State != "succeeded" {
				continue
			}
			if id := storeID + "/" + p.ID; seen[id] {
				charged = append(charged, id)
			} else {
				seen[id] = true
			}
			sum, back = sum+p.Amount, back+p.Refunded
		}
		if t.Bill.Paid != sum || t.Bill.Refunded != back || t.Bill.Due != t.Bill.Total-sum+back {
			bills = append(bills, fmt.Sprintf("%s: paid %d, payments %d, due %d of %d", key, t.Bill.Paid, sum, t.Bill.Due, t.Bill.Total))
		}
	}
	for id := range acknowledged {
		if !seen[id] {
			lost = append(lost, "payment "+id)
		}
	}
	return charged, bills, lost
}

// tickets lists the fired items that are not on the kitchen's board exactly once.
func (l *ledger) tickets() (wrong []string) {
	fired := map[string]bool{} // store/order/item, with its fire_seq
	name := func(storeID, orderID, item string, seq int) string {
		return fmt.Sprintf("%s/%s/%s fired %d", storeID, orderID, item, seq)
	}
	for key, o := range l.orders {
		storeID, _, _ := strings.Cut(key, "/")
		if o.State != order.Accepted {
			continue
		}
		for _, line := range o.Lines {
			for _, i := range line.Items {
				if i.FireSeq > 0 && i.State != order.Held {
					fired[name(storeID, o.ID, i.ID, i.FireSeq)] = true
				}
			}
		}
	}
	for storeID := range l.values {
		var tickets map[string]struct {
			Order string
			Items []struct {
				ID      string
				FireSeq int `json:"fire_seq"`
			}
		}
		if json.Unmarshal([]byte(l.expected(storeID, "kitchen.all")), &tickets) != nil {
			wrong = append(wrong, storeID+": no board")
		}
		for _, t := range tickets {
			for _, i := range t.Items {
				n := name(storeID, t.Order, i.ID, i.FireSeq)
				if !fired[n] {
					wrong = append(wrong, n)
				}
				delete(fired, n)
			}
		}
	}
	for n := range fired {
		wrong = append(wrong, n+", on no ticket")
	}
	return wrong
}

// topics lists what is compared of a store.
func (l *ledger) topics(storeID string) []string {
	all := []string{"kitchen.all", "dispatch", "floor", "stock", "menu"}
	for _, s := range l.stations[storeID] {
		all = append(all, "kitchen."+s)
	}
	return all
}

// expected is what a topic must show.
func (l *ledger) expected(storeID, topic string) string {
	at := [2]string{storeID, topic}
	if is, ok := l.shows[at]; ok {
		return is
	}
	kind, id, _ := strings.Cut(topic, ".")
	asks := []boards.Ask{{Store: storeID, Kind: kind, ID: id}}
	var state []byte
	l.boards.Subscribe(&boards.Client{Push: func(*feed.Frame) bool { return false }, End: func(string, string, string) {}}, asks, func() {
		if asks[0].Got != nil {
			state = append(asks[0].Got.AppendState([]byte("{"), "", 0), '}')
		}
	})
	var in struct{ D []json.RawMessage }
	is := "?"
	if json.Unmarshal(state, &in) == nil {
		is = shown(in.D)
	}
	l.shows[at] = is
	return is
}

// shown is the entities of a topic by key, whatever their sequence, and whatever the time:
// whether a table is late changes while boards are looked at. Tests of gateway/boards hold
// to that.
func shown(elements []json.RawMessage) string {
	all := map[string]any{}
	for _, b := range elements {
		var e struct {
			K string
			D any
		}
		if json.Unmarshal(b, &e) != nil {
			continue
		}
		if row, ok := e.D.(map[string]any); ok && strings.HasPrefix(e.K, "table/") {
			delete(row, "late")
		}
		all[e.K] = e.D
	}
	b, _ := json.Marshal(all)
	return string(b)
}

const (
	// compareIn is how long boards have to be right after everything is whole again.
	compareIn = 5 * time.Second
	// together is how many stores are looked at over one connection.
	together = 4
)

// compare waits until every node shows of every store what the log says, and the screens
// too, and returns how long that took, and what never was right.
func (l *ledger) compare(ctx context.Context, f *fleet, stores []string, x *screens) (took time.Duration, boards, feeds []string) {
	for _, s := range stores { // made once, before the clock runs
		for _, t := range l.topics(s) {
			l.expected(s, t)
		}
	}
	began := time.Now()
	var left []*look
	for _, n := range f.nodes {
		for some := range slices.Chunk(stores, together) {
			left = append(left, &look{node: n, stores: some})
		}
	}
	for {
		boards, feeds = boards[:0], feeds[:0]
		l.look(ctx, f, left)
		left = slices.DeleteFunc(left, func(p *look) bool { return len(p.wrong) == 0 })
		for _, p := range left {
			boards = append(boards, p.wrong...)
		}
		for _, s := range x.all {
			if d := s.differs(l); d != "" {
				feeds = append(feeds, d)
			}
		}
		if len(boards)+len(feeds) == 0 || time.Since(began) > compareIn || ctx.Err() != nil {
			return time.Since(began), boards, feeds
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// look is some stores on a node, and what was wrong there last.
type look struct {
	node   *node
	stores []string
	wrong  []string
}

// looks is how many are under way at a time.
const looks = 6

func (l *ledger) look(ctx context.Context, f *fleet, all []*look) {
	var tasks sync.WaitGroup
	gate := make(chan struct{}, looks)
	for _, p := range all {
		gate <- struct{}{}
		tasks.Go(func() {
			p.wrong = l.differs(ctx, f, p.node, p.stores)
			<-gate
		})
	}
	tasks.Wait()
}

// differs lists what a node shows of some stores otherwise than the log.
func (l *ledger) differs(ctx context.Context, f *fleet, n *node, stores []string) (wrong []string) {
	ctx, cancel := context.WithTimeout(ctx, compareIn)
	defer cancel()
	token, err := f.token("audit", "manager", stores...)
	if err != nil {
		return []string{err.Error()}
	}
	c, err := client.Dial(ctx, n.url(), token, "")
	if err != nil {
		return []string{n.name + ": " + err.Error()}
	}
	defer c.Close()
	go func() { // nobody reads the pushes
		for range c.Pushes() {
		}
	}()
	for _, s := range stores {
		var subs []client.Sub
		for _, t := range l.topics(s) {
			if len(stores) > 1 {
				t = s + "/" + t
			}
			subs = append(subs, client.Sub{T: t})
		}
		got, _, err := c.Subscribe(ctx, subs...)
		if err != nil {
			return append(wrong, fmt.Sprintf("%s %s: %v", n.name, s, err))
		}
		for i, t := range l.topics(s) {
			switch {
			case got[i].Err != nil:
				wrong = append(wrong, fmt.Sprintf("%s %s: %v", n.name, subs[i].T, got[i].Err))
			case shown(got[i].D) != l.expected(s, t):
				wrong = append(wrong, fmt.Sprintf("%s %s differs", n.name, subs[i].T))
			}
		}
	}
	return wrong
}
