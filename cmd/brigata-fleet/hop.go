package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/brigata/brigata/cluster/cells"
	"github.com/brigata/brigata/cmd/brigata/client"
)

// Hop measures what it costs that a socket is on another node than its store.
type Hop struct {
	Shared
	Orders int `help:"How many of each, one after the other." default:"1000"`
}

// Run places orders through one node for a store of its own and for one of another's, by
// turns, and prints the times of both.
func (h *Hop) Run(ctx context.Context) error {
	f, err := newFleet(h.Shared, layout{port: 18081, gossip: gossipPort})
	if err != nil {
		return err
	}
	defer f.stop()
	var names []string
	for i, n := range f.nodes {
		if err := f.start(ctx, i); err != nil {
			return err
		}
		names = append(names, n.name)
	}
	stores := numbered(30)
	if err := f.load(ctx, stores); err != nil {
		return err
	}
	conns, err := sides(ctx, f, stores, names)
	if err != nil {
		return err
	}
	return h.measure(ctx, conns)
}

// sides connects with the first node for one of its own stores and for one of another's.
func sides(ctx context.Context, f *fleet, stores, names []string) (conns [2]*client.Conn, err error) {
	for _, s := range stores {
		at := &conns[1]
		if cells.Preferred(s, names) == f.nodes[0].name {
			at = &conns[0]
		}
		if *at != nil {
			continue
		}
		token, err := f.token("hop-"+s, "manager", s)
		if err != nil {
			return conns, err
		}
		if *at, err = client.Dial(ctx, f.nodes[0].url(), token, ""); err != nil {
			return conns, err
		}
		for _, dish := range []string{"mapo-tofu", "cold-noodles"} {
			if err := must(ctx, *at, "stock.count", fmt.Sprintf(`{"dish":%q,"unlimited":true}`, dish)); err != nil {
				return conns, err
			}
		}
	}
	if conns[0] == nil || conns[1] == nil {
		return conns, errors.New("all stores are on one side: give more --nodes")
	}
	return conns, nil
}

// must does a command.
func must(ctx context.Context, c *client.Conn, name, d string) error {
	m, err := c.Command(ctx, name, newID(), json.RawMessage(d), false)
	if err == nil && m.Err != nil {
		err = m.Err
	}
	return err
}

// measure places orders on both by turns.
func (h *Hop) measure(ctx context.Context, conns [2]*client.Conn) error {
	for _, c := range conns {
		defer c.Close()
	}
	var took [2][]time.Duration
	for n := range h.Orders + warmUp {
		for turn := range conns {
			i := (n + turn) % 2 // whoever comes second finds everything warm
			c := conns[i]
			d := fmt.Sprintf(`{"type":"dine_in","table":"T%02d","lines":[{"id":"1","dish":"mapo-tofu","qty":1},{"id":"2","dish":"cold-noodles","qty":1}]}`, 1+n%20)
			began := time.Now()
			if err := must(ctx, c, "order.place", d); err != nil {
				return err
			}
			if n >= warmUp {
				took[i] = append(took[i], time.Since(began))
			}
		}
		time.Sleep(paced)
	}
	for i, name := range []string{"here", "elsewhere"} {
		slices.Sort(took[i])
		fmt.Printf("%-10s p50 %.2f ms  p99 %.2f ms\n", name, at(took[i], 50), at(took[i], 99))
	}
	fmt.Printf("difference p50 %.2f ms of %d orders each\n", at(took[1], 50)-at(took[0], 50), h.Orders)
	return nil
}

const (
	warmUp = 50
	paced  = 60 * time.Millisecond // below the limit of a connection's commands
)

// at is a percentile of sorted times, in ms.
func at(sorted []time.Duration, percent int) float64 {
	return float64(sorted[min(len(sorted)-1, len(sorted)*percent/100)].Microseconds()) / 1000
}
