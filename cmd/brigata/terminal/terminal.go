// Package terminal is brigata on the command line: it places orders, bumps, and
// shows boards, over the public protocol and nothing else.
package terminal

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/brigata/brigata/cmd/brigata/client"
)

// Options are the flags that every client command shares.
type Options struct {
	Server string `help:"Server, such as http://127.0.0.1:8080." env:"BRIGATA_SERVER"`
	Token  string `help:"Access token." env:"BRIGATA_TOKEN"`
	Data   string `help:"Data folder whose local.json names server and token." default:"./data" env:"BRIGATA_DATA"`
	Store  string `help:"Store, when the token names several; the local node's own unless given." env:"BRIGATA_STORE"`
	JSON   bool   `name:"json" help:"Print each reply and push as the protocol's JSON, a line each."`
	CID    string `name:"cid" help:"Command id (UUIDv7) to use or to repeat."`
}

// Usage is a mistake in how a command was called: exit status 2.
type Usage struct{ Message string }

func (u Usage) Error() string { return u.Message }

// ExitCode maps an error to the exit status that the README promises.
func ExitCode(err error) int {
	var refused *client.Refused
	var usage Usage
	switch {
	case err == nil:
		return 0
	case errors.As(err, &refused):
		return 1
	case errors.As(err, &usage):
		return 2
	case errors.Is(err, client.ErrUnreachable):
		return 3
	}
	return 1
}

// Local is what a running node leaves in its data folder for the terminal client.
type Local struct {
	Server string `json:"server"`
	Token  string `json:"token"`
	Store  string `json:"store"` // meant where none is named
}

// session is one connected command: where to print, and how.
type session struct {
	*client.Conn
	o   Options
	out io.Writer
}

// located fills in server and token from the local data folder where they are not given.
func (o Options) located() (Options, error) {
	if o.Server != "" && o.Token != "" {
		return o, nil
	}
	file := filepath.Join(o.Data, "local.json")
	b, err := os.ReadFile(file)
	if err != nil {
		return o, Usage{fmt.Sprintf("no server: give --server and --token, or start one with: brigata serve --data %s", o.Data)}
	}
	var l Local
	if err := json.Unmarshal(b, &l); err != nil {
		return o, fmt.Errorf("%s: %w", file, err)
	}
	if o.Server == "" {
		o.Server = l.Server
	}
	if o.Token == "" {
		o.Token = l.Token
		if o.Store == "" {
			o.Store = l.Store
		}
	}
	return o, nil
}

func connect(ctx context.Context, o Options) (*session, error) {
	o, err := o.located()
	if err != nil {
		return nil, err
	}
	name := "terminal-" + fmt.Sprint(os.Getpid())
	c, err := client.Dial(ctx, o.Server, o.Token, name)
	if err != nil {
		return nil, err
	}
	if c.Session.Store == "" && o.Store == "" {
		c.Close()
		return nil, Usage{"this token names several stores (" + strings.Join(c.Session.Stores, ", ") + "): give --store"}
	}
	return &session{Conn: c, o: o, out: os.Stdout}, nil
}

// with runs f on a connection that is closed afterwards.
func with(ctx context.Context, o Options, f func(*session) error) error {
	dial, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	s, err := connect(dial, o)
	if err != nil {
		return err
	}
	defer s.Close()
	return f(s)
}

// topic prefixes the store when the token names several.
func (s *session) topic(t string) string {
	if s.Session.Store == "" {
		return s.o.Store + "/" + t
	}
	return t
}

// command sends name and decodes ok.d into reply; in JSON mode it prints the reply as it came.
func (s *session) command(ctx context.Context, name string, d map[string]any, dry bool, reply any) error {
	body, err := json.Marshal(d)
	if err != nil {
		return err
	}
	cid := s.o.CID
	if cid == "" && !dry {
		cid = newID()
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	m, err := s.send(ctx, name, cid, body, dry)
	if err != nil {
		return err
	}
	if s.o.JSON {
		fmt.Fprintln(s.out, string(m.Raw))
	}
	if m.Err != nil {
		return m.Err
	}
	var ok struct {
		V   int64           `json:"v"`
		Dup bool            `json:"dup"`
		D   json.RawMessage `json:"d"`
	}
	if err := json.Unmarshal(m.OK, &ok); err != nil {
		return fmt.Errorf("reply: %w", err)
	}
	if ok.Dup && !s.o.JSON {
		fmt.Fprintln(s.out, "(a repeat: this is the first answer)")
	}
	if reply == nil || s.o.JSON {
		return nil
	}
	return json.Unmarshal(ok.D, reply)
}

func (s *session) send(ctx context.Context, name, cid string, d json.RawMessage, dry bool) (client.Message, error) {
	if s.Session.Store == "" {
		return s.CommandAt(ctx, s.o.Store, name, cid, d, dry)
	}
	return s.Command(ctx, name, cid, d, dry)
}

// snapshot subscribes to one topic and returns everything in it.
func (s *session) snapshot(ctx context.Context, topic string) (client.SubReply, client.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	subs, m, err := s.Subscribe(ctx, client.Sub{T: s.topic(topic)})
	if err != nil {
		return client.SubReply{}, m, err
	}
	if subs[0].Err != nil {
		return subs[0], m, subs[0].Err
	}
	return subs[0], m, nil
}

// newID mints a UUIDv7.
func newID() string {
	var id [16]byte
	_, _ = rand.Read(id[6:])
	ms := uint64(time.Now().UnixMilli())
	binary.BigEndian.PutUint32(id[:4], uint32(ms>>16))
	binary.BigEndian.PutUint16(id[4:6], uint16(ms))
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
	h := hex.EncodeToString(id[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
