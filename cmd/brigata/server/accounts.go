package server

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"path/filepath"

	"github.com/brigata/brigata/gateway/auth"
)

// openSide opens the database of what is not the journal's: accounts, and what else the
// gateway keeps. On SQLite it is a file of its own, for the journal has its file alone.
func openSide(o Options) (auth.Database, error) {
	if o.DatabaseURL != "" {
		db, err := sql.Open("pgx", o.DatabaseURL)
		if err != nil {
			return auth.Database{}, err
		}
		db.SetMaxOpenConns(8)
		return auth.Database{DB: db, Postgres: true}, nil
	}
	file, err := filepath.Abs(filepath.Join(o.Data, sideFile))
	if err != nil {
		return auth.Database{}, err
	}
	q := url.Values{"_pragma": {"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)"}, "_txlock": {"immediate"}}
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(file), RawQuery: q.Encode()}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		return auth.Database{}, err
	}
	db.SetMaxOpenConns(1)
	return auth.Database{DB: db}, nil
}

// sideFile is its name in the data folder.
const sideFile = "accounts.db"

func (n *Node) openAccounts(ctx context.Context) error {
	side, err := openSide(n.options)
	if err != nil {
		return fmt.Errorf("open the accounts: %w", err)
	}
	n.side = side
	n.accounts, err = auth.NewAccounts(ctx, auth.Config{Database: side, Keys: n.keys, Node: n.options.Name, Stores: n.Stores,
		Rotated: n.rotated, Log: n.options.Log})
	if err != nil {
		return err
	}
	n.FirstUser, n.FirstPassword, err = n.accounts.FirstAdmin(ctx)
	return err
}

// rotated writes the terminal client's token again, signed with the new key.
func (n *Node) rotated() {
	if err := n.writeLocal(); err != nil {
		n.options.Log.Error("local.json not written", "error", err)
	}
}

// OpenAccounts opens the accounts of a data folder or database for a command of the
// operator's; the node may be running. Close the database.
func OpenAccounts(ctx context.Context, o Options) (*auth.Accounts, *sql.DB, error) {
	keys, err := auth.LoadKeys(filepath.Join(o.Data, KeyFile))
	if err != nil {
		return nil, nil, err
	}
	side, err := openSide(o)
	if err != nil {
		return nil, nil, err
	}
	a, err := auth.NewAccounts(ctx, auth.Config{Database: side, Keys: keys, Node: o.Name})
	if err != nil {
		side.Close()
		return nil, nil, err
	}
	return a, side.DB, nil
}
