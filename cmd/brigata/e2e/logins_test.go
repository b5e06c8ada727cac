package e2e

import (
	"crypto/ed25519"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"
)

// opened starts a node and logs its first admin in.
func opened(t *testing.T, data string, args ...string) (n *node, admin grant) {
	t.Helper()
	n = startNode(t, data, args...)
	n.login(t, http.StatusOK, &admin, map[string]string{"user": "admin", "password": n.oneTimePassword(t), "new_password": "a long one"})
	return n, admin
}

// hire makes an account and logs it in; a device has no password.
func (n *node) hire(t *testing.T, admin grant, id, role, more string) (g grant) {
	t.Helper()
	body := fmt.Sprintf(`{"id":%q,"roles":[%q],"stores":["demo"],"password":"secret of %s"%s}`, id, role, id, more)
	if status, _ := rest(t, n, admin.Token, "POST", "/v1/users", body, nil); status != http.StatusCreated {
		t.Fatal(status)
	}
	n.login(t, http.StatusOK, &g, map[string]string{"user": id, "password": "secret of " + id})
	return g
}

// TestPINLockOut guesses at a till: after some PINs it has to wait, each time twice as
// long, whoever stands there and whatever is restarted; the right one then lets in, and
// what was guessed is forgotten.
func TestPINLockOut(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	n, admin := opened(t, data)
	n.hire(t, admin, "lin", "waiter", `,"pin":"2580"`)
	var till struct {
		Token string `json:"device_token"`
	}
	if status, _ := rest(t, n, admin.Token, "POST", "/v1/users", `{"id":"till-1","roles":["device"],"stores":["demo"]}`, &till); status != http.StatusCreated {
		t.Fatal(status)
	}
	try := func(pin string) (status int, wait time.Duration) {
		t.Helper()
		var no struct {
			Code  string
			Retry bool
			After int64 `json:"after_ms"`
		}
		status, h := rest(t, n, "", "POST", "/v1/login", fmt.Sprintf(`{"device_token":%q,"pin":%q}`, till.Token, pin), &no)
		if status != http.StatusTooManyRequests {
			return status, 0
		}
		after, err := strconv.Atoi(h.Get("Retry-After"))
		if wait = time.Duration(no.After) * time.Millisecond; no.Code != "rate_limited" || !no.Retry || wait <= 0 || err != nil || time.Duration(after)*time.Second < wait {
			t.Fatalf("%+v %q", no, h.Get("Retry-After"))
		}
		return status, wait
	}
	guesses := 0
	for status := 0; status != http.StatusTooManyRequests; guesses++ {
		if status, _ = try(fmt.Sprintf("%04d", guesses)); guesses > 10 {
			t.Fatal("ten thousand PINs are soon tried")
		}
	}
	var last time.Duration
	for round := range 3 {
		status, wait := try("2580") // the right one has to wait, too
		if status != http.StatusTooManyRequests {
			t.Fatalf("round %d: %d", round, status)
		}
		if round > 0 && wait < last*3/2 {
			t.Fatalf("round %d: %v after %v", round, wait, last)
		}
		last = wait
		if round == 1 {
			n.kill()
			n = startNode(t, data) // the next wait shows that it counts on
		}
		<-time.After(wait)
		if round < 2 {
			if status, _ := try("0000"); status != http.StatusUnauthorized {
				t.Fatalf("after %v: %d", wait, status)
			}
		}
	}
	if status, _ := try("2580"); status != http.StatusOK {
		t.Fatalf("after the wait: %d", status)
	}
	for range 3 {
		if status, _ := try("0000"); status != http.StatusUnauthorized {
			t.Fatalf("what was guessed before still counts: %d", status)
		}
	}
}

// TestStolenRefresh uses a refresh token again that was exchanged long ago, as a thief
// does: the whole login ends, its live socket at once, and the audit says so. The same
// person's other login goes on.
func TestStolenRefresh(t *testing.T) {
	onBoth(t, func(t *testing.T, start func(*testing.T) *node) {
		n := start(t)
		var admin grant
		n.login(t, http.StatusOK, &admin, map[string]string{"user": "admin", "password": n.oneTimePassword(t), "new_password": "a long one"})
		first := n.hire(t, admin, "lin", "waiter", "")
		var other, second, third grant
		n.login(t, http.StatusOK, &other, map[string]string{"user": "lin", "password": "secret of lin"})
		refresh := func(token string, into any) int {
			t.Helper()
			status, _ := rest(t, n, "", "POST", "/v1/token/refresh", fmt.Sprintf(`{"refresh":%q}`, token), into)
			return status
		}
		if refresh(first.Refresh, &second) != 200 || refresh(second.Refresh, &third) != 200 {
			t.Fatal("a refresh token is good once")
		}
		mine, others := n.dial(third.Token, "mine"), n.dial(other.Token, "other")
		if status := refresh(first.Refresh, nil); status != http.StatusUnauthorized {
			t.Fatalf("a refresh token that was used: %d", status)
		}
		closedWith(t, mine, "4503")
		for what, status := range map[string]int{"the newest refresh token": refresh(third.Refresh, nil), "the one before": refresh(second.Refresh, nil)} {
			if status != http.StatusUnauthorized {
				t.Errorf("%s: %d", what, status)
			}
		}
		for _, token := range []string{first.Token, second.Token, third.Token} {
			if status, _ := rest(t, n, token, "GET", "/v1/stores/demo/menu", "", nil); status != http.StatusUnauthorized {
				t.Errorf("a token of the login that ended: %d", status)
			}
		}
		must(t, send(t, others, "table.open", newID(), `{"table":"T01","guests":2}`))
		entry := audited(t, n, admin, "action=refresh.reused", 1)[0]
		if entry.Who != "user:lin" || entry.Reason != "revoked" || entry.Address == "" {
			t.Errorf("%+v", entry)
		}
	})
}

type entry struct {
	Who, Role, Store, Action, Outcome, Reason, Address, Detail string
	N                                                          int
}

// audited reads the audit until it has so many entries: they are written within a second.
func audited(t *testing.T, n *node, admin grant, query string, least int) (all []entry) {
	t.Helper()
	within(t, 10*time.Second, "the audit has it: "+query, func() bool {
		all = nil
		for next := "&"; next != ""; {
			var p struct {
				Items []entry
				Next  string
			}
			if status, _ := rest(t, n, admin.Token, "GET", "/v1/audit?limit=200&"+query+next, "", &p); status != http.StatusOK {
				t.Fatal(status)
			}
			all = append(all, p.Items...)
			if next = ""; p.Next != "" {
				next = "&cursor=" + p.Next
			}
		}
		return len(all) >= least
	})
	return all
}

// jwks are the public keys as an integrator reads them.
func jwks(t *testing.T, n *node) map[string]ed25519.PublicKey {
	t.Helper()
	var set struct {
		Keys []struct{ Kty, Crv, Use, Alg, Kid, X string }
	}
	if status, _ := rest(t, n, "", "GET", "/v1/keys", "", &set); status != http.StatusOK {
		t.Fatal(status)
	}
	keys := map[string]ed25519.PublicKey{}
	for _, k := range set.Keys {
		x, err := base64.RawURLEncoding.DecodeString(k.X)
		if err != nil || k.Kty != "OKP" || k.Crv != "Ed25519" || k.Use != "sig" || k.Alg != "EdDSA" || len(x) != ed25519.PublicKeySize {
			t.Fatalf("%+v: %v", k, err)
		}
		keys[k.Kid] = x
	}
	return keys
}

// signedWith says which of the keys signed a token; "": none.
func signedWith(t *testing.T, keys map[string]ed25519.PublicKey, token string) string {
	t.Helper()
	parts := strings.Split(token, ".")
	signature, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		t.Fatal(err)
	}
	header, err := base64.RawURLEncoding.DecodeString(parts[0])
	if err != nil {
		t.Fatal(err)
	}
	var h struct{ Kid string }
	if err := json.Unmarshal(header, &h); err != nil {
		t.Fatal(err)
	}
	if key := keys[h.Kid]; key != nil && ed25519.Verify(key, []byte(parts[0]+"."+parts[1]), signature) {
		return h.Kid
	}
	return ""
}

// TestSigningKeyRotates gives a node a new signing key with the operator's command. An
// integrator who verifies with /v1/keys follows; what the old key signed is good until
// that key ends, and then it is not.
func TestSigningKeyRotates(t *testing.T) {
	data := t.TempDir()
	n, admin := opened(t, data)
	before := n.hire(t, admin, "lin", "waiter", "")
	old := signedWith(t, jwks(t, n), before.Token)
	if old == "" {
		t.Fatal("the published keys did not sign the token")
	}
	if out, errs, status := run1("user", "rotate-key", "--data", data); status != 0 {
		t.Fatal(out, errs)
	}
	restart := func() {
		t.Helper()
		if err := n.stop(); err != nil {
			t.Fatal(err)
		}
		n = startNode(t, data)
	}
	restart()
	var after grant
	n.login(t, http.StatusOK, &after, map[string]string{"user": "lin", "password": "secret of lin"})
	keys := jwks(t, n)
	fresh := signedWith(t, keys, after.Token)
	if fresh == "" || fresh == old || signedWith(t, keys, before.Token) != old {
		t.Fatalf("%q after %q, of %d keys", fresh, old, len(keys))
	}
	for _, token := range []string{before.Token, after.Token} {
		n.dial(token, newID())
		if status, _ := rest(t, n, token, "GET", "/v1/stores/demo/menu", "", nil); status != http.StatusOK {
			t.Fatalf("signed with %s: %d", signedWith(t, keys, token), status)
		}
	}
	if err := n.stop(); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", filepath.Join(data, "accounts.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if r, err := db.Exec(`UPDATE auth_keys SET expires_at = 1 WHERE kid = $1`, old); err != nil { // a day later
		t.Fatal(err)
	} else if changed, err := r.RowsAffected(); err != nil || changed != 1 {
		t.Fatal(changed, err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	n = startNode(t, data)
	if keys := jwks(t, n); keys[old] != nil || keys[fresh] == nil {
		t.Fatalf("%d keys are published, the old one among them: %v", len(keys), keys[old] != nil)
	}
	for token, want := range map[string]int{before.Token: http.StatusUnauthorized, after.Token: http.StatusOK} {
		if status, _ := rest(t, n, token, "GET", "/v1/stores/demo/menu", "", nil); status != want {
			t.Errorf("%d, want %d", status, want)
		}
	}
}
