package edge

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
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
	// A window's readings are acknowledged together, so all of a box's sensors may have
	// one under way.
	rawPendingMax = 1 << 17
	linkTimeout   = 3 * time.Second
)

// startServer starts the box's NATS server: JetStream on disk, synced before it
// acknowledges, a listener for devices, and a leaf link to every hub. The options say
// afterwards which port it chose.
func startServer(o *Options, secret string) (*server.Server, *server.Options, error) {
	c := o.Credentials
	options := &server.Options{ServerName: c.Store + "-" + c.Name, DontListen: true, NoSigs: true, MaxPayload: payloadMax,
		JetStream: true, JetStreamDomain: c.Name, StoreDir: filepath.Join(o.Data, "jetstream"), JetStreamMaxStore: diskMax, JetStreamMaxMemory: memoryMax,
		SyncAlways: true, SyncInterval: time.Minute, DisableJetStreamBanner: true,
		Users: []*server.User{{Username: boxUser, Password: secret}}}
	for _, d := range o.Devices {
		options.Users = append(options.Users, d.user())
	}
	if o.MQTT != "" {
		host, port, err := hostPort(o.MQTT)
		if err != nil {
			return nil, nil, fmt.Errorf("listen for devices: %w", err)
		}
		options.MQTT = server.MQTTOpts{Host: host, Port: port, TLSConfig: o.MQTTTLS, AckWait: time.Hour, MaxAckPending: 1024}
	}
	if err := addLinks(options, c); err != nil {
		return nil, nil, err
	}
	s, err := server.NewServer(options)
	if err != nil {
		return nil, nil, fmt.Errorf("start the box: %w", err)
	}
	s.SetLoggerV2(&logger{o.Log}, false, false, false)
	s.Start()
	if !s.ReadyForConnections(readyIn) {
		s.Shutdown()
		return nil, nil, errors.New("start the box: not ready in time")
	}
	return s, options, nil
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
			Nkey: c.Seed})
	}
	return nil
}

// hostPort reads an address for the server, which knows port 0 by another number.
func hostPort(s string) (string, int, error) {
	host, text, err := net.SplitHostPort(s)
	if err != nil {
		return "", 0, err
	}
	port, err := strconv.Atoi(text)
	if port == 0 {
		port = server.RANDOM_PORT
	}
	return host, port, err
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
