package actors

import (
	"github.com/brigata/brigata/actors/bill"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/mutant"
	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/payment"
	"github.com/brigata/brigata/actors/sensor"
	"github.com/brigata/brigata/actors/stock"
	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/actors/table"
)

// This file holds the known-wrong parts that are more than a condition at their place.

// decide is the rules' step, or a known-wrong one.
func (e *entity) decide(c command.Command, into []any) (events []any, reply any, err error) {
	if mutant.Any() {
		if events, reply, ok := e.misdecide(c); ok {
			return events, reply, nil
		}
	}
	if events, reply, err = e.machine.step(c, into); err == nil && mutant.Any() {
		events = e.embroider(c, events)
	}
	return events, reply, err
}

// misdecide takes a command in the rules' place.
func (e *entity) misdecide(c command.Command) (events []any, reply any, ok bool) {
	switch c := c.(type) {
	case *stock.Reserve:
		s := e.machine.state().(*stock.State)
		if _, has := s.Orders.Get(c.Order); !has && mutant.Is(mutant.StockUnchecked) && s.Exists {
			return e.also(nil, &stock.Reserved{Order: c.Order, Qty: c.Qty}), &stock.Granted{}, true
		}
	case *sensor.Note:
		if mutant.Is(mutant.ReadingTwice) {
			e.machine.state().(*sensor.State).Seq = 0
		}
	case *payment.Report:
		s := e.machine.state().(*payment.State)
		if mutant.Is(mutant.LateChargeIgnored) && c.Outcome == payment.Charged && s.Status == payment.Cancelled ||
			mutant.Is(mutant.RefundUnbooked) && c.Refund != "" {
			return nil, payment.ViewOf(*s), true
		}
	case *payment.GiveBack:
		s := e.machine.state().(*payment.State)
		if mutant.Is(mutant.RefundUnchecked) && s.Status == payment.Succeeded && s.Provider == "cash" {
			r := payment.Refund{ID: string(c.ID), Amount: c.Amount, At: c.At, Reason: c.Reason}
			return e.also(nil, &payment.GaveBack{At: c.At, By: c.By, Refund: r}), payment.ViewOf(*s), true
		}
	case *order.End:
		s := e.machine.state().(*order.State)
		if mutant.Is(mutant.FateTwice) && s.State == order.Refused && c.How == order.Cancelled {
			return e.also(nil, &order.Ended{At: c.At, By: c.By, As: c.How}), &order.EndReply{Order: s.ID, State: c.How, Refunds: []string{}}, true
		}
	case *store.TakeNumber:
		s := e.machine.state().(*store.State)
		if mutant.Every(7, mutant.NumberTwice) && s.No > 0 {
			return e.also(nil, &store.NumberTaken{Order: c.Order, No: s.No}), &store.Number{No: s.No, Date: s.Date}, true
		}
	case *table.Adopt:
		s := e.machine.state().(*table.State)
		if mutant.Is(mutant.MoveTakenTwice) {
			s.Came = nil
		}
	case *bill.Claim:
		s, isTable := e.machine.state().(*table.State)
		if isTable && mutant.Is(mutant.ClaimUnchecked) && s.Session.ID != "" && s.Session.Account.Has(c.Payment) == "" {
			p := bill.Payment{ID: c.Payment, Part: c.Part, Provider: c.Provider, State: "pending", Amount: c.Amount, Tip: c.Tip, Currency: "CNY"}
			return e.also(nil, &table.PaymentNoted{Payment: p, Allowed: s.Session.Account.Allowed}), &bill.Ack{Currency: "CNY"}, true
		}
	}
	return nil, nil, false
}

// also folds a further event.
func (e *entity) also(events []any, x any) []any {
	e.machine.replay(x)
	return append(events, x)
}

// embroider adds events that should not be, or changes what they say.
func (e *entity) embroider(c command.Command, events []any) []any {
	for _, x := range events {
		switch x := x.(type) {
		case *order.TableSaid:
			if mutant.Is(mutant.MoveFiresAgain) {
				return e.moveAll(c, events, order.Queued, order.Queued)
			}
		case *order.Moved:
			if x.To == order.Ready && mutant.Is(mutant.BumpFiresAgain) {
				return e.moveAll(c, events, order.Ready, order.Queued)
			}
			if x.To == order.Ready && mutant.Is(mutant.ReadyUnfired) {
				return e.moveAll(c, events, order.Held, order.Ready)
			}
		case *order.ItemsVoided:
			if mutant.Is(mutant.VoidFires) {
				return e.moveAll(c, events, order.Void, order.Queued)
			}
			if mutant.Is(mutant.VoidMisreckoned) {
				t := x.Totals
				t.Total++
				return e.also(events, &order.ItemsVoided{At: x.At, By: x.By, Totals: t})
			}
		case *order.LinesRefused:
			if len(x.Ask) > 0 && mutant.Is(mutant.AdditionKept) {
				k := x.Ask[0]
				k.Want, k.Rev = k.Want+1, k.Rev+1
				return e.also(events, &order.LinesRefused{Ask: []order.Take{k}})
			}
		case *order.WasPlaced:
			if !x.PayBy.IsZero() && mutant.Is(mutant.PayFirstIgnored) {
				return e.also(events, &order.WasAccepted{At: x.At})
			}
		case *order.PaymentNoted:
			if x.Payment.State == "succeeded" && mutant.Is(mutant.OrderCreditTwice) {
				p := x.Payment
				p.Amount *= 2
				return e.also(events, &order.PaymentNoted{Payment: p, Allowed: x.Allowed, Totals: x.Totals})
			}
		case *table.PaymentNoted:
			if x.Payment.Tip > 0 && mutant.Is(mutant.TipLost) {
				p := x.Payment
				p.Tip = 0
				return e.also(events, &table.PaymentNoted{Payment: p, Allowed: x.Allowed})
			}
			if x.Payment.State == "succeeded" && mutant.Is(mutant.CreditTwice) {
				p := x.Payment
				p.Amount *= 2
				return e.also(events, &table.PaymentNoted{Payment: p, Allowed: x.Allowed})
			}
			if x.Payment.Refunded > 0 && mutant.Is(mutant.RefundTwice) {
				p := x.Payment
				p.Refunded *= 2
				return e.also(events, &table.PaymentNoted{Payment: p, Allowed: x.Allowed})
			}
		case *table.Reckoned:
			if len(x.Orders) > 0 && mutant.Is(mutant.TotalOff) {
				more := &table.Reckoned{Orders: append([]table.Reckoning(nil), x.Orders...)}
				more.Orders[0].Totals.Total++
				return e.also(events, more)
			}
		}
	}
	return events
}

func (e *entity) moveAll(c command.Command, events []any, are, to order.ItemState) []any {
	s := e.machine.state().(*order.State)
	var items []string
	for l := range s.Lines {
		for i := range s.Lines[l].Items {
			if s.Lines[l].Items[i].State == are {
				items = append(items, s.Lines[l].Items[i].ID)
			}
		}
	}
	if len(items) == 0 {
		return events
	}
	return e.also(events, &order.Moved{At: c.Head().At, To: to, Items: items})
}

// forgets says that a duty is not sent, as though it were on its way.
func (e *entity) forgets(d command.Duty) bool {
	switch d.Do.(type) {
	case *bill.Credit:
		return mutant.Is(mutant.CreditLost)
	case *stock.HoldFor:
		return mutant.Is(mutant.HoldUnsent)
	case *order.Tell:
		return mutant.Every(3, mutant.DutyLost)
	case *stock.Release:
		if mutant.Is(mutant.ReleaseUnsent) {
			e.tell(&outcome{from: e, is: d, reply: &stock.Freed{}})
			return true
		}
	}
	return false
}

// crossing are the latest outcomes that entities of one life of a cell were told: the
// mutant lets them reach whoever has the name in its next life.
var crossing struct {
	cell *cell
	to   []*entity
	what []outcome
}

func (e *entity) cross(o *outcome) {
	if crossing.cell != e.cell {
		crossing.cell, crossing.to, crossing.what = e.cell, nil, nil
	}
	crossing.to, crossing.what = append(crossing.to, e), append(crossing.what, *o)
}

func (c *cell) crossed() {
	if was := crossing.cell; was != nil && was != c && was.node == c.node && was.store == c.store {
		for i, e := range crossing.to[max(0, len(crossing.to)-8):] {
			if next := c.entity(e.target, false); next != nil {
				o := crossing.what[max(0, len(crossing.to)-8)+i]
				next.tell(&o)
			}
		}
	}
	crossing.cell = nil
}

// mutated lets what a turn answers out too early, and returns what still waits.
func (g *gate) mutated(e *entity, a appended) []out {
	early := func(outs []out) []out {
		for _, o := range outs {
			o.to.Reply(o.tag, o.answer)
		}
		return nil
	}
	switch {
	case mutant.Is(mutant.ReplyEarly):
		return early(a.outs)
	case mutant.Is(mutant.GateBefore) && len(g.cuts) == 0:
		return early(a.outs)
	case mutant.Is(mutant.GateBefore):
		last := &g.cuts[len(g.cuts)-1]
		last.outs = append(last.outs, a.outs...)
		return nil
	case mutant.Is(mutant.PushUngated) && a.view != nil && g.cell.node.config.Publish != nil:
		g.cell.node.config.Publish([]View{{Store: g.cell.store, Target: e.target, V: e.seq, View: a.view, Live: a.live, At: e.at}})
	}
	return a.outs
}
