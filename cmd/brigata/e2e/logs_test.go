package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestLogs: what a node logs, at its most talkative, is JSON and holds no secret and
// nothing personal, whatever goes right and wrong.
func TestLogs(t *testing.T) {
	n := startNode(t, t.TempDir(), "--log-level", "debug", "--webhook-allow-private")
	first := n.oneTimePassword(t)
	secrets := []string{"a long secret", "guess-of-a-password", "secret of lin", "97531", "Mrs Zhang", "13900001111", "7 Long Road", "no peanuts for Zhang", n.token}
	var admin, lin, pin, guest grant
	n.login(t, http.StatusOK, &admin, map[string]string{"user": "admin", "password": first, "new_password": secrets[0]})
	n.login(t, http.StatusUnauthorized, nil, map[string]string{"user": "admin", "password": secrets[1]})
	if status, _ := rest(t, n, admin.Token, "POST", "/v1/users", fmt.Sprintf(`{"id":"lin","roles":["waiter"],"stores":["demo"],"password":%q,"pin":%q}`, secrets[2], secrets[3]), nil); status != 201 {
		t.Fatal(status)
	}
	var device struct {
		DeviceToken string `json:"device_token"`
	}
	if status, _ := rest(t, n, admin.Token, "POST", "/v1/users", `{"id":"till-1","roles":["device"],"stores":["demo"]}`, &device); status != 201 {
		t.Fatal(status)
	}
	n.login(t, http.StatusOK, &lin, map[string]string{"user": "lin", "password": secrets[2]})
	n.login(t, http.StatusOK, &pin, map[string]string{"device_token": device.DeviceToken, "pin": secrets[3]})
	n.login(t, http.StatusUnauthorized, nil, map[string]string{"device_token": device.DeviceToken, "pin": "86420"})
	waiter := n.dial(lin.Token, "tablet")
	code := n.code(t, admin.Token, "T01")
	must(t, send(t, waiter, "table.open", newID(), `{"table":"T01","guests":2}`))
	if status, _ := rest(t, n, "", "POST", "/v1/guest", fmt.Sprintf(`{"qr":%q,"name":"A"}`, code), &guest); status != 200 {
		t.Fatal(status)
	}
	if status, _ := rest(t, n, "", "POST", "/v1/token/refresh", fmt.Sprintf(`{"refresh":%q}`, lin.Refresh), nil); status != 200 {
		t.Fatal(status)
	}
	must(t, send(t, waiter, "order.place", newID(), fmt.Sprintf(
		`{"type":"delivery","contact":{"name":%q,"phone":%q,"address":%q},"note":%q,"lines":[{"dish":"mapo-tofu","qty":1}]}`, secrets[4], secrets[5], secrets[6], secrets[7])))
	send(t, waiter, "order.place", newID(), fmt.Sprintf(`{"type":"delivery","contact":{"name":%q,"phone":%q,"address":%q},"lines":[{"dish":"none","qty":-1}]}`, secrets[4], secrets[5], secrets[6]))
	rest(t, n, lin.Token+"x", "GET", "/v1/stores/demo/menu", "", nil)
	rest(t, n, lin.Token, "GET", "/v1/users", "", nil)
	p := newPartner(t)
	p.subscribe(n)
	if err := n.stop(); err != nil {
		t.Fatal(err)
	}
	secrets = append(secrets, p.secret)
	secrets = append(secrets, first, "86420", device.DeviceToken, code)
	for _, g := range []grant{admin, lin, pin, guest} {
		secrets = append(secrets, g.Token, g.Refresh)
	}
	silent(t, n.logs, secrets)
}

// TestBoxLogs: nor does a box log what devices and hubs are let in by.
func TestBoxLogs(t *testing.T) {
	t.Parallel()
	hub := freePort(t)
	n := startNode(t, t.TempDir(), "--log-level", "debug", "--edge-listen", hub)
	b := newBox(t, n, hub, "--log-level", "debug", "--log-format", "json")
	var c struct {
		Seed string `json:"nkey_seed"`
		Key  string `json:"key"`
	}
	text, err := os.ReadFile(filepath.Join(b.dir, "box.json"))
	if err != nil || json.Unmarshal(text, &c) != nil || c.Seed == "" || c.Key == "" {
		t.Fatal(err)
	}
	const guess = "guess-of-a-device"
	for _, password := range []string{"a-long-secret", guess} {
		for _, body := range []string{`{"boot":1,"seq":1,"value":3}`, `{"boot":1,"seq":`, `{"boot":1,"seq":2,"value":-400}`} {
			r, err := http.NewRequest("POST", "http://"+b.http+"/v1/readings/walkin-1", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			r.SetBasicAuth("kitchen", password)
			got, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			got.Body.Close()
		}
	}
	within(t, 30*time.Second, "the readings are there", func() bool { return n.counted("walkin-1") > 0 })
	b.kill()
	if err := n.stop(); err != nil {
		t.Fatal(err)
	}
	secrets := []string{"a-long-secret", guess, c.Seed, strings.Split(c.Key, "\n")[1]}
	silent(t, b.logs, secrets)
	silent(t, n.logs, secrets)
}

// silent checks that what was logged is JSON, and that none of it is a secret.
func silent(t *testing.T, logs *tail, secrets []string) {
	t.Helper()
	logged := 0
	for _, line := range logs.lines {
		for _, s := range secrets {
			if s != "" && strings.Contains(line, s) {
				t.Errorf("%q is in the log: %s", s, line)
			}
		}
		if strings.HasPrefix(line, "{") {
			logged++
			var l struct{ Time, Level, Msg string }
			if err := json.Unmarshal([]byte(line), &l); err != nil || l.Time == "" || l.Level == "" || l.Msg == "" {
				t.Errorf("%v: %s", err, line)
			}
		}
	}
	if logged == 0 {
		t.Error("nothing was logged")
	}
}
