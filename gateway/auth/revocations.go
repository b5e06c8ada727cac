package auth

import (
	"context"
	"crypto/rand"
	"database/sql"
)

// revocation voids tokens before they expire: those of a user's earlier generations, or
// those of one login.
type revocation struct {
	id      string
	subject string
	below   int64
	family  string
	gone    bool // a fresh token does not let in either
}

func (r *revocation) hits(p *Principal) bool {
	if r.family != "" {
		return p.family == r.family
	}
	return p.User == r.subject && p.family != "" && p.gen < r.below
}

// revoke voids tokens on every node within a second; here, once tx is through and
// refreshAll has run.
func (a *Accounts) revoke(ctx context.Context, tx *sql.Tx, r revocation) error {
	until := a.now().Add(accessTTL + 2*leeway).UnixMilli()
	_, err := tx.ExecContext(ctx, `INSERT INTO auth_revocations (id, subject, below, family, gone, until_at) VALUES ($1, $2, $3, $4, $5, $6)`,
		rand.Text(), r.subject, r.below, r.family, bit(r.gone), until)
	if err != nil {
		return err
	}
	return changed(ctx, tx)
}

// revokeUser voids all tokens of a user's generations before gen; gone ends its logins too.
func (a *Accounts) revokeUser(ctx context.Context, tx *sql.Tx, id string, gen int64, gone bool) error {
	if gone {
		if _, err := tx.ExecContext(ctx, `DELETE FROM auth_families WHERE subject = $1 AND guest = ''`, id); err != nil {
			return err
		}
	}
	return a.revoke(ctx, tx, revocation{subject: id, below: gen, gone: gone})
}

func (a *Accounts) revokeFamily(ctx context.Context, tx *sql.Tx, family string) error {
	if _, err := tx.ExecContext(ctx, `DELETE FROM auth_families WHERE id = $1`, family); err != nil {
		return err
	}
	return a.revoke(ctx, tx, revocation{family: family, gone: true})
}

func (a *Accounts) readRevocations(ctx context.Context) (all []revocation, err error) {
	rows, err := a.db.QueryContext(ctx, `SELECT id, subject, below, family, gone FROM auth_revocations WHERE until_at >= $1`, a.now().UnixMilli())
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var r revocation
		var gone int
		if err := rows.Scan(&r.id, &r.subject, &r.below, &r.family, &gone); err != nil {
			return nil, err
		}
		r.gone = gone != 0
		all = append(all, r)
	}
	return all, rows.Err()
}

// revocations in memory, by what a token says.
type revocations struct {
	below  map[string]int64 // by user
	family map[string]bool
}

func (k *Keys) setRevocations(all []revocation) {
	x := &revocations{below: map[string]int64{}, family: map[string]bool{}}
	for _, r := range all {
		if r.family != "" {
			x.family[r.family] = true
		} else {
			x.below[r.subject] = max(x.below[r.subject], r.below)
		}
	}
	k.revocations.Store(x)
}

// isRevoked says that the token was voided. Tokens without a login, as the command line
// prints them, cannot be.
func (k *Keys) isRevoked(p *Principal) bool {
	x := k.revocations.Load()
	return x != nil && p.family != "" && (x.family[p.family] || p.gen < x.below[p.User])
}
