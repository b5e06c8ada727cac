package printing_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/printer"
	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/actors/story"
	"github.com/brigata/brigata/actors/table"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/gateway/printing"
	"github.com/brigata/brigata/gateway/printing/fake"
	"github.com/brigata/brigata/persistence/memory"
)

func newPrinter(t *testing.T) *fake.Printer {
	p, err := fake.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// read is what is on paper of 80 mm.
func read(t *testing.T, slip []byte) string {
	t.Helper()
	text, err := fake.Read(slip, 48)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// kitchen is a host with two printers.
type kitchen struct {
	t      *testing.T
	p1, p2 *fake.Printer
	node   *actors.Node
	driver *printing.Driver
	db     *memory.Database
	idle   bool // nobody drives the printers
	seen   chan actors.View
	ids    int
}

func newKitchen(t *testing.T) *kitchen {
	k := &kitchen{t: t, p1: newPrinter(t), p2: newPrinter(t)}
	k.db = memory.NewDatabase()
	k.open()
	t.Cleanup(func() { k.close() })
	k.load(strings.NewReplacer("127.0.0.1:1", k.p1.Address, "127.0.0.1:2", k.p2.Address).Replace(string(story.Paper())))
	return k
}

func (k *kitchen) load(document string) {
	c, m, text, err := wire.DecodeStoreFile([]byte(document))
	if err != nil {
		k.t.Fatal(err)
	}
	k.ask("menu", &menu.Load{Menu: m, Text: text})
	k.ask("store", &store.Configure{Config: c})
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
	case *order.Change:
		id = c.Order
	case *order.PrintBill:
		id = c.Order
	case *table.PrintBill:
		id = c.Table
	case *table.SplitBill:
		id = c.Table
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
	return k.await(func(v *printer.View) bool { return v.ID == id && is(v) })
}

func (k *kitchen) await(is func(*printer.View) bool) *printer.View {
	k.t.Helper()
	late := time.After(10 * time.Second)
	for {
		select {
		case v := <-k.seen:
			if p, ok := v.View.(*printer.View); ok && is(p) {
				return p
			}
		case <-late:
			k.t.Fatalf("no printer came to that; the first was called %d times, and has %d slips", k.p1.Calls(), len(k.p1.Slips()))
		}
	}
}

func idle(v *printer.View) bool { return v.Queued == 0 && v.Last != nil }

func TestASlip(t *testing.T) {
	k := newKitchen(t)
	k.order()
	k.until("p1", idle)
	slips := k.p1.Slips()
	if len(slips) != 1 {
		t.Fatalf("%d slips", len(slips))
	}
	text := read(t, slips[0])
	for _, want := range []string{"T1  #1", "2 × Tofu", "少油", "wok"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not on it: %s", want, text)
		}
	}
}

// Out of paper, the job waits, goes to the backup, and comes out there once.
func TestNoPaper(t *testing.T) {
	k := newKitchen(t)
	k.p1.Out(true)
	k.order()
	var v *printer.View
	printed := false
	k.await(func(p *printer.View) bool { // the backup may be done before this one knows that it has the job
		if p.ID == "p1" && p.ReroutedTo == "p2" {
			v = p
		}
		printed = printed || p.ID == "p2" && idle(p)
		return v != nil && printed
	})
	if v.State != "failing" || v.Error != "no paper" {
		t.Errorf("%+v", v)
	}
	if a, b := len(k.p1.Slips()), len(k.p2.Slips()); a != 0 || b != 1 || !strings.Contains(read(t, k.p2.Slips()[0]), "FOR p1") {
		t.Errorf("%d slips here, %d there", a, b)
	}
}

// Cut off in the middle, or silent at the end: it may be on paper, and is shown so, and
// never printed again but by a copy that somebody asks for.
func TestUnsureIsShownAndNotRepeated(t *testing.T) {
	for _, next := range []fake.Fault{fake.Drop, fake.Stall} {
		t.Run(string(next), func(t *testing.T) {
			k := newKitchen(t)
			k.p1.Next(next)
			id := k.order()
			v := k.until("p1", func(v *printer.View) bool { return len(v.Unsure) == 1 })
			if v.Queued != 0 || v.State != "failing" || v.Unsure[0].Order != id {
				t.Errorf("%+v", v)
			}
			k.ask("order", &order.Reprint{Order: id, Station: "wok"})
			if v = k.until("p1", idle); v.Last.Copy != 2 {
				t.Errorf("%+v", v.Last)
			}
			slips := k.p1.Slips()
			if !strings.Contains(string(slips[len(slips)-1]), "*** COPY 2 ***") || len(slips) > 2 {
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
	if slips := k.p1.Slips(); len(slips) != 1 || !strings.Contains(string(slips[0]), "#2") {
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
			k.p1.Next(fake.Drop)
		case 5:
			k.p1.Out(true)
		case 6:
			k.p1.Out(false)
		}
		k.order()
	}
	k.p1.Out(false)
	k.p1.Next("")
	k.ask("order", &order.Place{Type: "dine_in", Table: "T1", Note: "last", Lines: []menu.Line{{Dish: "tofu", Qty: 1}}})
	v := k.until("p1", func(v *printer.View) bool { return v.Queued == 0 && printedLast(k) })
	count := map[string]int{}
	for _, s := range append(k.p1.Slips(), k.p2.Slips()...) {
		_, no, _ := strings.Cut(string(s), "#")
		no, _, _ = strings.Cut(no, "\n")
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
	for _, s := range append(k.p1.Slips(), k.p2.Slips()...) {
		if bytes.Contains(s, []byte("> last")) {
			return true
		}
	}
	return false
}
