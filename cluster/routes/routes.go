// Package routes brings each request to the node that has the store's cell: to this
// node's host when the cell is here, over the peers when it is not.
//
// Its promise: a request is answered once, within its own deadline; what moves meanwhile
// is followed under the same command id, so that it is done once; and a store that is
// somewhere is never answered as not found. The gateway calls it as it calls the host.
package routes

import (
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/actors/wire/pb"
	"github.com/brigata/brigata/cluster/cells"
	"github.com/brigata/brigata/cluster/peers"
)

// Host is what executes requests for the cells that are here.
type Host interface {
	Do(r *actors.Request)
	Today(store string) *store.Today
}

// Config makes an Engine; all of it but Routed and Log is needed.
type Config struct {
	Host  Host
	Peers *peers.Peers
	// Where says who has a store's cell; false: there is no such store.
	Where func(store string) (cells.Owner, bool)
	// Good says that this node may answer: its lease stands.
	Good func() bool
	// Elsewhere returns the values of a store that lives on another node, or nil.
	Elsewhere func(store string) *store.Today
	// Routed is told what another node has answered, or that it has not. It may be nil.
	Routed func(Routed)
	Log    *slog.Logger
}

// Routed is one request that was brought to another node.
type Routed struct {
	Trace        wire.Trace
	Code         refusal.Code // "": done
	Began, Ended time.Time
}

// Engine is the host of all stores, wherever they are. Stop ends it.
type Engine struct {
	config Config
	tasks  sync.WaitGroup
}

// New makes an Engine.
func New(c Config) *Engine {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return &Engine{config: c}
}

// deadlineDefault is for requests without a deadline.
const deadlineDefault = 5 * time.Second

var (
	errNode = &refusal.Refusal{Code: refusal.Unavailable, Message: "The store's node does not answer; try again",
		Fields: refusal.Fields{What: "node"}, AfterMS: 500}
	errLate = &refusal.Refusal{Code: refusal.Unavailable, Message: "No answer in time; the outcome is unknown",
		Fields: refusal.Fields{What: "deadline"}, AfterMS: 500}
	errFull = &refusal.Refusal{Code: refusal.Overloaded, Message: "Too much waits; try again",
		Fields: refusal.Fields{What: "node"}, AfterMS: 500}
	errLapsed = &refusal.Refusal{Code: refusal.Unavailable, Message: "The database cannot be reached; try again",
		Fields: refusal.Fields{What: "database"}, AfterMS: 1000}
	errMoved = &refusal.Refusal{Code: refusal.Moved, Message: "The store is moving; try again",
		Fields: refusal.Fields{What: "node"}, AfterMS: 100}
)

// Today returns a store's current values, or nil if there is no such store. For one that
// lives elsewhere it may wait for its node, the first time.
func (e *Engine) Today(store string) *store.Today {
	if t := e.config.Host.Today(store); t != nil {
		return t
	}
	if _, ok := e.config.Where(store); !ok {
		return nil
	}
	return e.config.Elsewhere(store)
}

// Do executes a request. It never blocks, and answers exactly once through r.To.
func (e *Engine) Do(r *actors.Request) {
	if e.config.Host.Today(r.Store) != nil {
		e.here(r)
		return
	}
	o, ok := e.config.Where(r.Store)
	switch {
	case !ok:
		r.To.Reply(r.Tag, actors.Answer{Refusal: refusal.New(refusal.NotFound, "", "There is no such store").
			With(refusal.Fields{Kind: "store", ID: r.Store})})
	case r.Command != nil && r.Name == "": // this node's own, which no other could read
		r.To.Reply(r.Tag, actors.Answer{Refusal: errMoved})
	case (o.Node == 0 || o.Mine) && !e.config.Good():
		r.To.Reply(r.Tag, actors.Answer{Refusal: errLapsed}) // at once: nobody can say when it ends
	default:
		e.forward(parcel(r), r.To, r.Tag, deadline(r))
	}
}

func deadline(r *actors.Request) time.Time {
	if r.Deadline.IsZero() {
		return time.Now().Add(deadlineDefault)
	}
	return r.Deadline
}

// tried is a request that the host has, and what it takes to bring it elsewhere should
// the cell leave meanwhile.
type tried struct {
	engine   *Engine
	parcel   *pb.Parcel
	to       actors.Replier
	tag      int64
	deadline time.Time
}

func (e *Engine) here(r *actors.Request) {
	if r.Command != nil && r.Name == "" { // this node's own, which no other could read
		e.config.Host.Do(r)
		return
	}
	t := &tried{e, parcel(r), r.To, r.Tag, deadline(r)}
	local := *r
	local.To = t
	e.config.Host.Do(&local)
}

// Reply takes the host's answer: it may come on any goroutine.
func (t *tried) Reply(_ int64, a actors.Answer) {
	if peers.Again(a.Refusal) && t.engine.config.Good() && time.Now().Before(t.deadline) {
		t.engine.forward(t.parcel, t.to, t.tag, t.deadline)
		return
	}
	t.to.Reply(t.tag, a)
}

// forward brings a request to the node that has the store, wherever it goes meanwhile.
func (e *Engine) forward(m *pb.Parcel, to actors.Replier, tag int64, deadline time.Time) {
	e.tasks.Go(func() { to.Reply(tag, e.ask(m, deadline)) })
}

func (e *Engine) ask(m *pb.Parcel, deadline time.Time) (answer actors.Answer) {
	q := m.GetRequest()
	if e.config.Routed != nil {
		r := Routed{Trace: wire.ParseTrace(q.Trace), Began: time.Now()}
		defer func() {
			if answer.Refusal != nil {
				r.Code = answer.Refusal.Code
			}
			r.Ended = time.Now()
			e.config.Routed(r)
		}()
	}
	a, err := e.config.Peers.Request(q.Store, q.Entity, q.Kind, m, time.Until(deadline))
	switch {
	case errors.Is(err, peers.ErrFull):
		return actors.Answer{Refusal: errFull}
	case errors.Is(err, peers.ErrLate):
		return actors.Answer{Refusal: errLate}
	case err != nil:
		return actors.Answer{Refusal: errNode}
	}
	if answer, err = Answer(a); err != nil {
		e.config.Log.Error("answer of a node not read", "store", q.Store, "error", err)
		return actors.Answer{Refusal: errNode}
	}
	return answer
}

// Stop waits for what is under way: nothing more may be asked, and the peers must have
// stopped.
func (e *Engine) Stop() { e.tasks.Wait() }

// parcel is a request as another node is told it. It shares nothing with r.
func parcel(r *actors.Request) *pb.Parcel {
	q := &pb.Request{Store: r.Store, Kind: r.Target.Kind, Entity: r.Target.ID, Cmd: r.Name, D: append([]byte(nil), r.Data...),
		Cid: string(r.ID), Channel: r.Channel, Session: r.Session, Guest: r.Guest, Principal: r.Principal, Dry: r.Dry,
		WithinMs: time.Until(deadline(r)).Milliseconds(), Trace: r.Trace.String()}
	if r.By != (command.Who{}) {
		q.By = wire.MarshalWho(r.By)
	}
	if r.Command != nil {
		q.Body = append([]byte(nil), r.Body[:]...)
	}
	return &pb.Parcel{Body: &pb.Parcel_Request{Request: q}}
}
