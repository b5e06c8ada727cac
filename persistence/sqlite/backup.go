package sqlite

import (
	"context"
	"fmt"

	"modernc.org/sqlite"
)

// backupPages is how much is copied under one hold of the connection: commits wait no
// longer than that.
const backupPages = 256

// Backup writes the database as it stands to a new file, while it is in use. What is
// committed meanwhile is in it too: it goes over the same connection.
func (j *Journal) Backup(ctx context.Context, path string) error {
	var b *sqlite.Backup
	err := j.raw(func(c backuper) (err error) {
		b, err = c.NewBackup(path)
		return err
	})
	if err != nil {
		return fmt.Errorf("back up to %s: %w", path, err)
	}
	for more := true; more && err == nil; {
		if err = ctx.Err(); err != nil {
			break
		}
		err = j.raw(func(backuper) (err error) {
			more, err = b.Step(backupPages)
			return err
		})
	}
	end := j.raw(func(backuper) error { return b.Finish() })
	if err == nil {
		err = end
	}
	if err != nil {
		return fmt.Errorf("back up to %s: %w", path, err)
	}
	return nil
}

type backuper interface {
	NewBackup(to string) (*sqlite.Backup, error)
}

// raw runs f on the connection, between transactions.
func (j *Journal) raw(f func(backuper) error) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.conn.Raw(func(c any) error { return f(c.(backuper)) })
}
