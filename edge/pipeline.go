package edge

import (
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/sensor"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/edge/link"
)

// counts are what the box has seen since its start.
type counts struct {
	taken, repeated, malformed, unknown, absurd, skewed, lost, windows, rawBytes, sentBytes, alerts, refused, denied atomic.Int64
	modelsIn, modelsRefused, modelsBack, modelsLearnt, modelsKept, modelDrifts                                       atomic.Int64
	full                                                                                                             atomic.Bool // the stream takes no more
}

// pipeline makes windows of what devices say, and puts them on the stream. One goroutine
// runs it; settings come from another.
type pipeline struct {
	o      *Options
	model  Model
	js     jetstream.JetStream
	raw    jetstream.Stream
	conn   *nats.Conn
	log    *slog.Logger
	counts *counts
	tell   func(sensor string, now sensor.Status)
	warm   func(sensor string, frame []float64, at time.Time) // newest of a thermal camera

	mu       sync.Mutex
	settings *link.Settings // newest; nil: none yet

	known   *link.Settings // that the twins were made of
	twins   map[string]*twin
	assets  map[string]*asset
	doors   map[string]bool // door sensors that are open
	extract *extractor

	delivery uint64   // number of the last batch that was given
	again    uint64   // up to this batch of the stream they come again
	under    []*batch // under way, in their order on the disk
	cleared  time.Time
}

var errGap = errors.New("a batch was given to nobody")

const (
	fetchMax   = 32 // batches of batchMax
	publishIn  = 10 * time.Second
	clearEvery = time.Second
)

// run consumes messages until ctx ends. A reader that starts goes back to the first batch on
// the disk: it sees all of them in the order in which they came.
func (p *pipeline) run(ctx context.Context, reader jetstream.Consumer) {
	for ctx.Err() == nil {
		err := p.rewind(ctx)
		if err == nil {
			err = p.consume(ctx, reader)
		}
		if ctx.Err() != nil {
			return
		}
		p.log.Warn("messages of devices cannot be read", "error", err)
		pause(ctx, time.Second)
	}
}

// rewind has all messages come again from the first one that is not in a window on the stream.
func (p *pipeline) rewind(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, publishIn)
	defer cancel()
	var err error
	if p.delivery, err = link.Rewind(ctx, p.conn, "$JS.API.", rawStream, rawConsumer); err != nil {
		return err
	}
	stream, err := p.raw.Info(ctx)
	if err != nil {
		return err
	}
	p.again, p.under = stream.State.LastSeq, nil
	for _, t := range p.twins {
		t.back()
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

func (p *pipeline) consume(ctx context.Context, reader jetstream.Consumer) error {
	for ctx.Err() == nil {
		if p.renew(); p.known == nil { // nobody knows what the sensors are: readings wait on the disk
			pause(ctx, askEvery/2)
			continue
		}
		batch, err := reader.Fetch(fetchMax, jetstream.FetchMaxWait(min(time.Second, p.o.Window)))
		if err != nil {
			return err
		}
		for m := range batch.Messages() {
			if err := p.batch(ctx, m); err != nil {
				return err
			}
		}
		if err := batch.Error(); err != nil && !errors.Is(err, nats.ErrTimeout) && !errors.Is(err, jetstream.ErrNoMessages) {
			return err
		}
		if err := p.sweep(ctx, p.o.Now()); err != nil {
			return err
		}
		if err := p.clear(ctx); err != nil {
			return err
		}
	}
	return nil
}

// set gives the pipeline new settings.
func (p *pipeline) set(s *link.Settings) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.settings = s
}

// renew takes the newest settings over.
func (p *pipeline) renew() {
	p.mu.Lock()
	s := p.settings
	p.mu.Unlock()
	if s == nil || s == p.known {
		return
	}
	p.known = s
	now := p.o.Now().UTC().Truncate(time.Millisecond)
	for _, set := range s.Sensors {
		t := p.twins[set.ID]
		if t == nil {
			t = &twin{}
			p.twins[set.ID] = t
		}
		t.set = set
		t.state = p.decide(t, &sensor.Configure{Header: command.Header{At: now}, Sensor: set, Safety: s.Safety})
		if offset := s.Offsets[set.ID]; offset != t.state.Offset {
			t.state = p.decide(t, &sensor.Calibrate{Header: command.Header{At: now}, Offset: offset})
		}
	}
	for id, t := range p.twins {
		if !slices.ContainsFunc(s.Sensors, func(x link.Sensor) bool { return x.ID == id }) {
			t.leave()
			delete(p.twins, id)
		}
	}
	p.group()
}

// batch is a batch on the disk: it is kept there while any of it is under way.
type batch struct {
	seq  uint64 // in the stream
	left int    // messages that are not in a window on the stream of readings
	// again says that it was on the disk when the box began to read. A power cut may bring
	// back some that had left it, and not those between: what is missing there is in windows.
	again bool
}

// drop counts a message of which nothing is kept.
func (b *batch) drop(as *atomic.Int64) {
	as.Add(1)
	b.left--
}

// batch takes a batch of devices' messages.
func (p *pipeline) batch(ctx context.Context, m jetstream.Msg) error {
	meta, err := m.Metadata()
	if err != nil {
		return err
	}
	if p.delivery++; meta.Sequence.Consumer != p.delivery { // one came later than it was waited for
		return errGap
	}
	list, err := decodeBatch(m.Data())
	if err != nil {
		p.log.Error("a batch on the disk is damaged", "error", err)
	}
	b := &batch{seq: meta.Sequence.Stream, left: len(list), again: meta.Sequence.Stream <= p.again}
	p.under = append(p.under, b)
	for i := range list {
		if err := p.message(ctx, &list[i], b); err != nil {
			return err
		}
	}
	return nil
}

// clear takes the batches off the disk that nothing of is under way, up to the first that is
// kept: all of a second with one sync, where each by itself would need its own.
func (p *pipeline) clear(ctx context.Context) error {
	n := 0
	for n < len(p.under) && p.under[n].left == 0 {
		n++
	}
	if n == 0 || time.Since(p.cleared) < clearEvery {
		return nil
	}
	within, cancel := context.WithTimeout(ctx, publishIn)
	defer cancel()
	if err := link.Done(within, p.raw, p.under[n-1].seq); err != nil {
		return err
	}
	p.under, p.cleared = slices.Delete(p.under, 0, n), time.Now()
	return nil
}

// message takes one message of a device: it is done with its window, or at once when
// there is nothing to keep of it.
func (p *pipeline) message(ctx context.Context, m *item, b *batch) error {
	t := p.twins[m.sensor]
	if t == nil {
		p.renew() // the store may have it since a moment
		t = p.twins[m.sensor]
	}
	if t == nil {
		b.drop(&p.counts.unknown)
		return nil
	}
	s, err := check(t.set.Kind, m.body, m.came, p.o.Slack, p.extract)
	if err != nil {
		b.drop(&p.counts.malformed)
		p.log.Debug("not a reading", "sensor", m.sensor, "bytes", len(m.body))
		return nil
	}
	if !t.place(s, b, p.o.Now()) {
		b.drop(&p.counts.repeated)
		return nil
	}
	p.counts.rawBytes.Add(int64(len(m.body)))
	return p.drain(ctx, t, p.o.Now())
}

// take adds a reading to its window.
func (p *pipeline) take(ctx context.Context, t *twin, s *sample, b *batch) error {
	if t.ends(s, p.o.Window) {
		if err := p.close(ctx, t); err != nil {
			return err
		}
	}
	skipped := int64(0)
	if !b.again {
		skipped = t.skipped(s)
	}
	p.count(s, skipped)
	if t.set.Kind == "door" {
		p.doors[t.set.ID] = s.value >= 0.5
	}
	t.take(s, skipped, p.suppress(t, s), p.o.Now())
	t.raw = append(t.raw, b)
	if a := p.assets[t.set.Asset]; a != nil {
		a.hear(t, s)
	}
	if s.frame != nil {
		p.warm(t.set.ID, s.frame, p.o.Now())
	}
	return nil
}

func (p *pipeline) count(s *sample, skipped int64) {
	p.counts.taken.Add(1)
	p.counts.lost.Add(skipped)
	switch s.health {
	case sensor.Absurd:
		p.counts.absurd.Add(1)
	case sensor.Skewed:
		p.counts.skewed.Add(1)
	}
}

// suppress says what hides a limit now.
func (p *pipeline) suppress(t *twin, s *sample) string {
	switch {
	case s.defrost:
		return sensor.Defrost
	case t.set.Door != "" && p.doors[t.set.Door]:
		return sensor.Door
	}
	return ""
}

// sweep closes windows that nothing more comes for, and notes devices that are silent.
func (p *pipeline) sweep(ctx context.Context, now time.Time) error {
	for _, id := range slices.Sorted(maps.Keys(p.twins)) {
		t := p.twins[id]
		if err := p.drain(ctx, t, now); err != nil {
			return err
		}
		if t.open.N > 0 && now.Sub(t.since) >= p.o.Window+p.o.Window/2 {
			if err := p.close(ctx, t); err != nil {
				return err
			}
		}
		if !t.missing && !t.heard.IsZero() && now.Sub(t.heard) >= deviceMissing && p.o.Slack > 0 {
			at := now.UTC().Truncate(time.Millisecond)
			if err := p.send(ctx, t, &sensor.Reading{Boot: t.boot, First: t.seq, Last: t.seq, From: at, At: at, Health: sensor.Missing}); err != nil {
				return err
			}
			t.missing = true
		}
	}
	return nil
}

// sumUp makes a reading of the open window, with what the model makes of it.
func (p *pipeline) sumUp(t *twin) (sensor.Reading, []*batch) {
	return t.close(func(w *Window, at time.Time) Verdict {
		if a := p.assets[t.set.Asset]; a != nil && a.lead == t {
			return a.judge(p.model, p.extract, w, at)
		}
		return p.model.Judge(w)
	})
}

// close puts the open window on the stream, and is then done with its messages.
func (p *pipeline) close(ctx context.Context, t *twin) error {
	r, raw := p.sumUp(t)
	if err := p.send(ctx, t, &r); err != nil {
		t.open, t.raw = r, raw // it is tried again
		return err
	}
	p.counts.windows.Add(1)
	t.onDisk = [2]int64{r.Boot, r.Last}
	for _, b := range raw {
		b.left--
	}
	return nil
}

// send stores a reading on the stream, however long it takes: while the stream is full,
// devices' messages wait on the disk too, and then nothing more is acknowledged to them.
// One that makes a sensor another begins a trace, which its node goes on with.
func (p *pipeline) send(ctx context.Context, t *twin, r *sensor.Reading) error {
	b, next, header := wire.MarshalReading(r), p.judge(t, r), nats.Header(nil)
	if next.Status != t.state.Status {
		header = nats.Header{link.Trace: {newTrace().String()}}
	}
	for {
		try, cancel := context.WithTimeout(ctx, publishIn)
		_, err := p.js.PublishMsg(try, &nats.Msg{Subject: link.UpSubject(t.set.ID), Header: header, Data: b}, jetstream.WithMsgID(link.MsgID(t.set.ID, r)))
		cancel()
		if err == nil {
			p.counts.full.Store(false)
			p.counts.sentBytes.Add(int64(len(b)))
			p.becomes(t, r, next)
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !p.counts.full.Swap(true) {
			p.log.Error("the stream takes no more: readings wait", "error", err)
		}
		pause(ctx, time.Second)
	}
}

// newTrace begins a trace. It need not be unguessable.
func newTrace() (t wire.Trace) {
	binary.NativeEndian.PutUint64(t.ID[:8], rand.Uint64())
	binary.NativeEndian.PutUint64(t.ID[8:], rand.Uint64()|1)
	binary.NativeEndian.PutUint64(t.Span[:], rand.Uint64()|1)
	t.Flags = 1
	return t
}

// judge runs the rules of the cell on what is sent.
func (p *pipeline) judge(t *twin, r *sensor.Reading) sensor.State {
	return p.decide(t, &sensor.Note{Header: command.Header{At: p.o.Now().UTC().Truncate(time.Millisecond)}, Node: p.o.Credentials.Name, Readings: []sensor.Reading{*r}})
}

// becomes takes over what the rules have made of a reading that was sent.
func (p *pipeline) becomes(t *twin, r *sensor.Reading, next sensor.State) {
	was, now := t.state.Status, next.Status
	t.state = next
	if was == now {
		return
	}
	p.log.Info("sensor", "sensor", t.set.ID, "state", string(now), "was", string(was), "value", r.Avg, "health", string(t.state.Health))
	if alarming(was) != alarming(now) {
		if p.counts.alerts.Add(1); !alarming(now) {
			p.counts.alerts.Add(-2)
		}
		p.tell(t.set.ID, now)
	}
}

func alarming(s sensor.Status) bool {
	return s == sensor.Alert || s == sensor.Acked || s == sensor.Escalated
}

// decide is what the sensor becomes by a command.
func (p *pipeline) decide(t *twin, c command.Command) sensor.State {
	events, _, err := sensor.Decide(t.state, c)
	if err != nil {
		p.log.Warn("the box's rules refuse", "sensor", t.set.ID, "error", err)
	}
	next := t.state
	for _, e := range events {
		next = sensor.Apply(next, e)
	}
	return next
}
