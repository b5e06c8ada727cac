package main

import (
	"context"
	"fmt"

	"github.com/brigata/brigata/cmd/brigata/server"
	"github.com/brigata/brigata/gateway/auth"
)

// UserCmd is for who has the node's files, when nobody can log in to do it.
type UserCmd struct {
	Reset  UserReset  `cmd:"" help:"Give an account a one-time password; it opens nothing but the choice of another."`
	Admin  UserAdmin  `cmd:"" help:"Make a further admin, with a one-time password."`
	Rotate KeysRotate `cmd:"" name:"rotate-key" help:"Sign tokens with a fresh key from the next start on; the old one is honoured for a day."`
}

// accountsOf says where accounts are kept.
type accountsOf struct {
	Data        string `help:"Data folder of the node." default:"./data" env:"BRIGATA_DATA"`
	DatabaseURL string `help:"Postgres, where the node uses it." env:"BRIGATA_DATABASE_URL"`
	Name        string `help:"Stable name of the node." default:"node-1" env:"BRIGATA_NAME"`
}

func (o *accountsOf) with(ctx context.Context, f func(a *auth.Accounts) error) error {
	a, db, err := server.OpenAccounts(ctx, server.Options{Data: o.Data, DatabaseURL: o.DatabaseURL, Name: o.Name})
	if err != nil {
		return err
	}
	defer db.Close()
	return f(a)
}

// UserReset names an account.
type UserReset struct {
	accountsOf
	User string `arg:"" help:"The account."`
}

// Run prints the password.
func (c *UserReset) Run(ctx context.Context) error {
	return c.with(ctx, func(a *auth.Accounts) error { return oneTime(ctx, a, c.User, false) })
}

// UserAdmin names an account that is to be.
type UserAdmin struct {
	accountsOf
	User string `arg:"" help:"The account's id."`
}

// Run prints the password.
func (c *UserAdmin) Run(ctx context.Context) error {
	return c.with(ctx, func(a *auth.Accounts) error { return oneTime(ctx, a, c.User, true) })
}

func oneTime(ctx context.Context, a *auth.Accounts, user string, create bool) error {
	user, password, err := a.OneTimePassword(ctx, user, create)
	if err == nil {
		fmt.Printf("user %s, one-time password %s\n", user, password)
	}
	return err
}

// KeysRotate replaces a node's signing key.
type KeysRotate struct{ accountsOf }

// Run replaces it. A running node signs with the one that it has until it is started again.
func (c *KeysRotate) Run(ctx context.Context) error {
	return c.with(ctx, func(a *auth.Accounts) error { return a.Rotate(ctx) })
}
