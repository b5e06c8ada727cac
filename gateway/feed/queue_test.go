package feed

import (
	"fmt"
	"math/rand"
	"strings"
	"testing"
)

var wide = Limits{Bytes: 1 << 20, Frames: 1000, ReplyBytes: 1 << 20, ReplyFrames: 1000}

func queue(l Limits) *Queue {
	q := &Queue{}
	q.Init(l, new(Counts))
	return q
}

// replay writes to entities at random, drains a little, cuts and resumes from the last
// delivered sequence; it says whether the client ends with the server's views.
func replay(t *testing.T, seed int64, inPlace bool) bool {
	r := rand.New(rand.NewSource(seed))
	server, client := map[string]uint64{}, map[string]uint64{}
	var log []*Frame
	last := uint64(0)
	q := queue(wide)
	deliver := func(b []byte) {
		for _, l := range strings.Split(string(b), "\n") {
			var k string
			var s uint64
			if _, err := fmt.Sscanf(l, "%s %d", &k, &s); err != nil {
				t.Fatal(err)
			}
			client[k] = s
			if s <= last && !inPlace {
				t.Fatalf("seed %d: %d came after %d", seed, s, last)
			}
			last = max(last, s)
		}
	}
	push := func(f *Frame) {
		if inPlace { // the tempting alternative: the waiting frame is replaced where it stands
			if i, ok := q.find(place{f.Topic, f.Key}); ok && q.q[i] != nil {
				q.q[i] = f
				return
			}
		}
		q.Push(f)
	}
	for range 300 {
		switch x := r.Intn(10); {
		case x < 6:
			k, s := fmt.Sprint("e", r.Intn(8)), uint64(len(log)+1)
			server[k] = s
			f := &Frame{Body: fmt.Appendf(nil, "%s %d", k, s), Topic: "T", Key: k}
			log = append(log, f)
			push(f)
		case x < 9:
			if b, ok := q.Next(nil, 1+r.Intn(20)); ok {
				deliver(b)
			}
		default: // a cut: the queue is lost
			q = queue(wide)
			for _, f := range log[last:] {
				push(f)
			}
		}
	}
	for b, ok := q.Next(nil, 64); ok; b, ok = q.Next(nil, 64) {
		deliver(b)
	}
	for k, s := range server {
		if client[k] != s {
			return false
		}
	}
	return true
}

func TestResumeIsSafe(t *testing.T) {
	for seed := range int64(2000) {
		if !replay(t, seed, false) {
			t.Fatalf("seed %d: the client's views differ", seed)
		}
	}
}

// The control: a queue that conflates in place must fail this test.
func TestInPlaceIsUnsafe(t *testing.T) {
	bad := 0
	for seed := range int64(2000) {
		if !replay(t, seed, true) {
			bad++
		}
	}
	if bad == 0 {
		t.Fatal("conflation in place was not caught: the test has lost its teeth")
	}
}

func TestQueueBounds(t *testing.T) {
	q := queue(Limits{Bytes: 10_000, Frames: 50, ReplyBytes: 100, ReplyFrames: 3})
	q.Push(&Frame{Body: []byte("hello")})
	for i := range 100_000 {
		q.Push(&Frame{Body: make([]byte, 100), Topic: "T", Key: fmt.Sprint(i % 40)})
	}
	if n, _ := q.Len(); n != 41 || cap(q.q) > 512 {
		t.Fatalf("%d frames wait in %d places", n, cap(q.q))
	}
	for i := range 100 {
		q.Push(&Frame{Body: make([]byte, 100), Topic: "T", Key: fmt.Sprint("new", i)})
	}
	if n, _ := q.Len(); n != 1 {
		t.Fatalf("%d frames wait, want the reply only", n)
	}
	if got := q.Stale(); len(got) != 1 || got[0] != (Behind{Topic: "T"}) {
		t.Fatalf("stale: %v", got)
	}
	if got := q.Stale(); len(got) != 0 {
		t.Fatalf("asked for twice: %v", got)
	}
	if r := q.Push(&Frame{Body: []byte("x"), Topic: "T", Key: "a"}); r != Overflow {
		t.Fatalf("a view before the snapshot: %v", r)
	}
	q.Push(&Frame{Body: make([]byte, 20_000), Topic: "T", Snap: true})
	if n, b := q.Len(); n != 2 || b != 20_005 {
		t.Fatalf("after the snapshot: %d frames, %d bytes", n, b)
	}
	b, _ := q.Next(nil, 1<<20)
	if len(b) != 20_006 {
		t.Fatalf("drained %d bytes", len(b))
	}
	if r := q.Push(&Frame{Body: []byte("x"), Topic: "T", Key: "a"}); r != Queued {
		t.Fatalf("a view after the snapshot: %v", r)
	}
}

func TestRepliesAreNeverDropped(t *testing.T) {
	q := queue(Limits{Bytes: 10, Frames: 2, ReplyBytes: 100, ReplyFrames: 3})
	for i := range 3 {
		if r := q.Push(&Frame{Body: []byte{'0' + byte(i)}}); r == Overflow {
			t.Fatal("overflow")
		}
	}
	if r := q.Push(&Frame{Body: []byte("3")}); r != Overflow {
		t.Fatalf("over the bound: %v", r)
	}
	for i := range 9 {
		q.Push(&Frame{Body: []byte("view"), Topic: "T", Key: fmt.Sprint(i)})
	}
	if b, _ := q.Next(nil, 100); string(b) != "0\n1\n2" {
		t.Fatalf("%q", b)
	}
}

func BenchmarkPushConflate(b *testing.B) {
	q := queue(wide)
	fs := make([]*Frame, 64)
	for i := range fs {
		fs[i] = &Frame{Body: make([]byte, 200), Topic: "T", Key: fmt.Sprint(i)}
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		q.Push(fs[i&63])
	}
}

func BenchmarkPushDrain(b *testing.B) {
	q := queue(wide)
	f := &Frame{Body: make([]byte, 200), Topic: "T", Key: "k"}
	buf := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		q.Push(f)
		for ok := true; ok; {
			_, ok = q.Next(buf[:0], 4096)
		}
	}
}
