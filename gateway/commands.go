package gateway

import (
	"strconv"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/gateway/auth"
	"github.com/brigata/brigata/gateway/feed"
)

const (
	deadlineDefault = 5 * time.Second
	deadlineMax     = 30 * time.Second
)

var (
	errUnknownCommand = refusal.New(refusal.BadRequest, "unknown_command", "There is no such command")
	errNoCID          = refusal.New(refusal.BadRequest, "missing", "A command that changes something needs a cid").With(refusal.Fields{At: "/cid"})
	errCID            = refusal.New(refusal.BadRequest, "type", "A cid is a lower-case UUIDv7").With(refusal.Fields{At: "/cid"})
	errNoDry          = refusal.New(refusal.BadRequest, "type", "This command cannot be tried").With(refusal.Fields{At: "/dry"})
	errNoStore        = refusal.New(refusal.BadRequest, "missing", "The token names several stores: say which").With(refusal.Fields{At: "/store"})
	errDeadlineRange  = refusal.New(refusal.BadRequest, "type", "deadline_ms is 1 to 30000").With(refusal.Fields{At: "/deadline_ms"})
	errInflight       = &refusal.Refusal{Code: refusal.RateLimited, Message: "Too many unanswered commands",
		Fields: refusal.Fields{Scope: "connection"}, AfterMS: 200}
	errBusy = &refusal.Refusal{Code: refusal.Overloaded, Message: "The node is busy",
		Fields: refusal.Fields{What: "node"}, AfterMS: 500}
	errDeadline = &refusal.Refusal{Code: refusal.Unavailable, Message: "No answer in time; the outcome is unknown",
		Fields: refusal.Fields{What: "deadline"}, AfterMS: 500}
	errDraining = &refusal.Refusal{Code: refusal.Moved, Message: "The node is shutting down",
		Fields: refusal.Fields{What: "node"}, AfterMS: 500}
)

// dryCommands can be checked and priced without being done.
var dryCommands = map[string]bool{"order.place": true, "order.add": true, "bill.split": true}

// request makes the engine's request of a command, or says what is wrong with its form.
func (s *Server) request(who *auth.Principal, m *message) (*actors.Request, *refusal.Refusal) {
	if !wire.KnownCommand(m.Cmd) {
		return nil, errUnknownCommand
	}
	if !who.May(m.Cmd) {
		return nil, forbidden(m.Cmd)
	}
	store, r := chooseStore(who, m.Store)
	if r != nil {
		return nil, r
	}
	within := deadlineDefault
	if m.DeadlineMS != 0 {
		within = time.Duration(m.DeadlineMS) * time.Millisecond
		if m.DeadlineMS < 0 || within > deadlineMax {
			return nil, errDeadlineRange
		}
	}
	switch {
	case m.Dry && !dryCommands[m.Cmd]:
		return nil, errNoDry
	case m.Dry:
		m.CID = ""
	case m.CID == "":
		return nil, errNoCID
	case !wire.IsUUID(m.CID):
		return nil, errCID
	}
	if m.D == nil {
		m.D = []byte("{}")
	}
	target, cmd, err := wire.DecodeCommand(m.Cmd, command.ID(m.CID), m.D)
	if err != nil {
		return nil, asRefusal(err)
	}
	if r := s.owns(who, m.Cmd, store, target, cmd); r != nil {
		return nil, r
	}
	var body [16]byte
	if !m.Dry {
		if body, err = wire.BodyHash(m.Cmd, m.D); err != nil {
			return nil, asRefusal(err)
		}
	}
	return &actors.Request{Store: store, Target: target, Command: cmd, Name: m.Cmd, Data: m.D, ID: command.ID(m.CID), By: who.Who(),
		Channel: who.Channel, Session: who.Session, Guest: who.Guest(), Body: body, Principal: who.ID(),
		Dry: m.Dry, Deadline: s.now().Add(within)}, nil
}

func forbidden(need string) *refusal.Refusal {
	return refusal.New(refusal.Forbidden, "", "Not permitted").With(refusal.Fields{Need: need})
}

func chooseStore(who *auth.Principal, store string) (string, *refusal.Refusal) {
	switch {
	case store == "" && !who.Several():
		return who.Stores[0], nil
	case store == "":
		return "", errNoStore
	case !who.In(store):
		return "", forbidden("store:" + store)
	}
	return store, nil
}

func asRefusal(err error) *refusal.Refusal {
	if r := refusal.Of(err); r != nil {
		return r
	}
	return refusal.New(refusal.Internal, "", "Internal error")
}

// waiting is a command whose answer has not come.
type waiting struct {
	tag      int64
	id       int64 // the client's
	deadline time.Time
	command  Command
}

func (c *session) command(who *auth.Principal, m *message) {
	if c.server.refusing.Load() {
		c.refuse(m.ID, errDraining)
		return
	}
	of, now := classOf(who, m.Cmd), c.server.now()
	if c.sheds(m.ID, c.server.admission.would(of, now)) { // before it costs anything
		return
	}
	is := c.server.begin(who, c.address, m, c.trace)
	r, bad := c.server.request(who, m)
	if bad != nil {
		if err := m.check(); err != nil {
			c.malformed(m.raw, err)
			return
		}
	}
	if bad == nil {
		bad = c.server.paces.allow(who, c.address, r.Store, of, now)
	}
	if bad == nil {
		r.To, r.Trace, is.Store = c, is.Trace, r.Store
		r.Tag, bad = c.wait(m.ID, r.Deadline, of, is)
	}
	if bad != nil {
		c.server.finish(&is, bad)
		c.refuse(m.ID, bad)
		c.slows(who, bad)
		return
	}
	c.server.stats.Commands.Add(1)
	c.server.config.Engine.Do(r)
}

// wait notes an unanswered command and returns its tag: clients may use an id twice,
// the tag is ours.
func (c *session) wait(id int64, deadline time.Time, of class, is Command) (int64, *refusal.Refusal) {
	a := &c.server.admission
	if bad := a.enter(of, is.Received); bad != nil {
		return 0, bad
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) >= c.server.limits.Inflight {
		a.inflight.Add(-1)
		return 0, errInflight
	}
	c.lastTag++
	c.waiting = append(c.waiting, waiting{c.lastTag, id, deadline, is})
	return c.lastTag, nil
}

// answered takes the command off the list; false if its deadline was faster.
func (c *session) answered(tag int64, no *refusal.Refusal) (id int64, ok bool) {
	w, ok := c.take(tag)
	if ok {
		now := c.server.now()
		c.server.admission.leave(now, now.Sub(w.command.Received), no != errDeadline)
		c.server.finish(&w.command, no)
	}
	return w.id, ok
}

func (c *session) take(tag int64) (w waiting, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.waiting {
		if c.waiting[i].tag == tag {
			w = c.waiting[i]
			last := len(c.waiting) - 1
			c.waiting[i] = c.waiting[last]
			c.waiting[last] = waiting{}
			c.waiting = c.waiting[:last]
			if last == 0 && cap(c.waiting) > 8 {
				c.waiting = nil
			}
			return w, true
		}
	}
	return w, false
}

// Reply takes the engine's answer: it may come on any goroutine.
func (c *session) Reply(tag int64, a actors.Answer) {
	id, ok := c.answered(tag, a.Refusal)
	if !ok {
		return
	}
	if a.Refusal != nil {
		c.refuse(id, a.Refusal)
		return
	}
	if len(a.D) == 0 {
		a.D = []byte("{}")
	}
	var room [80]byte
	b := append(strconv.AppendInt(append(room[:0], `{"id":`...), id, 10), `,"ok":`...)
	c.answer(&feed.Frame{Head: string(appendUpToD(b, a)), Body: a.D, Tail: "}}"}) // the engine keeps D: it is not copied
}

// appendOK appends what stands under ok.
func appendOK(b []byte, a actors.Answer) []byte {
	b = appendUpToD(b, a)
	if len(a.D) == 0 {
		b = append(b, '{', '}')
	}
	return append(append(b, a.D...), '}')
}

func appendUpToD(b []byte, a actors.Answer) []byte {
	b = strconv.AppendInt(append(b, `{"v":`...), a.V, 10)
	b = strconv.AppendBool(append(b, `,"dup":`...), a.Dup)
	return append(b, `,"d":`...)
}

// expire answers what is past its deadline: whether it was done is not known.
func (c *session) expire(now time.Time) {
	c.mu.Lock()
	var late []int64
	for _, w := range c.waiting {
		if now.After(w.deadline) {
			late = append(late, w.tag)
		}
	}
	c.mu.Unlock()
	for _, tag := range late {
		if id, ok := c.answered(tag, errDeadline); ok {
			c.refuse(id, errDeadline)
		}
	}
}
