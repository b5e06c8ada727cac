package actors

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/stock"
	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/actors/table"
	"github.com/brigata/brigata/actors/wire"
)

// small is a cell without actors, journal or time of its own: it delivers duties one
// after the other until nothing is owed, and holds every step to what must always be.
type small struct {
	t        *rapid.T
	now      time.Time
	machines map[command.Target]machine
	log      map[command.Target][]any
	ids      int
	zone     *time.Location
	settled  map[command.ID]any
}

// stepsMax is more than any command leads to.
const stepsMax = 2000

var smallStore = func() (docs struct {
	config *store.Config
	menu   *menu.Menu
}) {
	b, err := os.ReadFile("../cmd/brigata/demo/demo.json")
	if err != nil {
		panic(err)
	}
	c, m, _, err := wire.DecodeStoreFile(b)
	if err != nil {
		panic(err)
	}
	c.Stock = nil
	docs.config, docs.menu = c, m
	return docs
}()

func newSmall(t *rapid.T) *small {
	zone, err := time.LoadLocation(smallStore.config.Zone)
	if err != nil {
		t.Fatal(err)
	}
	s := &small{t: t, now: time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC), machines: map[command.Target]machine{},
		log: map[command.Target][]any{}, zone: zone, settled: map[command.ID]any{}}
	s.do(command.Target{Kind: "menu", ID: "demo"}, &menu.Load{Menu: smallStore.menu})
	s.do(command.Target{Kind: "store", ID: "demo"}, &store.Configure{Config: smallStore.config})
	return s
}

func (s *small) machine(t command.Target) machine {
	if t.ID == "" {
		t.ID = "demo"
	}
	m := s.machines[t]
	if m == nil {
		m = kinds[t.Kind].make()
		s.machines[t] = m
	}
	return m
}

func (s *small) today() *store.Today {
	st := s.machine(command.Target{Kind: "store"}).state().(*store.State)
	mn := s.machine(command.Target{Kind: "menu"}).state().(*menu.State)
	tracked := map[string]bool{}
	for t, m := range s.machines {
		if x, ok := m.state().(*stock.State); ok {
			tracked[t.ID] = stock.ViewOf(*x).Tracked()
		}
	}
	if st.Config == nil {
		return store.State{Config: smallStore.config}.Today(mn.Menu, s.zone, tracked)
	}
	return st.Today(mn.Menu, s.zone, tracked)
}

func bytesOf(m machine) []byte {
	return wire.AppendSnapshot(nil, &wire.Snapshot{State: m.state()})
}

// do takes a command and everything that follows from it.
func (s *small) do(t command.Target, c command.Command) (any, error) {
	h := c.Head()
	s.ids++
	if h.ID == "" {
		h.ID = command.ID(fmt.Sprintf("0192f3a1-7b2c-7d3e-8f40-%012x", s.ids))
	}
	if h.By.Role == "" {
		h.By = command.Who{ID: "boss", Name: "Boss", Role: command.Manager}
	}
	h.Channel = "pos"
	reply, err := s.step(t, c)
	s.drain()
	if _, later := reply.(command.Later); later {
		x, ok := s.settled[h.ID]
		if !ok {
			s.t.Fatalf("%T was never answered", c)
		}
		return x, nil
	}
	return reply, err
}

func (s *small) step(t command.Target, c command.Command) (any, error) {
	if t.ID == "" {
		t.ID = "demo"
	}
	m := s.machine(t)
	c.Head().At, c.Head().Today = s.now, s.today()
	before := bytesOf(m)
	events, reply, err := m.step(c)
	if err != nil {
		if !bytes.Equal(before, bytesOf(m)) {
			s.t.Fatalf("%T was refused, and changed the state of %v", c, t)
		}
		return nil, err
	}
	s.pure(t, before)
	if len(events) > 0 {
		for _, e := range events {
			turns, err := wire.DecodeBlock(wire.AppendTurn(nil, &wire.Turn{Events: []any{e}}))
			if err != nil {
				s.t.Fatalf("%T does not decode: %v", e, err)
			}
			s.log[t] = append(s.log[t], turns[0].Events[0])
		}
	}
	if x, ok := reply.(command.Settled); ok {
		if _, twice := s.settled[x.ID]; twice {
			s.t.Fatalf("%s was answered twice", x.ID)
		}
		s.settled[x.ID] = x.Reply
		if x.Refusal != nil {
			s.settled[x.ID] = x.Refusal
		}
	}
	return reply, nil
}

// pure holds the turn that has just been taken to having changed nothing that the state
// before it shares: the log so far still folds to that.
func (s *small) pure(t command.Target, before []byte) {
	again := kinds[t.Kind].make()
	for _, e := range s.log[t] {
		again.replay(e)
	}
	if t.Kind != "menu" && !bytes.Equal(before, bytesOf(again)) {
		s.t.Fatalf("a turn of %v changed what its earlier events hold", t)
	}
}

// drain delivers what is owed until nothing is, in a fixed order.
func (s *small) drain() {
	for steps := 0; ; steps++ {
		if steps > stepsMax {
			s.t.Fatal("there is no end to what is owed")
		}
		from, d, ok := s.owed()
		if !ok {
			return
		}
		c := delivered(d.Do)
		reply, err := s.step(d.To, c)
		a := &command.Answered{Duty: d, Reply: reply}
		if err != nil {
			a.Refusal = asRefusal(err)
		}
		if _, err := s.step(from, a); err != nil {
			s.t.Fatalf("%v refuses what became of its own %T: %v", from, d.Do, err)
		}
	}
}

func (s *small) targets() []command.Target {
	all := make([]command.Target, 0, len(s.machines))
	for t := range s.machines {
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b command.Target) int { return bytes.Compare([]byte(a.Kind+a.ID), []byte(b.Kind+b.ID)) })
	return all
}

func (s *small) owed() (command.Target, command.Duty, bool) {
	for _, t := range s.targets() {
		if duties := s.machines[t].owes(); len(duties) > 0 {
			return t, duties[0], true
		}
	}
	return command.Target{}, command.Duty{}, false
}

// tick lets everything happen that is due by now.
func (s *small) tick(by time.Duration) {
	s.now = s.now.Add(by)
	for range stepsMax {
		due := false
		for _, t := range s.targets() {
			at := s.machines[t].due()
			if at.IsZero() || at.After(s.now) {
				continue
			}
			due = true
			if _, err := s.step(t, &command.Tick{}); err != nil {
				s.t.Fatalf("%v refuses its tick: %v", t, err)
			}
			if next := s.machines[t].due(); next.Equal(at) {
				s.t.Fatalf("%v is due at %v after its tick", t, at)
			}
		}
		s.drain()
		if !due {
			return
		}
	}
	s.t.Fatal("ticks do not end")
}

// check holds the cell to its invariants.
func (s *small) check() {
	wants := map[string]int64{}
	sums := map[string]int64{}
	for _, t := range s.targets() {
		m := s.machines[t]
		if t.Kind == "menu" {
			continue // it does not change, and is large
		}
		again := kinds[t.Kind].make()
		for _, e := range s.log[t] {
			again.replay(e)
		}
		if !bytes.Equal(bytesOf(m), bytesOf(again)) {
			s.t.Fatalf("%v: replay is\n%+v, live is\n%+v", t, again.state(), m.state())
		}
		if o, ok := m.state().(*order.State); ok && o.ID != "" {
			s.checkOrder(o, wants, sums)
		}
	}
	for _, t := range s.targets() {
		switch x := s.machines[t].state().(type) {
		case *stock.State:
			if x.Counts && x.Taken > x.Count {
				s.t.Fatalf("%v is oversold: %d of %d", t, x.Taken, x.Count)
			}
			var taken int64
			for id, n := range x.Orders.All() {
				taken += n
				o, ok := s.machines[command.Target{Kind: "order", ID: id}].state().(*order.State)
				i := slices.IndexFunc(o.Takes, func(k order.Take) bool { return k.Stock == t.ID })
				if !ok || i < 0 || o.Takes[i].Want != n && o.Takes[i].Denied == nil {
					s.t.Fatalf("%v keeps %d for %s, which wants %+v", t, n, id, o.Takes)
				}
			}
			if x.Counts && taken != x.Taken {
				s.t.Fatalf("%v: %d are taken, orders have %d", t, x.Taken, taken)
			}
		case *table.State:
			s.checkTable(t, x)
		}
	}
}

func (s *small) checkOrder(o *order.State, wants, sums map[string]int64) {
	var lines int64
	for i := range o.Lines {
		l := &o.Lines[i]
		if l.VoidQty < 0 || l.VoidQty > l.Qty || l.Amount != l.UnitPrice*int64(l.Qty-l.VoidQty) {
			s.t.Fatalf("order %s, line %+v", o.ID, l)
		}
		lines += l.Amount
	}
	if o.State != order.Submitted && lines != o.Subtotal && !o.State.Final() {
		s.t.Fatalf("order %s: lines come to %d, the subtotal is %d", o.ID, lines, o.Subtotal)
	}
	if o.State == order.Submitted {
		s.t.Fatalf("order %s is neither placed nor refused", o.ID)
	}
}

func (s *small) checkTable(t command.Target, x *table.State) {
	if x.Session.ID == "" {
		return
	}
	b := x.Bill(s.today())
	if b.Due != b.Total-b.Paid+b.Refunded {
		s.t.Fatalf("%v: %+v", t, b)
	}
	var orders, parts int64
	for _, id := range b.Orders {
		o := s.machines[command.Target{Kind: "order", ID: id}].state().(*order.State)
		orders += o.Total
		if o.Table != t.ID {
			s.t.Fatalf("order %s is on the bill of %s and says it sits at %s", id, t.ID, o.Table)
		}
	}
	if orders != b.Total {
		s.t.Fatalf("%v: its orders come to %d, its bill to %d", t, orders, b.Total)
	}
	for _, p := range b.Parts {
		parts += p.Amount
	}
	if len(b.Parts) > 0 && parts != b.Total {
		s.t.Fatalf("%v: parts come to %d of %d (%s)", t, parts, b.Total, b.Mode)
	}
}

// random does one command that may or may not make sense.
func (s *small) random() {
	t := s.t
	tables := []string{"T01", "T02", "T03"}
	dishes := []string{"kung-pao-chicken", "mapo-tofu", "tea-smoked-duck"}
	at := rapid.SampledFrom(tables).Draw(t, "table")
	dish := rapid.SampledFrom(dishes).Draw(t, "dish")
	qty := rapid.IntRange(1, 4).Draw(t, "qty")
	var orders, payments []string
	for _, x := range s.targets() {
		switch m := s.machines[x].state().(type) {
		case *order.State:
			if m.ID != "" {
				orders = append(orders, x.ID)
			}
		default:
			if x.Kind == "payment" {
				payments = append(payments, x.ID)
			}
		}
	}
	id, pay := "0192f3a1-7b2c-7d3e-8f40-ffffffffffff", "0192f3a1-7b2c-7d3e-8f40-ffffffffffff"
	if len(orders) > 0 {
		id = rapid.SampledFrom(orders).Draw(t, "order")
	}
	if len(payments) > 0 {
		pay = rapid.SampledFrom(payments).Draw(t, "payment")
	}
	line := fmt.Sprintf(`{"dish":%q,"qty":%d,"seat":%d}`, dish, qty, qty)
	item := rapid.SampledFrom([]string{"1", "2", "3"}).Draw(t, "item")
	name := rapid.SampledFrom([]string{"order.place", "order.place", "order.place", "cart.set", "order.place cart", "order.add", "order.cancel", "order.void",
		"item.start", "item.bump", "item.bump", "item.recall", "item.serve", "item.hold", "item.fire", "item.void", "stock.count", "stock.restock", "stock.out", "stock.in",
		"table.open", "table.clear", "table.move", "table.merge", "table.call", "bill.split", "bill.discount", "payment.create", "payment.confirm",
		"payment.cancel", "payment.refund", "delivery", "order.accept", "tick"}).Draw(t, "command")
	d := ""
	switch name {
	case "order.place":
		hold := rapid.Bool().Draw(t, "hold")
		d = fmt.Sprintf(`{"type":"dine_in","table":%q,"hold":%v,"lines":[%s,{"dish":"mapo-tofu","qty":1,"course":2}]}`, at, hold, line)
	case "order.place cart":
		name, d = "order.place", fmt.Sprintf(`{"type":"dine_in","table":%q,"cart":%d}`, at, s.machine(command.Target{Kind: "table", ID: at}).state().(*table.State).Session.CartV)
	case "delivery":
		name, d = "order.place", fmt.Sprintf(`{"type":"delivery","lines":[%s]}`, line)
	case "order.add":
		d = fmt.Sprintf(`{"order":%q,"lines":[%s]}`, id, line)
	case "order.cancel", "order.void":
		d = fmt.Sprintf(`{"order":%q,"reason":"mistake"}`, id)
	case "order.accept":
		d = fmt.Sprintf(`{"order":%q}`, id)
	case "item.void":
		d = fmt.Sprintf(`{"order":%q,"items":[%q],"qty":1,"reason":"mistake"}`, id, item)
	case "item.start", "item.bump", "item.recall", "item.serve", "item.hold", "item.fire":
		d = fmt.Sprintf(`{"order":%q,"items":[%q]}`, id, item)
	case "stock.count", "stock.restock":
		d = fmt.Sprintf(`{"dish":%q,"qty":%d}`, dish, 3*qty)
	case "stock.out":
		d = fmt.Sprintf(`{"dish":%q,"until":"end_of_day"}`, dish)
	case "stock.in":
		d = fmt.Sprintf(`{"dish":%q}`, dish)
	case "table.open":
		d = fmt.Sprintf(`{"table":%q,"guests":%d}`, at, qty)
	case "table.clear":
		d = fmt.Sprintf(`{"table":%q,"reason":"guest_left","clean":true}`, at)
	case "table.move", "table.merge":
		d = fmt.Sprintf(`{"table":%q,"to":%q}`, at, rapid.SampledFrom(tables).Draw(t, "to"))
	case "table.call":
		d = fmt.Sprintf(`{"table":%q,"kind":"bill"}`, at)
	case "cart.set":
		d = fmt.Sprintf(`{"table":%q,"line":"l%d","dish":%q,"qty":%d}`, at, qty, dish, qty-1)
	case "bill.split":
		d = fmt.Sprintf(`{"table":%q,"mode":%q,"count":%d}`, at, rapid.SampledFrom([]string{"none", "even", "seats", "guests"}).Draw(t, "mode"), qty+1)
	case "bill.discount":
		d = fmt.Sprintf(`{"table":%q,"rate_bp":%d,"reason":"comp"}`, at, qty*500)
	case "payment.create":
		d = fmt.Sprintf(`{"table":%q,"provider":"cash","amount":%d,"tip":%d}`, at, qty*1700, qty)
	case "payment.confirm", "payment.cancel":
		d = fmt.Sprintf(`{"payment":%q}`, pay)
	case "payment.refund":
		d = fmt.Sprintf(`{"payment":%q,"amount":%d,"reason":"quality"}`, pay, qty*900)
	case "tick":
		s.tick(time.Duration(rapid.IntRange(1, 1000).Draw(t, "minutes")) * time.Minute)
		return
	}
	s.ids++
	cid := command.ID(fmt.Sprintf("0192f3a1-7b2c-7d3e-8f40-%012x", s.ids))
	to, c, err := wire.DecodeCommand(name, cid, []byte(d))
	if err != nil {
		t.Fatalf("%s %s: %v", name, d, err)
	}
	c.Head().ID = cid
	s.now = s.now.Add(time.Second)
	s.do(to, c)
}

// TestProperties runs random evenings. After each command: deciding has changed nothing,
// replay equals live state, nothing is owed, nothing is oversold, reservations are the
// orders', and the money adds up.
func TestProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newSmall(t)
		for range rapid.IntRange(1, 40).Draw(t, "commands") {
			s.random()
			s.check()
		}
	})
}
