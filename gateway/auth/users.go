package auth

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/refusal"
)

// User is an account: a person, a device or a partner.
type User struct {
	ID        string         `json:"id"`
	Name      string         `json:"name"`
	Roles     []command.Role `json:"roles"`
	Stores    []string       `json:"stores" doc:"Stores; [\"*\"] is all of them"`
	Channel   string         `json:"channel,omitempty" doc:"A partner's channel"`
	Disabled  bool           `json:"disabled"`
	PINSet    bool           `json:"pin_set"`
	CreatedAt string         `json:"created_at" format:"date-time"`
}

// UserInput is an account as it is to be. What is nil stays.
type UserInput struct {
	ID       string          `json:"id,omitempty" doc:"A name; needed for a new account"`
	Name     *string         `json:"name,omitempty"`
	Roles    *[]command.Role `json:"roles,omitempty"`
	Stores   *[]string       `json:"stores,omitempty"`
	Channel  *string         `json:"channel,omitempty"`
	Disabled *bool           `json:"disabled,omitempty"`
	Password *string         `json:"password,omitempty" doc:"8 to 200 bytes; empty: none"`
	PIN      *string         `json:"pin,omitempty" doc:"4 to 8 digits; empty: none"`
}

// row is a user as it is stored.
type row struct {
	User
	password  string
	once      bool
	pin       string
	secret    string
	gen       int64
	createdAt int64 // ms
}

const (
	usersMax     = 5000 // of an installation
	userNameMax  = 100
	userListMax  = 1000 // stores of an account
	userRolesMax = 10
	timeForm     = "2006-01-02T15:04:05.000Z"
)

var (
	errUserTaken = refusal.New(refusal.Conflict, "state", "There is such an account already")
	errPINTaken  = refusal.New(refusal.Conflict, "state", "Another account of the store has this PIN")
	errLastAdmin = refusal.New(refusal.Conflict, "state", "There must be one admin at least")
	errManyUsers = refusal.New(refusal.Conflict, "state", "There are too many accounts")
)

func errNoUser(id string) *refusal.Refusal {
	return refusal.New(refusal.NotFound, "", "There is no such account").With(refusal.Fields{Kind: "user", ID: id})
}

func needs(permission string) error {
	return refusal.New(refusal.Forbidden, "", "Not permitted").With(refusal.Fields{Need: permission})
}

const userColumns = `id, name, roles, stores, channel, password, once, pin, secret, disabled, gen, created_at`

func (u *row) scan(s interface{ Scan(...any) error }) error {
	var roles, stores string
	var once, disabled int
	if err := s.Scan(&u.ID, &u.Name, &roles, &stores, &u.Channel, &u.password, &once, &u.pin, &u.secret, &disabled, &u.gen, &u.createdAt); err != nil {
		return err
	}
	u.once, u.Disabled, u.PINSet = once != 0, disabled != 0, u.pin != ""
	u.CreatedAt = time.UnixMilli(u.createdAt).UTC().Format(timeForm)
	return errors.Join(fromJSON(roles, &u.Roles), fromJSON(stores, &u.Stores))
}

// insert writes a new user.
func (u *row) insert(ctx context.Context, tx *sql.Tx) error {
	r, err := tx.ExecContext(ctx, `INSERT INTO auth_users (`+userColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (id) DO NOTHING`,
		u.ID, u.Name, toJSON(u.Roles), toJSON(u.Stores), u.Channel, u.password, bit(u.once), u.pin, u.secret, bit(u.Disabled), u.gen, u.createdAt)
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, errUserTaken.With(refusal.Fields{Kind: "user", ID: u.ID}))
	}
	return nil
}

func (u *row) update(ctx context.Context, tx *sql.Tx, was int64) error {
	r, err := tx.ExecContext(ctx, `UPDATE auth_users SET name = $2, roles = $3, stores = $4, channel = $5, password = $6, once = $7,
		pin = $8, secret = $9, disabled = $10, gen = $11 WHERE id = $1 AND gen = $12`,
		u.ID, u.Name, toJSON(u.Roles), toJSON(u.Stores), u.Channel, u.password, bit(u.once), u.pin, u.secret, bit(u.Disabled), u.gen, was)
	if err != nil {
		return err
	}
	if n, err := r.RowsAffected(); err != nil || n == 0 {
		return errors.Join(err, refusal.New(refusal.Conflict, "version", "Somebody else has changed the account").With(refusal.Fields{V: was}))
	}
	return nil
}

func (a *Accounts) users(ctx context.Context) (all []row, err error) {
	rows, err := a.db.QueryContext(ctx, `SELECT `+userColumns+` FROM auth_users ORDER BY id`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var u row
		if err := u.scan(rows); err != nil {
			return nil, err
		}
		all = append(all, u)
	}
	return all, rows.Err()
}

func (a *Accounts) user(ctx context.Context, id string) (*row, error) {
	u := new(row)
	err := u.scan(a.db.QueryRowContext(ctx, `SELECT `+userColumns+` FROM auth_users WHERE id = $1`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, errNoUser(id)
	}
	return u, err
}

// UserQuery asks for a page of accounts, by id.
type UserQuery struct {
	Role   command.Role // "" for all
	Store  string       // "" for all
	Limit  int
	Cursor string
}

// Users returns a page of the accounts that by may see, and the next page's cursor.
func (a *Accounts) Users(ctx context.Context, by *Principal, q UserQuery) (page []User, next string, err error) {
	all, err := a.users(ctx)
	if err != nil {
		return nil, "", err
	}
	page = []User{}
	for i := range all {
		u := &all[i]
		switch {
		case u.ID <= q.Cursor, !by.sees(u), q.Role != "" && !slices.Contains(u.Roles, q.Role),
			q.Store != "" && !(&Principal{Stores: u.Stores}).In(q.Store):
			continue
		case len(page) == q.Limit:
			return page, page[len(page)-1].ID, nil
		}
		page = append(page, u.User)
	}
	return page, "", nil
}

// sees says that an account works in one of p's stores.
func (p *Principal) sees(u *row) bool {
	return p.IsAdmin() || p.User == u.ID || slices.ContainsFunc(u.Stores, p.In)
}

// User returns an account that by may see.
func (a *Accounts) User(ctx context.Context, by *Principal, id string) (User, error) {
	u, err := a.user(ctx, id)
	if err != nil {
		return User{}, err
	}
	if !by.sees(u) {
		return User{}, errNoUser(id)
	}
	return u.User, nil
}

// mayHave refuses an account that by may not make or touch: a manager's reach is the
// stores of the manager, and what a manager's staff may.
func (a *Accounts) mayHave(by *Principal, u *row) error {
	if by.IsAdmin() {
		return nil
	}
	for _, s := range u.Stores {
		if !by.In(s) {
			return needs("store:" + s)
		}
	}
	t := *a.keys.roles.Load()
	for _, r := range u.Roles {
		if r == command.Admin || r == command.Manager {
			return needs("role:" + string(r))
		}
		for p := range t[r] {
			if !by.May(p) {
				return needs(p)
			}
		}
	}
	return nil
}

// CreateUser makes an account. A device's or partner's gets a token to log in with, which
// is shown this once.
func (a *Accounts) CreateUser(ctx context.Context, by *Principal, in UserInput) (User, string, error) {
	now := a.now().UnixMilli()
	u := &row{gen: now, createdAt: now}
	u.ID, u.CreatedAt = in.ID, a.now().UTC().Format(timeForm)
	if !menu.IsName(in.ID) {
		return User{}, "", refusal.Faults(refusal.Fault{At: "/id", Reason: "id"})
	}
	token := ""
	if in.Roles != nil && (slices.Contains(*in.Roles, command.Device) || slices.Contains(*in.Roles, command.Channel)) {
		token = newSecret()
		u.secret = hashed(token)
	}
	if err := a.fill(ctx, u, &in); err != nil {
		return User{}, "", err
	}
	if err := a.mayHave(by, u); err != nil {
		return User{}, "", err
	}
	err := a.within(ctx, func(tx *sql.Tx) error {
		var n int
		if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM auth_users`).Scan(&n); err != nil {
			return err
		}
		if n >= usersMax {
			return errManyUsers.With(refusal.Fields{Kind: "user", ID: u.ID})
		}
		var below int64 // of one that had this id before, and whose tokens are about still
		if err := tx.QueryRowContext(ctx, `SELECT coalesce(max(below), 0) FROM auth_revocations WHERE subject = $1`, u.ID).Scan(&below); err != nil {
			return err
		}
		u.gen = max(u.gen, below)
		return u.insert(ctx, tx)
	})
	if err != nil {
		return User{}, "", err
	}
	if token != "" {
		token = u.ID + "." + token
	}
	return u.User, token, nil
}

// ChangeUser sets what in names. Tokens are void when roles, stores, password or PIN
// change, and the logins too unless it is only roles or stores.
func (a *Accounts) ChangeUser(ctx context.Context, by *Principal, id string, in UserInput) (User, error) {
	u, err := a.user(ctx, id)
	if err != nil {
		return User{}, err
	}
	if !by.sees(u) {
		return User{}, errNoUser(id)
	}
	if err := a.mayHave(by, u); err != nil {
		return User{}, err
	}
	was := *u
	if err := a.fill(ctx, u, &in); err != nil {
		return User{}, err
	}
	if err := a.mayHave(by, u); err != nil {
		return User{}, err
	}
	gone := u.Disabled && !was.Disabled || u.password != was.password || u.pin != was.pin
	return u.User, a.replace(ctx, u, &was, gone)
}

// replace writes a changed account, and voids its tokens.
func (a *Accounts) replace(ctx context.Context, u, was *row, gone bool) error {
	u.gen = max(a.now().UnixMilli(), was.gen+1)
	err := a.within(ctx, func(tx *sql.Tx) error {
		if err := u.update(ctx, tx, was.gen); err != nil {
			return err
		}
		if err := was.leavesAdmin(ctx, tx); err != nil {
			return err
		}
		return a.revokeUser(ctx, tx, u.ID, u.gen, gone)
	})
	if err != nil {
		return err
	}
	return a.refreshAll(ctx)
}

// NewSecret gives a device or partner another token to log in with; the old one and all
// that came of it are void.
func (a *Accounts) NewSecret(ctx context.Context, by *Principal, id string) (string, error) {
	u, err := a.user(ctx, id)
	if err != nil {
		return "", err
	}
	if !by.sees(u) {
		return "", errNoUser(id)
	}
	if err := a.mayHave(by, u); err != nil {
		return "", err
	}
	if !slices.Contains(u.Roles, command.Device) && !slices.Contains(u.Roles, command.Channel) {
		return "", refusal.New(refusal.Conflict, "state", "Only devices and channels log in with a token").With(refusal.Fields{Kind: "user", ID: id})
	}
	was := *u
	token := newSecret()
	u.secret = hashed(token)
	return u.ID + "." + token, a.replace(ctx, u, &was, true)
}

// DeleteUser ends an account and all its logins.
func (a *Accounts) DeleteUser(ctx context.Context, by *Principal, id string) error {
	u, err := a.user(ctx, id)
	if err != nil {
		return err
	}
	if !by.sees(u) {
		return errNoUser(id)
	}
	if err := a.mayHave(by, u); err != nil {
		return err
	}
	err = a.within(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM auth_users WHERE id = $1`, id); err != nil {
			return err
		}
		if err := u.leavesAdmin(ctx, tx); err != nil {
			return err
		}
		return a.revokeUser(ctx, tx, id, max(a.now().UnixMilli(), u.gen+1), true)
	})
	if err != nil {
		return err
	}
	return a.refreshAll(ctx)
}

// leavesAdmin refuses a change to an admin that leaves nobody who may do everything.
func (u *row) leavesAdmin(ctx context.Context, tx *sql.Tx) error {
	if !slices.Contains(u.Roles, command.Admin) {
		return nil
	}
	var n int
	err := tx.QueryRowContext(ctx, `SELECT count(*) FROM auth_users WHERE disabled = 0 AND roles LIKE '%"admin"%'`).Scan(&n)
	if err == nil && n == 0 {
		err = errLastAdmin.With(refusal.Fields{Kind: "user", ID: u.ID})
	}
	return err
}

// fill sets what in names, once it is valid.
func (a *Accounts) fill(ctx context.Context, u *row, in *UserInput) error {
	if in.Name != nil {
		u.Name = strings.TrimSpace(*in.Name)
	}
	if u.Name == "" {
		u.Name = u.ID
	}
	if in.Roles != nil {
		u.Roles = *in.Roles
	}
	if in.Stores != nil {
		u.Stores = *in.Stores
	}
	if in.Channel != nil {
		u.Channel = *in.Channel
	}
	if in.Disabled != nil {
		u.Disabled = *in.Disabled
	}
	if faults := a.faults(u, in); len(faults) > 0 {
		return refusal.Faults(faults...)
	}
	var err error
	if in.Password != nil {
		if u.password, u.once = "", false; *in.Password != "" {
			if u.password, err = a.hash.password(ctx, *in.Password); err != nil {
				return err
			}
		}
	}
	if in.PIN != nil {
		if u.pin = ""; *in.PIN != "" {
			if u.pin, err = a.hash.pin(ctx, *in.PIN, a.pinSalt); err != nil {
				return err
			}
		}
		u.PINSet = u.pin != ""
	}
	if u.pin == "" || in.PIN == nil && in.Stores == nil {
		return nil
	}
	return a.freePIN(ctx, u)
}

func (a *Accounts) faults(u *row, in *UserInput) (faults []refusal.Fault) {
	bad := func(at, reason string) { faults = append(faults, refusal.Fault{At: at, Reason: reason}) }
	t := *a.keys.roles.Load()
	if utf8.RuneCountInString(u.Name) > userNameMax {
		bad("/name", "length")
	}
	if len(u.Roles) == 0 || len(u.Roles) > userRolesMax {
		bad("/roles", "required")
	}
	for _, r := range u.Roles {
		if t[r] == nil || r == command.Guest { // guests come by a table's code
			bad("/roles", "range")
		}
	}
	if len(u.Stores) == 0 || len(u.Stores) > userListMax {
		bad("/stores", "required")
	}
	for _, s := range u.Stores {
		if !menu.IsName(s) && (s != everyStore || len(u.Stores) > 1) {
			bad("/stores", "id")
		}
	}
	partner := slices.Contains(u.Roles, command.Channel)
	if partner != (u.Channel != "") || partner && (len(u.Roles) > 1 || !menu.IsName(u.Channel)) {
		bad("/channel", "required")
	}
	if in.Password != nil && *in.Password != "" {
		if f := checkPassword("/password", *in.Password); f != nil {
			faults = append(faults, *f)
		}
	}
	if in.PIN != nil && *in.PIN != "" {
		if f := checkPIN(*in.PIN); f != nil {
			faults = append(faults, *f)
		}
	}
	return faults
}

// freePIN refuses a PIN that would log in somebody else of the same store.
func (a *Accounts) freePIN(ctx context.Context, u *row) error {
	same, err := a.withPIN(ctx, u.pin)
	if err != nil {
		return err
	}
	for _, o := range same {
		if o.ID != u.ID && (len(both(o.Stores, u.Stores)) > 0 || len(both(u.Stores, o.Stores)) > 0) {
			return errPINTaken.With(refusal.Fields{Kind: "user", ID: u.ID})
		}
	}
	return nil
}

func (a *Accounts) withPIN(ctx context.Context, pin string) (all []row, err error) {
	rows, err := a.db.QueryContext(ctx, `SELECT `+userColumns+` FROM auth_users WHERE pin = $1`, pin)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var u row
		if err := u.scan(rows); err != nil {
			return nil, err
		}
		all = append(all, u)
	}
	return all, rows.Err()
}
