package actors

import (
	"io"
	"log/slog"
	"sync"

	"github.com/asynkron/protoactor-go/actor"
)

// This file is all that knows Proto.Actor: one actor for each entity, on its
// synchronized dispatcher, so that a send to an idle entity runs its turn at once.

// protoActor is the actor system of a node.
type protoActor struct{ system *actor.ActorSystem }

// newProtoActor gives it no provider of metrics: Proto.Actor's own cut local sends to a tenth
// and ignore the provider.
func newProtoActor() protoActor {
	quiet := func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }
	return protoActor{actor.NewActorSystem(actor.WithLoggerFactory(quiet))}
}

func (p protoActor) Stop() { p.system.Shutdown() }

// process is an actor of Proto.Actor: its name, and where that leads.
type process struct {
	pid *actor.PID
	actor.Process
}

func (p *process) Send(m any) { p.SendUserMessage(p.pid, m) }
func (p *process) Release()   { p.Stop(p.pid) }

// props are the same for all actors: each is told which entity is its own.
var props = actor.PropsFromProducer(func() actor.Actor { return &host{} },
	actor.WithDispatcher(actor.NewSynchronizedDispatcher(300)),
	actor.WithMailbox(func() actor.Mailbox { return &mailbox{} }))

// Spawn implements Engine: the actor's first message binds it to its entity.
func (p protoActor) Spawn(a Actor) Mailbox {
	pid := p.system.Root.Spawn(props)
	to, _ := p.system.ProcessRegistry.Get(pid) // once: a send through the name looks it up
	r := &process{pid, to}
	r.Send(a)
	return r
}

// host is what Proto.Actor runs for an entity.
type host struct{ entity Actor }

// settled tells an actor that it has taken all that waited.
type settled struct{}

func (h *host) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case Actor:
		h.entity = m
	case settled:
		if h.entity != nil {
			h.entity.Settled()
		}
	case *actor.Stopped:
		h.entity = nil // a stopped actor's state stays reachable through its process
	case actor.SystemMessage, actor.AutoReceiveMessage:
	default:
		if h.entity != nil {
			h.entity.Receive(m)
		}
	}
}

// mailbox is a queue under a lock: no node for each message. Who posts to an idle
// mailbox runs it. Its bound is the entity's: requests are refused before they are sent.
type mailbox struct {
	mu      sync.Mutex
	user    *queue // nil: nothing waits, and an idle actor holds no memory for it
	sys     []any
	running bool

	invoker    actor.MessageInvoker
	dispatcher actor.Dispatcher
	take       func() // run
}

type queue struct{ list []any }

// queues are shared by all mailboxes.
var queues = sync.Pool{New: func() any { return &queue{make([]any, 0, 8)} }}

// queueKept is the longest queue that is used again.
const queueKept = 256

func (m *mailbox) PostUserMessage(x any) {
	m.mu.Lock()
	if m.user == nil {
		m.user = queues.Get().(*queue)
	}
	m.user.list = append(m.user.list, x)
	m.posted()
}

func (m *mailbox) PostSystemMessage(x any) {
	m.mu.Lock()
	m.sys = append(m.sys, x)
	m.posted()
}

// posted gives up the lock, and sees to it that somebody runs the mailbox.
func (m *mailbox) posted() {
	start := !m.running && m.invoker != nil
	m.running = m.running || start
	m.mu.Unlock()
	if start {
		m.dispatcher.Schedule(m.take)
	}
}

func (m *mailbox) RegisterHandlers(i actor.MessageInvoker, d actor.Dispatcher) {
	m.invoker, m.dispatcher, m.take = i, d, m.run
}

func (m *mailbox) Start() {}

func (m *mailbox) UserMessageCount() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.user == nil {
		return 0
	}
	return len(m.user.list)
}

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
		q := m.user
		if m.user = nil; q == nil {
			m.running = false
			m.mu.Unlock()
			return
		}
		m.mu.Unlock()
		for _, x := range q.list {
			m.invoker.InvokeUserMessage(x)
		}
		m.invoker.InvokeUserMessage(settled{})
		clear(q.list)
		if q.list = q.list[:0]; cap(q.list) <= queueKept {
			queues.Put(q)
		}
	}
}
