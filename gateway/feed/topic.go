package feed

import (
	"bytes"
	"slices"
	"sort"
	"strconv"
)

// Audience says who reads a view: guests do not get every field.
type Audience uint8

const (
	Staff Audience = iota
	Guest
)

// Encode appends the JSON of a view for an audience.
type Encode func(b []byte, view any, a Audience) []byte

// Subscriber gets a topic's frames. Push must not block; where it says so, Wake is called
// after it, to have what waits written: at once, or at the end of a batch of changes.
type Subscriber struct {
	Push     func(*Frame) (wake bool)
	Wake     func()
	Audience Audience
	Prefix   string // put before the topic's name: "s1/" for a token with several stores

	at int // place in the topic's list
}

// Topic keeps one entry per entity, in the order of their changes, and pushes each
// change to its subscribers. Sequences come from the store, so a topic that is made
// again goes on above its former ones. Belongs to its store's lock.
type Topic struct {
	Name string

	source *Source
	name   []byte // {"t":"<name>",
	seq    uint64
	floor  uint64 // positions below it need a snapshot
	byKey  map[string]*entry
	log    []change // ascending seq
	dead   int      // tombstones
	subs   []*Subscriber
}

// Source is what all topics of a store share: an epoch, which belongs to one start of
// one node, one row of sequences and one encoder. Belongs to the store's lock.
type Source struct {
	Epoch  string
	Encode Encode

	seq   uint64
	spare []byte
	batch bool
	woken []*Subscriber // in this batch
}

// Batch runs change, and wakes whoever it has pushed to only then: what changed at once
// is written at once.
func (s *Source) Batch(change func()) {
	s.batch = true
	defer func() {
		s.batch = false
		for i, x := range s.woken {
			x.Wake()
			s.woken[i] = nil
		}
		s.woken = s.woken[:0]
	}()
	change()
}

func (s *Source) next() uint64 {
	s.seq++
	return s.seq
}

// deadMax bounds the tombstones of a topic.
const deadMax = 256

// change is a place in a topic's log. Its sequence stays when the entity changes again,
// so that positions are found by halving.
type change struct {
	seq   uint64
	entry *entry // nil: the entity changed since
}

type entry struct {
	key   string
	at    int // in the log
	seq   uint64
	v     int64
	view  any // nil: it left
	frame [2]*Frame
	from  [2]int // where the view starts in the frame's body
}

// NewTopic makes an empty topic. What was in an earlier one of this name is a matter
// of snapshots.
func NewTopic(name string, s *Source) *Topic {
	t := &Topic{Name: name, source: s, byKey: map[string]*entry{}}
	t.name = append(strconv.AppendQuote([]byte(`{"t":`), name), ',')
	t.seq = s.next()
	t.floor = t.seq
	return t
}

// Put makes view the newest of its entity and pushes it.
func (t *Topic) Put(key string, v int64, view any) {
	t.push(t.set(key, v, view))
}

// PutChanged is Put unless the staff's JSON of the view is what it was: for views that
// are derived from others.
func (t *Topic) PutChanged(key string, v int64, view any) {
	s := t.source
	s.spare = s.Encode(s.spare[:0], view, Staff)
	if e, ok := t.byKey[key]; ok {
		if f := e.frame[Staff]; f != nil && e.view != nil && bytes.Equal(f.Body[e.from[Staff]:len(f.Body)-1], s.spare) {
			return
		}
	}
	e := t.set(key, v, view)
	t.build(e, Staff, s.spare)
	t.push(e)
}

// Delete tells subscribers that the entity left the topic.
func (t *Topic) Delete(key string) {
	if !t.Has(key) {
		return
	}
	t.push(t.set(key, 0, nil))
	if t.dead > deadMax {
		t.purge()
	}
}

// Has says that the entity is in the topic.
func (t *Topic) Has(key string) bool {
	e, ok := t.byKey[key]
	return ok && e.view != nil
}

// Keys returns the entities in the topic, the longest unchanged first.
func (t *Topic) Keys() []string {
	keys := make([]string, 0, len(t.byKey))
	for _, c := range t.log {
		if e := c.entry; e != nil && e.view != nil {
			keys = append(keys, e.key)
		}
	}
	return keys
}

func (t *Topic) set(key string, v int64, view any) *entry {
	t.seq = t.source.next()
	e, ok := t.byKey[key]
	if ok {
		if e.view == nil {
			t.dead--
		}
		t.log[e.at].entry = nil
	} else {
		e = &entry{}
		t.byKey[key] = e
	}
	*e = entry{key: key, at: len(t.log), seq: t.seq, v: v, view: view}
	t.log = append(t.log, change{t.seq, e})
	if view == nil {
		t.dead++
	}
	if len(t.log) > 2*len(t.byKey)+32 {
		t.compact()
	}
	return e
}

// compact takes the holes out of the log.
func (t *Topic) compact() {
	n := 0
	for _, c := range t.log {
		if c.entry != nil {
			c.entry.at = n
			t.log[n] = c
			n++
		}
	}
	clear(t.log[n:])
	t.log = t.log[:n]
}

// purge forgets the older half of the tombstones; who is behind them gets a snapshot.
func (t *Topic) purge() {
	for i := 0; t.dead > deadMax/2 && i < len(t.log); i++ {
		if e := t.log[i].entry; e != nil && e.view == nil {
			t.floor = max(t.floor, e.seq)
			t.log[i].entry = nil
			delete(t.byKey, e.key)
			t.dead--
		}
	}
}

func (t *Topic) push(e *entry) {
	for _, s := range t.subs {
		f := t.frame(e, s.Audience)
		if s.Prefix != "" {
			f = t.prefixed(f, s.Prefix)
		}
		if !s.Push(f) {
			continue
		}
		if t.source.batch {
			t.source.woken = append(t.source.woken, s)
		} else {
			s.Wake()
		}
	}
}

func (t *Topic) prefixed(f *Frame, prefix string) *Frame {
	const start = `{"t":"`
	return &Frame{Head: start + prefix, Body: f.Body[len(start):], Topic: prefix + t.Name, Key: f.Key, Seq: f.Seq}
}

// frame is the entry's push, encoded once per audience. What left is the same for all.
func (t *Topic) frame(e *entry, a Audience) *Frame {
	if e.view == nil {
		a = Staff
	}
	if e.frame[a] == nil {
		if e.view != nil {
			t.source.spare = t.source.Encode(t.source.spare[:0], e.view, a)
		}
		t.build(e, a, t.source.spare)
	}
	return e.frame[a]
}

func (t *Topic) build(e *entry, a Audience, d []byte) {
	b := make([]byte, 0, len(t.name)+len(e.key)+len(d)+64)
	b = append(b, t.name...)
	b = append(b, `"s":`...)
	b = strconv.AppendUint(b, e.seq, 10)
	b = append(b, `,"k":`...)
	b = strconv.AppendQuote(b, e.key)
	if e.view == nil {
		b = append(b, `,"del":true}`...)
	} else {
		b = append(b, `,"v":`...)
		b = strconv.AppendInt(b, e.v, 10)
		b = append(b, `,"d":`...)
		e.from[a] = len(b)
		b = append(append(b, d...), '}')
	}
	e.frame[a] = &Frame{Body: b, Topic: t.Name, Key: e.key, Seq: e.seq}
}

// Subscribe adds s; from now on it gets every change. Under the same lock the caller
// queues what AppendState returns, so nothing falls between.
func (t *Topic) Subscribe(s *Subscriber) {
	s.at = len(t.subs)
	t.subs = append(t.subs, s)
}

// Unsubscribe takes s out again.
func (t *Topic) Unsubscribe(s *Subscriber) {
	last := len(t.subs) - 1
	t.subs[s.at] = t.subs[last]
	t.subs[s.at].at = s.at
	t.subs[last] = nil
	t.subs = t.subs[:last]
}

// Subscribers returns who is subscribed. The slice is the topic's own.
func (t *Topic) Subscribers() []*Subscriber { return t.subs }

// Resumes says that a client at that position gets what changed since, and no snapshot.
func (t *Topic) Resumes(epoch string, since uint64) bool {
	return epoch == t.source.Epoch && since >= t.floor && since <= t.seq
}

// AppendState appends "e", "s", "mode" and "d" of a subscription's answer: what changed
// since (epoch, since), or everything when that position is not known here.
func (t *Topic) AppendState(b []byte, a Audience, epoch string, since uint64) []byte {
	delta := t.Resumes(epoch, since)
	b = t.appendPosition(b)
	if !delta {
		return append(t.appendEntries(append(b, `,"mode":"snap","d":[`...), a, t.log, false), ']')
	}
	return append(t.appendEntries(append(b, `,"mode":"delta","d":[`...), a, t.since(since), true), ']')
}

// since returns the changes after a position.
func (t *Topic) since(seq uint64) []change {
	return t.log[sort.Search(len(t.log), func(i int) bool { return t.log[i].seq > seq }):]
}

// CatchUp queues for s what changed since a position that its queue q said it is at: no
// more at once than half of what may wait, so that a client that lags costs what it
// reads and not what the topic holds. What is left out stays for the next call.
func (t *Topic) CatchUp(s *Subscriber, q *Queue, since uint64) Result {
	if since < t.floor {
		return q.Push(t.snapshot(s))
	}
	var frames []*Frame
	size := 0
	for _, c := range t.since(since) {
		if c.entry == nil {
			continue
		}
		f := t.frame(c.entry, s.Audience)
		if s.Prefix != "" {
			f = t.prefixed(f, s.Prefix)
		}
		size += f.size()
		if len(frames) > 0 && (len(frames) >= q.limits.Frames/2 || size > q.limits.Bytes/2) {
			return q.resume(f.Topic, frames, true)
		}
		frames = append(frames, f)
	}
	return q.resume(s.Prefix+t.Name, frames, false)
}

// snapshot is the push that replaces everything a client holds of the topic.
func (t *Topic) snapshot(s *Subscriber) *Frame {
	b := strconv.AppendQuote([]byte(`{"t":`), s.Prefix+t.Name)
	b = t.appendPosition(append(b, ','))
	b = append(b, `,"snap":[`...)
	b = append(t.appendEntries(b, s.Audience, t.log, false), ']', '}')
	return &Frame{Body: b, Topic: s.Prefix + t.Name, Snap: true}
}

func (t *Topic) appendPosition(b []byte) []byte {
	b = append(strconv.AppendQuote(append(b, `"e":`...), t.source.Epoch), `,"s":`...)
	return strconv.AppendUint(b, t.seq, 10)
}

// listed says that the entry stands among others: what left does only where that is told.
func (e *entry) listed(tombs bool) bool { return e != nil && (e.view != nil || tombs) }

func (t *Topic) appendEntries(b []byte, a Audience, log []change, tombs bool) []byte {
	size := 0
	for _, c := range log {
		if c.entry.listed(tombs) {
			size += len(t.frame(c.entry, a).Body)
		}
	}
	b = slices.Grow(b, size)
	began := len(b)
	for _, c := range log {
		if !c.entry.listed(tombs) {
			continue
		}
		if len(b) > began {
			b = append(b, ',')
		}
		b = append(append(b, '{'), t.frame(c.entry, a).Body[len(t.name):]...)
	}
	return b
}
