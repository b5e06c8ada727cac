// Package membership tells which nodes there are, by gossip (memberlist). Its promise:
// the list heals by itself, after a partition of any length too, and a node that does
// not hold the gossip key, or does not say what a node must say, is not in it.
//
// It decides nothing: whose a cell is, only the database says. cmd starts one Members
// per node and gives it to whoever places or connects.
package membership

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"
)

// Member is a node as it tells of itself. All of it must fit into 512 bytes of JSON.
type Member struct {
	ID       string    `json:"i"` // of this start of the node: its incarnation
	Name     string    `json:"n"` // stable over restarts: what places cells
	Address  string    `json:"a"` // host:port that takes other nodes' requests
	Route    string    `json:"r"` // host:port of its bus
	URL      string    `json:"u"` // for clients
	Version  string    `json:"v"`
	Kinds    []string  `json:"k"` // of entities that it knows
	Start    time.Time `json:"s"`
	Draining bool      `json:"d,omitempty"` // it gives its cells away and will leave
}

// Options start a node's membership. Self and Bind are needed.
type Options struct {
	Self      Member
	Bind      string   // host:port to listen on, UDP and TCP; port 0: any
	Advertise string   // host:port that others reach it at; "": Bind
	Join      []string // host:port of nodes that may be there already
	// Keys are what gossip is read with, 16, 24 or 32 bytes each; it is written with the
	// first. nil: gossip in the clear.
	Keys [][]byte
	Log  *slog.Logger
}

const (
	metaMax = memberlist.MetaMaxSize
	// rejoinEvery is how often seeds and lost members that are not in the list are
	// asked: memberlist itself forgets the dead after a while.
	rejoinEvery = 2 * time.Second
	// rememberFor is how long a lost member is asked for.
	rememberFor = 15 * time.Minute
	updateIn    = 2 * time.Second
	leaveIn     = time.Second
)

// Members is the list of nodes. Stop ends it.
type Members struct {
	list    *memberlist.Memberlist
	options Options
	log     *slog.Logger
	refused atomic.Int64 // nodes
	// strangers is messages.
	strangers atomic.Int64
	kick      chan struct{}
	stop      chan struct{}
	done      sync.WaitGroup

	mu       sync.Mutex
	self     Member
	nodes    map[string]node // by incarnation: what memberlist told, copied
	current  []Member
	watchers []func()
	lost     map[string]time.Time // gossip addresses that were in the list, and when last
}

// node is a node of memberlist's: its own are changed behind its lock.
type node struct {
	address string // of its gossip
	meta    []byte
}

// Start joins the nodes that answer, and goes on trying those that do not.
func Start(o Options) (*Members, error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	m := &Members{options: o, self: o.Self, log: o.Log, kick: make(chan struct{}, 1), stop: make(chan struct{}), nodes: map[string]node{}, lost: map[string]time.Time{}}
	if b := m.meta(); len(b) > metaMax {
		return nil, fmt.Errorf("what this node tells of itself takes %d bytes; %d is the limit: choose shorter names and addresses", len(b), metaMax)
	}
	c, err := m.config()
	if err != nil {
		return nil, err
	}
	if m.list, err = memberlist.Create(c); err != nil {
		return nil, fmt.Errorf("gossip on %s: %w", o.Bind, err)
	}
	m.rejoin()
	m.renew()
	m.done.Add(1)
	go func() { defer m.done.Done(); m.run() }()
	return m, nil
}

func (m *Members) config() (*memberlist.Config, error) {
	o := &m.options
	c := memberlist.DefaultLANConfig()
	c.Name = o.Self.ID // an incarnation never comes back, so a dead one is never mistaken
	var err error
	if c.BindAddr, c.BindPort, err = split(o.Bind); err != nil {
		return nil, err
	}
	c.AdvertisePort = c.BindPort
	if o.Advertise != "" {
		if c.AdvertiseAddr, c.AdvertisePort, err = split(o.Advertise); err != nil {
			return nil, err
		}
	}
	c.ProbeInterval, c.ProbeTimeout, c.SuspicionMult = 500*time.Millisecond, 250*time.Millisecond, 3
	c.GossipInterval, c.PushPullInterval, c.TCPTimeout = 100*time.Millisecond, 10*time.Second, 2*time.Second
	if len(o.Keys) > 0 {
		if c.Keyring, err = memberlist.NewKeyring(o.Keys, o.Keys[0]); err != nil {
			return nil, fmt.Errorf("the gossip's keys: %w", err)
		}
	}
	c.RequireNodeNames = false
	c.Delegate, c.Events, c.Alive = delegate{m}, delegate{m}, delegate{m}
	c.LogOutput = &logWriter{m}
	return c, nil
}

var errKeys = errors.New("no keys of 16, 24 or 32 bytes in base64, a line each")

// ParseKeys reads what Options.Keys wants from text, a line each.
func ParseKeys(text string) (keys [][]byte, err error) {
	for _, line := range strings.Fields(text) {
		key, err := base64.StdEncoding.DecodeString(line)
		if err != nil || memberlist.ValidateKey(key) != nil {
			return nil, errKeys
		}
		keys = append(keys, key)
	}
	if keys == nil {
		return nil, errKeys
	}
	return keys, nil
}

func split(address string) (host string, port int, err error) {
	h, p, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, fmt.Errorf("%q is not host:port: %w", address, err)
	}
	if port, err = strconv.Atoi(p); err != nil {
		return "", 0, fmt.Errorf("%q is not host:port: %w", address, err)
	}
	if ip, err := net.ResolveIPAddr("ip", h); err == nil { // memberlist takes no names here
		h = ip.String()
	}
	return h, port, nil
}

// List returns the members, this node included, ordered by name. Of two incarnations
// of a name the later is in it.
func (m *Members) List() []Member {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.current)
}

// Self is this node as others see it.
func (m *Members) Self() Member {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.self
}

// Changed has f called after each change of the list, by one goroutine at a time.
func (m *Members) Changed(f func()) {
	m.mu.Lock()
	m.watchers = append(m.watchers, f)
	m.mu.Unlock()
}

// Address is where this node's gossip is reached.
func (m *Members) Address() string { return m.list.LocalNode().Address() }

// Strangers counts messages of those who do not hold the key.
func (m *Members) Strangers() int64 { return m.strangers.Load() }

// Refused counts the times that a node did not say what a node must say.
func (m *Members) Refused() int64 { return m.refused.Load() }

// Drain tells all that this node gives its cells away.
func (m *Members) Drain() error {
	m.mu.Lock()
	m.self.Draining = true
	m.mu.Unlock()
	err := m.list.UpdateNode(updateIn)
	m.poke()
	if err != nil {
		return fmt.Errorf("tell that the node drains: %w", err)
	}
	return nil
}

// Stop leaves and ends.
func (m *Members) Stop() error {
	close(m.stop)
	m.done.Wait()
	return errors.Join(m.list.Leave(leaveIn), m.list.Shutdown())
}

func (m *Members) poke() {
	select {
	case m.kick <- struct{}{}:
	default:
	}
}

func (m *Members) run() {
	tick := time.NewTicker(rejoinEvery)
	defer tick.Stop()
	for {
		select {
		case <-m.kick:
			m.renew()
		case <-tick.C:
			m.rejoin()
			m.renew() // what is remembered of the lost ends with time
		case <-m.stop:
			return
		}
	}
}

// renew makes the list anew and tells those who watch when it differs.
func (m *Members) renew() {
	m.mu.Lock()
	newest := map[string]Member{}
	now := time.Now()
	for id, n := range m.nodes {
		m.lost[n.address] = now
		x, err := parse(n.meta)
		if err != nil || x.ID != id {
			continue
		}
		if had, ok := newest[x.Name]; !ok || x.Start.After(had.Start) {
			newest[x.Name] = x
		}
	}
	for a, at := range m.lost {
		if now.Sub(at) > rememberFor {
			delete(m.lost, a)
		}
	}
	next := slices.SortedFunc(maps.Values(newest), func(a, b Member) int { return cmp.Compare(a.Name, b.Name) })
	same := slices.EqualFunc(m.current, next, func(a, b Member) bool { return a.ID == b.ID && a.Draining == b.Draining })
	m.current = next
	watchers := slices.Clone(m.watchers)
	m.mu.Unlock()
	if same {
		return
	}
	for _, f := range watchers {
		f()
	}
}

// rejoin asks the seeds and the lost that are not in the list.
func (m *Members) rejoin() {
	here := map[string]bool{}
	m.mu.Lock()
	for _, n := range m.nodes {
		here[n.address] = true
	}
	ask := slices.Clone(m.options.Join)
	for a := range m.lost {
		ask = append(ask, a)
	}
	m.mu.Unlock()
	slices.Sort(ask)
	for _, a := range slices.Compact(ask) {
		if at, err := net.ResolveTCPAddr("tcp", a); err == nil && here[at.String()] {
			continue
		}
		if _, err := m.list.Join([]string{a}); err != nil {
			m.log.Debug("node not joined", "address", a, "error", err)
		}
		select {
		case <-m.stop:
			return
		default:
		}
	}
}

func (m *Members) meta() []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, err := json.Marshal(&m.self)
	if err != nil {
		panic("membership: " + err.Error())
	}
	return b
}

func parse(b []byte) (x Member, err error) {
	if err := json.Unmarshal(b, &x); err != nil {
		return x, err
	}
	if x.ID == "" || x.Name == "" || x.Address == "" {
		return x, errors.New("membership: a node without id, name or address")
	}
	return x, nil
}
