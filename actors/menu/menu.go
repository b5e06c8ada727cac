// Package menu is what a store sells, in versions: categories, dishes with their
// option groups, combos, prices by channel and time of day. A draft is edited, and
// publishing it makes the next version, which orders are priced with.
//
//	draft ──Publish──▶ version n+1 (immutable)
//	  ▲                     │
//	  └──────Draft──────────┘
//
// Its one promise: an order keeps the prices of the version it was priced with.
package menu

import "time"

// Text is a name in the languages of a store; at least one is given, each at most
// TextMax characters.
type Text struct {
	ZH string `json:"zh,omitzero"`
	EN string `json:"en,omitzero"`
}

// TextMax bounds each language of a Text, and free text such as notes, in characters.
const TextMax = 200

// Menu is one version. It is immutable once indexed; its look-ups need Index.
type Menu struct {
	Version     int64      `json:"version,omitzero"`
	PublishedAt time.Time  `json:"published_at,omitzero"`
	Currency    string     `json:"currency"`
	TaxIncluded bool       `json:"tax_included"`
	Languages   []string   `json:"languages"`
	Allergens   []Allergen `json:"allergens"`
	Dayparts    []Daypart  `json:"dayparts"`
	Categories  []Category `json:"categories"`
	Dishes      []Dish     `json:"dishes"`
	Groups      []Group    `json:"groups"`

	index *index
}

// Allergen is something that some guests must not eat.
type Allergen struct {
	ID   string `json:"id"`
	Name Text   `json:"name"`
}

// Daypart is a time of day on some days of the week (1 = Monday … 7 = Sunday), in
// the store's zone; a range that ends before it starts runs past midnight.
type Daypart struct {
	ID   string `json:"id"`
	Name Text   `json:"name"`
	Days []int  `json:"days"`
	From string `json:"from"` // "11:00"
	To   string `json:"to"`
}

// Category is a node of the menu's tree.
type Category struct {
	ID         string     `json:"id"`
	Name       Text       `json:"name"`
	Count      int        `json:"count"` // of the dishes in it and below it; set when it is published
	Dishes     []string   `json:"dishes"`
	Categories []Category `json:"categories"`
	Dayparts   []string   `json:"dayparts,omitzero"`
}

// Dish is something to order; one with Parts is a combo. Prices are minor units.
type Dish struct {
	ID          string           `json:"id"`
	Name        Text             `json:"name"`
	Description *Text            `json:"description,omitzero"`
	Image       string           `json:"image,omitzero"`
	Price       int64            `json:"price"`
	Prices      map[string]int64 `json:"prices"` // by channel
	TaxClass    string           `json:"tax_class"`
	Allergens   []string         `json:"allergens"`
	Tags        []string         `json:"tags"`
	Groups      []string         `json:"groups"`
	Course      int              `json:"course"`
	Dayparts    []string         `json:"dayparts"`
	MaxQty      int              `json:"max_qty,omitzero"`
	Stations    []string         `json:"stations"`
	Each        bool             `json:"each"` // every station makes its own item, instead of one fulfilling all
	PrepMS      int64            `json:"prep_ms"`
	Parts       []Part           `json:"parts,omitzero"`

	stock string // "dish/" + ID
}

// Part is one choice within a combo.
type Part struct {
	ID      string   `json:"id"`
	Name    Text     `json:"name"`
	Min     int      `json:"min"`
	Max     int      `json:"max"`
	Choices []Choice `json:"choices"`
}

// Choice is a dish that a part may be, at a surcharge.
type Choice struct {
	Dish  string `json:"dish"`
	Price int64  `json:"price"`
}

// Group is a set of options of which Min to Max are chosen.
type Group struct {
	ID      string   `json:"id"`
	Name    Text     `json:"name"`
	Min     int      `json:"min"`
	Max     int      `json:"max"`
	Options []Option `json:"options"`
}

// Option changes a dish; Kind is choice, add or remove. Groups hang below it when it
// is chosen.
type Option struct {
	ID      string   `json:"id"`
	Name    Text     `json:"name"`
	Kind    string   `json:"kind"`
	Price   int64    `json:"price"`
	Default bool     `json:"default,omitzero"`
	MaxQty  int      `json:"max_qty,omitzero"`
	Groups  []string `json:"groups,omitzero"`

	stock string // "option/" + ID
}

// index is what rules look up on every order.
type index struct {
	dishes    map[string]*Dish
	groups    map[string]*Group
	options   map[string]optionAt
	dayparts  map[string]*Daypart
	allergens map[string]*Allergen
	within    map[string][]string // dayparts of the categories above a dish
}

type optionAt struct {
	group  *Group
	option *Option
}

// Index makes m ready for look-ups and pricing; call it once after making or
// decoding a menu. It returns m.
func (m *Menu) Index() *Menu {
	x := &index{map[string]*Dish{}, map[string]*Group{}, map[string]optionAt{}, map[string]*Daypart{}, map[string]*Allergen{}, map[string][]string{}}
	for i := range m.Dishes {
		d := &m.Dishes[i]
		d.stock = "dish/" + d.ID
		x.dishes[d.ID] = d
	}
	for i := range m.Groups {
		g := &m.Groups[i]
		x.groups[g.ID] = g
		for j := range g.Options {
			o := &g.Options[j]
			o.stock = "option/" + o.ID
			x.options[o.ID] = optionAt{g, o}
		}
	}
	for i := range m.Dayparts {
		x.dayparts[m.Dayparts[i].ID] = &m.Dayparts[i]
	}
	for i := range m.Allergens {
		x.allergens[m.Allergens[i].ID] = &m.Allergens[i]
	}
	x.categories(m.Categories, nil)
	m.index = x
	return m
}

func (x *index) categories(cs []Category, above []string) {
	for _, c := range cs {
		here := above
		if len(c.Dayparts) > 0 {
			here = append(here[:len(here):len(here)], c.Dayparts...)
		}
		if len(here) > 0 {
			for _, d := range c.Dishes {
				x.within[d] = here
			}
		}
		x.categories(c.Categories, here)
	}
}

// Dish finds a dish by id; m may be nil.
func (m *Menu) Dish(id string) (*Dish, bool) {
	if m == nil {
		return nil, false
	}
	d, ok := m.index.dishes[id]
	return d, ok
}

// Option finds an option by id; m may be nil.
func (m *Menu) Option(id string) (*Option, bool) {
	if m == nil {
		return nil, false
	}
	o, ok := m.index.options[id]
	return o.option, ok
}

// Allergen returns an allergen's name; an unknown one is named by its id.
func (m *Menu) Allergen(id string) Text {
	if a, ok := m.index.allergens[id]; ok {
		return a.Name
	}
	return Text{EN: id}
}

// served says that the dish is sold at that local time.
func (m *Menu) served(d *Dish, local time.Time) bool {
	return m.anyOf(d.Dayparts, local) && m.anyOf(m.index.within[d.ID], local)
}

func (m *Menu) anyOf(dayparts []string, local time.Time) bool {
	if len(dayparts) == 0 {
		return true
	}
	for _, id := range dayparts {
		if p, ok := m.index.dayparts[id]; ok && p.covers(local) {
			return true
		}
	}
	return false
}

func (p *Daypart) covers(local time.Time) bool {
	now := local.Format("15:04")
	day := func(t time.Time) bool {
		w := int(t.Weekday())
		if w == 0 {
			w = 7
		}
		for _, d := range p.Days {
			if d == w {
				return true
			}
		}
		return false
	}
	if p.From <= p.To {
		return day(local) && p.From <= now && now < p.To
	}
	return day(local) && now >= p.From || day(local.AddDate(0, 0, -1)) && now < p.To
}
