package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/brigata/brigata/actors/journal"
	"github.com/brigata/brigata/persistence/contract"
	"github.com/brigata/brigata/persistence/postgres"
)

// TestChaos lets two processes write through a broken network to a server that loses
// backends and crashes, some entities each for itself and some both at once. Every
// block that a cell was told is durable must be there, once, and be that cell's.
func TestChaos(t *testing.T) {
	const restarts = 2
	s := newStorm(t, func(j *postgres.Journal, _ string) journal.Journal { return j })
	s.rage(6*time.Second, restarts)
	if err := s.check(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d blocks, %d unknown outcomes, %d lost cells, faults %v", s.blocks.Load(), s.unknown.Load(), s.lost.Load(), s.faults)
	if s.blocks.Load() < 1000 || s.unknown.Load() < 10 || s.lost.Load() < 10 {
		t.Error("the storm was none")
	}
}

// TestChaosControl shows that the check finds what it is there for: a writer that
// inserts row by row where nothing stands yet takes another's block for its own.
func TestChaosControl(t *testing.T) {
	s := newStorm(t, newNaive)
	s.rage(1500*time.Millisecond, 0)
	if err := s.check(); err == nil {
		t.Fatal("the naive writer passed")
	} else {
		t.Log("as it must be:", err)
	}
}

// naive is the wrong way to write: rows that conflict are skipped in silence.
type naive struct {
	*postgres.Journal
	url  string
	conn *pgx.Conn
}

func newNaive(j *postgres.Journal, url string) journal.Journal { return &naive{Journal: j, url: url} }

func (n *naive) Commit(b *journal.Batch) error {
	ctx := context.Background()
	if n.conn == nil || n.conn.IsClosed() {
		cc, err := pgx.ParseConfig(n.url)
		if err != nil {
			return err
		}
		cc.RuntimeParams["brigata.node"] = strconv.FormatInt(n.Node(), 10)
		cc.RuntimeParams["brigata.epoch"] = strconv.FormatInt(n.Epoch(), 10)
		if n.conn, err = pgx.ConnectConfig(ctx, cc); err != nil {
			return err
		}
	}
	var pb pgx.Batch
	for i, r := range b.Rows {
		pb.Queue(`INSERT INTO journal (entity, seq, token, stream, pos, n, kind, cell, payload)
			VALUES ($1::text::uuid, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`,
			fmt.Sprintf("%x", r.Key), r.Seq, b.Token, n.Node(), b.Pos+int64(i), r.N, int16(r.Kind), r.Cell, r.Payload)
	}
	return n.conn.SendBatch(ctx, &pb).Close()
}

func (n *naive) Close() error {
	if n.conn != nil {
		n.conn.Close(context.Background())
	}
	return n.Journal.Close()
}

// storm is one run of chaos.
type storm struct {
	t       *testing.T
	proxy   *proxy
	direct  string
	procs   []*process
	over    chan struct{}
	blocks  atomic.Int64
	unknown atomic.Int64
	lost    atomic.Int64
	faults  map[string]int

	mu    sync.Mutex
	cells []*contract.Cell // all there ever were
}

type process struct {
	name    string
	journal journal.Journal
	writer  *journal.Writer
}

func newStorm(t *testing.T, wrap func(*postgres.Journal, string) journal.Journal) *storm {
	s := &storm{t: t, direct: database(t), over: make(chan struct{})}
	var err error
	s.proxy, err = newProxy(started(t).Addr(), 1)
	check(t, err)
	t.Cleanup(s.proxy.stop)
	u, err := url.Parse(s.direct)
	check(t, err)
	u.Host = s.proxy.l.Addr().String()
	s.proxy.calm = true
	for _, name := range []string{"a", "b"} {
		j := wrap(open(t, u.String()), u.String())
		w := journal.NewWriter(j, journal.Options{
			Backoff: journal.Backoff{Min: time.Millisecond, Max: 100 * time.Millisecond},
			Hooks: journal.Hooks{
				Committed: func(c journal.Committed) { s.blocks.Add(int64(c.Rows)) },
				Unknown:   func(error) { s.unknown.Add(1) },
				Lost:      func(journal.Source, error) { s.lost.Add(1) },
			},
		})
		s.procs = append(s.procs, &process{name, j, w})
	}
	s.proxy.calm = false
	return s
}

// rage runs the storm for a while, then waits until all that was appended is settled.
func (s *storm) rage(d time.Duration, restarts int) {
	const shared, own = 8, 12
	var wg sync.WaitGroup
	for i, p := range s.procs {
		for e := range shared + own {
			if e >= shared {
				e += i * own
			}
			wg.Go(func() { s.append(p, e) })
		}
	}
	wg.Go(s.terminate)
	for i := range restarts + 1 {
		<-time.After(d / time.Duration(restarts+1))
		if i < restarts {
			if err := started(s.t).Restart(); err != nil {
				s.t.Error(err)
			}
		}
	}
	s.faults = s.proxy.settle()
	close(s.over)
	wg.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for _, p := range s.procs {
		check(s.t, p.writer.Flush(ctx))
		check(s.t, p.writer.Stop(ctx))
		check(s.t, p.journal.Close())
	}
}

// append lives the lives of one process's cell: when it is lost it is loaded again.
func (s *storm) append(p *process, entity int) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for life := 0; ; life++ {
		rows, err := p.journal.Log(context.Background(), contract.Key(entity), 0, 1<<30)
		for err != nil {
			<-tick.C
			rows, err = p.journal.Log(context.Background(), contract.Key(entity), 0, 1<<30)
		}
		c := contract.NewCell(p.writer, entity, len(rows)+1)
		c.Mark = fmt.Sprintf("%s%d", p.name, life)
		s.mu.Lock()
		s.cells = append(s.cells, c)
		s.mu.Unlock()
		for err == nil {
			select {
			case <-s.over:
				return
			case <-tick.C:
			}
			c.Append()
			c.Append()
			err = c.Wait(c.Append(journal.Head{Key: contract.Key(entity), Cell: "roma", Live: true}))
		}
		if !errors.Is(err, journal.ErrConflict) {
			s.t.Errorf("cell %d of %s: %v", entity, p.name, err)
			return
		}
	}
}

// terminate ends the writers' backends now and then.
func (s *storm) terminate() {
	tick := time.NewTicker(150 * time.Millisecond)
	defer tick.Stop()
	ctx := context.Background()
	for {
		select {
		case <-s.over:
			return
		case <-tick.C:
		}
		conn, err := pgx.Connect(ctx, s.direct)
		if err != nil {
			continue // it restarts
		}
		conn.Exec(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'brigata journal' AND random() < 0.5")
		conn.Close(ctx)
	}
}

// check compares what every cell was told with what is there.
func (s *storm) check() error {
	j := open(s.t, s.direct)
	defer j.Close()
	var wrong []string
	logs := map[int][]journal.Row{}
	for _, c := range s.cells {
		if logs[c.Entity] == nil {
			rows, err := j.Log(context.Background(), contract.Key(c.Entity), 0, 1<<30)
			check(s.t, err)
			logs[c.Entity] = rows
		}
		if err := c.CheckRows(logs[c.Entity]); err != nil {
			wrong = append(wrong, err.Error())
		}
	}
	if len(wrong) == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d cells: %s", len(wrong), len(s.cells), strings.Join(wrong[:min(3, len(wrong))], "; "))
}
