package auth

import (
	"context"
	"database/sql"
	"errors"

	"github.com/brigata/brigata/actors/refusal"
)

// How many attempts are free before each further one costs twice the wait of the one
// before, from 1 s to 15 min. Guests' phones and tills of a restaurant share an address.
const (
	freeOfUser    = 5
	freeOfDevice  = 5
	freeOfAddress = 50
)

// attempt counts one try under a name before it is made, so that many at once get no
// more than their number; forgive takes it back. It refuses while the name is locked.
// What failed more than an hour ago is forgotten.
func (a *Accounts) attempt(ctx context.Context, name string, free int) error {
	now := a.now().UnixMilli()
	var until int64
	err := a.db.QueryRowContext(ctx, `INSERT INTO auth_attempts (name, failures, at, until_at) VALUES ($1, 1, $2, 0)
		ON CONFLICT (name) DO UPDATE SET at = excluded.at,
			failures = CASE WHEN auth_attempts.at < excluded.at - 3600000 THEN 1 ELSE auth_attempts.failures + 1 END,
			until_at = CASE WHEN auth_attempts.at < excluded.at - 3600000 OR auth_attempts.failures < $3 THEN 0
				WHEN auth_attempts.failures > $3 + 9 THEN excluded.at + 900000
				ELSE excluded.at + 1000 * (1 << (auth_attempts.failures - $3)) END
		WHERE auth_attempts.until_at <= excluded.at
		RETURNING until_at`, name, now, free).Scan(&until)
	if !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if err := a.db.QueryRowContext(ctx, `SELECT until_at FROM auth_attempts WHERE name = $1`, name).Scan(&until); err != nil {
		return err
	}
	return &refusal.Refusal{Code: refusal.RateLimited, Message: "Too many failed attempts; wait",
		Fields: refusal.Fields{Scope: "login"}, AfterMS: max(1, until-now)}
}

// forgive takes an attempt back that was right: all of a user's own, one of an address.
func (a *Accounts) forgive(ctx context.Context, name string, all bool) error {
	query := `UPDATE auth_attempts SET failures = failures - 1, until_at = 0 WHERE name = $1 AND failures > 0`
	if all {
		query = `DELETE FROM auth_attempts WHERE name = $1`
	}
	_, err := a.db.ExecContext(ctx, query, name)
	return err
}
