package actors

import (
	"io"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
)

// This file is all that knows Proto.Actor: one actor for each entity, on its
// synchronized dispatcher, so that a send to an idle entity runs its turn at once.

// engine is the actor system of a node.
type engine struct {
	system *actor.ActorSystem
	max    int // messages in a mailbox
}

func newEngine(mailboxMax int) *engine {
	quiet := func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }
	return &engine{actor.NewActorSystem(actor.WithLoggerFactory(quiet)), mailboxMax}
}

func (g *engine) stop() { g.system.Shutdown() }

// ref is where an entity's messages go.
type ref struct {
	pid  *actor.PID
	box  *mailbox
	root *actor.RootContext
	max  int
}

func (r ref) full() bool { return int(r.box.n.Load()) >= r.max }
func (r ref) send(m any) { r.root.Send(r.pid, m) }

// spawn starts an entity's actor. Its first message, Started, does nothing, so this may
// run under a lock.
func (g *engine) spawn(e *entity) ref {
	box := &mailbox{after: e.after}
	props := actor.PropsFromProducer(func() actor.Actor { return &host{e} },
		actor.WithDispatcher(dispatcher), actor.WithMailbox(func() actor.Mailbox { return box }))
	return ref{g.system.Root.Spawn(props), box, g.system.Root, g.max}
}

func (g *engine) release(r ref) { g.system.Root.Stop(r.pid) }

var dispatcher = actor.NewSynchronizedDispatcher(300)

// host is the actor of an entity.
type host struct{ entity *entity }

func (h *host) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case *actor.Stopped:
		h.entity = nil // a stopped actor's state stays reachable through its process
	case actor.SystemMessage, actor.AutoReceiveMessage:
	default:
		if h.entity != nil {
			h.entity.receive(m)
		}
	}
}

// mailbox is two slices under a lock: no node for each message, and its length is
// known, so that requests can be refused before they wait. Who posts to an idle
// mailbox runs it.
type mailbox struct {
	mu        sync.Mutex
	user, sys []any
	spare     []any
	running   bool
	n         atomic.Int32

	after func() // called when what waited has been taken

	invoker    actor.MessageInvoker
	dispatcher actor.Dispatcher
}

func (m *mailbox) PostUserMessage(x any) {
	m.n.Add(1)
	m.post(&m.user, x)
}

func (m *mailbox) PostSystemMessage(x any) { m.post(&m.sys, x) }

func (m *mailbox) post(queue *[]any, x any) {
	m.mu.Lock()
	*queue = append(*queue, x)
	start := !m.running && m.invoker != nil
	m.running = m.running || start
	m.mu.Unlock()
	if start {
		m.dispatcher.Schedule(m.run)
	}
}

func (m *mailbox) RegisterHandlers(i actor.MessageInvoker, d actor.Dispatcher) {
	m.invoker, m.dispatcher = i, d
}

func (m *mailbox) Start()                {}
func (m *mailbox) UserMessageCount() int { return int(m.n.Load()) }

// run takes messages until none is left; the entity recovers from its rules' panics.
func (m *mailbox) run() {
	for {
		m.mu.Lock()
		if len(m.sys) > 0 {
			sys := m.sys
			m.sys = nil
			m.mu.Unlock()
			for _, x := range sys {
				m.invoker.InvokeSystemMessage(x)
			}
			continue
		}
		if len(m.user) == 0 {
			m.running = false
			m.mu.Unlock()
			return
		}
		user := m.user
		m.user = m.spare[:0]
		m.mu.Unlock()
		for _, x := range user {
			m.n.Add(-1)
			m.invoker.InvokeUserMessage(x)
		}
		clear(user)
		m.spare = user[:0]
		m.after()
	}
}
