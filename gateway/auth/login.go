package auth

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"encoding/base64"
	"errors"
	"strings"

	"github.com/brigata/brigata/actors/refusal"
)

// Credentials are what somebody shows: a user and a password, or a device's token, alone
// or with the PIN of who stands at it.
type Credentials struct {
	User        string `json:"user,omitempty"`
	Password    string `json:"password,omitempty"`
	NewPassword string `json:"new_password,omitempty" doc:"Replaces the password; needed when it is a one-time password"`
	DeviceToken string `json:"device_token,omitempty" doc:"Of a device or a partner"`
	PIN         string `json:"pin,omitempty" doc:"With a device's token: logs its owner in"`

	Address string `json:"-"` // where it comes from
}

// Grant is a login: a short-lived token and what renews it.
type Grant struct {
	Token   string `json:"token"`
	Refresh string `json:"refresh" doc:"Good for one renewal; keep it secret"`
	TTL     int64  `json:"ttl" doc:"Seconds that the token holds"`
	User    *User  `json:"user,omitempty"`

	// A guest's.
	Guest   string `json:"guest,omitempty" doc:"The guest's id, as others at the table see it"`
	Store   string `json:"store,omitempty"`
	Table   string `json:"table,omitempty"`
	Session string `json:"session,omitempty"`
}

var (
	errCredentials = refusal.New(refusal.Unauthenticated, "signature", "User or password is wrong")
	errDeviceOrPIN = refusal.New(refusal.Unauthenticated, "signature", "Token or PIN is wrong")
	errNoWay       = refusal.New(refusal.BadRequest, "missing", "user and password, or device_token, are needed")
	errChoose      = refusal.Faults(refusal.Fault{At: "/new_password", Reason: "required"})
	errRevoked     = refusal.New(refusal.Unauthenticated, "revoked", "The login was ended")
	errOver        = refusal.New(refusal.Unauthenticated, "expired", "The login has expired")
)

// Login lets somebody in, or says why not. Every failure counts against the name and the
// address, before it is looked at.
func (a *Accounts) Login(ctx context.Context, c Credentials) (*Grant, error) {
	var g *Grant
	address := "address " + c.Address
	err := a.attempt(ctx, address, freeOfAddress)
	if err == nil {
		switch {
		case c.DeviceToken != "":
			g, err = a.loginDevice(ctx, c)
		case c.User != "" && c.Password != "":
			g, err = a.loginUser(ctx, c)
		default:
			err = errNoWay
		}
	}
	a.auditLogin(c, g, err)
	if err != nil {
		return nil, err
	}
	return g, a.forgive(ctx, address, false)
}

func (a *Accounts) auditLogin(c Credentials, g *Grant, err error) {
	e := Entry{Who: "user:" + c.User, Action: "login", Address: c.Address}
	if id, _, ok := strings.Cut(c.DeviceToken, "."); ok {
		e.Who = "user:" + id
	}
	if g != nil {
		e.Who = "user:" + g.User.ID
	}
	a.Audit(e.Because(err))
}

func (a *Accounts) loginUser(ctx context.Context, c Credentials) (*Grant, error) {
	name := "user " + c.User
	if len(name) > 80 { // no name is so long
		name = "user"
	}
	if err := a.attempt(ctx, name, freeOfUser); err != nil {
		return nil, err
	}
	u, err := a.user(ctx, c.User)
	if refusal.Of(err) != nil {
		u, err = &row{}, nil
	}
	if err != nil {
		return nil, err
	}
	ok, err := a.hash.matches(ctx, c.Password, u.password)
	switch {
	case err != nil:
		return nil, err
	case !ok || u.Disabled:
		return nil, errCredentials
	case u.once && c.NewPassword == "":
		return nil, errChoose
	}
	if c.NewPassword != "" {
		if f := checkPassword("/new_password", c.NewPassword); f != nil {
			return nil, refusal.Faults(*f)
		}
		if u.once && c.NewPassword == c.Password {
			return nil, errChoose
		}
		was := *u
		if u.password, err = a.hash.password(ctx, c.NewPassword); err != nil {
			return nil, err
		}
		u.once = false
		if err := a.replace(ctx, u, &was, true); err != nil {
			return nil, err
		}
	}
	if err := a.forgive(ctx, name, true); err != nil {
		return nil, err
	}
	return a.begin(ctx, u, nil)
}

func (a *Accounts) loginDevice(ctx context.Context, c Credentials) (*Grant, error) {
	id, secret, _ := strings.Cut(c.DeviceToken, ".")
	device, err := a.user(ctx, id)
	switch {
	case refusal.Of(err) != nil:
		return nil, errDeviceOrPIN
	case err != nil:
		return nil, err
	case device.secret == "" || device.Disabled || subtle.ConstantTimeCompare([]byte(device.secret), []byte(hashed(secret))) != 1:
		return nil, errDeviceOrPIN
	case c.PIN == "":
		return a.begin(ctx, device, nil)
	case device.Channel != "":
		return nil, errDeviceOrPIN
	}
	name := "device " + id // the PINs of a store are few: who tries them all is stopped here
	if err := a.attempt(ctx, name, freeOfDevice); err != nil {
		return nil, err
	}
	if f := checkPIN(c.PIN); f != nil {
		return nil, errDeviceOrPIN
	}
	pin, err := a.hash.pin(ctx, c.PIN, a.pinSalt)
	if err != nil {
		return nil, err
	}
	all, err := a.withPIN(ctx, pin)
	if err != nil {
		return nil, err
	}
	for i := range all {
		u := &all[i]
		if !u.Disabled && (c.User == "" || c.User == u.ID) && len(both(u.Stores, device.Stores)) > 0 {
			if err := a.forgive(ctx, name, true); err != nil {
				return nil, err
			}
			return a.begin(ctx, u, device.Stores)
		}
	}
	return nil, errDeviceOrPIN
}

// family is a login: what of it is stored.
type family struct {
	id, subject, guest, stores string
	current, previous, nonce   string
	rotatedAt, expiresAt       int64
}

// begin starts a family for a user, in only these stores if there are any.
func (a *Accounts) begin(ctx context.Context, u *row, only []string) (*Grant, error) {
	f := family{id: rand.Text(), subject: u.ID}
	if len(only) > 0 && only[0] != everyStore {
		f.stores = toJSON(only)
	} else {
		only = nil
	}
	return a.start(ctx, &f, a.claims(u, f.id, only), u)
}

func (a *Accounts) start(ctx context.Context, f *family, c Claims, u *row) (*Grant, error) {
	secret, now, ttl := newSecret(), a.now(), userTTL
	if u == nil {
		ttl = guestTTL
	}
	_, err := a.db.ExecContext(ctx, `INSERT INTO auth_families (id, subject, guest, stores, current, previous, nonce, rotated_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, '', '', $6, $7)`, f.id, f.subject, f.guest, f.stores, hashed(secret), now.UnixMilli(), now.Add(ttl).UnixMilli())
	if err != nil {
		return nil, err
	}
	return a.grant(c, f.id+"."+secret, u)
}

func (a *Accounts) grant(c Claims, refresh string, u *row) (*Grant, error) {
	if len(c.Store) == 0 {
		return nil, errNoStores
	}
	token, err := a.keys.Issue(c, a.now(), accessTTL)
	if err != nil {
		return nil, err
	}
	g := &Grant{Token: token, Refresh: refresh, TTL: int64(accessTTL.Seconds())}
	if u != nil {
		g.User = &u.User
	} else {
		g.Guest, g.Store, g.Table, g.Session = c.Subject, c.Store[0], c.Table, c.Session
	}
	return g, nil
}

var errNoStores = refusal.New(refusal.Forbidden, "", "This account has no store here").With(refusal.Fields{Need: "store"})

// Refresh renews a token, once for each refresh token. Within some seconds the same one
// gets the same successor, for its answer may have been lost; later, whoever uses it has
// stolen it, or was stolen from: the login ends. seated says whether a guest's session is
// still open; it may not use the accounts.
func (a *Accounts) Refresh(ctx context.Context, token, address string, seated func(store, table, session string) (bool, error)) (*Grant, error) {
	id, secret, _ := strings.Cut(token, ".")
	f, next, err := a.rotate(ctx, id, secret)
	if errors.Is(err, errStolen) {
		err = a.within(ctx, func(tx *sql.Tx) error { return a.revokeFamily(ctx, tx, id) })
		a.Audit(Entry{Who: f.who(), Action: "refresh.reused", Outcome: "denied", Reason: "revoked", Address: address})
		if err == nil {
			err = a.refreshAll(ctx)
		}
		return nil, errors.Join(err, errRevoked)
	}
	if err != nil {
		return nil, err
	}
	if f.guest != "" {
		return a.renewGuest(ctx, f, next, seated)
	}
	u, err := a.user(ctx, f.subject)
	if refusal.Of(err) != nil || err == nil && u.Disabled {
		return nil, errRevoked
	}
	if err != nil {
		return nil, err
	}
	var only []string
	if f.stores != "" {
		if err := fromJSON(f.stores, &only); err != nil {
			return nil, err
		}
	}
	return a.grant(a.claims(u, f.id, only), next, u)
}

func (f *family) who() string {
	if f.guest != "" {
		return "guest:" + f.subject
	}
	return "user:" + f.subject
}

var errStolen = errors.New("a refresh token was used twice")

// rotate exchanges a family's secret for the next one. That is derived from the last, so
// the same exchange can be made again; who does not know the last cannot make it.
func (a *Accounts) rotate(ctx context.Context, id, secret string) (f *family, next string, err error) {
	for range 3 {
		f = &family{id: id}
		err := a.db.QueryRowContext(ctx, `SELECT subject, guest, stores, current, previous, nonce, rotated_at, expires_at
			FROM auth_families WHERE id = $1`, id).Scan(&f.subject, &f.guest, &f.stores, &f.current, &f.previous, &f.nonce, &f.rotatedAt, &f.expiresAt)
		now := a.now().UnixMilli()
		switch have := hashed(secret); {
		case errors.Is(err, sql.ErrNoRows):
			return f, "", errRevoked
		case err != nil:
			return f, "", err
		case now > f.expiresAt:
			return f, "", errOver
		case have == f.previous && now-f.rotatedAt <= retryGrace.Milliseconds():
			return f, id + "." + successor(secret, f.nonce), nil
		case have != f.current:
			return f, "", errStolen
		}
		nonce := newSecret()
		next := successor(secret, nonce)
		ttl := userTTL
		if f.guest != "" {
			ttl = guestTTL
		}
		r, err := a.db.ExecContext(ctx, `UPDATE auth_families SET previous = current, current = $3, nonce = $4, rotated_at = $5, expires_at = $6
			WHERE id = $1 AND current = $2`, id, f.current, hashed(next), nonce, now, a.now().Add(ttl).UnixMilli())
		if err != nil {
			return f, "", err
		}
		if n, err := r.RowsAffected(); err != nil || n == 1 {
			return f, id + "." + next, err
		}
	} // another request was faster
	return f, "", errHashing
}

func successor(secret, nonce string) string {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(nonce))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// Logout ends the login that p's token came from.
func (a *Accounts) Logout(ctx context.Context, p *Principal) error {
	if p.family == "" {
		return nil // the command line's; it holds until it expires
	}
	if err := a.within(ctx, func(tx *sql.Tx) error { return a.revokeFamily(ctx, tx, p.family) }); err != nil {
		return err
	}
	return a.refreshAll(ctx)
}
