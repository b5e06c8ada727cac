package bus

import (
	"crypto/tls"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/brigata/brigata/cluster/certtest"
	"github.com/brigata/brigata/cluster/peers"
)

func startServer(t *testing.T, name string, c *tls.Config) *Server {
	t.Helper()
	s, err := StartServer(ServerOptions{Name: name, Listen: "127.0.0.1:0", TLS: c, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatal(what)
		}
		time.Sleep(time.Millisecond)
	}
}

func authority(t *testing.T) *tls.Config {
	t.Helper()
	f, err := certtest.Write(t.TempDir(), peers.ServerName)
	if err != nil {
		t.Fatal(err)
	}
	c, err := peers.LoadTLS(f.CA, f.Cert, f.Key)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Routes come and go with the members, and what one server is told another tells.
func TestRoutes(t *testing.T) {
	c := authority(t)
	a, b := startServer(t, "a", c), startServer(t, "b", c)
	if err := a.Connect([]string{b.Address()}); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "no route", func() bool { return a.Routes() == 1 && b.Routes() == 1 })
	sub, err := b.conn.SubscribeSync(subjectsOf("s"))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.conn.Flush(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "nothing came", func() bool {
		a.conn.Publish(valuesOf("s"), []byte("x"))
		m, err := sub.NextMsg(10 * time.Millisecond)
		return err == nil && string(m.Data) == "x"
	})
	if err := a.Connect(nil); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the route stays", func() bool { return a.Routes() == 0 })
	if err := a.Connect([]string{b.Address()}); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "no route again", func() bool { return a.Routes() == 1 })
}

// Who is not of our authority, or speaks no NATS, gets no route, and is counted.
func TestStrangersOnTheBus(t *testing.T) {
	a := startServer(t, "a", authority(t))
	for name, c := range map[string]*tls.Config{"no TLS": nil, "another authority": authority(t)} {
		before := a.Strangers()
		b := startServer(t, "b"+name[:2], c)
		if err := b.Connect([]string{a.Address()}); err != nil {
			t.Fatal(err)
		}
		waitFor(t, name+": not counted", func() bool { return a.Strangers() > before })
		if a.Routes() != 0 {
			t.Errorf("%s: let in", name)
		}
		b.Stop()
	}
	before := a.Strangers()
	conn, err := net.Dial("tcp", a.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.Write([]byte("GET / HTTP/1.1\r\n" + strings.Repeat("x", 70_000) + "\r\n\r\n"))
	waitFor(t, "not counted", func() bool { return a.Strangers() > before })
}
