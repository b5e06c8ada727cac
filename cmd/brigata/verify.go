package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/journal"
	"github.com/brigata/brigata/cmd/brigata/server"
	"github.com/brigata/brigata/cmd/brigata/terminal"
	"github.com/brigata/brigata/persistence/postgres"
	"github.com/brigata/brigata/persistence/sqlite"
)

// Database is a database that is read from outside, without a node.
type Database struct {
	Data        string `help:"Data folder with the SQLite database; its node must be stopped." default:"./data" env:"BRIGATA_DATA"`
	DatabaseURL string `help:"Postgres to read instead." env:"BRIGATA_DATABASE_URL"`
}

// read opens the database for f.
func (d *Database) read(ctx context.Context, f func(journal.Journal) error) error {
	var j journal.Journal
	var err error
	if d.DatabaseURL != "" {
		j, err = postgres.Read(ctx, d.DatabaseURL)
	} else {
		file := filepath.Join(d.Data, server.DatabaseFile)
		if _, missing := os.Stat(file); missing != nil {
			return terminal.Usage{Message: "no database in " + d.Data + ": name its folder with --data, or a Postgres with --database-url"}
		}
		j, err = sqlite.Open(file)
		if errors.Is(err, sqlite.ErrInUse) {
			return terminal.Usage{Message: err.Error() + ": stop the node first, or look at a backup"}
		}
	}
	if err != nil {
		return err
	}
	return errors.Join(f(j), j.Close())
}

// Verify replays every log and holds it to what is stored beside it.
type Verify struct {
	Database
	Store []string `help:"Only this store; may be repeated."`
}

var errFindings = errors.New("something is wrong: see above")

// Run prints what it finds, and what it looked at; exit status 1 if anything is wrong.
func (v *Verify) Run(ctx context.Context) error {
	return v.read(ctx, func(j journal.Journal) error {
		stores, err := chosen(ctx, j, v.Store)
		if err != nil {
			return err
		}
		wrong := 0
		for _, s := range stores {
			n, err := actors.Archive{Journal: j}.Verify(ctx, s, func(f actors.Finding) {
				wrong++
				fmt.Printf("%s %s/%s: %s\n", f.Store, f.Kind, f.ID, f.Problem)
			})
			if err != nil {
				return err
			}
			fmt.Printf("%s: %d entities, %d turns, %d events, %d snapshots\n", s, n.Entities, n.Turns, n.Events, n.Snapshots)
		}
		if wrong > 0 {
			return errFindings
		}
		fmt.Println("all logs fold to what is stored beside them")
		return nil
	})
}

// chosen checks that the stores exist; none means all.
func chosen(ctx context.Context, j journal.Journal, only []string) ([]string, error) {
	all, err := j.Cells(ctx)
	if err != nil || len(only) == 0 {
		slices.Sort(all)
		return all, err
	}
	for _, s := range only {
		if !slices.Contains(all, s) {
			return nil, terminal.Usage{Message: "there is no store " + s + " in the database"}
		}
	}
	return only, nil
}

// Export prints a store's events.
type Export struct {
	Database
	Store string `arg:"" help:"Store."`
}

// Run prints them as JSON, a line for each turn.
func (e *Export) Run(ctx context.Context) error {
	return e.read(ctx, func(j journal.Journal) error {
		if _, err := chosen(ctx, j, []string{e.Store}); err != nil {
			return err
		}
		w := bufio.NewWriterSize(os.Stdout, 64<<10)
		return errors.Join(actors.Archive{Journal: j}.Export(ctx, e.Store, w), w.Flush())
	})
}
