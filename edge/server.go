package edge

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/brigata/brigata/edge/credentials"
)

const (
	// payloadMax bounds a device's message: 8,192 samples of vibration, in base64.
	payloadMax = 64 << 10
	diskMax    = 4 << 30
	memoryMax  = 8 << 20
	readyIn    = 20 * time.Second
	// The box is done with a batch with the last window that a reading of it is in.
	rawPendingMax = 1 << 17
	linkTimeout   = 3 * time.Second
)

// startServer starts the box's NATS server: JetStream on disk, synced before it
// acknowledges, and a leaf link to every hub.
func startServer(o *Options, secret string) (*server.Server, error) {
	c := o.Credentials
	options := &server.Options{ServerName: c.Store + "-" + c.Name, DontListen: true, NoSigs: true, MaxPayload: 2 * batchMax,
		JetStream: true, JetStreamDomain: c.Name, StoreDir: filepath.Join(o.Data, "jetstream"), JetStreamMaxStore: diskMax, JetStreamMaxMemory: memoryMax,
		SyncAlways: true, SyncInterval: time.Minute, DisableJetStreamBanner: true,
		Users: []*server.User{{Username: boxUser, Password: secret}}}
	if err := addLinks(options, c); err != nil {
		return nil, err
	}
	s, err := server.NewServer(options)
	if err != nil {
		return nil, fmt.Errorf("start the box: %w", err)
	}
	s.SetLoggerV2(&logger{o.Log}, false, false, false)
	s.Start()
	if !s.ReadyForConnections(readyIn) {
		s.Shutdown()
		return nil, errors.New("start the box: not ready in time")
	}
	return s, nil
}

// addLinks adds a leaf link to every hub: the node that owns the store's cell reads through
// its own, so a hand-over needs no new link.
func addLinks(options *server.Options, c *credentials.Credentials) error {
	config, err := c.TLS()
	if err != nil {
		return err
	}
	options.LeafNode.ReconnectInterval = time.Second
	for _, hub := range c.Hubs {
		options.LeafNode.Remotes = append(options.LeafNode.Remotes, &server.RemoteLeafOpts{
			URLs: []*url.URL{{Scheme: "nats-leaf", Host: hub}}, TLS: true, TLSConfig: config, TLSTimeout: linkTimeout.Seconds(), DialTimeout: linkTimeout,
			Nkey: c.Seed, Compression: server.CompressionOpts{Mode: server.CompressionOff}}) // its buffers would be a fifth of the box
	}
	return nil
}

const boxUser = "box"

// connect is this process's own way into its server.
func connect(s *server.Server, secret string) (*nats.Conn, error) {
	return nats.Connect("", nats.InProcessServer(s), nats.UserInfo(boxUser, secret), nats.MaxReconnects(-1), nats.Name("box"),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
}

// logger keeps the server's own words for those who look for them: what matters of them
// the box tells by itself.
type logger struct{ log *slog.Logger }

func (l *logger) Errorf(format string, v ...any) {
	l.log.Debug("nats", "said", fmt.Sprintf(format, v...))
}
func (l *logger) Warnf(format string, v ...any) {
	l.log.Debug("nats", "said", fmt.Sprintf(format, v...))
}
func (l *logger) Fatalf(format string, v ...any) {
	l.log.Error("nats", "said", fmt.Sprintf(format, v...))
}
func (*logger) Noticef(string, ...any) {}
func (*logger) Debugf(string, ...any)  {}
func (*logger) Tracef(string, ...any)  {}
