package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/brigata/brigata/cmd/brigata/server"
	"github.com/brigata/brigata/cmd/brigata/terminal"
	"github.com/brigata/brigata/persistence/sqlite"
)

// Backup copies the SQLite database of a running node.
type Backup struct {
	terminal.Options
	File string `arg:"" help:"New file to write."`
}

// Run asks the node for a copy: nothing stops meanwhile.
func (b *Backup) Run(ctx context.Context) error {
	f, err := os.OpenFile(b.File, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) // it holds what people ordered
	if err != nil {
		return terminal.Usage{Message: err.Error()}
	}
	n, err := terminal.Download(ctx, b.Options, "/v1/backup", f)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(b.File))
	}
	fmt.Printf("wrote %s, %d bytes; look at it with: brigata restore %s --data NEW-FOLDER\n", b.File, n, b.File)
	return nil
}

// Restore makes a data folder of a backup, and verifies it.
type Restore struct {
	File string `arg:"" type:"existingfile" help:"Backup."`
	Data string `help:"Folder for the database; it must not hold one." default:"./data" env:"BRIGATA_DATA"`
}

// Run copies the backup beside its place, verifies it there, and moves it into place.
func (r *Restore) Run(ctx context.Context) error {
	file := filepath.Join(r.Data, server.DatabaseFile)
	if _, err := os.Stat(file); err == nil {
		return terminal.Usage{Message: file + " exists: move it away first, or choose another folder with --data"}
	}
	if err := os.MkdirAll(r.Data, 0o700); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(r.Data, ".restore-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	temp := filepath.Join(dir, server.DatabaseFile)
	if err := copyFile(r.File, temp); err != nil {
		return err
	}
	j, err := sqlite.Open(temp)
	if err != nil {
		return fmt.Errorf("%s is no backup: %w", r.File, err)
	}
	cells, err := j.Cells(ctx)
	if err = errors.Join(err, j.Close()); err != nil {
		return err
	}
	if len(cells) == 0 {
		return fmt.Errorf("%s holds no store", r.File)
	}
	v := Verify{Database: Database{Data: dir}}
	if err := v.Run(ctx); err != nil {
		return err
	}
	if err := os.Rename(temp, file); err != nil {
		return err
	}
	fmt.Printf("restored to %s; start it with: brigata serve --data %s\n", file, r.Data)
	return nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}
