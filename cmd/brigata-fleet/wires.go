package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"
)

// wires join nodes where namespaces are not permitted: each node listens on an address of
// the loopback that is its own, and tells the others one at which this program listens. A
// cut holds what is sent over TCP until it is mended, and drops what is sent over UDP.
//
// Who has dialled is seen from which process holds the other end of the connection: it
// needs Linux's /proc.
type wires struct {
	nodes    int
	port     int             // each node's gossip; requests and the bus are the next two
	database string          // host:port
	pid      func(i int) int // the process of node i; 0: it is down

	mu    sync.Mutex
	cuts  map[[2]int]chan struct{} // from, to; closed when it is mended
	ends  map[io.Closer]bool       // what is open
	done  bool
	udp   []*net.UDPConn // by node
	tasks sync.WaitGroup
}

// outside is whoever dials and is none of the nodes: nothing cuts it off.
const outside = -2

func home(i int) string            { return fmt.Sprintf("127.77.1.%d", 11+i) } // where node i listens,
func reach(i int) string           { return fmt.Sprintf("127.77.2.%d", 11+i) } // where the others reach it,
func databaseFor(i int) string     { return fmt.Sprintf("127.77.3.%d", 11+i) } // and it the database
func on(host string, p int) string { return fmt.Sprintf("%s:%d", host, p) }

// newWires listens for all nodes.
func newWires(w *wires) (*wires, error) {
	w.cuts, w.ends = map[[2]int]chan struct{}{}, map[io.Closer]bool{}
	for i := range w.nodes {
		if err := w.wire(i); err != nil {
			w.remove()
			return nil, err
		}
	}
	for i, c := range w.udp {
		w.tasks.Go(func() { w.datagrams(i, c) })
	}
	return w, nil
}

func (w *wires) wire(i int) error {
	c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(reach(i)), Port: w.port})
	if err != nil {
		return err
	}
	w.keep(c)
	w.udp = append(w.udp, c)
	for p := w.port; p < w.port+3; p++ {
		to := on(home(i), p)
		if err := w.listen(on(reach(i), p), func(in net.Conn) { w.carry(in, w.dialler(in), i, to) }); err != nil {
			return err
		}
	}
	return w.listen(on(databaseFor(i), w.port), func(in net.Conn) { w.carry(in, i, toDatabase, w.database) })
}

// keep notes what remove is to close; false if it has been called.
func (w *wires) keep(c io.Closer) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.done {
		c.Close()
		return false
	}
	w.ends[c] = true
	return true
}

func (w *wires) drop(c io.Closer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.ends, c)
	c.Close()
}

func (w *wires) listen(address string, take func(net.Conn)) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	w.keep(l)
	w.tasks.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			w.tasks.Go(func() { take(in) })
		}
	})
	return nil
}

// carry joins a connection with where it is to go, and both directions are as the wire
// between the two ends is.
func (w *wires) carry(in net.Conn, from, to int, address string) {
	if !w.keep(in) {
		return
	}
	defer w.drop(in)
	w.pass(from, to)
	out, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil || !w.keep(out) {
		return
	}
	defer w.drop(out)
	var both sync.WaitGroup
	both.Go(func() { w.copy(out, in, from, to) })
	w.copy(in, out, to, from)
	both.Wait()
}

// copy brings what src says to dst, its end as well.
func (w *wires) copy(dst, src net.Conn, from, to int) {
	b := make([]byte, 32<<10)
	for {
		n, err := src.Read(b)
		w.pass(from, to)
		if _, bad := dst.Write(b[:n]); bad != nil || err != nil {
			dst.Close()
			src.Close()
			return
		}
	}
}

// pass returns when what from sends reaches to.
func (w *wires) pass(from, to int) {
	for {
		w.mu.Lock()
		mended := w.cuts[[2]int{from, to}]
		w.mu.Unlock()
		if mended == nil {
			return
		}
		<-mended
	}
}

func (w *wires) broken(from, to int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.cuts[[2]int{from, to}] != nil
}

// datagrams brings node i what others send it: they send from where they listen. It comes
// from where they are reached, so that an answer finds its way.
func (w *wires) datagrams(i int, c *net.UDPConn) {
	b := make([]byte, 64<<10)
	to := &net.UDPAddr{IP: net.ParseIP(home(i)), Port: w.port}
	for {
		n, source, err := c.ReadFromUDP(b)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		for from := range w.udp {
			if err == nil && source.IP.String() == home(from) && !w.broken(from, i) {
				_, _ = w.udp[from].WriteToUDP(b[:n], to) // lost, as datagrams may be
			}
		}
	}
}

// dialler is the node whose process holds the other end of a connection.
func (w *wires) dialler(in net.Conn) int {
	peer, ok := in.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return outside
	}
	socket := socketOf(peer)
	for i := range w.nodes {
		dir := fmt.Sprintf("/proc/%d/fd/", w.pid(i))
		files, _ := os.ReadDir(dir) // of a process that is gone: none
		for _, f := range files {
			if to, _ := os.Readlink(dir + f.Name()); socket != "" && to == socket {
				return i
			}
		}
	}
	return outside
}

// socketOf is the name of the local socket with that IPv4 address, as /proc has it; "" if
// there is none any more.
func socketOf(a *net.TCPAddr) string {
	b, err := os.ReadFile("/proc/net/tcp")
	if err != nil || a.IP.To4() == nil {
		return ""
	}
	local := fmt.Sprintf("%08X:%04X", binary.NativeEndian.Uint32(a.IP.To4()), a.Port)
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 9 && f[1] == local {
			return "socket:[" + f[9] + "]"
		}
	}
	return ""
}

func (w *wires) cut(from, to int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if at := [2]int{from, to}; w.cuts[at] == nil {
		w.cuts[at] = make(chan struct{})
	}
	return nil
}

func (w *wires) mend(from, to int) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if at := [2]int{from, to}; w.cuts[at] != nil {
		close(w.cuts[at])
		delete(w.cuts, at)
	}
	return nil
}

func (w *wires) remove() {
	w.mu.Lock()
	w.done = true
	for at, mended := range w.cuts {
		close(mended)
		delete(w.cuts, at)
	}
	for c := range w.ends {
		c.Close()
	}
	w.mu.Unlock()
	w.tasks.Wait()
}

func (*wires) String() string { return "proxies in the program" }
