package actors

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/brigata/brigata/actors/journal"
	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/wire"
)

// OrderEvent is something that happened to an order, in words for those outside.
type OrderEvent struct {
	Order string
	Seq   int64 // the order's version after it: it rises, with gaps
	At    time.Time
	Type  string     // of OrderEventTypes
	Trace wire.Trace // of the command that led to it; zero: none
}

// OrderEventTypes lists the types that OrderEvent can have. Types are added, never
// given another meaning.
var OrderEventTypes = []string{
	"order.placed", "order.accepted", "order.added", "order.refused", "order.expired", "order.cancelled", "order.voided", "order.closed",
	"order.payment", "order.discounted", "order.rush", "order.short", "order.handed_off", "order.assigned", "order.delivery",
	"item.held", "item.fired", "item.started", "item.ready", "item.served", "item.recalled", "item.voided", "item.flagged",
}

// eventType names what e did to an order; "": nothing that is told outside.
func eventType(e any, was, is *order.View) string {
	switch e := e.(type) {
	case *order.WasPlaced:
		return "order.placed"
	case *order.WasAccepted:
		return "order.accepted"
	case *order.LinesAdded:
		return "order.added"
	case *order.Ended:
		return "order." + string(e.As)
	case *order.DiscountSet:
		return "order.discounted"
	case *order.RushSet:
		return "order.rush"
	case *order.Shorted:
		return "order.short"
	case *order.LeftPass:
		return "order.handed_off"
	case *order.DriverSet:
		return "order.assigned"
	case *order.DeliverySet:
		return "order.delivery"
	case *order.ItemsVoided:
		return "item.voided"
	case *order.DishFlagged:
		return "item.flagged"
	case *order.Moved:
		return moveType(e)
	}
	if was.Paid != is.Paid || was.Refunded != is.Refunded || was.Payment != is.Payment {
		return "order.payment"
	}
	return ""
}

func moveType(e *order.Moved) string {
	switch {
	case e.Recall:
		return "item.recalled"
	case e.To == order.Queued:
		return "item.fired"
	case e.To == order.Cooking:
		return "item.started"
	}
	return "item." + string(e.To)
}

// OrderKey names an order among those of OrderKeys.
func OrderKey(storeID, id string) string {
	k := journal.KeyOf(storeID, kinds["order"].id, id, true)
	return hex.EncodeToString(k[:])
}

// OrderKeys lists keys of a store's orders whose ids are of since or later, the latest
// first, below before ("": from the end); none: these were all.
func (a Archive) OrderKeys(ctx context.Context, storeID, before string, since time.Time) (keys []string, err error) {
	k, err := (&OrderQuery{Cursor: before}).start()
	if err != nil {
		return nil, err
	}
	list, err := a.Journal.List(ctx, storeID, kinds["order"].id, k, archivePage)
	for _, k := range list {
		if !idBefore(k, since.Add(-idSlack)) {
			keys = append(keys, hex.EncodeToString(k[:]))
		}
	}
	return keys, err
}

// OrderEvents returns what happened to an order after that version, and its version.
func (a Archive) OrderEvents(ctx context.Context, key string, after int64) (events []OrderEvent, v int64, err error) {
	var k journal.Key
	if n, err := hex.Decode(k[:], []byte(key)); err != nil || n != len(k) {
		return nil, 0, errCursor
	}
	rows, err := a.Journal.Log(ctx, k, after+1, 1)
	if err != nil || len(rows) == 0 {
		return nil, after, err
	}
	var was order.View
	v, err = a.foldOrder(ctx, k, func(t *wire.Turn, v int64, e any, s *order.State) bool {
		is := s.Shown()
		if name := eventType(e, &was, is); name != "" && v > after && s.State != order.Submitted {
			events = append(events, OrderEvent{Order: s.ID, Seq: v, At: t.At, Type: name, Trace: t.Trace})
		}
		was = *is
		return true
	})
	return events, v, err
}

// OrderAt returns an order as it stood at a version, as the staff's JSON.
func (a Archive) OrderAt(ctx context.Context, storeID, id string, seq int64) (b []byte, err error) {
	_, err = a.foldOrder(ctx, journal.KeyOf(storeID, kinds["order"].id, id, true), func(_ *wire.Turn, v int64, _ any, s *order.State) bool {
		if v == seq {
			b = wire.AppendOrder(nil, s.Shown(), wire.Staff)
		}
		return v < seq
	})
	if err == nil && b == nil {
		err = refusal.New(refusal.NotFound, "", "There is no such order").With(refusal.Fields{Kind: "order", ID: id})
	}
	return b, err
}

// foldOrder yields each event of an order with its version and the state after it, while
// yield says so, and returns the last version.
func (a Archive) foldOrder(ctx context.Context, k journal.Key, yield func(t *wire.Turn, v int64, e any, s *order.State) bool) (v int64, err error) {
	var s order.State
	for {
		rows, err := a.Journal.Log(ctx, k, v+1, historyMax)
		if err != nil || len(rows) == 0 {
			return v, err
		}
		for i := range rows {
			turns, err := wire.DecodeBlock(rows[i].Payload)
			if err != nil {
				return v, err
			}
			for t := range turns {
				for j, e := range turns[t].Events {
					x, ok := e.(order.Event)
					if !ok {
						return v, fmt.Errorf("entity %x: %T is not an order's", k, e)
					}
					s = order.Apply(s, x)
					if !yield(&turns[t], v+int64(j)+1, e, &s) {
						return v, nil
					}
				}
				v += int64(max(1, len(turns[t].Events)))
			}
		}
		if len(rows) < historyMax {
			return v, nil
		}
	}
}
