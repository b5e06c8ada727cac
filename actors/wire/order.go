package wire

import (
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/order"
)

// Audience says who a view is for: each is encoded once for each of them.
type Audience int

const (
	Staff Audience = iota
	Guests
)

// AppendOrder appends an order as its audience may see it. Contact is for its own
// guest and the staff; Guests means the order's own guests.
func AppendOrder(b []byte, v *order.View, a Audience) []byte {
	o := begin(b)
	o.str("id", v.ID)
	o.int("no", int64(v.No))
	o.str("date", v.Date)
	o.str("type", v.Type)
	o.str("channel", v.Channel)
	o.optStr("table", v.Table)
	o.optStr("session", v.Session)
	o.optInt("round", int64(v.Round))
	o.optInt("guests", int64(v.Guests))
	o.str("state", string(v.State))
	o.str("progress", v.Progress)
	o.str("payment", v.Payment)
	o.bool("rush", v.Rush)
	o.optStr("note", v.Note)
	o.who("server", v.Server, a)
	o.int("menu_version", v.MenuVersion)
	appendMoney(&o, v)
	appendTimes(&o, v, a)
	list(&o, "lines", v.Lines, func(b []byte, l *order.Line) []byte { return appendLine(b, l, a) })
	return o.end()
}

func appendMoney(o *object, v *order.View) {
	o.str("currency", v.Currency)
	o.bool("tax_included", v.TaxIncluded)
	o.int("subtotal", v.Subtotal)
	o.int("discount", v.Discount)
	o.int("service", v.Service)
	o.int("tax", v.Tax)
	o.int("total", v.Total)
	o.int("paid", v.Paid)
	o.int("refunded", v.Refunded)
	o.key("taxes")
	o.b = append(o.b, '[')
	for i, t := range v.Taxes {
		if i > 0 {
			o.b = append(o.b, ',')
		}
		in := begin(o.b)
		in.str("class", t.Class)
		in.int("rate_bp", t.RateBP)
		in.int("base", t.Base)
		in.int("tax", t.Tax)
		o.b = in.end()
	}
	o.b = append(o.b, ']')
}

func appendTimes(o *object, v *order.View, a Audience) {
	o.optTime("placed_at", v.PlacedAt)
	o.optTime("accepted_at", v.AcceptedAt)
	o.optTime("promise_at", v.PromiseAt)
	o.optTime("closed_at", v.ClosedAt)
	o.optTime("due_at", v.DueAt)
	o.optTime("pay_by", v.PayBy)
	o.optStr("code", v.Code)
	if v.Contact != nil {
		appendContact(o, v.Contact)
	}
	if a == Staff {
		o.optStr("ref", v.Ref)
	}
	o.optStr("reason", v.Reason)
	if a == Staff {
		o.optStr("reason_note", v.ReasonNote)
	}
	o.optStr("shelf", v.Shelf)
	if v.Driver != nil {
		o.key("driver")
		in := begin(o.b)
		if a == Staff {
			in.optStr("id", v.Driver.ID)
		}
		in.str("name", v.Driver.Name)
		if a == Staff {
			in.optStr("phone", v.Driver.Phone)
		}
		o.b = in.end()
	}
	o.optStr("delivery", v.Delivery)
	o.optTime("eta_at", v.EtaAt)
}

func appendContact(o *object, c *order.Contact) {
	o.key("contact")
	in := begin(o.b)
	in.str("name", c.Name)
	in.str("phone", c.Phone)
	in.optStr("address", c.Address)
	o.b = in.end()
}

func appendLine(b []byte, l *order.Line, a Audience) []byte {
	o := begin(b)
	o.str("id", l.ID)
	o.str("dish", l.Dish)
	o.text("name", l.Name)
	o.int("qty", int64(l.Qty))
	o.int("void_qty", int64(l.VoidQty))
	o.int("unit_price", l.UnitPrice)
	o.int("amount", l.Amount)
	o.str("tax_class", l.TaxClass)
	o.optInt("seat", int64(l.Seat))
	o.optInt("course", int64(l.Course))
	o.optStr("note", l.Note)
	o.optStr("guest", l.Guest)
	o.optStr("guest_name", l.GuestName)
	if l.GuestColor != nil {
		o.int("guest_color", int64(*l.GuestColor))
	}
	if l.Hold {
		o.bool("hold", true)
	}
	o.strs("allergies", l.Allergies)
	list(&o, "options", l.Options, appendOption)
	list(&o, "parts", l.Parts, appendPart)
	list(&o, "items", l.Items, func(b []byte, i *order.Item) []byte { return appendItem(b, i, a) })
	return o.end()
}

func appendOption(b []byte, p *menu.PricedOption) []byte {
	o := begin(b)
	o.str("option", p.Option)
	o.str("group", p.Group)
	o.str("kind", p.Kind)
	o.text("name", p.Name)
	o.int("qty", int64(p.Qty))
	o.int("price", p.Price)
	return o.end()
}

func appendPart(b []byte, p *menu.PricedPart) []byte {
	o := begin(b)
	o.str("part", p.Part)
	o.str("dish", p.Dish)
	list(&o, "options", p.Options, appendOption)
	return o.end()
}

func appendItem(b []byte, i *order.Item, a Audience) []byte {
	o := begin(b)
	o.str("id", i.ID)
	o.str("dish", i.Dish)
	o.text("name", i.Name)
	o.int("qty", int64(i.Qty))
	o.int("void_qty", int64(i.VoidQty))
	o.str("state", string(i.State))
	if a == Staff {
		o.strs("stations", i.Stations)
	}
	o.optInt("course", int64(i.Course))
	if a == Staff {
		o.int("fire_seq", int64(i.FireSeq))
	}
	o.optTime("fired_at", i.FiredAt.Time())
	o.optTime("started_at", i.StartedAt.Time())
	o.optTime("ready_at", i.ReadyAt.Time())
	o.optTime("served_at", i.ServedAt.Time())
	o.optTime("void_at", i.VoidAt.Time())
	o.optTime("added_at", i.AddedAt.Time())
	o.optTime("fire_at", i.FireAt.Time())
	o.optStr("flag", i.Flag)
	if a == Staff {
		o.optStr("void_reason", i.VoidReason)
		o.who("void_by", i.VoidBy, a)
		o.who("bumped_by", i.BumpedBy, a)
	}
	return o.end()
}

func appendPlaceReply(b []byte, r *order.PlaceReply) []byte {
	o := begin(b)
	o.str("order", r.Order)
	o.int("no", int64(r.No))
	o.str("state", string(r.State))
	o.str("payment", r.Payment)
	o.str("currency", r.Currency)
	o.int("subtotal", r.Subtotal)
	o.int("discount", r.Discount)
	o.int("service", r.Service)
	o.int("tax", r.Tax)
	o.int("total", r.Total)
	o.optStr("code", r.Code)
	o.optTime("promise_at", r.PromiseAt)
	o.optTime("pay_by", r.PayBy)
	list(&o, "lines", r.Lines, func(b []byte, l *order.LinePrice) []byte {
		o := begin(b)
		o.str("id", l.ID)
		o.int("unit_price", l.UnitPrice)
		o.int("amount", l.Amount)
		return o.end()
	})
	return o.end()
}

func appendItemsReply(b []byte, r *order.ItemsReply) []byte {
	o := begin(b)
	o.str("order", r.Order)
	list(&o, "items", r.Items, func(b []byte, i *order.ItemChanged) []byte {
		o := begin(b)
		o.str("id", i.ID)
		o.str("state", string(i.State))
		o.int("fire_seq", int64(i.FireSeq))
		return o.end()
	})
	if r.Total != nil {
		o.int("order_total", *r.Total)
	}
	return o.end()
}
