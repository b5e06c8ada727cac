package hub

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/sensor"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/edge/link"
)

// reader takes what is on a box's stream to the cell, in order, and then off the stream. After
// any doubt it begins again at the first message that is there: the sensors know what they had.
type reader struct {
	link *storeLink
	name string // of the box: its JetStream domain
	api  string

	delivery uint64 // number of the last
}

var errAnother = errors.New("another reader was given messages")

const (
	// batchMax messages at most are given to the cell at once; as many more may be on their
	// way meanwhile, of pullBytes bytes. A batch is given a second after its first message.
	batchMax    = 500
	batchWithin = time.Second
	pullBytes   = 1 << 20
	// pullFor is for how long a reader that does not go on takes messages from another.
	pullFor    = 2 * time.Second
	answerIn   = 15 * time.Second
	retryAfter = 500 * time.Millisecond
)

func (r *reader) run(ctx context.Context) {
	for ctx.Err() == nil {
		err := r.consume(ctx)
		if ctx.Err() != nil {
			return
		}
		r.link.hub.o.Log.Debug("a box's stream cannot be read", "store", r.link.store, "name", r.name, "error", err)
		pause(ctx, retryAfter)
	}
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

func (r *reader) consume(ctx context.Context) error {
	js, err := jetstream.NewWithDomain(r.link.conn, r.name)
	if err != nil {
		return err
	}
	start, cancel := context.WithTimeout(ctx, answerIn)
	defer cancel()
	if r.delivery, err = link.Rewind(start, r.link.conn, r.api, link.Stream, link.Consumer); err != nil {
		return fmt.Errorf("rewind: %w", err)
	}
	queue, err := js.Stream(start, link.Stream)
	if err != nil {
		return err
	}
	c, err := queue.Consumer(start, link.Consumer)
	if err != nil {
		return err
	}
	waiting, err := c.Messages(jetstream.PullMaxMessagesWithBytesLimit(2*batchMax, pullBytes), jetstream.PullExpiry(pullFor),
		jetstream.WithMessagesErrOnMissingHeartbeat(false))
	if err != nil {
		return err
	}
	defer waiting.Stop()
	for {
		list, last, err := r.next(ctx, waiting)
		if err != nil {
			return err
		}
		if err := r.take(ctx, list); err != nil {
			return err
		}
		if err := r.done(ctx, queue, last); err != nil {
			return err
		}
	}
}

// next waits for messages, and returns those that come soon after one another, with the
// number that the last of them has in the stream.
func (r *reader) next(ctx context.Context, waiting jetstream.MessagesContext) (list []jetstream.Msg, last uint64, err error) {
	soon := ctx
	for len(list) < batchMax {
		m, err := waiting.Next(jetstream.NextContext(soon))
		if len(list) > 0 && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
			break
		}
		if err != nil {
			return nil, 0, err
		}
		meta, err := m.Metadata()
		if err != nil {
			return nil, 0, err
		}
		// A node that has lost the cell may not know it yet. What it was given and
		// cannot journal must not come after what follows it.
		if r.delivery++; meta.Sequence.Consumer != r.delivery {
			return nil, 0, errAnother
		}
		if len(list) == 0 {
			var cancel context.CancelFunc
			soon, cancel = context.WithTimeout(ctx, batchWithin)
			defer cancel()
		}
		list, last = append(list, m), meta.Sequence.Stream
	}
	return list, last, nil
}

func (r *reader) done(ctx context.Context, queue jetstream.Stream, last uint64) error {
	ctx, cancel := context.WithTimeout(ctx, answerIn)
	defer cancel()
	return link.Done(ctx, queue, last)
}

// note is what a batch says of one sensor.
type note struct {
	sensor.Note
	trace wire.Trace // of the last reading that has one
}

// take gives a batch to the sensors, and returns when all of it is journaled. Times of a box
// whose clock is off are not believed.
func (r *reader) take(ctx context.Context, list []jetstream.Msg) error {
	var order []string
	notes := map[string]*note{}
	refused, off := int64(0), r.link.off(r.name)
	for _, m := range list {
		x, err := wire.UnmarshalReading(m.Data())
		id := link.SensorOf(m.Subject())
		if err != nil || !x.Sound() || !menu.IsName(id) {
			refused++ // nobody ever takes it
			continue
		}
		if off && x.Health == "" {
			x.Health = sensor.Skewed
		}
		n := notes[id]
		if n == nil {
			n = &note{Note: sensor.Note{Node: r.name}}
			notes[id] = n
			order = append(order, id)
		}
		n.Readings = append(n.Readings, *x)
		if t := wire.ParseTrace(m.Headers().Get(link.Trace)); t.Sampled() {
			n.trace = t
		}
	}
	no, err := r.note(ctx, order, notes)
	if err != nil {
		return err
	}
	r.link.count(r.name, int64(len(list))-refused-no, refused+no)
	return nil
}

// note waits until every sensor has journaled its readings, or has refused them for good:
// the store does not have it.
func (r *reader) note(ctx context.Context, order []string, notes map[string]*note) (refused int64, err error) {
	type answer struct {
		id string
		no *refusal.Refusal
	}
	for len(order) > 0 {
		got := make(chan answer, len(order)) // who answers never waits
		for _, id := range order {
			n := notes[id].Note
			r.link.hub.o.Note(r.link.store, id, &n, notes[id].trace, func(no *refusal.Refusal) { got <- answer{id, no} })
		}
		var again []string
		late := time.NewTimer(answerIn)
		for range order {
			select {
			case a := <-got:
				switch {
				case a.no == nil:
				case a.no.Code != refusal.NotFound || a.no.Fields.Kind != "sensor":
					again = append(again, a.id)
				default:
					refused += int64(len(notes[a.id].Readings))
					r.link.hub.o.Log.Warn("readings refused", "store", r.link.store, "sensor", a.id, "code", string(a.no.Code))
				}
			case <-late.C:
				return refused, errors.New("the cell does not answer")
			case <-ctx.Done():
				late.Stop()
				return refused, ctx.Err()
			}
		}
		late.Stop()
		if order = again; len(order) > 0 {
			if !r.link.hub.o.Here(r.link.store) {
				return refused, errors.New("the cell is elsewhere")
			}
			pause(ctx, retryAfter)
		}
	}
	return refused, nil
}
