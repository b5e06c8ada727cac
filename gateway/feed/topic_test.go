package feed

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"strings"
	"testing"
)

type message struct {
	T    string `json:"t"`
	E    string `json:"e"`
	K    string `json:"k"`
	S    uint64 `json:"s"`
	V    int    `json:"v"`
	D    *int   `json:"d"`
	Del  bool   `json:"del"`
	Snap []message
}

func encodeInt(b []byte, view any, a Audience) []byte {
	if a == Guest {
		return fmt.Appendf(b, "%d", -view.(int))
	}
	return fmt.Appendf(b, "%d", view)
}

// device is a client that does what PROTOCOL §2 says.
type device struct {
	t     *testing.T
	views map[string]int
	epoch string
	last  uint64
}

func (c *device) apply(m message) {
	if m.S <= c.last {
		c.t.Fatalf("%d came after %d", m.S, c.last)
	}
	c.last = m.S
	if m.Del {
		delete(c.views, m.K)
	} else {
		c.views[m.K] = *m.D
	}
}

func (c *device) deliver(b []byte) {
	for l := range strings.SplitSeq(string(b), "\n") {
		var m message
		if err := json.Unmarshal([]byte(l), &m); err != nil {
			c.t.Fatalf("%v in %s", err, l)
		}
		if strings.Contains(l, `"snap":`) {
			c.replace(m.E, m.S, m.Snap)
		} else {
			c.apply(m)
		}
	}
}

func (c *device) replace(epoch string, s uint64, all []message) {
	c.views, c.epoch, c.last = map[string]int{}, epoch, s
	for _, m := range all {
		c.views[m.K] = *m.D
	}
}

// subscribe answers as a server does, and returns whether it was a snapshot.
func (c *device) subscribe(tp *Topic) bool {
	var answer struct {
		E    string
		S    uint64
		Mode string
		D    []message
	}
	b := append(tp.AppendState([]byte{'{'}, Staff, c.epoch, c.last), '}')
	if err := json.Unmarshal(b, &answer); err != nil {
		c.t.Fatalf("%v in %s", err, b)
	}
	if answer.Mode == "snap" {
		c.replace(answer.E, answer.S, answer.D)
		return true
	}
	for _, m := range answer.D {
		c.apply(m)
	}
	if answer.S != c.last {
		c.t.Fatalf("a delta up to %d leaves the client at %d", answer.S, c.last)
	}
	return false
}

// Puts, deletes, slow clients that overflow, cuts, topics made again and restarts of
// the node: client and server must agree in the end.
func TestTopicResume(t *testing.T) {
	snaps, resumes, overflows := 0, 0, 0
	for seed := range int64(1500) {
		r := rand.New(rand.NewSource(seed))
		src := &Source{Epoch: "e1", Encode: encodeInt}
		tp := NewTopic("T", src)
		truth := map[string]int{}
		c := &device{t: t, views: map[string]int{}}
		var q *Queue
		var sub *Subscriber
		connect := func() {
			if sub != nil {
				tp.Unsubscribe(sub)
			}
			q = queue(Limits{Bytes: 200 + r.Intn(400), Frames: 9, ReplyBytes: 100, ReplyFrames: 9})
			sub = &Subscriber{Push: func(f *Frame) bool { q.Push(f); return false }}
			resumes++
			if c.subscribe(tp) {
				snaps++
			}
			tp.Subscribe(sub)
		}
		drain := func(most int) bool {
			b, ok := q.Next(nil, most)
			if ok {
				c.deliver(b)
				return true
			}
			for _, b := range q.Stale() {
				overflows++
				tp.CatchUp(sub, q, b.Since)
				ok = true
			}
			return ok
		}
		connect()
		for i := range 200 {
			k := fmt.Sprint("e", r.Intn(10))
			switch x := r.Intn(20); {
			case x < 10:
				truth[k] = r.Intn(1000)
				tp.Put(k, int64(i), truth[k])
			case x < 13:
				delete(truth, k)
				tp.Delete(k)
			case x < 17:
				drain(1 + r.Intn(60))
			case x < 19:
				connect()
			default:
				if r.Intn(2) == 0 { // a restart; otherwise the topic alone is made again
					src = &Source{Epoch: fmt.Sprint("e", i), Encode: encodeInt}
				}
				tp, sub = NewTopic("T", src), nil
				for k, v := range truth {
					tp.Put(k, 1, v)
				}
				connect()
			}
		}
		for drain(100) {
		}
		if fmt.Sprint(c.views) != fmt.Sprint(truth) {
			t.Fatalf("seed %d: client %v, server %v", seed, c.views, truth)
		}
	}
	if snaps == resumes || overflows == 0 {
		t.Fatalf("%d resumes, %d snapshots, %d overflows: the test has lost its teeth", resumes, snaps, overflows)
	}
}

// TestCatchUpCostsWhatWasMissed: a client that overflowed gets what changed since, in
// pieces that fit its queue, and never the whole topic.
func TestCatchUpCostsWhatWasMissed(t *testing.T) {
	tp := NewTopic("T", &Source{Epoch: "e", Encode: encodeInt})
	for i := range 10_000 {
		tp.Put(fmt.Sprint("old", i), 1, i)
	}
	q := queue(Limits{Bytes: 1 << 20, Frames: 8, ReplyBytes: 100, ReplyFrames: 9})
	s := &Subscriber{Push: func(f *Frame) bool { q.Push(f); return false }}
	c := &device{t: t, views: map[string]int{}, epoch: "e", last: tp.seq}
	tp.Subscribe(s)
	for i := range 30 {
		tp.Put(fmt.Sprint("new", i), 1, i)
		tp.Put("often", 1, i)
	}
	pieces := 0
	for {
		for b, ok := q.Next(nil, 1); ok; b, ok = q.Next(nil, 1) {
			if strings.Contains(string(b), "snap") {
				t.Fatalf("a snapshot: %.200s", b)
			}
			c.deliver(b)
		}
		behind := q.Stale()
		if len(behind) == 0 {
			break
		}
		tp.CatchUp(s, q, behind[0].Since)
		if n, _ := q.Len(); n > 4 {
			t.Fatalf("%d frames at once", n)
		}
		pieces++
	}
	if len(c.views) != 31 || c.views["often"] != 29 || c.last != tp.seq {
		t.Fatalf("%d views up to %d of %d: %v", len(c.views), c.last, tp.seq, c.views)
	}
	if pieces < 5 {
		t.Fatalf("%d pieces: the queue never overflowed", pieces)
	}
	if tp.Put("live", 1, 1); len(q.Stale()) != 0 {
		t.Fatal("still behind")
	}
}

// TestBatch: who is pushed to in a batch of changes is woken once, behind the last of them.
func TestBatch(t *testing.T) {
	src := &Source{Epoch: "e", Encode: encodeInt}
	tp := NewTopic("T", src)
	q := queue(wide)
	written := ""
	tp.Subscribe(&Subscriber{Push: func(f *Frame) bool { return q.Push(f) == QueuedStart }, Wake: func() {
		for b, ok := q.Next(nil, 1000); ok; b, ok = q.Next(nil, 1000) {
			written += string(b) + "|"
		}
	}})
	change := func() {
		tp.Put("a", 1, 1)
		tp.Put("b", 1, 2)
	}
	src.Batch(change)
	if n := strings.Count(written, "|"); n != 1 || strings.Count(written, "\n") != 1 {
		t.Errorf("a batch: %q", written)
	}
	written = ""
	change()
	if n := strings.Count(written, "|"); n != 2 {
		t.Errorf("no batch: %q", written)
	}
}

func TestTombstonesAreBounded(t *testing.T) {
	tp := NewTopic("T", &Source{Epoch: "e", Encode: encodeInt})
	first := tp.seq
	for i := range 5000 {
		k := fmt.Sprint(i)
		tp.Put(k, 1, i)
		tp.Delete(k)
	}
	if len(tp.byKey) > deadMax+1 {
		t.Fatalf("%d entries", len(tp.byKey))
	}
	if b := tp.AppendState(nil, Staff, "e", first); !strings.Contains(string(b), `"mode":"snap","d":[]`) {
		t.Fatalf("%.200s", b)
	}
}

func TestAudiencesShareEncodings(t *testing.T) {
	calls := map[Audience]int{}
	tp := NewTopic("T", &Source{Epoch: "e", Encode: func(b []byte, view any, a Audience) []byte {
		calls[a]++
		return encodeInt(b, view, a)
	}})
	tp.Put("k", 1, 7)
	if len(calls) != 0 {
		t.Fatalf("encoded for nobody: %v", calls)
	}
	got := map[Audience][]*Frame{}
	for i := range 20 {
		a := Audience(i % 2)
		tp.Subscribe(&Subscriber{Audience: a, Push: func(f *Frame) bool { got[a] = append(got[a], f); return false }})
	}
	tp.Put("k", 2, 8)
	if calls[Staff] != 1 || calls[Guest] != 1 {
		t.Fatalf("encodings: %v", calls)
	}
	for a, fs := range got {
		for _, f := range fs {
			if f != fs[0] {
				t.Fatalf("audience %d does not share its frame", a)
			}
		}
	}
	if s := string(got[Guest][0].Body); s != `{"t":"T","s":3,"k":"k","v":2,"d":-8}` {
		t.Fatal(s)
	}
}

func TestPrefixedTopic(t *testing.T) {
	tp := NewTopic("floor", &Source{Epoch: "e", Encode: encodeInt})
	var got *Frame
	s := &Subscriber{Prefix: "s1/", Push: func(f *Frame) bool { got = f; return false }}
	tp.Subscribe(s)
	tp.Put("k", 1, 7)
	if b := got.Head + string(got.Body); b != `{"t":"s1/floor","s":2,"k":"k","v":1,"d":7}` || got.Topic != "s1/floor" {
		t.Fatal(b, got.Topic)
	}
	if b := string(tp.snapshot(s).Body); b != `{"t":"s1/floor","e":"e","s":2,"snap":[{"s":2,"k":"k","v":1,"d":7}]}` {
		t.Fatal(b)
	}
	tp.Unsubscribe(s)
	got = nil
	tp.Put("k", 2, 9)
	if got != nil {
		t.Fatal("pushed after unsubscribing")
	}
}

func TestPutChanged(t *testing.T) {
	tp := NewTopic("T", &Source{Epoch: "e", Encode: encodeInt})
	n := 0
	tp.Subscribe(&Subscriber{Push: func(*Frame) bool { n++; return false }})
	for _, v := range []int{1, 1, 2, 2, 1} {
		tp.PutChanged("k", int64(v), v)
	}
	tp.Delete("k")
	tp.Delete("k")
	tp.PutChanged("k", 9, 1)
	if n != 5 {
		t.Fatalf("%d pushes, want 5", n)
	}
}

func BenchmarkPut(b *testing.B) {
	tp := NewTopic("T", &Source{Epoch: "e", Encode: encodeInt})
	ks := make([]string, 1000)
	for i := range ks {
		ks[i] = fmt.Sprint(i)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		tp.Put(ks[i%1000], 1, i)
	}
}

func BenchmarkResume20of1000(b *testing.B) {
	tp := NewTopic("T", &Source{Epoch: "e", Encode: encodeInt})
	for i := range 5000 {
		tp.Put(fmt.Sprint(i%1000), 1, i)
	}
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = tp.AppendState(buf[:0], Staff, "e", tp.seq-20)
	}
}
