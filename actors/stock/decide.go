package stock

import (
	"fmt"
	"strings"
	"time"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/store"
)

// Decide answers a command with the events that follow from it, or a refusal. What
// has come due by then comes first: the new day, deliveries, the end of an 86.
func Decide(s State, c Command) ([]Event, Reply, error) { return s.all(c) }

// all is Decide without a copy of the state, unless something has come due.
func (s *State) all(c Command) ([]Event, Reply, error) {
	events := s.overdue(c.Head())
	if len(events) == 0 {
		return s.decide(c)
	}
	now := *s
	for _, e := range events {
		now = Apply(now, e)
	}
	more, reply, err := now.decide(c)
	if err != nil {
		return nil, nil, err
	}
	return append(events, more...), reply, nil
}

// Step is Decide that leaves in s what Apply makes of its events. Copies of s that were
// made before must not be used any more: who took what is noted in place, for that is
// as large as the day was busy.
func Step(s *State, c Command) ([]Event, Reply, error) {
	events, reply, err := s.all(c)
	for _, e := range events {
		Fold(s, e)
	}
	return events, reply, err
}

// Fold is Apply in place. Copies of s that were made before must not be used any more.
func Fold(s *State, e Event) {
	switch e := e.(type) {
	case *Reserved:
		had, _ := s.Orders.Get(e.Order)
		s.Taken += e.Qty
		s.Orders.Put(e.Order, had+e.Qty)
		s.Gone = s.Gone.Without(e.Order)
	case *Released:
		had, _ := s.Orders.Get(e.Order)
		s.Taken -= had
		s.Orders = s.Orders.Without(e.Order)
		s.Gone.Put(e.Order, e.At)
	default:
		*s = Apply(*s, e)
	}
}

func (s *State) overdue(h *command.Header) (events []Event) {
	if !s.Exists || h.At.Before(s.Due()) {
		return nil
	}
	t := store.Of(h)
	if !h.At.Before(s.DayEnd) {
		events = append(events, &DayBegan{t.BusinessDate(h.At), t.DayEnd(h.At)})
	}
	for _, d := range s.Coming {
		if h.At.Before(d.At) {
			break
		}
		events = append(events, &Restocked{At: h.At, Qty: d.Qty, Due: d.At})
	}
	if s.Out && !s.OutTill.IsZero() && !h.At.Before(s.OutTill) {
		events = append(events, &CameIn{At: h.At})
	}
	return events
}

func (s *State) decide(c Command) ([]Event, Reply, error) {
	switch c := c.(type) {
	case *Reserve:
		return s.reserve(c)
	case *Release:
		return s.release(c)
	case *Return:
		had, ok := s.Orders.Get(c.Order)
		if !ok || c.Left >= had {
			return nil, &Freed{}, nil
		}
		return []Event{&Returned{c.Order, max(c.Left, 0)}}, &Freed{}, nil
	case *SetCount:
		return s.setCount(c)
	case *Restock:
		return s.restock(c)
	case *TakeOut:
		return s.takeOut(c)
	case *PutIn:
		return s.change(&c.Header, c.Ref, s.Out, &CameIn{c.At, c.By})
	case *HoldBack:
		if err := store.Of(&c.Header).NeedReason(c.Reason); err != nil {
			return nil, nil, err
		}
		return s.change(&c.Header, c.Ref, s.Hold != c.Reason, &HeldBack{At: c.At, By: c.By, Reason: c.Reason})
	case *HoldFor:
		e := &HeldBack{c.At, command.Who{ID: c.Sensor, Name: c.Sensor, Role: command.Device}, FoodSafety, c.Sensor, c.WorkOrder}
		return s.change(&c.Header, Ref{Dish: c.Dish}, s.HeldFor != c.WorkOrder, e) // once: a manager may have let it go since
	case *LetGo:
		if !c.IsManager() {
			return nil, nil, errManager
		}
		if err := store.Of(&c.Header).NeedReason(c.Reason); err != nil {
			return nil, nil, err
		}
		return s.change(&c.Header, c.Ref, s.Hold != "", &LetGone{c.At, c.By, c.Reason})
	case *Seed:
		return s.seed(c)
	case *command.Tick, *command.Answered:
		return nil, nil, nil
	}
	panic("stock: unknown command")
}

func (s *State) reserve(c *Reserve) ([]Event, Reply, error) {
	had, _ := s.Orders.Get(c.Order)
	if had >= c.Qty {
		return nil, &Granted{}, nil
	}
	if _, gone := s.Gone.Get(c.Order); gone && !c.Again {
		return nil, nil, errGone.With(refusal.Fields{Kind: "order", ID: c.Order})
	}
	switch m := s.mode(); {
	case m == Unlimited:
		return nil, &Granted{}, nil
	case m != Counted:
		return nil, nil, s.soldOut(0, c.Lines)
	case c.Qty-had > s.Count-s.Taken:
		return nil, nil, s.soldOut(s.left(), c.Lines)
	}
	return []Event{&Reserved{c.Order, c.Qty - had}}, &Granted{}, nil
}

func (s *State) soldOut(left int64, lines []string) *refusal.Refusal {
	item := refusal.Item{Left: &left, Lines: lines}
	f := refusal.Fields{Left: &left}
	if id, ok := strings.CutPrefix(s.ID, "option/"); ok {
		item.Option, f.Option = id, id
	} else {
		item.Dish = strings.TrimPrefix(s.ID, "dish/")
		f.Dish = item.Dish
	}
	f.Items = []refusal.Item{item}
	r := errSoldOut.With(f)
	name := s.Name.EN
	if name == "" {
		name = s.Name.ZH
	}
	if r.Message = name + " is sold out"; left > 0 {
		r.Message = fmt.Sprintf("Only %d %s left", left, name)
	}
	return r
}

// release notes an order that is over even where nothing was taken: its Reserve may
// still be on the way. A stock that does not count needs no such note until it does,
// and by then the order is long over.
func (s *State) release(c *Release) ([]Event, Reply, error) {
	_, has := s.Orders.Get(c.Order)
	_, gone := s.Gone.Get(c.Order)
	if !has && (gone || !s.Exists) {
		return nil, &Freed{}, nil
	}
	return []Event{&Released{c.At, c.Order}}, &Freed{}, nil
}

// made brings a stock into being with the first thing that is said of it.
func (s *State) made(h *command.Header, r Ref) ([]Event, error) {
	if s.Exists {
		return nil, nil
	}
	t := store.Of(h)
	e := &Made{ID: r.ID(), Date: t.BusinessDate(h.At), End: t.DayEnd(h.At)}
	if o, ok := t.Menu.Option(r.Option); ok && r.Option != "" {
		e.Name = o.Name
	} else if d, ok := t.Menu.Dish(r.Dish); ok && r.Dish != "" {
		e.Name = d.Name
	} else {
		kind, id, _ := strings.Cut(r.ID(), "/")
		return nil, ErrUnknown.With(refusal.Fields{Kind: kind, ID: id})
	}
	return []Event{e}, nil
}

// change does one thing unless it is done already, and replies with the level.
func (s *State) change(h *command.Header, r Ref, needed bool, e Event) ([]Event, Reply, error) {
	events, err := s.made(h, r)
	if err != nil {
		return nil, nil, err
	}
	if needed {
		events = append(events, e)
	}
	after := *s
	for _, x := range events {
		after = Apply(after, x)
	}
	return events, after.level(), nil
}

func (s *State) setCount(c *SetCount) ([]Event, Reply, error) {
	if !c.Unlimited && (c.Qty == nil || *c.Qty < 0 || *c.Qty > countMax) {
		return nil, nil, invalid("/qty", "range", 0, countMax)
	}
	e := &CountSet{At: c.At, By: c.By, Unlimited: c.Unlimited, LowAt: s.LowAt, Daily: s.Daily}
	if c.Qty != nil && !c.Unlimited {
		e.Qty = *c.Qty
	}
	for _, x := range []struct {
		at   string
		from *int64
		to   *int64
	}{{"/low_at", c.LowAt, &e.LowAt}, {"/daily", c.Daily, &e.Daily}} {
		if x.from == nil {
			continue
		}
		if *x.from < 0 || *x.from > countMax {
			return nil, nil, invalid(x.at, "range", 0, countMax)
		}
		*x.to = *x.from
	}
	if c.Unlimited {
		e.LowAt, e.Daily = 0, 0
	}
	return s.change(&c.Header, c.Ref, true, e)
}

func (s *State) restock(c *Restock) ([]Event, Reply, error) {
	if c.Qty < 1 || c.Qty > qtyMax {
		return nil, nil, invalid("/qty", "range", 1, qtyMax)
	}
	when := c.When.UTC().Truncate(time.Millisecond)
	if c.When.IsZero() || !when.After(c.At) {
		return s.change(&c.Header, c.Ref, true, &Restocked{At: c.At, By: c.By, Qty: c.Qty})
	}
	if len(s.Coming) >= comingMax {
		return nil, nil, errMany.With(refusal.Fields{Kind: "stock", ID: s.ID})
	}
	return s.change(&c.Header, c.Ref, true, &Scheduled{c.At, c.By, Delivery{when, c.Qty}})
}

func (s *State) takeOut(c *TakeOut) ([]Event, Reply, error) {
	t := store.Of(&c.Header)
	until, err := c.Until.Time(t, c.At)
	if err != nil {
		return nil, nil, err
	}
	if c.Reason != "" && !t.Reason(c.Reason) {
		return nil, nil, t.NeedReason(c.Reason)
	}
	same := s.Out && s.OutTill.Equal(until) && s.Reason == c.Reason
	events, reply, err := s.change(&c.Header, c.Ref, !same, &WentOut{c.At, c.By, until, c.Reason})
	if err != nil {
		return nil, nil, err
	}
	return events, &OutReply{reply.(*Level).Mode, store.UntilOf(until)}, nil
}

func (s *State) seed(c *Seed) ([]Event, Reply, error) {
	if s.Exists {
		return nil, &Freed{}, nil
	}
	events, err := s.made(&c.Header, Ref{c.Seed.Dish, c.Seed.Option})
	if err != nil {
		return nil, nil, err
	}
	qty := c.Seed.Qty
	events = append(events, &CountSet{At: c.At, By: c.By, Qty: qty, LowAt: c.Seed.LowAt, Daily: c.Seed.Daily})
	return events, &Freed{}, nil
}
