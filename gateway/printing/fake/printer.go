// Package fake stands in for a printer on the network in tests: it answers as Epson's do,
// and drops, stalls, holds its word and runs out of paper when told to. Its promise: what
// it has cut is what a person would find on paper.
package fake

import (
	"bytes"
	"io"
	"net"
	"slices"
	"sync"
)

// Fault is what happens to the next job.
type Fault string

const (
	Drop  Fault = "drop"  // the connection ends in the middle of it
	Stall Fault = "stall" // it is printed, and nothing is said
)

// Printer listens on Address. Begun has an element for each job that it holds.
type Printer struct {
	Address string
	Begun   chan struct{}

	listener net.Listener
	tasks    sync.WaitGroup

	mu    sync.Mutex
	out   bool
	holds bool
	next  Fault
	calls int
	jobs  [][]byte // as far as they came
	slips [][]byte // that came out whole
	conns []net.Conn
}

// New starts a printer on loopback. Close ends it.
func New() (*Printer, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Printer{Address: l.Addr().String(), Begun: make(chan struct{}, 100), listener: l}
	p.tasks.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.mu.Lock()
			p.calls++
			p.conns = append(p.conns, c)
			p.mu.Unlock()
			p.tasks.Go(func() { p.serve(c) })
		}
	})
	return p, nil
}

// Close ends the printer and whatever is connected to it.
func (p *Printer) Close() {
	p.listener.Close()
	p.mu.Lock()
	for _, c := range p.conns {
		c.Close()
	}
	p.mu.Unlock()
	p.tasks.Wait()
}

// Out says whether there is no paper.
func (p *Printer) Out(out bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out = out
}

// Next has the next job fail; "" takes that back.
func (p *Printer) Next(f Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next = f
}

// Hold has every job wait in the middle for as long as its sender does.
func (p *Printer) Hold(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.holds = on
}

// Calls is how often somebody connected.
func (p *Printer) Calls() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls
}

// Slips are those that came out whole, Jobs also those that were cut off.
func (p *Printer) Slips() [][]byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.slips)
}

func (p *Printer) Jobs() [][]byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.jobs)
}

var (
	sensor = []byte{0x10, 4, 4}                   // DLE EOT 4: is there paper
	marker = []byte{0x1d, '(', 'H', 6, 0, 48, 48} // GS ( H: say four bytes when this is printed
)

func (p *Printer) serve(c net.Conn) {
	defer c.Close()
	var got []byte
	var b [4096]byte
	job := -1
	for {
		n, err := c.Read(b[:])
		if err != nil {
			return
		}
		got = append(got, b[:n]...)
		if i := bytes.Index(got, sensor); i >= 0 && job < 0 {
			got = slices.Delete(got, i, i+len(sensor))
			if _, err := c.Write([]byte{p.status()}); err != nil {
				return
			}
		}
		if len(got) == 0 {
			continue
		}
		fault, holds := p.take(&job, got)
		switch {
		case holds:
			p.Begun <- struct{}{}
			io.Copy(io.Discard, c)
			return
		case fault == Drop:
			return
		}
		if i := bytes.Index(got, marker); i >= 0 && len(got) >= i+len(marker)+4 {
			id := got[i+len(marker):][:4]
			if p.cut(got[:i]); fault == Stall {
				io.Copy(io.Discard, c)
				return
			}
			c.Write(slices.Concat([]byte{0x37, 0x22}, id, []byte{0}))
			return
		}
	}
}

func (p *Printer) status() byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.out {
		return 0x72
	}
	return 0x12
}

// take notes how far a job has come, and says what is to happen to it.
func (p *Printer) take(job *int, got []byte) (Fault, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if *job < 0 {
		*job, p.jobs = len(p.jobs), append(p.jobs, nil)
	}
	p.jobs[*job] = bytes.Clone(got)
	f := p.next
	if f == Drop {
		p.next = ""
	}
	return f, p.holds
}

func (p *Printer) cut(slip []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.slips, p.next = append(p.slips, bytes.Clone(slip)), ""
}
