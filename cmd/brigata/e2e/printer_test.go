package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/brigata/brigata/cmd/brigata/demo"
)

// paperRoll is a printer's stand-in. It says which slips it has a byte of, and prints to
// the end, or holds its word until it is let go.
type paperRoll struct {
	begun chan struct{} // a slip has begun, and waits

	mu    sync.Mutex
	holds bool
	jobs  []string // what came over each connection, as far as it came
	conns []net.Conn
}

func newPaperRoll(t *testing.T) (p *paperRoll, address string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p = &paperRoll{begun: make(chan struct{}, 100)}
	var tasks sync.WaitGroup
	tasks.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.mu.Lock()
			p.conns = append(p.conns, c)
			p.mu.Unlock()
			tasks.Go(func() { p.serve(c) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		p.mu.Lock()
		for _, c := range p.conns {
			c.Close()
		}
		p.mu.Unlock()
		tasks.Wait()
	})
	return p, l.Addr().String()
}

func (p *paperRoll) serve(c net.Conn) {
	defer c.Close()
	var status [3]byte // DLE EOT 4
	if _, err := io.ReadFull(c, status[:]); err != nil {
		return
	}
	c.Write([]byte{0x12})
	var job []byte
	var b [4096]byte
	for {
		n, err := c.Read(b[:])
		if err != nil {
			return
		}
		p.mu.Lock()
		first, holds := len(job) == 0, p.holds
		job = append(job, b[:n]...)
		if first {
			p.jobs = append(p.jobs, "")
		}
		p.jobs[len(p.jobs)-1] = string(job) // one at a time: a printer has one connection
		p.mu.Unlock()
		if holds {
			p.begun <- struct{}{}
			io.Copy(io.Discard, c)
			return
		}
		if i := bytes.Index(job, []byte{0x1d, '(', 'H', 6, 0, 48, 48}); i >= 0 && len(job) >= i+11 {
			c.Write(append([]byte{0x37, 0x22}, append(bytes.Clone(job[i+7:i+11]), 0)...))
			return
		}
	}
}

func (p *paperRoll) hold(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.holds = on
}

// on is on how many slips an order's number is.
func (p *paperRoll) on(no int) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, j := range p.jobs {
		if strings.Contains(j, fmt.Sprintf("#%d\n", no)) {
			n++
		}
	}
	return n
}

// printing is the demo store with a printer at the wok.
func printing(t *testing.T, address string) string {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal(demo.Store(), &doc); err != nil {
		t.Fatal(err)
	}
	doc["printers"] = []any{map[string]any{"id": "p-wok", "address": address, "paper_mm": 80, "encoding": "gb18030"}}
	for _, s := range doc["stations"].([]any) {
		if s := s.(map[string]any); s["id"] == "wok" {
			s["printer"] = "p-wok"
		}
	}
	b, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "store.json")
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestKilledWhilePrinting kills the node again and again while a slip is on its way to
// paper, with others behind it: each order is on paper at most once, and one that may
// not be there as a whole is shown.
func TestKilledWhilePrinting(t *testing.T) {
	onBoth(t, func(t *testing.T, start func(*testing.T) *node) {
		p, address := newPaperRoll(t)
		n := start(t)
		document, err := os.ReadFile(printing(t, address))
		if err != nil {
			t.Fatal(err)
		}
		if status, body := rest(t, n, n.token, "PUT", "/v1/stores/demo", string(document), nil); status >= 300 {
			t.Fatalf("%d %s", status, body)
		}
		cut, orders := map[int]bool{}, 0
		for range 3 {
			p.hold(true)
			c := n.dial(n.token, "till")
			for range 3 {
				place(t, c, "T01")
				orders++
			}
			<-p.begun
			cut[orders-2] = true
			n.kill()
			p.hold(false)
			n = start(t)
			await(t, n.dial(n.token, "pass"), "printers", "printer/p-wok", func(d string) bool { return strings.Contains(d, `"queued":0`) })
		}
		var v struct {
			Unsure []struct{ Order string }
			State  string
		}
		view(t, n.dial(n.token, "pass"), "printers", "printer/p-wok", &v)
		if len(v.Unsure) != len(cut) {
			t.Errorf("%d slips may be on paper, the board shows %+v", len(cut), v)
		}
		for no := 1; no <= orders; no++ {
			if got := p.on(no); got != 1 {
				t.Errorf("order %d is on %d slips", no, got)
			}
		}
	})
}
