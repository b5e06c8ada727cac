package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/brigata/brigata/cmd/brigata/client"
)

// TestPeople is the first evening: the first admin chooses a password, makes a waiter and
// codes for the tables; a guest comes in by a code while the table is open; the waiter is
// sent home and is out at once, and all of it survives a kill.
func TestPeople(t *testing.T) {
	onBoth(t, func(t *testing.T, start func(*testing.T) *node) {
		n := start(t)
		var admin grant
		n.login(t, http.StatusOK, &admin, map[string]string{"user": "admin", "password": n.oneTimePassword(t), "new_password": "a long one"})
		if status, _ := rest(t, n, admin.Token, "POST", "/v1/users", `{"id":"lin","roles":["waiter"],"stores":["demo"],"password":"secret lin","pin":"2580"}`, nil); status != 201 {
			t.Fatal(status)
		}
		var device struct {
			DeviceToken string `json:"device_token"`
		}
		if status, _ := rest(t, n, admin.Token, "POST", "/v1/users", `{"id":"till-1","roles":["device"],"stores":["demo"]}`, &device); status != 201 {
			t.Fatal(status)
		}
		var lin, pin grant
		n.login(t, http.StatusOK, &lin, map[string]string{"user": "lin", "password": "secret lin"})
		n.login(t, http.StatusOK, &pin, map[string]string{"device_token": device.DeviceToken, "pin": "2580"})
		waiter := n.dial(lin.Token, "one")

		code := n.code(t, admin.Token, "T01")
		if status, _ := rest(t, n, "", "POST", "/v1/guest", fmt.Sprintf(`{"qr":%q}`, code), nil); status != http.StatusConflict {
			t.Fatalf("the table is not open: %d", status)
		}
		var menu struct{ Dishes []map[string]any }
		if status, _ := rest(t, n, "", "GET", "/v1/guest/menu?qr="+code, "", &menu); status != 200 || len(menu.Dishes) == 0 || menu.Dishes[0]["stations"] != nil {
			t.Fatalf("the menu by the code alone: %d %v", status, menu)
		}
		if status, _ := rest(t, n, "", "GET", "/v1/guest/menu?qr=other", "", nil); status != http.StatusNotFound {
			t.Fatalf("a code that is none: %d", status)
		}
		must(t, send(t, waiter, "table.open", newID(), `{"table":"T01","guests":2}`))
		var guest grant
		if status, _ := rest(t, n, "", "POST", "/v1/guest", fmt.Sprintf(`{"qr":%q,"name":"A"}`, code), &guest); status != 200 || guest.Table != "T01" {
			t.Fatalf("%d %+v", status, guest)
		}
		g := n.dial(guest.Token, "phone")
		must(t, send(t, g, "cart.set", newID(), `{"table":"T01","line":"1","dish":"mapo-tofu","qty":1}`))
		must(t, send(t, waiter, "table.move", newID(), `{"table":"T01","to":"T02"}`))
		must(t, send(t, g, "cart.set", newID(), `{"table":"T02","line":"1","dish":"mapo-tofu","qty":2}`)) // its token moved along
		refused(t, send(t, g, "table.call", newID(), `{"table":"T01","kind":"waiter"}`), "forbidden")

		n.kill()
		n = start(t)
		var again grant
		if status, _ := rest(t, n, "", "POST", "/v1/token/refresh", fmt.Sprintf(`{"refresh":%q}`, guest.Refresh), &again); status != 200 {
			t.Fatalf("the guest after a restart: %d", status)
		}
		g = n.dial(again.Token, "phone")
		waiter = n.dial(lin.Token, "one")
		other := n.dial(pin.Token, "two")
		must(t, send(t, waiter, "table.clear", newID(), `{"table":"T02"}`))
		refused(t, send(t, g, "table.call", newID(), `{"table":"T02","kind":"waiter"}`), "closed")
		if status, _ := rest(t, n, "", "POST", "/v1/token/refresh", fmt.Sprintf(`{"refresh":%q}`, again.Refresh), nil); status != http.StatusUnauthorized {
			t.Fatalf("the guest after the table was cleared: %d", status)
		}

		if status, _ := rest(t, n, admin.Token, "PUT", "/v1/users/lin", `{"disabled":true}`, nil); status != 200 {
			t.Fatal(status)
		}
		for _, c := range []*client.Conn{waiter, other} {
			closedWith(t, c, "4503")
		}
		if status, _ := rest(t, n, lin.Token, "GET", "/v1/stores/demo/menu", "", nil); status != http.StatusUnauthorized {
			t.Fatalf("a disabled account reads: %d", status)
		}
		var audit struct {
			Items []struct{ Who, Action, Outcome string }
		}
		deadline := time.Now().Add(10 * time.Second)
		for len(audit.Items) == 0 { // it is written within a second
			rest(t, n, admin.Token, "GET", "/v1/audit?action=rest:users:write&who=user:admin", "", &audit)
			if time.Now().After(deadline) {
				t.Fatal("the audit says nothing")
			}
		}
		if audit.Items[0].Outcome != "ok" {
			t.Fatalf("%+v", audit.Items)
		}
		n.bruteForce(t)
	})
}

type grant struct {
	Token, Refresh, Table string
}

// oneTimePassword resets the first admin's, which the node has printed and nobody kept.
func (n *node) oneTimePassword(t *testing.T) string {
	t.Helper()
	args := []string{"user", "reset", "admin", "--data", n.data}
	for i, a := range n.cmd.Args {
		if a == "--database-url" {
			args = append(args, a, n.cmd.Args[i+1])
		}
	}
	out, err := exec.Command(program, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return strings.TrimSpace(string(out[strings.LastIndexByte(strings.TrimSpace(string(out)), ' ')+1:]))
}

func (n *node) login(t *testing.T, want int, into any, credentials map[string]string) {
	t.Helper()
	b, _ := json.Marshal(credentials)
	if status, _ := rest(t, n, "", "POST", "/v1/login", string(b), into); status != want {
		t.Fatalf("login: %d, want %d", status, want)
	}
}

// code returns the key in a table's code.
func (n *node) code(t *testing.T, token, table string) string {
	t.Helper()
	status, h := rest(t, n, token, "POST", "/v1/stores/demo/tables/"+table+"/qr", "", nil)
	_, rest, _ := strings.Cut(h.Get("Link"), "/t/")
	key, _, ok := strings.Cut(rest, ">")
	if status != 200 || !ok {
		t.Fatalf("%d %v", status, h)
	}
	return key
}

func closedWith(t *testing.T, c *client.Conn, code string) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		select {
		case _, ok := <-c.Pushes():
			if ok {
				continue
			}
			if err := c.Err(); err == nil || !strings.Contains(err.Error(), code) {
				t.Fatalf("closed with %v, want %s", err, code)
			}
			return
		case <-deadline:
			t.Fatal("never closed")
		}
	}
}

// bruteForce guesses until it is told to wait, and so is who knows the password.
func (n *node) bruteForce(t *testing.T) {
	t.Helper()
	for i := 0; ; i++ {
		status, h := rest(t, n, "", "POST", "/v1/login", fmt.Sprintf(`{"user":"admin","password":"guess %d"}`, i), nil)
		if status == http.StatusTooManyRequests {
			if h.Get("Retry-After") == "" || i > 20 {
				t.Fatalf("after %d guesses: %v", i, h)
			}
			break
		}
		if status != http.StatusUnauthorized || i > 20 {
			t.Fatalf("guess %d: %d", i, status)
		}
	}
	n.login(t, http.StatusTooManyRequests, nil, map[string]string{"user": "admin", "password": "a long one"})
}
