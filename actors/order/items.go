package order

import (
	"slices"

	"github.com/brigata/brigata/actors/bill"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/store"
)

func storeOf(c Command) *store.Today { return store.Of(c.Head()) }

// step says what a change does to an item in a state: go, stay (it is there already),
// or no.
type step int

const (
	no step = iota
	stay
	goes
)

// steps is the item's diagram, by target state; recall is told apart.
var steps = map[ItemState]map[ItemState]step{
	Held:    {Held: stay, Queued: goes},
	Queued:  {Held: goes, Queued: stay, Cooking: stay, Ready: stay, Served: stay},
	Cooking: {Queued: goes, Cooking: stay, Ready: stay, Served: stay},
	Ready:   {Queued: goes, Cooking: goes, Ready: stay, Served: stay, Void: stay},
	Served:  {Ready: goes, Served: stay},
}

var recall = map[ItemState]step{Cooking: stay, Ready: goes, Served: goes}

func (s *State) item(id string) *Item {
	for l := range s.Lines {
		for i := range s.Lines[l].Items {
			if s.Lines[l].Items[i].ID == id {
				return &s.Lines[l].Items[i]
			}
		}
	}
	return nil
}

func unknownItem(id string) error {
	return refusal.New(refusal.NotFound, "", "The order has no such item").With(refusal.Fields{Kind: "item", ID: id})
}

// change moves items; a list is all or nothing.
func (t *turn) change(c *Change) (Reply, error) {
	seeing := c.To == Ready && t.s.State == Voided // the kitchen takes note of what is off
	if err := t.in(Accepted); err != nil && !seeing {
		return nil, err
	}
	table := steps[c.To]
	if c.Recall {
		table = recall
	}
	named := len(c.Items) > 0
	if !named && c.Course == nil && c.Station == "" {
		return nil, invalid("/items", "required")
	}
	ids := c.Items
	if !named {
		ids = t.s.every(func(i *Item) bool {
			return i.live() && (c.Course == nil || *c.Course == i.Course) && (c.Station == "" || slices.Contains(i.Stations, c.Station))
		})
	}
	var moves, seen []string
	var wrong []refusal.Item
	for _, id := range ids {
		i := t.s.item(id)
		if i == nil {
			return nil, unknownItem(id)
		}
		switch does := table[i.State]; {
		case does == goes && !slices.Contains(moves, id):
			moves = append(moves, id)
		case i.State == Void && does == stay && !i.Bumped:
			seen = append(seen, id)
		case does == no && named:
			wrong = append(wrong, refusal.Item{ID: id, State: string(i.State)})
		}
	}
	if wrong != nil {
		return nil, errItemState.With(refusal.Fields{Kind: "item", ID: wrong[0].ID, State: wrong[0].State, Items: wrong})
	}
	if moves != nil {
		t.do(&Moved{At: c.At, By: c.By, To: c.To, Recall: c.Recall, Items: moves})
	}
	if seen != nil {
		t.do(&VoidSeen{seen})
	}
	return t.itemsReply(ids), nil
}

func (t *turn) itemsReply(ids []string) *ItemsReply {
	r := &ItemsReply{Order: t.s.ID, Items: make([]ItemChanged, 0, len(ids))}
	for _, id := range ids {
		i := t.s.item(id)
		r.Items = append(r.Items, ItemChanged{i.ID, i.State, i.FireSeq})
	}
	return r
}

// voidItems takes items off: what was never fired by any of the staff, what was by a
// manager.
func (t *turn) voidItems(c *VoidItems) (Reply, error) {
	if err := t.in(Placed, Accepted); err != nil {
		return nil, err
	}
	switch {
	case len(c.Items) == 0:
		return nil, invalid("/items", "required")
	case c.Qty < 0 || c.Qty > 0 && len(c.Items) != 1:
		return nil, invalid("/qty", "range")
	}
	if err := t.today.NeedReason(c.Reason); err != nil {
		return nil, err
	}
	e := &ItemsVoided{At: c.At, By: c.By, Reason: c.Reason, Note: c.Note}
	for _, id := range c.Items {
		i := t.s.item(id)
		if i == nil {
			return nil, unknownItem(id)
		}
		left := i.Qty - i.VoidQty
		switch {
		case i.FireSeq > 0 && !c.IsManager():
			return nil, need(errManager, "order.void")
		case c.Qty > left:
			return nil, between("/qty", 1, int64(left))
		case left == 0 || slices.ContainsFunc(e.Items, func(v VoidedItem) bool { return v.ID == id }):
			continue
		case c.Qty > 0:
			left = c.Qty
		}
		e.Items = append(e.Items, VoidedItem{id, left})
	}
	if e.Items != nil {
		t.reckonVoid(e)
		t.do(e)
	}
	r := t.itemsReply(c.Items)
	total := t.s.Total
	r.Total = &total
	return r, nil
}

// reckonVoid adds what follows from voided items: the new totals, and the stock of
// portions that were never fired.
func (t *turn) reckonVoid(e *ItemsVoided) {
	after := Apply(*t.s, e)
	for l := range after.Lines {
		was, is := &t.s.Lines[l], &after.Lines[l]
		if more := is.VoidQty - was.VoidQty; more > 0 && !is.everFired() {
			e.Return = append(e.Return, Return{is.ID, more})
		}
	}
	e.Totals = bill.Total(t.today, t.s.Type, t.s.Guests, after.billLines(), t.s.Off).Less(t.s.Allowed)
	if e.Return == nil {
		return
	}
	after = Apply(*t.s, e)
	for _, k := range t.s.Takes {
		if want := after.wanted(k.Stock); want < k.Want {
			e.Ask = append(e.Ask, Take{Stock: k.Stock, Want: want, Rev: k.Rev + 1, Back: true})
		}
	}
}
