package gateway

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/time/rate"

	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/gateway/auth"
	"github.com/brigata/brigata/gateway/boards"
	"github.com/brigata/brigata/gateway/feed"
)

const (
	subprotocol = "brigata.v1.json"
	// batchMax is how many bytes of messages share a frame.
	batchMax = 4 << 10
	// bufferMax is the largest buffer that goes back to the pool, in bytes.
	bufferMax = 64 << 10
)

// session is one client's socket. Its reader goroutine handles every message; a writer
// goroutine runs only while something waits, so an idle client costs one goroutine and
// no buffer. Deadlines are the sweeper's: a session has no timer.
type session struct {
	server  *Server
	ws      *websocket.Conn
	id      string
	address string
	since   int64      // ms
	trace   wire.Trace // of the upgrade: of every command
	out     feed.Queue
	limiter *rate.Limiter
	tcp     *net.TCPConn // nil: not known
	patience
	ponged int64 // ms when a client's own ping was last answered; the reader's

	writing atomic.Int64 // ms since when a write runs; 0: none
	heard   atomic.Int64 // ms of the last message
	pinged  atomic.Int64 // ms of a ping without an answer; 0: none
	closing atomic.Int32 // close with this code once nothing waits

	mu      sync.Mutex
	who     *auth.Principal // nil before auth
	reader  *boards.Client  // what who may see
	client  string
	waiting []waiting
	lastTag int64
	subs    map[string]*boards.Subscription // by topic as the client names it
}

// buffers are shared by readers and writers of all sockets.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

func putBuffer(p *[]byte, b []byte) {
	if cap(b) <= bufferMax {
		*p = b[:0]
		buffers.Put(p)
	}
}

// socket is GET /v1/ws. It returns right after the upgrade: net/http's goroutine and
// its request go, only the reader stays.
func (s *Server) socket(w http.ResponseWriter, r *http.Request) {
	from := address(r)
	tcp := tcpOf(r.Context())
	if tcp != nil {
		tcp.SetWriteBuffer(sendBuffer) // an error leaves the kernel's size
		tcp.SetReadBuffer(receiveBuffer)
	}
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		Subprotocols: []string{subprotocol}, OriginPatterns: s.config.Origins})
	if err != nil {
		return // Accept has answered
	}
	ws.SetReadLimit(int64(s.limits.Message))
	code := s.admit(ws.Subprotocol(), from)
	if code != 0 {
		s.tasks.run(func() { ws.Close(code, reasons[code]) })
		return
	}
	now := s.now().UnixMilli()
	c := &session{server: s, ws: ws, id: newID(), address: from, since: now, tcp: tcp,
		trace:   wire.ParseTrace(r.Header.Get("traceparent")),
		limiter: rate.NewLimiter(rate.Limit(s.limits.Rate), s.limits.Burst)}
	c.out.Init(s.limits.queue(), &s.stats.Feed)
	c.heard.Store(now)
	s.join(c)
	s.tasks.run(c.read)
}

func (s *Server) admit(protocol, from string) websocket.StatusCode {
	switch {
	case protocol != subprotocol:
		return closeSubprotocol
	case s.draining.Load():
		return closeDraining
	case s.open.Load() >= int64(s.limits.Connections), !s.counts.take("address "+from, s.limits.PerAddress):
		return closeTooMany
	}
	return 0
}

func (c *session) read() {
	defer c.leave()
	for {
		kind, r, err := c.ws.Reader(context.Background())
		if err != nil {
			return
		}
		p := buffers.Get().(*[]byte)
		b, err := readAll((*p)[:0], r)
		if err == nil {
			c.heard.Store(c.server.now().UnixMilli())
			if kind != websocket.MessageText {
				c.badFrame("json", "Text frames only")
			} else {
				c.frame(b)
			}
		}
		putBuffer(p, b)
		if err != nil {
			return
		}
		c.early = max(0, c.early-onWire(len(b)))
		if c.no.bad != nil {
			c.refuseLate()
		}
		if c.rest > 0 && !c.waits() {
			return
		}
	}
}

func readAll(b []byte, r io.Reader) ([]byte, error) {
	for {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err != nil {
			if errors.Is(err, io.EOF) {
				return b, nil
			}
			return b, err
		}
	}
}

// leave is the end of the session, whoever closed it.
func (c *session) leave() {
	c.ws.CloseNow()
	c.out.Close()
	c.unsubscribeAll()
	c.server.part(c)
}

// reply queues b for this client alone. What a client does not take of its replies
// for long ends its connection, for they are never dropped.
func (c *session) reply(b []byte) { c.answer(&feed.Frame{Body: b}) }

func (c *session) answer(f *feed.Frame) {
	if c.push(f) {
		c.wake()
	}
}

// push queues f, and says whether wake is to be called.
func (c *session) push(f *feed.Frame) (wake bool) {
	switch c.out.Push(f) {
	case feed.QueuedStart:
		return true
	case feed.Overflow:
		if f.Topic == "" {
			c.cut(closeSlow)
		} else {
			return c.out.Kick() == feed.QueuedStart // the drain sees to what is left out
		}
	}
	return false
}

func (c *session) wake() { c.server.tasks.run(c.drain) }

// drain writes what waits and stops when nothing does.
func (c *session) drain() {
	p := buffers.Get().(*[]byte)
	b := (*p)[:0]
	for {
		var more bool
		if b, more = c.out.Next(b[:0], batchMax); !more {
			break
		}
		c.writing.Store(c.server.now().UnixMilli())
		err := c.ws.Write(context.Background(), websocket.MessageText, b)
		c.writing.Store(0)
		if err != nil {
			c.out.Close()
			break
		}
		c.server.stats.Frames.Add(1)
	}
	putBuffer(p, b)
	if code := websocket.StatusCode(c.closing.Load()); code != 0 {
		c.server.closed(code)
		c.ws.Close(code, reasons[code])
		return
	}
	for _, b := range c.out.Stale() {
		c.catchUp(b)
	}
}

// end closes the socket once what waits is written. The first code stands.
func (c *session) end(code websocket.StatusCode) {
	if !c.closing.CompareAndSwap(0, int32(code)) {
		return
	}
	c.rouse()
	if c.out.Kick() == feed.QueuedStart {
		c.wake()
	}
}

// cut closes the socket of a client that does not read: nothing can be said to it.
func (c *session) cut(code websocket.StatusCode) {
	if c.closing.CompareAndSwap(0, int32(code)) {
		c.server.closed(code)
	}
	c.rouse()
	c.out.Close()
	c.server.tasks.run(func() { c.ws.CloseNow() })
}

// sweep looks after what has no timer of its own. It runs each second.
func (c *session) sweep(now time.Time) {
	l, ms := &c.server.limits, now.UnixMilli()
	who := c.principal()
	switch {
	case c.writing.Load() != 0 && ms-c.writing.Load() > l.WriteWithin.Milliseconds():
		c.cut(closeSlow)
	case c.closing.Load() != 0:
	case who == nil && ms-c.since > l.AuthWithin.Milliseconds():
		c.end(closeNoAuth)
	case who != nil && now.After(who.Expires):
		c.end(closeExpired)
	case ms-c.heard.Load() > 2*l.Ping.Milliseconds():
		c.end(closeNoPong)
	case ms-c.heard.Load() > l.Ping.Milliseconds() && c.pinged.CompareAndSwap(0, ms):
		c.reply(ping)
	}
	c.expire(now)
}

func (c *session) principal() *auth.Principal {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.who
}
