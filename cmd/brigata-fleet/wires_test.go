package main

import (
	"bufio"
	"errors"
	"net"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/brigata/brigata/persistence/ports"
)

const (
	soon    = 10 * time.Second       // what goes arrives by then
	unheard = 200 * time.Millisecond // what does not is looked for so long
)

// rig is two nodes' ends of wires: this process is node 0, and echoes at node 1's.
type rig struct {
	*testing.T
	wires *wires
	lines chan string // that came back
	conn  net.Conn    // from node 0 to node 1
}

func newRig(t *testing.T) *rig {
	if runtime.GOOS != "linux" {
		t.Skip("who dialled is read in /proc")
	}
	port, err := ports.Reserve(4)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{T: t, lines: make(chan string, 10)}
	r.wires, err = newWires(&wires{nodes: 2, port: port, database: on(home(1), port+1), pid: func(i int) int { return []int{os.Getpid(), 0}[i] }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.wires.remove)
	l, err := net.Listen("tcp", on(home(1), port+1))
	if err != nil {
		t.Fatal(err)
	}
	echoed := make(chan struct{})
	go func() {
		defer close(echoed)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for s := bufio.NewScanner(c); s.Scan(); {
					c.Write([]byte(s.Text() + "\n"))
				}
			}()
		}
	}()
	t.Cleanup(func() { l.Close(); <-echoed })
	r.conn = r.dial(on(reach(1), port+1))
	return r
}

// dial connects, and has what comes back in lines.
func (r *rig) dial(address string) net.Conn {
	r.Helper()
	c, err := net.DialTimeout("tcp", address, soon)
	if err != nil {
		r.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for s := bufio.NewScanner(c); s.Scan(); {
			r.lines <- s.Text()
		}
	}()
	r.Cleanup(func() { c.Close(); <-done })
	return c
}

func (r *rig) say(c net.Conn, line string) {
	r.Helper()
	if _, err := c.Write([]byte(line + "\n")); err != nil {
		r.Fatal(err)
	}
}

func (r *rig) hears(line string) {
	r.Helper()
	select {
	case got := <-r.lines:
		if got != line {
			r.Fatalf("heard %q, not %q", got, line)
		}
	case <-time.After(soon):
		r.Fatalf("%q did not come back", line)
	}
}

func (r *rig) hearsNothing() {
	r.Helper()
	select {
	case got := <-r.lines:
		r.Fatalf("heard %q over a wire that is cut", got)
	case <-time.After(unheard):
	}
}

// What is sent in a direction that is cut arrives when it is mended, and not before; who
// dialled is no matter, and the other direction goes on.
func TestWiresHoldWhatIsCut(t *testing.T) {
	r := newRig(t)
	r.say(r.conn, "whole")
	r.hears("whole")
	for _, way := range [][2]int{{0, 1}, {1, 0}} {
		r.wires.cut(way[0], way[1])
		r.say(r.conn, "cut")
		r.hearsNothing()
		r.wires.mend(way[0], way[1])
		r.hears("cut")
	}
	r.wires.cut(0, toDatabase) // another way to the same end
	r.say(r.conn, "elsewhere")
	r.hears("elsewhere")
	r.say(r.dial(on(databaseFor(0), r.wires.port)), "to the database")
	r.hearsNothing()
	r.wires.mend(0, toDatabase)
	r.hears("to the database")
}

// Datagrams come from where the sender is reached, and over a wire that is cut not at all.
func TestWiresLoseDatagrams(t *testing.T) {
	r := newRig(t)
	ends := [2]*net.UDPConn{}
	for i := range ends {
		c, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(home(i)), Port: r.wires.port})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		ends[i] = c
	}
	b := make([]byte, 10)
	come := func(at int, within time.Duration) (string, string) {
		ends[at].SetReadDeadline(time.Now().Add(within))
		n, from, err := ends[at].ReadFromUDP(b)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return "", ""
		} else if err != nil {
			t.Fatal(err)
		}
		return string(b[:n]), from.IP.String()
	}
	send := func(from, to int, what string) {
		if _, err := ends[from].WriteToUDP([]byte(what), &net.UDPAddr{IP: net.ParseIP(reach(to)), Port: r.wires.port}); err != nil {
			t.Fatal(err)
		}
	}
	send(0, 1, "ping")
	if what, from := come(1, soon); what != "ping" || from != reach(0) {
		t.Errorf("%q from %s", what, from)
	}
	r.wires.cut(0, 1)
	send(0, 1, "lost")
	send(1, 0, "back")
	if what, _ := come(0, soon); what != "back" {
		t.Errorf("the other way: %q", what)
	}
	if what, _ := come(1, unheard); what != "" {
		t.Errorf("%q came over a wire that is cut", what)
	}
	r.wires.mend(0, 1)
	send(0, 1, "again")
	if what, _ := come(1, soon); what != "again" {
		t.Errorf("mended: %q", what)
	}
}
