package edge_test

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nkeys"

	"github.com/brigata/brigata/edge/credentials"
	"github.com/brigata/brigata/edge/hub"
)

// hostile is whoever holds a box's credentials and speaks the leaf protocol itself, so that
// no server of its own keeps it from anything.
type hostile struct {
	net.Conn
	r *bufio.Reader
}

// breakIn links with good credentials; more goes into its greeting.
func breakIn(t *testing.T, c *credentials.Credentials, more map[string]any) *hostile {
	t.Helper()
	raw, err := net.Dial("tcp", c.Hubs[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { raw.Close() })
	raw.SetDeadline(time.Now().Add(20 * time.Second))
	line, err := bufio.NewReader(raw).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var info struct{ Nonce string }
	if err := json.Unmarshal([]byte(strings.TrimPrefix(line, "INFO ")), &info); err != nil || info.Nonce == "" {
		t.Fatalf("%q: %v", line, err)
	}
	config, err := c.TLS()
	if err != nil {
		t.Fatal(err)
	}
	key, err := nkeys.FromSeed([]byte(c.Seed))
	if err != nil {
		t.Fatal(err)
	}
	public, _ := key.PublicKey()
	signed, err := key.Sign([]byte(info.Nonce))
	if err != nil {
		t.Fatal(err)
	}
	greeting := map[string]any{"nkey": public, "sig": base64.RawURLEncoding.EncodeToString(signed), "name": "s1-good", "server_id": "HOSTILE", "version": "2.12.0",
		"headers": true, "protocol": 1, "jetstream": true, "domain": "good"}
	for k, v := range more {
		greeting[k] = v
	}
	text, _ := json.Marshal(greeting)
	conn := tls.Client(raw, config)
	h := &hostile{conn, bufio.NewReader(conn)}
	h.say("CONNECT " + string(text) + "\r\nPING\r\n")
	return h
}

func (h *hostile) say(s string) { fmt.Fprint(h, s) }

// hears reads until the hub hangs up, or has answered a ping, and returns what of it were
// messages.
func (h *hostile) hears() (messages []string) {
	h.say("PING\r\n")
	for pongs := 0; pongs < 2; {
		line, err := h.r.ReadString('\n')
		if err != nil {
			return messages
		}
		switch {
		case strings.HasPrefix(line, "LMSG"), strings.HasPrefix(line, "HMSG"):
			messages = append(messages, strings.TrimSpace(line))
		case strings.HasPrefix(line, "PONG"):
			pongs++
		case strings.HasPrefix(line, "PING"):
			h.say("PONG\r\n")
		}
	}
	return messages
}

// Good credentials of one store open nothing of another's, nothing of the hub's, and disturb
// nobody, whatever is sent with them.
func TestHostileBox(t *testing.T) {
	r := newRig(t, "temperature-1")
	good := r.box(r.options("good"))
	r.ready(good)
	c, err := device(t, good, "probe", "secret-of-probe")
	if err != nil {
		t.Fatal(err)
	}
	seq := 0
	lives := func() {
		t.Helper()
		seq++
		say(t, c, "temperature-1", fmt.Sprintf(`{"boot":1,"seq":%d,"value":3}`, seq))
		r.cell.counted(t, "temperature-1", int64(seq))
	}
	lives()
	stolen, err := r.authority.Mint("s2", "other", []string{r.address}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	message := func(subject string) string { return "LMSG " + subject + " 2\r\n{}\r\n" }
	for _, x := range []string{
		message("brigata.up.temperature-1"), message("$JS.API.STREAM.PURGE.UP"), message("$JS.good.API.CONSUMER.RESET.UP.cell"), message("$JS.good.API.STREAM.DELETE.UP"),
		message("$SYS.REQ.SERVER.PING"), message("$SYS.REQ.ACCOUNT.s1.CONNZ"), message("$SYS.ACCOUNT.s1.DISCONNECT"), message("s1.brigata.status"), message(">"),
		"LS+ brigata.status\r\n", "LS+ brigata.settings\r\n", "LS+ $SYS.ACCOUNT.s1.LEAFNODE.CONNECT\r\n", "LS+ brigata.up.temperature-1\r\n",
	} {
		before := r.hub.Stats.Denied.Load()
		evil := breakIn(t, stolen, nil)
		evil.say(x)
		if got := evil.hears(); len(got) > 0 {
			t.Errorf("%q: it was told %q", x, got)
		}
		eventually(t, fmt.Sprintf("%q is counted", x), func() bool { return r.hub.Stats.Denied.Load() > before })
	}
	// What asks for everything is given what is its store's, and that is nothing.
	for _, more := range []map[string]any{nil, {"is_hub": true}, {"remote_account": "s1"}, {"remote_account": "$SYS"}, {"cluster": "s1"}, {"domain": ""}} {
		evil := breakIn(t, stolen, more)
		evil.say("LS+ >\r\nLS+ $SYS.>\r\nLS+ $JS.>\r\nLS+ _INBOX.>\r\nLS+ > 1\r\n" + message("brigata.status") + message("brigata.up.temperature-1") + message("$SYS.REQ.SERVER.PING"))
		lives()
		if got := evil.hears(); len(got) > 0 {
			t.Errorf("%v: it was told %q", more, got)
		}
	}
	// And what is not the protocol.
	for _, x := range []string{strings.Repeat("A", 1<<20), "LMSG brigata.status 99999999\r\n", "LMSG brigata.status -1\r\n{}\r\n", "LS+ \r\n", "LMSG\r\n", "\x00\xff\r\n", "SUB > 1\r\n"} {
		evil := breakIn(t, stolen, nil)
		evil.say(x)
		if got := evil.hears(); len(got) > 0 {
			t.Errorf("%.20q: it was told %q", x, got)
		}
	}
	// Of itself it may tell what it likes, within bounds.
	evil := breakIn(t, stolen, map[string]any{"name": "s2-other"})
	texts := []string{`{"name":"good","backlog":7}`, `{"name":"` + strings.Repeat("x", 500) + `"}`, `{"name":"../s1"}`, `{"name":"other","version":"` + strings.Repeat("x", 500) + `"}`, `[]`}
	for i := range 200 {
		texts = append(texts, fmt.Sprintf(`{"name":"other-%d"}`, i))
	}
	eventually(t, "its boxes are shown", func() bool { // once the hub listens for those of its store
		for _, text := range texts {
			evil.say(fmt.Sprintf("LMSG brigata.status %d\r\n%s\r\n", len(text), text))
		}
		return len(r.hub.Boxes()) > 60
	})
	evil.hears()
	mine := 0
	for _, b := range r.hub.Boxes() {
		switch {
		case b.Store == "s1":
			if mine++; b.Report.Name != "good" || b.Report.Backlog == 7 || b.State != hub.Alive || !b.Up {
				t.Errorf("%+v", b)
			}
		case len(b.Report.Name) > 64 || len(b.Report.Version) > 64:
			t.Errorf("%+v", b)
		}
	}
	if n := len(r.hub.Boxes()); mine != 1 || n > 1+64 {
		t.Errorf("%d boxes of s1 among %d", mine, n)
	}
	lives()
	if report := good.Report(); report.Links != 1 || report.Backlog != 0 {
		eventually(t, "an empty stream", func() bool { return good.Report().Backlog == 0 })
	}
}
