package server

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/gateway/auth"
)

type schema struct {
	Ref        string             `json:"$ref"`
	Type       any                `json:"type"`
	Properties map[string]*schema `json:"properties"`
	Required   []string           `json:"required"`
	Items      *schema            `json:"items"`
	Open       any                `json:"additionalProperties"`
}

type apiDocument struct {
	Paths map[string]map[string]struct {
		Responses map[string]struct {
			Content map[string]struct{ Schema *schema }
		}
	}
	Components struct{ Schemas map[string]*schema }
}

// fits says where v is not what s says: what is there and not described, or the reverse.
func (d *apiDocument) fits(s *schema, v any, at string) (wrong []string) {
	if s.Ref != "" {
		s = d.Components.Schemas[strings.TrimPrefix(s.Ref, "#/components/schemas/")]
	}
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			switch p := s.Properties[k]; {
			case p != nil:
				wrong = append(wrong, d.fits(p, x, at+"/"+k)...)
			case len(s.Properties) > 0:
				wrong = append(wrong, at+"/"+k+" is not described")
			}
		}
		for _, k := range s.Required {
			if _, ok := v[k]; !ok {
				wrong = append(wrong, at+"/"+k+" is required and missing")
			}
		}
	case []any:
		for _, x := range v {
			if s.Items != nil {
				wrong = append(wrong, d.fits(s.Items, x, at+"[]")...)
			}
		}
	}
	return wrong
}

// The server's answers are what /openapi.json says they are.
func TestAnswersAreAsDescribed(t *testing.T) {
	h := newHouse(t)
	_, _, body := h.rest("GET", "/openapi.json", "", "")
	var d apiDocument
	if err := json.Unmarshal([]byte(body), &d); err != nil {
		t.Fatal(err)
	}
	root := h.token("root", command.Admin, ownStore, "")
	order := h.orders[ownStore+"/T01"]
	seen := map[string]bool{}
	for path, at := range map[string]string{
		"/v1/stores": "", "/v1/users": "", "/v1/roles": "", "/v1/keys": "", "/v1/audit": "", "/v1/stores/{store}": "/v1/stores/demo",
		"/v1/stores/{store}/menu": "/v1/stores/demo/menu", "/v1/stores/{store}/orders": "/v1/stores/demo/orders",
		"/v1/stores/{store}/orders/{id}":         "/v1/stores/demo/orders/" + order,
		"/v1/stores/{store}/orders/{id}/history": "/v1/stores/demo/orders/" + order + "/history",
		"/v1/stores/{store}/tables":              "/v1/stores/demo/tables", "/v1/stores/{store}/tables/{id}": "/v1/stores/demo/tables/T01",
		"/v1/stores/{store}/stock": "/v1/stores/demo/stock",
	} {
		if at == "" {
			at = path
		}
		status, _, body := h.rest("GET", at, root, "")
		s := d.Paths[path]["get"].Responses["200"].Content["application/json"].Schema
		if status != http.StatusOK || s == nil {
			t.Errorf("%s: %d, described: %v", at, status, s != nil)
			continue
		}
		var v any
		if err := json.Unmarshal([]byte(body), &v); err != nil {
			t.Fatal(err)
		}
		for _, w := range d.fits(s, v, path) {
			if !seen[w] {
				seen[w] = true
				t.Error(w)
			}
		}
	}
}

// Tokens that somebody made who may not: 401 over REST, 4500 or 4005 on a socket, each
// counted, and the node goes on.
func TestForgedTokens(t *testing.T) {
	h := newHouse(t)
	good := h.token("lin", command.Waiter, ownStore, "")
	parts := strings.Split(good, ".")
	part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	header, _ := base64.RawURLEncoding.DecodeString(parts[0])
	_, private, _ := ed25519.GenerateKey(nil)
	stranger, err := auth.NewKeys(private).Issue(auth.Subject("lin", "Lin", []string{ownStore}, command.Admin), time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	issue := func(store string, at time.Time) string {
		token, err := h.keys.Issue(auth.Subject("lin", "Lin", []string{store}, command.Waiter), at, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	forged := map[string]string{
		"none":               part(`{"alg":"none","typ":"JWT"}`) + "." + parts[1] + ".",
		"HS256":              part(strings.Replace(string(header), "EdDSA", "HS256", 1)) + "." + parts[1] + "." + parts[2],
		"RS256":              part(strings.Replace(string(header), "EdDSA", "RS256", 1)) + "." + parts[1] + "." + parts[2],
		"kid is a path":      part(`{"alg":"EdDSA","kid":"../../dev/null"}`) + "." + parts[1] + "." + parts[2],
		"kid is SQL":         part(`{"alg":"EdDSA","kid":"x' OR '1'='1"}`) + "." + parts[1] + "." + parts[2],
		"jwk in the header":  part(`{"alg":"EdDSA","jwk":{"kty":"OKP","crv":"Ed25519","x":"AAAA"}}`) + "." + parts[1] + "." + parts[2],
		"a stranger's key":   stranger,
		"expired":            issue(ownStore, time.Now().Add(-2*time.Hour)),
		"not yet":            issue(ownStore, time.Now().Add(time.Hour)),
		"other payload":      parts[0] + "." + part(`{"sub":"root","roles":["admin"]}`) + "." + parts[2],
		"of no store at all": "",
	}
	for i := 0; i < len(parts[2])-1; i += 7 { // the last character has bits that mean nothing
		b := []byte(good)
		at := len(parts[0]) + len(parts[1]) + 2 + i
		if b[at]++; b[at] == 'z'+1 || b[at] == 'Z'+1 || b[at] == '9'+1 || b[at] == '.' {
			b[at] = 'B'
		}
		if string(b) != good {
			forged[fmt.Sprintf("bit %d", i)] = string(b)
		}
	}
	before := h.gateway.Stats().BadTokens.Load()
	for name, token := range forged {
		status, p, _ := h.rest("GET", "/v1/stores/demo/menu", token, "")
		if status != http.StatusUnauthorized || p.Code != "unauthenticated" {
			t.Errorf("%s: %d %+v", name, status, p)
		}
	}
	if n := h.gateway.Stats().BadTokens.Load() - before; n != int64(len(forged)) {
		t.Errorf("%d of %d were counted", n, len(forged))
	}
	if status, p, _ := h.rest("GET", "/v1/stores/demo/menu", issue(otherStore, time.Now()), ""); status != http.StatusForbidden {
		t.Errorf("another store's token: %d %+v", status, p)
	}
	if status, _, _ := h.rest("GET", "/v1/stores/demo/menu", good, ""); status != http.StatusOK {
		t.Errorf("the good one: %d", status)
	}
}
