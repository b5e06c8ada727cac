package auth

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/brigata/brigata/actors/command"
)

const (
	accessTTL  = 15 * time.Minute
	userTTL    = 30 * 24 * time.Hour // of a login that is not used
	guestTTL   = 12 * time.Hour
	retryGrace = 10 * time.Second // a refresh whose answer was lost may be repeated
	auditFor   = 90 * 24 * time.Hour
	// everyStore stands for all stores in an account's list.
	everyStore = "*"
	// storesNamed is how many of them a token lists before it just says "*".
	storesNamed = 16
)

// Config makes Accounts. Database and Keys are needed.
type Config struct {
	Database Database
	Keys     *Keys
	Node     string           // stable name
	Stores   func() []string  // the ids of all stores; nil: none are known
	Rotated  func()           // the signing key is another one now; may be nil
	Now      func() time.Time // nil: time.Now
	Log      *slog.Logger     // nil: slog.Default
}

// Accounts are the people, devices and partners that may come in, their logins, and what
// was denied or done in their name. All nodes share the database; each has what it needs
// for a token in memory, and learns of changes within a second.
type Accounts struct {
	config  Config
	db      Database
	keys    *Keys
	now     func() time.Time
	log     *slog.Logger
	hash    *hasher
	pinSalt string
	audit   auditQueue
	failing atomic.Bool // the database did not answer last time

	mu      sync.Mutex
	seen    string // the change that roles, keys and revocations were read at
	revoked map[string]bool
	onGone  func(match func(*Principal) bool, gone bool)
}

// NewAccounts brings the tables up to date, publishes this node's key, and reads who may
// do what. Run keeps it current.
func NewAccounts(ctx context.Context, c Config) (*Accounts, error) {
	if c.Database.DB == nil || c.Keys == nil {
		return nil, errors.New("accounts need a database and keys")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Stores == nil {
		c.Stores = func() []string { return nil }
	}
	a := &Accounts{config: c, db: c.Database, keys: c.Keys, now: c.Now, log: c.Log, hash: newHasher(), revoked: map[string]bool{}}
	if err := migrate(ctx, a.db); err != nil {
		return nil, fmt.Errorf("migrate accounts: %w", err)
	}
	var err error
	if a.pinSalt, _, err = a.setting(ctx, "pin_salt", newSecret); err != nil {
		return nil, fmt.Errorf("read accounts: %w", err)
	}
	if err := a.publish(ctx); err != nil {
		return nil, fmt.Errorf("publish the signing key: %w", err)
	}
	if err := a.refreshAll(ctx); err != nil {
		return nil, fmt.Errorf("read accounts: %w", err)
	}
	a.keys.onUnknown(a.lookForKey)
	return a, nil
}

// OnRevoked is called for whom a token does not let in any more; gone says that a fresh
// one will not either. Set it before Run.
func (a *Accounts) OnRevoked(f func(match func(*Principal) bool, gone bool)) { a.onGone = f }

// Run keeps what is in memory current and writes the audit, each second, until stop.
func (a *Accounts) Run(stop <-chan struct{}) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for i := 1; ; i++ {
		select {
		case <-tick.C:
		case <-stop:
			a.Flush(context.Background())
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		err := a.Sync(ctx)
		if i%3600 == 60 && err == nil {
			err = a.tidy(ctx)
		}
		cancel()
		if was := a.failing.Swap(err != nil); err != nil && !was {
			a.log.Error("accounts not read", "error", err)
		}
	}
}

// Sync reads what other nodes have changed and writes the audit.
func (a *Accounts) Sync(ctx context.Context) error {
	var value string
	err := a.db.QueryRowContext(ctx, `SELECT value FROM auth_settings WHERE name = 'changed'`).Scan(&value)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	a.mu.Lock()
	same := value == a.seen
	a.mu.Unlock()
	if !same {
		if err := a.refreshAll(ctx); err != nil {
			return err
		}
	}
	return a.Flush(ctx)
}

// refreshAll reads roles, keys and revocations, and tells of the revocations that are new.
func (a *Accounts) refreshAll(ctx context.Context) error {
	var value string
	err := a.db.QueryRowContext(ctx, `SELECT value FROM auth_settings WHERE name = 'changed'`).Scan(&value)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	roles, err := a.readRoles(ctx)
	if err != nil {
		return err
	}
	if err := a.readKeys(ctx); err != nil {
		return err
	}
	revocations, err := a.readRevocations(ctx)
	if err != nil {
		return err
	}
	a.keys.setRoles(roles)
	a.keys.setRevocations(revocations)
	a.mu.Lock()
	a.seen = value
	var fresh []revocation
	known := map[string]bool{}
	for _, r := range revocations {
		known[r.id] = true
		if !a.revoked[r.id] {
			fresh = append(fresh, r)
		}
	}
	a.revoked = known
	a.mu.Unlock()
	if a.onGone != nil {
		for _, r := range fresh {
			a.onGone(r.hits, r.gone)
		}
	}
	return nil
}

// tidy forgets what has expired. It is for each hour.
func (a *Accounts) tidy(ctx context.Context) error {
	now := a.now().UnixMilli()
	for query, before := range map[string]int64{
		`DELETE FROM auth_families WHERE expires_at < $1`:           now,
		`DELETE FROM auth_revocations WHERE until_at < $1`:          now,
		`DELETE FROM auth_keys WHERE expires_at < $1`:               now,
		`DELETE FROM auth_attempts WHERE at < $1 AND until_at < $1`: now - 2*time.Hour.Milliseconds(),
		`DELETE FROM auth_audit WHERE at < $1`:                      now - auditFor.Milliseconds(),
	} {
		if _, err := a.db.ExecContext(ctx, query, before); err != nil {
			return err
		}
	}
	if err := a.rotateWhenOld(ctx); err != nil {
		return err
	}
	return a.refreshAll(ctx)
}

// claims are what a token of the user says.
func (a *Accounts) claims(u *row, family string, only []string) Claims {
	stores := u.Stores
	if len(stores) == 1 && stores[0] == everyStore {
		if all := a.config.Stores(); len(all) > 0 && len(all) <= storesNamed {
			stores = all
		}
	}
	if len(only) > 0 {
		stores = both(stores, only)
	}
	c := Subject(u.ID, u.Name, stores, u.Roles...)
	c.Channel, c.Family, c.Gen = u.Channel, family, u.gen
	return c
}

// both returns what is in a and in b.
func both(a, b []string) (in []string) {
	for _, s := range b {
		if (&Principal{Stores: a}).In(s) {
			in = append(in, s)
		}
	}
	return in
}

// FirstAdmin makes the installation's first account. Of all nodes, one gets its password,
// which opens nothing but the choice of another; the others get "".
func (a *Accounts) FirstAdmin(ctx context.Context) (user, password string, err error) {
	_, mine, err := a.setting(ctx, "first_admin", func() string { return a.config.Node })
	if err != nil || !mine {
		return "", "", err
	}
	return a.OneTimePassword(ctx, "admin", true)
}

// OneTimePassword gives an account a password that opens nothing but the choice of
// another, and makes the account, an admin's, if told so.
func (a *Accounts) OneTimePassword(ctx context.Context, id string, create bool) (user, password string, err error) {
	password = newSecret()[:20]
	hash, err := a.hash.password(ctx, password)
	if err != nil {
		return "", "", err
	}
	err = a.within(ctx, func(tx *sql.Tx) error {
		now := a.now().UnixMilli()
		if create {
			u := &row{User: User{ID: id, Name: "Admin", Roles: []command.Role{command.Admin}, Stores: []string{everyStore}}, gen: now, createdAt: now}
			if err := u.insert(ctx, tx); err != nil {
				return err
			}
		}
		r, err := tx.ExecContext(ctx, `UPDATE auth_users SET password = $1, once = 1, disabled = 0,
			gen = CASE WHEN gen >= $2 THEN gen + 1 ELSE $2 END WHERE id = $3`, hash, now, id)
		if err != nil {
			return err
		}
		if n, err := r.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, errNoUser(id))
		}
		var gen int64
		if err := tx.QueryRowContext(ctx, `SELECT gen FROM auth_users WHERE id = $1`, id).Scan(&gen); err != nil {
			return err
		}
		return a.revokeUser(ctx, tx, id, gen, true)
	})
	if err != nil {
		return "", "", err
	}
	return id, password, nil
}
