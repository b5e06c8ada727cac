package server

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/coder/websocket"
	"github.com/golang-jwt/jwt/v5"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/wire/pb/service"
)

// forger signs what no node would, with the node's own key or with what is made of it.
type forger struct {
	t       *testing.T
	private ed25519.PrivateKey
	kid     string
}

// forger has stolen the node's signing key, and looks at a token of the node's for the rest.
func (h *house) forger(good string) *forger {
	h.t.Helper()
	text, err := os.ReadFile(filepath.Join(h.options.Data, KeyFile))
	if err != nil {
		h.t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		h.t.Fatal(err)
	}
	token, _, err := jwt.NewParser().ParseUnverified(good, jwt.MapClaims{})
	if err != nil {
		h.t.Fatal(err)
	}
	return &forger{h.t, key.(ed25519.PrivateKey), token.Header["kid"].(string)}
}

// sign makes a token of a manager of the house, with changes. A claim of nil is left out.
func (f *forger) sign(method jwt.SigningMethod, key, kid any, change jwt.MapClaims) string {
	f.t.Helper()
	now := time.Now()
	c := jwt.MapClaims{"iss": "brigata", "aud": "brigata", "sub": "lin", "store": ownStore, "roles": []string{"manager"},
		"iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(time.Hour).Unix()}
	for name, v := range change {
		if c[name] = v; v == nil {
			delete(c, name)
		}
	}
	token := jwt.NewWithClaims(method, c)
	if kid != nil {
		token.Header["kid"] = kid
	}
	s, err := token.SignedString(key)
	if err != nil {
		f.t.Fatal(err)
	}
	return s
}

func (f *forger) mine(change jwt.MapClaims) string {
	return f.sign(jwt.SigningMethodEdDSA, f.private, f.kid, change)
}

// Tokens that were made by who may not, or are not for here or for now: 401 over REST,
// unauthenticated over gRPC, and 4500 or 4005 on a socket; each is counted where the
// metrics show it, and the node goes on.
func TestForgedTokens(t *testing.T) {
	h := newHouse(t)
	good := h.token("lin", command.Waiter, ownStore, "")
	f := h.forger(good)
	public := f.private.Public().(ed25519.PublicKey)
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	asPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, stranger, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(good, ".")
	part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	now := time.Now()
	forged := map[string]string{
		"nothing":                     "",
		"no token":                    "x.y.z",
		"none":                        f.sign(jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, f.kid, nil),
		"None":                        part(`{"alg":"None","typ":"JWT","kid":"`+f.kid+`"}`) + "." + parts[1] + ".",
		"HS256 with the public key":   f.sign(jwt.SigningMethodHS256, []byte(public), f.kid, nil),
		"HS256 with it as PKIX":       f.sign(jwt.SigningMethodHS256, der, f.kid, nil),
		"HS256 with it as PEM":        f.sign(jwt.SigningMethodHS256, asPEM, f.kid, nil),
		"HS256 with it in base64":     f.sign(jwt.SigningMethodHS256, []byte(base64.RawURLEncoding.EncodeToString(public)), f.kid, nil),
		"HS256 with an empty key":     f.sign(jwt.SigningMethodHS256, []byte{}, f.kid, nil),
		"RS256 with a key of its own": f.sign(jwt.SigningMethodRS256, rsaKey, f.kid, nil),
		"PS256 with a key of its own": f.sign(jwt.SigningMethodPS256, rsaKey, f.kid, nil),
		"a stranger's key":            f.sign(jwt.SigningMethodEdDSA, stranger, f.kid, nil),
		"no kid":                      f.sign(jwt.SigningMethodEdDSA, f.private, nil, nil),
		"kid is a path":               f.sign(jwt.SigningMethodEdDSA, stranger, "../../../../dev/null", nil),
		"kid is SQL":                  f.sign(jwt.SigningMethodEdDSA, stranger, "x' UNION SELECT '"+base64.RawURLEncoding.EncodeToString(stranger.Public().(ed25519.PublicKey))+"' --", nil),
		"kid is no text":              f.sign(jwt.SigningMethodEdDSA, stranger, map[string]any{"$ne": ""}, nil),
		"kid is long":                 f.sign(jwt.SigningMethodEdDSA, stranger, strings.Repeat("k", 8000), nil),
		"jwk in the header":           part(`{"alg":"EdDSA","jwk":{"kty":"OKP","crv":"Ed25519","x":"AAAA"}}`) + "." + parts[1] + "." + parts[2],
		"other payload":               parts[0] + "." + part(`{"sub":"root","roles":["admin"]}`) + "." + parts[2],
		"no signature":                parts[0] + "." + parts[1] + ".",
		"another audience":            f.mine(jwt.MapClaims{"aud": "shop"}),
		"no audience":                 f.mine(jwt.MapClaims{"aud": nil}),
		"another issuer":              f.mine(jwt.MapClaims{"iss": "shop"}),
		"a store that is not":         f.mine(jwt.MapClaims{"store": "nowhere"}),
		"no store":                    f.mine(jwt.MapClaims{"store": nil}),
		"a role that is not":          f.mine(jwt.MapClaims{"roles": []string{"owner"}}),
		"no subject":                  f.mine(jwt.MapClaims{"sub": nil}),
		"expired":                     f.mine(jwt.MapClaims{"exp": now.Add(-time.Minute).Unix()}),
		"without an end":              f.mine(jwt.MapClaims{"exp": nil}),
		"not yet":                     f.mine(jwt.MapClaims{"nbf": now.Add(time.Hour).Unix()}),
	}
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for i := range len(good) { // one bit of the header, the claims or the signature
		at := strings.IndexByte(alphabet, good[i])
		if at < 0 || i == len(good)-1 || i%5 != 0 {
			continue // a dot; the last character has bits that mean nothing
		}
		forged[fmt.Sprintf("bit of character %d", i)] = good[:i] + string(alphabet[at^1]) + good[i+1:]
	}
	before := h.rejected()
	for name, token := range forged {
		status, p, _ := h.rest("GET", "/v1/stores/demo/menu", token, "")
		if status != http.StatusUnauthorized || p.Code != "unauthenticated" {
			t.Errorf("REST: %s: %d %+v", name, status, p)
		}
	}
	rest := h.rejected() - before
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for name, token := range forged {
		_, err := h.service(token).GetOrder(ctx, connect.NewRequest(&service.GetOrderRequest{Order: string(newID())}))
		if connect.CodeOf(err) != connect.CodeUnauthenticated {
			t.Errorf("gRPC: %s: %v", name, err)
		}
		if code := h.turnedAway(ctx, token); code != 4500 && (code != 4005 || name != "expired") {
			t.Errorf("socket: %s: closed with %d", name, code)
		}
	}
	all := h.rejected() - before
	if rest != len(forged) || all != 3*len(forged) {
		t.Errorf("of %d tokens, three times each, %d are counted over REST, %d in all", len(forged), rest, all)
	}
	if status, p, _ := h.rest("GET", "/v1/stores/demo/menu", h.token("lin", command.Waiter, otherStore, ""), ""); status != http.StatusForbidden {
		t.Errorf("another store's token: %d %+v", status, p)
	}
	if status, _, _ := h.rest("GET", "/v1/stores/demo/menu", good, ""); status != http.StatusOK {
		t.Errorf("the good one: %d", status)
	}
	if status, _, _ := h.rest("GET", "/v1/stores/demo/menu", f.mine(nil), ""); status != http.StatusOK {
		t.Errorf("what the forger changes is all that is wrong: %d", status)
	}
}

// rejected is the metric that counts tokens which were not good.
func (h *house) rejected() (n int) {
	h.t.Helper()
	status, _, body := h.rest("GET", "/metrics", h.token("root", command.Admin, ownStore, ""), "")
	_, rest, ok := strings.Cut(body, "\nbrigata_tokens_rejected_total")
	if status != http.StatusOK || !ok {
		h.t.Fatalf("%d: no such metric", status)
	}
	if i := strings.IndexByte(rest, '}'); strings.HasPrefix(rest, "{") {
		rest = rest[i+1:]
	}
	if _, err := fmt.Sscan(rest, &n); err != nil {
		h.t.Fatalf("%v: %.100s", err, rest)
	}
	return n
}

// turnedAway opens a socket with a token and returns how it was closed.
func (h *house) turnedAway(ctx context.Context, token string) websocket.StatusCode {
	h.t.Helper()
	ws, _, err := websocket.Dial(ctx, strings.Replace(h.URL(), "http", "ws", 1)+"/v1/ws", &websocket.DialOptions{Subprotocols: []string{"brigata.v1.json"}})
	if err != nil {
		h.t.Fatal(err)
	}
	defer ws.CloseNow()
	if err := ws.Write(ctx, websocket.MessageText, fmt.Appendf(nil, `{"id":1,"auth":{"token":%q}}`, token)); err != nil {
		h.t.Fatal(err)
	}
	for {
		if _, _, err := ws.Read(ctx); err != nil {
			return websocket.CloseStatus(err)
		}
	}
}
