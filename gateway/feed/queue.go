// Package feed carries views to clients: a Topic keeps the newest view of each of its
// entities in the order of their changes, and a Queue holds what one client has not
// read yet. Its promise: a client that applies what it gets, or resumes from the last
// sequence it got, ends with exactly the topic's views. The gateway calls it.
package feed

import (
	"sync"
	"sync/atomic"
)

// Frame is one message to a client: JSON without a newline in it.
type Frame struct {
	Head  string // stands before Body where one client needs another beginning of a shared body
	Body  []byte // shared by all who get it; never changed
	Tail  string // stands behind it
	Topic string // "" for a reply or a notice: never dropped, never conflated
	Key   string // the entity in Topic; "" is never conflated
	Seq   uint64 // of the change, in Topic
	Snap  bool   // replaces the whole topic, and so re-opens one that overflowed
}

func (f *Frame) size() int { return len(f.Head) + len(f.Body) + len(f.Tail) }

// Result says what became of a pushed frame.
type Result int

const (
	Queued      Result = iota
	QueuedStart        // queued, and the caller must start the goroutine that drains
	Overflow           // a bound was hit: the topic waits for CatchUp; for a reply, the client must go
	Closed             // nobody will read it
)

// Limits bound what waits for one client. Views and replies are counted apart, so
// that a large reply never pushes a board out.
type Limits struct {
	Bytes, Frames           int // of views
	ReplyBytes, ReplyFrames int
}

// Queue keeps frames in order. A frame with a key replaces the waiting frame of the
// same topic and key by leaving a hole there and going to the tail. It must not take
// the old one's place: sequences would stop ascending, and the last one delivered
// would no longer be a position to resume from.
type Queue struct {
	limits Limits
	told   *Counts

	mu      sync.Mutex
	q       []*Frame // nil = hole
	head    int
	index   map[place]int // only of a client that lags
	views   load
	replies load
	busy    bool // somebody drains
	closed  bool
	stale   map[string]behind // topics that overflowed
}

// behind is how far a client is with a topic that overflowed.
type behind struct {
	since uint64 // it has had every change up to here
	asked bool   // somebody sees to the rest
}

// Behind is a topic that overflowed, and the position up to which the client has, or
// will have read, every change of it; 0: it lacks everything.
type Behind struct {
	Topic string
	Since uint64
}

type place struct{ topic, key string }

type load struct{ frames, bytes int }

// Counts are what became of frames, in all queues together.
type Counts struct {
	Conflated  atomic.Int64 // views that a newer one of their entity replaced
	Overflowed atomic.Int64 // topics that were taken back, to be caught up with
}

// Init sets the bounds, and where to count; before the first use.
func (o *Queue) Init(l Limits, told *Counts) { o.limits, o.told = l, told }

// Push queues f, or says why not.
func (o *Queue) Push(f *Frame) Result {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.closed:
		return Closed
	case f.Topic == "":
		if o.replies.bytes+f.size() > o.limits.ReplyBytes && o.replies.frames > 0 || o.replies.frames >= o.limits.ReplyFrames {
			return Overflow
		}
	case f.Snap:
		o.drop(f.Topic)
		delete(o.stale, f.Topic)
	default:
		if _, is := o.stale[f.Topic]; is {
			return Overflow // worthless before what was left out
		}
		o.replace(f)
		if o.views.bytes+f.size() > o.limits.Bytes || o.views.frames >= o.limits.Frames {
			o.overflow(f)
			return Overflow
		}
	}
	o.append(f)
	return o.start()
}

func (o *Queue) start() Result {
	if o.busy {
		return Queued
	}
	o.busy = true
	return QueuedStart
}

// Kick makes the drain run once more even if nothing waits.
func (o *Queue) Kick() Result {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return Closed
	}
	return o.start()
}

func (o *Queue) append(f *Frame) {
	if o.q == nil {
		o.q = make([]*Frame, 0, 8)
	}
	o.q = append(o.q, f)
	if f.Key != "" {
		if o.index != nil {
			o.index[place{f.Topic, f.Key}] = len(o.q) - 1
		} else if len(o.q)-o.head > 16 {
			o.reindex()
		}
	}
	o.count(f, 1)
	if len(o.q)-o.head > 2*(o.views.frames+o.replies.frames)+32 {
		o.compact()
	}
}

func (o *Queue) count(f *Frame, n int) {
	l := &o.views
	if f.Topic == "" {
		l = &o.replies
	}
	l.frames += n
	l.bytes += n * f.size()
}

// replace makes a hole where an older view of f's entity waits.
func (o *Queue) replace(f *Frame) {
	if f.Key == "" {
		return
	}
	if i, ok := o.find(place{f.Topic, f.Key}); ok {
		o.hole(i)
		o.told.Conflated.Add(1)
	}
}

func (o *Queue) hole(i int) {
	f := o.q[i]
	o.q[i] = nil
	o.count(f, -1)
	delete(o.index, place{f.Topic, f.Key})
}

func (o *Queue) find(p place) (int, bool) {
	if o.index != nil {
		i, ok := o.index[p]
		return i, ok
	}
	for i := len(o.q) - 1; i >= o.head; i-- {
		if f := o.q[i]; f != nil && f.Key == p.key && f.Topic == p.topic {
			return i, true
		}
	}
	return 0, false
}

func (o *Queue) reindex() {
	o.index = make(map[place]int, len(o.q)-o.head)
	for i := o.head; i < len(o.q); i++ {
		if f := o.q[i]; f != nil && f.Key != "" {
			o.index[place{f.Topic, f.Key}] = i
		}
	}
}

func (o *Queue) compact() {
	n := o.q[:0]
	for _, f := range o.q[o.head:] {
		if f != nil {
			n = append(n, f)
		}
	}
	clear(o.q[len(n):])
	o.q, o.head = n, 0
	if o.index != nil {
		o.reindex()
	}
}

// overflow drops what waits of f's topic. What was left out begins with the oldest of
// it: a view that was replaced is older, but a newer one stands for it.
func (o *Queue) overflow(f *Frame) {
	o.told.Overflowed.Add(1)
	first := f
	for i := o.head; i < len(o.q); i++ {
		if w := o.q[i]; w != nil && w.Topic == f.Topic {
			first = w
			break
		}
	}
	o.drop(f.Topic)
	if o.stale == nil {
		o.stale = map[string]behind{}
	}
	o.stale[f.Topic] = behind{since: max(first.Seq, 1) - 1}
}

func (o *Queue) drop(topic string) {
	for i := o.head; i < len(o.q); i++ {
		if f := o.q[i]; f != nil && f.Topic == topic {
			o.hole(i)
		}
	}
}

// Forget drops what waits of a topic, for a client that gave it up or is about to get
// all of it in a reply.
func (o *Queue) Forget(topic string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.drop(topic)
	delete(o.stale, topic)
}

// Next appends waiting frames to b, joined by newlines: at least one, and no more than
// fit into most bytes. When nothing waits it says false, and whoever drains must stop.
func (o *Queue) Next(b []byte, most int) (_ []byte, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := 0
	for ; o.head < len(o.q); o.head++ {
		f := o.q[o.head]
		if f == nil {
			continue
		}
		if n > 0 {
			if len(b)+1+f.size() > most {
				break
			}
			b = append(b, '\n')
		}
		b = append(append(append(b, f.Head...), f.Body...), f.Tail...)
		o.hole(o.head)
		n++
	}
	if n == 0 {
		o.q, o.head, o.index = nil, 0, nil // an idle client holds no queue
		o.busy = false
	}
	return b, n > 0
}

// Stale returns the topics that overflowed and wait for CatchUp, each once. Until then
// views of the topic are refused: one of them delivered first would move the client's
// position past changes that it never got.
func (o *Queue) Stale() (topics []Behind) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for t, at := range o.stale {
		if !at.asked {
			o.stale[t] = behind{at.since, true}
			topics = append(topics, Behind{t, at.since})
		}
	}
	return topics
}

// resume queues changes of a topic that overflowed. With more to come the topic stays stale,
// from the last of them on.
func (o *Queue) resume(topic string, frames []*Frame, more bool) Result {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, is := o.stale[topic]; !is {
		return Closed // or given up meanwhile
	}
	for _, f := range frames {
		o.append(f)
	}
	if more {
		o.stale[topic] = behind{since: frames[len(frames)-1].Seq}
	} else {
		delete(o.stale, topic)
	}
	return o.start()
}

// Close makes every later Push answer Closed.
func (o *Queue) Close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed, o.q, o.head, o.index, o.stale = true, nil, 0, nil, nil
	o.views, o.replies = load{}, load{}
}

// Len returns how many frames and bytes wait.
func (o *Queue) Len() (frames, bytes int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.views.frames + o.replies.frames, o.views.bytes + o.replies.bytes
}
