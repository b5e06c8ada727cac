// Package auth says who a client is and what it may do: it signs and verifies tokens
// (JWT, Ed25519) and holds the one table of permissions. Its promise: what it cannot
// prove, it refuses, and never with a panic. The gateway and the command line call it.
package auth

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/refusal"
)

const (
	issuer   = "brigata"
	audience = "brigata"
	// leeway forgives the clocks of other nodes.
	leeway = 5 * time.Second
)

// Claims is what a token says (PAYLOADS §11).
type Claims struct {
	jwt.RegisteredClaims
	Name    string         `json:"name,omitempty"`
	Store   Stores         `json:"store"`
	Roles   []command.Role `json:"roles"`
	Table   string         `json:"table,omitempty"`   // guests
	Session string         `json:"session,omitempty"` // guests: the table's open session
	Channel string         `json:"channel,omitempty"` // channels: the partner's name
	Family  string         `json:"sid,omitempty"`     // the login that it came from
	Gen     int64          `json:"gen,omitempty"`     // of the user, at that time
}

// Stores is one store or several: a string or an array.
type Stores []string

func (s Stores) MarshalJSON() ([]byte, error) {
	if len(s) == 1 {
		return json.Marshal(s[0])
	}
	return json.Marshal([]string(s))
}

func (s *Stores) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*s = Stores{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(s))
}

// Issue signs a token that holds for ttl from now. Sub, store and roles come from c.
func (k *Keys) Issue(c Claims, now time.Time, ttl time.Duration) (string, error) {
	if c.Subject == "" || len(c.Store) == 0 || len(c.Roles) == 0 {
		return "", errors.New("a token needs a subject, a store and a role")
	}
	table := *k.roles.Load()
	for _, r := range c.Roles {
		if table[r] == nil {
			return "", fmt.Errorf("no such role: %q", r)
		}
	}
	c.Issuer, c.Audience, c.ID = issuer, jwt.ClaimStrings{audience}, rand.Text()
	c.IssuedAt, c.NotBefore, c.ExpiresAt = jwt.NewNumericDate(now), jwt.NewNumericDate(now), jwt.NewNumericDate(now.Add(ttl))
	k.mu.RLock()
	kid, private := k.id, k.private
	k.mu.RUnlock()
	t := jwt.NewWithClaims(jwt.SigningMethodEdDSA, c)
	t.Header["kid"] = kid
	return t.SignedString(private)
}

var (
	errMissing   = refusal.New(refusal.Unauthenticated, "missing", "A token is needed")
	errExpired   = refusal.New(refusal.Unauthenticated, "expired", "The token has expired")
	errAudience  = refusal.New(refusal.Unauthenticated, "audience", "The token is not for this service")
	errStore     = refusal.New(refusal.Unauthenticated, "store", "The token names no store")
	errSignature = refusal.New(refusal.Unauthenticated, "signature", "The token is not valid")
)

// Verify returns who signed token is for, or why it proves nothing: a refusal with
// code unauthenticated.
func (k *Keys) Verify(token string, now time.Time) (*Principal, error) {
	p := k.remembered(token)
	if p == nil || now.Before(p.from) {
		var err error
		if p, err = k.verify(token, now); err != nil {
			return nil, err
		}
		k.remember(token, p)
	}
	switch {
	case now.After(p.Expires.Add(leeway)):
		return nil, errExpired
	case k.isRevoked(p):
		return nil, errRevoked
	}
	return p, nil
}

func (k *Keys) verify(token string, now time.Time) (*Principal, error) {
	if token == "" {
		return nil, errMissing
	}
	var c Claims
	_, err := jwt.ParseWithClaims(token, &c, k.key,
		jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}), jwt.WithStrictDecoding(),
		jwt.WithIssuer(issuer), jwt.WithAudience(audience),
		jwt.WithExpirationRequired(), jwt.WithNotBeforeRequired(), jwt.WithLeeway(leeway),
		jwt.WithTimeFunc(func() time.Time { return now }))
	switch {
	case errors.Is(err, jwt.ErrTokenExpired) && !errors.Is(err, jwt.ErrTokenInvalidAudience) && !errors.Is(err, jwt.ErrTokenInvalidIssuer):
		return nil, errExpired
	case errors.Is(err, jwt.ErrTokenInvalidAudience), errors.Is(err, jwt.ErrTokenInvalidIssuer):
		return nil, errAudience
	case err != nil, c.Subject == "":
		return nil, errSignature
	case len(c.Store) == 0 || slices.Contains(c.Store, ""):
		return nil, errStore
	}
	return principal(&c, &k.roles)
}

func (k *Keys) key(t *jwt.Token) (any, error) {
	kid, _ := t.Header["kid"].(string)
	public, ok := k.find(kid)
	if !ok && kid != "" {
		k.look()
		public, ok = k.find(kid)
	}
	if ok {
		return public, nil
	}
	return nil, errors.New("unknown kid")
}

// Subject is the claims of a user in stores; the signer adds the rest.
func Subject(user, name string, stores []string, roles ...command.Role) Claims {
	return Claims{RegisteredClaims: jwt.RegisteredClaims{Subject: user}, Name: name, Store: stores, Roles: roles}
}
