package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/brigata/brigata/cmd/brigata/server"
	"github.com/brigata/brigata/cmd/brigata/terminal"
	"github.com/brigata/brigata/persistence/sqlite"
)

// Backup copies the SQLite databases of a running node.
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
	Data string `help:"Folder for the databases; it must not hold any." default:"./data" env:"BRIGATA_DATA"`
}

// Run unpacks the backup beside its place, verifies it there, and moves it into place.
func (r *Restore) Run(ctx context.Context) error {
	for _, name := range server.BackupFiles {
		if file := filepath.Join(r.Data, name); exists(file) {
			return terminal.Usage{Message: file + " exists: move it away first, or choose another folder with --data"}
		}
	}
	if err := os.MkdirAll(r.Data, 0o700); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(r.Data, ".restore-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := r.unpack(ctx, dir); err != nil {
		return fmt.Errorf("%s is no backup: %w", r.File, err)
	}
	v := Verify{Database: Database{Data: dir}}
	if err := v.Run(ctx); err != nil {
		return err
	}
	for _, name := range server.BackupFiles {
		if err := os.Rename(filepath.Join(dir, name), filepath.Join(r.Data, name)); err != nil {
			return err
		}
	}
	fmt.Printf("restored to %s; start it with: brigata serve --data %s\n", r.Data, r.Data)
	return nil
}

// unpack leaves the backup's databases in dir, or says what they are not.
func (r *Restore) unpack(ctx context.Context, dir string) error {
	f, err := os.Open(r.File)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := server.Unpack(f, dir); err != nil {
		return err
	}
	j, err := sqlite.Open(filepath.Join(dir, server.DatabaseFile))
	if err != nil {
		return err
	}
	cells, err := j.Cells(ctx)
	if err = errors.Join(err, j.Close()); err == nil && len(cells) == 0 {
		err = errors.New("it holds no store")
	}
	return err
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}
