package menu

import (
	"fmt"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/brigata/brigata/actors/refusal"
)

// Bounds of one order.
const (
	LinesMax   = 200
	OptionsMax = 40 // for each line, nested ones included
	QtyMax     = 999
	SeatMax    = 99
	CourseMax  = 9
)

// Line is one line as a client sends it.
type Line struct {
	ID        string     `json:"id,omitzero"`
	Dish      string     `json:"dish"`
	Qty       int        `json:"qty"`
	Options   []Pick     `json:"options,omitzero"`
	Parts     []PartPick `json:"parts,omitzero"`
	Note      string     `json:"note,omitzero"`
	Seat      int        `json:"seat,omitzero"`
	Course    *int       `json:"course,omitzero"` // absent: the dish's
	Hold      bool       `json:"hold,omitzero"`
	Allergies []string   `json:"allergies,omitzero"`
	Guest     string     `json:"guest,omitzero"`
}

// Pick is a chosen option, with what is chosen below it.
type Pick struct {
	Option  string `json:"option"`
	Group   string `json:"group,omitzero"`
	Qty     int    `json:"qty,omitzero"` // 0 means 1
	Options []Pick `json:"options,omitzero"`
}

// PartPick is the dish chosen for a part of a combo.
type PartPick struct {
	Part    string `json:"part"`
	Dish    string `json:"dish"`
	Options []Pick `json:"options,omitzero"`
}

// Priced is a line with everything frozen that the order needs later.
type Priced struct {
	ID        string         `json:"id"`
	Dish      string         `json:"dish"`
	Name      Text           `json:"name"`
	Qty       int            `json:"qty"`
	UnitPrice int64          `json:"unit_price"`
	Amount    int64          `json:"amount"`
	TaxClass  string         `json:"tax_class"`
	Seat      int            `json:"seat,omitzero"`
	Course    int            `json:"course,omitzero"`
	Note      string         `json:"note,omitzero"`
	Guest     string         `json:"guest,omitzero"`
	Hold      bool           `json:"hold,omitzero"`
	Allergies []string       `json:"allergies"`
	Options   []PricedOption `json:"options"`
	Parts     []PricedPart   `json:"parts"`
	Items     []Prep         `json:"items"`
	Takes     []Take         `json:"takes"`
}

// Take is how much of a stock one portion of a line needs.
type Take struct {
	Stock string `json:"stock"` // "dish/…" or "option/…"
	N     int64  `json:"n"`
}

// PricedOption is a chosen option; Price is for one.
type PricedOption struct {
	Option string `json:"option"`
	Group  string `json:"group"`
	Kind   string `json:"kind"`
	Name   Text   `json:"name"`
	Qty    int    `json:"qty"`
	Price  int64  `json:"price"`
}

// PricedPart is a chosen part of a combo.
type PricedPart struct {
	Part    string         `json:"part"`
	Dish    string         `json:"dish"`
	Options []PricedOption `json:"options"`
}

// Prep is one thing that a kitchen makes of a line.
type Prep struct {
	ID       string   `json:"id"`
	Dish     string   `json:"dish"`
	Name     Text     `json:"name"`
	Combo    *Text    `json:"combo,omitzero"` // the combo it is part of
	Qty      int      `json:"qty"`
	Stations []string `json:"stations"` // whoever bumps first finishes it
	PrepMS   int64    `json:"prep_ms"`
	Part     int      `json:"part,omitzero"` // 1 + index into the line's Parts; 0: the line itself
}

// Quote says for whom and when lines are priced.
type Quote struct {
	Channel string
	At      time.Time                   // in the store's zone
	Route   func(station string) string // where a station's work goes for this type of order; nil: there
	By      Seller                      // what it cannot tax or cook is not sold; nil: everything is
}

// Price prices lines: defaults filled in, options and parts checked, prices of the
// channel and the hour.
func (m *Menu) Price(q Quote, lines []Line) ([]Priced, *refusal.Refusal) {
	out := make([]Priced, 0, len(lines))
	bad := m.PriceEach(q, lines, func(p Priced) {
		p.Items = slices.Clone(p.Items)
		out = append(out, p)
	})
	if bad != nil {
		return nil, bad
	}
	return out, nil
}

// PriceEach is Price that hands over one line after the other: Items are good until the
// next, and all is worthless if it returns a refusal.
func (m *Menu) PriceEach(q Quote, lines []Line, take func(Priced)) *refusal.Refusal {
	if m == nil {
		return refusal.New(refusal.Closed, "", "This store has no menu yet").With(refusal.Fields{Kind: "store"})
	}
	if len(lines) == 0 || len(lines) > LinesMax {
		return refusal.Faults(fault("/lines", "length", 1, LinesMax))
	}
	p := pricer{m: m, q: q, lines: lines, room: make([]Take, 0, len(lines))}
	for i := range lines {
		if p.line(i) {
			take(p.r)
		}
	}
	if len(p.faults) > 0 {
		return refusal.Faults(p.faults...)
	}
	return nil
}

type pricer struct {
	m      *Menu
	q      Quote
	at     string // JSON pointer of the line
	lineID string
	picks  int
	takes  []Take
	room   []Take // of most lines' takes
	lines  []Line
	r      Priced // the line
	faults []refusal.Fault
}

func fault(at, reason string, lo, hi int64) refusal.Fault {
	f := refusal.Fault{At: at, Reason: reason}
	if hi > 0 {
		f.Min, f.Max = &lo, &hi
	}
	return f
}

func (p *pricer) bad(where, reason string, lo, hi int64) {
	if len(p.faults) < 20 {
		p.faults = append(p.faults, fault("/lines/"+p.at+where, reason, lo, hi))
	}
}

// id of a line: the client's, or else its place.
func (p *pricer) id(i int) string {
	if id := p.lines[i].ID; id != "" {
		return id
	}
	return strconv.Itoa(i + 1)
}

// line prices a line, and reports whether there is any such.
func (p *pricer) line(i int) bool {
	l, r := &p.lines[i], &p.r
	p.at = strconv.Itoa(i)
	p.lineID, p.picks = p.id(i), 0
	for j := range i {
		if p.id(j) == p.lineID {
			p.bad("/id", "id", 0, 0)
			return false
		}
	}
	d, ok := p.m.index.dishes[l.Dish]
	if !ok || !p.sold(d) {
		p.bad("/dish", "not_on_menu", 0, 0)
		return false
	}
	p.form(l, d)
	if !p.m.served(d, p.q.At) {
		p.bad("/dish", "not_now", 0, 0)
	}
	*r = Priced{ID: p.lineID, Dish: d.ID, Name: d.Name, Qty: l.Qty, UnitPrice: d.Price, TaxClass: d.TaxClass, Seat: l.Seat,
		Course: d.Course, Note: l.Note, Guest: l.Guest, Hold: l.Hold, Allergies: l.Allergies, Items: r.Items[:0]}
	if price, ok := d.Prices[p.q.Channel]; ok {
		r.UnitPrice = price
	}
	if l.Course != nil {
		r.Course = *l.Course
	}
	p.takes = p.room[len(p.room):]
	p.take(d.stock, 1)
	r.Options = p.options("/options", d.Groups, l.Options, 1, nil)
	r.UnitPrice += sum(r.Options)
	if len(d.Parts) == 0 {
		if len(l.Parts) > 0 {
			p.bad("/parts", "too_many", 0, 0)
		}
		r.Items = p.prep(r.Items, d, nil, r.Qty, 0)
	} else {
		p.combo(r, d, l)
	}
	if len(r.Items) > 1 || len(d.Parts) > 0 {
		for j := range r.Items {
			r.Items[j].ID = p.lineID + "." + strconv.Itoa(j+1)
		}
	}
	r.Amount = r.UnitPrice * int64(r.Qty)
	r.Takes = slices.Clip(p.takes)
	p.room = p.room[:min(cap(p.room), len(p.room)+len(p.takes))]
	return true
}

// sold says that the store can tax and cook a dish. It cannot for the moment between a new
// menu and the document that it came with.
func (p *pricer) sold(d *Dish) bool {
	by := p.q.By
	return by == nil || by.Taxes(d.TaxClass) && !slices.ContainsFunc(d.Stations, func(s string) bool { return !by.Cooks(s) })
}

// form checks what needs no look-up but the dish's own bounds.
func (p *pricer) form(l *Line, d *Dish) {
	most := int64(QtyMax)
	if d.MaxQty > 0 {
		most = min(most, int64(d.MaxQty))
	}
	if l.Qty < 1 || int64(l.Qty) > most {
		p.bad("/qty", "range", 1, most)
	}
	if utf8.RuneCountInString(l.Note) > TextMax {
		p.bad("/note", "length", 0, TextMax)
	}
	if l.Seat < 0 || l.Seat > SeatMax {
		p.bad("/seat", "range", 1, SeatMax)
	}
	if l.Course != nil && (*l.Course < 0 || *l.Course > CourseMax) {
		p.bad("/course", "range", 1, CourseMax)
	}
	for _, a := range l.Allergies {
		if _, ok := p.m.index.allergens[a]; !ok {
			p.bad("/allergies", "not_on_menu", 0, 0)
			break
		}
	}
}

// options checks the picks of one dish, or of one option's own groups, fills in the
// defaults of what must be chosen, and returns them flat: each followed by those below it.
func (p *pricer) options(where string, groups []string, picks []Pick, times int64, out []PricedOption) []PricedOption {
	if p.picks += len(picks); p.picks > OptionsMax {
		p.bad(where, "too_many", 0, OptionsMax)
		return out
	}
	for i := range picks {
		o, ok := p.m.index.options[picks[i].Option]
		if !ok || !slices.Contains(groups, o.group.ID) || picks[i].Group != "" && picks[i].Group != o.group.ID {
			p.bad(fmt.Sprint(where, "/", i, "/option"), "not_on_menu", 0, 0)
			return out
		}
	}
	for _, id := range groups {
		if g, ok := p.m.index.groups[id]; ok {
			out = p.group(where, g, picks, times, out)
		}
	}
	return out
}

func (p *pricer) group(where string, g *Group, picks []Pick, times int64, out []PricedOption) []PricedOption {
	chosen := 0
	for i := range picks {
		o := p.m.index.options[picks[i].Option]
		if o.group != g {
			continue
		}
		qty := max(picks[i].Qty, 1)
		if most := max(o.option.MaxQty, 1); picks[i].Qty < 0 || qty > most {
			p.bad(fmt.Sprint(where, "/", i, "/qty"), "range", 1, int64(most))
			return out
		}
		chosen++
		out = p.option(fmt.Sprint(where, "/", i, "/options"), o, qty, picks[i].Options, times, out)
	}
	if chosen == 0 && g.Min > 0 {
		for i := range g.Options {
			if g.Options[i].Default && chosen < g.Max {
				chosen++
				out = p.option(where, optionAt{g, &g.Options[i]}, 1, nil, times, out)
			}
		}
	}
	switch {
	case chosen < g.Min:
		p.bad(where+"/"+g.ID, "choose", int64(g.Min), int64(g.Max))
	case chosen > g.Max:
		p.bad(where+"/"+g.ID, "too_many", int64(g.Min), int64(g.Max))
	}
	return out
}

func (p *pricer) option(where string, o optionAt, qty int, below []Pick, times int64, out []PricedOption) []PricedOption {
	out = append(out, PricedOption{o.option.ID, o.group.ID, o.option.Kind, o.option.Name, qty, o.option.Price})
	p.take(o.option.stock, int64(qty)*times)
	if len(o.option.Groups) == 0 {
		if len(below) > 0 {
			p.bad(where, "not_on_menu", 0, 0)
		}
		return out
	}
	return p.options(where, o.option.Groups, below, int64(qty)*times, out)
}

func (p *pricer) combo(r *Priced, d *Dish, l *Line) {
	used := 0
	for i := range d.Parts {
		part := &d.Parts[i]
		chosen := 0
		for j := range l.Parts {
			if l.Parts[j].Part != part.ID {
				continue
			}
			chosen++
			p.part(fmt.Sprint("/parts/", j), r, d, part, &l.Parts[j])
		}
		if chosen == 0 && part.Min > 0 && len(part.Choices) == part.Min { // nothing to choose
			for k := range part.Choices {
				chosen++
				p.part("/parts", r, d, part, &PartPick{Part: part.ID, Dish: part.Choices[k].Dish})
			}
			used -= chosen
		}
		if used += chosen; chosen < part.Min || chosen > part.Max {
			p.bad("/parts/"+part.ID, "choose", int64(part.Min), int64(part.Max))
		}
	}
	if used < len(l.Parts) {
		p.bad("/parts", "not_on_menu", 0, 0)
	}
}

func (p *pricer) part(where string, r *Priced, combo *Dish, part *Part, pick *PartPick) {
	i := slices.IndexFunc(part.Choices, func(c Choice) bool { return c.Dish == pick.Dish })
	d, ok := p.m.index.dishes[pick.Dish]
	if i < 0 || !ok || !p.sold(d) {
		p.bad(where+"/dish", "not_on_menu", 0, 0)
		return
	}
	options := p.options(where+"/options", d.Groups, pick.Options, 1, nil)
	r.UnitPrice += part.Choices[i].Price + sum(options)
	r.Parts = append(r.Parts, PricedPart{part.ID, d.ID, options})
	p.take(d.stock, 1)
	r.Items = p.prep(r.Items, d, &combo.Name, r.Qty, len(r.Parts))
}

// prep adds the items that a dish makes: one, or one for each of its stations.
func (p *pricer) prep(items []Prep, d *Dish, combo *Text, qty, part int) []Prep {
	stations := d.Stations
	if p.q.Route != nil {
		for i, s := range stations {
			if to := p.q.Route(s); to != s {
				stations = slices.Clone(stations)
				stations[i] = to
			}
		}
	}
	item := Prep{ID: p.lineID, Dish: d.ID, Name: d.Name, Combo: combo, Qty: qty, Stations: stations, PrepMS: d.PrepMS, Part: part}
	if !d.Each || len(stations) < 2 {
		return append(items, item)
	}
	for i := range stations {
		item.Stations = stations[i : i+1 : i+1]
		items = append(items, item)
	}
	return items
}

func (p *pricer) take(stock string, n int64) {
	for i := range p.takes {
		if p.takes[i].Stock == stock {
			p.takes[i].N += n
			return
		}
	}
	p.takes = append(p.takes, Take{stock, n})
}

func sum(options []PricedOption) (s int64) {
	for i := range options {
		s += options[i].Price * int64(options[i].Qty)
	}
	return s
}
