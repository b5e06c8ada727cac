package actors

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/brigata/brigata/actors/bill"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/payment"
	"github.com/brigata/brigata/actors/printer"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/sensor"
	"github.com/brigata/brigata/actors/stock"
	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/actors/table"
	"github.com/brigata/brigata/actors/workorder"
)

// kind is one kind of entity: its number in the journal and its rules.
type kind struct {
	name string
	id   uint8
	// stays says that entities of this kind stay in memory as long as their cell is
	// open: one that is not there does not exist. Others are found by their key.
	stays bool
	// lapses says of a kind that stays that an entity of it may be over. It is not loaded with
	// its cell then, and looked for in the journal before one of its name is made.
	lapses bool
	make   func() machine
}

// machine is one entity's rules with its state. It belongs to the entity's mailbox.
type machine interface {
	// step takes a command: it returns the events that follow, appended to into, and has
	// folded them.
	step(c command.Command, into []any) (events []any, reply any, err error)
	// replay folds an event of the journal.
	replay(e any)
	// restore is replay for an entity that is being loaded: nobody has seen its state yet.
	restore(e any)
	owes() []command.Duty
	due() time.Time
	// view is nil while there is nothing that others may see.
	view(t *store.Today, id string) any
	// live says that the entity is loaded when its cell opens.
	live() bool
	state() any
	// preview answers a command without doing it.
	preview(t *store.Today, c command.Command) (reply any, err error)
}

var kinds = map[string]*kind{
	"store":   {"store", 1, true, false, of(&storeRules)},
	"menu":    {"menu", 2, true, false, of(&menuRules)},
	"stock":   {"stock", 3, true, false, of(&stockRules)},
	"table":   {"table", 4, true, false, of(&tableRules)},
	"order":   {"order", 5, false, false, of(&orderRules)},
	"payment": {"payment", 6, false, false, of(&paymentRules)},
	"printer": {"printer", 7, true, false, of(&printerRules)},

	"sensor":    {"sensor", 8, true, true, of(&sensorRules)},
	"workorder": {"workorder", 9, false, false, of(&workorderRules)},
}

var kindsByID = func() map[uint8]*kind {
	m := map[uint8]*kind{}
	for _, k := range kinds {
		m[k.id] = k
	}
	return m
}()

// Kinds lists the names of the kinds of entities.
func Kinds() []string { return slices.Sorted(maps.Keys(kinds)) }

// seven are the names that every kind has, as values.
type seven[S, E any] struct {
	decide  func(S, command.Command) ([]E, any, error)
	step    func(*S, command.Command) ([]E, any, error) // nil: decide, then apply
	apply   func(S, E) S
	fold    func(*S, E) // apply in place, for a state that nobody has a copy of; nil: apply
	owes    func(*S) []command.Duty
	due     func(*S) time.Time
	view    func(s *S, t *store.Today, id string) any
	lends   bool // a view may be part of the state, not a copy
	live    func(*S) bool
	preview func(*S, *store.Today, command.Command) (any, error)
}

// at makes a function of a state one of where it stands. Large states have their own.
func at[S, R any](f func(S) R) func(*S) R { return func(s *S) R { return f(*s) } }

// rules joins a kind's seven names with a state.
type rules[S, E any] struct {
	of *seven[S, E]
	s  *S
	// lent says that a view shows the state itself, which is then left as it is: a copy changes.
	lent bool
}

func of[S, E any](k *seven[S, E]) func() machine {
	return func() machine { return &rules[S, E]{of: k, s: new(S)} }
}

// own makes the state one that nobody else looks at.
func (r *rules[S, E]) own() {
	if r.lent {
		s := *r.s
		r.s, r.lent = &s, false
	}
}

func (r *rules[S, E]) step(c command.Command, into []any) ([]any, any, error) {
	r.own()
	events, reply, err := r.take(c)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range events {
		into = append(into, e)
	}
	return into, reply, nil
}

func (r *rules[S, E]) take(c command.Command) ([]E, any, error) {
	if r.of.step != nil {
		return r.of.step(r.s, c)
	}
	events, reply, err := r.of.decide(*r.s, c)
	for _, e := range events {
		*r.s = r.of.apply(*r.s, e)
	}
	return events, reply, err
}

func (r *rules[S, E]) replay(e any) {
	x, ok := e.(E)
	if !ok {
		panic(fmt.Sprintf("actors: %T is not an event of this kind", e))
	}
	r.own()
	*r.s = r.of.apply(*r.s, x)
}

func (r *rules[S, E]) restore(e any) {
	if x, ok := e.(E); ok && r.of.fold != nil {
		r.of.fold(r.s, x)
	} else {
		r.replay(e)
	}
}

func (r *rules[S, E]) owes() []command.Duty { return r.of.owes(r.s) }
func (r *rules[S, E]) due() time.Time       { return r.of.due(r.s) }
func (r *rules[S, E]) live() bool           { return r.of.live(r.s) }
func (r *rules[S, E]) state() any           { return r.s }

func (r *rules[S, E]) view(t *store.Today, id string) any {
	v := r.of.view(r.s, t, id)
	r.lent = r.lent || r.of.lends && v != nil
	return v
}

func (r *rules[S, E]) preview(t *store.Today, c command.Command) (any, error) {
	if r.of.preview == nil {
		return nil, errNoDry
	}
	return r.of.preview(r.s, t, c)
}

var errNoDry = refusal.New(refusal.BadRequest, "type", "This command cannot be tried").With(refusal.Fields{At: "/dry"})

func always[S any](*S) bool { return true }

var storeRules = seven[store.State, store.Event]{decide: store.Decide, step: store.Step, apply: store.Apply, owes: (*store.State).Owes, due: (*store.State).Due,
	live: always[store.State],
	view: func(s *store.State, t *store.Today, _ string) any {
		if s.Config == nil {
			return nil
		}
		return s.View(t.Providers)
	}}

var menuRules = seven[menu.State, menu.Event]{decide: menu.Decide, apply: menu.Apply, owes: at(menu.Owes), due: at(menu.Due),
	live: always[menu.State],
	view: func(s *menu.State, _ *store.Today, _ string) any { return menu.ViewOf(*s) }}

var stockRules = seven[stock.State, stock.Event]{decide: stock.Decide, step: stock.Step, apply: stock.Apply, fold: stock.Fold, owes: (*stock.State).Owes, due: (*stock.State).Due,
	live: always[stock.State],
	view: func(s *stock.State, _ *store.Today, _ string) any {
		if !s.Exists {
			return nil
		}
		return s.View()
	}}

var tableRules = seven[table.State, table.Event]{decide: table.Decide, step: table.Step, apply: table.Apply, owes: at(table.Owes), due: at(table.Due),
	live: always[table.State],
	view: func(s *table.State, t *store.Today, id string) any { return tableView(*s, t, id) },
	preview: func(s *table.State, t *store.Today, c command.Command) (any, error) {
		if split, ok := c.(*table.SplitBill); ok {
			return billOrError(table.PreviewSplit(t, *s, split))
		}
		return nil, errNoDry
	}}

// tableView completes a table's view with what the store's document says of it.
func tableView(s table.State, t *store.Today, id string) any {
	if _, ok := t.Table(id); !ok && s.Session.ID == "" {
		return nil // somebody asked for a table that is not on the floor
	}
	v := table.ViewOf(s).WithBill(t.Config.Currency, t.Config.Tax.Included)
	v.ID, v.Name = id, id
	if at, ok := t.Table(id); ok {
		v.Area = at.Area
	}
	return v
}

func billOrError(v *bill.View, err error) (any, error) { return v, err }

var orderRules = seven[order.State, order.Event]{decide: order.Decide, step: order.Step, apply: order.Apply, owes: (*order.State).Owes, due: (*order.State).Due,
	live: func(s *order.State) bool { return s.ID != "" && !s.Over() },
	view: func(s *order.State, _ *store.Today, _ string) any {
		if s.ID == "" || s.State == order.Submitted {
			return nil
		}
		return s.Shown()
	},
	lends: true,
	preview: func(s *order.State, t *store.Today, c command.Command) (any, error) {
		switch c := c.(type) {
		case *order.Add:
			reply, _, err := order.PreviewAdd(*s, c)
			return reply, err
		case *order.SplitBill:
			_, reply, err := order.Decide(*s, c)
			return reply, err
		}
		return nil, errNoDry
	}}

var paymentRules = seven[payment.State, payment.Event]{decide: payment.Decide, apply: payment.Apply, owes: at(payment.Owes), due: at(payment.Due),
	live: func(s *payment.State) bool { return !s.Over() },
	view: func(s *payment.State, _ *store.Today, _ string) any {
		if s.ID == "" || s.Status == payment.Created && !s.Claimed {
			return nil
		}
		return payment.ViewOf(*s)
	}}

var sensorRules = seven[sensor.State, sensor.Event]{decide: sensor.Decide, apply: sensor.Apply, owes: at(sensor.Owes), due: at(sensor.Due),
	live: func(s *sensor.State) bool { return s.Exists || len(sensor.Owes(*s)) > 0 },
	view: func(s *sensor.State, _ *store.Today, _ string) any {
		if !s.Exists {
			return nil
		}
		return sensor.ViewOf(*s)
	},
	preview: func(s *sensor.State, _ *store.Today, c command.Command) (any, error) {
		if q, ok := c.(*sensor.Query); ok {
			return previewOrError(sensor.Preview(*s, q))
		}
		return nil, errNoDry
	}}

func previewOrError(r *sensor.SeriesReply, err error) (any, error) { return r, err }

var workorderRules = seven[workorder.State, workorder.Event]{decide: workorder.Decide, apply: workorder.Apply, owes: at(workorder.Owes), due: at(workorder.Due),
	live: func(s *workorder.State) bool { return s.ID != "" && s.Status != workorder.Finished },
	view: func(s *workorder.State, _ *store.Today, _ string) any {
		if s.ID == "" {
			return nil
		}
		return workorder.ViewOf(*s)
	}}

var printerRules = seven[printer.State, printer.Event]{decide: printer.Decide, apply: printer.Apply, owes: at(printer.Owes), due: at(printer.Due),
	live: always[printer.State],
	view: func(s *printer.State, _ *store.Today, _ string) any {
		if s.ID == "" {
			return nil
		}
		return printer.ViewOf(*s)
	}}
