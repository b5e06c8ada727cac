package main

import (
	"bufio"
	"cmp"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	mrand "math/rand/v2"
	"net"
	"net/http"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// The load is cheap on purpose, and the same for every system: raw frames with a fixed
// mask, JSON put together by hand, one goroutine per client on one processor, no read
// before there is something to read. What is measured is the server.

// socket is one raw WebSocket connection.
type socket struct {
	conn net.Conn
	raw  syscall.RawConn
	r    *bufio.Reader
	buf  []byte
}

func dial(addr string) (*socket, error) { return dialWith(addr, 64<<10) }

// dialWith is dial with a buffer of so many bytes.
func dialWith(addr string, buffer int) (*socket, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(conn, "GET /v1/ws HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"+
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: brigata.v1.json\r\n\r\n", addr)
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		return nil, err
	}
	s := &socket{conn: conn, raw: raw, r: bufio.NewReaderSize(conn, buffer)}
	resp, err := http.ReadResponse(s.r, nil)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusSwitchingProtocols {
		return nil, fmt.Errorf("dial %s: %s", addr, resp.Status)
	}
	return s, nil
}

var mask = [4]byte{1, 2, 3, 4}

func (s *socket) send(p []byte) error {
	_, err := s.conn.Write(s.masked(p))
	return err
}

// masked returns p as one text frame, valid until the next call.
func (s *socket) masked(p []byte) []byte {
	b := append(s.buf[:0], 0x81)
	if len(p) < 126 {
		b = append(b, 0x80|byte(len(p)))
	} else {
		b = append(b, 0x80|126, byte(len(p)>>8), byte(len(p)))
	}
	b = append(b, mask[:]...)
	start := len(b)
	b = append(b, p...)
	for x, m := b[start:], binary.LittleEndian.Uint64([]byte{1, 2, 3, 4, 1, 2, 3, 4}); ; x = x[8:] {
		if len(x) < 8 {
			for i := range x {
				x[i] ^= mask[i&3]
			}
			break
		}
		binary.LittleEndian.PutUint64(x, binary.LittleEndian.Uint64(x)^m)
	}
	s.buf = b
	return b
}

// frame returns one text frame's payload, valid until the next call.
func (s *socket) frame() ([]byte, error) {
	h, err := s.r.Peek(2)
	if err != nil {
		return nil, err
	}
	op, n, head := h[0]&15, int(h[1]&127), 2
	switch n {
	case 126:
		if h, err = s.r.Peek(4); err != nil {
			return nil, err
		}
		n, head = int(binary.BigEndian.Uint16(h[2:])), 4
	case 127:
		if h, err = s.r.Peek(10); err != nil {
			return nil, err
		}
		n, head = int(binary.BigEndian.Uint64(h[2:])), 10
	}
	if op == 8 {
		return nil, io.EOF
	}
	if head+n <= s.r.Size() {
		p, err := s.r.Peek(head + n)
		if err != nil {
			return nil, err
		}
		_, _ = s.r.Discard(head + n)
		return p[head:], nil
	}
	_, _ = s.r.Discard(head)
	p := make([]byte, n)
	_, err = io.ReadFull(s.r, p)
	return p, err
}

// login authenticates the socket; ask sends one frame and returns the first reply's bytes.
func (s *socket) login(token, client string) error {
	p, err := s.ask(fmt.Appendf(nil, `{"id":1,"auth":{"token":%q,"client":%q,"version":"1"}}`, token, client))
	if err != nil {
		return err
	}
	if !strings.Contains(string(p), `"ok"`) {
		return fmt.Errorf("log-in refused: %s", p)
	}
	return nil
}

func (s *socket) ask(p []byte) ([]byte, error) {
	if s.r.Buffered() > 0 {
		if err := s.send(p); err != nil {
			return nil, err
		}
		return s.frame()
	}
	// Sent from within the wait for the answer: a plain read right after a write finds
	// nothing, and costs a system call to learn it.
	b, sent, failed := s.masked(p), 0, error(nil)
	err := s.raw.Read(func(fd uintptr) bool {
		if sent == len(b) {
			return true
		}
		for sent < len(b) {
			n, err := syscall.Write(int(fd), b[sent:])
			if err == syscall.EINTR {
				continue
			}
			if err != nil {
				failed = err
				return true
			}
			sent += n
		}
		return false
	})
	if err := cmp.Or(failed, err); err != nil {
		return nil, err
	}
	return s.frame()
}

func newID() string {
	var id [16]byte
	_, _ = rand.Read(id[6:])
	ms := uint64(time.Now().UnixMilli())
	binary.BigEndian.PutUint32(id[:4], uint32(ms>>16))
	binary.BigEndian.PutUint16(id[4:6], uint16(ms))
	id[6], id[8] = id[6]&0x0f|0x70, id[8]&0x3f|0x80
	h := hex.EncodeToString(id[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// workload says what the clients send.
type workload struct {
	clients, stores, boards int
	hot                     bool // every order takes the first dish
	warm, duration          time.Duration
	dishes                  []dish
	token                   func(store, role string) string
	echo                    bool
}

type dish struct {
	id    string
	price int64
}

// acked is what the audit holds the log to: orders acknowledged and portions they took.
type acked struct {
	orders map[string]int // store/cid → no
	taken  map[string]int // store/dish → portions
	sample []sample       // some of the orders, to be sent again
}

// sample is an order as it was sent and answered.
type sample struct {
	store string
	frame []byte
	no    int
}

// sampleEvery is how many orders of a client one sample stands for.
const sampleEvery = 100

type measured struct {
	orders   int
	seconds  float64
	p50, p99 time.Duration
	refused  int
	pushes   int
	acked    acked
	cpu      cpuTimes
}

// zipf picks dishes with popularity 1/rank, s = 1.0 (math/rand's needs s > 1).
type zipf struct{ cdf []float64 }

func newZipf(n int) zipf {
	z := zipf{make([]float64, n)}
	sum := 0.0
	for i := range n {
		sum += 1 / float64(i+1)
		z.cdf[i] = sum
	}
	return z
}

func (z zipf) pick(r *mrand.Rand) int {
	return min(sort.SearchFloat64s(z.cdf, r.Float64()*z.cdf[len(z.cdf)-1]), len(z.cdf)-1)
}

// generator makes one client's orders.
type generator struct {
	w     *workload
	r     *mrand.Rand
	z     zipf
	lines [3]int
	qty   [3]int
}

func (g *generator) order(b []byte, id int64, cid string) []byte {
	for i := 0; i < 3; {
		d := g.z.pick(g.r)
		if g.w.hot && i == 0 {
			d = 0
		}
		if slices.Contains(g.lines[:i], d) {
			d = g.r.IntN(len(g.w.dishes))
			if slices.Contains(g.lines[:i], d) {
				continue
			}
		}
		g.lines[i], g.qty[i] = d, 1+g.r.IntN(2)
		i++
	}
	b = strconv.AppendInt(append(b, `{"id":`...), id, 10)
	b = append(append(b, `,"cmd":"order.place","cid":"`...), cid...)
	b = append(b, `","d":{"type":"pickup","lines":[`...)
	var total int64
	for i, d := range g.lines {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(b, `{"dish":"`...), g.w.dishes[d].id...)
		b = strconv.AppendInt(append(b, `","qty":`...), int64(g.qty[i]), 10)
		b = append(b, '}')
		total += g.w.dishes[d].price * int64(g.qty[i])
	}
	b = strconv.AppendInt(append(b, `],"total":`...), total, 10)
	return append(b, `},"deadline_ms":10000}`...)
}

var errRefused = errors.New("refused")

// run drives the server at addr and measures between warm-up and end. cpu samples
// the server's and the database's processor time.
func (w *workload) run(addr string, cpu func() cpuTimes) (measured, error) {
	var stop, measuring atomic.Bool
	var pushes, done, refused atomic.Int64
	boards := make([]*socket, 0, w.boards)
	defer func() {
		for _, b := range boards {
			b.conn.Close()
		}
	}()
	var watching sync.WaitGroup
	for i := range w.boards {
		s, err := w.board(addr, i)
		if err != nil {
			return measured{}, err
		}
		boards = append(boards, s)
		watching.Go(func() {
			for {
				p, err := s.frame()
				if err != nil {
					return
				}
				pushes.Add(1 + int64(strings.Count(string(p), "\n")))
			}
		})
	}
	type outcome struct {
		lat []time.Duration
		acked
		err error
	}
	outcomes := make([]outcome, w.clients)
	z := newZipf(len(w.dishes))
	var clients sync.WaitGroup
	for i := range w.clients {
		o := &outcomes[i]
		o.acked = acked{orders: map[string]int{}, taken: map[string]int{}}
		clients.Go(func() {
			o.err = w.client(addr, i, z, &stop, func(took time.Duration, err error) {
				if err != nil {
					refused.Add(1)
					return
				}
				done.Add(1)
				if measuring.Load() {
					o.lat = append(o.lat, took)
				}
			}, &o.acked)
		})
	}
	time.Sleep(w.warm)
	measuring.Store(true)
	c0, n0, p0, t0 := cpu(), done.Load(), pushes.Load(), time.Now()
	time.Sleep(w.duration)
	m := measured{seconds: time.Since(t0).Seconds(), orders: int(done.Load() - n0), pushes: int(pushes.Load() - p0)}
	m.cpu = cpu().minus(c0)
	measuring.Store(false)
	stop.Store(true)
	clients.Wait()
	m.refused = int(refused.Load())
	m.acked = acked{orders: map[string]int{}, taken: map[string]int{}}
	var lat []time.Duration
	for _, o := range outcomes {
		if o.err != nil {
			return m, o.err
		}
		lat = append(lat, o.lat...)
		m.acked.sample = append(m.acked.sample, o.sample...)
		for k, v := range o.orders {
			m.acked.orders[k] = v
		}
		for k, v := range o.taken {
			m.acked.taken[k] += v
		}
	}
	if len(lat) == 0 {
		return m, errors.New("no order was acknowledged while measuring")
	}
	slices.Sort(lat)
	m.p50, m.p99 = lat[len(lat)/2], lat[len(lat)*99/100]
	for _, b := range boards {
		b.conn.Close()
	}
	watching.Wait()
	return m, nil
}

func (w *workload) store(i int) string { return fmt.Sprintf("bench-%d", i%w.stores) }

func (w *workload) board(addr string, i int) (*socket, error) {
	s, err := dial(addr)
	if err != nil {
		return nil, err
	}
	if err := s.login(w.token(w.store(i), "kitchen"), fmt.Sprintf("board-%d", i)); err != nil {
		return nil, err
	}
	p, err := s.ask([]byte(`{"id":2,"sub":[{"t":"kitchen.all"}]}`))
	if err != nil {
		return nil, err
	}
	if !strings.Contains(string(p), `"mode":`) {
		return nil, fmt.Errorf("board refused: %s", p)
	}
	return s, nil
}

// client places one order after the other until stop.
func (w *workload) client(addr string, i int, z zipf, stop *atomic.Bool, report func(time.Duration, error), a *acked) error {
	s, err := dial(addr)
	if err != nil {
		return err
	}
	defer s.conn.Close()
	store := w.store(i)
	if !w.echo {
		if err := s.login(w.token(store, "manager"), fmt.Sprintf("load-%d", i)); err != nil {
			return err
		}
	}
	g := generator{w: w, r: mrand.New(mrand.NewPCG(uint64(i), 7)), z: z}
	var b []byte
	for id := int64(10); !stop.Load(); id++ {
		cid := newID()
		b = g.order(b[:0], id, cid)
		t0 := time.Now()
		p, err := s.ask(b)
		if err != nil {
			return fmt.Errorf("client %d: %w", i, err)
		}
		took := time.Since(t0)
		if w.echo {
			report(took, nil)
			continue
		}
		for string(p) == "{}" { // ping
			if err := s.send(p); err != nil {
				return err
			}
			if p, err = s.frame(); err != nil {
				return err
			}
		}
		no, ok := placedNo(p)
		if !ok {
			if !strings.Contains(string(p), `"err"`) {
				return fmt.Errorf("client %d: neither ok nor err: %s", i, p)
			}
			report(took, errRefused)
			continue
		}
		a.orders[store+"/"+cid] = no
		if id%sampleEvery == 10 {
			a.sample = append(a.sample, sample{store, slices.Clone(b), no})
		}
		for j, d := range g.lines {
			a.taken[store+"/"+w.dishes[d].id] += g.qty[j]
		}
		report(took, nil)
	}
	return nil
}

// placedNo finds the order's number in an ok reply.
func placedNo(p []byte) (int, bool) {
	s := string(p)
	if !strings.Contains(s[:min(len(s), 40)], `"ok":`) {
		return 0, false
	}
	_, rest, ok := strings.Cut(s, `"no":`)
	if !ok {
		return 0, false
	}
	end := strings.IndexAny(rest, ",}")
	if end < 0 {
		return 0, false
	}
	no, err := strconv.Atoi(rest[:end])
	return no, err == nil
}
