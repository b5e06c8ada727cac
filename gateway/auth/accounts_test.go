package auth

import (
	"context"
	"crypto/ed25519"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/refusal"
)

var ctx = context.Background()

// office is the accounts of one or more nodes on one database, and a clock that the test
// moves.
type office struct {
	*Accounts
	t     *testing.T
	db    Database
	clock atomic.Int64 // ms
}

func newOffice(t *testing.T) *office {
	u := url.URL{Scheme: "file", Path: filepath.Join(t.TempDir(), "a.db"), RawQuery: "_pragma=journal_mode(WAL)&_pragma=synchronous(OFF)"}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	t.Cleanup(func() { db.Close() })
	o := &office{t: t, db: Database{DB: db}}
	o.clock.Store(now.UnixMilli())
	o.Accounts = o.node("n1")
	return o
}

func (o *office) node(name string) *Accounts {
	a, err := NewAccounts(ctx, Config{Database: o.db, Keys: testKeys(o.t), Node: name, Stores: func() []string { return []string{"s1", "s2"} },
		Now: func() time.Time { return time.UnixMilli(o.clock.Load()).UTC() }})
	if err != nil {
		o.t.Fatal(err)
	}
	return a
}

func (o *office) pass(d time.Duration) { o.clock.Add(d.Milliseconds()) }

func (o *office) must(err error) {
	o.t.Helper()
	if err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) admin() *Principal {
	return &Principal{User: "root", Stores: []string{everyStore}, Roles: []command.Role{command.Admin}, table: &o.keys.roles, rank: command.Admin}
}

func ptr[T any](v T) *T { return &v }

func account(id, store string, roles ...command.Role) UserInput {
	return UserInput{ID: id, Roles: &roles, Stores: &[]string{store}}
}

func (o *office) create(in UserInput) string {
	o.t.Helper()
	_, token, err := o.CreateUser(ctx, o.admin(), in)
	o.must(err)
	return token
}

func (o *office) waiter(id string) {
	o.t.Helper()
	in := account(id, "s1", command.Waiter)
	in.Password = ptr("secret " + id)
	o.create(in)
}

func (o *office) login(c Credentials) *Grant {
	o.t.Helper()
	g, err := o.Login(ctx, c)
	o.must(err)
	return g
}

func (o *office) verify(a *Accounts, token string) (*Principal, error) {
	return a.keys.Verify(token, a.now())
}

func (o *office) wantRefused(err error, code refusal.Code, reason string) *refusal.Refusal {
	o.t.Helper()
	r := refusal.Of(err)
	if r == nil || r.Code != code || reason != "" && r.Fields.Reason != reason {
		o.t.Fatalf("%v, want %s %s", err, code, reason)
	}
	return r
}

func nobodyAsks(string, string, string) (bool, error) { return false, errors.New("asked") }

// Of two nodes that start at once, one makes the admin; its password opens only the
// choice of another.
func TestFirstAdmin(t *testing.T) {
	o := newOffice(t)
	other := o.node("n2")
	user, once, err := o.FirstAdmin(ctx)
	o.must(err)
	if _, again, err := other.FirstAdmin(ctx); err != nil || again != "" {
		t.Fatalf("%q %v", again, err)
	}
	_, err = o.Login(ctx, Credentials{User: user, Password: once})
	if r := o.wantRefused(err, refusal.Invalid, "required"); r.Fields.At != "/new_password" {
		t.Fatal(r.Fields)
	}
	_, err = o.Login(ctx, Credentials{User: user, Password: once, NewPassword: once})
	o.wantRefused(err, refusal.Invalid, "required")
	_, err = o.Login(ctx, Credentials{User: user, Password: once, NewPassword: "short"})
	o.wantRefused(err, refusal.Invalid, "length")
	g := o.login(Credentials{User: user, Password: once, NewPassword: "a better one"})
	p, err := o.verify(other, g.Token) // the other node finds the key in the database
	o.must(err)
	if !p.IsAdmin() || !p.In("s1") || !p.In("s2") {
		t.Fatalf("%+v", p)
	}
	_, err = o.Login(ctx, Credentials{User: user, Password: once, NewPassword: "a third one"})
	o.wantRefused(err, refusal.Unauthenticated, "signature")
	o.wantRefused(o.DeleteUser(ctx, o.admin(), user), refusal.Conflict, "state") // the last one
}

func TestRefresh(t *testing.T) {
	o := newOffice(t)
	o.waiter("lin")
	g := o.login(Credentials{User: "lin", Password: "secret lin"})
	second, err := o.Refresh(ctx, g.Refresh, "", nobodyAsks)
	o.must(err)
	o.pass(retryGrace / 2)
	again, err := o.node("n2").Refresh(ctx, g.Refresh, "", nobodyAsks) // the answer was lost
	o.must(err)
	if again.Refresh != second.Refresh || again.Refresh == g.Refresh {
		t.Fatal("a repeat made another token")
	}
	third, err := o.Refresh(ctx, second.Refresh, "", nobodyAsks)
	o.must(err)
	o.pass(2 * retryGrace)
	if _, err := o.verify(o.Accounts, third.Token); err != nil {
		t.Fatal(err)
	}
	var gone atomic.Int64
	o.OnRevoked(func(match func(*Principal) bool, forever bool) {
		if p := o.keys.remembered(third.Token); forever && match(p) {
			gone.Add(1)
		}
	})
	_, err = o.Refresh(ctx, second.Refresh, "10.0.0.1", nobodyAsks) // stolen
	o.wantRefused(err, refusal.Unauthenticated, "revoked")
	_, err = o.verify(o.Accounts, third.Token)
	o.wantRefused(err, refusal.Unauthenticated, "revoked")
	_, err = o.Refresh(ctx, third.Refresh, "", nobodyAsks)
	o.wantRefused(err, refusal.Unauthenticated, "revoked")
	if gone.Load() != 1 {
		t.Fatalf("told %d times", gone.Load())
	}
	for _, bad := range []string{"", ".", "x", "x.y", strings.Repeat("z", 9000)} {
		_, err := o.Refresh(ctx, bad, "", nobodyAsks)
		o.wantRefused(err, refusal.Unauthenticated, "revoked")
	}
	g = o.login(Credentials{User: "lin", Password: "secret lin"})
	o.pass(userTTL + time.Minute)
	_, err = o.Refresh(ctx, g.Refresh, "", nobodyAsks)
	o.wantRefused(err, refusal.Unauthenticated, "expired")
}

// Many at once with one refresh token get one successor.
func TestRefreshAtOnce(t *testing.T) {
	o := newOffice(t)
	o.waiter("lin")
	g := o.login(Credentials{User: "lin", Password: "secret lin"})
	got := make(chan string, 8)
	var wg sync.WaitGroup
	for range cap(got) {
		wg.Go(func() {
			next, err := o.Refresh(ctx, g.Refresh, "", nobodyAsks)
			if err != nil {
				got <- err.Error()
				return
			}
			got <- next.Refresh
		})
	}
	wg.Wait()
	first := <-got
	for len(got) > 0 {
		if next := <-got; next != first {
			t.Errorf("%s and %s", first, next)
		}
	}
}

func TestLockout(t *testing.T) {
	o := newOffice(t)
	o.waiter("lin")
	wrong := Credentials{User: "lin", Password: "guess", Address: "10.0.0.9"}
	for range freeOfUser {
		_, err := o.Login(ctx, wrong)
		o.wantRefused(err, refusal.Unauthenticated, "signature")
	}
	var waited []int64
	for range 5 {
		_, err := o.Login(ctx, wrong) // the last free one locks
		o.wantRefused(err, refusal.Unauthenticated, "signature")
		_, err = o.Login(ctx, Credentials{User: "lin", Password: "secret lin"})
		r := o.wantRefused(err, refusal.RateLimited, "")
		if r.Fields.Scope != "login" {
			t.Fatal(r.Fields)
		}
		waited = append(waited, r.AfterMS)
		o.pass(time.Duration(r.AfterMS) * time.Millisecond)
	}
	if !slices.Equal(waited, []int64{1000, 2000, 4000, 8000, 16000}) {
		t.Fatalf("waited %v", waited)
	}
	o.login(Credentials{User: "lin", Password: "secret lin"})
	for range freeOfUser { // a success forgives
		_, err := o.Login(ctx, wrong)
		o.wantRefused(err, refusal.Unauthenticated, "signature")
	}
	for i := range freeOfAddress * 2 { // names that do not exist, from one address
		_, err := o.Login(ctx, Credentials{User: fmt.Sprintf("x%d", i), DeviceToken: "no.body", Address: "10.0.0.9"})
		if r := refusal.Of(err); r.Code == refusal.RateLimited {
			return
		}
	}
	t.Fatal("the address was never locked")
}

func TestDevicesAndPINs(t *testing.T) {
	o := newOffice(t)
	token := o.create(account("tablet-1", "s1", command.Device))
	in := account("lin", "s1", command.Waiter)
	in.PIN = ptr("2468")
	o.create(in)
	in = account("ann", "s2", command.Waiter)
	in.PIN = ptr("2468") // another store's
	o.create(in)
	in = account("bob", "s1", command.Cashier)
	in.PIN = ptr("2468")
	_, _, err := o.CreateUser(ctx, o.admin(), in)
	o.wantRefused(err, refusal.Conflict, "state")
	in.PIN = ptr("12x4")
	_, _, err = o.CreateUser(ctx, o.admin(), in)
	o.wantRefused(err, refusal.Invalid, "length")

	g := o.login(Credentials{DeviceToken: token})
	if g.User.ID != "tablet-1" {
		t.Fatalf("%+v", g.User)
	}
	g = o.login(Credentials{DeviceToken: token, PIN: "2468"})
	p, err := o.verify(o.Accounts, g.Token)
	o.must(err)
	if p.User != "lin" || p.Rank() != command.Waiter || p.In("s2") {
		t.Fatalf("%+v", p)
	}
	for range freeOfDevice {
		_, err := o.Login(ctx, Credentials{DeviceToken: token, PIN: "0000"})
		o.wantRefused(err, refusal.Unauthenticated, "signature")
	}
	o.Login(ctx, Credentials{DeviceToken: token, PIN: "0000"})
	_, err = o.Login(ctx, Credentials{DeviceToken: token, PIN: "2468"})
	o.wantRefused(err, refusal.RateLimited, "")
	fresh, err := o.NewSecret(ctx, o.admin(), "tablet-1")
	o.must(err)
	_, err = o.Login(ctx, Credentials{DeviceToken: token})
	o.wantRefused(err, refusal.Unauthenticated, "signature")
	o.login(Credentials{DeviceToken: fresh})

	in = account("meituan", "s1", command.Channel)
	_, _, err = o.CreateUser(ctx, o.admin(), in)
	o.wantRefused(err, refusal.Invalid, "required") // a partner needs a channel
	in.Channel = ptr("meituan")
	g = o.login(Credentials{DeviceToken: o.create(in)})
	if p, err := o.verify(o.Accounts, g.Token); err != nil || !p.IsChannel() || p.Channel != "meituan" {
		t.Fatalf("%+v %v", p, err)
	}
}

// What an account loses is void on every node: the other one hears of it with Sync.
func TestRevocation(t *testing.T) {
	o := newOffice(t)
	other := o.node("n2")
	o.waiter("lin")
	in := func() string { return o.login(Credentials{User: "lin", Password: "secret lin"}).Token }
	void := func(token string) {
		t.Helper()
		_, err := o.verify(o.Accounts, token)
		o.wantRefused(err, refusal.Unauthenticated, "revoked")
		if _, err := o.verify(other, token); err != nil {
			t.Fatalf("before it could know: %v", err)
		}
		o.must(other.Sync(ctx))
		_, err = o.verify(other, token)
		o.wantRefused(err, refusal.Unauthenticated, "revoked")
	}
	remembered := func() string {
		token := in()
		for _, a := range []*Accounts{o.Accounts, other} {
			_, err := o.verify(a, token)
			o.must(err)
		}
		return token
	}
	token := remembered()
	p, err := o.verify(o.Accounts, token)
	o.must(err)
	o.must(o.Logout(ctx, p))
	void(token)

	token = remembered()
	_, err = o.ChangeUser(ctx, o.admin(), "lin", UserInput{Roles: &[]command.Role{command.Cashier}})
	o.must(err)
	void(token)
	if p, err := o.verify(o.Accounts, in()); err != nil || p.Rank() != command.Cashier { // a login in the same instant holds
		t.Fatalf("%+v %v", p, err)
	}
	token = remembered()
	_, err = o.ChangeUser(ctx, o.admin(), "lin", UserInput{Disabled: ptr(true)})
	o.must(err)
	void(token)
	_, err = o.Login(ctx, Credentials{User: "lin", Password: "secret lin"})
	o.wantRefused(err, refusal.Unauthenticated, "signature")
	_, err = o.ChangeUser(ctx, o.admin(), "lin", UserInput{Disabled: ptr(false)})
	o.must(err)
	token = remembered()
	o.must(o.DeleteUser(ctx, o.admin(), "lin"))
	void(token)
	o.waiter("lin") // the name again is not the account again
	if _, err := o.verify(o.Accounts, token); err == nil {
		t.Fatal("a deleted account's token lets its successor in")
	}
	if _, err := o.verify(o.Accounts, in()); err != nil {
		t.Fatal(err)
	}
}

func TestRolesAreData(t *testing.T) {
	o := newOffice(t)
	other := o.node("n2")
	_, err := o.PutRole(ctx, Role{"barista", []string{"item.bump", "topic:kitchen"}})
	o.must(err)
	in := account("bo", "s1", "barista")
	in.Password = ptr("secret bo")
	o.create(in)
	o.must(other.Sync(ctx))
	p, err := o.verify(other, o.login(Credentials{User: "bo", Password: "secret bo"}).Token)
	o.must(err)
	if !p.May("item.bump") || p.May("table.open") || p.IsGuest() || p.Who().Role != "barista" {
		t.Fatalf("%+v", p)
	}
	_, err = o.PutRole(ctx, Role{"barista", []string{"table.open"}})
	o.must(err)
	o.must(other.Sync(ctx))
	if p.May("item.bump") || !p.May("table.open") {
		t.Fatal("a token in use does not follow its role")
	}
	o.wantRefused(o.DeleteRole(ctx, "barista"), refusal.Conflict, "state")
	for _, r := range []Role{{"admin", nil}, {"waiter", []string{"rest:roles:write"}}, {"guest", []string{"order.void"}},
		{"channel", []string{"topic:floor"}}, {"x", []string{"order.fly"}}, {"a b", nil}} {
		if _, err := o.PutRole(ctx, r); refusal.Of(err) == nil {
			t.Errorf("%s may have %v", r.ID, r.Permissions)
		}
	}
	_, err = o.PutRole(ctx, Role{command.Waiter, []string{"table.open"}})
	o.must(err)
	if r, _ := o.Role(command.Waiter); !slices.Equal(r.Permissions, []string{"table.open"}) {
		t.Fatal(r)
	}
	o.must(o.DeleteRole(ctx, command.Waiter))
	if r, _ := o.Role(command.Waiter); !slices.Contains(r.Permissions, "order.place") {
		t.Fatal("the built-in role did not come back")
	}
}

// A manager's reach is the own stores, and staff that may no more than a manager.
func TestManagersReach(t *testing.T) {
	o := newOffice(t)
	boss := &Principal{User: "boss", Stores: []string{"s1"}, Roles: []command.Role{command.Manager}, table: &o.keys.roles, rank: command.Manager}
	o.create(account("root", everyStore, command.Admin))
	o.create(account("far", "s2", command.Waiter))
	_, _, err := o.CreateUser(ctx, boss, account("lin", "s1", command.Waiter))
	o.must(err)
	for _, in := range []UserInput{account("a", "s2", command.Waiter), account("b", everyStore, command.Waiter),
		account("c", "s1", command.Manager), account("d", "s1", command.Admin)} {
		_, _, err := o.CreateUser(ctx, boss, in)
		o.wantRefused(err, refusal.Forbidden, "")
	}
	_, err = o.ChangeUser(ctx, boss, "lin", UserInput{Roles: &[]command.Role{command.Admin}})
	o.wantRefused(err, refusal.Forbidden, "")
	_, err = o.ChangeUser(ctx, boss, "far", UserInput{Name: ptr("x")})
	o.wantRefused(err, refusal.NotFound, "")
	o.wantRefused(o.DeleteUser(ctx, boss, "root"), refusal.NotFound, "")
	users, next, err := o.Users(ctx, boss, UserQuery{Limit: 1})
	o.must(err)
	if len(users) != 1 || users[0].ID != "lin" || next != "" {
		t.Fatalf("%+v %q", users, next)
	}
	_, _, err = o.CreateUser(ctx, o.admin(), account("g", "s1", command.Guest))
	o.wantRefused(err, refusal.Invalid, "range")
	_, _, err = o.CreateUser(ctx, o.admin(), account("lin", "s1", command.Waiter))
	o.wantRefused(err, refusal.Conflict, "state")
}

func TestGuests(t *testing.T) {
	o := newOffice(t)
	place := Place{"s1", "T03"}
	code, err := o.TableCode(ctx, place, false)
	o.must(err)
	if again, _ := o.TableCode(ctx, place, false); again != code {
		t.Fatal("printing twice made two codes")
	}
	found, err := o.FindTable(ctx, code)
	o.must(err)
	if found != place {
		t.Fatal(found)
	}
	fresh, err := o.TableCode(ctx, place, true)
	o.must(err)
	if _, err := o.FindTable(ctx, code); refusal.Of(err) == nil || fresh == code {
		t.Fatal("the old code still opens the table")
	}
	_, err = o.Guest(ctx, place, "", "", "")
	o.wantRefused(err, refusal.Closed, "")
	const phone = "0192f3a1-7b2c-7d3e-8f40-5a6b7c8d9e0f"
	a, err := o.Guest(ctx, place, "S1", phone, "A")
	o.must(err)
	b, err := o.Guest(ctx, place, "S1", phone, "A")
	o.must(err)
	c, err := o.Guest(ctx, place, "S1", a.Guest, "B") // another who saw A's id
	o.must(err)
	if a.Guest != b.Guest || a.Guest == phone || c.Guest == a.Guest {
		t.Fatalf("%s %s %s", a.Guest, b.Guest, c.Guest)
	}
	p, err := o.verify(o.Accounts, a.Token)
	o.must(err)
	if p.Guest() != a.Guest || p.Session != "S1" || p.Table != "T03" || p.Channel != "qr" || !p.In("s1") || p.In("s2") {
		t.Fatalf("%+v", p)
	}
	open := true
	seated := func(store, table, session string) (bool, error) {
		if store != "s1" || table != "T03" || session != "S1" {
			t.Errorf("asked for %s %s %s", store, table, session)
		}
		return open, nil
	}
	a, err = o.Refresh(ctx, a.Refresh, "", seated)
	o.must(err)
	open = false
	_, err = o.Refresh(ctx, a.Refresh, "", seated)
	o.wantRefused(err, refusal.Unauthenticated, "revoked")
}

func TestKeysRotate(t *testing.T) {
	o := newOffice(t)
	other := o.node("n2")
	o.waiter("lin")
	token := o.login(Credentials{User: "lin", Password: "secret lin"}).Token
	o.must(o.Rotate(ctx))
	newer := o.login(Credentials{User: "lin", Password: "secret lin"}).Token
	o.must(other.Sync(ctx))
	for _, x := range []string{token, newer} {
		for _, a := range []*Accounts{o.Accounts, other} {
			if _, err := o.verify(a, x); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := len(other.keys.Published().Keys); n != 3 {
		t.Fatalf("%d keys", n)
	}
	o.pass(keyHonoured + time.Minute)
	o.must(o.tidy(ctx))
	if n := len(o.keys.Published().Keys); n != 2 {
		t.Fatalf("%d keys after a day", n)
	}
	o.pass(keyRotates)
	before, _ := o.keys.own()
	o.must(o.tidy(ctx))
	if after, _ := o.keys.own(); after == before {
		t.Fatal("a key of a month signs on")
	}
	_, private, _ := ed25519.GenerateKey(nil)
	stranger, err := NewKeys(private).Issue(claims("lin", command.Admin), o.now(), time.Hour)
	o.must(err)
	_, err = o.verify(o.Accounts, stranger)
	o.wantRefused(err, refusal.Unauthenticated, "signature")
}

func TestAudit(t *testing.T) {
	o := newOffice(t)
	for range 3 {
		o.Audit(Entry{Who: "user:lin", Store: "s1", Action: "order.void"}.Because(needs("order.void")))
	}
	o.must(o.Flush(ctx))
	o.pass(time.Second)
	o.Audit(Entry{Who: "user:boss", Store: "s1", Action: "order.void", Reason: "mistake", Outcome: "ok"})
	o.must(o.Flush(ctx))
	page, next, err := o.Audited(ctx, AuditQuery{Limit: 1})
	o.must(err)
	if len(page) != 1 || page[0].Reason != "mistake" || next == "" {
		t.Fatalf("%+v", page)
	}
	page, next, err = o.Audited(ctx, AuditQuery{Limit: 1, Cursor: next})
	o.must(err)
	if len(page) != 1 || page[0].N != 3 || page[0].Outcome != "forbidden" || page[0].Reason != "order.void" || next != "" {
		t.Fatalf("%+v %q", page, next)
	}
	if page, _, err = o.Audited(ctx, AuditQuery{Limit: 9, Who: "user:lin", Store: "s1"}); err != nil || len(page) != 1 {
		t.Fatalf("%+v %v", page, err)
	}
	for i := range auditMax * 2 {
		o.Audit(Entry{Who: fmt.Sprint(i)})
	}
	o.must(o.Flush(ctx))
	page, _, err = o.Audited(ctx, AuditQuery{Limit: 9, Action: "audit.lost"})
	o.must(err)
	if len(page) != 1 || page[0].N != auditMax {
		t.Fatalf("%+v", page)
	}
}
