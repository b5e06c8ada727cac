package postgres

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/brigata/brigata/actors/journal"
)

// Codes of the errors that mean "nothing was written, and nothing will be".
const (
	codeFenced = "BF001"
	codeUnique = "23505"
)

const copyRows = "COPY journal (entity, seq, token, stream, pos, n, kind, cell, payload) FROM STDIN BINARY"

// Commit implements journal.Journal. A batch is one write and one answer: the server
// runs what one simple query holds as one transaction, so the heads ride behind the
// rows without a BEGIN and COMMIT of their own.
func (j *Journal) Commit(b *journal.Batch) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if b.Epoch != j.Epoch() {
		return fmt.Errorf("%w: cut at epoch %d", journal.ErrFenced, b.Epoch)
	}
	ctx, cancel := j.bound(j.config.CommitTimeout)
	defer cancel()
	if err := j.ready(ctx, b.Epoch); err != nil {
		return err
	}
	j.doubt = true
	err := j.send(ctx, b)
	if err == nil {
		j.doubt = false
		return nil
	}
	var e *pgconn.PgError
	if errors.As(err, &e) {
		switch {
		case e.Code == codeFenced:
			j.doubt = false
			return fmt.Errorf("%w: %w", journal.ErrFenced, err)
		case e.Code == codeUnique && e.TableName == "journal":
			j.doubt = false
			return fmt.Errorf("%w: %w", journal.ErrConflict, err)
		}
	}
	return err
}

// ready sees to a connection that writes for the epoch.
func (j *Journal) ready(ctx context.Context, epoch int64) error {
	switch {
	case j.closed:
		return errClosed
	case j.doubt || len(j.doubted) > 0:
		return errors.New("postgres: an earlier commit is in doubt")
	case j.conn == nil || j.conn.IsClosed():
		return j.connect(ctx, epoch)
	}
	if epoch != j.settled {
		if _, err := j.conn.Exec(ctx, "SELECT set_config('brigata.epoch', $1, false)", strconv.FormatInt(epoch, 10)); err != nil {
			return err
		}
		j.settled = epoch
	}
	return nil
}

func (j *Journal) send(ctx context.Context, b *journal.Batch) error {
	if len(b.Rows)+len(b.Heads) == 0 {
		return nil
	}
	if len(b.Rows) == 0 {
		_, err := j.conn.PgConn().Exec(ctx, j.text.heads(nil, b.Heads)).ReadAll()
		return err
	}
	query := copyRows
	if len(b.Heads) > 0 {
		query = j.text.heads([]byte(copyRows+";"), b.Heads)
	}
	if cap(j.copying) > bufferMax {
		j.copying = nil
	}
	j.copying = appendCopy(j.copying[:0], query, j.node, b)
	return exchange(ctx, j.conn.PgConn(), j.copying)
}

// exchange sends a query and reads its answer to the end. What COPY reads goes along, for
// the server need not ask for it first: where it refuses the query it skips the rest. After
// an error that is not the server's the connection is good for nothing more.
func exchange(ctx context.Context, pc *pgconn.PgConn, query []byte) error {
	conn := pc.Conn()
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = conn.SetDeadline(time.Unix(1, 0)) // what waits for the server ends
		close(ended)
	})
	defer func() {
		if !stop() { // the answer and the end came together
			<-ended
			_ = conn.SetDeadline(time.Time{})
		}
	}()
	if _, err := conn.Write(query); err != nil {
		return err
	}
	var refused error
	for {
		m, err := pc.ReceiveMessage(context.Background())
		if err != nil {
			return err
		}
		switch m := m.(type) {
		case *pgproto3.ErrorResponse:
			refused = pgconn.ErrorResponseToPgError(m)
		case *pgproto3.ReadyForQuery:
			return refused
		}
	}
}

// bufferMax is how large a buffer may be to be kept for the next batch.
const bufferMax = 8 << 20

// appendCopy appends the messages of a query that begins with copyRows: itself, the rows
// in COPY's binary format, and their end.
func appendCopy(buf []byte, query string, stream int64, b *journal.Batch) []byte {
	be := binary.BigEndian
	buf = be.AppendUint32(append(buf, 'Q'), uint32(4+len(query)+1))
	buf = append(append(buf, query...), 0)
	buf = append(buf, 'd')
	at := len(buf)
	buf = appendRows(be.AppendUint32(buf, 0), stream, b)
	be.PutUint32(buf[at:], uint32(len(buf)-at))
	return be.AppendUint32(append(buf, 'c'), 4)
}

func appendRows(buf []byte, stream int64, b *journal.Batch) []byte {
	be := binary.BigEndian
	buf = append(buf, "PGCOPY\n\377\r\n\000\000\000\000\000\000\000\000\000"...)
	for i := range b.Rows {
		r := &b.Rows[i]
		buf = be.AppendUint16(buf, 9)
		buf = be.AppendUint32(buf, 16)
		buf = append(buf, r.Key[:]...)
		for _, v := range [...]int64{r.Seq, b.Token, stream, b.Pos + int64(i)} {
			buf = be.AppendUint32(buf, 8)
			buf = be.AppendUint64(buf, uint64(v))
		}
		buf = be.AppendUint32(buf, 4)
		buf = be.AppendUint32(buf, uint32(r.N))
		buf = be.AppendUint32(buf, 2)
		buf = be.AppendUint16(buf, uint16(r.Kind))
		buf = be.AppendUint32(buf, uint32(len(r.Cell)))
		buf = append(buf, r.Cell...)
		buf = be.AppendUint32(buf, uint32(len(r.Payload)))
		buf = append(buf, r.Payload...)
	}
	return append(buf, 0xff, 0xff)
}

// sqlText writes statements with their values in the text: a simple query takes no
// parameters. Values are hex, numbers and quoted text only.
type sqlText struct {
	buf []byte
}

const (
	headsStart = `INSERT INTO heads AS h (entity, seq, cell, kind, live, due, state)
SELECT v.entity::uuid, v.seq, v.cell, v.kind,
  v.live OR coalesce((SELECT j.seq + j.n - 1 FROM journal j WHERE j.entity = v.entity::uuid ORDER BY j.seq DESC LIMIT 1), 0) > v.seq,
  v.due::timestamptz, v.state::bytea FROM (VALUES `
	headsEnd = `) AS v (entity, seq, cell, kind, live, due, state)
ON CONFLICT (entity) DO UPDATE SET seq = excluded.seq, cell = excluded.cell, kind = excluded.kind,
  live = excluded.live, due = excluded.due, state = excluded.state
WHERE excluded.seq >= h.seq`
)

// heads appends the statement that writes heads where the database has no newer ones.
func (t *sqlText) heads(prefix []byte, heads []journal.Head) string {
	if cap(t.buf) > bufferMax {
		t.buf = nil
	}
	buf := append(append(t.buf[:0], prefix...), headsStart...)
	for n, i := range last(heads) {
		h := &heads[i]
		if n > 0 {
			buf = append(buf, ',')
		}
		buf = append(buf, "('"...)
		buf = hex.AppendEncode(buf, h.Key[:])
		buf = append(buf, "',"...)
		buf = strconv.AppendInt(buf, h.Seq, 10)
		buf = append(buf, "::bigint,'"...)
		buf = append(buf, strings.ReplaceAll(h.Cell, "'", "''")...)
		buf = append(buf, "',"...)
		buf = strconv.AppendInt(buf, int64(h.Kind), 10)
		buf = append(buf, ',')
		buf = strconv.AppendBool(buf, h.Live)
		if h.Due.IsZero() {
			buf = append(buf, ",NULL"...)
		} else {
			buf = append(buf, ",'"...)
			buf = h.Due.UTC().Truncate(time.Microsecond).AppendFormat(buf, "2006-01-02 15:04:05.999999+00")
			buf = append(buf, '\'')
		}
		buf = append(buf, `,'\x`...)
		buf = hex.AppendEncode(buf, h.State)
		buf = append(buf, "')"...)
	}
	t.buf = append(buf, headsEnd...)
	return string(t.buf)
}

// last returns the indexes of the heads that remain of a batch: one statement cannot
// write a row twice, and of two heads of an entity the newer stands.
func last(heads []journal.Head) []int {
	at := make(map[journal.Key]int, len(heads))
	out := make([]int, 0, len(heads))
	for i := range heads {
		if n, ok := at[heads[i].Key]; ok {
			if heads[i].Seq >= heads[out[n]].Seq {
				out[n] = i
			}
			continue
		}
		at[heads[i].Key] = len(out)
		out = append(out, i)
	}
	return out
}
