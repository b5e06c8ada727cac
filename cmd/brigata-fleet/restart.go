package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"syscall"
	"time"
)

// Restart measures what many stores make of a cluster that stops and starts.
type Restart struct {
	Shared
	Stores int `help:"How many." default:"1000"`
}

// restarted is one measurement.
type restarted struct {
	fleet  *fleet
	stores []string
	orders map[string]string // placed before: by store
}

// Run has every store take an order, kills all nodes and starts them again until every
// store tells of its order, and then restarts one node as an upgrade does.
func (x *Restart) Run(ctx context.Context) error {
	f, err := newFleet(x.Shared, layout{port: 18081, gossip: gossipPort})
	if err != nil {
		return err
	}
	defer f.stop()
	r := &restarted{fleet: f, stores: numbered(x.Stores), orders: map[string]string{}}
	if err := r.all(func(i int) error { return f.start(ctx, i) }); err != nil {
		return err
	}
	if err := f.load(ctx, r.stores); err != nil {
		return err
	}
	before, err := r.settled(ctx)
	if err != nil {
		return err
	}
	least, most := share(before, x.Stores, x.Nodes)
	fmt.Printf("%d stores on %d nodes: %v, from %+.0f %% to %+.0f %% of an even share\n", x.Stores, x.Nodes, before, least, most)
	if err := r.order(ctx); err != nil {
		return err
	}
	if err := r.opened(ctx); err != nil {
		return err
	}
	if _, err := r.settled(ctx); err != nil {
		return err
	}
	if err := f.nodes[0].leave(); err != nil {
		return err
	}
	if err := f.start(ctx, 0); err != nil {
		return err
	}
	began := time.Now()
	after, err := r.settled(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("%s restarted: %v %.1f s later\n", f.nodes[0].name, after, time.Since(began).Seconds())
	return r.there(ctx)
}

// all does something with every node at once.
func (r *restarted) all(do func(i int) error) error {
	errs := make([]error, len(r.fleet.nodes))
	var tasks sync.WaitGroup
	for i := range r.fleet.nodes {
		tasks.Go(func() { errs[i] = do(i) })
	}
	tasks.Wait()
	return errors.Join(errs...)
}

// share is the least and the most that a node has beyond its even share, in percent.
func share(all map[string]int, stores, nodes int) (least, most float64) {
	even := float64(stores) / float64(nodes)
	least = 100
	for _, n := range all {
		over := 100 * (float64(n)/even - 1)
		least, most = min(least, over), max(most, over)
	}
	return least, most
}

// settled waits until each node has the cells that rendezvous gives it.
func (r *restarted) settled(ctx context.Context) (map[string]int, error) {
	all, ok, err := r.fleet.settled(ctx, r.stores)
	if err == nil && !ok {
		err = fmt.Errorf("cells are not where they should be: %v", all)
	}
	return all, err
}

// order has every store take an order.
func (r *restarted) order(ctx context.Context) error {
	for i, s := range r.stores {
		token, err := r.fleet.token("guest", "manager", s)
		if err != nil {
			return err
		}
		id := newID()
		body := `{"type":"dine_in","table":"T01","lines":[{"id":"1","dish":"mapo-tofu","qty":1}]}`
		if _, err := r.fleet.callAs(ctx, r.fleet.nodes[i%len(r.fleet.nodes)], "POST", "/v1/stores/"+s+"/orders", token, []byte(body), http.Header{"Idempotency-Key": {id}}); err != nil {
			return fmt.Errorf("order at %s: %w", s, err)
		}
		r.orders[s] = id
	}
	return nil
}

// opened kills every node, starts them again, and measures until all stores answer.
func (r *restarted) opened(ctx context.Context) error {
	if err := r.all(func(i int) error { return r.fleet.nodes[i].end(syscall.SIGKILL) }); err != nil {
		return err
	}
	began := time.Now()
	if err := r.all(func(i int) error { return r.fleet.start(ctx, i) }); err != nil {
		return err
	}
	ready := time.Since(began)
	if err := r.there(ctx); err != nil {
		return err
	}
	fmt.Printf("all nodes killed and started again: ready after %.1f s, and every store has told of its order after %.1f s\n", ready.Seconds(), time.Since(began).Seconds())
	return nil
}

// readers is how many stores are asked at a time.
const readers = 8

// there asks every store for its order, at whatever node, until it is told of it.
func (r *restarted) there(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	errs := make([]error, readers)
	var tasks sync.WaitGroup
	for k := range readers {
		tasks.Go(func() {
			for i := k; i < len(r.stores) && errs[k] == nil; i += readers {
				errs[k] = r.asked(ctx, r.stores[i], r.fleet.nodes[i%len(r.fleet.nodes)])
			}
		})
	}
	tasks.Wait()
	return errors.Join(errs...)
}

func (r *restarted) asked(ctx context.Context, s string, n *node) error {
	token, err := r.fleet.token("guest", "manager", s)
	if err != nil {
		return err
	}
	for {
		_, err := r.fleet.call(ctx, n, "GET", "/v1/stores/"+s+"/orders/"+r.orders[s], token, nil)
		var bad *answered
		switch {
		case err == nil:
			return nil
		case errors.As(err, &bad) && bad.status != http.StatusServiceUnavailable:
			return fmt.Errorf("the order of %s: %w", s, err) // it is lost
		case ctx.Err() != nil:
			return fmt.Errorf("the order of %s: %w", s, err)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
