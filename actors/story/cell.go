// Package story runs the rules of a whole cell with no host, journal or clock: it
// delivers duties one after the other until nothing is owed. Tests tell stories with
// it, and random evenings.
//
// Its promise: whatever the story, each step is held to what must always be. Deciding
// changes nothing that was there before; the log, encoded and decoded, folds to the
// live state; a refusal leaves no trace; a command is answered once.
package story

import (
	"bytes"
	"cmp"
	_ "embed"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/stock"
	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/actors/table"
	"github.com/brigata/brigata/actors/wire"
)

// T is what a story needs of a test.
type T interface {
	Helper()
	Fatalf(format string, args ...any)
}

// Store is the document that stories are told of: a small menu with a combo, options,
// courses, two stations and every way to accept and to pay.
//
//go:embed store.json
var Store []byte

// Cell is all entities of one store.
type Cell struct {
	T   T
	Now time.Time
	// Happened is told of every turn that has events.
	Happened func(of command.Target, events []any)
	// Held says that an entity's duties wait; nil: none do.
	Held func(of command.Target) bool
	// Choose picks which of n duties is delivered next, or -1: none for now; nil: the first.
	Choose func(n int) int
	// Twice has every duty delivered twice: what comes again must yield nothing.
	Twice bool

	store    string
	zone     *time.Location
	entities map[command.Target]actors.Rules
	log      map[command.Target][]any
	settled  map[command.ID]any
	ids      int
}

// Noon is when stories begin, in the zone of Store a Monday's noon.
var Noon = time.Date(2026, 11, 23, 4, 0, 0, 0, time.UTC)

// stepsMax is more than any command leads to.
const stepsMax = 2000

// New opens the store of a document.
func New(t T, document []byte) *Cell {
	t.Helper()
	config, m, text, err := wire.DecodeStoreFile(document)
	if err != nil {
		t.Fatalf("%v", err)
	}
	zone, err := time.LoadLocation(config.Zone)
	if err != nil {
		t.Fatalf("%v", err)
	}
	c := &Cell{T: t, Now: Noon, store: config.ID, zone: zone, entities: map[command.Target]actors.Rules{},
		log: map[command.Target][]any{}, settled: map[command.ID]any{}}
	boss := command.Who{ID: "boss", Name: "Boss", Role: command.Manager}
	for kind, load := range map[string]command.Command{"menu": &menu.Load{Menu: m, Text: text}, "store": &store.Configure{Config: config}} {
		load.Head().By = boss
		if _, err := c.Do(command.Target{Kind: kind}, load); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
	}
	return c
}

// ID mints a command's id.
func (c *Cell) ID() command.ID {
	c.ids++
	return command.ID(fmt.Sprintf("0192f3a1-7b2c-7d3e-8f40-%012x", c.ids))
}

// Count is the command that counts a dish.
func Count(dish string, qty int64) *stock.SetCount {
	return &stock.SetCount{Ref: stock.Ref{Dish: dish}, Qty: &qty}
}

func (c *Cell) target(t command.Target) command.Target {
	if t.ID == "" {
		t.ID = c.store
	}
	return t
}

func (c *Cell) entity(t command.Target) actors.Rules {
	t = c.target(t)
	e, ok := c.entities[t]
	if !ok {
		e = actors.RulesOf(t.Kind)
		c.entities[t] = e
	}
	return e
}

// Entity is a pointer to the State of an entity, which may not exist yet. It is to be
// read only.
func (c *Cell) Entity(kind, id string) any {
	return c.entity(command.Target{Kind: kind, ID: id}).State()
}

// Session is the session that a token's has become: the one it was merged into.
func (c *Cell) Session(id string) string {
	for _, e := range c.entities {
		if s, ok := e.State().(*table.State); ok && slices.Contains(s.Session.Joined, id) {
			return s.Session.ID
		}
	}
	return id
}

// Today are the store's values as the cell attaches them to commands.
func (c *Cell) Today() *store.Today {
	tracked := map[string]bool{}
	for t, e := range c.entities {
		if s, ok := e.State().(*stock.State); ok {
			tracked[t.ID] = stock.ViewOf(*s).Tracked()
		}
	}
	t := c.Entity("store", "").(*store.State).Today(c.Entity("menu", "").(*menu.State).Menu, c.zone, tracked)
	t.Providers = []string{"stripe", "wechat"}
	return t
}

// Do takes a command and everything that follows from it. An answer that comes later
// comes with it, unless what it waits for is held.
func (c *Cell) Do(t command.Target, cmd command.Command) (any, error) {
	c.T.Helper()
	h := cmd.Head()
	if h.ID == "" {
		h.ID = c.ID()
	}
	reply, err := c.step(t, cmd)
	c.Drain()
	if _, later := reply.(command.Later); later {
		return c.Answer(h.ID)
	}
	return reply, err
}

// Answer is the answer that a command was told to wait for: Later while there is none.
func (c *Cell) Answer(id command.ID) (any, error) {
	switch x := c.settled[id].(type) {
	case nil:
		return command.Later{}, nil
	case *refusal.Refusal:
		return nil, x
	default:
		return x, nil
	}
}

func (c *Cell) snapshot(e actors.Rules) []byte {
	return wire.AppendSnapshot(nil, &wire.Snapshot{State: e.State()})
}

func (c *Cell) step(t command.Target, cmd command.Command) (any, error) {
	c.T.Helper()
	t = c.target(t)
	e := c.entity(t)
	h := cmd.Head()
	h.At = c.Now
	if h.Today = c.Today(); !h.Today.(*store.Today).Known() {
		h.Today = (store.State{Config: &store.Config{}}).Today(nil, c.zone, nil)
	}
	before := c.snapshot(e)
	events, reply, err := e.Step(cmd)
	if err != nil {
		if !bytes.Equal(before, c.snapshot(e)) {
			c.T.Fatalf("%T was refused, and changed the state of %v", cmd, t)
		}
		return nil, err
	}
	c.keep(t, e, before, events)
	if len(events) > 0 && c.Happened != nil {
		c.Happened(t, events)
	}
	if x, ok := reply.(command.Settled); ok {
		if _, twice := c.settled[x.ID]; twice {
			c.T.Fatalf("%s was answered twice", x.ID)
		}
		if c.settled[x.ID] = x.Reply; x.Refusal != nil {
			c.settled[x.ID] = x.Refusal
		}
	}
	return reply, nil
}

// keep logs a turn's events as they come back from the journal, and holds the turn to
// having changed nothing that the state before it shares, and to what replay makes.
func (c *Cell) keep(t command.Target, e actors.Rules, before []byte, events []any) {
	c.T.Helper()
	if t.Kind == "menu" {
		return // it is large, and two commands are all it has
	}
	again := actors.RulesOf(t.Kind)
	for _, x := range c.log[t] {
		again.Replay(x)
	}
	if !bytes.Equal(before, c.snapshot(again)) {
		c.T.Fatalf("a turn of %v changed what its earlier events hold", t)
	}
	for _, x := range events {
		turns, err := wire.DecodeBlock(wire.AppendTurn(nil, &wire.Turn{Events: []any{x}}))
		if err != nil {
			c.T.Fatalf("%T does not decode: %v", x, err)
		}
		c.log[t] = append(c.log[t], turns[0].Events[0])
		again.Replay(turns[0].Events[0])
	}
	if !bytes.Equal(c.snapshot(e), c.snapshot(again)) {
		c.T.Fatalf("%v: replay is\n%+v, live is\n%+v", t, again.State(), e.State())
	}
}

// Drain delivers what is owed until nothing is, in a fixed order.
func (c *Cell) Drain() {
	c.T.Helper()
	for range stepsMax {
		all := c.owed()
		next := 0
		if c.Choose != nil && len(all) > 0 {
			next = c.Choose(len(all))
		}
		if len(all) == 0 || next < 0 {
			return
		}
		from, d := all[next].from, all[next].Duty
		reply, err := c.step(d.To, actors.Delivered(d.Do))
		if c.Twice {
			c.deliverAgain(d)
		}
		a := &command.Answered{Duty: d, Reply: reply}
		if err != nil {
			if a.Refusal = refusal.Of(err); a.Refusal == nil {
				c.T.Fatalf("%v, of %T for %v", err, d.Do, d.To)
			}
		}
		if _, err := c.step(from, a); err != nil {
			c.T.Fatalf("%v refuses what became of its own %T: %v", from, d.Do, err)
		}
		if slices.ContainsFunc(c.entity(from).Owes(), func(o command.Duty) bool {
			return o.To == d.To && o.N == d.N && reflect.TypeOf(o.Do) == reflect.TypeOf(d.Do)
		}) {
			c.T.Fatalf("%v was answered, and still owes %T to %v", from, d.Do, d.To)
		}
	}
	c.T.Fatalf("there is no end to what is owed")
}

// deliverAgain gives a duty's receiver what it has had. A number is the exception: one
// that is asked for twice is skipped.
func (c *Cell) deliverAgain(d command.Duty) {
	c.T.Helper()
	if _, number := d.Do.(*store.TakeNumber); number {
		return
	}
	had := len(c.log[c.target(d.To)])
	if _, err := c.step(d.To, actors.Delivered(d.Do)); len(c.log[c.target(d.To)]) != had {
		c.T.Fatalf("%T came to %v a second time, and made %T (%v)", d.Do, d.To, c.log[c.target(d.To)][had], err)
	}
}

// Targets lists the entities in a fixed order.
func (c *Cell) Targets() []command.Target {
	all := make([]command.Target, 0, len(c.entities))
	for t := range c.entities {
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b command.Target) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID)) })
	return all
}

type owed struct {
	from command.Target
	command.Duty
}

func (c *Cell) owed() (all []owed) {
	for _, t := range c.Targets() {
		if c.Held != nil && c.Held(t) {
			continue
		}
		for _, d := range c.entities[t].Owes() {
			all = append(all, owed{t, d})
		}
	}
	return all
}

// Wait lets time pass, and everything happen that is due by then.
func (c *Cell) Wait(by time.Duration) {
	c.T.Helper()
	until := c.Now.Add(by)
	for range stepsMax {
		next, at := command.Target{}, time.Time{}
		for _, t := range c.Targets() {
			if due := c.entities[t].Due(); !due.IsZero() && !due.After(until) && (at.IsZero() || due.Before(at)) {
				next, at = t, due
			}
		}
		if at.IsZero() {
			c.Now = until
			return
		}
		if at.After(c.Now) {
			c.Now = at
		}
		if _, err := c.step(next, &command.Tick{}); err != nil {
			c.T.Fatalf("%v refuses its tick: %v", next, err)
		}
		if again := c.entities[next].Due(); again.Equal(at) {
			c.T.Fatalf("%v is due at %v after its tick", next, at)
		}
		c.Drain()
	}
	c.T.Fatalf("ticks do not end")
}
