package boards

import (
	"fmt"
	"math/rand"
	"sync"
	"testing"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/actors/table"
	"github.com/brigata/brigata/gateway/feed"
)

// Two stores publish while clients of both come, fall behind, resume and go, and time
// passes. In the end no topic is left.
func TestConcurrent(t *testing.T) {
	k := newKit(t)
	start := k.now
	b := New(Config{Epoch: "e1", Now: func() time.Time { return start }, Today: func(string) *store.Today { return k.today },
		Read: func(_ string, _ command.Target, got func(actors.Answer)) {
			go got(actors.Answer{Refusal: refusal.New(refusal.NotFound, "", "no")})
		}})
	var writers, readers sync.WaitGroup
	stop := make(chan struct{})
	for _, s := range []string{"s1", "s2"} {
		writers.Go(func() {
			r := rand.New(rand.NewSource(int64(len(s))))
			for v := int64(1); v < 3000; v++ {
				i := r.Intn(40)
				o := newOrder(i, order.Accepted, item("1", "wok", 0, order.Queued), item("2", "steam", r.Intn(2), order.Cooking))
				live := r.Intn(4) > 0
				if !live {
					o.State = order.Closed
				}
				b.Publish([]actors.View{{Store: s, V: v, View: o, Live: live}})
				if i < 4 {
					b.Publish([]actors.View{{Store: s, V: v, Live: true, View: &table.View{ID: "T03", State: table.Seated, Session: fmt.Sprint("S", i)}}})
				}
			}
		})
	}
	for n := range 4 {
		readers.Go(func() {
			r := rand.New(rand.NewSource(int64(n)))
			var q feed.Queue
			q.Init(feed.Limits{Bytes: 1000, Frames: 10, ReplyBytes: 1000, ReplyFrames: 10}, new(feed.Counts))
			c := &Client{Push: func(f *feed.Frame) bool { return len(f.Body) == 0 }, End: func(string, string, string) {}}
			for {
				select {
				case <-stop:
					return
				default:
				}
				asks := []Ask{{Store: "s1", Prefix: "s1/", Kind: "kitchen", ID: "all"}, {Store: "s2", Prefix: "s2/", Kind: "kitchen", ID: "wok"},
					{Store: "s2", Prefix: "s2/", Kind: "floor"}, {Store: "s1", Prefix: "s1/", Kind: "order", ID: uuid(r.Intn(60))}}
				if n%2 == 0 {
					asks[0], asks[1] = asks[1], asks[0]
				}
				b.Subscribe(c, asks, func() {
					for i := range asks {
						if asks[i].Got != nil {
							asks[i].Got.AppendState(nil, "e1", 5)
						}
					}
				})
				b.Sweep(start.Add(time.Duration(r.Intn(3)) * linger))
				for i := range asks {
					if s := asks[i].Got; s != nil {
						s.CatchUp(&q, uint64(r.Intn(100)))
						s.Unsubscribe()
						s.Unsubscribe()
					}
				}
			}
		})
	}
	writers.Wait()
	close(stop)
	readers.Wait()
	b.Sweep(start.Add(10 * linger))
	for _, s := range []string{"s1", "s2"} {
		if x := b.board(s); len(x.topics) != 0 || len(x.kitchens) != 0 || len(x.ofOrder) != 0 || x.floor != nil {
			t.Errorf("%s keeps %d topics", s, len(x.topics))
		}
	}
}

func TestUnwatchedOrdersAreFree(t *testing.T) {
	k := newKit(t)
	o := newOrder(1, order.Accepted, item("1", "wok", 0, order.Queued))
	views := []actors.View{{Store: "s1", View: o, Live: true}}
	k.Publish(views)
	if n := testing.AllocsPerRun(1000, func() {
		views[0].V++
		k.Publish(views)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
