package menu

import (
	"maps"
	"slices"
	"time"
)

// Overrides is what a store that sells from a chain's menu has otherwise. What it names
// and the chain does not have is passed over: it may come back.
type Overrides struct {
	Dishes  []DishOverride   `json:"dishes,omitzero"`
	Options []OptionOverride `json:"options,omitzero"`
}

// DishOverride changes a dish; what it does not give stays the chain's.
type DishOverride struct {
	ID          string           `json:"id"`
	Hidden      bool             `json:"hidden,omitzero"` // not sold here
	Name        *Text            `json:"name,omitzero"`
	Description *Text            `json:"description,omitzero"`
	Image       string           `json:"image,omitzero"`
	Price       *int64           `json:"price,omitzero"`  // where the channel has no price of its own
	Prices      map[string]int64 `json:"prices,omitzero"` // by channel, beside the chain's
	TaxClass    string           `json:"tax_class,omitzero"`
	Dayparts    []string         `json:"dayparts,omitzero"` // of the chain's menu
	MaxQty      int              `json:"max_qty,omitzero"`
	Stations    []string         `json:"stations,omitzero"`
	PrepMS      int64            `json:"prep_ms,omitzero"`
}

// OptionOverride changes an option.
type OptionOverride struct {
	ID     string `json:"id"`
	Hidden bool   `json:"hidden,omitzero"`
	Name   *Text  `json:"name,omitzero"`
	Price  *int64 `json:"price,omitzero"`
}

// With is the chain's menu m as a store sells it. What cannot be had without something
// hidden goes with it: a combo whose part has no choice left, a dish that needs an option
// nobody can choose. It shares with m what it does not change, and has no version yet.
func (m *Menu) With(o *Overrides) *Menu {
	own := *m
	own.Version, own.PublishedAt, own.index = 0, time.Time{}, nil
	own.Dishes, own.Groups = slices.Clone(m.Dishes), slices.Clone(m.Groups)
	for i := range own.Groups {
		own.Groups[i].Options = slices.Clone(own.Groups[i].Options)
	}
	c := cut{m: &own, dishes: map[string]bool{}, options: map[string]bool{}, groups: map[string]bool{}}
	for i := range o.Dishes {
		x := &o.Dishes[i]
		if at := slices.IndexFunc(own.Dishes, func(d Dish) bool { return d.ID == x.ID }); at >= 0 {
			own.change(&own.Dishes[at], x)
			c.hide(c.dishes, x.ID, x.Hidden)
		}
	}
	byID := map[string]*OptionOverride{}
	for i := range o.Options {
		byID[o.Options[i].ID] = &o.Options[i]
	}
	for i := range own.Groups {
		for j := range own.Groups[i].Options {
			if p := &own.Groups[i].Options[j]; byID[p.ID] != nil {
				x := byID[p.ID]
				give(&p.Name, x.Name)
				give(&p.Price, x.Price)
				c.hide(c.options, x.ID, x.Hidden)
			}
		}
	}
	if len(c.dishes)+len(c.options) > 0 {
		for c.spreads() {
		}
		c.apply()
	}
	return &own
}

func give[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

func (m *Menu) change(d *Dish, x *DishOverride) {
	give(&d.Name, x.Name)
	give(&d.Price, x.Price)
	if x.Description != nil {
		d.Description = x.Description
	}
	if len(x.Prices) > 0 {
		all := make(map[string]int64, len(d.Prices)+len(x.Prices))
		maps.Copy(all, d.Prices)
		maps.Copy(all, x.Prices)
		d.Prices = all
	}
	known := slices.DeleteFunc(slices.Clone(x.Dayparts), func(id string) bool {
		return !slices.ContainsFunc(m.Dayparts, func(p Daypart) bool { return p.ID == id })
	})
	if len(known) > 0 {
		d.Dayparts = known
	}
	if len(x.Stations) > 0 {
		d.Stations = x.Stations
	}
	if x.Image != "" {
		d.Image = x.Image
	}
	if x.TaxClass != "" {
		d.TaxClass = x.TaxClass
	}
	if x.MaxQty != 0 {
		d.MaxQty = x.MaxQty
	}
	if x.PrepMS != 0 {
		d.PrepMS = x.PrepMS
	}
}

// cut is what is taken out of a menu.
type cut struct {
	m               *Menu
	dishes, options map[string]bool
	groups          map[string]bool // whether one of its options had to be chosen
}

func (c *cut) hide(in map[string]bool, id string, hidden bool) {
	if hidden {
		in[id] = true
	}
}

// spreads takes out what cannot be had without what is out, and reports whether that was
// anything.
func (c *cut) spreads() (more bool) {
	for i := range c.m.Groups {
		g := &c.m.Groups[i]
		left := 0
		for j := range g.Options {
			p := &g.Options[j]
			if !c.options[p.ID] && c.breaks(p.Groups) {
				c.options[p.ID], more = true, true
			}
			if !c.options[p.ID] {
				left++
			}
		}
		if _, out := c.groups[g.ID]; !out && left < len(g.Options) && left < max(g.Min, 1) {
			c.groups[g.ID], more = g.Min > 0, true
		}
	}
	for i := range c.m.Dishes {
		d := &c.m.Dishes[i]
		if !c.dishes[d.ID] && (c.breaks(d.Groups) || slices.ContainsFunc(d.Parts, c.lacks)) {
			c.dishes[d.ID], more = true, true
		}
	}
	return more
}

// breaks says that one of the groups is out, and something of it was needed.
func (c *cut) breaks(groups []string) bool {
	return slices.ContainsFunc(groups, func(id string) bool { return c.groups[id] })
}

// lacks says that nothing is left to choose for a part that needs it.
func (c *cut) lacks(p Part) bool { return p.Min > 0 && len(c.choices(p.Choices)) == 0 }

func (c *cut) choices(all []Choice) []Choice {
	return slices.DeleteFunc(slices.Clone(all), func(x Choice) bool { return c.dishes[x.Dish] })
}

func (c *cut) remaining(groups []string) []string {
	return slices.DeleteFunc(slices.Clone(groups), func(id string) bool { _, out := c.groups[id]; return out })
}

func (c *cut) apply() {
	m := c.m
	m.Groups = slices.DeleteFunc(m.Groups, func(g Group) bool { _, out := c.groups[g.ID]; return out })
	for i := range m.Groups {
		g := &m.Groups[i]
		g.Options = slices.DeleteFunc(g.Options, func(p Option) bool { return c.options[p.ID] })
		for j := range g.Options {
			g.Options[j].Groups = c.remaining(g.Options[j].Groups)
		}
	}
	m.Dishes = slices.DeleteFunc(m.Dishes, func(d Dish) bool { return c.dishes[d.ID] })
	for i := range m.Dishes {
		d := &m.Dishes[i]
		d.Groups = c.remaining(d.Groups)
		d.Parts = slices.Clone(d.Parts)
		for j := range d.Parts {
			d.Parts[j].Choices = c.choices(d.Parts[j].Choices)
		}
		d.Parts = slices.DeleteFunc(d.Parts, func(p Part) bool { return len(p.Choices) == 0 })
	}
	m.Categories = c.categories(m.Categories)
}

// categories leaves out those that had something and have nothing any more.
func (c *cut) categories(all []Category) []Category {
	left := make([]Category, 0, len(all))
	for _, k := range all {
		had := len(k.Dishes) + len(k.Categories)
		k.Dishes = slices.DeleteFunc(slices.Clone(k.Dishes), func(id string) bool { return c.dishes[id] })
		k.Categories = c.categories(k.Categories)
		if had == 0 || len(k.Dishes)+len(k.Categories) > 0 {
			left = append(left, k)
		}
	}
	return left
}

// counted returns categories that say how many dishes are in them and below them.
func counted(all []Category) (_ []Category, n int) {
	all = slices.Clone(all)
	for i := range all {
		c := &all[i]
		c.Categories, c.Count = counted(c.Categories)
		c.Count += len(c.Dishes)
		n += c.Count
	}
	return all, n
}
