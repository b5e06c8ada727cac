package order

import (
	"slices"
	"time"
	"unicode/utf8"

	"github.com/brigata/brigata/actors/bill"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/store"
)

const (
	guestsMax = 99
	textMax   = 200
)

func (t *turn) place(c *Place) (Reply, error) {
	if t.s.ID != "" {
		return t.placeReply(), nil
	}
	if err := t.placeable(c); err != nil {
		return nil, err
	}
	e := &Sent{At: c.At, By: c.By, Asked: c.ID, ID: string(c.ID), Type: c.Type, Channel: c.Channel, Table: c.Table,
		Session: c.Session, Guest: c.IsGuest(), GuestID: c.Guest, Guests: c.Guests, Hold: c.Hold, Note: c.Note,
		Contact: c.Contact, Ref: c.Ref, DueAt: c.DueAt.UTC().Truncate(time.Millisecond), Lines: []Line{}}
	t.frozen(e)
	if c.Cart != nil {
		e.FromCart, e.CartV, e.WantTotal = true, *c.Cart, c.Total
		t.do(e)
		return command.Later{}, nil
	}
	lines, totals, err := t.price(c, c.Lines, nil, nil)
	if err != nil {
		return nil, err
	}
	e.Lines, e.Totals = lines, totals
	if e.LaterAt.IsZero() {
		e.Ask = t.asks(lines)
	}
	t.do(e)
	t.s.own = true
	return command.Later{}, nil
}

// frozen notes what the order keeps of the store's values, whatever they become.
func (t *turn) frozen(e *Sent) {
	cfg := t.today.Config
	age := cfg.AgingMS[e.Type]
	e.Currency, e.TaxIncluded, e.WarnMS, e.LateMS, e.AutoFireMS = cfg.Currency, cfg.Tax.Included, age[0], age[1], cfg.AutoFireMS
	if t.today.Menu != nil {
		e.MenuVersion = t.today.Menu.Version
	}
	if e.DueAt.IsZero() {
		e.DueAt = time.Time{}
		return
	}
	if date := t.today.BusinessDate(e.DueAt); date > t.today.BusinessDate(e.At) {
		e.LaterAt = t.today.DayStart(date)
	}
}

// placeable checks what needs no price.
func (t *turn) placeable(c *Place) error {
	if !t.today.Known() {
		return errNoStore
	}
	switch {
	case !slices.Contains(store.Types, c.Type):
		return invalid("/type", "range")
	case c.Type == store.DineIn && c.Table == "":
		return invalid("/table", "required")
	case c.Type != store.DineIn && c.Table != "":
		return invalid("/table", "range")
	case len(c.Lines) > 0 && c.Cart != nil:
		return invalid("/cart", "range")
	case c.Cart != nil && c.Table == "":
		return invalid("/cart", "range")
	case c.Guests < 0 || c.Guests > guestsMax:
		return between("/guests", 1, guestsMax)
	case utf8.RuneCountInString(c.Note) > textMax || utf8.RuneCountInString(c.Ref) > textMax:
		return invalid("/note", "length")
	case !c.DueAt.IsZero() && !c.DueAt.After(c.At):
		return invalid("/due_at", "range")
	case !c.DueAt.IsZero() && c.DueAt.Sub(c.At) > 60*24*time.Hour:
		return invalid("/due_at", "range")
	}
	if err := c.Contact.check(); err != nil {
		return err
	}
	if c.Table != "" {
		if _, ok := t.today.Table(c.Table); !ok {
			return refusal.New(refusal.NotFound, "", "There is no such table").With(refusal.Fields{Kind: "table", ID: c.Table})
		}
	}
	if !t.today.Open {
		return errStoreClosed.With(refusal.Fields{Kind: "store", ID: t.today.Config.ID, OpensAt: t.today.DayEnd(c.At)})
	}
	if until, paused := t.today.PausedUntil(c.Channel, c.At); paused {
		return errChannel.With(refusal.Fields{Kind: "channel", ID: c.Channel, OpensAt: until})
	}
	return nil
}

func (c *Contact) check() error {
	if c == nil {
		return nil
	}
	switch {
	case utf8.RuneCountInString(c.Name) > textMax:
		return invalid("/contact/name", "length")
	case utf8.RuneCountInString(c.Phone) > textMax:
		return invalid("/contact/phone", "length")
	case utf8.RuneCountInString(c.Address) > textMax:
		return invalid("/contact/address", "length")
	}
	return nil
}

// price prices lines as this order's; more are those that it has already.
func (t *turn) price(c *Place, lines []menu.Line, people []CartLine, more []Line) ([]Line, bill.Totals, error) {
	guest := ""
	if t.h.IsGuest() {
		guest = t.h.Guest
	}
	due := t.h.At
	if !c.DueAt.IsZero() {
		due = c.DueAt
	}
	q := menu.Quote{Channel: c.Channel, At: t.today.Local(due), Route: t.today.Route(c.Type), By: t.today}
	out, items := make([]Line, 0, len(lines)), make([]Item, 0, len(lines))
	bad := t.today.Menu.PriceEach(q, lines, func(p menu.Priced) {
		first := len(items)
		items = appendItems(items, &p, p.Hold || c.Hold)
		l := newLine(t.today.Menu, &p, p.Hold || c.Hold)
		l.Items = items[first:len(items):len(items)]
		if guest != "" {
			l.Guest = guest
		}
		if people != nil {
			of := &people[len(out)]
			l.Guest, l.GuestName, l.GuestColor = of.Guest, of.Name, of.Color
		}
		out = append(out, l)
	})
	if bad != nil {
		return nil, bill.Totals{}, bad
	}
	var room [8]bill.Line
	all := appendBillLines(appendBillLines(room[:0], string(c.ID), more), string(c.ID), out)
	totals := bill.Total(t.today, c.Type, max(c.Guests, t.s.Guests), all, t.s.Off).Less(t.s.Allowed)
	if c.Total != nil && *c.Total != totals.Total {
		return nil, totals, t.stale(totals.Total, out)
	}
	return out, totals, nil
}

func (t *turn) stale(total int64, lines []Line) error {
	f := refusal.Fields{Total: &total, Currency: t.today.Config.Currency, MenuVersion: t.today.Menu.Version}
	for i := range lines {
		f.Lines = append(f.Lines, refusal.LinePrice{ID: lines[i].ID, UnitPrice: lines[i].UnitPrice, Amount: lines[i].Amount})
	}
	return errStalePrice.With(f)
}

func newLine(m *menu.Menu, p *menu.Priced, hold bool) Line {
	l := Line{ID: p.ID, Dish: p.Dish, Name: p.Name, Qty: p.Qty, UnitPrice: p.UnitPrice, Amount: p.Amount, TaxClass: p.TaxClass,
		Seat: p.Seat, Course: p.Course, Note: p.Note, Guest: p.Guest, Hold: hold, Allergies: p.Allergies,
		Options: p.Options, Parts: p.Parts, Takes: p.Takes}
	for _, a := range p.Allergies {
		l.Allergens = append(l.Allergens, menu.Allergen{ID: a, Name: m.Allergen(a)})
	}
	return l
}

func appendItems(items []Item, p *menu.Priced, hold bool) []Item {
	for i := range p.Items {
		x := &p.Items[i]
		items = append(items, Item{ID: x.ID, Dish: x.Dish, Name: x.Name, Combo: x.Combo, Part: x.Part, Qty: x.Qty, State: Held,
			Stations: x.Stations, Course: p.Course, Hold: hold, PrepMS: x.PrepMS})
	}
	return items
}

// asks lists what lines take of stock that can run out, beside what is taken already.
func (t *turn) asks(lines []Line) (asks []Take) {
	asks = make([]Take, 0, len(lines))
	for l := range lines {
		for _, n := range lines[l].Takes {
			if !t.today.Tracked[n.Stock] {
				continue
			}
			qty := n.N * int64(lines[l].Qty-lines[l].Returned)
			if i := slices.IndexFunc(asks, func(a Take) bool { return a.Stock == n.Stock }); i >= 0 {
				asks[i].Want += qty
				continue
			}
			a := Take{Stock: n.Stock, Want: qty, Rev: 1}
			if i := slices.IndexFunc(t.s.Takes, func(x Take) bool { return x.Stock == n.Stock }); i >= 0 {
				had := t.s.Takes[i]
				a.Want, a.Had, a.Rev = qty+had.Want, had.Want, had.Rev+1
			}
			asks = append(asks, a)
		}
	}
	return asks
}

// joined takes the table's answer; with it come the lines of a shared cart.
func (t *turn) joined(c *command.Answered) {
	if t.s.Joined || t.s.State != Submitted {
		return
	}
	if c.Refusal != nil {
		t.do(&TableDenied{c.Refusal})
		return
	}
	w := c.Reply.(*Welcome)
	e := &TableTook{Session: w.Session, Label: w.Label, Round: w.Round, Guests: w.Guests, Server: w.Server}
	if t.s.FromCart {
		if no := t.takeCart(e, w); no != nil {
			t.do(e)
			t.do(&TableDenied{no})
			return
		}
	} else if w.Guests != t.s.Guests {
		totals := bill.Total(t.today, t.s.Type, w.Guests, t.s.billLines(), 0)
		e.Totals = &totals
	}
	t.do(e)
}

func (t *turn) takeCart(e *TableTook, w *Welcome) *refusal.Refusal {
	lines := make([]menu.Line, len(w.Lines))
	for i := range w.Lines {
		lines[i] = w.Lines[i].Line
	}
	c := &Place{Header: command.Header{ID: t.s.Asked}, Type: t.s.Type, Guests: w.Guests, Hold: t.s.HoldAll, Total: t.s.WantSum, DueAt: t.s.DueAt}
	c.Channel = t.s.Channel
	priced, totals, err := t.price(c, lines, w.Lines, nil)
	if err != nil {
		return refusal.Of(err)
	}
	e.Lines, e.Totals = priced, &totals
	if t.s.LaterAt.IsZero() {
		e.Ask = t.asks(priced)
	}
	return nil
}

// numbered ends the placing: the order has its number.
func (t *turn) numbered(c *command.Answered) Reply {
	if t.s.State != Submitted {
		return nil
	}
	asked := t.s.Asked
	if c.Refusal != nil {
		return t.refuse(c.Refusal)
	}
	n := c.Reply.(*store.Number)
	e := &WasPlaced{At: t.h.At, No: n.No, Date: n.Date, Code: code(t.s.Type, n.No), Auto: t.today.AutoAccept(t.s.Type)}
	if t.today.PayFirst(t.s.Type) && t.s.Total > 0 {
		e.PayBy = t.h.At.Add(time.Duration(t.today.Config.PayWithinMS) * time.Millisecond)
	}
	t.do(e)
	t.settle()
	return command.Settled{ID: asked, Reply: t.placeReply()}
}

func (t *turn) placeReply() *PlaceReply { return placeReply(t.s) }

func placeReply(s *State) *PlaceReply {
	r := &PlaceReply{Order: s.ID, No: s.No, State: s.State, Payment: s.payment(), Currency: s.Currency, Subtotal: s.Subtotal,
		Discount: s.Discount, Service: s.Service, Tax: s.Tax, Total: s.Total, Code: s.Code, PromiseAt: s.PromiseAt, PayBy: s.PayBy,
		Lines: make([]LinePrice, len(s.Lines))}
	for i := range s.Lines {
		r.Lines[i] = LinePrice{s.Lines[i].ID, s.Lines[i].UnitPrice, s.Lines[i].Amount}
	}
	return r
}

// soldOut is one refusal of all that was denied; nil when nothing was.
func (t *turn) soldOut() *refusal.Refusal {
	var items []refusal.Item
	for i := range t.s.Takes {
		k := &t.s.Takes[i]
		if k.Denied == nil {
			continue
		}
		left := *k.Denied
		item := refusal.Item{Left: &left, Lines: t.s.linesOf(k.Stock)}
		if kind, id, _ := cut(k.Stock); kind == "option" {
			item.Option = id
		} else {
			item.Dish = id
		}
		items = append(items, item)
	}
	if len(items) == 0 {
		return nil
	}
	first := items[0]
	r := refusal.New(refusal.SoldOut, "", soldOutText(t.today.Menu, first)).With(refusal.Fields{Dish: first.Dish,
		Option: first.Option, Left: first.Left, Items: items})
	return r
}

// SoldOut is the refusal of one stock that has not enough left.
func SoldOut(m *menu.Menu, stockID string, left int64) *refusal.Refusal {
	item := refusal.Item{Left: &left}
	if kind, id, _ := cut(stockID); kind == "option" {
		item.Option = id
	} else {
		item.Dish = id
	}
	return refusal.New(refusal.SoldOut, "", soldOutText(m, item)).With(refusal.Fields{Dish: item.Dish, Option: item.Option,
		Left: &left, Items: []refusal.Item{item}})
}

// Preview prices an order without making it: its reply, and what it would take.
func Preview(today *store.Today, c *Place) (*PlaceReply, []Take, error) {
	t := &turn{s: &State{}, h: &c.Header, today: today}
	if err := t.placeable(c); err != nil {
		return nil, nil, err
	}
	lines, totals, err := t.price(c, c.Lines, nil, nil)
	if err != nil {
		return nil, nil, err
	}
	s := State{View: View{State: Submitted, Currency: today.Config.Currency, Lines: lines}}
	s.total(totals)
	return placeReply(&s), t.asks(lines), nil
}
