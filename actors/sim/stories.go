package sim

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/brigata/brigata/actors/command"
)

// storyteller invents what clients want.
type storyteller struct {
	plan    *Plan
	rand    *rand.Rand
	ids     int
	readers bool     // most clients look
	orders  []string // their ids so far
}

// open loads the store before anybody comes, and plans all that the plan has.
func (w *World) open() {
	load := &chain{world: w, steps: []Step{{Cmd: "menu.load", ID: idAt(w.plan, 0, 1)}, {Cmd: "store.configure", ID: idAt(w.plan, 0, 2)}}}
	load.done = func() {
		w.loaded = true
		w.box.begin()
		for i := range w.plan.Chains {
			c := &chain{world: w, steps: w.plan.Chains[i].Steps, values: map[string]string{}}
			w.after(w.plan.Chains[i].At-w.now, c.next)
		}
	}
	load.next()
	for _, f := range w.plan.Faults {
		w.after(f.At, func() { w.strike(f) })
	}
	w.after(w.plan.Heal, w.heal)
}

// idAt is a command id minted at that time by a right clock.
func idAt(p *Plan, at int64, n int) command.ID {
	ms := p.Began.UnixMilli() + at/millisecond
	return command.ID(fmt.Sprintf("%08x-%04x-7%03x-8000-%012x", ms>>16, ms&0xffff, n&0xfff, n))
}

// minted is when a command id says that it was.
func minted(id command.ID) time.Time {
	ms, err := strconv.ParseInt(string(id[:8]+id[9:13]), 16, 64)
	if err != nil {
		panic(err)
	}
	return time.UnixMilli(ms)
}

func (g *storyteller) chance(n int) bool { return g.rand.IntN(n) == 0 }

func (g *storyteller) pick(of ...string) string { return of[g.rand.IntN(len(of))] }

// chain adds one client's story to the plan.
func (g *storyteller) chain() {
	at := 300*millisecond + g.rand.Int64N(g.plan.Heal-2*second)
	if g.chance(3) { // crowds come together
		at = at / (2 * second) * 2 * second
	}
	g.plan.Chains = append(g.plan.Chains, Chain{At: at})
	if g.readers && !g.chance(4) {
		g.watch()
		return
	}
	stories := []func(){g.dine, g.dine, g.dine, g.pickup, g.deliver, g.cart, g.floor, g.manage, g.watch, g.split}
	stories[g.rand.IntN(len(stories))]()
}

// do adds a step to the chain at hand and returns its id.
func (g *storyteller) do(cmd, d string, a ...any) command.ID {
	c := &g.plan.Chains[len(g.plan.Chains)-1]
	g.ids++
	s := Step{Wait: g.rand.Int64N(400 * millisecond), Cmd: cmd, D: fmt.Sprintf(d, a...), ID: idAt(g.plan, c.At, 100+g.ids), By: command.Manager}
	if g.chance(6) {
		s.Tries = 1 + g.rand.IntN(4) // the phone dies
	}
	s.Ignore = g.chance(8)
	if g.chance(100) { // a phone that comes back from a drawer
		s.ID = idAt(g.plan, -26*3600*second, 100+g.ids)
	}
	if g.chance(200) { // or one whose clock is far ahead
		s.ID = idAt(g.plan, 26*3600*second, 100+g.ids)
	}
	s.D = strings.ReplaceAll(s.D, "$me", string(s.ID))
	c.Steps = append(c.Steps, s)
	if g.chance(6) {
		g.again(s)
	}
	if cmd == "order.place" {
		g.orders = append(g.orders, string(s.ID))
	}
	return s.ID
}

// again sends the same command once more, later; or another under its id.
func (g *storyteller) again(s Step) {
	c := &g.plan.Chains[len(g.plan.Chains)-1]
	s.Wait, s.Tries = g.rand.Int64N(3*second), 6
	switch g.rand.IntN(5) {
	case 0, 1:
		s.D = strings.TrimSuffix(s.D, "}") + `,"note":"other"}`
	case 2:
		s.By2 = true
	}
	s.Ignore = true
	c.Steps = append(c.Steps, s)
}

func (g *storyteller) look(kind, id string) {
	c := &g.plan.Chains[len(g.plan.Chains)-1]
	c.Steps = append(c.Steps, Step{Wait: g.rand.Int64N(400 * millisecond), Read: command.Target{Kind: kind, ID: id}, Tries: 8, Ignore: g.chance(3)})
}

func (g *storyteller) line() string {
	d := g.pick("duck", "duck", "noodles", "noodles", "soup", "beer")
	more := ""
	if d == "noodles" && g.chance(3) {
		more = `,"options":[{"group":"extras","option":"egg","qty":1}]`
	}
	if g.chance(3) {
		more += fmt.Sprintf(`,"seat":%d`, 1+g.rand.IntN(3))
	}
	if g.chance(10) {
		more += `,"hold":true`
	}
	return fmt.Sprintf(`{"dish":%q,"qty":%d%s}`, d, 1+g.rand.IntN(2), more)
}

func (g *storyteller) lines() string {
	l := g.line()
	for g.chance(2) {
		l += "," + g.line()
	}
	return l
}

func (g *storyteller) table() string { return g.pick("T1", "T2", "T3") }

// cook takes some of an order's items through the kitchen.
func (g *storyteller) cook(id command.ID) {
	if g.chance(2) {
		g.do("item.start", `{"order":%q,"items":["1"]}`, id)
	}
	for range 1 + g.rand.IntN(3) {
		switch g.rand.IntN(8) {
		case 0:
			g.do("item.void", `{"order":%q,"items":["1"],"reason":"mistake"%s}`, id, g.pick("", `,"qty":1`))
		case 1:
			g.do("item.hold", `{"order":%q,"items":["1"]}`, id)
			g.do("item.fire", `{"order":%q,"items":["1"]}`, id)
		case 2:
			g.do("item.recall", `{"order":%q,"items":["1"]}`, id)
		case 3:
			g.do("order.rush", `{"order":%q,"on":true}`, id)
		default:
			g.do("item.bump", `{"order":%q,"items":[%s]}`, id, g.pick(`"1"`, `"1","2"`, `"2"`))
		}
	}
	for _, all := range []string{"item.fire", "item.bump", "item.fire", "item.bump", "item.serve"} {
		if !g.chance(5) {
			g.do(all, `{"order":%q,"course":%s}`, id, g.pick("0", "1"))
		}
	}
}

// dine is a round at a table: it is cooked, served, paid, or not.
func (g *storyteller) dine() {
	t := g.table()
	if g.chance(3) {
		g.do("table.open", `{"table":%q,"guests":%d}`, t, 1+g.rand.IntN(4))
	}
	id := g.do("order.place", `{"type":"dine_in","table":%q,"lines":[%s]}`, t, g.lines())
	if g.chance(3) {
		g.look(g.pick("order", "table", "stock"), g.pick(string(id), t, "dish/duck"))
	}
	switch g.rand.IntN(6) {
	case 0:
		g.do("order.cancel", `{"order":%q,"reason":"mistake"}`, id)
	case 1:
		g.do("order.void", `{"order":%q,"reason":"mistake"}`, id)
	case 2:
		g.do("order.add", `{"order":%q,"lines":[%s]}`, id, g.line())
	}
	g.cook(id)
	g.pay(fmt.Sprintf(`"table":%q`, t))
	if g.chance(2) {
		g.do("table.clear", `{"table":%q,"reason":"guest_left","clean":true}`, t)
	}
}

// pay makes payments of part of a bill, and sometimes gives some back.
func (g *storyteller) pay(of string) {
	for range g.rand.IntN(3) {
		by := g.pick("cash", "terminal", providerName)
		id := g.do("payment.create", `{%s,"provider":%q,"amount":$total,"tip":%d}`, of, by, g.rand.IntN(3))
		if g.chance(5) {
			g.do("payment.cancel", `{"payment":%q}`, id)
		}
		if !g.chance(3) {
			g.do("payment.confirm", `{"payment":%q}`, id)
		}
		if g.chance(3) {
			g.do("payment.refund", `{"payment":%q,"amount":%d,"reason":"quality"}`, id, 1+g.rand.IntN(3000))
		}
	}
}

func (g *storyteller) pickup() {
	id := g.do("order.place", `{"type":"pickup","lines":[%s],"contact":{"name":"A","phone":"1"}}`, g.lines())
	if g.chance(4) {
		g.do("order.cancel", `{"order":%q,"reason":"mistake"}`, id)
	}
	g.pay(fmt.Sprintf(`"order":%q`, id))
	g.cook(id)
	g.do("order.hand_off", `{"order":%q,"to":"guest"}`, id)
	g.look("order", string(id))
}

func (g *storyteller) deliver() {
	id := g.do("order.place", `{"type":"delivery","lines":[%s],"contact":{"name":"A","phone":"1","address":"x"}}`, g.lines())
	g.do(g.pick("order.accept", "order.accept", "order.reject", "order.cancel"), `{"order":%q,"reason":"mistake"}`, id)
	g.cook(id)
	g.do("order.assign", `{"order":%q,"driver":{"id":"d","name":"D"}}`, id)
	g.do("order.deliver", `{"order":%q,"delivery":%q}`, id, g.pick("picked_up", "delivered", "failed"))
	g.pay(fmt.Sprintf(`"order":%q`, id))
}

// cart is a shared cart that becomes an order.
func (g *storyteller) cart() {
	t := g.table()
	g.do("table.open", `{"table":%q,"guests":2}`, t)
	for i := range 1 + g.rand.IntN(3) {
		g.do("cart.set", `{"table":%q,"line":"l%d","dish":%q,"qty":%d}`, t, i, g.pick("duck", "noodles", "soup"), 1+g.rand.IntN(2))
	}
	id := g.do("order.place", `{"type":"dine_in","table":%q,"cart":$cart_v}`, t)
	g.cook(id)
	g.pay(fmt.Sprintf(`"table":%q`, t))
}

// floor moves people about.
func (g *storyteller) floor() {
	for range 2 + g.rand.IntN(4) {
		t, to := g.table(), g.table()
		switch g.rand.IntN(6) {
		case 0:
			g.do("table.open", `{"table":%q,"guests":2}`, t)
		case 1, 2:
			g.do("table.move", `{"table":%q,"to":%q}`, t, to)
		case 3:
			g.do("table.merge", `{"table":%q,"to":%q}`, t, to)
		case 4:
			call := g.do("table.call", `{"table":%q,"kind":%q}`, t, g.pick("waiter", "hurry", "bill"))
			g.do("table.ack", `{"table":%q,"call":%q}`, t, call)
		case 5:
			g.do("table.clear", `{"table":%q,"reason":"guest_left","clean":%s}`, t, g.pick("true", "false"))
		}
	}
}

func (g *storyteller) manage() {
	for range 3 + g.rand.IntN(4) {
		d := g.pick(`"dish":"duck"`, `"dish":"noodles"`, `"option":"egg"`)
		switch g.rand.IntN(7) {
		case 6:
			g.do("alert.ack", `{"sensor":%q}`, probeID)
			g.do("stock.release", `{"dish":"soup","reason":"food_safety"}`)
		case 0:
			g.do("stock.count", `{%s,"qty":%d}`, d, g.rand.IntN(6))
		case 1:
			g.do("stock.restock", `{%s,"qty":%d}`, d, 1+g.rand.IntN(3))
		case 2:
			g.do("stock.out", `{%s,"until":"end_of_day"}`, d)
			g.do("stock.in", `{%s}`, d)
		case 3:
			g.do("bill.discount", `{"table":%q,"rate_bp":%d,"reason":"comp"}`, g.table(), 500*g.rand.IntN(3))
		case 4:
			g.look("table", g.table())
		case 5:
			g.look("stock", g.pick("dish/duck", "dish/noodles", "option/egg"))
		}
	}
}

func (g *storyteller) watch() {
	for range 8 {
		g.look("stock", g.pick("dish/duck", "dish/noodles", "option/egg"))
		g.look("table", g.table())
		if len(g.orders) > 0 {
			g.look("order", g.pick(g.orders...))
		}
	}
}

func (g *storyteller) split() {
	t := g.table()
	g.do("order.place", `{"type":"dine_in","table":%q,"lines":[%s,%s]}`, t, g.line(), g.line())
	g.do("bill.split", `{"table":%q,"mode":%q,"count":3}`, t, g.pick("even", "seats", "none"))
	g.do("bill.discount", `{"table":%q,"amount":%d,"reason":"comp"}`, t, g.rand.IntN(1000))
	g.do("payment.create", `{"table":%q,"part":"p1","provider":"cash","amount":%d}`, t, 500+g.rand.IntN(3000))
	g.pay(fmt.Sprintf(`"table":%q`, t))
}
