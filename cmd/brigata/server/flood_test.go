package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/cmd/brigata/client"
	"github.com/brigata/brigata/gateway"
	"github.com/brigata/brigata/gateway/auth"
)

const (
	flooders     = 2000
	floodRate    = 20 // messages/s of each, as much as a connection may
	floodFor     = 5 * time.Second
	kitchenEvery = 5 * time.Millisecond
)

// flood is many clients who order as fast as their connections may, and what they hear.
type flood struct {
	*Node
	b                      *testing.B
	done, refused, unclear atomic.Int64
	begin, stop            chan struct{}
	wg                     sync.WaitGroup
}

// BenchmarkFlood has 2,000 connections send 40,000 orders a second, some ten times what
// the node can do, and a kitchen work on meanwhile. It reports the kitchen's 99th
// percentile before and during, and how long after the end orders are taken at once again.
func BenchmarkFlood(b *testing.B) {
	n, err := Start(context.Background(), Options{Listen: "127.0.0.1:0", Data: b.TempDir(), Name: "n1", Demo: true, Out: io.Discard,
		Limits: gateway.Limits{PerAddress: 10_000, DialRate: 10_000, UserRate: 1000, AddressRate: 1e6, StoreRate: 1e6},
		Log:    slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		b.Fatal(err)
	}
	defer n.Stop()
	f := &flood{Node: n, b: b, begin: make(chan struct{}), stop: make(chan struct{})}
	kitchen, waiter := f.dial("kds", command.Kitchen), f.dial("lin", command.Waiter)
	before := f.cook(kitchen, 2*time.Second)
	for i := range flooders {
		f.start(i)
	}
	close(f.begin)
	var memory runtime.MemStats
	during := f.cook(kitchen, floodFor)
	runtime.ReadMemStats(&memory)
	close(f.stop)
	ended := time.Now()
	for i := 0; i < 20; i++ { // twenty in a row, none refused
		m, err := waiter.Command(context.Background(), "order.place", string(newID()), json.RawMessage(floodOrder), false)
		if err != nil {
			b.Fatal(err)
		}
		if m.Err != nil {
			i = -1
		}
		if time.Since(ended) > 20*time.Second {
			b.Fatal("never recovers")
		}
	}
	recovery := time.Since(ended)
	f.wg.Wait()
	if f.unclear.Load() > 0 {
		b.Errorf("%d refusals do not say when to come back", f.unclear.Load())
	}
	b.ReportMetric(before.Seconds()*1000, "p99-before-ms")
	b.ReportMetric(during.Seconds()*1000, "p99-during-ms")
	b.ReportMetric(recovery.Seconds()*1000, "recovery-ms")
	b.ReportMetric(float64(f.done.Load())/floodFor.Seconds(), "done/s")
	b.ReportMetric(float64(f.refused.Load())/floodFor.Seconds(), "refused/s")
	b.ReportMetric(float64(memory.HeapAlloc>>20), "heap-MiB")
}

const floodOrder = `{"type":"pickup","lines":[{"dish":"plum-juice","qty":1}]}`

func (f *flood) token(user string, role command.Role) string {
	token, err := f.keys.Issue(auth.Subject(user, user, []string{"demo"}, role), time.Now(), time.Hour)
	if err != nil {
		f.b.Fatal(err)
	}
	return token
}

func (f *flood) dial(user string, role command.Role) *client.Conn {
	c, err := client.Dial(context.Background(), f.URL(), f.token(user, role), "")
	if err != nil {
		f.b.Fatal(err)
	}
	f.b.Cleanup(c.Close)
	return c
}

// cook is a kitchen at work; none of what it does may be refused. It returns the 99th
// percentile.
func (f *flood) cook(c *client.Conn, d time.Duration) time.Duration {
	var took []time.Duration
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(kitchenEvery) {
		began := time.Now()
		m, err := c.Command(context.Background(), "stock.count", string(newID()), json.RawMessage(`{"dish":"mapo-tofu","qty":20}`), false)
		if err != nil {
			f.b.Fatal(err)
		}
		if m.Err != nil && !strings.Contains(string(m.Raw), `"scope":"connection"`) {
			f.b.Fatalf("the kitchen is refused: %s", m.Raw)
		}
		if m.Err == nil {
			took = append(took, time.Since(began))
		}
	}
	slices.Sort(took)
	return took[len(took)*99/100]
}

// start has one more client order until the flood stops.
func (f *flood) start(i int) {
	ws, _, err := websocket.Dial(context.Background(), strings.Replace(f.URL(), "http", "ws", 1)+"/v1/ws",
		&websocket.DialOptions{Subprotocols: []string{"brigata.v1.json"}})
	if err != nil {
		f.b.Fatal(err)
	}
	hello := fmt.Sprintf(`{"id":1,"auth":{"token":%q}}`, f.token(string(newID()), command.Guest))
	if err := ws.Write(context.Background(), websocket.MessageText, []byte(hello)); err != nil {
		f.b.Fatal(err)
	}
	f.wg.Go(func() {
		for {
			_, b, err := ws.Read(context.Background())
			if err != nil {
				return
			}
			for line := range bytes.SplitSeq(b, []byte("\n")) {
				f.hear(line)
			}
		}
	})
	f.wg.Go(func() {
		defer ws.CloseNow()
		<-f.begin
		tick := time.NewTicker(time.Second / floodRate)
		defer tick.Stop()
		for id := 2; ; id++ {
			select {
			case <-tick.C:
			case <-f.stop:
				return
			}
			m := fmt.Sprintf(`{"id":%d,"cmd":"order.place","cid":%q,"d":%s}`, id, newID(), floodOrder)
			if ws.Write(context.Background(), websocket.MessageText, []byte(m)) != nil {
				return
			}
		}
	})
}

func (f *flood) hear(line []byte) {
	switch {
	case bytes.Contains(line, []byte(`"err":`)):
		f.refused.Add(1)
		if !bytes.Contains(line, []byte(`"retry":true`)) || bytes.Contains(line, []byte(`"after_ms":0`)) {
			f.unclear.Add(1)
		}
	case bytes.Contains(line, []byte(`"ok":`)):
		f.done.Add(1)
	}
}
