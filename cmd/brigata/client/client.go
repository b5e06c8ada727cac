// Package client speaks the public protocol (brigata.v1.json) over one WebSocket:
// log in, send commands, subscribe. It knows only what PROTOCOL.md promises.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// ErrUnreachable wraps every failure to connect, or to stay connected.
var ErrUnreachable = errors.New("server unreachable")

// messageMax is what PROTOCOL.md tells clients to accept.
const messageMax = 4 << 20

// Refused is the err object of a reply.
type Refused struct {
	Code    string          `json:"code"`
	Message string          `json:"message"`
	Fields  json.RawMessage `json:"fields"`
	Retry   bool            `json:"retry"`
	AfterMS int64           `json:"after_ms"`
}

func (r *Refused) Error() string { return r.Code + ": " + r.Message }

// Message is one message from the server; Raw is its JSON as it came.
type Message struct {
	Raw  json.RawMessage   `json:"-"`
	ID   *int64            `json:"id"`
	OK   json.RawMessage   `json:"ok"`
	Err  *Refused          `json:"err"`
	T    string            `json:"t"`
	E    string            `json:"e"`
	S    int64             `json:"s"`
	K    string            `json:"k"`
	V    int64             `json:"v"`
	D    json.RawMessage   `json:"d"`
	Del  bool              `json:"del"`
	Snap []json.RawMessage `json:"snap"`
	End  *struct {
		Code  string `json:"code"`
		Table string `json:"table"`
	} `json:"end"`
	Bye *struct {
		Code    int   `json:"code"`
		AfterMS int64 `json:"after_ms"`
	} `json:"bye"`
}

// Session is the reply to the log-in.
type Session struct {
	Session string   `json:"session"`
	User    string   `json:"user"`
	Store   string   `json:"store"`
	Stores  []string `json:"stores"`
	Roles   []string `json:"roles"`
	PingS   int      `json:"ping"`
}

// Sub asks for a topic; E and S are the position held, for a resume.
type Sub struct {
	T string `json:"t"`
	E string `json:"e,omitempty"`
	S int64  `json:"s,omitempty"`
}

// SubReply answers one Sub.
type SubReply struct {
	T    string            `json:"t"`
	E    string            `json:"e"`
	S    int64             `json:"s"`
	Mode string            `json:"mode"`
	D    []json.RawMessage `json:"d"`
	Err  *Refused          `json:"err"`
}

// Conn is one logged-in socket. Its methods may be called by several goroutines.
type Conn struct {
	Session Session
	ws      *websocket.Conn
	pushes  chan Message
	done    chan struct{}

	mu      sync.Mutex
	next    int64
	waiting map[int64]chan Message
	err     error
}

// Dial connects to server ("http://host:port"), logs in with token and starts
// reading. client names this client to the server; two of one name replace each other.
func Dial(ctx context.Context, server, token, client string) (*Conn, error) {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("server %q is not a URL such as http://127.0.0.1:8080", server)
	}
	u.Scheme = strings.Replace(u.Scheme, "http", "ws", 1)
	u.Path = "/v1/ws"
	ws, _, err := websocket.Dial(ctx, u.String(), &websocket.DialOptions{Subprotocols: []string{"brigata.v1.json"}})
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %v", ErrUnreachable, server, err)
	}
	ws.SetReadLimit(messageMax)
	c := &Conn{ws: ws, pushes: make(chan Message, 1024), done: make(chan struct{}), waiting: map[int64]chan Message{}}
	go c.read()
	m, err := c.call(ctx, map[string]any{"auth": map[string]any{"token": token, "client": client, "version": "1"}})
	if err != nil {
		c.Close()
		return nil, err
	}
	if err := json.Unmarshal(m.OK, &c.Session); err != nil {
		c.Close()
		return nil, fmt.Errorf("log-in reply: %w", err)
	}
	return c, nil
}

// Pushes delivers every message that answers nothing; closed with the connection.
func (c *Conn) Pushes() <-chan Message { return c.pushes }

// Err says why the connection ended; call it after Pushes is closed.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Close ends the connection and waits for its reader.
func (c *Conn) Close() {
	_ = c.ws.Close(websocket.StatusNormalClosure, "")
	for range c.pushes { // the reader may be waiting to hand over a push
	}
	<-c.done
}

// Command sends one command; d is its data, already JSON. A refusal is the
// message's Err and no error.
func (c *Conn) Command(ctx context.Context, name, cid string, d json.RawMessage, dry bool) (Message, error) {
	return c.CommandAt(ctx, "", name, cid, d, dry)
}

// CommandAt is Command for a token that names several stores.
func (c *Conn) CommandAt(ctx context.Context, store, name, cid string, d json.RawMessage, dry bool) (Message, error) {
	m := map[string]any{"cmd": name, "d": d}
	if store != "" {
		m["store"] = store
	}
	if cid != "" {
		m["cid"] = cid
	}
	if dry {
		m["dry"] = true
	}
	return c.request(ctx, m)
}

// Subscribe asks for topics; the replies are in the order asked.
func (c *Conn) Subscribe(ctx context.Context, subs ...Sub) ([]SubReply, Message, error) {
	m, err := c.call(ctx, map[string]any{"sub": subs})
	if err != nil {
		return nil, m, err
	}
	var ok struct {
		Subs []SubReply `json:"subs"`
	}
	if err := json.Unmarshal(m.OK, &ok); err != nil {
		return nil, m, fmt.Errorf("subscription reply: %w", err)
	}
	return ok.Subs, m, nil
}

// call is request with a refusal as an error.
func (c *Conn) call(ctx context.Context, body map[string]any) (Message, error) {
	m, err := c.request(ctx, body)
	if err == nil && m.Err != nil {
		err = m.Err
	}
	return m, err
}

func (c *Conn) request(ctx context.Context, body map[string]any) (Message, error) {
	answer := make(chan Message, 1)
	c.mu.Lock()
	c.next++
	id := c.next
	c.waiting[id] = answer
	c.mu.Unlock()
	defer func() {
		c.mu.Lock()
		delete(c.waiting, id)
		c.mu.Unlock()
	}()
	body["id"] = id
	b, err := json.Marshal(body)
	if err != nil {
		return Message{}, err
	}
	if err := c.ws.Write(ctx, websocket.MessageText, b); err != nil {
		return Message{}, fmt.Errorf("%w: %v", ErrUnreachable, err)
	}
	select {
	case m := <-answer:
		return m, nil
	case <-c.done:
		return Message{}, c.Err()
	case <-ctx.Done():
		return Message{}, fmt.Errorf("%w: no answer: %v", ErrUnreachable, ctx.Err())
	}
}

func (c *Conn) read() {
	defer close(c.done)
	defer close(c.pushes)
	defer c.ws.CloseNow()
	for {
		_, frame, err := c.ws.Read(context.Background())
		if err != nil {
			c.mu.Lock()
			c.err = fmt.Errorf("%w: %v", ErrUnreachable, err)
			c.mu.Unlock()
			return
		}
		for line := range bytes.SplitSeq(frame, []byte{'\n'}) {
			c.dispatch(line)
		}
	}
}

func (c *Conn) dispatch(line []byte) {
	if string(line) == "{}" { // ping
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		_ = c.ws.Write(ctx, websocket.MessageText, []byte("{}"))
		cancel()
		return
	}
	m := Message{Raw: line}
	if json.Unmarshal(line, &m) != nil {
		return
	}
	if m.ID == nil {
		c.pushes <- m
		return
	}
	c.mu.Lock()
	answer := c.waiting[*m.ID]
	c.mu.Unlock()
	if answer != nil {
		answer <- m
	}
}
