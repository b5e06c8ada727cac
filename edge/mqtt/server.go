// Package mqtt is the box's listener for devices: as much of MQTT 3.1.1 as sensors, and
// the lamps and sirens beside them, need. Its promise: a message is acknowledged when the
// box has it on disk, in the order in which it came, so that many devices share one sync
// of a slow disk. There are no sessions to keep: a device that connects again sends what
// was not acknowledged, and subscribes again. The box runs it.
package mqtt

import (
	"bufio"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Rights are the topics of a device.
type Rights struct{ Send, Hear map[string]bool }

// Options make a listener. Login and Take are needed.
type Options struct {
	// Login returns what a device may do; nil if there is none of that name and password.
	Login func(user, password string) *Rights
	// Take keeps a message. It may wait for room, and calls done once it is on disk;
	// done never waits.
	Take func(topic string, message []byte, done func())
	// PacketMax bounds a packet, in bytes: 64 KiB.
	PacketMax int
}

// Stats count what was refused since the start.
type Stats struct {
	Connections atomic.Int64 // open now
	Refused     atomic.Int64 // log-ins
	Denied      atomic.Int64 // messages and subscriptions that are not the device's
}

// Server is a running listener. Close ends it.
type Server struct {
	o     Options
	l     net.Listener
	Stats Stats

	mu    sync.Mutex
	conns map[*conn]bool
	names map[[2]string]*conn // user and client: the newest has it
	ended bool
	tasks sync.WaitGroup
}

const (
	connectionsMax = 1024
	connectIn      = 10 * time.Second
	writeIn        = 10 * time.Second
	// outMax bounds what a device has not read.
	outMax     = 64 << 10
	filtersMax = 64
)

// Serve listens until Close.
func Serve(l net.Listener, o Options) *Server {
	if o.PacketMax == 0 {
		o.PacketMax = 64 << 10
	}
	s := &Server{o: o, l: l, conns: map[*conn]bool{}, names: map[[2]string]*conn{}}
	s.tasks.Go(s.accept)
	return s
}

func (s *Server) accept() {
	for {
		n, err := s.l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			time.Sleep(10 * time.Millisecond) // out of descriptors, most likely
			continue
		}
		c := &conn{s: s, net: n, wake: make(chan struct{}, 1), closed: make(chan struct{})}
		s.mu.Lock()
		if s.ended || len(s.conns) >= connectionsMax {
			s.mu.Unlock()
			n.Close()
			continue
		}
		s.conns[c] = true
		s.tasks.Go(c.read)
		s.tasks.Go(c.write)
		s.mu.Unlock()
		s.Stats.Connections.Add(1)
	}
}

// Addr is where it listens.
func (s *Server) Addr() net.Addr { return s.l.Addr() }

// Publish tells those who listen and may hear it. One that does not read is left.
func (s *Server) Publish(topic string, message []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		if c.hears(topic) {
			c.send(appendMessage(nil, topic, message))
		}
	}
}

// Close ends the listener and all connections. Whoever waits in Take must be let go
// before.
func (s *Server) Close() {
	s.l.Close()
	s.mu.Lock()
	s.ended = true
	for c := range s.conns {
		c.close()
	}
	s.mu.Unlock()
	s.tasks.Wait()
}

// named makes c the only connection of its client.
func (s *Server) named(c *conn, name [2]string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if before := s.names[name]; before != nil {
		before.close()
	}
	s.names[name], c.name = c, name
}

func (s *Server) left(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	if s.names[c.name] == c {
		delete(s.names, c.name)
	}
	s.Stats.Connections.Add(-1)
}

// conn is one device's connection: a goroutine reads, another writes.
type conn struct {
	s      *Server
	net    net.Conn
	name   [2]string
	rights *Rights

	mu      sync.Mutex
	out     []byte // not written yet
	filters []string
	wake    chan struct{}
	closed  chan struct{}
	once    sync.Once
}

func (c *conn) close() {
	c.once.Do(func() {
		close(c.closed)
		c.net.Close()
	})
}

// send queues packets. It never waits.
func (c *conn) send(b []byte) {
	c.mu.Lock()
	c.out = append(c.out, b...)
	full := len(c.out) > outMax
	c.mu.Unlock()
	if full {
		c.close()
		return
	}
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *conn) write() {
	defer c.close()
	for {
		select {
		case <-c.wake:
		case <-c.closed:
			return
		}
		c.mu.Lock()
		b := c.out
		c.out = nil
		c.mu.Unlock()
		c.net.SetWriteDeadline(time.Now().Add(writeIn))
		if _, err := c.net.Write(b); err != nil {
			return
		}
	}
}

func (c *conn) read() {
	defer c.s.left(c)
	defer c.close()
	r := bufio.NewReader(c.net)
	c.net.SetReadDeadline(time.Now().Add(connectIn))
	idle, ok := c.login(r)
	if !ok {
		return
	}
	for {
		deadline := time.Time{}
		if idle > 0 {
			deadline = time.Now().Add(idle)
		}
		c.net.SetReadDeadline(deadline)
		p, err := readPacket(r, c.s.o.PacketMax)
		if err != nil || !c.packet(&p) {
			return
		}
	}
}

// login reads the first packet, and answers it. idle is how long the device may be silent.
func (c *conn) login(r *bufio.Reader) (idle time.Duration, ok bool) {
	p, err := readPacket(r, c.s.o.PacketMax)
	if err != nil || p.kind != connect {
		return 0, false
	}
	g, err := p.body.greeting()
	switch {
	case err != nil:
		return 0, false
	case g.level == 0:
		return 0, c.refuse(badVersion)
	}
	rights := c.s.o.Login(g.user, g.password)
	if rights == nil {
		c.s.Stats.Refused.Add(1)
		return 0, c.refuse(badLogin)
	}
	c.mu.Lock()
	c.rights = rights
	c.mu.Unlock()
	if g.client != "" {
		c.s.named(c, [2]string{g.user, g.client})
	}
	c.send(appendPacket(nil, connAck, 0, 0, accepted))
	return time.Duration(g.keepAlive) * time.Second * 3 / 2, true
}

// refuse says why a device is not let in. Nothing else is written to it.
func (c *conn) refuse(why byte) bool {
	c.net.SetWriteDeadline(time.Now().Add(writeIn))
	c.net.Write(appendPacket(nil, connAck, 0, 0, why))
	return false
}

// packet handles one packet; false ends the connection.
func (c *conn) packet(p *packet) bool {
	switch p.kind {
	case publish:
		m, err := p.message()
		if err != nil {
			return false
		}
		c.take(&m)
	case pubRel:
		id, err := p.body.number()
		if err != nil {
			return false
		}
		c.send(appendAck(nil, pubComp, id))
	case subscribe:
		return c.subscribe(p)
	case unsubscribe:
		return c.unsubscribe(p)
	case pingReq:
		c.send(appendPacket(nil, pingResp, 0))
	default: // disconnect, and what a device may not say
		return false
	}
	return true
}

// take keeps a message and acknowledges it. MQTT 3.1.1 has no way to say that a topic is
// not the device's: such a message is acknowledged, counted and forgotten.
func (c *conn) take(m *message) {
	id, qos := m.id, m.qos
	done := func() {
		switch qos {
		case 1:
			c.send(appendAck(nil, pubAck, id))
		case 2: // a reading counts once by its number: nothing else is remembered of it
			c.send(appendAck(nil, pubRec, id))
		}
	}
	if !c.rights.Send[m.topic] {
		c.s.Stats.Denied.Add(1)
		done()
		return
	}
	c.s.o.Take(m.topic, m.body, done)
}

const refusedFilter = 0x80

func (c *conn) subscribe(p *packet) bool {
	id, list, err := p.filters()
	if err != nil {
		return false
	}
	var codes []byte
	c.mu.Lock()
	for _, f := range list {
		if !c.mayHear(f) || len(c.filters) >= filtersMax {
			c.s.Stats.Denied.Add(1)
			codes = append(codes, refusedFilter)
			continue
		}
		c.filters = append(c.filters, f)
		codes = append(codes, 0) // alerts come at most once
	}
	c.mu.Unlock()
	c.send(appendAck(nil, subAck, id, codes...))
	return true
}

func (c *conn) mayHear(filter string) bool {
	for topic := range c.rights.Hear {
		if matches(filter, topic) {
			return true
		}
	}
	return false
}

func (c *conn) unsubscribe(p *packet) bool {
	id, list, err := p.filters()
	if err != nil {
		return false
	}
	c.mu.Lock()
	for _, f := range list {
		for i := len(c.filters) - 1; i >= 0; i-- {
			if c.filters[i] == f {
				c.filters = append(c.filters[:i], c.filters[i+1:]...)
			}
		}
	}
	c.mu.Unlock()
	c.send(appendAck(nil, unsubAck, id))
	return true
}

func (c *conn) hears(topic string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.rights == nil || !c.rights.Hear[topic] {
		return false
	}
	for _, f := range c.filters {
		if matches(f, topic) {
			return true
		}
	}
	return false
}
