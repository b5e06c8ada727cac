package wire

import (
	"fmt"
	"time"

	"github.com/brigata/brigata/actors/bill"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/payment"
	"github.com/brigata/brigata/actors/printer"
	"github.com/brigata/brigata/actors/sensor"
	"github.com/brigata/brigata/actors/stock"
	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/actors/table"
	"github.com/brigata/brigata/actors/workorder"
)

// AppendReply appends what stands under ok.d.
func AppendReply(b []byte, reply any) []byte {
	switch r := reply.(type) {
	case nil:
		return append(b, "{}"...)
	case *order.PlaceReply:
		return appendPlaceReply(b, r)
	case *order.ItemsReply:
		return appendItemsReply(b, r)
	case *payment.View:
		return AppendPayment(b, r, Staff)
	}
	return appendAny(b, reply)
}

// AppendView appends an entity's view as its audience may see it.
func AppendView(b []byte, view any, a Audience) []byte {
	switch v := view.(type) {
	case *order.View:
		return AppendOrder(b, v, a)
	case *table.View:
		return AppendTable(b, v, a)
	case *payment.View:
		return AppendPayment(b, v, a)
	case *stock.View, *store.View, *bill.View, *sensor.View, *workorder.View, *printer.View:
		return appendAny(b, v)
	case *menu.View:
		return appendAny(b, v)
	}
	panic(fmt.Sprintf("wire: unknown view %T", view))
}

// AppendPayment appends a payment; guests are not told who took it, under which
// reference, or why some of it went back.
func AppendPayment(b []byte, v *payment.View, a Audience) []byte {
	if a == Guests {
		c := *v
		c.By, c.Reference, c.Refunds = nil, "", nil
		for _, r := range v.Refunds {
			r.Reason = ""
			c.Refunds = append(c.Refunds, r)
		}
		v = &c
	}
	return appendAny(b, v)
}

// AppendTable appends a table with its cart and bill.
func AppendTable(b []byte, v *table.View, a Audience) []byte {
	o := begin(b)
	o.str("id", v.ID)
	o.str("name", v.Name)
	o.str("area", v.Area)
	o.str("state", string(v.State))
	o.optStr("session", v.Session)
	o.optTime("seated_at", v.SeatedAt)
	o.optInt("guests", int64(v.Guests))
	o.who("server", v.Server, a)
	list(&o, "people", v.People, func(b []byte, p *table.Person) []byte {
		o := begin(b)
		o.str("guest", p.Guest)
		o.str("name", p.Name)
		o.int("color", int64(p.Color))
		return o.end()
	})
	o.key("cart")
	cart := begin(o.b)
	cart.int("cart_v", v.Cart.V)
	cart.int("subtotal", v.Cart.Subtotal)
	list(&cart, "lines", v.Cart.Lines, appendCartLine)
	o.b = cart.end()
	list(&o, "calls", v.Calls, appendCall)
	if v.Bill != nil {
		o.key("bill")
		o.b = appendAny(o.b, v.Bill)
	}
	return o.end()
}

func appendCartLine(b []byte, l *table.CartLine) []byte {
	o := begin(b)
	o.str("id", l.ID)
	o.optStr("guest", l.Guest)
	o.str("dish", l.Dish)
	o.text("name", l.Name)
	o.int("qty", int64(l.Qty))
	o.int("unit_price", l.UnitPrice)
	o.int("amount", l.Amount)
	o.optInt("seat", int64(l.Seat))
	if l.Course != nil {
		o.int("course", int64(*l.Course))
	}
	if l.Hold {
		o.bool("hold", true)
	}
	o.optStr("note", l.Note)
	list(&o, "options", l.Options, appendOption)
	list(&o, "parts", l.Parts, appendPart)
	o.strs("allergies", l.Allergies)
	return o.end()
}

func appendCall(b []byte, c *table.Call) []byte {
	o := begin(b)
	o.str("id", c.ID)
	o.str("kind", c.Kind)
	o.optStr("note", c.Note)
	o.str("by", c.By)
	o.optTime("at", c.At)
	o.optTime("acked_at", c.AckedAt)
	o.optStr("acked_by", c.AckedBy)
	return o.end()
}

// AppendFloor appends a table as the floor shows it; t is its place in the store's
// document.
func AppendFloor(b []byte, v *table.View, t *store.Table, currency string, now time.Time) []byte {
	o := begin(b)
	o.str("id", t.ID)
	o.str("name", t.ID)
	o.str("area", t.Area)
	o.int("seats", int64(t.Seats))
	o.int("x", int64(t.X))
	o.int("y", int64(t.Y))
	o.int("w", int64(t.W))
	o.int("h", int64(t.H))
	o.str("shape", t.Shape)
	o.str("state", string(v.State))
	o.optStr("phase", v.Phase)
	o.optStr("session", v.Session)
	o.optInt("guests", int64(v.Guests))
	o.optTime("seated_at", v.SeatedAt)
	o.who("server", v.Server, Staff)
	o.int("orders", int64(len(v.Orders)))
	o.key("items")
	o.b = appendAny(o.b, &v.Items)
	o.bool("late", !v.LateAt.IsZero() && now.After(v.LateAt))
	o.str("currency", currency)
	due := int64(0)
	if v.Bill != nil {
		due = v.Bill.Due
	}
	o.int("due", due)
	list(&o, "calls", v.Calls, appendCall)
	return o.end()
}

// AppendAvailability appends what guests see of a stock.
func AppendAvailability(b []byte, v *stock.View) []byte {
	o := begin(b)
	o.bool("available", v.Available())
	if v.Low() {
		o.int("left", v.Left)
	}
	if v.Mode == stock.Out {
		o.optTime("until", v.Until)
	}
	return o.end()
}

// AppendMenu appends a whole menu; guests get neither stations nor preparation times.
func AppendMenu(b []byte, m *menu.Menu, a Audience) []byte {
	if a == Staff {
		return appendAny(b, m)
	}
	type guestDish struct {
		menu.Dish
		Stations struct{} `json:"stations,omitzero"`
		Each     struct{} `json:"each,omitzero"`
		PrepMS   struct{} `json:"prep_ms,omitzero"`
	}
	type guestMenu struct {
		menu.Menu
		Dishes []guestDish `json:"dishes"`
	}
	g := guestMenu{Menu: *m, Dishes: make([]guestDish, len(m.Dishes))}
	for i := range m.Dishes {
		g.Dishes[i].Dish = m.Dishes[i]
	}
	return appendAny(b, &g)
}

type historyItem struct {
	V    int64        `json:"v"`
	At   time.Time    `json:"at"`
	Type string       `json:"type"`
	By   *command.Who `json:"by,omitzero"`
	CID  command.ID   `json:"cid,omitzero"`
	D    any          `json:"d"`
}

// AppendHistory appends a turn's events as items of a history, separated by commas;
// v is the version before them.
func AppendHistory(b []byte, v int64, t *Turn) []byte {
	for i, e := range t.Events {
		if i > 0 {
			b = append(b, ',')
		}
		item := historyItem{V: v + int64(i) + 1, At: t.At, Type: EventName(e), CID: t.ID, D: e}
		if t.By != (command.Who{}) {
			item.By = &t.By
		}
		b = appendAny(b, &item)
	}
	return b
}
