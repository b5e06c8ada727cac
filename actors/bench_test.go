package actors_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/journal"
	"github.com/brigata/brigata/actors/stock"
	"github.com/brigata/brigata/actors/wire"
)

type counter struct {
	wg     sync.WaitGroup
	failed atomic.Int64
}

func (c *counter) Reply(_ int64, a actors.Answer) {
	if a.Refusal != nil {
		c.failed.Add(1)
	}
	c.wg.Done()
}

// BenchmarkOrder is the order's path without sockets and database: decoding, 13 turns
// of five entities, the log's bytes, the gate.
func BenchmarkOrder(b *testing.B) {
	h := &house{t: b, channel: "pos", journal: nowhere{}, quiet: true, payLater: true}
	h.as(command.Manager, "lin", "")
	h.start()
	b.Cleanup(h.stop)
	h.load()
	h.must(h.send(h.id(), "stock.count", `{"dish":"kung-pao-chicken","qty":1000000000}`))
	h.must(h.send(h.id(), "stock.count", `{"dish":"mapo-tofu","qty":1000000000}`))
	h.must(h.send(h.id(), "stock.count", `{"dish":"dan-dan-noodles","qty":1000000000}`))
	d := []byte(`{"type":"pickup","lines":[{"dish":"kung-pao-chicken","qty":2},{"dish":"mapo-tofu","qty":1},{"dish":"dan-dan-noodles","qty":1}]}`)
	var done counter
	ms := time.Now().UnixMilli()
	waiting := make(chan struct{}, 256)
	b.ReportAllocs()
	used := cpu()
	b.ResetTimer()
	for i := range b.N {
		at := ms + int64(i/20) // as clients do it, who are slower than this
		id := command.ID(fmt.Sprintf("%08x-%04x-7%03x-9%03x-%012x", at>>16, at&0xffff, i&0xfff, i>>12&0xfff, i))
		t, c, err := wire.DecodeCommand("order.place", id, d)
		if err != nil {
			b.Fatal(err)
		}
		body, err := wire.BodyHash("order.place", d)
		if err != nil {
			b.Fatal(err)
		}
		waiting <- struct{}{}
		done.wg.Add(1)
		h.node.Do(&actors.Request{Store: "demo", Target: t, Command: c, ID: id, Body: body, Principal: "tester", Channel: "pos",
			By: command.Who{ID: "lin", Name: "Lin", Role: command.Manager}, To: &gated{&done, waiting}})
	}
	done.wg.Wait()
	b.ReportMetric(float64(cpu()-used)/float64(b.N), "cpu-ns/op")
	if n := done.failed.Load(); n > 0 {
		b.Fatalf("%d orders failed", n)
	}
}

// BenchmarkPortion is one turn of the busiest entity: a dish that everybody wants.
func BenchmarkPortion(b *testing.B) {
	h := &house{t: b, channel: "pos", journal: nowhere{}, quiet: true, payLater: true}
	h.as(command.Manager, "lin", "")
	h.start()
	b.Cleanup(h.stop)
	h.load()
	h.must(h.send(h.id(), "stock.count", `{"dish":"mapo-tofu","qty":1000000000}`))
	var done counter
	ms := time.Now().UnixMilli()
	waiting := make(chan struct{}, 256)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		at := ms + int64(i/100)
		waiting <- struct{}{}
		done.wg.Add(1)
		h.node.Do(&actors.Request{Store: "demo", Target: command.Target{Kind: "stock", ID: "dish/mapo-tofu"},
			Command:   &stock.Reserve{Order: fmt.Sprintf("%08x-%04x-7%03x-9%03x-%012x", at>>16, at&0xffff, i&0xfff, i>>12&0xfff, i), Qty: 1},
			Principal: "tester", Channel: "pos", To: &gated{&done, waiting}})
	}
	done.wg.Wait()
	if n := done.failed.Load(); n > 0 {
		b.Fatalf("%d portions failed", n)
	}
}

// cpu is the processor time that this process has used, collections of garbage included.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// gated bounds how many orders are on their way.
type gated struct {
	*counter
	waiting chan struct{}
}

func (g *gated) Reply(tag int64, a actors.Answer) {
	<-g.waiting
	g.counter.Reply(tag, a)
}

// nowhere is a journal that keeps nothing, so that what is measured is the host.
type nowhere struct{ journal.Journal }

func (nowhere) Commit(*journal.Batch) error { return nil }
func (nowhere) Epoch() int64                { return 1 }
func (nowhere) Open(context.Context, string, func(journal.Stored) error) error {
	return nil
}
func (nowhere) Known(context.Context, string, time.Time, func(journal.Key) error) error { return nil }
func (nowhere) Load(context.Context, []journal.Key) ([]journal.Stored, error)           { return nil, nil }

// BenchmarkIdle is the memory of actors that nobody talks to: a counted stock, and a
// live order of three lines with its answer.
func BenchmarkIdle(b *testing.B) {
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	idle := func(b *testing.B) *house {
		h := &house{t: b, channel: "pos", journal: nowhere{}, quiet: true}
		h.as(command.Manager, "lin", "")
		h.start()
		b.Cleanup(h.stop)
		h.load()
		return h
	}
	b.Run("stock", func(b *testing.B) {
		h := idle(b)
		m := h.node.Today("demo").Menu
		before := heap()
		n := 0
		for i := range m.Dishes {
			if h.node.Today("demo").Tracked["dish/"+m.Dishes[i].ID] {
				continue
			}
			h.ok("stock.count", `{"dish":%q,"qty":10}`, m.Dishes[i].ID)
			n++
		}
		b.ReportMetric(float64(heap()-before)/float64(n), "B/actor")
	})
	b.Run("order", func(b *testing.B) {
		h := idle(b)
		const n = 5000
		for _, d := range []string{"twice-cooked-pork", "chongqing-noodles", "beef-noodles"} {
			h.ok("stock.count", `{"dish":%q,"unlimited":true}`, d)
		}
		before := heap()
		for range n {
			h.order(`{"type":"delivery","lines":[{"dish":"twice-cooked-pork","qty":1},{"dish":"chongqing-noodles","qty":1},{"dish":"beef-noodles","qty":1}]}`)
		}
		b.ReportMetric(float64(heap()-before)/n, "B/actor")
	})
}
