package menu

import (
	"fmt"
	"slices"
	"unicode/utf8"
)

// Problem is something in a draft that must be mended before it is published.
type Problem struct {
	At      string `json:"at"` // JSON pointer into the menu
	Message string `json:"message"`
}

// ProblemsMax bounds the list that Check returns.
const ProblemsMax = 100

// Seller is the store that sells from a menu: what it taxes, and where it cooks.
type Seller interface {
	Taxes(class string) bool
	Cooks(station string) bool
}

// Check lists what is wrong with a menu that by sells, nil when that is not known yet; an
// empty list means it can be published.
func Check(m *Menu, by Seller) []Problem {
	c := checker{by: by, seen: map[string]string{}, dishes: map[string]bool{}, groups: map[string]bool{}, dayparts: map[string]bool{},
		allergens: m.Allergens, out: []Problem{}}
	for i, p := range m.Dayparts {
		at := fmt.Sprint("/dayparts/", i)
		c.name(at, "daypart", p.ID, p.Name)
		c.dayparts[p.ID] = true
		if !clock(p.From) || !clock(p.To) {
			c.bad(at, "from and to are times such as 11:00")
		}
		for _, d := range p.Days {
			if d < 1 || d > 7 {
				c.bad(at, "days are 1 (Monday) to 7 (Sunday)")
			}
		}
	}
	for i, a := range m.Allergens {
		c.name(fmt.Sprint("/allergens/", i), "allergen", a.ID, a.Name)
	}
	for i := range m.Dishes {
		c.dishes[m.Dishes[i].ID] = true
	}
	for i := range m.Groups {
		c.groups[m.Groups[i].ID] = true
	}
	for i := range m.Groups {
		c.group(fmt.Sprint("/groups/", i), &m.Groups[i])
	}
	for i := range m.Dishes {
		c.dish(fmt.Sprint("/dishes/", i), &m.Dishes[i])
	}
	c.categories("/categories", m.Categories, 0)
	if c.cycle(m) {
		c.bad("/groups", "groups hang below one another in a circle")
	}
	return c.out
}

type checker struct {
	by                       Seller
	seen                     map[string]string
	dishes, groups, dayparts map[string]bool
	allergens                []Allergen
	out                      []Problem
}

func (c *checker) bad(at, format string, args ...any) {
	if len(c.out) < ProblemsMax {
		c.out = append(c.out, Problem{at, fmt.Sprintf(format, args...)})
	}
}

// name checks an id and a name; ids are unique for each kind of thing.
func (c *checker) name(at, kind, id string, t Text) {
	if !IsName(id) {
		c.bad(at+"/id", "%q is not a name (letters, digits, - and _, at most 64)", id)
	}
	if first, dup := c.seen[kind+"/"+id]; dup {
		c.bad(at+"/id", "%q is already at %s", id, first)
	}
	c.seen[kind+"/"+id] = at
	if !t.Fits() {
		c.bad(at+"/name", "needs a name in at least one language, none longer than %d characters", TextMax)
	}
}

// Fits says that t is a name: given in at least one language, and not too long in any.
func (t Text) Fits() bool {
	return t != Text{} && utf8.RuneCountInString(t.ZH) <= TextMax && utf8.RuneCountInString(t.EN) <= TextMax
}

func (c *checker) dish(at string, d *Dish) {
	c.name(at, "dish", d.ID, d.Name)
	if d.Price < 0 || d.Price > 1e12 {
		c.bad(at+"/price", "is out of range")
	}
	for _, g := range d.Groups {
		if !c.groups[g] {
			c.bad(at+"/groups", "no group %q", g)
		}
	}
	for _, a := range d.Allergens {
		if !slices.ContainsFunc(c.allergens, func(x Allergen) bool { return x.ID == a }) {
			c.bad(at+"/allergens", "no allergen %q", a)
		}
	}
	for _, p := range d.Dayparts {
		if !c.dayparts[p] {
			c.bad(at+"/dayparts", "no daypart %q", p)
		}
	}
	if d.Course < 0 || d.Course > CourseMax {
		c.bad(at+"/course", "is not 0 to %d", CourseMax)
	}
	if len(d.Stations) == 0 && len(d.Parts) == 0 {
		c.bad(at+"/stations", "nobody makes it")
	}
	c.sold(at, d)
	for i, p := range d.Parts {
		where := fmt.Sprint(at, "/parts/", i)
		if p.Min < 0 || p.Max < p.Min || len(p.Choices) == 0 {
			c.bad(where, "needs choices, and 0 ≤ min ≤ max")
		}
		for _, ch := range p.Choices {
			if !c.dishes[ch.Dish] {
				c.bad(where+"/choices", "no dish %q", ch.Dish)
			}
		}
	}
}

// sold checks what a dish names of the store: a class that it does not know would be
// untaxed, and what a station that it does not have is sent, nobody would cook.
func (c *checker) sold(at string, d *Dish) {
	if c.by == nil {
		return
	}
	if !c.by.Taxes(d.TaxClass) {
		c.bad(at+"/tax_class", "the store has no tax class %q", d.TaxClass)
	}
	for i, s := range d.Stations {
		if !c.by.Cooks(s) {
			c.bad(fmt.Sprint(at, "/stations/", i), "the store has no station %q", s)
		}
	}
}

func (c *checker) group(at string, g *Group) {
	c.name(at, "group", g.ID, g.Name)
	if g.Min < 0 || g.Max < g.Min || g.Max == 0 {
		c.bad(at, "needs 0 ≤ min ≤ max and max ≥ 1")
	}
	for i, o := range g.Options {
		where := fmt.Sprint(at, "/options/", i)
		c.name(where, "option", o.ID, o.Name)
		if o.Kind != "choice" && o.Kind != "add" && o.Kind != "remove" {
			c.bad(where+"/kind", "is not choice, add or remove")
		}
		for _, below := range o.Groups {
			if !c.groups[below] {
				c.bad(where+"/groups", "no group %q", below)
			}
		}
	}
}

func (c *checker) categories(at string, cs []Category, level int) {
	if level > 8 {
		c.bad(at, "more than eight levels")
		return
	}
	for i, k := range cs {
		where := fmt.Sprint(at, "/", i)
		c.name(where, "category", k.ID, k.Name)
		for _, d := range k.Dishes {
			if !c.dishes[d] {
				c.bad(where+"/dishes", "no dish %q", d)
			}
		}
		c.categories(where+"/categories", k.Categories, level+1)
	}
}

// cycle looks for a group that hangs below itself.
func (c *checker) cycle(m *Menu) bool {
	below := map[string][]string{}
	for _, g := range m.Groups {
		for _, o := range g.Options {
			below[g.ID] = append(below[g.ID], o.Groups...)
		}
	}
	const visiting, done = 1, 2
	state := map[string]int{}
	var visit func(id string) bool
	visit = func(id string) bool {
		switch state[id] {
		case visiting:
			return true
		case done:
			return false
		}
		state[id] = visiting
		for _, b := range below[id] {
			if visit(b) {
				return true
			}
		}
		state[id] = done
		return false
	}
	for _, g := range m.Groups {
		if visit(g.ID) {
			return true
		}
	}
	return false
}

// IsName says that s is a name of the protocol: ^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$.
func IsName(s string) bool {
	if s == "" || len(s) > 64 || s[0] == '_' || s[0] == '-' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c|0x20 < 'a' || c|0x20 > 'z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

func clock(s string) bool {
	return len(s) == 5 && s[2] == ':' && s >= "00:00" && s <= "24:00" && s[3] <= '5'
}
