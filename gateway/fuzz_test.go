package gateway

import (
	"bytes"
	"encoding/json"
	"testing"

	"golang.org/x/time/rate"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/gateway/auth"
)

// FuzzMessage: whatever a frame holds, the session answers each message at most once,
// in valid JSON, and the engine gets only commands that are well-formed.
func FuzzMessage(f *testing.F) {
	n := newNode(f, nil)
	for _, s := range []string{
		`{}`, `{"id":1,"auth":{"token":"x"}}`, `{"id":2,"sub":[{"t":"kitchen.wok","e":"h3k","s":812},{"t":"menu"}]}`,
		`{"id":3,"unsub":["menu"]}`, `{"id":4,"cmd":"order.place","cid":"` + uuid(1) + `","d":{"type":"dine_in","table":"T03","lines":[{"dish":"mapo","qty":1}]}}`,
		"{\"id\":5,\"cmd\":\"item.bump\",\"cid\":\"" + uuid(2) + "\",\"d\":{\"order\":\"" + uuid(1) + "\",\"items\":[\"1\"]}}\n{\"id\":6}",
		`{"id":7,"cmd":"bill.split","dry":true,"d":{"table":"T03","mode":"even","count":3}}`, `{"id":8,"id":8}`, `[]`, "\x00", `{"id":1e3}`,
	} {
		f.Add([]byte(s))
	}
	token := n.token("boss", "manager", nil)
	who, err := n.keys.Verify(token, n.now())
	if err != nil {
		f.Fatal(err)
	}
	n.engine.onCommand(func(r *actors.Request) {
		if !r.Dry && !wire.IsUUID(string(r.ID)) || r.Target.Kind == "" || r.Store != "s1" {
			panic("a bad request reached the engine")
		}
		r.To.Reply(r.Tag, actors.Answer{V: 1})
	})
	f.Fuzz(func(t *testing.T, frame []byte) { fuzzFrame(t, n, who, frame) })
}

func fuzzFrame(t *testing.T, n *node, who *auth.Principal, frame []byte) {
	c := &session{server: n.Server, limiter: rate.NewLimiter(rate.Inf, 1), who: who}
	c.out.Init(n.limits.queue(), &n.stats.Feed)
	c.out.Kick() // as if a writer ran: nothing is written
	c.reader = c.newReader(who)
	c.frame(frame)
	c.unsubscribeAll()
	messages := bytes.Count(frame, []byte{'\n'}) + 1
	b, ok := c.out.Next(nil, 64<<20)
	if !ok {
		return
	}
	replies := 0
	for line := range bytes.SplitSeq(b, []byte{'\n'}) {
		if !json.Valid(line) {
			t.Fatalf("%q was answered %q", frame, line)
		}
		if bytes.HasPrefix(line, []byte(`{"id":`)) {
			replies++
		}
	}
	if replies > messages {
		t.Fatalf("%d answers to %d messages: %q", replies, messages, b)
	}
}
