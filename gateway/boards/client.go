package boards

import (
	"slices"

	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/gateway/feed"
)

// Client is who subscribes, and what to do with what comes. Push, Wake and End are
// called under a lock: they must neither block nor call back.
type Client struct {
	Audience feed.Audience
	Guest    string                        // a guest's own id; "" for others
	Session  string                        // a guest's table session
	Partner  string                        // a partner's channel: it sees its own orders only
	Push     func(*feed.Frame) (wake bool) // see feed.Subscriber
	Wake     func()
	End      func(name, code, table string) // a subscription is over
}

// outside says that the client sees nothing but its own.
func (c *Client) outside() bool { return c.Guest != "" || c.Partner != "" }

// Subscription is a client's hold on a topic.
type Subscription struct {
	Name  string // of the topic, as the client calls it
	Store string
	Kind  string

	client *Client
	feed   feed.Subscriber
	board  *board
	topic  *topic
	over   bool
}

// Resumes says that AppendState appends what changed since, and not all.
func (s *Subscription) Resumes(epoch string, since uint64) bool { return s.topic.Resumes(epoch, since) }

// AppendState appends where the topic stands, and what the client lacks of it. It is
// for the done of Subscribe only.
func (s *Subscription) AppendState(b []byte, epoch string, since uint64) []byte {
	return s.topic.AppendState(b, s.client.Audience, epoch, since)
}

// CatchUp queues for the client, whose queue is q, what changed since that position.
func (s *Subscription) CatchUp(q *feed.Queue, since uint64) feed.Result {
	s.board.mu.Lock()
	defer s.board.mu.Unlock()
	if s.over {
		return feed.Closed
	}
	return s.topic.CatchUp(&s.feed, q, since)
}

// Unsubscribe ends the subscription; the client hears nothing more of it.
func (s *Subscription) Unsubscribe() {
	s.board.mu.Lock()
	defer s.board.mu.Unlock()
	s.leave()
}

func (s *Subscription) leave() {
	if s.over {
		return
	}
	s.over = true
	s.topic.Unsubscribe(&s.feed)
	if i := slices.Index(s.topic.guests, s); i >= 0 {
		s.topic.guests = slices.Delete(s.topic.guests, i, i+1)
	}
	s.board.release(s.topic)
}

func (b *board) end(s *Subscription, code, table string) {
	s.leave()
	s.client.End(s.Name, code, table)
}

// may says that the topic is the client's to see, as things are now.
func (b *board) may(c *Client, t *topic) bool {
	switch {
	case !c.outside():
		return true
	case t.kind == "table":
		return at(b.tables[t.id].view, c.Session)
	case t.kind == "order":
		return t.order.view != nil && b.mine(c, t.order.view)
	}
	return true
}

// mine says that an order belongs to a guest, whose session may have been merged into
// another, or to a partner.
func (b *board) mine(c *Client, o *order.View) bool {
	if c.Guest == "" {
		return c.Partner != "" && o.Channel == c.Partner
	}
	if o.Table == "" {
		return order.Mine(o, c.Session, c.Guest)
	}
	here := b.sessions[c.Session]
	return here != "" && o.Session != "" && b.sessions[o.Session] == here
}

// Mine says that the order is the client's to see.
func (b *Boards) Mine(storeID string, c *Client, o *order.View) bool {
	if !c.outside() {
		return true
	}
	if b.config.Watch != nil && b.config.Watch(storeID) != nil {
		return false
	}
	x := b.board(storeID)
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.mine(c, o)
}
