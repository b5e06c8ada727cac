package gateway

import (
	"time"

	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/gateway/auth"
	"github.com/brigata/brigata/gateway/boards"
)

// Hooks tell of the gateway's work, for metrics and traces. They are called on the hot
// path, by any goroutine, and must be quick.
type Hooks struct {
	// Trace gives a command its trace context, below its client's; the zero value for none.
	Trace func(parent wire.Trace) wire.Trace
	// Answered: a command has its answer, or was refused.
	Answered func(Command)
	// Published: views stand in the queues of those who watch.
	Published func(Published)
	// Subscribed: mode is snap, delta or refused.
	Subscribed func(mode string)
	// Closed: the node closed a socket.
	Closed func(code int)
}

// Command is one command as a client saw it.
type Command struct {
	Name, Store        string
	Code               refusal.Code // "": done
	Received, Answered time.Time
	Trace, Parent      wire.Trace

	by audited
}

// Published is what was published at once.
type Published struct {
	Oldest      time.Time // the earliest decision among the views
	Began, Done time.Time
	Traces      []wire.Trace // sampled ones; the callee's
}

// begin notes a command and gives it its place in a trace. What it is called comes
// from a closed set, whatever the client says.
func (s *Server) begin(who *auth.Principal, address string, m *message, parent wire.Trace) (c Command) {
	c = Command{Name: m.Cmd, Store: m.Store, Received: s.now(), Trace: parent, Parent: parent, by: audited{who: who, address: address}}
	if !wire.KnownCommand(m.Cmd) {
		c.Name = "unknown"
	}
	if c.Store == "" && !who.Several() {
		c.Store = who.Stores[0]
	}
	c.by.note(m)
	if hook := s.config.Hooks.Trace; hook != nil {
		c.Trace = hook(parent)
	}
	return c
}

// finish tells what became of it.
func (s *Server) finish(c *Command, no *refusal.Refusal) {
	s.auditCommand(c, no)
	hook := s.config.Hooks.Answered
	if hook == nil {
		return
	}
	if no != nil {
		c.Code = no.Code
	}
	c.Answered = s.now()
	hook(*c)
}

func (s *Server) tellSubscribed(a *boards.Ask) {
	hook := s.config.Hooks.Subscribed
	if hook == nil {
		return
	}
	switch {
	case a.Got == nil:
		hook("refused")
	case a.Got.Resumes(a.Epoch, a.Since):
		hook("delta")
	default:
		hook("snap")
	}
}
