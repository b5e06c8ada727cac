package edge

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/brigata/brigata/actors/sensor"
	"github.com/brigata/brigata/edge/credentials"
	"github.com/brigata/brigata/edge/link"
	"github.com/brigata/brigata/edge/model/release"
	"github.com/brigata/brigata/edge/model/shipped"
	"github.com/brigata/brigata/edge/mqtt"
)

// Options make a box. Credentials and Data are needed.
type Options struct {
	Credentials *credentials.Credentials
	Data        string // folder of the streams
	Devices     []Device
	MQTT        string      // host:port for devices; "": none
	MQTTTLS     *tls.Config // nil: in the clear
	HTTP        string      // host:port for devices without MQTT, and for /healthz; "": none
	// Slack is how far a device's clock may be off before the box's own is taken instead:
	// 2 min. Negative: devices are believed, for simulations that are faster than time.
	Slack     time.Duration
	Window    time.Duration // that readings are summed up for: 20 s
	StreamMax int64         // bytes of readings that may wait: 1 GiB
	Model     Model         // the box's own; nil: the one that it is shipped with
	// ModelKeys are those whose models may take the place of the box's own; none: none may.
	ModelKeys []ed25519.PublicKey
	Version   string
	Now       func() time.Time
	Log       *slog.Logger

	own release.Version // of Model, when it is shipped
}

func (o *Options) ensureDefaults() error {
	if o.Credentials == nil || o.Data == "" {
		return errors.New("a box needs credentials and a data folder")
	}
	if o.Slack == 0 {
		o.Slack = 2 * time.Minute
	}
	if o.Window == 0 {
		o.Window = windowFor
	}
	if o.StreamMax == 0 {
		o.StreamMax = 1 << 30
	}
	if o.Model == nil {
		o.own = shipped.Version
		o.Model = NewFused(shipped.Name+"-"+shipped.Version.String(), shipped.Net())
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return nil
}

// windowFor is as long as it must be for a probe that is read five times a second to become
// fifty times smaller.
const windowFor = 20 * time.Second

const (
	rawStream   = "RAW" // batches of what devices have said, until their windows are on the stream of readings
	rawSubject  = "brigata.raw"
	rawConsumer = "box"
	rawMax      = 30 << 20 // of which the server keeps the newest block in memory: from 32 MB on, blocks are twice as large
	startIn     = 30 * time.Second
	stopIn      = 10 * time.Second

	duplicatesFor = 10 * time.Minute
	streamCopies  = 1
)

// Box is a running box.
type Box struct {
	o       Options
	server  *server.Server
	conn    *nats.Conn
	js      jetstream.JetStream
	pipe    *pipeline
	model   *learner
	counts  counts
	intake  *intake
	passes  *passes
	mqtt    *mqtt.Server // nil: none
	http    *http.Server
	address net.Addr
	began   time.Time
	waiting atomic.Pointer[jetstream.StreamState] // of the readings, as last known

	cancel context.CancelFunc
	tasks  sync.WaitGroup
}

// Start starts a box; when it returns, devices can connect, whether or not a hub can be
// reached. Stop ends it.
func Start(ctx context.Context, o Options) (_ *Box, err error) {
	if err := o.ensureDefaults(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Data, 0o700); err != nil {
		return nil, fmt.Errorf("the data folder cannot be made: %w", err)
	}
	b := &Box{o: o, began: o.Now(), passes: newPasses()}
	run, cancel := context.WithCancel(context.Background())
	b.cancel = cancel
	defer func() {
		if err != nil {
			b.Stop()
		}
	}()
	secret := rand.Text()
	if b.server, err = startServer(&b.o, secret); err != nil {
		return b, err
	}
	if b.conn, err = connect(b.server, secret); err != nil {
		return b, fmt.Errorf("connect within the box: %w", err)
	}
	raw, reader, err := b.streams(ctx)
	if err != nil {
		return b, err
	}
	b.model = newLearner(&b.o, &b.counts)
	b.pipe = &pipeline{o: &b.o, model: b.model, js: b.js, raw: raw, conn: b.conn, log: o.Log, counts: &b.counts, tell: b.alert, warm: b.passes.warm, twins: map[string]*twin{}, doors: map[string]bool{}, extract: newExtractor()}
	b.loadSettings()
	b.intake = newIntake(b.js, o.Log)
	b.tasks.Go(func() { b.intake.run(run) })
	if err := b.listen(); err != nil {
		return b, err
	}
	b.tasks.Go(func() { b.pipe.run(run, reader) })
	b.tasks.Go(func() { b.tell(run) })
	b.tasks.Go(func() { b.model.learn(run) })
	if len(o.ModelKeys) > 0 {
		b.tasks.Go(func() { b.model.run(run, b.js, o.Credentials.Name) })
	}
	return b, nil
}

// streams makes what the box keeps on disk, or finds it as it was left, and returns the batches
// of devices' messages with the box's place in them.
func (b *Box) streams(ctx context.Context) (raw jetstream.Stream, reader jetstream.Consumer, err error) {
	ctx, cancel := context.WithTimeout(ctx, startIn)
	defer cancel()
	if b.js, err = jetstream.New(b.conn); err != nil {
		return nil, nil, err
	}
	_, err = b.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{Name: link.Stream, Subjects: []string{link.UpSubjects}, Storage: jetstream.FileStorage,
		Retention: jetstream.WorkQueuePolicy, Discard: jetstream.DiscardNew, MaxBytes: b.o.StreamMax, Duplicates: duplicatesFor, Replicas: streamCopies})
	if err != nil {
		return nil, nil, fmt.Errorf("the stream of readings: %w", err)
	}
	_, err = b.js.CreateOrUpdateConsumer(ctx, link.Stream, jetstream.ConsumerConfig{Durable: link.Consumer, AckPolicy: jetstream.AckExplicitPolicy,
		AckWait: time.Hour, MaxAckPending: -1})
	if err != nil {
		return nil, nil, fmt.Errorf("the cell's place in the stream: %w", err)
	}
	raw, err = b.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{Name: rawStream, Subjects: []string{rawSubject}, Storage: jetstream.FileStorage,
		Retention: jetstream.InterestPolicy, Discard: jetstream.DiscardNew, MaxBytes: rawMax, Replicas: streamCopies})
	if err != nil {
		return nil, nil, fmt.Errorf("the stream of devices' messages: %w", err)
	}
	reader, err = raw.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{Durable: rawConsumer, AckPolicy: jetstream.AckExplicitPolicy, AckWait: time.Hour, MaxAckPending: rawPendingMax})
	if err != nil {
		return nil, nil, fmt.Errorf("the box's place in it: %w", err)
	}
	return raw, reader, nil
}

// settingsFile keeps the newest settings for a start without a link.
func (b *Box) settingsFile() string { return filepath.Join(b.o.Data, "settings.json") }

func (b *Box) loadSettings() {
	text, err := os.ReadFile(b.settingsFile())
	if err != nil {
		return
	}
	s := new(link.Settings)
	if json.Unmarshal(text, s) == nil {
		b.pipe.set(s)
		b.pipe.renew()
		b.model.hear(s.Labels)
	}
}

// Ready says that the box knows its sensors.
func (b *Box) Ready() bool {
	b.pipe.mu.Lock()
	defer b.pipe.mu.Unlock()
	return b.pipe.settings != nil
}

// MQTT is where devices connect, host:port.
func (b *Box) MQTT() string {
	if b.mqtt == nil {
		return ""
	}
	return b.mqtt.Addr().String()
}

// HTTP is where the box answers HTTP, host:port.
func (b *Box) HTTP() string {
	if b.address == nil {
		return ""
	}
	return b.address.String()
}

// alert tells a lamp or a siren beside a sensor how it is; one that is gone is no error.
func (b *Box) alert(id string, s sensor.Status) {
	if b.mqtt != nil {
		b.mqtt.Publish(alertTopic+id, []byte(s))
	}
}

// Stop ends the box. What its streams hold stays on disk.
func (b *Box) Stop() error {
	b.cancel()
	if b.intake != nil {
		b.intake.end()
	}
	if b.mqtt != nil {
		b.mqtt.Close()
	}
	var err error
	if b.http != nil {
		ctx, cancel := context.WithTimeout(context.Background(), stopIn)
		defer cancel()
		err = b.http.Shutdown(ctx)
	}
	b.tasks.Wait()
	if b.conn != nil {
		if b.pipe != nil {
			b.report(true)
			b.conn.FlushTimeout(time.Second)
		}
		b.conn.Close()
	}
	if b.server != nil {
		b.server.Shutdown()
		b.server.WaitForShutdown()
	}
	return err
}
