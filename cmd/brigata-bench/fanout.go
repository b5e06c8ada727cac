package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// W3: one order changes at a steady rate, and everybody who watches the kitchen is sent
// its view. Beside it a server that does nothing but write the same bytes to each
// connection, one after the other, on the same socket library.

// perSecond is about how many deliveries a second are asked for: a load that leaves the
// machine half idle, so that times are not those of a queue.
const perSecond = 10_000

// stamp is when a version of the order came in.
type stamp struct {
	v  int64
	at time.Duration
}

// crowd is the subscribers of one run.
type crowd struct {
	began   time.Time
	healthy []*socket
	stalled []*socket
	stamps  [][]stamp // of each healthy one
	reading sync.WaitGroup
	frame   int // bytes of a push
}

// fans is what one run came to.
type fans struct {
	deliveries int
	took       []time.Duration
	cpu        time.Duration
	frame      int
}

func (s *suite) fanout() error {
	for _, n := range s.Subscribers {
		frame := 0
		for range s.Rounds {
			for _, system := range []string{"brigata", "brigata-stalled", "loop"} {
				name := fmt.Sprintf("%s %d", system, n)
				fmt.Fprintln(os.Stderr, "  "+name)
				f, err := s.fan(system, n, frame)
				if err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
				if frame == 0 {
					frame = f.frame
				}
				s.report.add(name, "cpu_us_per_delivery", us(f.cpu)/float64(f.deliveries), "us")
				s.report.add(name, "deliveries_per_s", float64(f.deliveries)/s.Duration.Seconds(), "1/s")
				s.report.add(name, "p50_ms", ms(percentile(f.took, 0.5)), "ms")
				s.report.add(name, "p99_ms", ms(percentile(f.took, 0.99)), "ms")
			}
		}
		s.report.add(fmt.Sprintf("push %d", n), "bytes", float64(frame), "B")
		of := func(system, metric string) float64 { return s.report.median(fmt.Sprintf("%s %d", system, n), metric) }
		s.report.add(fmt.Sprintf("brigata/loop %d", n), "cpu_ratio", of("brigata", "cpu_us_per_delivery")/of("loop", "cpu_us_per_delivery"), "1")
		s.report.add(fmt.Sprintf("stalled/healthy %d", n), "p99_ratio", of("brigata-stalled", "p99_ms")/of("brigata", "p99_ms"), "1")
	}
	return nil
}

// fan is one run of one system.
func (s *suite) fan(system string, n, frame int) (f fans, err error) {
	var h *house
	if system == "loop" {
		p, err := s.bench(Run{}).start("serve-loop", "--size", strconv.Itoa(frame))
		if err != nil {
			return f, err
		}
		h = &house{process: p, drop: func() {}}
	} else {
		var more []string
		if s.Profile != "" && system == "brigata" {
			more = []string{"--profile", s.Profile, "--after", (time.Second + time.Duration(n)*time.Millisecond).String(), "--for", s.Duration.String()}
		}
		if h, err = s.node([][]byte{benchDocument("bench-0")}, more...); err != nil {
			return f, err
		}
	}
	defer h.end()
	change, err := h.changer(system == "loop")
	if err != nil {
		return f, err
	}
	c := &crowd{began: time.Now()}
	defer c.leave()
	stalled := 0
	if system == "brigata-stalled" {
		stalled = n / 10
	}
	if err := c.come(h, n, stalled, system == "loop"); err != nil {
		return f, err
	}
	return c.watch(s.Duration, n, change, sampler(h.cmd.Process.Pid, 0))
}

// come lets n subscribers in, of whom some will never read.
func (c *crowd) come(h *house, n, stalled int, bare bool) error {
	token := ""
	if !bare {
		token = h.token("bench-0", "kitchen")
	}
	for i := range n {
		s, err := dial(h.addr)
		if err != nil {
			return fmt.Errorf("subscriber %d: %w", i, err)
		}
		s.r = bufio.NewReaderSize(s.conn, 4096)
		if i < stalled {
			_ = s.conn.(*net.TCPConn).SetReadBuffer(4096)
			c.stalled = append(c.stalled, s)
		} else {
			c.healthy = append(c.healthy, s)
		}
		if bare {
			continue
		}
		if err := s.login(token, fmt.Sprintf("board-%d", i)); err != nil {
			return err
		}
		p, err := s.ask([]byte(`{"id":2,"sub":[{"t":"kitchen.all"}]}`))
		if err != nil || !bytes.Contains(p, []byte(`"mode":`)) {
			return fmt.Errorf("subscription refused: %s %w", p, err)
		}
	}
	c.stamps = make([][]stamp, len(c.healthy))
	for i, s := range c.healthy {
		c.reading.Go(func() { c.read(i, s) })
	}
	return nil
}

func (c *crowd) read(i int, s *socket) {
	for {
		p, err := s.frame()
		if err != nil {
			return
		}
		at := time.Since(c.began)
		if i == 0 {
			c.frame = max(c.frame, len(p))
		}
		for line := range bytes.SplitSeq(p, []byte("\n")) {
			if string(line) == "{}" {
				_ = s.send(line)
				continue
			}
			if v := version(line); v > 0 {
				c.stamps[i] = append(c.stamps[i], stamp{v, at})
			}
		}
	}
}

// version finds "v":N outside of d, which comes after it.
func version(p []byte) int64 {
	_, rest, ok := bytes.Cut(p[:min(len(p), 200)], []byte(`"v":`))
	if !ok {
		return 0
	}
	end := 0
	for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
		end++
	}
	v, _ := strconv.ParseInt(string(rest[:end]), 10, 64)
	return v
}

func (c *crowd) leave() {
	for _, s := range append(c.healthy, c.stalled...) {
		s.conn.Close()
	}
	c.reading.Wait()
}

// watch has the order change at a steady rate for d, and measures.
func (c *crowd) watch(d time.Duration, n int, change func() (int64, error), cpu func() cpuTimes) (f fans, err error) {
	gap := time.Second * time.Duration(n) / perSecond
	for range 3 { // warm
		if _, err := change(); err != nil {
			return f, err
		}
		time.Sleep(gap)
	}
	type changed struct {
		v   int64
		due time.Duration
	}
	var changes []changed
	c0, start := cpu(), time.Since(c.began)
	for at := start; at < start+d; at += gap {
		time.Sleep(at - time.Since(c.began))
		v, err := change()
		if err != nil {
			return f, err
		}
		changes = append(changes, changed{v, at})
	}
	time.Sleep(300 * time.Millisecond) // the last ones arrive
	f.cpu = cpu().minus(c0).server
	c.leave()
	for i, stamps := range c.stamps {
		next := 0
		for _, x := range stamps { // one push may carry what several changes led to
			if x.at >= start {
				f.deliveries++
			}
			for ; next < len(changes) && x.v >= changes[next].v; next++ {
				f.took = append(f.took, x.at-changes[next].due)
			}
		}
		if next < len(changes) {
			return f, fmt.Errorf("subscriber %d saw %d of %d changes", i, next, len(changes))
		}
	}
	slices.Sort(f.took)
	f.frame = c.frame
	return f, nil
}

// changer places the order that changes, and returns what changes it once more.
func (h *house) changer(bare bool) (func() (int64, error), error) {
	if bare {
		s, err := dial(h.addr)
		if err != nil {
			return nil, err
		}
		v := int64(0)
		return func() (int64, error) {
			v++
			_, err := s.ask(strconv.AppendInt(nil, v, 10))
			return v, err
		}, nil
	}
	s, err := h.enter("bench-0", "manager", "changer")
	if err != nil {
		return nil, err
	}
	d, err := dishes()
	if err != nil {
		return nil, err
	}
	order := newID()
	if _, _, err := s.do(2, "order.place", order, fmt.Sprintf(`{"type":"pickup","lines":[{"dish":%q,"qty":1},{"dish":%q,"qty":2},{"dish":%q,"qty":1}]}`, d[0].id, d[1].id, d[2].id)); err != nil {
		return nil, err
	}
	n := 2
	return func() (int64, error) {
		n++
		cmd := []string{"item.recall", "item.bump"}[n%2]
		v, _, err := s.do(n, cmd, newID(), fmt.Sprintf(`{"order":%q,"items":["1"]}`, order))
		return v, err
	}, nil
}

// ServeLoop is the floor of W3: whatever anybody says goes to everybody else, in a loop.
type ServeLoop struct {
	Size int `required:"" help:"Bytes of what is sent."`
}

// Run serves until it is told to stop.
func (l *ServeLoop) Run(ctx context.Context) error {
	var mu sync.Mutex
	var all []*websocket.Conn
	body := bytes.Repeat([]byte("x"), l.Size)
	return serveUntil(ctx, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true, Subprotocols: []string{"brigata.v1.json"}})
		if err != nil {
			return
		}
		mu.Lock()
		all = append(all, ws)
		mu.Unlock()
		go func() {
			defer ws.CloseNow()
			for {
				_, p, err := ws.Read(context.Background())
				if err != nil {
					return
				}
				push := append(append(append([]byte(`{"v":`), p...), `,"d":`...), body...)[:max(l.Size, len(p)+10)]
				mu.Lock()
				for _, to := range all {
					if to.Write(context.Background(), websocket.MessageText, push) != nil {
						to.CloseNow()
					}
				}
				mu.Unlock()
			}
		}()
	}), os.Stdout)
}
