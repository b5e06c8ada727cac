// Package hub is a node's side of the links to the boxes in the stores: it lets them in,
// tells how they are, and reads the streams of those whose store's cell is here.
//
// Its promises: a box reaches its own store's account and nothing else; a reading is taken
// off the box's stream only when the cell has journaled it; two readers of one stream
// never make a reading count twice. cmd starts it and gives it the way to the cells.
package hub

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/sensor"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/edge/credentials"
	"github.com/brigata/brigata/edge/link"
)

// Options make a hub. All but Log, Changed and Now are needed.
type Options struct {
	Listen    string // host:port for the boxes
	Name      string // of the node
	Authority *credentials.Authority
	// Stores lists every store there is: boxes of others are refused.
	Stores func() []string
	// Here says that the store's cell is open on this node.
	Here func(store string) bool
	// Note gives readings to a sensor of a store whose cell is here, with the trace that
	// the box has begun for one of them, if any. It never blocks; done is called once, when
	// they are journaled or refused.
	Note func(store, sensorID string, n *sensor.Note, t wire.Trace, done func(*refusal.Refusal))
	// Settings are what a box of a store should know; nil when its cell is not here.
	Settings func(store string) *link.Settings
	// Model is the signed manifest and the file of the model that a box should have; nil:
	// none, or the one whose manifest is last. It is asked every few seconds.
	Model   func(store, box string, last []byte) (manifest, file []byte)
	Changed func(Box) // a box has joined, changed, left or been lost
	// Saw takes what a camera of a store sees of the pass; nil: nobody looks.
	Saw func(store string, s *link.Sight)
	Now func() time.Time
	Log *slog.Logger
}

// Hub is a running hub. Stop ends it.
type Hub struct {
	o       Options
	server  *server.Server
	options *server.Options
	secret  string
	// Stats count what was refused since the start.
	Stats Stats

	mu     sync.Mutex
	stores []string // that have an account
	links  map[string]*storeLink
	stop   chan struct{}
	tasks  sync.WaitGroup
}

const (
	payloadMax = 64 << 10
	lookEvery  = time.Second
	readyIn    = 10 * time.Second
)

// Stats are what boxes, and who pretends to be one, were not let do.
type Stats struct {
	Strangers atomic.Int64 // without a certificate and a key that this hub takes
	Denied    atomic.Int64 // subjects that a box may not use
}

// Start starts a hub.
func Start(o Options) (*Hub, error) {
	if o.Authority == nil || o.Stores == nil || o.Here == nil || o.Note == nil || o.Settings == nil {
		return nil, errors.New("a hub needs an authority and a way to the cells")
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	host, text, err := net.SplitHostPort(o.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen for boxes: %w", err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return nil, fmt.Errorf("listen for boxes: %w", err)
	}
	if port == 0 {
		port = server.RANDOM_PORT
	}
	config, err := o.Authority.HubTLS()
	if err != nil {
		return nil, err
	}
	h := &Hub{o: o, secret: rand.Text(), links: map[string]*storeLink{}, stop: make(chan struct{})}
	h.options = &server.Options{ServerName: "hub-" + o.Name, DontListen: true, NoSigs: true, MaxPayload: payloadMax, DisableShortFirstPing: true,
		PingInterval: 5 * time.Second, MaxPingsOut: 2,
		LeafNode: server.LeafNodeOpts{Host: host, Port: port, TLSConfig: config, TLSTimeout: 3, AuthTimeout: 5, NoAdvertise: true, WriteDeadline: 10 * time.Second,
			Compression: server.CompressionOpts{Mode: server.CompressionOff}}} // its buffers are 10 MB and more of each box
	h.stores = o.Stores()
	if err := h.accounts(h.options); err != nil {
		return nil, err
	}
	if h.server, err = server.NewServer(h.options); err != nil {
		return nil, fmt.Errorf("start the hub: %w", err)
	}
	h.server.SetLoggerV2(&logger{o.Log, &h.Stats}, false, false, false)
	h.server.Start()
	if !h.server.ReadyForConnections(readyIn) {
		h.server.Shutdown()
		return nil, errors.New("start the hub: not ready in time (is another listener at the address of --edge-listen?)")
	}
	h.tasks.Go(h.watch)
	return h, nil
}

// accounts gives every store an account of its own, in which its boxes may do what the
// link needs: answer the cell's reader, tell how they are, and ask for settings. The
// permissions are as the hub sees them: what it takes, and what it sends.
func (h *Hub) accounts(o *server.Options) error {
	o.Accounts, o.Nkeys, o.Users = nil, nil, nil
	for _, id := range h.stores {
		a := server.NewAccount(id)
		public, err := h.o.Authority.StoreUser(id)
		if err != nil {
			return fmt.Errorf("the nkey of %s: %w", id, err)
		}
		o.Accounts = append(o.Accounts, a)
		o.Nkeys = append(o.Nkeys, &server.NkeyUser{Nkey: public, Account: a, AllowedConnectionTypes: map[string]struct{}{"LEAFNODE": {}},
			Permissions: &server.Permissions{
				Publish:   &server.SubjectPermission{Allow: []string{link.Status, link.SettingsAsk, link.Pass, "_INBOX.>"}},
				Subscribe: &server.SubjectPermission{Allow: append([]string{"_INBOX.>"}, link.HubSubjects...)}}})
		o.Users = append(o.Users, &server.User{Username: "cell-" + id, Password: h.secret, Account: a})
	}
	return nil
}

// Address is where boxes connect, host:port.
func (h *Hub) Address() string {
	host, _, _ := net.SplitHostPort(h.o.Listen)
	return net.JoinHostPort(host, strconv.Itoa(h.options.LeafNode.Port))
}

// watch looks for new stores and new boxes, until the hub stops.
func (h *Hub) watch() {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		h.look()
		select {
		case <-tick.C:
		case <-h.stop:
			return
		}
	}
}

func (h *Hub) look() {
	h.renew()
	linked := map[string]map[string]bool{} // store, name of the box
	leafs, err := h.server.Leafz(nil)
	if err != nil {
		return
	}
	for _, l := range leafs.Leafs {
		if linked[l.Account] == nil {
			linked[l.Account] = map[string]bool{}
		}
		if n := len(l.Account) + 1; len(l.Name) > n && l.Name[:n] == l.Account+"-" {
			linked[l.Account][l.Name[n:]] = true
		}
	}
	h.mu.Lock()
	for id := range linked {
		if h.links[id] == nil {
			l, err := h.open(id)
			if err != nil {
				h.o.Log.Error("the link of a store", "store", id, "error", err)
				continue
			}
			h.links[id] = l
		}
	}
	links := maps.Clone(h.links)
	h.mu.Unlock()
	for id, l := range links { // who is told of a change may ask for the boxes
		l.look(linked[id])
	}
}

// renew gives stores that are new an account.
func (h *Hub) renew() {
	now := h.o.Stores()
	if len(now) == len(h.stores) { // stores are added, and never leave
		return
	}
	before := h.stores
	h.stores = now
	next := h.options.Clone()
	if err := h.accounts(next); err == nil {
		if err = h.server.ReloadOptions(next); err == nil {
			return
		}
		h.o.Log.Error("new stores have no link", "error", err)
	}
	h.stores = before
}

// Boxes lists the boxes that have been heard of since the start.
func (h *Hub) Boxes() (list []Box) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, l := range h.links {
		list = append(list, l.list()...)
	}
	return list
}

// Stop ends the readers and the links.
func (h *Hub) Stop() {
	close(h.stop)
	h.tasks.Wait()
	h.mu.Lock()
	links := h.links
	h.links = map[string]*storeLink{}
	h.mu.Unlock()
	for _, l := range links {
		l.close()
	}
	h.server.Shutdown()
	h.server.WaitForShutdown()
}

// logger keeps the server's own words for those who look for them, and counts those that
// tell of a refusal: the server has no other way to say so.
type logger struct {
	log   *slog.Logger
	stats *Stats
}

func (l *logger) Errorf(format string, v ...any) { l.said(format, v) }
func (l *logger) Warnf(format string, v ...any)  { l.said(format, v) }
func (l *logger) Fatalf(format string, v ...any) {
	l.log.Error("hub", "said", fmt.Sprintf(format, v...))
}
func (*logger) Noticef(string, ...any) {}
func (*logger) Debugf(string, ...any)  {}
func (*logger) Tracef(string, ...any)  {}

func (l *logger) said(format string, v []any) {
	text := fmt.Sprintf(format, v...)
	switch {
	case strings.Contains(text, "handshake error"), strings.Contains(text, server.ErrAuthentication.Error()):
		l.stats.Strangers.Add(1)
	case strings.Contains(text, " Violation"):
		l.stats.Denied.Add(1)
	}
	l.log.Debug("hub", "said", text)
}
