package server

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
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
	// floodNice keeps the flood's process from the node's processor time: it stands for
	// 2,000 phones that have their own.
	floodNice = 10
)

// BenchmarkFlood has 2,000 connections send up to 40,000 orders a second, some ten times
// what the node can do, and a kitchen work on meanwhile; either in a process of its own. It
// reports the kitchen's 99th percentiles before and during, as the kitchen sees them and
// from the frame to the reply in the node; and how long after the end twenty orders in a
// row are taken again.
func BenchmarkFlood(b *testing.B) {
	var served latencies
	n, err := Start(context.Background(), Options{Listen: "127.0.0.1:0", Data: b.TempDir(), Name: "n1", Demo: true, Out: io.Discard,
		Limits:   gateway.Limits{PerAddress: 10_000, DialRate: 10_000, UserRate: 1000, AddressRate: 1e6, StoreRate: 1e6},
		answered: served.note, Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		b.Fatal(err)
	}
	defer n.Stop()
	f := &flood{n, b}
	waiter, err := client.Dial(context.Background(), n.URL(), f.token("lin", command.Waiter), "")
	if err != nil {
		b.Fatal(err)
	}
	defer waiter.Close()
	kitchen := f.child("cook", 0, f.token("kds", command.Kitchen))
	before := kitchen.cook(2 * time.Second)
	servedBefore := served.p99()
	var tokens []string
	for range flooders {
		tokens = append(tokens, f.token(string(newID()), command.Guest))
	}
	phones := f.child("flood", floodNice, tokens...)
	phones.say("go")
	used := cpu()
	during := kitchen.cook(floodFor)
	used = cpu() - used
	servedDuring := served.p99()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	phones.say("stop")
	ended := time.Now()
	for i := 0; i < 20; i++ { // none refused
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
	var heard heard
	phones.hear(&heard)
	if heard.Unclear > 0 {
		b.Errorf("%d refusals do not say when to come back", heard.Unclear)
	}
	b.ReportMetric(before, "p99-before-ms")
	b.ReportMetric(during, "p99-during-ms")
	b.ReportMetric(servedBefore, "p99-served-before-ms")
	b.ReportMetric(servedDuring, "p99-served-during-ms")
	b.ReportMetric(float64(recovery.Milliseconds()), "recovery-ms")
	b.ReportMetric(float64(heard.Done)/floodFor.Seconds(), "done/s")
	b.ReportMetric(float64(heard.Refused)/floodFor.Seconds(), "refused/s")
	b.ReportMetric(used.Seconds()/floodFor.Seconds(), "node-cores")
	b.ReportMetric(float64(memory.HeapAlloc>>20), "heap-MiB")
}

const floodOrder = `{"type":"pickup","lines":[{"dish":"plum-juice","qty":1}]}`

// latencies of the kitchen's commands in the node.
type latencies struct {
	mu   sync.Mutex
	took []time.Duration
}

func (l *latencies) note(c gateway.Command) {
	if c.Name != "stock.count" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.took = append(l.took, c.Answered.Sub(c.Received))
}

// p99 is that of those since it was last asked, in ms.
func (l *latencies) p99() float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer func() { l.took = nil }()
	return p99(l.took)
}

func p99(took []time.Duration) float64 {
	if len(took) == 0 {
		return 0
	}
	slices.Sort(took)
	return float64(took[len(took)*99/100].Microseconds()) / 1000
}

// cpu is the processor time of this process so far.
func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

type flood struct {
	*Node
	b *testing.B
}

func (f *flood) token(user string, role command.Role) string {
	token, err := f.keys.Issue(auth.Subject(user, user, []string{"demo"}, role), time.Now(), time.Hour)
	if err != nil {
		f.b.Fatal(err)
	}
	return token
}

// child is a process of clients. It is told a line at a time, and answers in lines.
type child struct {
	b   *testing.B
	in  io.Writer
	out *bufio.Scanner
}

const floodAs, floodAt = "BRIGATA_FLOOD_AS", "BRIGATA_FLOOD_AT"

// child starts clients in a process of their own and waits until they are logged in.
func (f *flood) child(as string, nice int, tokens ...string) *child {
	cmd := exec.Command(os.Args[0], "-test.run", "^TestFloodClients$")
	cmd.Env = append(os.Environ(), floodAs+"="+as, floodAt+"="+f.URL())
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		f.b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		f.b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		f.b.Fatal(err)
	}
	f.b.Cleanup(func() {
		in.Close()
		cmd.Process.Kill()
		cmd.Wait()
	})
	if err := syscall.Setpriority(syscall.PRIO_PROCESS, cmd.Process.Pid, nice); err != nil {
		f.b.Fatal(err)
	}
	c := &child{f.b, in, bufio.NewScanner(out)}
	for _, t := range tokens {
		c.say(t)
	}
	c.say("")
	c.hear(new(bool))
	return c
}

func (c *child) say(line string) {
	if _, err := io.WriteString(c.in, line+"\n"); err != nil {
		c.b.Fatal(err)
	}
}

func (c *child) hear(into any) {
	if !c.out.Scan() {
		c.b.Fatal("the clients have ended: ", c.out.Err())
	}
	if err := json.Unmarshal(c.out.Bytes(), into); err != nil {
		c.b.Fatalf("%v: %s", err, c.out.Text())
	}
}

// cook has the kitchen work, and returns the 99th percentile in ms.
func (c *child) cook(d time.Duration) (ms float64) {
	c.say(d.String())
	c.hear(&ms)
	return ms
}

// heard is what the flood's clients were answered.
type heard struct{ Done, Refused, Unclear int64 }

// TestFloodClients is the other side of BenchmarkFlood.
func TestFloodClients(t *testing.T) {
	at := os.Getenv(floodAt)
	if at == "" {
		t.Skip("BenchmarkFlood runs it")
	}
	in := bufio.NewScanner(os.Stdin)
	var tokens []string
	for in.Scan() && in.Text() != "" {
		tokens = append(tokens, in.Text())
	}
	tell := json.NewEncoder(os.Stdout)
	if os.Getenv(floodAs) == "cook" {
		c, err := client.Dial(t.Context(), at, tokens[0], "")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		tell.Encode(true)
		for in.Scan() {
			d, err := time.ParseDuration(in.Text())
			if err != nil {
				t.Fatal(err)
			}
			tell.Encode(p99(cook(t, c, d)))
		}
		return
	}
	p := phones{begin: make(chan struct{}), stop: make(chan struct{})}
	for _, token := range tokens {
		p.start(t, at, token)
	}
	tell.Encode(true)
	in.Scan()
	close(p.begin)
	in.Scan()
	close(p.stop)
	p.wg.Wait()
	tell.Encode(heard{p.done.Load(), p.refused.Load(), p.unclear.Load()})
	in.Scan()
}

// cook is a kitchen at work; none of what it does may be refused.
func cook(t *testing.T, c *client.Conn, d time.Duration) (took []time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(kitchenEvery) {
		began := time.Now()
		m, err := c.Command(t.Context(), "stock.count", string(newID()), json.RawMessage(`{"dish":"mapo-tofu","qty":20}`), false)
		if err != nil {
			t.Fatal(err)
		}
		if m.Err != nil && !strings.Contains(string(m.Raw), `"scope":"connection"`) {
			t.Fatalf("the kitchen is refused: %s", m.Raw)
		}
		if m.Err == nil {
			took = append(took, time.Since(began))
		}
	}
	return took
}

// phones order as fast as their connections may.
type phones struct {
	done, refused, unclear atomic.Int64
	begin, stop            chan struct{}
	wg                     sync.WaitGroup
}

func (p *phones) start(t *testing.T, at, token string) {
	ws, _, err := websocket.Dial(t.Context(), strings.Replace(at, "http", "ws", 1)+"/v1/ws",
		&websocket.DialOptions{Subprotocols: []string{"brigata.v1.json"}})
	if err != nil {
		t.Fatal(err)
	}
	hello := fmt.Sprintf(`{"id":1,"auth":{"token":%q}}`, token)
	if err := ws.Write(t.Context(), websocket.MessageText, []byte(hello)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := ws.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.wg.Go(func() {
		for {
			_, b, err := ws.Read(context.Background())
			if err != nil {
				return
			}
			for line := range bytes.SplitSeq(b, []byte("\n")) {
				p.hear(line)
			}
		}
	})
	p.wg.Go(func() {
		defer ws.CloseNow()
		<-p.begin
		tick := time.NewTicker(time.Second / floodRate)
		defer tick.Stop()
		for id := 2; ; id++ {
			select {
			case <-tick.C:
			case <-p.stop:
				return
			}
			m := fmt.Sprintf(`{"id":%d,"cmd":"order.place","cid":%q,"d":%s}`, id, newID(), floodOrder)
			if ws.Write(context.Background(), websocket.MessageText, []byte(m)) != nil {
				return
			}
		}
	})
}

func (p *phones) hear(line []byte) {
	switch {
	case bytes.Contains(line, []byte(`"err":`)):
		p.refused.Add(1)
		if !bytes.Contains(line, []byte(`"retry":true`)) || bytes.Contains(line, []byte(`"after_ms":0`)) {
			p.unclear.Add(1)
		}
	case bytes.Contains(line, []byte(`"ok":`)):
		p.done.Add(1)
	}
}
