package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/wire"
)

// Place is where a table's code was scanned.
type Place struct{ Store, Table string }

var (
	errNoCode      = refusal.New(refusal.NotFound, "", "There is no such code").With(refusal.Fields{Kind: "code"})
	errTableClosed = refusal.New(refusal.Closed, "", "The table is not open").With(refusal.Fields{Kind: "session"})
	errGuestID     = refusal.Faults(refusal.Fault{At: "/guest", Reason: "id"})
	errGuestName   = refusal.Faults(refusal.Fault{At: "/name", Reason: "length"})
)

// TableCode returns the opaque key that a table's QR code carries; the first call makes
// it, and fresh replaces it: what was printed before opens nothing any more.
func (a *Accounts) TableCode(ctx context.Context, p Place, fresh bool) (code string, err error) {
	code = strings.ToLower(rand.Text())
	conflict := `DO UPDATE SET code = auth_tables.code`
	if fresh {
		conflict = `DO UPDATE SET code = excluded.code`
	}
	err = a.db.QueryRowContext(ctx, `INSERT INTO auth_tables (store, place, code) VALUES ($1, $2, $3)
		ON CONFLICT (store, place) `+conflict+` RETURNING code`, p.Store, p.Table, code).Scan(&code)
	return code, err
}

// FindTable returns where a code belongs.
func (a *Accounts) FindTable(ctx context.Context, code string) (p Place, err error) {
	err = a.db.QueryRowContext(ctx, `SELECT store, place FROM auth_tables WHERE code = $1`, code).Scan(&p.Store, &p.Table)
	if errors.Is(err, sql.ErrNoRows) {
		return p, errNoCode
	}
	return p, err
}

// guestOf is what is stored of a guest's login.
type guestOf struct {
	Store, Table, Session, Name string
}

// Guest lets a phone in at a table whose session is open. phone is the phone's own secret
// UUID, or ""; the guest's id is derived from it, so that the others at the table, who see
// the id, cannot come in under it.
func (a *Accounts) Guest(ctx context.Context, p Place, session, phone, name string) (*Grant, error) {
	switch {
	case phone != "" && !wire.IsUUID(phone):
		return nil, errGuestID
	case utf8.RuneCountInString(name) > 40:
		return nil, errGuestName
	case session == "":
		return nil, errTableClosed.With(refusal.Fields{Kind: "session", ID: p.Table})
	}
	if phone == "" {
		phone = NewUUID(a.now())
	}
	g := guestOf{p.Store, p.Table, session, strings.TrimSpace(name)}
	f := family{id: rand.Text(), subject: publicID(phone), guest: toJSON(g)}
	return a.start(ctx, &f, g.claims(f.subject, f.id), nil)
}

func (g *guestOf) claims(id, family string) Claims {
	c := Subject(id, g.Name, []string{g.Store}, command.Guest)
	c.Table, c.Session, c.Family = g.Table, g.Session, family
	return c
}

func (a *Accounts) renewGuest(ctx context.Context, f *family, next string, seated func(store, table, session string) (bool, error)) (*Grant, error) {
	var g guestOf
	if err := fromJSON(f.guest, &g); err != nil {
		return nil, err
	}
	open, err := seated(g.Store, g.Table, g.Session)
	if err != nil {
		return nil, err
	}
	if !open {
		err := a.within(ctx, func(tx *sql.Tx) error { return a.revokeFamily(ctx, tx, f.id) })
		return nil, errors.Join(err, errRevoked)
	}
	return a.grant(g.claims(f.subject, f.id), next, nil)
}

// publicID is a UUIDv7 with the time of a secret one, and nothing else of it that could
// be told.
func publicID(secret string) string {
	sum := sha256.Sum256([]byte("guest " + secret))
	sum[6] = sum[6]&0x0f | 0x70
	sum[8] = sum[8]&0x3f | 0x80
	h := hex.EncodeToString(sum[6:16])
	return secret[:14] + h[:4] + "-" + h[4:8] + "-" + h[8:20]
}

// NewUUID mints a UUIDv7.
func NewUUID(now time.Time) string {
	var id [16]byte
	rand.Read(id[6:]) // never fails
	ms := uint64(now.UnixMilli())
	binary.BigEndian.PutUint32(id[:4], uint32(ms>>16))
	binary.BigEndian.PutUint16(id[4:6], uint16(ms))
	id[6], id[8] = id[6]&0x0f|0x70, id[8]&0x3f|0x80
	h := hex.EncodeToString(id[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
