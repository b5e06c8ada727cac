package postgres_test

import (
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// proxy stands between a journal and its server and breaks connections where it hurts:
// after the server has the commit and before the client has its answer, in the middle
// of a message, and with a message still on its way that arrives later.
type proxy struct {
	target string
	l      net.Listener
	wg     sync.WaitGroup

	mu     sync.Mutex
	r      *rand.Rand
	calm   bool
	faults map[string]int
	conns  map[net.Conn]bool
}

func newProxy(target string, seed uint64) (*proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{target: target, l: l, r: rand.New(rand.NewPCG(seed, 7)), faults: map[string]int{}, conns: map[net.Conn]bool{}}
	p.wg.Go(p.accept)
	return p, nil
}

func (p *proxy) accept() {
	for {
		client, err := p.l.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			client.Close()
			continue
		}
		p.mu.Lock()
		p.conns[client], p.conns[server] = true, true
		p.mu.Unlock()
		p.wg.Go(func() { p.requests(client, server) })
		p.wg.Go(func() { p.answers(client, server) })
	}
}

// draw picks a fault, or "".
func (p *proxy) draw(faults map[string]float64) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.calm {
		return ""
	}
	x := p.r.Float64()
	for _, name := range []string{"late", "torn", "unanswered"} {
		if x -= faults[name]; x < 0 {
			p.faults[name]++
			return name
		}
	}
	return ""
}

func (p *proxy) requests(client, server net.Conn) {
	defer p.close(client)
	buf := make([]byte, 64<<10)
	for {
		n, err := client.Read(buf)
		if err != nil {
			p.close(server)
			return
		}
		switch p.draw(map[string]float64{"late": .004, "torn": .004}) {
		case "late": // the client sees the end before the server sees the message
			p.close(client)
			<-time.After(time.Duration(n%20) * time.Millisecond)
			server.Write(buf[:n])
			return // the server's side stays open until the backend ends
		case "torn":
			server.Write(buf[:n/2])
			p.close(server)
			return
		}
		if _, err := server.Write(buf[:n]); err != nil {
			p.close(server)
			return
		}
	}
}

func (p *proxy) answers(client, server net.Conn) {
	defer p.close(server)
	defer p.close(client)
	buf := make([]byte, 64<<10)
	for {
		n, err := server.Read(buf)
		if err != nil || p.draw(map[string]float64{"unanswered": .008}) != "" {
			return
		}
		if _, err := client.Write(buf[:n]); err != nil {
			// The client has gone, with a message on its way perhaps.
			for err = nil; err == nil; {
				_, err = server.Read(buf)
			}
			return
		}
	}
}

func (p *proxy) close(c net.Conn) {
	c.Close()
	p.mu.Lock()
	delete(p.conns, c)
	p.mu.Unlock()
}

// settle ends the faults; connections work from here on.
func (p *proxy) settle() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calm = true
	return p.faults
}

func (p *proxy) stop() {
	p.l.Close()
	p.mu.Lock()
	for c := range p.conns {
		c.Close()
	}
	p.mu.Unlock()
	p.wg.Wait()
}
