package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime/pprof"
	"strings"
	"sync"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/journal"
	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/stock"
	"github.com/brigata/brigata/persistence/postgres"
	"github.com/brigata/brigata/persistence/sqlite"
)

// profile writes the CPU profile of that time, and beside it, as file.allocs, what was
// allocated since the start.
func profile(file string, took time.Duration) {
	f, err := os.Create(file)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	defer f.Close()
	if err := pprof.StartCPUProfile(f); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	time.Sleep(took)
	pprof.StopCPUProfile()
	allocs, err := os.Create(file + ".allocs")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return
	}
	defer allocs.Close()
	if err := pprof.Lookup("allocs").WriteTo(allocs, 0); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

// repeats sends orders again (I4): the answer must be the first one, marked as a repeat.
func (w *workload) repeats(addr string, a *acked) error {
	sockets := map[string]*socket{}
	defer func() {
		for _, s := range sockets {
			s.conn.Close()
		}
	}()
	for _, x := range a.sample {
		s := sockets[x.store]
		if s == nil {
			var err error
			if s, err = dial(addr); err != nil {
				return err
			}
			sockets[x.store] = s
			if err := s.login(w.token(x.store, "manager"), "audit-"+x.store); err != nil {
				return err
			}
		}
		p, err := s.ask(x.frame)
		if err != nil {
			return err
		}
		if no, ok := placedNo(p); !ok || no != x.no || !strings.Contains(string(p), `"dup":true`) {
			return fmt.Errorf("I4: an order was answered with number %d, its repeat with %s", x.no, p)
		}
	}
	return nil
}

// audit opens what the server left in its database and holds it to the invariants:
// I1 nothing is oversold, I2 what was acknowledged is there, I3 each order has one
// fate and one number, I5 reservations and orders match exactly.
func audit(ctx context.Context, url, file string, a *acked) error {
	var j journal.Journal
	var err error
	if url != "" {
		j, err = postgres.Open(ctx, postgres.Config{URL: url, Node: "audit"})
	} else {
		j, err = sqlite.Open(file)
	}
	if err != nil {
		return err
	}
	defer j.Close()
	f := &found{orders: map[string]*order.View{}, stocks: map[string]*stock.View{}}
	n, err := actors.NewNode(actors.Config{Journal: j, Publish: f.take, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer n.Stop(ctx)
	cells, err := j.Cells(ctx)
	if err != nil {
		return err
	}
	for _, c := range cells {
		if err := n.Open(ctx, c); err != nil {
			return err
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.check(a)
}

type found struct {
	mu     sync.Mutex
	orders map[string]*order.View // store/id
	stocks map[string]*stock.View // store/dish
}

func (f *found) take(views []actors.View) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, v := range views {
		switch x := v.View.(type) {
		case *order.View:
			f.orders[v.Store+"/"+x.ID] = x
		case *stock.View:
			f.stocks[v.Store+"/"+strings.TrimPrefix(x.ID, "dish/")] = x
		}
	}
}

func (f *found) check(a *acked) error {
	numbers := map[string]string{}
	taken := map[string]int64{}
	for key, o := range f.orders {
		store, _, _ := strings.Cut(key, "/")
		no := fmt.Sprint(store, "/", o.Date, "/", o.No)
		if other := numbers[no]; other != "" {
			return fmt.Errorf("I3: %s and %s have the number %s", key, other, no)
		}
		numbers[no] = key
		if o.State != order.Accepted {
			return fmt.Errorf("I3: order %s is %s", key, o.State)
		}
		for _, l := range o.Lines {
			taken[store+"/"+l.Dish] += int64(l.Qty)
		}
	}
	for key, no := range a.orders {
		o := f.orders[key]
		if o == nil {
			return fmt.Errorf("I2: order %s was acknowledged and is not in the log", key)
		}
		if o.No != no {
			return fmt.Errorf("I4: order %s was acknowledged as %d and is %d", key, no, o.No)
		}
	}
	for key, s := range f.stocks {
		if s.Taken > s.Counted {
			return fmt.Errorf("I1: %s: %d of %d taken", key, s.Taken, s.Counted)
		}
		if s.Taken != taken[key] {
			return fmt.Errorf("I5: %s: %d taken, orders have %d", key, s.Taken, taken[key])
		}
	}
	return nil
}
