package peers

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/cluster"
	"github.com/asynkron/protoactor-go/remote"

	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/actors/wire/pb"
)

// The shell of virtual actors: an entity's identity is store/id, it is where its store's
// cell is, and a request to it is repeated until it is answered or out of time.
//
// cluster.StartMember is not called: it sleeps a second and starts Proto.Actor's own
// gossip, publish-subscribe and member list, whose block list is for ever, which takes no
// change of kinds and lets a healed partition stay split. Members come from memberlist,
// owners from the database.

// start joins Proto.Actor's remote with our lookup and request context.
func (p *Peers) start(system *actor.ActorSystem, c *remote.Config) (err error) {
	defer func() { // its way to say that it cannot listen
		if v := recover(); v != nil {
			err = fmt.Errorf("listen for other nodes: %v", v)
		}
	}()
	context := func(*cluster.Cluster) cluster.Context { return requests{p} }
	p.cluster = cluster.New(system, cluster.Configure("brigata", noProvider{}, lookup{p}, c, cluster.WithClusterContextProducer(context)))
	p.cluster.IdentityLookup = lookup{p}
	p.cluster.Remote = remote.NewRemote(system, c)
	p.cluster.Remote.Start()
	return nil
}

// noProvider stands where Proto.Actor wants who tells it of members: nobody does, see
// above.
type noProvider struct{}

func (noProvider) StartMember(*cluster.Cluster) error { return nil }
func (noProvider) StartClient(*cluster.Cluster) error { return nil }
func (noProvider) Shutdown(bool) error                { return nil }

// lookup finds the node that has an entity.
type lookup struct{ *Peers }

func (l lookup) Get(id *cluster.ClusterIdentity) *actor.PID {
	store, _, _ := strings.Cut(id.Identity, "/")
	if a := l.options.Owner(store); a != "" {
		return &actor.PID{Address: a, Id: questionsID}
	}
	return nil
}

func (lookup) RemovePid(*cluster.ClusterIdentity, *actor.PID) {}
func (lookup) Setup(*cluster.Cluster, []string, bool)         {}
func (lookup) Shutdown()                                      {}

// requests is Proto.Actor's request context, ours: its own waits nanoseconds between
// tries, and its futures race.
type requests struct{ *Peers }

const (
	// attemptIn is how long one try may take: it is repeated under the same command id.
	attemptIn = time.Second
	// Waits between tries begin and end here, jittered.
	waitFirst, waitMost = 4 * time.Millisecond, 64 * time.Millisecond
)

var errNoOwner = errors.New("peers: no node has the store now")

// Request asks the node that has the entity until it is answered or the time given is
// over. Both a dead letter and a timeout are followed by another try: what is asked must
// be safe to repeat.
func (x requests) Request(identity, kind string, message any, opts ...cluster.GrainCallOption) (any, error) {
	m, ok := message.(*pb.Parcel)
	if !ok {
		return nil, fmt.Errorf("peers: a %T cannot be asked", message)
	}
	c := cluster.NewGrainCallOptions(x.cluster) // the package's default is one for all, and options change it
	for _, o := range opts {
		o(c)
	}
	id := cluster.NewClusterIdentity(identity, kind)
	deadline := time.Now().Add(c.Timeout)
	last, lastErr := (*pb.Parcel)(nil), errNoOwner
	for wait := waitFirst; ; wait = min(2*wait, waitMost) {
		left := time.Until(deadline)
		if left <= 0 {
			break
		}
		if pid := x.cluster.IdentityLookup.Get(id); pid != nil {
			a, err := x.try(pid.Address, m, min(attemptIn, left))
			if errors.Is(err, ErrFull) || err == nil && !again(a) {
				return a, err
			}
			last, lastErr = a, err
		}
		select {
		case <-time.After(min(wait/2+rand.N(wait/2), left)):
		case <-x.stop:
			return nil, ErrLate
		}
	}
	if last != nil { // say what the owner said last
		return last, nil
	}
	return nil, lastErr
}

func (x requests) try(address string, m *pb.Parcel, within time.Duration) (*pb.Parcel, error) {
	type result struct {
		m   *pb.Parcel
		err error
	}
	got := make(chan result, 1)
	x.Ask(address, m, within, func(m *pb.Parcel, err error) { got <- result{m, err} })
	r := <-got
	return r.m, r.err
}

// RequestFuture is not offered: a future cannot be tried again.
func (requests) RequestFuture(string, string, any, ...cluster.GrainCallOption) (*actor.Future, error) {
	return nil, errors.New("peers: use Request")
}

// again says that an answer is only that the cell is not, or cannot write, there now.
func again(m *pb.Parcel) bool {
	a := m.GetAnswer()
	if a == nil || len(a.Refusal) == 0 {
		return false
	}
	r, err := wire.UnmarshalRefusal(a.Refusal)
	return err == nil && Again(r)
}

// Again says that a refusal is only of this moment and place: the store moves, or its
// node cannot write. The same command may be tried once more.
func Again(r *refusal.Refusal) bool {
	return r != nil && (r.Code == refusal.Moved || r.Code == refusal.Unavailable && r.Fields.What != "deadline")
}

// Request asks the node that has the store, for at most within.
func (p *Peers) Request(store, entity, kind string, m *pb.Parcel, within time.Duration) (*pb.Parcel, error) {
	r, err := p.cluster.Request(store+"/"+entity, kind, m, cluster.WithTimeout(within))
	a, _ := r.(*pb.Parcel)
	return a, err
}
