package actors_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/stock"
	"github.com/brigata/brigata/actors/table"
)

// Stories go through the host on the real rules, with commands as they come over the
// wire. Each ends with a restart: what is read then is what was shown before.

func field[T any](t *testing.T, d, name string) T {
	t.Helper()
	var all map[string]json.RawMessage
	if err := json.Unmarshal([]byte(d), &all); err != nil {
		t.Fatalf("%v: %s", err, d)
	}
	var v T
	if err := json.Unmarshal(all[name], &v); err != nil {
		t.Fatalf("%s of %s: %v", name, d, err)
	}
	return v
}

func TestPartyAtATable(t *testing.T) {
	h := newHouse(t)
	d := h.ok("table.open", `{"table":"T05","guests":3}`)
	session := field[string](t, d, "session")
	h.no("conflict", "occupied", "table.open", `{"table":"T05","guests":3}`)
	h.no("not_found", "", "table.open", `{"table":"T99","guests":3}`)

	// Two guests share a cart; each line stays its guest's.
	ann, bob := string(h.id()), string(h.id())
	h.as(command.Guest, ann, session)
	h.channel = "qr"
	h.ok("cart.set", `{"table":"T05","line":"l1","dish":"mapo-tofu","qty":1}`)
	h.as(command.Guest, bob, session)
	h.no("forbidden", "", "cart.set", `{"table":"T05","line":"l1","qty":0}`)
	cart := field[int](t, h.ok("cart.set", `{"table":"T05","line":"l2","dish":"kung-pao-chicken","qty":2}`), "cart_v")
	h.no("conflict", "version", "order.place", `{"type":"dine_in","table":"T05","cart":%d}`, cart-1)
	h.as(command.Guest, string(h.id()), "another session")
	h.no("closed", "", "cart.set", `{"table":"T05","line":"l3","dish":"mapo-tofu","qty":1}`)
	h.no("closed", "", "order.place", `{"type":"dine_in","table":"T05","cart":%d}`, cart)
	h.as(command.Guest, bob, session)
	first := h.order(`{"type":"dine_in","table":"T05","cart":%d}`, cart)
	o := h.seesOrder(first)
	if len(o.Lines) != 2 || o.Lines[0].Guest != ann || o.Lines[1].Guest != bob || o.Channel != "qr" || o.Round != 1 {
		t.Fatalf("%+v", o)
	}
	if v := h.seesTable("T05"); len(v.Cart.Lines) != 0 || len(v.People) != 2 || v.Bill.Total != o.Total || v.Phase != "waiting" {
		t.Fatalf("%+v", v)
	}

	h.ok("table.call", `{"table":"T05","kind":"hurry"}`)
	if o := h.seesOrder(first); o.HurriedAt.IsZero() {
		t.Error("the kitchen was not hurried")
	}
	call := field[string](t, h.ok("table.call", `{"table":"T05","kind":"bill"}`), "call")
	if v := h.seesTable("T05"); v.State != table.BillRequested {
		t.Errorf("%s", v.State)
	}
	h.as(command.Waiter, "lin", "")
	h.channel = "pos"
	h.ok("table.ack", `{"table":"T05","call":%q}`, call)
	second := h.order(`{"type":"dine_in","table":"T05","lines":[{"dish":"mapo-tofu","qty":1,"seat":2}]}`)
	v := h.seesTable("T05")
	if v.State != table.Seated || h.seesOrder(second).Round != 2 || v.Bill.Total != o.Total+h.seesOrder(second).Total {
		t.Fatalf("%+v %+v", v, v.Bill)
	}
	h.restarts()

	// Clear: what is being made, and what is due, stand in the way.
	h.no("conflict", "open_items", "table.clear", `{"table":"T05"}`)
	for _, id := range []string{first, second} {
		h.ok("item.bump", `{"order":%q,"station":"wok"}`, id)
	}
	h.no("conflict", "due", "table.clear", `{"table":"T05"}`)
	h.as(command.Manager, "boss", "")
	h.no("invalid", "reason_required", "table.clear", `{"table":"T05"}`)
	h.ok("table.clear", `{"table":"T05","reason":"guest_left"}`)
	if o := h.seesOrder(first); o.State != order.Closed {
		t.Errorf("%s", o.State)
	}
	h.no("closed", "", "order.place", `{"type":"dine_in","table":"T05","lines":[{"dish":"mapo-tofu","qty":1}]}`)
	h.ok("table.clear", `{"table":"T05","clean":true}`)
	h.as(command.Guest, bob, session)
	h.no("closed", "", "order.place", `{"type":"dine_in","table":"T05","lines":[{"dish":"mapo-tofu","qty":1}]}`)
	h.restarts()
}

func TestCartComesBackWhenSoldOut(t *testing.T) {
	h := newHouse(t)
	session := field[string](t, h.ok("table.open", `{"table":"T05","guests":1}`), "session")
	h.ok("stock.count", `{"dish":"mapo-tofu","qty":1}`)
	h.as(command.Guest, string(h.id()), session)
	cart := field[int](t, h.ok("cart.set", `{"table":"T05","line":"l1","dish":"mapo-tofu","qty":2}`), "cart_v")
	h.no("sold_out", "", "order.place", `{"type":"dine_in","table":"T05","cart":%d}`, cart)
	if v := h.seesTable("T05"); len(v.Cart.Lines) != 1 || len(v.Bill.Orders) != 0 || v.Cart.V <= int64(cart) {
		t.Fatalf("%+v", v.Cart)
	}
	h.restarts()
}

func TestStockFollowsOrders(t *testing.T) {
	h := newHouse(t)
	h.ok("stock.count", `{"dish":"mapo-tofu","qty":10,"low_at":3}`)
	left := func(want int64) {
		t.Helper()
		if v := h.seesStock("dish/mapo-tofu"); v.Left != want {
			t.Fatalf("left %d, want %d", v.Left, want)
		}
	}
	held := h.order(`{"type":"dine_in","table":"T01","hold":true,"lines":[{"dish":"mapo-tofu","qty":2},{"dish":"mapo-tofu","qty":1}]}`)
	left(7)
	h.ok("item.void", `{"order":%q,"items":["1"],"qty":1,"reason":"mistake"}`, held)
	left(8) // never fired: its portion comes back
	h.ok("item.fire", `{"order":%q,"items":["1"]}`, held)
	h.ok("item.void", `{"order":%q,"items":["1"],"reason":"quality"}`, held)
	left(8) // fired: it does not
	h.ok("order.add", `{"order":%q,"lines":[{"dish":"mapo-tofu","qty":8}]}`, held)
	left(0)
	h.no("sold_out", "", "order.add", `{"order":%q,"lines":[{"dish":"mapo-tofu","qty":1}]}`, held)
	h.ok("order.void", `{"order":%q,"reason":"guest_left"}`, held)
	left(1) // only line 2 was never fired
	h.ok("stock.count", `{"dish":"mapo-tofu","qty":9}`)

	id := h.order(`{"type":"dine_in","table":"T02","hold":true,"lines":[{"dish":"mapo-tofu","qty":2}]}`)
	left(7)
	h.ok("order.cancel", `{"order":%q,"reason":"mistake"}`, id)
	h.ok("order.cancel", `{"order":%q,"reason":"mistake"}`, id)
	left(9)
	fired := h.order(`{"type":"dine_in","table":"T02","lines":[{"dish":"mapo-tofu","qty":2}]}`)
	h.no("conflict", "state", "order.cancel", `{"order":%q,"reason":"mistake"}`, fired)

	h.ok("stock.out", `{"dish":"mapo-tofu","until":"manual","reason":"sold_out"}`)
	h.no("sold_out", "", "order.place", `{"type":"dine_in","table":"T02","lines":[{"dish":"mapo-tofu","qty":1}]}`)
	h.ok("stock.in", `{"dish":"mapo-tofu"}`)
	h.ok("stock.hold", `{"dish":"mapo-tofu","reason":"food_safety"}`)
	h.as(command.Kitchen, "cook", "")
	h.no("forbidden", "", "stock.release", `{"dish":"mapo-tofu","reason":"other"}`)
	h.as(command.Manager, "boss", "")
	h.ok("stock.release", `{"dish":"mapo-tofu","reason":"other"}`)
	h.ok("stock.restock", `{"dish":"mapo-tofu","qty":5}`)
	left(12)
	h.no("not_found", "", "stock.count", `{"dish":"no-such","qty":1}`)
	h.no("invalid", "range", "stock.count", `{"dish":"mapo-tofu","qty":-1}`)
	h.ok("stock.count", `{"option":"extra-rice","qty":1}`)
	h.no("sold_out", "", "order.place", `{"type":"dine_in","table":"T02","lines":[{"dish":"mapo-tofu","qty":2,"options":[{"option":"extra-rice"}]}]}`)
	h.ok("stock.count", `{"dish":"mapo-tofu","unlimited":true}`)
	h.restarts()
}

func TestKitchen(t *testing.T) {
	h := newHouse(t)
	id := h.order(`{"type":"dine_in","table":"T01","lines":[{"dish":"mapo-tofu","qty":1},{"dish":"kung-pao-chicken","qty":2,"course":2}]}`)
	states := func(want ...order.ItemState) {
		t.Helper()
		var got []order.ItemState
		for _, l := range h.seesOrder(id).Lines {
			for _, i := range l.Items {
				got = append(got, i.State)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("items are %v, want %v", got, want)
		}
	}
	states(order.Queued, order.Held)
	h.ok("item.start", `{"order":%q,"items":["1"]}`, id)
	h.no("conflict", "state", "item.hold", `{"order":%q,"items":["1"]}`, id)
	h.no("conflict", "state", "item.bump", `{"order":%q,"items":["1","2"]}`, id)
	h.no("not_found", "", "item.bump", `{"order":%q,"items":["9"]}`, id)
	h.no("invalid", "required", "item.bump", `{"order":%q}`, id)
	states(order.Cooking, order.Held)
	h.ok("item.bump", `{"order":%q,"items":["1"]}`, id)
	states(order.Ready, order.Queued) // the next course fires by itself
	h.ok("item.hold", `{"order":%q,"items":["2"]}`, id)
	states(order.Ready, order.Held)
	h.ok("item.fire", `{"order":%q,"course":2}`, id)
	if i := h.seesOrder(id).Lines[1].Items[0]; i.FireSeq != 2 {
		t.Fatalf("%+v", i)
	}
	h.ok("item.recall", `{"order":%q,"items":["1"]}`, id)
	states(order.Cooking, order.Queued)
	h.ok("item.bump", `{"order":%q,"station":"wok"}`, id)
	h.ok("item.serve", `{"order":%q,"items":["1","2"]}`, id)
	states(order.Served, order.Served)
	if o := h.seesOrder(id); o.Progress != "served" || o.State != order.Accepted {
		t.Fatalf("%+v", o)
	}
	h.ok("order.rush", `{"order":%q,"on":true}`, id)
	h.no("not_found", "", "item.bump", `{"order":%q,"items":["1"]}`, h.id())
	h.restarts()
}

func TestMoney(t *testing.T) {
	h := newHouse(t)
	id := h.order(`{"type":"dine_in","table":"T01","guests":2,"lines":[{"dish":"kung-pao-chicken","qty":1,"seat":1},{"dish":"mapo-tofu","qty":1,"seat":2}]}`)
	total := h.seesOrder(id).Total
	d := h.ok("bill.split", `{"table":"T01","mode":"even","count":3}`)
	var b struct{ Parts []struct{ Amount int64 } }
	if err := json.Unmarshal([]byte(d), &b); err != nil || len(b.Parts) != 3 || b.Parts[0].Amount+b.Parts[1].Amount+b.Parts[2].Amount != total {
		t.Fatal(d, err)
	}
	h.ok("bill.split", `{"table":"T01","mode":"seats"}`)
	h.ok("bill.discount", `{"table":"T01","rate_bp":1000,"reason":"comp"}`)
	v := h.seesTable("T01")
	due := v.Bill.Due
	if due != total-total/10 || h.seesOrder(id).Total != due {
		t.Fatalf("%+v, order %d", v.Bill, h.seesOrder(id).Total)
	}

	// Two phones pay the same money: the second is told what is left.
	pay := func(amount int64) string {
		cid := h.id()
		h.must(h.send(cid, "payment.create", fmt.Sprintf(`{"table":"T01","provider":"cash","amount":%d,"tip":100}`, amount)))
		return string(cid)
	}
	first := pay(due - 1000)
	if r := h.no("conflict", "due", "payment.create", `{"table":"T01","provider":"cash","amount":%d}`, due); r.Fields.Due != 1000 {
		t.Fatalf("%+v", r.Fields)
	}
	h.no("conflict", "paid", "bill.split", `{"table":"T01","mode":"none"}`)
	h.no("invalid", "range", "payment.confirm", `{"payment":%q,"tendered":1}`, first)
	h.ok("payment.confirm", `{"payment":%q,"tendered":%d}`, first, due)
	second := pay(1000)
	h.ok("payment.cancel", `{"payment":%q}`, second)
	second = pay(1000)
	h.ok("payment.confirm", `{"payment":%q}`, second)
	if v := h.seesTable("T01"); v.State != table.Paid || v.Bill.Due != 0 || v.Bill.Tip != 200 || h.seesOrder(id).Payment != "paid" {
		t.Fatalf("%s %+v", v.State, v.Bill)
	}
	h.no("conflict", "paid", "payment.create", `{"table":"T01","provider":"cash","amount":1}`)
	h.no("unavailable", "", "payment.create", `{"table":"T01","provider":"wechat","amount":1}`)

	// A refund never makes anything due again.
	h.ok("payment.refund", `{"payment":%q,"amount":500,"reason":"quality"}`, second)
	v = h.seesTable("T01")
	if v.Bill.Due != 0 || v.Bill.Refunded != 500 || v.Bill.Total != v.Bill.Paid-v.Bill.Refunded {
		t.Fatalf("%+v", v.Bill)
	}
	if o := h.seesOrder(id); o.Payment != "partly_refunded" || o.Total != o.Paid-o.Refunded {
		t.Fatalf("%+v", o)
	}
	h.no("invalid", "range", "payment.refund", `{"payment":%q,"amount":5000,"reason":"quality"}`, second)

	// The session moves with its money, and can be refunded where it sits.
	h.ok("table.move", `{"table":"T01","to":"T02"}`)
	if v := h.seesTable("T01"); v.State != table.Free {
		t.Fatalf("%+v", v)
	}
	h.ok("payment.refund", `{"payment":%q,"amount":300,"reason":"quality"}`, second)
	if v := h.seesTable("T02"); v.Bill.Refunded != 800 || v.Bill.Due != 0 {
		t.Fatalf("%+v", v.Bill)
	}
	h.restarts()
	h.ok("item.bump", `{"order":%q,"station":"wok"}`, id)
	h.ok("item.serve", `{"order":%q,"items":["1","2"]}`, id)
	if o := h.seesOrder(id); o.State != order.Closed {
		t.Fatalf("served and paid, and %s", o.State)
	}
	day := field[int64](t, h.ok("day.close", `{"date":%q,"counted":%d}`, h.seesOrder(id).Date, due-800+200), "difference")
	if day != 0 {
		t.Errorf("the drawer is off by %d", day)
	}
	h.restarts()
}

func TestMerge(t *testing.T) {
	h := newHouse(t)
	a := h.order(`{"type":"dine_in","table":"T01","lines":[{"dish":"mapo-tofu","qty":1}]}`)
	sessionA := h.seesTable("T01").Session
	b := h.order(`{"type":"dine_in","table":"T02","lines":[{"dish":"mapo-tofu","qty":2}]}`)
	h.no("conflict", "state", "table.merge", `{"table":"T01","to":"T03"}`)
	h.no("conflict", "occupied", "table.move", `{"table":"T01","to":"T02"}`)
	h.ok("table.merge", `{"table":"T01","to":"T02"}`)
	v := h.seesTable("T02")
	if len(v.Bill.Orders) != 2 || v.Bill.Total != h.seesOrder(a).Total+h.seesOrder(b).Total || h.seesOrder(a).Table != "T02" {
		t.Fatalf("%+v", v.Bill)
	}
	h.restarts()
	h.as(command.Guest, string(h.id()), sessionA) // its token stays good
	h.ok("cart.set", `{"table":"T02","line":"x","dish":"mapo-tofu","qty":1}`)
	h.restarts()
}

func TestPayFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		guest := string(h.id())
		h.as(command.Guest, guest, "")
		h.channel = "web"
		id := h.order(`{"type":"pickup","lines":[{"dish":"mapo-tofu","qty":1}],"contact":{"name":"Ann","phone":"1"}}`)
		o := h.seesOrder(id)
		if o.State != order.Placed || o.PayBy.IsZero() || o.Lines[0].Items[0].State != order.Held || o.Code != "001" {
			t.Fatalf("%+v", o)
		}
		cid := h.id()
		d := h.must(h.send(cid, "payment.create", fmt.Sprintf(`{"order":%q,"provider":"cash","amount":%d}`, id, o.Total))).D
		if !strings.Contains(string(d), "wait_staff") {
			t.Fatalf("%s", d)
		}
		h.no("forbidden", "", "payment.confirm", `{"payment":%q}`, cid)
		h.as(command.Cashier, "till", "")
		h.ok("payment.confirm", `{"payment":%q}`, cid)
		if o := h.seesOrder(id); o.State != order.Accepted || o.Lines[0].Items[0].State != order.Queued || o.Payment != "paid" {
			t.Fatalf("%+v", o)
		}
		left := h.seesStock("dish/mapo-tofu").Left
		unpaid := h.order(`{"type":"pickup","lines":[{"dish":"mapo-tofu","qty":2}]}`)
		h.no("conflict", "due", "order.accept", `{"order":%q}`, unpaid)
		time.Sleep(16 * time.Minute)
		if o := h.seesOrder(unpaid); o.State != order.Expired {
			t.Fatalf("unpaid for 16 minutes, and %s", o.State)
		}
		if v := h.seesStock("dish/mapo-tofu"); v.Left != left {
			t.Fatalf("left %d, was %d", v.Left, left)
		}
		h.restarts()
	})
}

func TestScheduled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		h.ok("stock.count", `{"dish":"mapo-tofu","qty":5,"daily":5}`)
		now := time.Now().UTC()
		soon := h.order(`{"type":"dine_in","table":"T01","due_at":%q,"lines":[{"dish":"mapo-tofu","qty":1}]}`, now.Add(2*time.Hour).Format(time.RFC3339))
		if o := h.seesOrder(soon); o.State != order.Placed {
			t.Fatalf("%s", o.State)
		}
		later := h.order(`{"type":"dine_in","table":"T02","due_at":%q,"lines":[{"dish":"mapo-tofu","qty":6}]}`, now.Add(36*time.Hour).Format(time.RFC3339))
		if v := h.seesStock("dish/mapo-tofu"); v.Left != 4 {
			t.Fatalf("left %d: a later day's order must not reserve today", v.Left)
		}
		h.restarts()
		time.Sleep(2 * time.Hour)
		if o := h.seesOrder(soon); o.State != order.Accepted || o.Lines[0].Items[0].State != order.Queued {
			t.Fatalf("%+v", o)
		}
		time.Sleep(34 * time.Hour)
		if o := h.seesOrder(later); o.Lines[0].Items[0].Flag != "short" || o.State != order.Accepted {
			t.Fatalf("%s %+v", o.State, o.Lines[0].Items[0])
		}
		if v := h.seesStock("dish/mapo-tofu"); v.Counted != 5 || v.Mode != stock.Counted {
			t.Fatalf("%+v", v)
		}
		h.restarts()
	})
}

func TestDelivery(t *testing.T) {
	h := newHouse(t)
	id := h.order(`{"type":"delivery","lines":[{"dish":"mapo-tofu","qty":1}],"contact":{"name":"Ann","phone":"1","address":"Here"},"ref":"m-1"}`)
	if o := h.seesOrder(id); o.State != order.Placed {
		t.Fatalf("%s", o.State)
	}
	h.no("conflict", "state", "item.bump", `{"order":%q,"items":["1"]}`, id)
	h.ok("order.accept", `{"order":%q}`, id)
	h.no("conflict", "no_driver", "order.deliver", `{"order":%q,"delivery":"at_store"}`, id)
	h.no("conflict", "open_items", "order.hand_off", `{"order":%q,"to":"shelf","shelf":"A1"}`, id)
	h.ok("order.assign", `{"order":%q,"driver":{"id":"d1","name":"Di"}}`, id)
	h.ok("order.deliver", `{"order":%q,"delivery":"at_store"}`, id)
	h.no("conflict", "open_items", "order.deliver", `{"order":%q,"delivery":"picked_up"}`, id)
	h.ok("item.bump", `{"order":%q,"items":["1"]}`, id)
	h.ok("order.hand_off", `{"order":%q,"to":"driver"}`, id)
	h.ok("order.deliver", `{"order":%q,"delivery":"delivered"}`, id)
	h.no("conflict", "state", "order.deliver", `{"order":%q,"delivery":"at_store"}`, id)
	if o := h.seesOrder(id); o.Delivery != "delivered" || o.Progress != "served" {
		t.Fatalf("%+v", o)
	}
	rejected := h.order(`{"type":"delivery","lines":[{"dish":"mapo-tofu","qty":1}]}`)
	h.ok("order.reject", `{"order":%q,"reason":"other"}`, rejected)
	if o := h.seesOrder(rejected); o.State != order.Refused {
		t.Fatalf("%s", o.State)
	}
	h.restarts()
}

func TestStoreAndMenu(t *testing.T) {
	h := newHouse(t)
	h.channel = "meituan"
	h.ok("channel.pause", `{"channel":"meituan","until":"end_of_day","reason":"other"}`)
	h.no("closed", "", "order.place", `{"type":"delivery","lines":[{"dish":"mapo-tofu","qty":1}]}`)
	h.ok("channel.pause", `{"channel":"meituan"}`)
	h.order(`{"type":"delivery","lines":[{"dish":"mapo-tofu","qty":1}]}`)
	h.no("not_found", "", "channel.pause", `{"channel":"nowhere","until":"manual","reason":"other"}`)
	h.no("conflict", "version", "menu.draft", `{"base":7,"menu":{"currency":"CNY"}}`)
	h.no("conflict", "version", "menu.publish", `{"draft_v":1}`)
	d := h.ok("menu.draft", `{"base":1,"menu":{"currency":"CNY","tax_included":true,"languages":["en"],"dishes":[{"id":"soup","name":{"en":"Soup"},"price":100,"tax_class":"food","stations":["wok"]}],"categories":[{"id":"c","name":{"en":"C"},"dishes":["soup"]}]}}`)
	if strings.Contains(d, `"message"`) {
		t.Fatal(d)
	}
	h.ok("menu.publish", `{"draft_v":%d}`, field[int](t, d, "draft_v"))
	h.no("invalid", "not_on_menu", "order.place", `{"type":"dine_in","table":"T01","lines":[{"dish":"mapo-tofu","qty":1}]}`)
	id := h.order(`{"type":"dine_in","table":"T01","lines":[{"dish":"soup","qty":1}]}`)
	if o := h.seesOrder(id); o.MenuVersion != 2 || o.Total != 100 {
		t.Fatalf("%+v", o)
	}
	h.restarts()
}

func TestDryRun(t *testing.T) {
	h := newHouse(t)
	dry := func(d string) string {
		t.Helper()
		return string(h.must(h.dry("order.place", d)).D)
	}
	total := field[int64](t, dry(`{"type":"dine_in","table":"T01","lines":[{"dish":"mapo-tofu","qty":2}]}`), "total")
	if total != 5600 {
		t.Fatal(total)
	}
	h.ok("stock.count", `{"dish":"mapo-tofu","qty":1}`)
	if a := h.dry("order.place", `{"type":"dine_in","table":"T01","lines":[{"dish":"mapo-tofu","qty":2}]}`); a.Refusal == nil || a.Refusal.Code != "sold_out" {
		t.Fatalf("%+v", a)
	}
	if v := h.seesTable("T01"); v.State != table.Free {
		t.Fatalf("a dry run left the table %s", v.State)
	}
	id := h.order(`{"type":"dine_in","table":"T01","lines":[{"dish":"mapo-tofu","qty":1}]}`)
	h.must(h.dry("order.add", fmt.Sprintf(`{"order":%q,"lines":[{"dish":"kung-pao-chicken","qty":1}]}`, id)))
	h.must(h.dry("bill.split", `{"table":"T01","mode":"even","count":2}`))
	if o := h.seesOrder(id); len(o.Lines) != 1 || h.seesTable("T01").Bill.Mode != "none" {
		t.Fatalf("%+v", o)
	}
}
