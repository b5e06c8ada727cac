package gateway

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/gateway/auth"
)

const place = `"cmd":"order.place","cid":"%s","d":{"type":"dine_in","table":"T03","lines":[{"dish":"mapo","qty":1}]}`

func TestAuth(t *testing.T) {
	n := newNode(t, nil)
	c := n.dial()
	c.send(`{"id":1,"auth":{"token":"` + n.token("lin", "waiter kitchen", nil) + `","client":"tab","version":"2.1"}}`)
	var w struct {
		Session, User, Store, Now string
		Roles                     []string
		TTL, Ping                 int
		Limits                    map[string]float64
	}
	if err := json.Unmarshal(c.next().OK, &w); err != nil {
		t.Fatal(err)
	}
	if w.Session == "" || w.User != "lin" || w.Store != "s1" || len(w.Roles) != 2 || w.TTL != 900 || w.Ping != 25 ||
		w.Now != "2026-11-22T04:00:00.000Z" || w.Limits["message"] != 16384 || w.Limits["burst"] != 40 {
		t.Fatalf("%+v", w)
	}
	c.id = 1
	n.clock.Add((10 * time.Minute).Milliseconds())
	if g := c.reply(`"auth":{"token":"` + n.token("lin", "waiter", nil) + `"}`); g.Err != nil {
		t.Fatalf("refresh: %+v", g.Err)
	}
	c.send(`{"id":9,"auth":{"token":"` + n.token("eve", "waiter", nil) + `"}}`)
	c.wantClosed(closeBadToken, "signature")
}

func TestAuthRefuses(t *testing.T) {
	n := newNode(t, nil)
	_, foreign, _ := ed25519.GenerateKey(nil)
	other := &node{t: t, Server: n.Server, keys: auth.NewKeys(foreign)}
	expired := n.token("lin", "waiter", nil)
	n.pass(16 * time.Minute)
	for _, x := range []struct {
		name, token, reason string
		code                websocket.StatusCode
	}{
		{"expired", expired, "expired", closeExpired},
		{"forged", other.token("lin", "admin", nil), "signature", closeBadToken},
		{"none", "", "missing", closeBadToken},
		{"no such store", n.token("lin", "waiter", func(c *auth.Claims) { c.Store = auth.Stores{"s9"} }), "store", closeBadToken},
	} {
		c := n.dial()
		c.send(`{"id":1,"auth":{"token":"` + x.token + `"}}`)
		t.Log(x.name)
		c.wantClosed(x.code, x.reason)
	}
	if n.Stats().BadTokens.Load() != 4 {
		t.Error("bad tokens are not counted")
	}
	late := n.dial()
	eventually(t, "joined", func() bool { return len(n.all()) > 0 })
	n.pass(6 * time.Second)
	late.wantClosed(closeNoAuth, "")

	long := n.as("lin", "waiter")
	n.pass(15*time.Minute + time.Second)
	long.wantClosed(closeExpired, "")
}

func TestBadFrames(t *testing.T) {
	n := newNode(t, nil)
	before := n.dial()
	before.send(`{"id":1,"sub":[{"t":"menu"}]}`)
	before.wantClosed(closeNoAuth, "missing")
	notJSON := n.dial()
	notJSON.send(`hello`)
	notJSON.wantClosed(closeBadRequest, "json")
	for name, x := range map[string]struct{ frame, reason string }{
		"not JSON":        {`{"id":1,`, "json"},
		"no object":       {`[1]`, "json"},
		"no id":           {`{"cmd":"order.place"}`, "missing"},
		"id 0":            {`{"id":0,"sub":[]}`, "missing"},
		"id is text":      {`{"id":"1","sub":[]}`, "json"},
		"duplicate keys":  {`{"id":2,"cmd":"order.place","cmd":"order.void"}`, "json"},
		"duplicate below": {`{"id":2,"cmd":"order.place","cid":"` + uuid(1) + `","d":{"type":"dine_in","type":"pickup"}}`, "json"},
		"bad UTF-8":       {"{\"id\":2,\"cmd\":\"\xff\"}", "json"},
		"two values":      {`{"id":2} {"id":3}`, "json"},
	} {
		t.Run(name, func(t *testing.T) {
			c := n.as("lin", "waiter")
			c.t = t
			c.send(x.frame)
			c.wantClosed(closeBadRequest, x.reason)
		})
	}
	big := n.as("lin", "waiter")
	big.ws.Write(context.Background(), websocket.MessageText, []byte(`{"id":1,"d":"`+strings.Repeat("x", 10<<20)+`"}`))
	if code, _ := big.closed(); code != websocket.StatusMessageTooBig && code != -1 { // -1: reset while we still wrote
		t.Fatalf("10 MB: closed with %d", code)
	}
	binary := n.as("lin", "waiter")
	binary.ws.Write(context.Background(), websocket.MessageBinary, []byte("{}"))
	binary.wantClosed(closeBadRequest, "json")
}

func TestTooBigFrameIs1009(t *testing.T) {
	n := newNode(t, nil)
	c := n.as("lin", "waiter")
	c.send(`{"id":1,"d":"` + strings.Repeat("x", 20_000) + `"}`)
	c.wantClosed(websocket.StatusMessageTooBig, "")
}

func TestBadContentStays(t *testing.T) {
	n := newNode(t, nil)
	c := n.as("lin", "waiter")
	for _, x := range []struct {
		message string
		code    refusal.Code
		reason  string
	}{
		{`"cmd":"order.fly"`, refusal.BadRequest, "unknown_command"},
		{`"cmd":"topic:menu"`, refusal.BadRequest, "unknown_command"},
		{`"cmd":"order.place","d":{}`, refusal.BadRequest, "missing"},
		{`"cmd":"order.place","cid":"0192F3A1-7B2C-7D3E-8F40-5A6B7C8D9E0F","d":{}`, refusal.BadRequest, "type"},
		{`"cmd":7`, refusal.BadRequest, "type"},
		{`"sub":{"t":"menu"}`, refusal.BadRequest, "type"},
		{`"cmd":"order.place","cid":"` + uuid(1) + `","d":{"lines":7}`, refusal.BadRequest, "type"},
		{`"cmd":"order.place","cid":"` + uuid(1) + `","d":{},"deadline_ms":99999`, refusal.BadRequest, "type"},
		{`"cmd":"table.open","cid":"` + uuid(1) + `","dry":true,"d":{"table":"T03"}`, refusal.BadRequest, "type"},
		{`"cmd":"order.void","cid":"` + uuid(1) + `","d":{}`, refusal.Forbidden, ""},
		{`"cmd":"order.place","store":"s2","cid":"` + uuid(1) + `","d":{}`, refusal.Forbidden, ""},
		{`"x":1`, refusal.BadRequest, "missing"},
		{`"sub":[{"t":"menu"},{"t":"menu"}]`, refusal.BadRequest, "type"},
	} {
		if g := c.reply(x.message); g.Err == nil || g.Err.Code != x.code || g.Err.Fields.Reason != x.reason {
			t.Errorf("%s: %+v, want %s %s", x.message, g.Err, x.code, x.reason)
		}
	}
}

func TestCommand(t *testing.T) {
	n := newNode(t, nil)
	var seen *actors.Request
	n.engine.onCommand(func(r *actors.Request) {
		seen = r
		r.To.Reply(r.Tag, actors.Answer{V: 3, Dup: true, D: []byte(`{"x":1}`)})
	})
	n.publish(1, newTable("T03", "sess"), true)
	c := n.guest("g1", "T03", "sess")
	g := c.reply(fmt.Sprintf(place, uuid(1)))
	if string(g.OK) != `{"v":3,"dup":true,"d":{"x":1}}` {
		t.Fatalf("%s %+v", g.OK, g.Err)
	}
	if seen.Store != "s1" || seen.Target.Kind != "order" || seen.Target.ID != uuid(1) || seen.Guest != "g1" || seen.Session != "sess" ||
		seen.Channel != "qr" || seen.Principal != "guest:g1" || seen.Body == ([16]byte{}) || seen.Deadline.Sub(n.now()) != 5*time.Second {
		t.Fatalf("%+v", seen)
	}
	// Two commands in one frame, and an answer that comes in another order.
	var held []*actors.Request
	n.engine.onCommand(func(r *actors.Request) {
		if held = append(held, r); len(held) == 2 {
			held[1].To.Reply(held[1].Tag, actors.Answer{V: 2})
			held[0].To.Reply(held[0].Tag, actors.Answer{V: 1})
		}
	})
	c.send(`{"id":11,` + fmt.Sprintf(place, uuid(2)) + "}\n\n" + `{"id":12,` + fmt.Sprintf(place, uuid(3)) + `}`)
	if a, b := c.next(), c.next(); *a.ID != 12 || *b.ID != 11 {
		t.Fatalf("%d %d", *a.ID, *b.ID)
	}
	// No answer in time: the outcome is unknown, and a late answer goes nowhere.
	var late *actors.Request
	asked := make(chan struct{})
	n.engine.onCommand(func(r *actors.Request) { late = r; close(asked) })
	c.send(`{"id":13,` + fmt.Sprintf(place, uuid(4)) + `,"deadline_ms":100}`)
	<-asked
	n.pass(time.Second)
	if g := c.next(); *g.ID != 13 || g.Err.Code != refusal.Unavailable || g.Err.Fields.What != "deadline" {
		t.Fatalf("%+v", g)
	}
	late.To.Reply(late.Tag, actors.Answer{V: 1})
	if n.Inflight() != 0 {
		t.Error("in flight:", n.Inflight())
	}
}
