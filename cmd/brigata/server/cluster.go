package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/journal"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/actors/wire/pb"
	"github.com/brigata/brigata/cluster/bus"
	"github.com/brigata/brigata/cluster/cells"
	"github.com/brigata/brigata/cluster/membership"
	"github.com/brigata/brigata/cluster/peers"
	"github.com/brigata/brigata/cluster/routes"
	"github.com/brigata/brigata/cmd/brigata/build"
)

// Cluster is what makes a node one of several that share a Postgres; the zero value is a
// node alone.
type Cluster struct {
	Gossip    string   // host:port; the next two ports take requests and the bus, port 0: any. "": alone
	Advertise string   // host that others reach this one at; "": Gossip's
	Join      []string // host:port of the gossip of nodes that may be there
	CA        string   // PEM files: the authority of the nodes' certificates,
	Cert, Key string   // and this node's
	KeyFile   string   // the gossip's keys, in base64, a line each
	Insecure  bool     // permits to leave loopback without all that
}

// gossipPort is for nodes that are told no port.
const gossipPort = "7946"

func (c *Cluster) on() bool { return c.Gossip != "" || len(c.Join) > 0 }

// check says what is wrong with how the node is to join others.
func (c *Cluster) check(databaseURL string) error {
	if !c.on() {
		return nil
	}
	if databaseURL == "" {
		return errors.New("nodes of a cluster share a database, and an SQLite file is one process's alone: give --database-url with a Postgres, or neither --join nor --gossip")
	}
	if c.Gossip == "" {
		c.Gossip = net.JoinHostPort("127.0.0.1", gossipPort)
	}
	host, _, err := net.SplitHostPort(c.Gossip)
	if err != nil {
		return fmt.Errorf("--gossip is no host:port: %w", err)
	}
	if ip := net.ParseIP(host); c.Advertise == "" && (host == "" || ip != nil && ip.IsUnspecified()) {
		return errors.New("--gossip listens on every address: say with --advertise at which one others reach this node")
	}
	if (c.CA == "") != (c.Cert == "") || (c.CA == "") != (c.Key == "") {
		return errors.New("--tls-ca, --tls-cert and --tls-key belong together")
	}
	if c.Insecure || isLoopback(host) && (c.Advertise == "" || isLoopback(c.Advertise)) {
		return nil
	}
	if c.CA == "" || c.KeyFile == "" {
		return errors.New("beyond loopback, nodes need --tls-ca, --tls-cert, --tls-key and --gossip-key-file; --insecure-cluster goes without, where the network is yours alone")
	}
	return nil
}

// port is the address of the i-th port of a node, to listen on and to tell others.
func (c *Cluster) port(i int) (listen, advertise string, err error) {
	host, p, err := net.SplitHostPort(c.Gossip)
	if err != nil {
		return "", "", err
	}
	n, err := strconv.Atoi(p)
	if err != nil {
		return "", "", err
	}
	if n != 0 {
		n += i
		if c.Advertise != "" {
			advertise = net.JoinHostPort(c.Advertise, strconv.Itoa(n))
		}
	}
	return net.JoinHostPort(host, strconv.Itoa(n)), advertise, nil
}

func (c *Cluster) keys() ([][]byte, error) {
	if c.KeyFile == "" {
		return nil, nil
	}
	b, err := os.ReadFile(c.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("read the gossip's key: %w", err)
	}
	keys, err := membership.ParseKeys(string(b))
	if err != nil {
		return nil, fmt.Errorf("%s has %w, such as: openssl rand -base64 32", c.KeyFile, err)
	}
	return keys, nil
}

// joined is a node's part in a cluster.
type joined struct {
	node    *Node
	tls     *tls.Config
	peers   *peers.Peers
	server  *bus.Server
	bus     *bus.Bus
	routes  *routes.Engine
	members *membership.Members
	claims  chan journal.Claim // to be told to the others
	stop    chan struct{}
	tasks   sync.WaitGroup
	docs    chan struct{} // bounds documents that others bring

	statuses statuses

	mu  sync.Mutex
	ids map[string]string // of the incarnations at addresses
}

const (
	claimsMax = 4096
	docsMax   = 4
	tellIn    = time.Second
)

// Gossip is where other nodes join this one; "" if it is alone.
func (n *Node) Gossip() string {
	if n.joined == nil {
		return ""
	}
	return n.joined.members.Address()
}

// meet opens the ends that other nodes talk to: the lease tells where they are.
func (n *Node) meet() (err error) {
	c := &n.options.Cluster
	j := &joined{node: n, claims: make(chan journal.Claim, claimsMax), stop: make(chan struct{}), docs: make(chan struct{}, docsMax), ids: map[string]string{}}
	n.joined = j
	if c.CA != "" {
		if j.tls, err = peers.LoadTLS(c.CA, c.Cert, c.Key); err != nil {
			return err
		}
	}
	listen, advertise, err := c.port(1)
	if err != nil {
		return err
	}
	if j.peers, err = peers.Start(peers.Options{Bind: listen, Advertise: advertise, TLS: j.tls, Owner: j.owner, Log: n.options.Log}); err != nil {
		return err
	}
	if listen, advertise, err = c.port(2); err != nil {
		return err
	}
	j.server, err = bus.StartServer(bus.ServerOptions{Name: n.options.Name + "-" + j.peers.Address(), Listen: listen, Advertise: advertise, TLS: j.tls, Log: n.options.Log})
	return err
}

// route makes the engine that the gateway talks to.
func (j *joined) route() {
	n := j.node
	j.routes = routes.New(routes.Config{Host: n.host, Peers: j.peers, Where: n.where, Good: n.placed.Good, Log: n.options.Log, Routed: n.told.Routed,
		Elsewhere: func(s string) *store.Today { return j.bus.Today(s) }})
}

// join starts the bus and the gossip, once there are boards and a lease to tell of.
func (j *joined) join(incarnation int64) (err error) {
	n := j.node
	id := strconv.FormatInt(incarnation, 10)
	archive := actors.Archive{Journal: n.journal}
	j.bus = bus.New(bus.Config{Self: id, Server: j.server, Boards: n.gateway, Here: n.host.Today, Where: n.where, Read: j.read, Ask: j.peers.Ask,
		Stored: archive.Today, Arrived: n.told.Arrived, Renewed: n.chains.renewed, Came: n.settle, Log: n.options.Log})
	if err := j.bus.Statuses(j.statuses.take); err != nil {
		return err
	}
	keys, err := n.options.Cluster.keys()
	if err != nil {
		return err
	}
	listen, advertise, err := n.options.Cluster.port(0)
	if err != nil {
		return err
	}
	j.members, err = membership.Start(membership.Options{Bind: listen, Advertise: advertise, Join: n.options.Cluster.Join, Keys: keys, Log: n.options.Log,
		Self: membership.Member{ID: id, Name: n.options.Name, Address: j.peers.Address(), Route: j.server.Address(), URL: n.URL(), Version: build.Version(),
			Kinds: actors.Kinds(), Start: n.began}})
	if err != nil {
		return err
	}
	j.changed()
	j.members.Changed(j.changed)
	j.peers.Handle(j.handle)
	j.tasks.Go(j.tell)
	j.tasks.Go(j.report)
	return nil
}

// changed follows the members: connections to incarnations that are gone are given up,
// the bus is joined with those that are there, and cells and boards look anew.
func (j *joined) changed() {
	all := j.members.List()
	self := j.members.Self()
	var others []string
	now := map[string]string{}
	for _, m := range all {
		if m.ID != self.ID {
			others = append(others, m.Route)
			j.statuses.know(&m)
			now[m.Address] = m.ID
		}
	}
	j.mu.Lock()
	was := j.ids
	j.ids = now
	j.mu.Unlock()
	for address, id := range was {
		if now[address] != id {
			j.peers.Reset(address)
		}
	}
	if err := j.server.Connect(others); err != nil {
		j.node.options.Log.Error("bus not joined", "error", err)
	}
	if r := j.node.placed.Load(); r != nil {
		r.MembersChanged()
	}
	j.bus.Changed()
}

// cellMembers lists the members as placement knows them.
func (j *joined) cellMembers() (all []cells.Member) {
	for _, m := range j.members.List() {
		if id, err := strconv.ParseInt(m.ID, 10, 64); err == nil {
			all = append(all, cells.Member{Name: m.Name, Node: id, Draining: m.Draining})
		}
	}
	return all
}

func (j *joined) owner(storeID string) string {
	o, _ := j.node.where(storeID)
	if o.Node == 0 {
		return ""
	}
	return o.Address
}

// tellFunc takes an answer.
type tellFunc func(actors.Answer)

func (f tellFunc) Reply(_ int64, a actors.Answer) { f(a) }

func (j *joined) read(storeID string, t command.Target, got func(actors.Answer)) {
	j.routes.Do(&actors.Request{Store: storeID, Target: t, Deadline: time.Now().Add(readIn), To: tellFunc(got)})
}

const readIn = 5 * time.Second

// handle takes what other nodes ask. It does not block.
func (j *joined) handle(m *pb.Parcel, answer func(*pb.Parcel)) {
	switch q := m.Body.(type) {
	case *pb.Parcel_Request:
		j.routes.Serve(q.Request, answer)
	case *pb.Parcel_Claims:
		if r := j.node.placed.Load(); r != nil {
			r.Heard(claimsOf(q.Claims)...)
		}
		j.bus.Changed()
		answer(&pb.Parcel{Body: &pb.Parcel_Answer{Answer: &pb.Answer{}}})
	case *pb.Parcel_Document:
		j.document(q.Document, answer)
	default:
		if !j.bus.Serve(m, answer) {
			answer(&pb.Parcel{Body: &pb.Parcel_Unknown{Unknown: &pb.Unknown{}}})
		}
	}
}

func claimsOf(p *pb.Claims) (all []journal.Claim) {
	for _, c := range p.Of {
		all = append(all, journal.Claim{Cell: c.Cell, Node: c.Node, Epoch: c.Epoch, Claim: c.Claim, Needs: int(c.Needs)})
	}
	return all
}

var errManyDocuments = &refusal.Refusal{Code: refusal.Overloaded, Message: "Too many stores are loaded at once", Fields: refusal.Fields{What: "node"}, AfterMS: 500}

// document loads a store's document that another node was given.
func (j *joined) document(q *pb.Document, answer func(*pb.Parcel)) {
	reply := func(d []byte, no *refusal.Refusal) {
		answer(&pb.Parcel{Body: &pb.Parcel_Answer{Answer: &pb.Answer{D: d, Refusal: wire.MarshalRefusal(no)}}})
	}
	select {
	case j.docs <- struct{}{}:
	default:
		reply(nil, errManyDocuments)
		return
	}
	j.tasks.Go(func() {
		defer func() { <-j.docs }()
		ctx, cancel := context.WithTimeout(context.Background(), applyIn)
		defer cancel()
		reply(j.node.Apply(ctx, q.Store, q.Json))
	})
}

const applyIn = 10 * time.Second

// bring has the node that has a store's cell load its document.
func (j *joined) bring(o cells.Owner, id string, doc []byte) ([]byte, *refusal.Refusal) {
	got := make(chan *pb.Parcel, 1)
	j.peers.Ask(o.Address, &pb.Parcel{Body: &pb.Parcel_Document{Document: &pb.Document{Store: id, Json: doc}}}, applyIn, func(m *pb.Parcel, err error) {
		got <- m // nil after an error
	})
	a, err := routes.Answer(<-got)
	if err != nil {
		return nil, errLateAnswer
	}
	return a.D, a.Refusal
}

// moved notes a cell that was claimed or given up, for the others to hear.
func (j *joined) moved(c journal.Claim) {
	select {
	case j.claims <- c:
	default: // they will read it
	}
}

// tell tells the others of claims, as many at a time as there are.
func (j *joined) tell() {
	for {
		select {
		case c := <-j.claims:
			q := &pb.Claims{Of: []*pb.Claim{claim(c)}}
			for more := true; more && len(q.Of) < claimsMax; {
				select {
				case c := <-j.claims:
					q.Of = append(q.Of, claim(c))
				default:
					more = false
				}
			}
			for _, m := range j.members.List() {
				if m.ID != j.members.Self().ID {
					j.peers.Ask(m.Address, &pb.Parcel{Body: &pb.Parcel_Claims{Claims: q}}, tellIn, func(*pb.Parcel, error) {})
				}
			}
			j.bus.Changed()
		case <-j.stop:
			return
		}
	}
}

func claim(c journal.Claim) *pb.Claim {
	return &pb.Claim{Cell: c.Cell, Node: c.Node, Epoch: c.Epoch, Claim: c.Claim, Needs: int64(c.Needs)}
}

// watch has a store's views come to the boards here.
func (j *joined) watch(storeID string) *refusal.Refusal { return j.bus.Watch(storeID) }

// tellDrain tells all that this node will leave; what it returns is closed when they have
// been told.
func (n *Node) tellDrain() <-chan struct{} {
	told := make(chan struct{})
	if n.joined == nil || n.joined.members == nil {
		close(told)
		return told
	}
	n.joined.tasks.Go(func() {
		defer close(told)
		if err := n.joined.members.Drain(); err != nil {
			n.options.Log.Warn("drain not told", "error", err)
		}
	})
	return told
}

// leave ends it, in the reverse order.
func (j *joined) leave() error {
	var err error
	close(j.stop)
	if j.peers != nil {
		j.peers.Stop()
	}
	j.tasks.Wait()
	if j.members != nil {
		err = j.members.Stop()
	}
	if j.routes != nil {
		j.routes.Stop()
	}
	if j.bus != nil {
		j.bus.Stop()
	}
	if j.server != nil {
		j.server.Stop()
	}
	return err
}
