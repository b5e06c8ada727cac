package wire

import (
	"slices"
	"strconv"
	"time"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/order"
)

// Ticket names one ticket of an order: what one station makes of one course.
type Ticket struct {
	Station string
	Course  int
	Done    bool // every entry is bumped
	DoneAt  time.Time
}

// Key is the ticket's key on a board.
func (t *Ticket) Key(order string) string {
	return "ticket/" + order + "." + t.Station + "." + strconv.Itoa(t.Course)
}

// onTicket says that an item is on a ticket: it was fired, and not held back since.
func onTicket(i *order.Item) bool { return i.FireSeq > 0 && i.State != order.Held }

func bumped(i *order.Item) bool {
	switch i.State {
	case order.Ready, order.Served:
		return true
	case order.Void:
		return i.Bumped
	}
	return false
}

// Tickets lists the tickets of an order, by station and course.
func Tickets(into []Ticket, v *order.View) []Ticket {
	tickets := into[:0]
	for l := range v.Lines {
		for k := range v.Lines[l].Items {
			i := &v.Lines[l].Items[k]
			if !onTicket(i) {
				continue
			}
			for _, s := range i.Stations {
				at := slices.IndexFunc(tickets, func(t Ticket) bool { return t.Station == s && t.Course == i.Course })
				if at < 0 {
					tickets = append(tickets, Ticket{Station: s, Course: i.Course, Done: true})
					at = len(tickets) - 1
				}
				t := &tickets[at]
				t.Done = t.Done && bumped(i)
				if done := max(i.ReadyAt, i.VoidAt).Time(); done.After(t.DoneAt) {
					t.DoneAt = done
				}
			}
		}
	}
	return tickets
}

// AppendTicket appends a ticket of an order.
func AppendTicket(b []byte, v *order.View, t *Ticket) []byte {
	o := begin(b)
	o.key("id")
	o.b = append(o.b, '"')
	o.b = append(o.b, v.ID...)
	o.b = append(append(o.b, '.'), t.Station...)
	o.b = append(strconv.AppendInt(append(o.b, '.'), int64(t.Course), 10), '"')
	o.str("order", v.ID)
	o.int("no", int64(v.No))
	o.str("station", t.Station)
	o.int("course", int64(t.Course))
	if t.Done {
		o.str("state", "done")
	} else {
		o.str("state", "open")
	}
	o.str("type", v.Type)
	o.str("channel", v.Channel)
	o.str("label", label(v))
	if v.Server != nil {
		o.optStr("server", v.Server.Name)
	}
	o.optInt("guests", int64(v.Guests))
	o.optInt("round", int64(v.Round))
	o.bool("rush", v.Rush)
	o.optStr("note", v.Note)
	fired := firstFired(v, t)
	o.optTime("fired_at", fired)
	o.optTime("promise_at", v.PromiseAt)
	if v.LateMS > 0 {
		o.optTime("warn_at", fired.Add(time.Duration(v.WarnMS)*time.Millisecond))
		o.optTime("late_at", fired.Add(time.Duration(v.LateMS)*time.Millisecond))
	}
	if t.Done {
		o.optTime("done_at", t.DoneAt)
	}
	o.optTime("hurried_at", v.HurriedAt)
	if v.OverriddenBy != nil {
		o.bool("override", true)
	}
	appendAlso(&o, v, t)
	o.key("items")
	o.b = append(o.b, '[')
	first := true
	for l := range v.Lines {
		for k := range v.Lines[l].Items {
			i := &v.Lines[l].Items[k]
			if !onTicket(i) || i.Course != t.Course || !slices.Contains(i.Stations, t.Station) {
				continue
			}
			if !first {
				o.b = append(o.b, ',')
			}
			first = false
			o.b = appendEntry(o.b, &v.Lines[l], i)
		}
	}
	o.b = append(o.b, ']')
	return o.end()
}

func label(v *order.View) string {
	if v.Label != "" {
		return v.Label
	}
	return v.Code
}

func firstFired(v *order.View, t *Ticket) time.Time {
	var first command.Instant
	for l := range v.Lines {
		for k := range v.Lines[l].Items {
			i := &v.Lines[l].Items[k]
			if onTicket(i) && i.Course == t.Course && slices.Contains(i.Stations, t.Station) && (first == 0 || i.FiredAt < first) {
				first = i.FiredAt
			}
		}
	}
	return first.Time()
}

// appendAlso tells what other stations make of the same course.
func appendAlso(o *object, v *order.View, t *Ticket) {
	type open struct {
		station string
		n       int64
	}
	var room [8]open
	also := room[:0]
	for l := range v.Lines {
		for k := range v.Lines[l].Items {
			i := &v.Lines[l].Items[k]
			if i.State == order.Void || i.Course != t.Course || slices.Contains(i.Stations, t.Station) {
				continue
			}
			for _, s := range i.Stations {
				at := slices.IndexFunc(also, func(x open) bool { return x.station == s })
				if at < 0 {
					also = append(also, open{station: s})
					at = len(also) - 1
				}
				if !bumped(i) {
					also[at].n++
				}
			}
		}
	}
	list(o, "also", also, func(b []byte, x *open) []byte {
		o := begin(b)
		o.str("station", x.station)
		o.int("open", x.n)
		return o.end()
	})
}

func appendEntry(b []byte, l *order.Line, i *order.Item) []byte {
	o := begin(b)
	o.str("id", i.ID)
	o.int("fire_seq", int64(i.FireSeq))
	o.str("dish", i.Dish)
	o.text("name", i.Name)
	if i.Combo != nil {
		o.text("combo", *i.Combo)
	}
	o.int("qty", int64(i.Qty))
	o.int("void_qty", int64(i.VoidQty))
	o.str("state", string(i.State))
	o.bool("bumped", bumped(i))
	o.optInt("seat", int64(l.Seat))
	o.optStr("note", l.Note)
	o.int("prep_ms", i.PrepMS)
	mods := l.Options
	if i.Part > 0 && i.Part <= len(l.Parts) {
		mods = l.Parts[i.Part-1].Options
	}
	list(&o, "mods", mods, func(b []byte, p *menu.PricedOption) []byte {
		o := begin(b)
		o.str("kind", p.Kind)
		o.text("name", p.Name)
		o.int("qty", int64(p.Qty))
		return o.end()
	})
	list(&o, "allergies", l.Allergens, func(b []byte, a *menu.Allergen) []byte {
		o := begin(b)
		o.str("id", a.ID)
		o.text("name", a.Name)
		return o.end()
	})
	o.optTime("added_at", i.AddedAt.Time())
	o.optTime("void_at", i.VoidAt.Time())
	o.optTime("fire_at", i.FireAt.Time())
	o.optStr("flag", i.Flag)
	return o.end()
}

// OnDispatch says that an order is on the dispatch board: accepted and not handed over.
func OnDispatch(v *order.View) bool {
	if v.State != order.Accepted {
		return false
	}
	return v.Progress != "served" || v.Type == "delivery" && v.Delivery != "delivered" && v.Delivery != "failed"
}

// AppendDispatch appends an order as the dispatch board shows it.
func AppendDispatch(b []byte, v *order.View) []byte {
	o := begin(b)
	o.str("order", v.ID)
	o.int("no", int64(v.No))
	o.str("type", v.Type)
	o.str("channel", v.Channel)
	o.str("label", label(v))
	o.optStr("code", v.Code)
	ready := readyAt(v)
	o.str("state", dispatchState(v, ready))
	o.optStr("delivery", v.Delivery)
	o.optInt("guests", int64(v.Guests))
	o.bool("rush", v.Rush)
	o.bool("paid", v.Payment == "paid")
	appendStations(&o, v)
	o.key("items")
	o.b = append(o.b, '[')
	first := true
	for l := range v.Lines {
		for k := range v.Lines[l].Items {
			i := &v.Lines[l].Items[k]
			if !first {
				o.b = append(o.b, ',')
			}
			first = false
			in := begin(o.b)
			in.str("id", i.ID)
			in.text("name", i.Name)
			in.int("qty", int64(i.Qty-i.VoidQty))
			in.str("state", string(i.State))
			o.b = in.end()
		}
	}
	o.b = append(o.b, ']')
	o.optStr("shelf", v.Shelf)
	if v.Driver != nil {
		o.key("driver")
		in := begin(o.b)
		in.optStr("id", v.Driver.ID)
		in.str("name", v.Driver.Name)
		in.optStr("phone", v.Driver.Phone)
		o.b = in.end()
	}
	if v.Contact != nil {
		appendContact(&o, v.Contact)
	}
	o.optTime("promise_at", v.PromiseAt)
	o.optTime("ready_at", ready)
	o.optTime("eta_at", v.EtaAt)
	if v.OverriddenBy != nil {
		o.str("overridden_by", v.OverriddenBy.Name)
	}
	return o.end()
}

func dispatchState(v *order.View, ready time.Time) string {
	switch {
	case v.HandedOff && v.Shelf == "", v.Delivery == "picked_up", v.Delivery == "en_route":
		return "out"
	case !ready.IsZero():
		return "ready"
	}
	return "waiting"
}

// readyAt is when the last live item became ready; zero while one is not.
func readyAt(v *order.View) time.Time {
	var last command.Instant
	for l := range v.Lines {
		for k := range v.Lines[l].Items {
			i := &v.Lines[l].Items[k]
			switch {
			case i.State == order.Void:
			case !bumped(i):
				return time.Time{}
			default:
				last = max(last, i.ReadyAt)
			}
		}
	}
	return last.Time()
}

func appendStations(o *object, v *order.View) {
	type count struct {
		station     string
		open, ready int64
	}
	var room [8]count
	counts := room[:0]
	for l := range v.Lines {
		for k := range v.Lines[l].Items {
			i := &v.Lines[l].Items[k]
			if i.State == order.Void {
				continue
			}
			for _, s := range i.Stations {
				at := slices.IndexFunc(counts, func(x count) bool { return x.station == s })
				if at < 0 {
					counts = append(counts, count{station: s})
					at = len(counts) - 1
				}
				if bumped(i) {
					counts[at].ready++
				} else {
					counts[at].open++
				}
			}
		}
	}
	list(o, "stations", counts, func(b []byte, c *count) []byte {
		o := begin(b)
		o.str("station", c.station)
		o.int("open", c.open)
		o.int("ready", c.ready)
		return o.end()
	})
}
