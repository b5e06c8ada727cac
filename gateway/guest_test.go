package gateway

import (
	"strings"
	"testing"

	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/table"
	"github.com/brigata/brigata/gateway/auth"
)

func atTable(id, session string) func(*order.View) {
	return func(v *order.View) { v.Table, v.Session = id, session }
}

func TestGuestsSeeOnlyTheirs(t *testing.T) {
	n := newNode(t, nil)
	n.publish(1, newTable("T03", "S1", uuid(1)), true)
	n.publish(1, newTable("T05", "S2", uuid(2)), true)
	n.publish(1, newOrder(1, atTable("T03", "S1")), true)
	n.publish(1, newOrder(2, atTable("T05", "S2")), true)
	n.publish(1, newOrder(3, func(v *order.View) { v.Type, v.GuestID = "pickup", "g9" }), true)
	c := n.guest("g1", "T03", "S1")
	g := c.sub("table.T03", "order."+uuid(1), "menu", "store",
		"table.T05", "table.T99", "order."+uuid(2), "order."+uuid(3), "order."+uuid(77), "order.x", "floor", "kitchen.wok", "kitchen.none", "stock", "dispatch", "nodes", "secrets")
	for i, s := range g.Subs {
		if i < 4 && s.Err != nil || i >= 4 && (s.Err == nil || s.Err.Code != refusal.Forbidden) {
			t.Errorf("%s: %+v", s.T, s.Err)
		}
	}
	if d := g.Subs[0].D; len(d) != 2 || d[0].K != "table/T03" || d[1].K != "order/"+uuid(1) || strings.Contains(string(d[1].D), "lin-secret") {
		t.Fatalf("%+v", d)
	}
	staff := n.as("lin", "waiter")
	s := staff.sub("order."+uuid(1), "order."+uuid(77), "table.T99", "kitchen.wok", "secrets", "sensors", "order.x").Subs
	if !strings.Contains(string(s[0].D[0].D), "lin-secret") {
		t.Fatalf("%s", s[0].D[0].D)
	}
	for i, want := range []refusal.Code{"", refusal.NotFound, refusal.NotFound, refusal.Forbidden, refusal.NotFound, refusal.Forbidden, refusal.NotFound} {
		if want != "" && (s[i].Err == nil || s[i].Err.Code != want) {
			t.Errorf("staff, %s: %+v, want %s", s[i].T, s[i].Err, want)
		}
	}
	boss := n.as("boss", "manager").sub("sensors.x", "kitchen.none", "kitchen", "printers.x", "order."+uuid(77), "floor.x").Subs
	for _, s := range boss {
		if s.Err == nil || s.Err.Code != refusal.NotFound {
			t.Errorf("manager, %s: %+v", s.T, s.Err)
		}
	}
	if own := n.guest("g9", "", "").sub("order."+uuid(3), "order."+uuid(1)).Subs; own[0].Err != nil || own[1].Err == nil {
		t.Errorf("pickup: %+v", own)
	}
	partner := n.enter(n.token("m1", "channel", func(c *auth.Claims) { c.Channel = "meituan" }), "")
	n.publish(1, newOrder(4, func(v *order.View) { v.Channel, v.Type = "meituan", "delivery" }), true)
	if p := partner.sub("order."+uuid(4), "order."+uuid(1)).Subs; p[0].Err != nil || p[1].Err == nil || strings.Contains(string(p[0].D[0].D), "lin-secret") {
		t.Errorf("partner: %+v", p)
	}
}

func TestGuestsTableEnds(t *testing.T) {
	n := newNode(t, nil)
	n.publish(1, newTable("T03", "S1", uuid(1)), true)
	n.publish(1, newOrder(1, atTable("T03", "S1")), true)
	c, waiter := n.guest("g1", "T03", "S1"), n.as("lin", "waiter")
	c.sub("table.T03", "order."+uuid(1))
	waiter.sub("table.T03")

	// A move: the new table has the session first.
	n.publish(1, newTable("T05", "S1", uuid(1)), true)
	n.publish(2, newTable("T03", ""), true)
	if g := c.next(); g.T != "table.T03" || g.End == nil || g.End.Code != "moved" || g.End.Table != "T05" {
		t.Fatalf("%+v", g)
	}
	if a, b := waiter.next(), waiter.next(); a.K != "table/T03" || b.K != "order/"+uuid(1) || !b.Del {
		t.Fatalf("%+v %+v", a, b)
	}
	if s := c.sub("table.T05", "table.T03").Subs; s[0].Err != nil || len(s[0].D) != 2 || s[1].Err == nil {
		t.Fatalf("%+v", s)
	}
	// A merge: the session was joined into another's.
	merged := newTable("T03", "S2", uuid(1))
	merged.Joined = []string{"S1"}
	n.publish(3, merged, true)
	n.publish(2, newTable("T05", ""), true)
	if g := c.next(); g.End == nil || g.End.Code != "moved" || g.End.Table != "T03" {
		t.Fatalf("%+v", g)
	}
	n.publish(2, newOrder(1, atTable("T03", "S2")), true)
	if g := c.next(); g.T != "order."+uuid(1) || g.V != 2 {
		t.Fatalf("its order went on: %+v", g)
	}
	if s := c.sub("table.T03", "order."+uuid(1)).Subs; s[0].Err != nil || s[1].Err != nil {
		t.Fatalf("%+v", s)
	}
	// Cleared: all of it ends, and the token opens nothing.
	dirty := newTable("T03", "")
	dirty.State = table.Dirty
	n.publish(4, dirty, true)
	if a, b := c.next(), c.next(); a.End == nil || a.End.Code != "closed" || b.End == nil || b.End.Code != "closed" || a.T == b.T {
		t.Fatalf("%+v %+v", a, b)
	}
	if s := c.sub("table.T03", "order."+uuid(1)).Subs; s[0].Err == nil || s[1].Err == nil {
		t.Fatalf("%+v", s)
	}
	n.publish(5, newTable("T03", "S3"), true)
	if g := c.reply(`"unsub":[]`); g.Err != nil {
		t.Fatal("something of the next party came")
	}
}

func TestRefreshLosesTopics(t *testing.T) {
	n := newNode(t, nil)
	c := n.as("lin", "waiter kitchen")
	c.sub("kitchen.all", "floor")
	c.send(`{"id":5,"auth":{"token":"` + n.token("lin", "waiter", nil) + `"}}`)
	c.next()
	if g := c.next(); g.T != "kitchen.all" || g.End == nil || g.End.Code != "forbidden" {
		t.Fatalf("%+v", g)
	}
}

func TestSeveralStores(t *testing.T) {
	n := newNode(t, nil)
	c := n.enter(n.token("boss", "manager", func(c *auth.Claims) { c.Store = auth.Stores{"s1", "s2", "s9"} }), "")
	s := c.sub("s1/kitchen.wok", "s2/floor", "floor", "s3/floor", "s9/floor").Subs
	for i, want := range []refusal.Code{"", "", refusal.BadRequest, refusal.Forbidden, refusal.NotFound} {
		if want == "" && s[i].Err != nil || want != "" && (s[i].Err == nil || s[i].Err.Code != want) {
			t.Errorf("%s: %+v", s[i].T, s[i].Err)
		}
	}
	if len(s[1].D) != 2 {
		t.Errorf("the floor of s2: %+v", s[1].D)
	}
	n.publish(1, newOrder(1, nil), true)
	if g := c.next(); g.T != "s1/kitchen.wok" || g.K != "ticket/"+uuid(1)+".wok.0" {
		t.Fatalf("%+v", g)
	}
	if g := c.reply(`"cmd":"table.open","cid":"` + uuid(5) + `","d":{"table":"T03","guests":2}`); g.Err == nil || g.Err.Fields.At != "/store" {
		t.Fatalf("%+v", g)
	}
	if g := c.reply(`"cmd":"table.open","store":"s2","cid":"` + uuid(5) + `","d":{"table":"T03","guests":2}`); g.Err != nil {
		t.Fatalf("%+v", g.Err)
	}
}
