package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/coder/websocket"
	"github.com/go-json-experiment/json"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"
)

// The conventional way behind the same frames: a stateless service, a pool of
// connections, and one transaction with row locks per order. It does less than
// Brigata (no options, no boards but the kitchen's, no repeat of a command), and is
// tuned: dishes are locked in one order, statements are prepared, the hot locks of
// the pipelined form are taken last.

const conventionalSchema = `
DROP TABLE IF EXISTS conv_items, conv_orders, conv_stock CASCADE;
CREATE TABLE conv_stock(store text, dish text, qty bigint NOT NULL, PRIMARY KEY(store,dish)) WITH (fillfactor=50);
CREATE TABLE conv_orders(id uuid PRIMARY KEY, store text NOT NULL, no bigint NOT NULL, status smallint NOT NULL, total bigint NOT NULL, created timestamptz NOT NULL DEFAULT now());
CREATE TABLE conv_items(order_id uuid NOT NULL REFERENCES conv_orders, line int NOT NULL, dish text NOT NULL, qty int NOT NULL, price bigint NOT NULL, PRIMARY KEY(order_id,line))`

type conventional struct {
	pool    *pgxpool.Pool
	batch   bool
	prices  map[string]int64
	no      atomic.Int64
	boards  sync.Mutex
	watches map[string][]*convSession // by store
}

type convSession struct {
	ws    *websocket.Conn
	store string
	mu    sync.Mutex // one writer at a time, whole frames
}

func (s *convSession) write(p []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ws.Write(context.Background(), websocket.MessageText, p)
}

type convFrame struct {
	ID   int64  `json:"id"`
	Cmd  string `json:"cmd"`
	CID  string `json:"cid"`
	Auth *struct {
		Token string `json:"token"`
	} `json:"auth"`
	Sub []struct {
		T string `json:"t"`
	} `json:"sub"`
	D struct {
		Type  string     `json:"type"`
		Total int64      `json:"total"`
		Lines []convLine `json:"lines"`
	} `json:"d"`
}

type convLine struct {
	Dish string `json:"dish"`
	Qty  int    `json:"qty"`
}

// newConventional makes the schema and fills the stock of every store.
func newConventional(ctx context.Context, url string, connections, stores int, batch bool, dishes []dish) (*conventional, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	cfg.MaxConns = int32(connections)
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	for q := range strings.SplitSeq(conventionalSchema, ";") {
		if _, err := pool.Exec(ctx, q); err != nil {
			return nil, fmt.Errorf("schema: %w", err)
		}
	}
	c := &conventional{pool: pool, batch: batch, prices: map[string]int64{}, watches: map[string][]*convSession{}}
	ids := make([]string, len(dishes))
	for i, d := range dishes {
		ids[i], c.prices[d.id] = d.id, d.price
	}
	for s := range stores {
		if _, err := pool.Exec(ctx, "INSERT INTO conv_stock SELECT $1, d, 1000000000 FROM unnest($2::text[]) d", fmt.Sprintf("bench-%d", s), ids); err != nil {
			return nil, err
		}
	}
	_, err = pool.Exec(ctx, "VACUUM ANALYZE conv_stock")
	return c, err
}

func (c *conventional) serve(w http.ResponseWriter, r *http.Request) {
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true, Subprotocols: []string{"brigata.v1.json"}})
	if err != nil {
		return
	}
	ws.SetReadLimit(16384)
	s := &convSession{ws: ws}
	go func() { // net/http's goroutine, with its buffers, goes home
		defer ws.CloseNow()
		for {
			_, p, err := ws.Read(context.Background())
			if err != nil || c.handle(s, p) != nil {
				return
			}
		}
	}()
}

func (c *conventional) handle(s *convSession, p []byte) error {
	var f convFrame
	if err := json.Unmarshal(p, &f); err != nil {
		return err
	}
	switch {
	case f.Auth != nil: // the bench's token is the store's name: checking a signature is not what is measured
		s.store = strings.Clone(f.Auth.Token)
		return s.write([]byte(`{"id":1,"ok":{"session":"x"}}`))
	case f.Sub != nil:
		c.boards.Lock()
		c.watches[s.store] = append(c.watches[s.store], s)
		c.boards.Unlock()
		return s.write([]byte(`{"id":2,"ok":{"subs":[{"t":"kitchen.all","mode":"snap","d":[]}]}}`))
	case f.Cmd == "order.place":
		return c.place(s, &f)
	}
	return errors.New("unknown frame")
}

func (c *conventional) place(s *convSession, f *convFrame) error {
	var total int64
	for _, l := range f.D.Lines {
		total += c.prices[l.Dish] * int64(l.Qty)
	}
	if total != f.D.Total || len(f.D.Lines) == 0 {
		return s.write(fmt.Appendf(nil, `{"id":%d,"err":{"code":"stale_price"}}`, f.ID))
	}
	lines := f.D.Lines
	slices.SortFunc(lines, func(a, b convLine) int { return cmp.Compare(a.Dish, b.Dish) }) // one lock order
	var id pgtype.UUID
	if err := id.Scan(f.CID); err != nil {
		return err
	}
	no := c.no.Add(1)
	store := c.transaction
	if c.batch {
		store = c.pipelined
	}
	if err := store(s.store, id, no, total, lines); err != nil {
		return s.write(fmt.Appendf(nil, `{"id":%d,"err":{"code":"unavailable","message":%q}}`, f.ID, err.Error()))
	}
	b := append(strconv.AppendInt([]byte(`{"id":`), f.ID, 10), `,"ok":{"v":1,"dup":false,"d":{"order":"`...)
	b = strconv.AppendInt(append(append(b, f.CID...), `","no":`...), no, 10)
	b = append(strconv.AppendInt(append(b, `,"state":"accepted","total":`...), total, 10), "}}}"...)
	c.push(s.store, f.CID, no, lines)
	return s.write(b)
}

// transaction is the way it is usually written: statement by statement.
func (c *conventional) transaction(store string, id pgtype.UUID, no, total int64, lines []convLine) error {
	ctx := context.Background()
	return pgx.BeginFunc(ctx, c.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, insertOrder, id, store, no, total); err != nil {
			return err
		}
		for i, l := range lines {
			t, err := tx.Exec(ctx, takeStock, store, l.Dish, l.Qty)
			if err != nil {
				return err
			}
			if t.RowsAffected() != 1 {
				return errSoldOut
			}
			if _, err := tx.Exec(ctx, insertItem, id, i+1, l.Dish, l.Qty, c.prices[l.Dish]); err != nil {
				return err
			}
		}
		return nil
	})
}

const (
	insertOrder = "INSERT INTO conv_orders(id,store,no,status,total) VALUES($1,$2,$3,1,$4)"
	insertItem  = "INSERT INTO conv_items VALUES($1,$2,$3,$4,$5)"
	takeStock   = "UPDATE conv_stock SET qty=qty-$3 WHERE store=$1 AND dish=$2 AND qty>=$3"
)

var errSoldOut = errors.New("sold out")

// pipelined is its best form: everything in one round trip inside the transaction.
func (c *conventional) pipelined(store string, id pgtype.UUID, no, total int64, lines []convLine) error {
	ctx := context.Background()
	return pgx.BeginFunc(ctx, c.pool, func(tx pgx.Tx) error {
		var b pgx.Batch
		b.Queue(insertOrder, id, store, no, total)
		for i, l := range lines {
			b.Queue(insertItem, id, i+1, l.Dish, l.Qty, c.prices[l.Dish])
		}
		for _, l := range lines {
			b.Queue(takeStock, store, l.Dish, l.Qty)
		}
		r := tx.SendBatch(ctx, &b)
		for range 1 + 2*len(lines) {
			t, err := r.Exec()
			if err == nil && t.RowsAffected() != 1 {
				err = errSoldOut
			}
			if err != nil {
				return errors.Join(err, r.Close())
			}
		}
		return r.Close()
	})
}

// push tells the store's boards, one frame for all.
func (c *conventional) push(store, cid string, no int64, lines []convLine) {
	c.boards.Lock()
	watching := c.watches[store]
	c.boards.Unlock()
	if len(watching) == 0 {
		return
	}
	b := fmt.Appendf(nil, `{"t":"kitchen.all","s":%d,"k":"ticket/%s.wok.0","v":1,"d":{"no":%d,"items":[`, no, cid, no)
	for i, l := range lines {
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `{"dish":%q,"qty":%d}`, l.Dish, l.Qty)
	}
	b = append(b, "]}}"...)
	for _, s := range watching {
		_ = s.write(b) // a board that went away is none of the order's business
	}
}

// serveConventional listens until ctx ends and prints its address.
func serveConventional(ctx context.Context, c *conventional, out io.Writer) error {
	return serveUntil(ctx, http.HandlerFunc(c.serve), out)
}

// serveEcho answers every frame with as many bytes as a reply has: the floor of any
// server on this socket library.
func serveEcho(ctx context.Context, replySize int, out io.Writer) error {
	reply := []byte(strings.Repeat("x", replySize))
	return serveUntil(ctx, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true, Subprotocols: []string{"brigata.v1.json"}})
		if err != nil {
			return
		}
		ws.SetReadLimit(16384)
		go func() {
			defer ws.CloseNow()
			for {
				if _, _, err := ws.Read(context.Background()); err != nil {
					return
				}
				if ws.Write(context.Background(), websocket.MessageText, reply) != nil {
					return
				}
			}
		}()
	}), out)
}

func serveUntil(ctx context.Context, h http.Handler, out io.Writer) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintln(out, l.Addr())
	srv := &http.Server{Handler: h}
	stopped := make(chan error, 1)
	go func() { stopped <- srv.Serve(l) }()
	select {
	case err := <-stopped:
		return err
	case <-ctx.Done():
		return srv.Close()
	}
}
