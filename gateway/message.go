package gateway

import (
	"bytes"
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/gateway/auth"
)

// message is what a client sends: auth, sub, unsub or cmd. Decoding refuses duplicate
// keys and invalid UTF-8, for two parsers could read them differently.
type message struct {
	ID         int64          `json:"id"`
	Auth       *authMessage   `json:"auth"`
	Sub        []subMessage   `json:"sub"`
	Unsub      []string       `json:"unsub"`
	Cmd        string         `json:"cmd"`
	CID        string         `json:"cid"`
	Store      string         `json:"store"`
	D          jsontext.Value `json:"d"`
	Dry        bool           `json:"dry"`
	DeadlineMS int64          `json:"deadline_ms"`

	raw []byte // of what quick has read
}

type authMessage struct {
	Token   string `json:"token"`
	Client  string `json:"client"`
	Version string `json:"version"`
}

type subMessage struct {
	Topic string `json:"t"`
	Epoch string `json:"e"`
	Since uint64 `json:"s"`
}

// ping is also its own answer.
var ping = []byte("{}")

var (
	errNoMessage = refusal.New(refusal.BadRequest, "missing", "One of auth, sub, unsub and cmd is needed")
	errType      = refusal.New(refusal.BadRequest, "type", "A value has the wrong type")
	errRate      = &refusal.Refusal{Code: refusal.RateLimited, Message: "Too many messages",
		Fields: refusal.Fields{Scope: "connection"}, AfterMS: 1000}
)

// frame handles what one frame carries: JSON messages, joined by newlines.
func (c *session) frame(b []byte) {
	for len(b) > 0 && c.closing.Load() == 0 {
		line, rest, _ := bytes.Cut(b, []byte{'\n'})
		b = rest
		if line = bytes.TrimSpace(line); len(line) > 0 {
			c.message(line)
		}
	}
}

func (c *session) message(b []byte) {
	if bytes.Equal(b, ping) {
		c.pong()
		return
	}
	c.server.stats.Messages.Add(1)
	var m message // on this stack: what goes to another takes a copy
	if !m.quick(b) {
		whole, err := decode(b)
		if err != nil {
			c.malformed(b, err)
			return
		}
		m = *whole
	}
	if m.ID <= 0 {
		c.badFrame("missing", "A message needs an id above 0")
		return
	}
	who := c.principal()
	switch {
	case m.Auth != nil:
		m := m
		c.aside(func() { c.authenticate(&m) })
		return
	case who == nil:
		c.refuse(0, refusal.New(refusal.Unauthenticated, "missing", "The first message must be auth"))
		c.end(closeNoAuth)
		return
	case c.early > 0 && c.tooEarly(who, &m):
		return
	case !c.limiter.AllowN(c.server.now(), 1):
		c.tooFast(who, m.ID)
		return
	}
	c.over = 0
	switch {
	case m.Cmd != "":
		c.command(who, &m)
	case m.Sub != nil:
		a := &c.server.admission
		if !c.sheds(m.ID, a.enterRead(readClass(who), c.server.now())) {
			m := m
			c.aside(func() { c.subscribe(who, &m) })
			a.leaveRead()
		}
	case m.Unsub != nil:
		c.unsubscribe(&m)
	default:
		c.refuse(m.ID, errNoMessage)
	}
}

// aside runs f on a stack of its own and waits for it: the reader's would stay as deep as
// its deepest message, and a client that only waits would hold it.
func (c *session) aside(f func()) {
	done := make(chan struct{})
	c.server.tasks.run(func() {
		defer close(done)
		f()
	})
	<-done
}

func decode(b []byte) (*message, error) {
	m := new(message)
	return m, json.Unmarshal(b, m)
}

// pong takes the answer to our ping, or answers a client's own, but not so often that
// two that answer everything would never stop.
func (c *session) pong() {
	if c.pinged.Swap(0) != 0 {
		return
	}
	if now := c.heard.Load(); now-c.ponged >= c.server.limits.Ping.Milliseconds()/5 {
		c.ponged = now
		c.reply(ping)
	}
}

func (c *session) tooFast(who *auth.Principal, id int64) {
	c.refuse(id, errRate)
	c.slows(who, errRate)
	c.overdoes()
}

// malformed tells a frame that is no JSON, which ends the connection, from one whose
// values have the wrong types, which does not.
func (c *session) malformed(b []byte, err error) {
	var only struct {
		ID int64 `json:"id"`
	}
	bad, semantic := errors.AsType[*json.SemanticError](err)
	if !semantic || json.Unmarshal(b, &only) != nil || only.ID <= 0 {
		c.badFrame("json", "The frame is not a JSON message with an id")
		return
	}
	if c.principal() == nil {
		c.badFrame("type", "The frame is not a message")
		return
	}
	c.refuse(only.ID, errType.With(refusal.Fields{At: string(bad.JSONPointer)}))
}

func (c *session) badFrame(reason, text string) {
	c.refuse(0, refusal.New(refusal.BadRequest, reason, text))
	c.end(closeBadRequest)
}

func (c *session) refuse(id int64, r *refusal.Refusal) { c.reply(appendErr(nil, id, r)) }

func appendErr(b []byte, id int64, r *refusal.Refusal) []byte {
	b = append(b, `{"id":`...)
	b = strconv.AppendInt(b, id, 10)
	b = append(b, `,"err":`...)
	return append(wire.AppendRefusal(b, r), '}')
}

// authenticate lets the client in, or takes the token that follows an older one.
func (c *session) authenticate(m *message) {
	now := c.server.now()
	who, err := c.server.config.Keys.Verify(m.Auth.Token, now)
	old := c.principal()
	if err == nil && old != nil && old.ID() != who.ID() {
		err = refusal.New(refusal.Unauthenticated, "signature", "The token is somebody else's")
	}
	if err == nil {
		err = c.server.storesOf(who)
	}
	if err == nil && who.Session != "" && !c.server.seatedNow(context.Background(), who) {
		err = errUnseated
	}
	if err != nil {
		r := refusal.Of(err)
		c.server.stats.BadTokens.Add(1)
		c.server.auditDenied(c.server.entry(nil, c.address, "", "socket"), r)
		c.refuse(m.ID, r)
		if r.Fields.Reason == "expired" {
			c.end(closeExpired)
		} else {
			c.end(closeBadToken)
		}
		return
	}
	if old == nil && !c.server.enter(c, who, m.Auth.Client) {
		c.end(closeTooMany)
		return
	}
	c.mu.Lock()
	before := c.reader
	c.who, c.reader = who, c.newReader(who)
	c.mu.Unlock()
	c.welcome(m.ID, who, now)
	if old != nil {
		c.dropForbidden(who, before)
	}
}

type welcome struct {
	Session string       `json:"session"`
	User    string       `json:"user"`
	Name    string       `json:"name,omitzero"`
	Store   string       `json:"store,omitzero"`
	Stores  []string     `json:"stores,omitzero"`
	Roles   any          `json:"roles"`
	Table   string       `json:"table,omitzero"`
	Guest   string       `json:"guest,omitzero"`
	TTL     int64        `json:"ttl"`  // s
	Ping    int64        `json:"ping"` // s
	Now     string       `json:"now"`
	Limits  limitsInAuth `json:"limits"`
}

type limitsInAuth struct {
	Message       int     `json:"message"` // bytes
	Subscriptions int     `json:"subscriptions"`
	Inflight      int     `json:"inflight"`
	Rate          float64 `json:"rate"` // messages/s
	Burst         int     `json:"burst"`
}

func (c *session) welcome(id int64, who *auth.Principal, now time.Time) {
	l := &c.server.limits
	w := welcome{Session: c.id, User: who.User, Name: who.Name, Roles: who.Roles, Table: who.Table, Guest: who.Guest(),
		TTL: int64(who.Expires.Sub(now).Seconds()), Ping: int64(l.Ping.Seconds()), Now: now.UTC().Format(timeFormat),
		Limits: limitsInAuth{l.Message, l.Subscriptions, l.Inflight, l.Rate, l.Burst}}
	switch {
	case !who.Several():
		w.Store = who.Stores[0]
	case who.Everywhere() && c.server.config.StoreNames != nil:
		w.Stores = c.server.config.StoreNames()
	default:
		w.Stores = who.Stores
	}
	b := append(strconv.AppendInt([]byte(`{"id":`), id, 10), `,"ok":`...)
	d, err := json.Marshal(&w)
	if err != nil {
		panic(err) // a struct of plain fields
	}
	c.reply(append(append(b, d...), '}'))
}

const timeFormat = "2006-01-02T15:04:05.000Z"
