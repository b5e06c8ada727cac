// Package sqlite is the journal of a single node: one file, one process. It promises
// what every journal promises, with each commit on the disk (WAL, synchronous=FULL),
// and that no second process opens the file.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"sync"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/brigata/brigata/actors/journal"
)

// ErrInUse says that another process, or this one, has the database open.
var ErrInUse = errors.New("sqlite: database is open in another process")

//go:embed migrations/*.sql
var migrations embed.FS

// Journal is an open database. All its work goes over one connection.
type Journal struct {
	db     *sql.DB
	stream int64

	mu         sync.Mutex
	conn       *sql.Conn
	begin      *sql.Stmt
	end        *sql.Stmt
	insert     *sql.Stmt
	head       *sql.Stmt
	slot       *sql.Stmt
	load       *sql.Stmt
	tail       *sql.Stmt
	unfinished bool // a transaction may be open
}

var _ journal.Journal = (*Journal)(nil)

// Open opens the database file and makes it where there is none.
func Open(path string) (*Journal, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	// In this order: an exclusive lock taken before WAL needs no shared memory. Each
	// entity's slots are near one another, so a batch touches about a page for each of
	// its rows: they should be in memory, and reach the file seldom.
	q := url.Values{"_pragma": {
		"busy_timeout(0)", "locking_mode(EXCLUSIVE)", "journal_mode(WAL)", "synchronous(FULL)",
		"cache_size(-65536)", "wal_autocheckpoint(8000)",
	}}
	u := url.URL{Scheme: "file", Path: filepath.ToSlash(abs), RawQuery: q.Encode()}
	db, err := sql.Open("sqlite", u.String())
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	j := &Journal{db: db}
	if err := j.start(); err != nil {
		j.Close()
		var e *sqlite.Error
		if errors.As(err, &e) && e.Code()&0xff == lib.SQLITE_BUSY {
			return nil, fmt.Errorf("%w: %s", ErrInUse, path)
		}
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return j, nil
}

func (j *Journal) start() error {
	ctx := context.Background()
	// A write takes the lock, and the mode keeps it until Close.
	if _, err := j.db.ExecContext(ctx, "BEGIN IMMEDIATE; COMMIT"); err != nil {
		return err
	}
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, j.db, dir)
	if err != nil {
		return err
	}
	if _, err := p.Up(ctx); err != nil {
		return err
	}
	if j.conn, err = j.db.Conn(ctx); err != nil {
		return err
	}
	if err := j.conn.QueryRowContext(ctx, "INSERT INTO streams DEFAULT VALUES RETURNING stream").Scan(&j.stream); err != nil {
		return err
	}
	return j.prepare(ctx)
}

func (j *Journal) prepare(ctx context.Context) error {
	for _, s := range []struct {
		to  **sql.Stmt
		sql string
	}{
		{&j.begin, "BEGIN IMMEDIATE"},
		{&j.end, "COMMIT"},
		{&j.insert, "INSERT INTO journal (entity, seq, n, token, stream, pos, kind, cell, payload) VALUES (?,?,?,?,?,?,?,?,?)"},
		{&j.head, `INSERT INTO heads (entity, seq, cell, kind, live, due, state)
			VALUES (?1,?2,?3,?4, ?5 OR coalesce((SELECT seq + n - 1 FROM journal WHERE entity = ?1 ORDER BY seq DESC LIMIT 1), 0) > ?2, ?6,?7)
			ON CONFLICT (entity) DO UPDATE SET seq = excluded.seq, cell = excluded.cell, kind = excluded.kind,
				live = excluded.live, due = excluded.due, state = excluded.state
			WHERE excluded.seq >= heads.seq`},
		{&j.slot, "SELECT token, n, stream FROM journal WHERE entity = ? AND seq = ?"},
		{&j.load, "SELECT entity, seq, cell, kind, live, due, state FROM heads WHERE entity = ?"},
		// The block before may reach into what follows the snapshot.
		{&j.tail, `SELECT cell, kind, seq, n, payload FROM journal WHERE entity = ?1
			AND seq >= coalesce((SELECT max(seq) FROM journal WHERE entity = ?1 AND seq <= ?2), 0)
			AND seq + n - 1 >= ?2 ORDER BY seq LIMIT ?3`},
	} {
		st, err := j.conn.PrepareContext(ctx, s.sql)
		if err != nil {
			return err
		}
		*s.to = st
	}
	return nil
}

// Epoch implements journal.Journal: the file is this process's alone.
func (j *Journal) Epoch() int64 { return 0 }

// Commit implements journal.Journal.
func (j *Journal) Commit(b *journal.Batch) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.write(b); err != nil {
		if e := (*sqlite.Error)(nil); errors.As(err, &e) && j.rollback() == nil {
			switch e.Code() {
			case lib.SQLITE_CONSTRAINT_PRIMARYKEY, lib.SQLITE_CONSTRAINT_UNIQUE:
				return fmt.Errorf("%w: %w", journal.ErrConflict, err)
			}
		}
		return err
	}
	j.unfinished = false
	return nil
}

// write uses the background context throughout: one that can end costs a goroutine for
// every statement.
func (j *Journal) write(b *journal.Batch) error {
	ctx := context.Background()
	if _, err := j.begin.ExecContext(ctx); err != nil {
		return err
	}
	j.unfinished = true
	for i := range b.Rows {
		r := &b.Rows[i]
		if _, err := j.insert.ExecContext(ctx, r.Key[:], r.Seq, r.N, b.Token, j.stream, b.Pos+int64(i), int64(r.Kind), r.Cell, blob(r.Payload)); err != nil {
			return err
		}
	}
	for i := range b.Heads {
		h := &b.Heads[i]
		var due any
		if !h.Due.IsZero() {
			due = h.Due.UnixMicro()
		}
		if _, err := j.head.ExecContext(ctx, h.Key[:], h.Seq, h.Cell, int64(h.Kind), h.Live, due, blob(h.State)); err != nil {
			return err
		}
	}
	_, err := j.end.ExecContext(ctx)
	return err
}

// blob keeps an empty payload from becoming NULL.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// rollback ends a transaction that may be open.
func (j *Journal) rollback() error {
	if !j.unfinished {
		return nil
	}
	_, err := j.conn.ExecContext(context.Background(), "ROLLBACK")
	// SQLite ends some transactions by itself; only a new one can tell.
	if err != nil {
		_, err = j.conn.ExecContext(context.Background(), "BEGIN; ROLLBACK")
	}
	if err == nil {
		j.unfinished = false
	}
	return err
}

// Probe implements journal.Journal.
func (j *Journal) Probe(b *journal.Batch) ([]journal.Slot, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.rollback(); err != nil {
		return nil, err
	}
	slots := make([]journal.Slot, len(b.Rows))
	for i := range b.Rows {
		r := &b.Rows[i]
		var s journal.Slot
		var stream int64
		err := j.slot.QueryRowContext(context.Background(), r.Key[:], r.Seq).Scan(&s.Token, &s.N, &stream)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return nil, err
		}
		s.Found, s.Mine = true, stream == j.stream
		slots[i] = s
	}
	return slots, nil
}

// Close implements journal.Journal. The file may be opened again afterwards.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	var err error
	// SQLite keeps the file, and its lock, while a statement is left.
	for _, st := range []*sql.Stmt{j.begin, j.end, j.insert, j.head, j.slot, j.load, j.tail} {
		if st != nil {
			err = errors.Join(err, st.Close())
		}
	}
	if j.conn != nil {
		err = errors.Join(err, j.conn.Close())
	}
	return errors.Join(err, j.db.Close())
}
