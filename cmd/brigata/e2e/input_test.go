package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// raw is a socket that sends what no client would.
type raw struct {
	*websocket.Conn
	t *testing.T
}

func dialRaw(t *testing.T, n *node) raw {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, strings.Replace(n.url, "http", "ws", 1)+"/v1/ws",
		&websocket.DialOptions{Subprotocols: []string{"brigata.v1.json"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ws.CloseNow() })
	return raw{ws, t}
}

// says sends a frame and returns the first answer, or the close that came instead.
func (r raw) says(frame string) (string, websocket.StatusCode) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := r.Write(ctx, websocket.MessageText, []byte(frame)); err != nil {
		return "", websocket.CloseStatus(err)
	}
	_, b, err := r.Read(ctx)
	return string(b), websocket.CloseStatus(err)
}

func (r raw) closed() websocket.StatusCode {
	r.t.Helper()
	_, code := r.rest()
	return code
}

// rest is what the server says until it closes, and how it closes.
func (r raw) rest() (said string, code websocket.StatusCode) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for {
		_, b, err := r.Read(ctx)
		if err != nil {
			return said, websocket.CloseStatus(err)
		}
		said += string(b)
	}
}

func (r raw) login(token string) {
	r.t.Helper()
	if got, _ := r.says(fmt.Sprintf(`{"id":1,"auth":{"token":%q,"client":%q,"version":"1"}}`, token, newID())); !strings.Contains(got, `"ok"`) {
		r.t.Fatal(got)
	}
}

func TestBadInput(t *testing.T) {
	n := startNode(t, t.TempDir())
	lines := strings.Repeat(`{"dish":"mapo-tofu","qty":1},`, 10_000)
	place := func(d string) string { return fmt.Sprintf(`{"id":5,"cmd":"order.place","cid":%q,"d":%s}`, newID(), d) }
	for _, c := range []struct {
		name, frame, code, reason string
		close                     websocket.StatusCode
	}{
		{"malformed JSON", `{"id":5,`, "bad_request", "json", 4501},
		{"no id", `{"cmd":"order.place"}`, "bad_request", "", 4501},
		{"unknown command", `{"id":5,"cmd":"order.eat","cid":"` + newID() + `","d":{}}`, "bad_request", "unknown_command", 0},
		{"no command", `{"id":5}`, "bad_request", "missing", 0},
		{"no cid", `{"id":5,"cmd":"order.place","d":{}}`, "bad_request", "missing", 0},
		{"a cid of another kind", `{"id":5,"cmd":"order.place","cid":"7","d":{}}`, "bad_request", "type", 0},
		{"an old cid", `{"id":5,"cmd":"table.open","cid":"0192f3a1-7b2c-7d3e-8f40-5a6b7c8d9e0f","d":{"table":"T01","guests":2}}`, "invalid", "range", 0},
		{"wrong type", place(`{"type":7}`), "bad_request", "type", 0},
		{"wrong type of an envelope field", `{"id":5,"cmd":7}`, "bad_request", "type", 0},
		{"duplicate key", place(`{"type":"dine_in","type":"pickup"}`), "bad_request", "json", 4501},
		{"no lines", place(`{"type":"dine_in","table":"T01","lines":[]}`), "invalid", "length", 0},
		{"negative quantity", place(`{"type":"dine_in","table":"T01","lines":[{"dish":"mapo-tofu","qty":-1}]}`), "invalid", "range", 0},
		{"huge quantity", place(`{"type":"dine_in","table":"T01","lines":[{"dish":"mapo-tofu","qty":99999999}]}`), "invalid", "range", 0},
		{"quantity beyond numbers", place(`{"type":"dine_in","table":"T01","lines":[{"dish":"mapo-tofu","qty":1e40}]}`), "bad_request", "type", 0},
		{"unknown dish", place(`{"type":"dine_in","table":"T01","lines":[{"dish":"no-such","qty":1}]}`), "invalid", "not_on_menu", 0},
		{"unknown table", place(`{"type":"dine_in","table":"T99","lines":[{"dish":"mapo-tofu","qty":1}]}`), "not_found", "", 0},
		{"wrong store", `{"id":5,"cmd":"order.place","store":"other","cid":"` + newID() + `","d":{}}`, "forbidden", "", 0},
		{"10,000 lines", place(`{"type":"dine_in","table":"T01","lines":[` + lines[:len(lines)-1] + `]}`), "", "", 1009},
		{"10 MB", strings.Repeat("x", 10<<20), "", "", 1009},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := dialRaw(t, n)
			r.login(n.token)
			got, code := r.says(c.frame)
			if c.code == "" {
				if code != c.close && code != -1 { // the close frame may be lost with what was still unread
					t.Fatalf("closed %d, want %d; %s", code, c.close, got)
				}
				return
			}
			if !strings.Contains(got, `"code":"`+c.code+`"`) || c.reason != "" && !strings.Contains(got, `"reason":"`+c.reason+`"`) {
				t.Fatalf("got %s", got)
			}
			if c.close != 0 {
				if code := r.closed(); code != c.close {
					t.Fatalf("closed %d, want %d", code, c.close)
				}
				return
			}
			if got, _ := r.says(`{"id":6,"sub":[{"t":"store"}]}`); !strings.Contains(got, `"mode":"snap"`) {
				t.Fatalf("the connection does not go on: %s", got)
			}
		})
	}
	if b := get(t, n.url+"/healthz"); b != "ok\n" {
		t.Fatal(b)
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestTokens(t *testing.T) {
	n := startNode(t, t.TempDir())
	other := startNode(t, t.TempDir()) // another node's key signs nothing here
	good := n.roleToken("waiter")
	elsewhere, _, _ := run1("token", "--data", n.data, "--role", "waiter", "--store", "nowhere")
	for _, c := range []struct {
		name, token, reason string
		close               websocket.StatusCode
	}{
		{"none", "", "missing", 4500},
		{"nonsense", "x.y.z", "signature", 4500},
		{"another key's", other.roleToken("waiter"), "signature", 4500},
		{"changed", good[:len(good)-4] + "AAAA", "signature", 4500},
		{"expired", n.roleToken("waiter", "--ttl=-1m"), "expired", 4005},
		{"another store's", strings.TrimSpace(elsewhere), "store", 4500},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := dialRaw(t, n)
			got, _ := r.says(fmt.Sprintf(`{"id":1,"auth":{"token":%q}}`, c.token))
			if !strings.Contains(got, `"unauthenticated"`) || !strings.Contains(got, `"reason":"`+c.reason+`"`) {
				t.Fatalf("got %s", got)
			}
			if code := r.closed(); code != c.close {
				t.Fatalf("closed %d, want %d", code, c.close)
			}
		})
	}
}
