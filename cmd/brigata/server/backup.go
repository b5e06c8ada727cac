package server

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/brigata/brigata/persistence/sqlite"
)

// BackupFiles are what a backup holds: orders, and accounts.
var BackupFiles = []string{DatabaseFile, sideFile}

// backup sends a copy of the SQLite databases as a tar, made while they are in use. A
// Postgres has tools of its own for that: nil.
func (n *Node) backup() http.Handler {
	j, ok := n.journal.(*sqlite.Journal)
	if !ok {
		return nil
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		dir, err := os.MkdirTemp(n.options.Data, ".backup-*")
		if err == nil {
			defer os.RemoveAll(dir)
			err = n.copies(r.Context(), j, dir)
		}
		if err != nil {
			n.options.Log.Error("backup", "error", err)
			http.Error(w, "the backup failed; the node's log says why", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Disposition", `attachment; filename="brigata-`+time.Now().UTC().Format("20060102T150405Z")+`.tar"`)
		w.Header().Set("Content-Type", "application/x-tar")
		if err := pack(w, dir); err != nil {
			n.options.Log.Error("backup not sent", "error", err)
			panic(http.ErrAbortHandler) // what was sent is not whole: the client must see that
		}
	})
}

// copies writes each database as it stands into dir. Accounts first: an order's guest is
// never newer than the accounts beside it by more than the copy takes.
func (n *Node) copies(ctx context.Context, j *sqlite.Journal, dir string) error {
	if _, err := n.side.ExecContext(ctx, "VACUUM INTO ?", filepath.Join(dir, sideFile)); err != nil {
		return fmt.Errorf("copy the accounts: %w", err)
	}
	return j.Backup(ctx, filepath.Join(dir, DatabaseFile))
}

func pack(w io.Writer, dir string) error {
	t := tar.NewWriter(w)
	for _, name := range BackupFiles {
		if err := packFile(t, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return t.Close()
}

func packFile(t *tar.Writer, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	s, err := f.Stat()
	if err != nil {
		return err
	}
	if err := t.WriteHeader(&tar.Header{Name: filepath.Base(file), Mode: 0o600, Size: s.Size(), ModTime: s.ModTime(), Typeflag: tar.TypeReg}); err != nil {
		return err
	}
	_, err = io.Copy(t, f)
	return err
}

// Unpack writes a backup's databases into a folder, for the caller to look at.
func Unpack(r io.Reader, dir string) error {
	t := tar.NewReader(r)
	for _, name := range BackupFiles {
		h, err := t.Next()
		if errors.Is(err, io.EOF) || err == nil && h.Name != name {
			return fmt.Errorf("%s is missing", name)
		}
		if err != nil {
			return err
		}
		f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, t)
		if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
			return err
		}
	}
	return nil
}
