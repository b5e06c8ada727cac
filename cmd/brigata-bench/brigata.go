package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	neturl "net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/brigata/brigata/cmd/brigata/server"
	"github.com/brigata/brigata/cmd/brigata/telemetry"
	"github.com/brigata/brigata/gateway"
	"github.com/brigata/brigata/gateway/auth"
)

// ServeBrigata is a node as brigata serve runs it, with limits that do not stop a load.
type ServeBrigata struct {
	Data        string `required:""`
	DatabaseURL string
	Stores      []string `required:"" help:"Store documents."`
	EdgeListen  string   `help:"Address for boxes; their authority is in the data folder."`
	Profile     string
	After, For  time.Duration `help:"When the profile begins after the start, and how long it takes."`
	Guarded     bool          `help:"With the limits that a node has, but for those of one address: every client is at this one."`
	Untold      bool          `help:"Without telemetry."`
	Traced      bool          `help:"With one command in a hundred traced, and its spans sent to a collector that reads no further."`
}

// Run serves until it is told to stop.
func (s *ServeBrigata) Run(ctx context.Context) error {
	limits := gateway.Limits{Rate: 1e6, Burst: 1e6, PerAddress: 1e5, PerUser: 1e5, DialRate: 1e5,
		UserRate: 1e6, AddressRate: 1e6, StoreRate: 1e6, CallRate: 1e9, AnswerWithin: -1}
	if s.Guarded {
		limits = gateway.Limits{PerAddress: 1e5, DialRate: 1e5, AddressRate: 1e6}
	}
	told := telemetry.Options{Off: s.Untold}
	if s.Traced {
		collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
		defer collector.Close()
		told.OTLP, told.Sample = collector.URL, 0.01
	}
	n, err := server.Start(ctx, server.Options{Telemetry: told, Listen: "127.0.0.1:0", Data: s.Data, DatabaseURL: s.DatabaseURL, StoreFiles: s.Stores, EdgeListen: s.EdgeListen,
		Name: "bench", Limits: limits, Out: io.Discard, Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	if err != nil {
		return err
	}
	if s.Profile != "" {
		begin := time.AfterFunc(s.After, func() { profile(s.Profile, s.For) })
		defer begin.Stop()
	}
	fmt.Println(strings.TrimPrefix(n.URL(), "http://"))
	<-ctx.Done()
	return n.Stop()
}

// brigata measures a node on a database of its own and audits what it left there.
func (b *bench) brigata(w workload, system string) error {
	url, drop, sqlite := "", func() {}, system == "brigata-sqlite"
	if !sqlite {
		var err error
		if url, drop, err = b.newDatabase(); err != nil {
			return err
		}
	}
	defer drop()
	data, err := os.MkdirTemp("", "brigata-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(data)
	args := []string{"serve-brigata", "--data", data, "--database-url", url}
	switch system {
	case "brigata-untold":
		args = append(args, "--untold")
	case "brigata-traced":
		args = append(args, "--traced")
	}
	if b.Profile != "" {
		args = append(args, "--profile", b.Profile, "--after", (b.Warm + 500*time.Millisecond).String(), "--for", (b.Duration - 500*time.Millisecond).String())
	}
	for i := range b.Stores {
		file := filepath.Join(data, fmt.Sprintf("bench-%d.json", i))
		if err := os.WriteFile(file, benchDocument(fmt.Sprintf("bench-%d", i)), 0o600); err != nil {
			return err
		}
		args = append(args, "--stores", file)
	}
	p, err := b.start(args...)
	if err != nil {
		return err
	}
	stopped := false
	defer func() {
		if !stopped {
			p.stop()
		}
	}()
	keys, err := auth.LoadKeys(filepath.Join(data, server.KeyFile))
	if err != nil {
		return err
	}
	w.token = func(store, role string) string { return tokenOf(keys, "bench-"+role, store, role) }
	postmaster := b.postmaster
	if sqlite {
		postmaster = 0
	}
	m, err := w.run(p.addr, sampler(p.cmd.Process.Pid, postmaster))
	if err != nil {
		return err
	}
	if err := w.repeats(p.addr, &m.acked); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	p.stop()
	stopped = true
	if err := audit(b.ctx, url, filepath.Join(data, "brigata.db"), &m.acked); err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	fmt.Fprintf(os.Stderr, "audit of %s: %d orders found, stock and answers agree\n", system, len(m.acked.orders))
	b.report.measured(system, m)
	return nil
}

// newDatabase makes an empty database beside the one that was given.
func (b *bench) newDatabase() (url string, drop func(), err error) {
	b.databases++
	name := fmt.Sprintf("brigata_bench_%d_%d", os.Getpid(), b.databases)
	conn, err := pgx.Connect(b.ctx, b.database)
	if err != nil {
		return "", nil, err
	}
	defer conn.Close(b.ctx)
	if _, err := conn.Exec(b.ctx, "CREATE DATABASE "+name); err != nil {
		return "", nil, err
	}
	drop = func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		conn, err := pgx.Connect(ctx, b.database)
		if err != nil {
			return
		}
		defer conn.Close(ctx)
		_, _ = conn.Exec(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
	}
	u, err := neturl.Parse(b.database)
	if err != nil {
		return "", nil, fmt.Errorf("--database-url must be a URL: %w", err)
	}
	u.Path = "/" + name
	return u.String(), drop, nil
}

// limit measures what the database takes of rows like an order's, by bare COPY.
func (b *bench) limit() error {
	conn, err := pgx.Connect(b.ctx, b.database)
	if err != nil {
		return err
	}
	defer conn.Close(b.ctx)
	const schema = `DROP TABLE IF EXISTS bench_copy; CREATE TABLE bench_copy(bucket int, entity uuid, seq bigint, n int, payload bytea, PRIMARY KEY(entity, seq))`
	if _, err := conn.Exec(b.ctx, schema); err != nil {
		return err
	}
	const orders, rowsPerOrder, payload = 256, 5, 300
	bytes := make([]byte, payload)
	rows := make([][]any, orders*rowsPerOrder)
	m := measured{seconds: 1}
	began := time.Now()
	for seq := int64(1); time.Since(began) < b.Duration; seq++ {
		for i := range rows {
			var id [16]byte
			id[0], id[1] = byte(i), byte(i>>8)
			rows[i] = []any{0, id, seq, 1, bytes}
		}
		if _, err := conn.CopyFrom(b.ctx, pgx.Identifier{"bench_copy"}, []string{"bucket", "entity", "seq", "n", "payload"}, pgx.CopyFromRows(rows)); err != nil {
			return err
		}
		m.orders += orders
	}
	b.report.add("limit", "orders_per_s", float64(m.orders)/time.Since(began).Seconds(), "1/s")
	_, err = conn.Exec(b.ctx, "DROP TABLE bench_copy")
	return err
}
