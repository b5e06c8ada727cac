package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/persistence/postgres"
)

// W4: a node dies with a day's orders in the log, a tenth of them live. Opening the cell
// again is beside reading the same rows and doing nothing with them.

func (s *suite) recovery() error {
	h, err := s.node([][]byte{slowDocument()})
	if err != nil {
		return err
	}
	killed := false
	defer func() {
		if !killed {
			h.stop()
		}
		h.drop()
		os.RemoveAll(h.data)
	}()
	began := time.Now()
	if err := h.fill(s.Orders/10, s.Orders); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "  %d orders placed in %s\n", s.Orders, time.Since(began).Round(time.Second))
	_ = h.cmd.Process.Kill()
	_ = h.cmd.Wait()
	killed = true
	if err := s.vacuum(h.url); err != nil {
		return err
	}
	for range s.Rounds {
		if err := s.raw(h.url); err != nil {
			return err
		}
		if err := s.reopen(h.url); err != nil {
			return err
		}
	}
	s.report.add("raw/brigata", "ratio", s.report.median("raw read", "ms")/s.report.median("brigata", "ms"), "1")
	return nil
}

// slowDocument is a store where deliveries wait for somebody to accept them: until then
// they can be cancelled.
func slowDocument() []byte {
	var doc map[string]any
	if err := json.Unmarshal(benchDocument("bench-0"), &doc); err != nil {
		panic(err) // it was made here
	}
	doc["accept"] = map[string]any{"dine_in": "auto", "pickup": "auto", "delivery": "manual"}
	b, err := json.Marshal(doc)
	if err != nil {
		panic(err)
	}
	return b
}

// fill places orders, and cancels all but some of them.
func (h *house) fill(live, total int) error {
	const clients = 64
	var next atomic.Int64
	errs := make([]error, clients)
	var all sync.WaitGroup
	d, err := dishes()
	if err != nil {
		return err
	}
	for i := range clients {
		all.Go(func() {
			c, err := h.enter("bench-0", "manager", fmt.Sprintf("fill-%d", i))
			if err != nil {
				errs[i] = err
				return
			}
			defer c.conn.Close()
			for n := int(next.Add(1)); n <= total; n = int(next.Add(1)) {
				id := newID()
				_, _, err := c.do(2*n, "order.place", id, fmt.Sprintf(`{"type":"delivery","contact":{"name":"A","phone":"1","address":"x"},"lines":[{"dish":%q,"qty":1},{"dish":%q,"qty":2},{"dish":%q,"qty":1}]}`,
					d[n%len(d)].id, d[(n+7)%len(d)].id, d[(n+31)%len(d)].id))
				if err == nil && n > live {
					_, _, err = c.do(2*n+1, "order.cancel", newID(), fmt.Sprintf(`{"order":%q,"reason":"guest_left"}`, id))
				}
				if err != nil {
					errs[i] = err
					return
				}
			}
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

func (s *suite) vacuum(url string) error {
	conn, err := pgx.Connect(s.ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(s.ctx)
	for _, q := range []string{"VACUUM ANALYZE", "CHECKPOINT"} {
		if _, err := conn.Exec(s.ctx, q); err != nil {
			return err
		}
	}
	return nil
}

// raw reads what opening the cell needs, in three statements, and looks at none of it.
func (s *suite) raw(url string) error {
	conn, err := pgx.Connect(s.ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(s.ctx)
	began := time.Now()
	rows, bytes := 0, 0
	for _, q := range []string{
		"SELECT entity, seq, cell, kind, live, due, state FROM heads WHERE cell = 'bench-0' AND live",
		"SELECT j.entity, j.cell, j.kind, j.seq, j.n, j.payload FROM heads h JOIN journal j ON j.entity = h.entity AND j.seq + j.n > h.seq + 1 WHERE h.cell = 'bench-0' AND h.live ORDER BY j.entity, j.seq",
		"SELECT entity FROM heads WHERE cell = 'bench-0'",
	} {
		r, err := conn.Query(s.ctx, q)
		if err != nil {
			return err
		}
		for r.Next() {
			rows++
			for _, v := range r.RawValues() {
				bytes += len(v)
			}
		}
		if err := r.Err(); err != nil {
			return err
		}
	}
	s.report.add("raw read", "ms", ms(time.Since(began)), "ms")
	s.report.add("raw read", "rows", float64(rows), "1")
	s.report.add("raw read", "bytes", float64(bytes), "B")
	return nil
}

// reopen opens the cell, until it has published the views of all that lives.
func (s *suite) reopen(url string) error {
	j, err := postgres.Open(s.ctx, postgres.Config{URL: url, Node: "recovery"})
	if err != nil {
		return err
	}
	defer j.Close()
	views := 0
	n, err := actors.NewNode(actors.Config{Journal: j, Publish: func(v []actors.View) { views += len(v) }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		_ = n.Stop(ctx)
	}()
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // a node's own
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	began := time.Now()
	if err := n.Open(s.ctx, "bench-0"); err != nil {
		return err
	}
	took := time.Since(began)
	runtime.GC()
	runtime.ReadMemStats(&after)
	if views < s.Orders/10 {
		return fmt.Errorf("%d views of %d live orders", views, s.Orders/10)
	}
	s.report.add("brigata", "ms", ms(took), "ms")
	s.report.add("brigata", "live_entities", float64(views), "1")
	s.report.add("brigata", "bytes_per_live_order", float64(after.HeapAlloc-before.HeapAlloc)/float64(s.Orders/10), "B")
	return nil
}
