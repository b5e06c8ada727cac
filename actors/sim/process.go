package sim

import (
	"iter"
	"slices"
	"time"

	"github.com/brigata/brigata/actors"
)

// process is one life of a node: its threads and mailboxes, on the world's heap. What
// it does happens in steps; between any two it may be paused, or dead.
type process struct {
	world  *World
	node   *node
	stream int64 // the incarnation, as the database numbers it
	lapsed bool  // it had to drop a cell
	dead   bool
	paused int64 // until then nothing of it runs

	threads []*thread
	parked  []*thread // that wait, in the order in which they began to
	running *thread
}

// thread is what threads.Go started: a coroutine, which runs when the world says so.
type thread struct {
	resume func() (struct{}, bool)
	stop   func()
	yield  func(struct{}) bool
	ready  func() bool
	woken  bool
	waits  int
}

// killed unwinds a thread whose process has died.
type killed struct{}

// after plans a step of the process.
func (p *process) after(d int64, do func()) { p.world.plans(d, p, do) }

// step takes a step whose time has come, unless the process is dead or stands still.
func (p *process) step(do func()) {
	w := p.world
	switch {
	case p.dead:
		return
	case p.paused > w.now:
		p.after(p.paused-w.now+w.between(0, 20*millisecond), do)
		return
	}
	w.steps++
	if w.plan.CrashAt == w.steps {
		p.node.crash(w.between(50*millisecond, 400*millisecond))
		return
	}
	do()
	p.poll()
}

// poll sees whose wait is over.
func (p *process) poll() {
	for i := 0; i < len(p.parked); i++ {
		if t := p.parked[i]; t.ready() {
			p.parked = slices.Delete(p.parked, i, i+1)
			i--
			t.woken = true
			p.after(0, func() { p.run(t) })
		}
	}
}

func (p *process) run(t *thread) {
	p.running = t
	_, goesOn := t.resume()
	p.running = nil
	if !goesOn {
		p.threads = slices.DeleteFunc(p.threads, func(x *thread) bool { return x == t })
	}
}

// Go implements threads.Threads.
func (p *process) Go(f func()) {
	t := &thread{}
	t.resume, t.stop = iter.Pull(func(yield func(struct{}) bool) {
		defer func() {
			if v := recover(); v != nil && v != any(killed{}) {
				panic(v)
			}
		}()
		t.yield = yield
		f()
	})
	if p.dead {
		return
	}
	p.threads = append(p.threads, t)
	p.after(p.world.between(0, 20), func() { p.run(t) })
}

// Wait implements threads.Threads.
func (p *process) Wait(d time.Duration, ready func() bool) bool {
	if p.dead {
		panic(killed{})
	}
	if ready() {
		return true
	}
	t := p.running
	if t == nil {
		panic("sim: only a thread may wait")
	}
	t.ready, t.woken = ready, false
	t.waits++
	p.parked = append(p.parked, t)
	if at := t.waits; d >= 0 {
		p.after(p.node.real(d), func() {
			if i := slices.Index(p.parked, t); i >= 0 && t.waits == at {
				p.parked = slices.Delete(p.parked, i, i+1)
				p.run(t)
			}
		})
	}
	if !t.yield(struct{}{}) {
		panic(killed{})
	}
	return t.woken
}

// kill ends the process, wherever its threads are.
func (p *process) kill() {
	if p.dead {
		return
	}
	p.dead = true
	for _, t := range p.threads {
		t.stop()
	}
	p.threads, p.parked = nil, nil
}

// Spawn implements actors.Engine.
func (p *process) Spawn(a actors.Actor) actors.Mailbox { return &mailbox{process: p, actor: a} }

// Stop implements actors.Engine.
func (p *process) Stop() {}

// mailbox gives its actor one message a step. Like the real one it takes what waits
// together, and then says so.
type mailbox struct {
	process *process
	actor   actors.Actor
	queue   []any
	taking  int // left of those that waited together
	running bool
}

// Send implements actors.Mailbox.
func (m *mailbox) Send(x any) {
	if m.actor == nil {
		return
	}
	m.queue = append(m.queue, x)
	if !m.running {
		m.running = true
		m.process.after(m.delay(), m.turn)
	}
}

// delay is how long a turn waits for its turn: mostly next to nothing.
func (m *mailbox) delay() int64 {
	w := m.process.world
	if w.rng.IntN(16) == 0 {
		return w.between(0, 2*millisecond)
	}
	return w.between(0, w.plan.Turn)
}

// Release implements actors.Mailbox.
func (m *mailbox) Release() {
	m.actor, m.queue, m.taking = nil, nil, 0
}

func (m *mailbox) turn() {
	if m.actor == nil {
		return
	}
	if m.taking == 0 {
		m.taking = len(m.queue)
	}
	x := m.queue[0]
	m.queue = m.queue[1:]
	m.taking--
	m.actor.Receive(x)
	if m.taking > 0 {
		m.process.after(m.delay(), m.turn)
		return
	}
	m.process.after(m.delay(), m.settled)
}

func (m *mailbox) settled() {
	if m.actor == nil {
		return
	}
	m.actor.Settled()
	if m.running = len(m.queue) > 0; m.running {
		m.process.after(m.delay(), m.turn)
	}
}
