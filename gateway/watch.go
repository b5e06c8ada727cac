package gateway

import (
	"context"
	"errors"
	"io"
	"sync"

	"connectrpc.com/connect"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/wire/pb/service"
	"github.com/brigata/brigata/gateway/boards"
	"github.com/brigata/brigata/gateway/feed"
)

// watch is a stream's subscriptions: the same topics and the same bounded queue as a
// socket has. Its send is called by one goroutine at a time.
type watch struct {
	server *Server
	send   func(*service.OrderEvent) error
	out    feed.Queue
	wake   chan struct{}

	store string                  // of all its topics, and
	end   context.CancelCauseFunc // the call's

	mu   sync.Mutex
	subs map[string]*boards.Subscription
}

// watches are the streams that show boards.
type watches struct {
	mu  sync.Mutex
	all map[*watch]struct{}
}

func (x *watches) join(w *watch) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.all == nil {
		x.all = map[*watch]struct{}{}
	}
	x.all[w] = struct{}{}
}

func (x *watches) leave(w *watch) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.all, w)
}

// end ends the calls that show a store.
func (x *watches) end(store string, why *refusal.Refusal) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for w := range x.all {
		if w.store == store {
			w.end(why)
		}
	}
}

func (s *Server) newWatch(send func(*service.OrderEvent) error) *watch {
	w := &watch{server: s, send: send, wake: make(chan struct{}, 1), subs: map[string]*boards.Subscription{}}
	w.out.Init(s.limits.queue(), &s.stats.Feed)
	return w
}

// push is for the boards: it never waits.
func (w *watch) push(f *feed.Frame) (wake bool) {
	r := w.out.Push(f)
	if r == feed.Overflow && f.Topic != "" {
		r = w.out.Kick()
	}
	return r == feed.QueuedStart
}

// start has what waits sent. One at most waits: the queue says so once until it is drained.
func (w *watch) start() { w.wake <- struct{}{} }

func (w *watch) tell(f *feed.Frame) {
	if w.push(f) {
		w.start()
	}
}

// ended is for the boards: a topic is not the reader's any more.
func (w *watch) ended(name, _, _ string) {
	w.mu.Lock()
	delete(w.subs, name)
	w.mu.Unlock()
	w.out.Forget(name)
	w.tell(&feed.Frame{Body: []byte(`{"t":"` + name + `","del":true}`)})
}

// subscribe queues what the topics hold, or what the reader lacks of them.
func (w *watch) subscribe(c caller, r *service.WatchOrdersRequest) *refusal.Refusal {
	names := []string{"dispatch"}
	if len(r.Orders) > 0 {
		names = names[:0]
		for _, id := range r.Orders {
			names = append(names, "order."+id)
		}
	}
	if len(names) > w.server.limits.Subscriptions {
		return errManyTopics
	}
	storeID, bad := chooseStore(c.who, r.Store)
	if bad != nil {
		return bad
	}
	asks := make([]boards.Ask, len(names))
	for i, name := range names {
		m := subMessage{Topic: name}
		for _, held := range r.Held {
			if held.Topic == name {
				m.Epoch, m.Since = held.Epoch, held.Seq
			}
		}
		if c.who.Several() {
			m.Topic = storeID + "/" + name
		}
		if asks[i] = askFor(c.who, &m); asks[i].Refusal != nil {
			w.server.auditTopic(c.who, c.address, storeID, name, asks[i].Refusal)
			return asks[i].Refusal
		}
		asks[i].Prefix = ""
	}
	w.store, w.end = storeID, c.end
	w.server.watches.join(w) // before the boards are asked: what goes stale then is heard of
	reader := readerOf(c.who)
	reader.Push, reader.Wake, reader.End = w.push, w.start, w.ended
	w.server.boards.Subscribe(reader, asks, func() { bad = w.subscribed(c, asks) })
	return bad
}

// subscribed queues the states of topics as pushes, with their stores locked.
func (w *watch) subscribed(c caller, asks []boards.Ask) (bad *refusal.Refusal) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range asks {
		a := &asks[i]
		w.server.tellSubscribed(a)
		if a.Got == nil {
			bad = a.Refusal
			w.server.auditTopic(c.who, c.address, a.Store, a.Kind+"."+a.ID, bad)
			continue
		}
		w.subs[a.Got.Name] = a.Got
		b := append([]byte(`{"t":"`), a.Got.Name...)
		w.tell(&feed.Frame{Body: append(a.Got.AppendState(append(b, `",`...), a.Epoch, a.Since), '}')})
	}
	return bad
}

// run sends what comes until ctx or the reader is gone.
func (w *watch) run(ctx context.Context) error {
	defer w.close()
	for {
		select {
		case <-w.wake:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		for {
			b, more := w.out.Next(nil, 1) // one message at a time
			if !more {
				break
			}
			if err := w.sendAll(b); err != nil {
				return err
			}
		}
		for _, b := range w.out.Stale() {
			w.mu.Lock()
			s := w.subs[b.Topic]
			w.mu.Unlock()
			if s != nil && s.CatchUp(&w.out, b.Since) == feed.QueuedStart {
				w.start()
			}
		}
	}
}

func (w *watch) close() {
	w.server.watches.leave(w)
	w.out.Close()
	w.mu.Lock()
	subs := w.subs
	w.subs = nil
	w.mu.Unlock()
	for _, s := range subs {
		s.Unsubscribe()
	}
}

// pushed is what the feed's messages say.
type pushed struct {
	T    string         `json:"t"`
	E    string         `json:"e"`
	S    uint64         `json:"s"`
	K    string         `json:"k"`
	V    int64          `json:"v"`
	Del  bool           `json:"del"`
	Mode string         `json:"mode"`
	D    jsontext.Value `json:"d"`
	Snap []pushed       `json:"snap"`
}

// sendAll turns one message of the feed into events.
func (w *watch) sendAll(b []byte) error {
	var p pushed
	if err := json.Unmarshal(b, &p); err != nil {
		return err
	}
	entries, snapshot := p.Snap, p.Snap != nil
	if p.Mode != "" {
		snapshot = p.Mode == "snap"
		if err := json.Unmarshal(p.D, &entries); err != nil {
			return err
		}
	}
	epoch := p.E
	if epoch == "" {
		epoch = w.server.boards.Epoch()
	}
	if p.Mode == "" && p.Snap == nil {
		return w.send(p.event(p.T, epoch, false))
	}
	for i := range entries {
		if err := w.send(entries[i].event(p.T, epoch, snapshot)); err != nil {
			return err
		}
	}
	// The topic's position, also when it holds nothing.
	return w.send(&service.OrderEvent{Topic: p.T, Epoch: epoch, Seq: p.S, Snapshot: snapshot})
}

func (p *pushed) event(topic, epoch string, snapshot bool) *service.OrderEvent {
	id := p.K
	for i := range id {
		if id[i] == '/' {
			id = id[i+1:]
			break
		}
	}
	return &service.OrderEvent{Topic: topic, Epoch: epoch, Seq: p.S, Id: id, Version: p.V, Gone: p.Del, Json: p.D, Snapshot: snapshot}
}

func (o *orderService) WatchOrders(ctx context.Context, r *connect.Request[service.WatchOrdersRequest], out *connect.ServerStream[service.OrderEvent]) error {
	w := o.server.newWatch(out.Send)
	if bad := w.subscribe(callerOf(ctx), r.Msg); bad != nil {
		w.close()
		return statusOf(bad)
	}
	return w.run(ctx)
}

// Session answers commands as they are done, in no order, and sends events between. When
// the client has sent all, its commands are answered and the stream ends.
func (o *orderService) Session(ctx context.Context, x *connect.BidiStream[service.SessionRequest, service.SessionResponse]) error {
	ctx, cancel := context.WithCancelCause(ctx)
	s := &duplex{service: o, stream: x, caller: callerOf(ctx), slots: make(chan struct{}, o.server.limits.Inflight)}
	defer s.watches.Wait()
	defer cancel(nil)
	defer s.commands.Wait()
	for {
		r, err := x.Receive()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		s.handle(ctx, r)
	}
}

// duplex is one Session.
type duplex struct {
	service  *orderService
	stream   *connect.BidiStream[service.SessionRequest, service.SessionResponse]
	caller   caller
	slots    chan struct{} // commands under way
	commands sync.WaitGroup
	watches  sync.WaitGroup
	watching int // those that were begun

	mu sync.Mutex // of Send
}

func (s *duplex) send(r *service.SessionResponse) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stream.Send(r)
}

func (s *duplex) refuse(id int64, r *refusal.Refusal) error {
	return s.send(&service.SessionResponse{Id: id, Response: &service.SessionResponse_Error{Error: errorOf(r)}})
}

func (s *duplex) handle(ctx context.Context, r *service.SessionRequest) {
	switch q := r.Request.(type) {
	case *service.SessionRequest_Watch:
		if s.watching++; s.watching > s.service.server.limits.Subscriptions {
			s.refuse(r.Id, errManyTopics)
			return
		}
		w := s.service.server.newWatch(func(e *service.OrderEvent) error {
			return s.send(&service.SessionResponse{Id: r.Id, Response: &service.SessionResponse_Event{Event: e}})
		})
		if bad := w.subscribe(s.caller, q.Watch); bad != nil {
			w.close()
			s.refuse(r.Id, bad)
			return
		}
		s.watches.Go(func() { w.run(ctx) })
	case *service.SessionRequest_Place:
		s.command(ctx, r.Id, placeMessage(q.Place))
	case *service.SessionRequest_Command:
		c := q.Command
		d := jsontext.Value(c.D)
		if len(d) == 0 {
			d = jsontext.Value("{}")
		}
		s.command(ctx, r.Id, &message{Cmd: c.Cmd, CID: c.Cid, Store: c.Store, D: d, Dry: c.Dry, DeadlineMS: c.DeadlineMs})
	default:
		s.refuse(r.Id, errNoMessage)
	}
}

func (s *duplex) command(ctx context.Context, id int64, m *message) {
	select {
	case s.slots <- struct{}{}:
	default:
		s.refuse(id, errInflight)
		return
	}
	s.commands.Go(func() {
		defer func() { <-s.slots }()
		a := s.service.command(ctx, s.caller, m)
		if a.Refusal != nil {
			s.refuse(id, a.Refusal)
			return
		}
		s.send(&service.SessionResponse{Id: id, Response: &service.SessionResponse_Done{Done: &service.Done{Version: a.V, Duplicate: a.Dup, Json: a.D}}})
	})
}
