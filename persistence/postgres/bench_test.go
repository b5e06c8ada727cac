package postgres_test

import (
	"context"
	"encoding/binary"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/brigata/brigata/actors/journal"
	"github.com/brigata/brigata/persistence/postgres"
	"github.com/brigata/brigata/persistence/sqlite"
)

const appenders = 256

// entity is a source that waits for each of its blocks.
type entity struct {
	row  journal.Row
	done chan error
}

func newEntity(i int) *entity {
	e := &entity{row: journal.Row{Cell: "roma", Kind: 1, N: 1, Payload: make([]byte, 200)}, done: make(chan error, 1)}
	e.row.Key = journal.Since(time.UnixMilli(1700000000000))
	binary.BigEndian.PutUint64(e.row.Key[8:], uint64(i))
	return e
}

func (e *entity) Cut(b *journal.Batch) { b.Rows = append(b.Rows, e.row) }
func (e *entity) Durable(int64)        { e.done <- nil }
func (e *entity) Lost(err error)       { e.done <- err }

// throughWriter appends from many goroutines and returns the rows a second.
func throughWriter(b *testing.B, j journal.Journal) float64 {
	w := journal.NewWriter(j, journal.Options{})
	began := time.Now()
	var wg sync.WaitGroup
	each := b.N/appenders + 1
	for i := range appenders {
		wg.Go(func() {
			e := newEntity(i)
			for range each {
				e.row.Seq++
				w.Append(e)
				if err := <-e.done; err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	took := time.Since(began)
	check(b, w.Stop(context.Background()))
	return float64(each*appenders) / took.Seconds()
}

// throughCommit commits the same rows, as many at a time, from one goroutine.
func throughCommit(b *testing.B, commit func(*journal.Batch) error) float64 {
	batch := journal.Batch{Pos: 1}
	for i := range appenders {
		batch.Rows = append(batch.Rows, newEntity(1000+i).row)
	}
	each := b.N/appenders + 1
	began := time.Now()
	for range each {
		batch.Token++
		for i := range batch.Rows {
			batch.Rows[i].Seq++
		}
		check(b, commit(&batch))
		batch.Pos += appenders
	}
	return float64(each*appenders) / time.Since(began).Seconds()
}

// BenchmarkPostgres is the writer with 256 appenders, beside the same rows by COPY from
// one goroutine: with the fence and the heads (commit), and into a table that has
// neither (copy).
func BenchmarkPostgres(b *testing.B) {
	url := database(b)
	j := open(b, url)
	defer j.Close()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	check(b, err)
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, "CREATE TABLE bare (LIKE journal INCLUDING ALL)")
	check(b, err)
	var write, commit, bare float64
	b.Run("writer", func(b *testing.B) {
		_, err := j.Pool().Exec(ctx, "TRUNCATE journal, heads")
		check(b, err)
		b.ResetTimer()
		b.ReportAllocs()
		write = throughWriter(b, j)
		b.ReportMetric(write, "rows/s")
	})
	b.Run("commit", func(b *testing.B) {
		_, err := j.Pool().Exec(ctx, "TRUNCATE journal, heads")
		check(b, err)
		b.ResetTimer()
		commit = throughCommit(b, j.Commit)
		b.ReportMetric(commit, "rows/s")
		b.ReportMetric(write/commit, "writer/commit")
	})
	b.Run("copy", func(b *testing.B) {
		_, err := conn.Exec(ctx, "TRUNCATE bare")
		check(b, err)
		encode := postgres.Encoder()
		b.ResetTimer()
		bare = throughCommit(b, func(batch *journal.Batch) error {
			_, err := conn.PgConn().CopyFrom(ctx, encode(batch), "COPY bare FROM STDIN BINARY")
			return err
		})
		b.ReportMetric(bare, "rows/s")
		b.ReportMetric(write/bare, "writer/copy")
	})
}

// BenchmarkSQLite is the same writer on a file.
func BenchmarkSQLite(b *testing.B) {
	b.Run("writer", func(b *testing.B) {
		j, err := sqlite.Open(filepath.Join(b.TempDir(), "bench.db"))
		check(b, err)
		defer j.Close()
		b.ResetTimer()
		b.ReportAllocs()
		b.ReportMetric(throughWriter(b, j), "rows/s")
	})
}

// BenchmarkOpen loads a cell of 10,000 live entities, each with a tail of ten blocks.
func BenchmarkOpen(b *testing.B) {
	j := open(b, database(b))
	defer j.Close()
	const entities, tail = 10_000, 10
	batch := journal.Batch{Token: 1, Pos: 1}
	for i := range entities {
		r := newEntity(i).row
		for r.Seq = 1; r.Seq <= tail; r.Seq++ {
			batch.Rows = append(batch.Rows, r)
		}
	}
	check(b, j.Commit(&batch))
	for b.Loop() {
		n := 0
		check(b, j.Open(context.Background(), "roma", func(s journal.Stored) error { n += len(s.Tail); return nil }))
		if n != entities*tail {
			b.Fatalf("%d blocks", n)
		}
	}
	b.ReportMetric(float64(b.N*entities)/b.Elapsed().Seconds(), "entities/s")
}
