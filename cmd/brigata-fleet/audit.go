package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/stock"
	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/cmd/brigata/client"
	"github.com/brigata/brigata/gateway/boards"
	"github.com/brigata/brigata/gateway/feed"
	"github.com/brigata/brigata/persistence/postgres"
)

// ledger is what the database's log folds to, with nobody at work.
type ledger struct {
	boards *boards.Boards
	values map[string]*store.Today
	orders map[string]*order.View // store/id
	stocks map[string]*stock.View // store/dish/name
}

// read folds every log of the database. The load must rest.
func read(ctx context.Context, url string, stores []string) (*ledger, error) {
	j, err := postgres.Read(ctx, url)
	if err != nil {
		return nil, err
	}
	defer j.Close()
	l := &ledger{values: map[string]*store.Today{}, orders: map[string]*order.View{}, stocks: map[string]*stock.View{}}
	l.boards = boards.New(boards.Config{Epoch: "audit", Now: time.Now, Today: func(s string) *store.Today { return l.values[s] },
		Read: func(_ string, _ command.Target, got func(actors.Answer)) { got(actors.Answer{}) }})
	a := actors.Archive{Journal: j}
	for _, s := range stores {
		if l.values[s], err = a.Today(ctx, s); err != nil {
			return nil, err
		}
		views, err := a.Live(ctx, s)
		if err != nil {
			return nil, err
		}
		l.take(views)
	}
	return l, nil
}

func (l *ledger) take(views []actors.View) {
	l.boards.Publish(views)
	for _, v := range views {
		switch x := v.View.(type) {
		case *order.View:
			l.orders[v.Store+"/"+x.ID] = x
		case *stock.View:
			l.stocks[v.Store+"/"+x.ID] = x
		}
	}
}

// check holds the log to what clients were told: every order that was acknowledged is
// there, once, under its number, and no dish gave more than it had.
func (l *ledger) check(h *history) (lost, twice, oversold []string) {
	numbers, taken := map[string]string{}, map[string]int64{}
	for key, o := range l.orders {
		storeID, _, _ := strings.Cut(key, "/")
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
		if s.Mode == stock.Counted && s.Left < 0 || s.Taken > s.Counted {
			oversold = append(oversold, fmt.Sprintf("%s: %d of %d", key, s.Taken, s.Counted))
		}
	}
	return lost, twice, oversold
}

// topics are what is compared: what does not change with time alone.
var topics = []string{"kitchen.all", "stock"}

// expected is what a topic must show.
func (l *ledger) expected(storeID, topic string) string {
	kind, id, _ := strings.Cut(topic, ".")
	asks := []boards.Ask{{Store: storeID, Kind: kind, ID: id}}
	var state []byte
	l.boards.Subscribe(&boards.Client{Push: func(*feed.Frame) {}, End: func(string, string, string) {}}, asks, func() {
		if asks[0].Got != nil {
			state = append(asks[0].Got.AppendState([]byte("{"), "", 0), '}')
		}
	})
	var in struct{ D []json.RawMessage }
	if json.Unmarshal(state, &in) != nil {
		return "?"
	}
	return shown(in.D)
}

// shown is the entities of a topic by key, whatever their sequence.
func shown(elements []json.RawMessage) string {
	all := map[string]any{}
	for _, b := range elements {
		var e struct {
			K string
			D any
		}
		if json.Unmarshal(b, &e) == nil {
			all[e.K] = e.D
		}
	}
	b, _ := json.Marshal(all)
	return string(b)
}

// compareIn is how long boards have to be right after everything is whole again.
const compareIn = 5 * time.Second

// compare waits until every node shows of some stores what the log says, and returns how
// long that took, and the topics that never did.
func (l *ledger) compare(ctx context.Context, f *fleet, stores []string) (time.Duration, []string) {
	began := time.Now()
	var wrong []string
	for {
		wrong = wrong[:0]
		for _, n := range f.nodes {
			wrong = append(wrong, l.differs(ctx, f, n, stores)...)
		}
		if len(wrong) == 0 || time.Since(began) > compareIn || ctx.Err() != nil {
			return time.Since(began), wrong
		}
		time.Sleep(100 * time.Millisecond)
	}
}

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
		for _, t := range topics {
			name := t
			if len(stores) > 1 {
				name = s + "/" + t
			}
			got, _, err := c.Subscribe(ctx, client.Sub{T: name})
			switch {
			case err != nil:
				wrong = append(wrong, fmt.Sprintf("%s %s: %v", n.name, name, err))
			case got[0].Err != nil:
				wrong = append(wrong, fmt.Sprintf("%s %s: %v", n.name, name, got[0].Err))
			case shown(got[0].D) != l.expected(s, t):
				wrong = append(wrong, fmt.Sprintf("%s %s differs", n.name, name))
			}
		}
	}
	return wrong
}
