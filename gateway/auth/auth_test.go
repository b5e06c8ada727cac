package auth

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/refusal"
)

var now = time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)

func testKeys(t *testing.T) *Keys {
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return NewKeys(private)
}

func claims(sub string, r ...command.Role) Claims {
	return Claims{RegisteredClaims: jwt.RegisteredClaims{Subject: sub}, Store: Stores{"s1"}, Roles: r}
}

func TestIssueVerify(t *testing.T) {
	k := testKeys(t)
	c := claims("lin", command.Waiter, command.Manager)
	c.Name = "Lin"
	token, err := k.Issue(c, now, 15*time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	p, err := k.Verify(token, now.Add(14*time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	if p.Who() != (command.Who{ID: "lin", Name: "Lin", Role: command.Manager}) || p.ID() != "user:lin" || !p.In("s1") || p.In("s2") || p.Channel != "pos" {
		t.Fatalf("%+v", p)
	}
	if _, err := k.Verify(token, now.Add(16*time.Minute)); reason(err) != "expired" {
		t.Fatal(err)
	}
	if _, err := k.Verify(token, now.Add(-time.Minute)); reason(err) != "signature" {
		t.Fatalf("before nbf: %v", err)
	}
	other := testKeys(t)
	if _, err := other.Verify(token, now); reason(err) != "signature" {
		t.Fatalf("unknown kid: %v", err)
	}
	other.Trust(k.private.Public().(ed25519.PublicKey))
	if _, err := other.Verify(token, now); err != nil {
		t.Fatalf("trusted: %v", err)
	}
}

func reason(err error) string {
	if r := refusal.Of(err); r != nil && r.Code == refusal.Unauthenticated {
		return r.Fields.Reason
	}
	return "?"
}

// Every token here was made by somebody who should not get in.
func TestVerifyRefuses(t *testing.T) {
	k := testKeys(t)
	full := func() jwt.MapClaims {
		return jwt.MapClaims{"iss": issuer, "aud": audience, "sub": "lin", "store": "s1", "roles": []string{"waiter"},
			"nbf": now.Unix(), "iat": now.Unix(), "exp": now.Add(time.Hour).Unix()}
	}
	sign := func(m jwt.SigningMethod, key any, kid any, c jwt.MapClaims) string {
		tk := jwt.NewWithClaims(m, c)
		if kid != nil {
			tk.Header["kid"] = kid
		}
		s, err := tk.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	mine := func(change func(jwt.MapClaims)) string {
		c := full()
		change(c)
		return sign(jwt.SigningMethodEdDSA, k.private, k.id, c)
	}
	without := func(name string) string { return mine(func(c jwt.MapClaims) { delete(c, name) }) }
	with := func(name string, v any) string { return mine(func(c jwt.MapClaims) { c[name] = v }) }
	good := mine(func(jwt.MapClaims) {})
	if _, err := k.Verify(good, now); err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(good, ".")
	public := []byte(k.private.Public().(ed25519.PublicKey))
	forged := base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"boss"}`))
	for name, c := range map[string]struct{ token, reason string }{
		"empty":            {"", "missing"},
		"garbage":          {"a.b", "signature"},
		"not base64":       {"!.!.!", "signature"},
		"alg none":         {sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, k.id, full()), "signature"},
		"HS256 public key": {sign(jwt.SigningMethodHS256, public, k.id, full()), "signature"},
		"no kid":           {sign(jwt.SigningMethodEdDSA, k.private, nil, full()), "signature"},
		"kid no string":    {sign(jwt.SigningMethodEdDSA, k.private, 7, full()), "signature"},
		"unknown kid":      {sign(jwt.SigningMethodEdDSA, k.private, "x", full()), "signature"},
		"other key":        {sign(jwt.SigningMethodEdDSA, testKeys(t).private, k.id, full()), "signature"},
		"other payload":    {parts[0] + "." + forged + "." + parts[2], "signature"},
		"no signature":     {parts[0] + "." + parts[1] + ".", "signature"},
		"no exp":           {without("exp"), "signature"},
		"no nbf":           {without("nbf"), "signature"},
		"no sub":           {without("sub"), "signature"},
		"no aud":           {without("aud"), "signature audience"},
		"no iss":           {without("iss"), "signature audience"},
		"no store":         {without("store"), "store"},
		"empty store":      {with("store", ""), "store"},
		"no roles":         {without("roles"), "signature"},
		"unknown role":     {with("roles", []string{"owner"}), "signature"},
		"wrong aud":        {with("aud", "shop"), "audience"},
		"wrong iss":        {with("iss", "shop"), "audience"},
		"not yet":          {with("nbf", now.Add(time.Hour).Unix()), "signature"},
		"expired":          {with("exp", now.Add(-time.Hour).Unix()), "expired"},
		"exp is text":      {with("exp", "never"), "signature"},
		"store is a map":   {with("store", map[string]int{"s1": 1}), "signature"},
	} {
		p, err := k.Verify(c.token, now)
		if p != nil || !strings.Contains(c.reason, reason(err)) {
			t.Errorf("%s: %v (%s), want %s", name, err, reason(err), c.reason)
		}
	}
}

func TestLoadKeys(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key.pem")
	a, err := LoadKeys(file)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := os.Stat(file); err != nil || s.Mode().Perm() != 0o600 {
		t.Fatalf("%v %v", s.Mode(), err)
	}
	b, err := LoadKeys(file)
	if err != nil || a.id != b.id {
		t.Fatalf("%v %v %v", a.id, b, err)
	}
	if left, _ := os.ReadDir(filepath.Dir(file)); len(left) != 1 {
		t.Fatalf("left behind: %v", left)
	}
	if err := os.WriteFile(file, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadKeys(file); err == nil {
		t.Fatal("a broken file was taken")
	}
}

func TestStoresJSON(t *testing.T) {
	for _, want := range []string{`"s1"`, `["s1","s2"]`} {
		var s Stores
		if err := json.Unmarshal([]byte(want), &s); err != nil {
			t.Fatal(err)
		}
		if got, _ := json.Marshal(s); string(got) != want {
			t.Errorf("%s became %s", want, got)
		}
	}
}

func TestMay(t *testing.T) {
	as := func(r ...command.Role) *Principal {
		c := claims("x", r...)
		c.NotBefore, c.ExpiresAt = jwt.NewNumericDate(now), jwt.NewNumericDate(now)
		p, err := principal(&c, &testKeys(t).roles)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	for _, c := range []struct {
		role command.Role
		yes  string
		no   string
	}{
		{command.Guest, "order.place cart.set payment.create payment.confirm topic:table topic:menu rest:menu:read", "order.add order.accept item.bump payment.refund table.open topic:kitchen topic:floor topic:stock topic:nodes rest:orders:read rest:history:read"},
		{command.Waiter, "table.open order.place order.add item.serve payment.confirm topic:floor rest:orders:read", "order.void bill.discount payment.refund stock.release menu.publish day.close topic:nodes rest:reports:read"},
		{command.Kitchen, "item.bump stock.out ticket.print topic:kitchen topic:stock", "order.place payment.create topic:floor stock.release"},
		{command.Cashier, "bill.split payment.create payment.confirm", "order.place payment.refund"},
		{command.Dispatcher, "order.assign order.deliver topic:dispatch", "item.bump"},
		{command.Manager, "order.void bill.discount payment.refund stock.release menu.publish day.close topic:kitchen rest:reports:read", "topic:nodes order.fly rest:stores:write"},
		{command.Admin, "topic:nodes order.void rest:stores:write", "order.fly topic:secrets"},
		{command.Device, "topic:menu topic:store", "order.place topic:kitchen"},
		{command.Channel, "order.place topic:order", "cart.set topic:table topic:floor"},
	} {
		p := as(c.role)
		for _, y := range strings.Fields(c.yes) {
			if !p.May(y) {
				t.Errorf("%s may not %s", c.role, y)
			}
		}
		for _, n := range strings.Fields(c.no) {
			if p.May(n) {
				t.Errorf("%s may %s", c.role, n)
			}
		}
	}
	if p := as(command.Kitchen, command.Waiter); !p.May("item.bump") || !p.May("table.open") || p.May("order.void") {
		t.Error("roles do not add up")
	}
	if p := as(command.Guest); !p.IsGuest() || p.Guest() != "x" || p.Channel != "web" || as(command.Guest, command.Waiter).IsGuest() {
		t.Errorf("%+v", p)
	}
}

func FuzzVerify(f *testing.F) {
	_, private, _ := ed25519.GenerateKey(nil)
	k := NewKeys(private)
	f.Add("a.b.c")
	f.Add("eyJhbGciOiJFZERTQSIsImtpZCI6MX0.e30.")
	f.Fuzz(func(t *testing.T, token string) {
		if p, err := k.Verify(token, now); err == nil {
			t.Fatalf("%+v", p)
		}
	})
}
