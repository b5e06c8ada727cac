package feed

import "testing"

// TestFramesAreWrittenWhole: what stands before and behind a shared body is sent with it
// and counts against the client's bounds.
func TestFramesAreWrittenWhole(t *testing.T) {
	var q Queue
	q.Init(Limits{Bytes: 100, Frames: 10, ReplyBytes: 12, ReplyFrames: 10}, new(Counts))
	body := []byte("{}")
	if r := q.Push(&Frame{Head: `{"d":`, Body: body, Tail: "}"}); r != QueuedStart {
		t.Fatalf("the first reply: %d", r)
	}
	if _, bytes := q.Len(); bytes != 8 {
		t.Errorf("%d bytes wait, want 8", bytes)
	}
	if r := q.Push(&Frame{Body: body, Tail: "123"}); r != Overflow {
		t.Errorf("a reply whose tail does not fit: %d", r)
	}
	if b, ok := q.Next(nil, 100); !ok || string(b) != `{"d":{}}` {
		t.Errorf("%q", b)
	}
}
