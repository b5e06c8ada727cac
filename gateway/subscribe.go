package gateway

import (
	"slices"
	"strconv"
	"strings"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/gateway/auth"
	"github.com/brigata/brigata/gateway/boards"
	"github.com/brigata/brigata/gateway/feed"
)

var (
	errTwice         = refusal.New(refusal.BadRequest, "type", "A topic comes twice").With(refusal.Fields{At: "/sub"})
	errManyTopics    = refusal.Faults(refusal.Fault{At: "/sub", Reason: "too_many"})
	errNoTopicPrefix = refusal.New(refusal.BadRequest, "missing", "The token names several stores: topics are <store>/<topic>").With(refusal.Fields{At: "/sub"})
)

// readerOf is what who may see, without a way to it.
func readerOf(who *auth.Principal) *boards.Client {
	r := &boards.Client{Guest: who.Guest(), Session: who.Session}
	if who.IsChannel() {
		r.Partner = who.Channel
	}
	if who.IsGuest() || who.IsChannel() {
		r.Audience = feed.Guest
	}
	return r
}

func (c *session) newReader(who *auth.Principal) *boards.Client {
	r := readerOf(who)
	r.Push, r.Wake, r.End = c.push, c.wake, c.ended
	return r
}

// ended tells the client that a topic is not its own any more.
func (c *session) ended(name, code, table string) {
	c.mu.Lock()
	delete(c.subs, name)
	c.mu.Unlock()
	c.out.Forget(name)
	b := wire.AppendString([]byte(`{"t":`), name)
	b = wire.AppendString(append(b, `,"end":{"code":`...), code)
	if table != "" {
		b = wire.AppendString(append(b, `,"table":`...), table)
	}
	c.reply(append(b, "}}"...))
}

// subscribe answers what topics are now, or what the client lacks of those it holds.
func (c *session) subscribe(who *auth.Principal, m *message) {
	asks := make([]boards.Ask, len(m.Sub))
	for i := range m.Sub {
		if slices.ContainsFunc(m.Sub[:i], func(x subMessage) bool { return x.Topic == m.Sub[i].Topic }) {
			c.refuse(m.ID, errTwice)
			return
		}
		asks[i] = askFor(who, &m.Sub[i])
	}
	for i := range m.Sub {
		c.forget(m.Sub[i].Topic) // once more is a resume
	}
	c.mu.Lock()
	reader, room := c.reader, c.server.limits.Subscriptions-len(c.subs)
	c.mu.Unlock()
	for i := range asks {
		if asks[i].Refusal != nil {
			continue
		}
		if room--; room < 0 {
			asks[i].Refusal = errManyTopics
		}
	}
	c.server.boards.Subscribe(reader, asks, func() { c.subscribed(m, asks) })
}

// askFor reads a topic's name, and looks up whether who may subscribe to any such topic.
func askFor(who *auth.Principal, m *subMessage) boards.Ask {
	a := boards.Ask{Store: who.Stores[0], Epoch: m.Epoch, Since: m.Since}
	name := m.Topic
	if who.Several() {
		var ok bool
		if a.Store, name, ok = strings.Cut(name, "/"); !ok {
			a.Refusal = errNoTopicPrefix
			return a
		}
		a.Prefix = a.Store + "/"
	}
	a.Kind, a.ID, _ = strings.Cut(name, ".")
	permission := "topic:" + a.Kind
	switch {
	case !who.In(a.Store):
		a.Refusal = forbidden("store:" + a.Store)
	case !auth.Known(permission) && !who.IsGuest() && !who.IsChannel():
		a.Refusal = notFound("topic", m.Topic)
	case !who.May(permission):
		a.Refusal = forbidden(permission)
	}
	return a
}

// subscribed queues the answer, with the stores of asks locked.
func (c *session) subscribed(m *message, asks []boards.Ask) {
	b := strconv.AppendInt([]byte(`{"id":`), m.ID, 10)
	b = append(b, `,"ok":{"subs":[`...)
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range asks {
		a := &asks[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = wire.AppendString(append(b, `{"t":`...), m.Sub[i].Topic)
		b = append(b, ',')
		c.server.tellSubscribed(a)
		if a.Got == nil {
			c.server.auditTopic(c.who, c.address, a.Store, m.Sub[i].Topic, a.Refusal)
			b = append(wire.AppendRefusal(append(b, `"err":`...), a.Refusal), '}')
			continue
		}
		if c.subs == nil {
			c.subs = map[string]*boards.Subscription{}
		}
		c.subs[a.Got.Name] = a.Got
		b = append(a.Got.AppendState(b, a.Epoch, a.Since), '}')
	}
	c.reply(append(b, "]}}"...))
}

// forget gives a topic up; false if the client did not hold it.
func (c *session) forget(name string) {
	c.mu.Lock()
	s := c.subs[name]
	delete(c.subs, name)
	c.mu.Unlock()
	if s != nil {
		s.Unsubscribe()
	}
	c.out.Forget(name)
}

func (c *session) unsubscribe(m *message) {
	for _, name := range m.Unsub {
		c.forget(name)
	}
	c.reply(append(strconv.AppendInt([]byte(`{"id":`), m.ID, 10), `,"ok":{}}`...))
}

func (c *session) unsubscribeAll() {
	c.mu.Lock()
	subs := c.subs
	c.subs = nil
	c.mu.Unlock()
	for _, s := range subs {
		s.Unsubscribe()
	}
}

// dropForbidden ends what a newer token does not permit any more.
func (c *session) dropForbidden(who *auth.Principal, before *boards.Client) {
	c.mu.Lock()
	other := c.reader.Session != before.Session || c.reader.Partner != before.Partner
	var lost []*boards.Subscription
	for _, s := range c.subs {
		if !who.In(s.Store) || !who.May("topic:"+s.Kind) || other && (s.Kind == "table" || s.Kind == "order") {
			lost = append(lost, s)
		}
	}
	c.mu.Unlock()
	for _, s := range lost {
		s.Unsubscribe()
		c.ended(s.Name, "forbidden", "")
	}
}

// catchUp queues what a client lacks of a topic with which it fell behind.
func (c *session) catchUp(b feed.Behind) {
	c.mu.Lock()
	s := c.subs[b.Topic]
	c.mu.Unlock()
	if s == nil {
		c.out.Forget(b.Topic)
		return
	}
	if s.CatchUp(&c.out, b.Since) == feed.QueuedStart {
		c.wake()
	}
}

// replier is a function that takes an answer.
type replier func(actors.Answer)

func (f replier) Reply(_ int64, a actors.Answer) { f(a) }

// readFor asks the engine for a view, for the boards.
func (s *Server) readFor(storeID string, t command.Target, got func(actors.Answer)) {
	s.config.Engine.Do(&actors.Request{Store: storeID, Target: t, Deadline: s.now().Add(deadlineDefault), To: replier(got)})
}
