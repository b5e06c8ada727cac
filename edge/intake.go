package edge

import (
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// item is a device's message.
type item struct {
	sensor string
	came   time.Time
	body   []byte
	done   func() // it is on disk; nil once it has been read from there
}

const (
	// intakeMax bounds the bytes that wait for the disk: then devices wait.
	intakeMax = 1 << 20
	// batchMax bounds the bytes that one sync makes durable.
	batchMax = 128 << 10
	// itemExtra is more than the bytes of an item beside its body.
	itemExtra = 128
)

// intake puts what devices say on the disk: all that came while it was busy, at once, so a
// slow disk makes batches larger and nobody slower than two syncs. One goroutine runs it.
type intake struct {
	js  jetstream.JetStream
	log *slog.Logger

	mu         sync.Mutex
	some, room *sync.Cond
	waiting    []item
	size       int // bytes of waiting
	ended      bool
}

func newIntake(js jetstream.JetStream, log *slog.Logger) *intake {
	q := &intake{js: js, log: log}
	q.some, q.room = sync.NewCond(&q.mu), sync.NewCond(&q.mu)
	return q
}

// take queues an item. Without room it waits, or returns false if it may not.
func (q *intake) take(it item, wait bool) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.size >= intakeMax && !q.ended && wait {
		q.room.Wait()
	}
	if q.ended || q.size >= intakeMax {
		return false
	}
	q.waiting = append(q.waiting, it)
	q.size += len(it.body) + itemExtra
	q.some.Signal()
	return true
}

// end lets everybody go.
func (q *intake) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = true
	q.some.Broadcast()
	q.room.Broadcast()
}

// run makes batches durable until end. While the disk takes no more, nobody is answered.
func (q *intake) run(ctx context.Context) {
	for {
		list := q.next()
		if list == nil {
			return
		}
		b := encodeBatch(list)
		for !q.keep(ctx, b) {
			if ctx.Err() != nil {
				return
			}
			pause(ctx, time.Second)
		}
		for i := range list {
			list[i].done()
		}
	}
}

// next waits for items, and takes as many as one batch may hold; nil at the end.
func (q *intake) next() []item {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.waiting) == 0 && !q.ended {
		q.some.Wait()
	}
	if q.ended {
		return nil
	}
	n, size := 0, 0
	for n < len(q.waiting) {
		add := len(q.waiting[n].body) + itemExtra
		if n > 0 && size+add > batchMax {
			break
		}
		n, size = n+1, size+add
	}
	list := q.waiting[:n:n]
	if q.waiting = q.waiting[n:]; len(q.waiting) == 0 {
		q.waiting = nil
	}
	q.size -= size
	q.room.Broadcast()
	return list
}

func (q *intake) keep(ctx context.Context, b []byte) bool {
	try, cancel := context.WithTimeout(ctx, publishIn)
	defer cancel()
	_, err := q.js.PublishMsg(try, &nats.Msg{Subject: rawSubject, Data: b}, jetstream.WithRetryAttempts(0))
	if err != nil && ctx.Err() == nil {
		q.log.Error("messages of devices cannot be kept: they wait", "error", err)
	}
	return err == nil
}

func encodeBatch(list []item) (b []byte) {
	for i := range list {
		it := &list[i]
		b = binary.AppendUvarint(b, uint64(it.came.UnixMilli()))
		b = binary.AppendUvarint(b, uint64(len(it.sensor)))
		b = append(b, it.sensor...)
		b = binary.AppendUvarint(b, uint64(len(it.body)))
		b = append(b, it.body...)
	}
	return b
}

var errBatch = errors.New("not a batch of messages")

// decodeBatch shares b with what it returns.
func decodeBatch(b []byte) (list []item, err error) {
	number := func() (n uint64) {
		n, size := binary.Uvarint(b)
		if size <= 0 {
			err = errBatch
			return 0
		}
		b = b[size:]
		return n
	}
	part := func() (p []byte) {
		n := number()
		if n > uint64(len(b)) {
			err = errBatch
			return nil
		}
		p, b = b[:n], b[n:]
		return p
	}
	for len(b) > 0 && err == nil {
		came, sensor := number(), part()
		list = append(list, item{sensor: string(sensor), came: time.UnixMilli(int64(came)).UTC(), body: part()})
	}
	return list, err
}
