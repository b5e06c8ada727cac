package boards

import (
	"cmp"
	"slices"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/gateway/feed"
)

// Ask is one topic that a client wants. Subscribe sets either Got or Refusal.
type Ask struct {
	Store, Prefix string // Prefix stands before the topic's name for clients with several stores
	Kind, ID      string // of the topic: kitchen, wok
	Epoch         string // what the client holds of it; "" nothing
	Since         uint64

	Refusal *refusal.Refusal
	Got     *Subscription

	board  *board
	topic  *topic
	target command.Target // that the host must be asked for
	answer actors.Answer
	orders []string // that it must be asked for beside
}

// Name is the topic as the client calls it.
func (a *Ask) Name() string {
	if a.ID == "" {
		return a.Prefix + a.Kind
	}
	return a.Prefix + a.Kind + "." + a.ID
}

// Subscribe subscribes c to what it may see of asks. It may wait for the host, up to
// 5 s. It calls done with the stores locked: what done queues for the client comes
// before any later change.
func (b *Boards) Subscribe(c *Client, asks []Ask, done func()) {
	b.watch(asks)
	for i := range asks {
		if a := &asks[i]; a.Refusal == nil {
			b.prepare(c, a)
		}
	}
	b.readMissing(asks)
	locked := lock(asks)
	defer unlock(locked)
	for i := range asks {
		if a := &asks[i]; a.topic != nil {
			a.subscribe(c)
		}
	}
	done()
}

// watch has the views of all stores of asks come here, before anything is held of them.
func (b *Boards) watch(asks []Ask) {
	if b.config.Watch == nil {
		return
	}
	seen := map[string]*refusal.Refusal{}
	for i := range asks {
		a := &asks[i]
		if a.Refusal != nil {
			continue
		}
		no, asked := seen[a.Store]
		if !asked {
			no = b.config.Watch(a.Store)
			seen[a.Store] = no
		}
		a.Refusal = no
	}
}

var errAway = &refusal.Refusal{Code: refusal.Unavailable, Message: "The store's node does not answer; try again",
	Fields: refusal.Fields{What: "node"}, AfterMS: 1000}

// prepare holds the topic before the host is asked: a change that comes meanwhile is
// not lost.
func (b *Boards) prepare(c *Client, a *Ask) {
	today := b.config.Today(a.Store)
	if today == nil {
		if a.no(c, "store", a.Store); b.config.Exists != nil && b.config.Exists(a.Store) {
			a.Refusal = errAway
		}
		return
	}
	if !exists(today, a.Kind, a.ID) {
		a.no(c, a.Kind, a.ID)
		return
	}
	a.board = b.board(a.Store)
	a.board.mu.Lock()
	defer a.board.mu.Unlock()
	if a.Kind == "table" && c.outside() && a.board.sessions[c.Session] != a.ID {
		a.no(c, a.Kind, a.ID)
		return
	}
	a.topic = a.board.hold(a.Kind, a.ID)
	switch t := a.topic; {
	case a.Kind == "order" && t.order.view == nil,
		a.Kind == "table" && a.board.tables[a.ID].view == nil:
		a.target = command.Target{Kind: a.Kind, ID: a.ID}
	case a.Kind == "table" && t.missing:
		for _, id := range a.board.tables[a.ID].view.Orders {
			if a.board.orders[id].view == nil {
				a.orders = append(a.orders, id)
			}
		}
	}
}

// exists says that there is such a topic; of an order only the host knows.
func exists(today *store.Today, kind, id string) bool {
	switch kind {
	case "kitchen":
		_, ok := today.Station(id)
		return ok || id == allStations
	case "table":
		_, ok := today.Table(id)
		return ok
	case "order":
		return wire.IsUUID(id)
	case "dispatch", "floor", "menu", "stock", "store", "sensors", "printers", "pass", "nodes":
		return id == ""
	}
	return false
}

// no refuses: those who are told only of their own are not told what exists.
func (a *Ask) no(c *Client, kind, id string) {
	switch {
	case c.outside():
		a.Refusal = refusal.New(refusal.Forbidden, "", "Not permitted").With(refusal.Fields{Need: "topic:" + a.Kind})
	case kind == "kitchen" && id != "":
		a.Refusal = notFound("station", id)
	case id == "" || kind != "store" && kind != "table" && kind != "order":
		a.Refusal = notFound("topic", a.Name())
	default:
		a.Refusal = notFound(kind, id)
	}
}

func notFound(kind, id string) *refusal.Refusal {
	return refusal.New(refusal.NotFound, "", "There is no such "+kind).With(refusal.Fields{Kind: kind, ID: id})
}

var errNoAnswer = &refusal.Refusal{Code: refusal.Unavailable, Message: "No answer in time",
	Fields: refusal.Fields{What: "deadline"}, AfterMS: 500}

// read is a question to the host, and its answer.
type read struct {
	ask    *Ask
	target command.Target
	answer actors.Answer
}

// readMissing asks the host for everything at once, and waits.
func (b *Boards) readMissing(asks []Ask) {
	var reads []read
	for i := range asks {
		a := &asks[i]
		if a.target.Kind != "" {
			a.answer = actors.Answer{Refusal: errNoAnswer}
			reads = append(reads, read{ask: a, target: a.target})
		}
		for _, id := range a.orders {
			reads = append(reads, read{ask: a, target: command.Target{Kind: "order", ID: id}})
		}
	}
	if len(reads) == 0 {
		return
	}
	got := make(chan read, len(reads)) // who answers never waits
	for _, r := range reads {
		b.config.Read(r.ask.Store, r.target, func(x actors.Answer) {
			r.answer = x
			got <- r
		})
	}
	timer := time.NewTimer(readWithin)
	defer timer.Stop()
	for range reads {
		select {
		case r := <-got:
			if r.target == r.ask.target {
				r.ask.answer = r.answer
			} else {
				r.ask.board.fetched(r.target.ID, r.answer)
			}
		case <-timer.C:
			return
		}
	}
}

// lock takes the locks of all stores of asks, in one order for everybody.
func lock(asks []Ask) (locked []*board) {
	for i := range asks {
		if x := asks[i].board; x != nil && !slices.Contains(locked, x) {
			locked = append(locked, x)
		}
	}
	slices.SortFunc(locked, func(x, y *board) int { return cmp.Compare(x.id, y.id) })
	for _, x := range locked {
		x.mu.Lock()
	}
	return locked
}

func unlock(locked []*board) {
	for _, x := range locked {
		x.mu.Unlock()
	}
}

func (a *Ask) subscribe(c *Client) {
	b, t := a.board, a.topic
	if a.target.Kind != "" {
		b.take(a.answer)
		b.takeTable(a.ID, a.answer)
	}
	switch r := a.answer.Refusal; {
	case a.Kind == "order" && t.order.view == nil, a.Kind == "table" && b.tables[a.ID].view == nil:
		if r == nil || r.Code == refusal.NotFound || c.outside() {
			a.no(c, a.Kind, a.ID)
		} else {
			a.Refusal = r
		}
	case !b.may(c, t):
		a.no(c, a.Kind, a.ID)
	}
	if a.Refusal != nil {
		b.release(t)
		if t.holds == 0 && len(t.Keys()) == 0 {
			b.drop(t) // a guess leaves nothing behind
		}
		return
	}
	s := &Subscription{Name: a.Name(), Store: a.Store, Kind: a.Kind, client: c, board: b, topic: t}
	s.feed = feed.Subscriber{Push: c.Push, Wake: c.Wake, Audience: c.Audience, Prefix: a.Prefix}
	t.Subscribe(&s.feed)
	if c.Guest != "" && (t.kind == "table" || t.kind == "order") {
		t.guests = append(t.guests, s)
	}
	a.Got = s
}
