package mqtt_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/brigata/brigata/edge/mqtt"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// kept are messages that wait for the disk.
type kept struct {
	mu   sync.Mutex
	done []func()
	got  []string
	more chan string
}

func (k *kept) take(topic string, b []byte, done func()) {
	k.mu.Lock()
	k.done, k.got = append(k.done, done), append(k.got, topic+" "+string(b))
	k.mu.Unlock()
	k.more <- topic + " " + string(b)
}

// synced acknowledges everything that waits.
func (k *kept) synced() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, f := range k.done {
		f()
	}
	k.done = nil
}

func serve(t testing.TB) (*mqtt.Server, *kept) {
	t.Helper()
	k := &kept{more: make(chan string, 100)}
	return serveWith(t, k.take), k
}

func serveWith(t testing.TB, take func(string, []byte, func())) *mqtt.Server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	rights := &mqtt.Rights{Send: map[string]bool{"a/1": true, "a/2": true}, Hear: map[string]bool{"alerts/1": true}}
	s := mqtt.Serve(l, mqtt.Options{PacketMax: 300, Take: take, Login: func(user, password string) *mqtt.Rights {
		if user == "u" && password == "p" {
			return rights
		}
		return nil
	}})
	t.Cleanup(s.Close)
	return s
}

// peer speaks bytes.
type peer struct {
	t testing.TB
	net.Conn
}

func dial(t testing.TB, s *mqtt.Server) *peer {
	t.Helper()
	c, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(20 * time.Second))
	return &peer{t, c}
}

func text(s string) string { return string([]byte{byte(len(s) >> 8), byte(len(s))}) + s }

func packet(head byte, body string) string {
	if len(body) < 128 {
		return string([]byte{head, byte(len(body))}) + body
	}
	return string([]byte{head, byte(len(body)) | 0x80, byte(len(body) >> 7)}) + body
}

func hello(client, user, password string) string {
	return packet(0x10, text("MQTT")+"\x04\xc2\x00\x3c"+text(client)+text(user)+text(password))
}

func (p *peer) say(s string) {
	p.t.Helper()
	if _, err := io.WriteString(p, s); err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) hear(want string) {
	p.t.Helper()
	got := make([]byte, len(want))
	if n, err := io.ReadFull(p, got); err != nil || string(got) != want {
		p.t.Fatalf("heard %x, want %x: %v", got[:n], want, err)
	}
}

// ends waits for the server to hang up, without another word.
func (p *peer) ends() {
	p.t.Helper()
	if b, err := io.ReadAll(p); len(b) > 0 || err != nil && !isReset(err) {
		p.t.Fatalf("heard %x, %v", b, err)
	}
}

// isReset tells a connection that was ended from one that nobody ends.
func isReset(err error) bool { return !errors.Is(err, os.ErrDeadlineExceeded) }

const welcome = "\x20\x02\x00\x00"

// Acknowledgements come when the messages are on disk, in their order, and not before.
func TestAcknowledgedWhenKept(t *testing.T) {
	s, k := serve(t)
	p := dial(t, s)
	p.say(hello("c", "u", "p"))
	p.hear(welcome)
	p.say(packet(0x30, text("a/1")+"zero"))              // QoS 0
	p.say(packet(0x32, text("a/1")+"\x00\x07one"))       // QoS 1
	p.say(packet(0x3a, text("a/2")+"\x00\x08two"))       // QoS 1, again
	p.say(packet(0x34, text("a/2")+"\x00\x09three"))     // QoS 2
	p.say(packet(0x32, text("a/3")+"\x00\x0anot yours")) // QoS 1
	for _, want := range []string{"a/1 zero", "a/1 one", "a/2 two", "a/2 three"} {
		if got := <-k.more; got != want {
			t.Fatalf("kept %q, want %q", got, want)
		}
	}
	p.hear("\x40\x02\x00\x0a") // there is nothing to keep of it
	p.say("\xc0\x00")
	p.hear("\xd0\x00") // and nothing else yet
	k.synced()
	p.hear("\x40\x02\x00\x07" + "\x40\x02\x00\x08" + "\x50\x02\x00\x09")
	p.say("\x62\x02\x00\x09")
	p.hear("\x70\x02\x00\x09")
	if n := s.Stats.Denied.Load(); n != 1 {
		t.Errorf("%d denied", n)
	}
	p.say("\xe0\x00")
	p.ends()
}

func TestSubscriptions(t *testing.T) {
	s, _ := serve(t)
	p := dial(t, s)
	p.say(hello("c", "u", "p"))
	p.hear(welcome)
	p.say(packet(0x82, "\x00\x01"+text("alerts/+")+"\x01"+text("alerts/2")+"\x00"+text("#")+"\x00"))
	p.hear("\x90\x05\x00\x01\x00\x80\x00")
	s.Publish("alerts/2", []byte("alert"))
	s.Publish("alerts/1", []byte("alert"))
	p.hear("\x30\x0f" + text("alerts/1") + "alert") // once, though two filters mean it
	p.say(packet(0xa2, "\x00\x02"+text("alerts/+")+text("#")))
	p.hear("\xb0\x02\x00\x02")
	s.Publish("alerts/1", []byte("alert"))
	p.say("\xc0\x00")
	p.hear("\xd0\x00")
}

// The newest connection of a client is its only one; without an id there may be many.
func TestTakenOver(t *testing.T) {
	s, _ := serve(t)
	first := dial(t, s)
	first.say(hello("c", "u", "p"))
	first.hear(welcome)
	anonymous := dial(t, s)
	anonymous.say(hello("", "u", "p"))
	anonymous.hear(welcome)
	second := dial(t, s)
	second.say(hello("c", "u", "p"))
	second.hear(welcome)
	first.ends()
	for _, p := range []*peer{second, anonymous} {
		p.say("\xc0\x00")
		p.hear("\xd0\x00")
	}
}

// What is not MQTT 3.1.1, or too large, or comes too early, ends that connection alone.
func TestNonsense(t *testing.T) {
	s, _ := serve(t)
	good := dial(t, s)
	good.say(hello("good", "u", "p"))
	good.hear(welcome)
	for name, x := range map[string]struct{ say, hear string }{
		"a wrong password":  {hello("c", "u", "x"), "\x20\x02\x00\x04"},
		"no password":       {packet(0x10, text("MQTT")+"\x04\x02\x00\x3c"+text("c")), "\x20\x02\x00\x04"},
		"MQTT 5":            {packet(0x10, text("MQTT")+"\x05\x02\x00\x3c\x00"+text("c")), "\x20\x02\x00\x01"},
		"MQTT 3.1":          {packet(0x10, text("MQIsdp")+"\x03\x02\x00\x3c"+text("c")), "\x20\x02\x00\x01"},
		"HTTP":              {"GET / HTTP/1.1\r\nHost: a-box-in-a-kitchen\r\nUser-Agent: somebody who is lost\r\n\r\n", ""},
		"a message first":   {packet(0x30, text("a/1")+"x"), ""},
		"an endless length": {"\x10\xff\xff\xff\xff\x7f", ""},
		"a large packet":    {"\x10\xff\x7f", ""},
		"a half connect":    {packet(0x10, text("MQTT")+"\x04"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := dial(t, s)
			p.say(x.say)
			p.hear(x.hear)
			p.ends()
		})
	}
	for name, say := range map[string]string{
		"two connects":        hello("c", "u", "p"),
		"QoS 3":               packet(0x36, text("a/1")+"\x00\x01x"),
		"no packet id":        packet(0x32, text("a/1")+"\x00\x00x"),
		"a topic with a plus": packet(0x30, text("a/+")+"x"),
		"an empty subscribe":  packet(0x82, "\x00\x01"),
		"a server's packet":   "\xd0\x00",
	} {
		t.Run(name, func(t *testing.T) {
			p := dial(t, s)
			p.say(hello("", "u", "p"))
			p.hear(welcome)
			p.say(say)
			p.ends()
		})
	}
	good.say("\xc0\x00")
	good.hear("\xd0\x00")
	if n := s.Stats.Refused.Load(); n != 2 {
		t.Errorf("%d refused", n)
	}
}

// A lamp that does not read is hung up on, and holds nobody up.
func TestDeafLamp(t *testing.T) {
	s, _ := serve(t)
	p := dial(t, s)
	p.say(hello("c", "u", "p"))
	p.hear(welcome)
	p.say(packet(0x82, "\x00\x01"+text("alerts/1")+"\x00"))
	p.hear("\x90\x03\x00\x01\x00")
	large := bytes.Repeat([]byte("x"), 32<<10)
	for range 2000 { // more than the sockets hold
		s.Publish("alerts/1", large)
	}
	if _, err := io.Copy(io.Discard, p); err != nil && !isReset(err) {
		t.Fatal(err)
	}
}

func FuzzConnection(f *testing.F) {
	s := serveWith(f, func(_ string, _ []byte, done func()) { done() })
	f.Add([]byte(packet(0x32, text("a/1")+"\x00\x07one")))
	f.Add([]byte(packet(0x82, "\x00\x01"+text("alerts/+")+"\x01")))
	f.Fuzz(func(t *testing.T, b []byte) {
		p := dial(t, s)
		fmt.Fprint(p, hello("", "u", "p"))
		p.Write(b)
		p.Conn.(*net.TCPConn).CloseWrite()
		io.Copy(io.Discard, p)
		p.Close()
	})
}
