package printing_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/printer"
	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/actors/story"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/gateway/printing"
	"github.com/brigata/brigata/persistence/memory"
)

// paper is a printer's stand-in: what was cut off it, and how it misbehaves.
type paper struct {
	l net.Listener

	mu    sync.Mutex
	out   bool   // of paper
	next  string // of the next job: "drop" it in the middle, "stall" after it is printed
	slips []string
	calls int
	conns []net.Conn
}

func newPaper(t *testing.T) *paper {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &paper{l: l}
	var tasks sync.WaitGroup
	tasks.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.mu.Lock()
			p.calls++
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
	return p
}

func (p *paper) serve(c net.Conn) {
	defer c.Close()
	var got []byte
	var b [4096]byte
	for {
		n, err := c.Read(b[:])
		if err != nil {
			return
		}
		got = append(got, b[:n]...)
		if i := bytes.Index(got, []byte{0x10, 4, 4}); i >= 0 {
			got = slices.Delete(got, i, i+3)
			p.mu.Lock()
			status := byte(0x12)
			if p.out {
				status |= 0x60
			}
			p.mu.Unlock()
			c.Write([]byte{status})
		}
		p.mu.Lock()
		next := p.next
		if next == "drop" && len(got) > 0 {
			p.next = ""
			p.mu.Unlock()
			return
		}
		if i := bytes.Index(got, []byte{0x1d, '(', 'H', 6, 0, 48, 48}); i >= 0 && len(got) >= i+11 {
			p.slips = append(p.slips, string(got[:i]))
			p.next = ""
			p.mu.Unlock()
			if next == "stall" {
				io.Copy(io.Discard, c)
				return
			}
			c.Write(append([]byte{0x37, 0x22}, append(bytes.Clone(got[i+7:i+11]), 0)...))
			return
		}
		p.mu.Unlock()
	}
}

func (p *paper) set(out bool, next string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.out, p.next = out, next
}

func (p *paper) printed() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.slips)
}

// kitchen is a host with two printers.
type kitchen struct {
	t      *testing.T
	p1, p2 *paper
	node   *actors.Node
	driver *printing.Driver
	db     *memory.Database
	idle   bool // nobody drives the printers
	seen   chan actors.View
	ids    int
}

func newKitchen(t *testing.T) *kitchen {
	k := &kitchen{t: t, p1: newPaper(t), p2: newPaper(t)}
	k.db = memory.NewDatabase()
	k.open()
	t.Cleanup(func() { k.close() })
	doc := strings.NewReplacer("127.0.0.1:1", k.p1.l.Addr().String(), "127.0.0.1:2", k.p2.l.Addr().String()).Replace(string(story.Paper()))
	c, m, text, err := wire.DecodeStoreFile([]byte(doc))
	if err != nil {
		t.Fatal(err)
	}
	k.ask("menu", &menu.Load{Menu: m, Text: text})
	k.ask("store", &store.Configure{Config: c})
	return k
}

func (k *kitchen) open() {
	k.seen = make(chan actors.View, 10_000)
	ready := make(chan struct{})
	var driver *printing.Driver
	seen, idle := k.seen, k.idle
	node, err := actors.NewNode(actors.Config{Journal: k.db.Open(memory.Options{}), Publish: func(views []actors.View) {
		<-ready
		if !idle {
			driver.Publish(views)
		}
		for _, v := range views {
			seen <- v
		}
	}})
	if err != nil {
		k.t.Fatal(err)
	}
	driver = printing.NewDriver(printing.Config{Engine: node, Within: 400 * time.Millisecond, Again: 10 * time.Millisecond})
	close(ready)
	k.node, k.driver = node, driver
	if err := node.Open(k.t.Context(), "s"); err != nil {
		k.t.Fatal(err)
	}
}

func (k *kitchen) close() {
	k.driver.Stop()
	if err := k.node.Stop(context.Background()); err != nil {
		k.t.Error(err)
	}
}

type once chan actors.Answer

func (o once) Reply(_ int64, a actors.Answer) { o <- a }

func (k *kitchen) ask(kind string, c command.Command) string {
	k.t.Helper()
	k.ids++
	ms := time.Now().UnixMilli()
	cid := fmt.Sprintf("%08x-%04x-7%03x-8000-%012x", ms>>16, ms&0xffff, k.ids&0xfff, k.ids)
	id := ""
	if kind == "order" {
		id = cid
	}
	switch c := c.(type) {
	case *order.Reprint:
		id = c.Order
	case *printer.Report:
		id = c.Printer
	}
	to := make(once, 1)
	k.node.Do(&actors.Request{Store: "s", Target: command.Target{Kind: kind, ID: id}, Command: c, ID: command.ID(cid), Channel: "pos",
		By: command.Who{ID: "boss", Name: "Boss", Role: command.Manager}, Principal: "boss", To: to})
	if a := <-to; a.Refusal != nil {
		k.t.Fatalf("%T: %+v", c, a.Refusal)
	}
	return cid
}

func (k *kitchen) order() string {
	return k.ask("order", &order.Place{Type: "dine_in", Table: "T1", Lines: []menu.Line{{Dish: "tofu", Qty: 2, Note: "少油"}}})
}

// until waits for a view of a printer that is as it should be.
func (k *kitchen) until(id string, is func(*printer.View) bool) *printer.View {
	k.t.Helper()
	late := time.After(10 * time.Second)
	for {
		select {
		case v := <-k.seen:
			if p, ok := v.View.(*printer.View); ok && p.ID == id && is(p) {
				return p
			}
		case <-late:
			k.t.Fatalf("printer %s never came to that; it was called %d times, and has %d slips", id, k.p1.calls, len(k.p1.printed()))
		}
	}
}

func idle(v *printer.View) bool { return v.Queued == 0 && v.Last != nil }

func TestASlip(t *testing.T) {
	k := newKitchen(t)
	k.order()
	k.until("p1", idle)
	slips := k.p1.printed()
	if len(slips) != 1 {
		t.Fatalf("%d slips", len(slips))
	}
	text, err := simplifiedchinese.GB18030.NewDecoder().String(slips[0])
	for _, want := range []string{"T1  #1", "2 × Tofu", "少油", "wok"} {
		if err != nil || !strings.Contains(text, want) {
			t.Errorf("%q is not on it: %q %v", want, text, err)
		}
	}
}

// Out of paper, the job waits, goes to the backup, and comes out there once.
func TestNoPaper(t *testing.T) {
	k := newKitchen(t)
	k.p1.set(true, "")
	k.order()
	v := k.until("p1", func(v *printer.View) bool { return v.ReroutedTo == "p2" })
	if v.State != "failing" || v.Error != "no paper" {
		t.Errorf("%+v", v)
	}
	k.until("p2", idle)
	if a, b := len(k.p1.printed()), len(k.p2.printed()); a != 0 || b != 1 || !strings.Contains(k.p2.printed()[0], "FOR p1") {
		t.Errorf("%d slips here, %d there", a, b)
	}
}

// Cut off in the middle, or silent at the end: it may be on paper, and is shown so, and
// never printed again but by a copy that somebody asks for.
func TestUnsureIsShownAndNotRepeated(t *testing.T) {
	for _, next := range []string{"drop", "stall"} {
		t.Run(next, func(t *testing.T) {
			k := newKitchen(t)
			k.p1.set(false, next)
			id := k.order()
			v := k.until("p1", func(v *printer.View) bool { return len(v.Unsure) == 1 })
			if v.Queued != 0 || v.State != "failing" || v.Unsure[0].Order != id {
				t.Errorf("%+v", v)
			}
			k.ask("order", &order.Reprint{Order: id, Station: "wok"})
			if v = k.until("p1", idle); v.Last.Copy != 2 {
				t.Errorf("%+v", v.Last)
			}
			slips := k.p1.printed()
			if !strings.Contains(slips[len(slips)-1], "*** COPY 2 ***") || len(slips) > 2 {
				t.Errorf("%q", slips)
			}
		})
	}
}

// The node ended after it had noted that a job begins: the next one cannot know whether
// it is on paper, says so, and prints what comes after it.
func TestTheNodeEndsInMidJob(t *testing.T) {
	k := newKitchen(t)
	k.close()
	k.idle = true
	k.open()
	first := k.order()
	k.order()
	k.ask("printer", &printer.Report{Printer: "p1", Key: first + ".wok.0/1:1", Outcome: printer.Began})
	k.close()
	k.idle = false
	k.open()
	v := k.until("p1", idle)
	if len(v.Unsure) != 1 || v.Unsure[0].Order != first {
		t.Errorf("%+v", v)
	}
	if slips := k.p1.printed(); len(slips) != 1 || !strings.Contains(slips[0], "#2") {
		t.Errorf("%q", slips)
	}
}

// A rush while the printer fails now and then: every ticket is printed once, or visibly
// unsure; nothing twice.
func TestRush(t *testing.T) {
	k := newKitchen(t)
	const orders = 40
	for i := range orders {
		switch i % 8 {
		case 2:
			k.p1.set(false, "drop")
		case 5:
			k.p1.set(true, "")
		case 6:
			k.p1.set(false, "")
		}
		k.order()
	}
	k.p1.set(false, "")
	k.ask("order", &order.Place{Type: "dine_in", Table: "T1", Note: "last", Lines: []menu.Line{{Dish: "tofu", Qty: 1}}})
	v := k.until("p1", func(v *printer.View) bool { return v.Queued == 0 && printedLast(k) })
	count := map[string]int{}
	for _, s := range append(k.p1.printed(), k.p2.printed()...) {
		no, _, _ := strings.Cut(s[strings.Index(s, "#"):], "\n")
		count[no]++
	}
	for no, n := range count {
		if n != 1 {
			t.Errorf("order %s is on %d slips", no, n)
		}
	}
	if len(count)+len(v.Unsure) < orders+1 {
		t.Errorf("%d slips and %d unsure, of %d orders", len(count), len(v.Unsure), orders+1)
	}
}

func printedLast(k *kitchen) bool {
	for _, s := range append(k.p1.printed(), k.p2.printed()...) {
		if strings.Contains(s, "> last") {
			return true
		}
	}
	return false
}
