package actors

import (
	"bytes"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/journal"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/mutant"
	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/stock"
	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/actors/table"
)

// cell is all entities of one store, with their log and their gate.
type cell struct {
	node  *Node
	store string
	claim int64     // the activation: messages inside the cell never leave it
	since time.Time // keys at or after it that are not known are new

	today atomic.Pointer[store.Today] // what the store, its menu and its stock say now
	alias atomic.Pointer[map[string]string]

	gate gate // the log's buffers and what waits for them

	mu        sync.Mutex
	shut      bool // it has no actors for anybody any more
	closed    bool
	departure *departure // of its actors, when it leaves the node
	entities  map[command.Target]*entity
	known     map[journal.Key]struct{} // in the journal, of what is not in memory; and of some that is
	ids       map[command.ID]*entity   // of commands to entities of another id
	storeS    store.State              // what today was made of
	menuM     *menu.Menu
	tracked   map[string]bool
	held      map[string]bool // dishes whose food is held
	zone      *time.Location
}

func newCell(n *Node, storeID string) *cell {
	c := &cell{node: n, store: storeID, since: n.now().Add(-answersKept), entities: map[command.Target]*entity{},
		known: map[journal.Key]struct{}{}, ids: map[command.ID]*entity{}, tracked: map[string]bool{}, held: map[string]bool{}, zone: time.UTC}
	c.gate.cell = c
	c.alias.Store(&map[string]string{})
	c.renew(func() {})
	return c
}

// do gives a command to its entity.
func (c *cell) do(r *Request) {
	now := c.node.now()
	made := time.UnixMilli(idTime(string(r.ID)))
	switch {
	case r.ID != "" && (now.Sub(made) > idAge && !mutant.Is(mutant.OldIDsTaken) || made.Sub(now) > idAhead && !mutant.Is(mutant.FutureIDsTaken)):
		r.To.Reply(r.Tag, Answer{Refusal: errAge})
		return
	case !r.Deadline.IsZero() && now.After(r.Deadline):
		r.To.Reply(r.Tag, Answer{Refusal: errLate})
		return
	}
	e := c.entity(r.Target, true)
	if e == nil {
		r.To.Reply(r.Tag, Answer{Refusal: errMoved})
		return
	}
	if r.ID != "" && !c.reserve(r, e) {
		c.gate.pass(out{to: r.To, tag: r.Tag, answer: Answer{Refusal: errReused}})
		return
	}
	e.tell(r)
}

// reserve notes which entity an id was used for, unless it was another: an id is one
// command's, whatever it is for.
func (c *cell) reserve(r *Request, e *entity) bool {
	own := string(r.ID) == r.Target.ID
	c.mu.Lock()
	defer c.mu.Unlock()
	had, used := c.ids[r.ID]
	if used && had != e && had.target != e.target {
		return false
	}
	if own || used {
		return true
	}
	for _, k := range []string{"order", "payment"} {
		if x := c.entities[command.Target{Kind: k, ID: string(r.ID)}]; x != nil && x != e {
			return false
		}
	}
	c.ids[r.ID] = e
	return true
}

// read answers with an entity's view; what does not exist is not made for it.
func (c *cell) read(r *Request) {
	if r.Target.Kind == "table" {
		if _, ok := c.today.Load().Table(r.Target.ID); !ok {
			c.gate.pass(out{to: r.To, tag: r.Tag, answer: Answer{Refusal: notFound(r.Target)}})
			return
		}
		if e := c.entity(r.Target, true); e != nil {
			e.tell(r)
		} else {
			r.To.Reply(r.Tag, Answer{Refusal: errMoved})
		}
		return
	}
	c.existing(r)
}

func (c *cell) existing(r *Request) {
	e := c.entity(r.Target, false)
	switch {
	case e != nil:
		e.tell(r)
	case c.leaving() && !mutant.Is(mutant.ReadWhileLeaving):
		r.To.Reply(r.Tag, Answer{Refusal: errMoved}) // what is not here may be elsewhere
	default:
		c.gate.pass(out{to: r.To, tag: r.Tag, answer: Answer{Refusal: notFound(r.Target)}})
	}
}

func notFound(t command.Target) *refusal.Refusal {
	return refusal.New(refusal.NotFound, "", "There is no such "+t.Kind).With(refusal.Fields{Kind: t.Kind, ID: t.ID})
}

// entity finds an entity in memory, or has it loaded when the journal may hold it.
// One that is new is made only if create.
func (c *cell) entity(t command.Target, create bool) *entity {
	k := kinds[t.Kind]
	if k == nil {
		return nil
	}
	c.mu.Lock()
	if c.shut {
		c.mu.Unlock()
		return nil
	}
	if e := c.entities[t]; e != nil {
		c.mu.Unlock()
		return e
	}
	key := keyOf(c.store, k, t.ID)
	_, stored := c.known[key]
	if !stored && (k.lapses && create || !k.stays && idTime(t.ID) < c.since.UnixMilli()) {
		stored = true // from before, maybe: only the journal knows
	}
	if !stored && !create {
		c.mu.Unlock()
		return nil
	}
	e := newEntity(c, k, t, key)
	e.loading = stored
	e.mail = c.node.engine.Spawn(e)
	c.entities[t] = e
	c.mu.Unlock()
	if !k.stays {
		c.node.resident.Add(1)
	}
	if stored {
		e.reload(false)
	}
	return e
}

// drop takes an entity out of memory.
func (c *cell) drop(e *entity, exists bool) {
	c.mu.Lock()
	if c.entities[e.target] == e {
		delete(c.entities, e.target)
		if exists {
			c.known[e.key] = struct{}{}
		} else {
			delete(c.known, e.key)
		}
		for i := range e.answers.list {
			if id := e.answers.list[i].ID; c.ids[id] == e {
				delete(c.ids, id)
			}
		}
	}
	c.mu.Unlock()
	if !e.kind.stays {
		c.node.resident.Add(-1)
	}
	c.node.leaves(e.mail)
}

// all lists the entities in memory; in a simulation, which must repeat, by their keys.
func (c *cell) all() []*entity {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]*entity, 0, len(c.entities))
	for _, e := range c.entities {
		list = append(list, e)
	}
	if c.node.config.Threads != nil {
		slices.SortFunc(list, func(a, b *entity) int { return bytes.Compare(a.key[:], b.key[:]) })
	}
	return list
}

func (c *cell) tellAll(m any) {
	for _, e := range c.all() {
		e.tell(m)
	}
}

// close ends the cell's actors; nothing of it is written any more, and what waits is
// answered that it was not done (nil: that the cell has moved).
func (c *cell) close(answer *refusal.Refusal) {
	c.mu.Lock()
	was := c.closed
	c.shut, c.closed = true, true
	if c.departure != nil {
		c.departure.end()
	}
	c.mu.Unlock()
	if was {
		return
	}
	c.gate.shut(answer)
	for _, e := range c.all() {
		e.tell(closed{})
		c.node.leaves(e.mail) // later: what waits in it is answered first
		if !e.kind.stays {
			c.node.resident.Add(-1)
		}
	}
}

// noticed keeps the cell's own values up with what entities became.
func (c *cell) noticed(e *entity, view any) {
	switch s := e.machine.state().(type) {
	case *store.State: // only its own mailbox changes storeS
		if !s.SameValues(&c.storeS) {
			c.renew(func() { c.storeS = *s })
		}
	case *menu.State:
		if c.today.Load().Menu != s.Menu {
			c.renew(func() { c.menuM = s.Menu })
		}
	case *stock.State:
		v, _ := view.(*stock.View)
		tracked := v != nil && v.Tracked()
		c.flagged(e.target.ID, v)
		if c.today.Load().Tracked[e.target.ID] != tracked {
			c.renew(func() {
				c.tracked = maps.Clone(c.tracked)
				c.tracked[e.target.ID] = tracked
			})
		}
	case *table.State:
		c.joined(s)
	}
}

// renew makes the values that rules look up anew, after a change to what they are made of.
func (c *cell) renew(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
	if cfg := c.storeS.Config; cfg != nil && c.zone.String() != cfg.Zone {
		if z, err := c.node.config.Zone(cfg.Zone); err == nil {
			c.zone = z
		}
	}
	t := c.storeS.Today(c.menuM, c.zone, c.tracked)
	if c.node.config.Providers != nil {
		t.Providers = c.node.config.Providers(c.store)
	}
	c.today.Store(t)
}

// zoned gives a document the values of its own zone, which rules cannot look up.
func (c *cell) zoned(cfg *store.Configure) *refusal.Refusal {
	if cfg.Config == nil {
		return refusal.Faults(refusal.Fault{At: "/config", Reason: "required"})
	}
	z, err := c.node.config.Zone(cfg.Config.Zone)
	if err != nil {
		return refusal.Faults(refusal.Fault{At: "/zone", Reason: "id"})
	}
	cfg.Today = store.State{Config: cfg.Config}.Today(c.today.Load().Menu, z, nil)
	return nil
}

// joined notes which sessions were merged into a table's: their guests' tokens stay good.
func (c *cell) joined(s *table.State) {
	if len(s.Session.Joined) == 0 {
		return
	}
	was := *c.alias.Load()
	if was[s.Session.Joined[len(s.Session.Joined)-1]] == s.Session.ID {
		return
	}
	next := maps.Clone(was)
	for _, id := range s.Session.Joined {
		next[id] = s.Session.ID
	}
	c.alias.Store(&next)
}

// session is the session that a guest's token is good for now.
func (c *cell) session(id string) string {
	if id == "" {
		return ""
	}
	if now, ok := (*c.alias.Load())[id]; ok {
		return now
	}
	return id
}

// previewPlace prices an order that is not placed, and says what is sold out now.
func (c *cell) previewPlace(r *Request) {
	place, ok := r.Command.(*order.Place)
	if !ok {
		r.To.Reply(r.Tag, Answer{Refusal: errNoDry})
		return
	}
	t := c.today.Load()
	fill(place.Head(), r, c, c.node.now())
	if place.Cart != nil {
		c.previewCart(place)
	}
	reply, asks, err := order.Preview(t, place)
	if err == nil {
		err = c.soldOut(asks)
	}
	c.gate.pass(out{to: r.To, tag: r.Tag, answer: replyTo(reply, err)})
}

func (c *cell) previewCart(place *order.Place) {
	c.mu.Lock()
	e := c.entities[command.Target{Kind: "table", ID: place.Table}]
	c.mu.Unlock()
	place.Cart = nil
	place.Lines = []menu.Line{}
	if e == nil {
		return
	}
	if v, ok := e.shown.Load().(*table.View); ok {
		for i := range v.Cart.Lines {
			place.Lines = append(place.Lines, v.Cart.Lines[i].Line)
		}
	}
}

// soldOut says whether stock, as it stands, would refuse what is asked.
func (c *cell) soldOut(asks []order.Take) error {
	for _, a := range asks {
		c.mu.Lock()
		e := c.entities[command.Target{Kind: "stock", ID: a.Stock}]
		c.mu.Unlock()
		if e == nil {
			continue
		}
		v, ok := e.shown.Load().(*stock.View)
		if !ok || v.Mode == stock.Unlimited || v.Mode == stock.Counted && v.Left >= a.Want-a.Had {
			continue
		}
		return order.SoldOut(c.today.Load().Menu, a.Stock, v.Left)
	}
	return nil
}
