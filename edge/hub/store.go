package hub

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/edge/link"
)

// Box is how a box is, as this node knows it.
type Box struct {
	Store  string
	Report link.Report
	Up     bool // the link is
	State  string
	Heard  time.Time
	// OffsetMS is the box's clock minus this node's, at most as exact as the link is quick.
	OffsetMS int64
	Read     int64 // readings taken since the node's start
	Refused  int64 // that no sensor took
}

// States of a box.
const (
	Alive = "alive"
	Lost  = "suspect" // not heard for a while
	Left  = "gone"
)

// storeLink is the account of one store: its boxes and their readers.
type storeLink struct {
	hub   *Hub
	store string
	conn  *nats.Conn

	mu    sync.Mutex
	boxes map[string]*box
}

type box struct {
	Box
	cancel context.CancelFunc // of its reader; nil: none runs
	done   chan struct{}
}

const (
	// clockSlack is how far a box's clock may be off before its readings say so.
	clockSlack = 2 * time.Minute

	boxesMax = 64 // of a store
	wordMax  = 64 // bytes of what a box calls its version and its model
)

func (h *Hub) open(store string) (*storeLink, error) {
	conn, err := nats.Connect("", nats.InProcessServer(h.server), nats.UserInfo("cell-"+store, h.secret), nats.MaxReconnects(-1), nats.Name("cell-"+store),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err != nil {
		return nil, err
	}
	l := &storeLink{hub: h, store: store, conn: conn, boxes: map[string]*box{}}
	_, err = conn.Subscribe(link.Status, l.heard)
	if err == nil {
		_, err = conn.Subscribe(link.SettingsAsk, l.settings)
	}
	if err == nil && h.o.Saw != nil {
		_, err = conn.Subscribe(link.Pass, l.saw)
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return l, nil
}

// settings answers a box that asks, if the store's cell is here: another node's hub does
// otherwise. A box that has them as they are is told nothing: they are 100 bytes a sensor.
func (l *storeLink) settings(m *nats.Msg) {
	if s := l.hub.o.Settings(l.store); s != nil {
		b, err := json.Marshal(s)
		switch {
		case err != nil:
		case bytes.Equal(m.Data, link.Digest(b)):
			m.Respond(nil)
		default:
			m.Respond(b)
		}
	}
}

func (l *storeLink) saw(m *nats.Msg) {
	var s link.Sight
	if json.Unmarshal(m.Data, &s) == nil && menu.IsName(s.Sensor) && s.Sound() {
		l.hub.o.Saw(l.store, &s)
	}
}

func (l *storeLink) heard(m *nats.Msg) {
	var r link.Report
	if json.Unmarshal(m.Data, &r) != nil || !menu.IsName(r.Name) || len(r.Version) > wordMax || len(r.Model) > wordMax {
		return
	}
	now := l.hub.o.Now()
	l.mu.Lock()
	b := l.boxes[r.Name]
	if b == nil {
		if len(l.boxes) >= boxesMax {
			l.mu.Unlock()
			return
		}
		b = &box{Box: Box{Store: l.store}}
		l.boxes[r.Name] = b
	}
	b.Report, b.Heard, b.Up, b.OffsetMS = r, now, true, r.Now.Sub(now).Milliseconds()
	l.becomes(b, Alive)
	if r.Leaving {
		b.Up = false
		l.becomes(b, Left)
	}
	shown := b.Box
	l.mu.Unlock()
	l.changed(shown)
}

// becomes notes a state, and says so when it is another.
func (l *storeLink) becomes(b *box, state string) {
	if b.State != state {
		l.hub.o.Log.Info("edge node", "store", l.store, "name", b.Report.Name, "state", state)
		b.State = state
	}
}

func (l *storeLink) changed(b Box) {
	if l.hub.o.Changed != nil {
		l.hub.o.Changed(b)
	}
}

// look notes which boxes are linked, and starts and ends their readers.
func (l *storeLink) look(linked map[string]bool) {
	here := l.hub.o.Here(l.store)
	now := l.hub.o.Now()
	var changed []Box
	l.mu.Lock()
	for name, b := range l.boxes {
		was := b.Box
		b.Up = linked[name]
		if b.State == Alive && (!b.Up || now.Sub(b.Heard) > link.LostAfter) {
			if now.Sub(b.Heard) > link.LostAfter {
				l.becomes(b, Lost)
			}
		}
		switch read := b.Up && here && b.State != Left; {
		case read && b.cancel == nil:
			l.read(name, b)
		case !read && b.cancel != nil:
			b.cancel()
			b.cancel = nil
		}
		if was.Up != b.Up || was.State != b.State {
			changed = append(changed, b.Box)
		}
	}
	l.mu.Unlock()
	for _, b := range changed {
		l.changed(b)
	}
}

// read starts a reader of the box's stream, after an earlier one has ended.
func (l *storeLink) read(name string, b *box) {
	ctx, cancel := context.WithCancel(context.Background())
	before, done := b.done, make(chan struct{})
	b.cancel, b.done = cancel, done
	r := &reader{link: l, name: name, api: fmt.Sprintf("$JS.%s.API.", name)}
	go func() {
		defer close(done)
		if before != nil {
			<-before
		}
		var tasks sync.WaitGroup
		tasks.Go(func() { r.run(ctx) })
		if l.hub.o.Model != nil {
			tasks.Go(func() { (&offer{link: l, box: name}).run(ctx) })
		}
		tasks.Wait()
	}()
}

func (l *storeLink) count(name string, read, refused int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if b := l.boxes[name]; b != nil {
		b.Read += read
		b.Refused += refused
	}
}

// off says that the box's clock is.
func (l *storeLink) off(name string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.boxes[name]
	return b != nil && (b.OffsetMS > clockSlack.Milliseconds() || b.OffsetMS < -clockSlack.Milliseconds())
}

func (l *storeLink) list() (list []Box) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range l.boxes {
		list = append(list, b.Box)
	}
	return list
}

func (l *storeLink) close() {
	l.mu.Lock()
	var waits []chan struct{}
	for _, b := range l.boxes {
		if b.cancel != nil {
			b.cancel()
		}
		if b.done != nil {
			waits = append(waits, b.done)
		}
	}
	l.mu.Unlock()
	for _, w := range waits {
		<-w
	}
	l.conn.Close()
}
