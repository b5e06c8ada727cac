package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Database is where accounts are kept. Statements are written for both kinds.
type Database struct {
	*sql.DB
	Postgres bool // else SQLite, over one connection
}

// Migrate brings the tables of files, a folder of migrations, up to date, and notes how
// far in the table versions; of several nodes one does it and the others wait.
func (d Database) Migrate(ctx context.Context, files fs.FS, versions string) error {
	dialect, options := goose.DialectSQLite3, []goose.ProviderOption{goose.WithTableName(versions)}
	if d.Postgres {
		locker, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return err
		}
		dialect, options = goose.DialectPostgres, append(options, goose.WithSessionLocker(locker))
	}
	p, err := goose.NewProvider(dialect, d.DB, files, options...)
	if err != nil {
		return err
	}
	_, err = p.Up(ctx)
	return err
}

func migrate(ctx context.Context, d Database) error {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	return d.Migrate(ctx, dir, "auth_versions")
}

// within runs f in a transaction. f must use tx alone: SQLite has one connection.
func (a *Accounts) within(ctx context.Context, f func(tx *sql.Tx) error) error {
	tx, err := a.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // after Commit it does nothing
	if err := f(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// changed tells the other nodes, and ours, to read roles, keys and revocations again.
func changed(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO auth_settings (name, value) VALUES ('changed', $1)
		ON CONFLICT (name) DO UPDATE SET value = excluded.value`, rand.Text())
	return err
}

// setting returns a value that all nodes share; the first who asks makes it.
func (a *Accounts) setting(ctx context.Context, name string, fresh func() string) (value string, mine bool, err error) {
	r, err := a.db.ExecContext(ctx, `INSERT INTO auth_settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`, name, fresh())
	if err != nil {
		return "", false, err
	}
	if n, err := r.RowsAffected(); err == nil && n == 1 {
		mine = true
	}
	err = a.db.QueryRowContext(ctx, `SELECT value FROM auth_settings WHERE name = $1`, name).Scan(&value)
	return value, mine, err
}

func hashed(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func newSecret() string {
	var b [32]byte
	rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

func toJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // lists and structs of strings
	}
	return string(b)
}

func fromJSON(text string, v any) error {
	if err := json.Unmarshal([]byte(text), v); err != nil {
		return fmt.Errorf("read %q: %w", text, err)
	}
	return nil
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}
