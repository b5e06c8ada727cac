package gateway

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/gateway/auth"
)

// menuCache holds the JSON of each store's published menu, for each audience and part
// that was asked for; what belongs to an older version goes with it.
type menuCache struct {
	mu sync.Mutex
	by map[string]*menuBodies
}

type menuBodies struct {
	of     *menu.Menu
	bodies map[menuPart][]byte
}

// menuPart is what of a menu, and for whom.
type menuPart struct {
	guests   bool
	shallow  bool   // categories only
	category string // with all that its dishes refer to
	zipped   bool   // gzip: a phone on a slow network waits for it
}

// get returns the JSON of a part, or nil when there is no such category.
func (c *menuCache) get(storeID string, m *menu.Menu, part menuPart) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by == nil {
		c.by = map[string]*menuBodies{}
	}
	x := c.by[storeID]
	if x == nil || x.of != m {
		x = &menuBodies{m, map[menuPart][]byte{}}
		c.by[storeID] = x
	}
	if b, ok := x.bodies[part]; ok {
		return b
	}
	cut := m
	switch {
	case part.category != "":
		if cut = categoryOf(m, part.category); cut == nil {
			return nil
		}
	case part.shallow:
		cut = shallow(m)
	}
	to := wire.Staff
	if part.guests {
		to = wire.Guests
	}
	b := wire.AppendMenu(nil, cut, to)
	if part.zipped {
		b = zip(b)
	}
	x.bodies[part] = b
	return b
}

// last is the menu of a store that was sent last; nil: none was.
func (c *menuCache) last(storeID string) *menu.Menu {
	c.mu.Lock()
	defer c.mu.Unlock()
	if x := c.by[storeID]; x != nil {
		return x.of
	}
	return nil
}

func zip(b []byte) []byte {
	var to bytes.Buffer
	w, _ := gzip.NewWriterLevel(&to, gzip.BestCompression) // the level is valid
	w.Write(b)                                             // to memory
	w.Close()
	return to.Bytes()
}

// shallow is the menu without its dishes: what a client shows first.
func shallow(m *menu.Menu) *menu.Menu {
	s := *m
	s.Categories, s.Dishes, s.Groups = withoutDishes(m.Categories), []menu.Dish{}, []menu.Group{}
	return &s
}

func withoutDishes(all []menu.Category) []menu.Category {
	bare := make([]menu.Category, len(all))
	for i, c := range all {
		c.Dishes, c.Categories = []string{}, withoutDishes(c.Categories)
		bare[i] = c
	}
	return bare
}

// categoryOf is the menu with one category's dishes and what these refer to; nil if
// there is no such category.
func categoryOf(m *menu.Menu, id string) *menu.Menu {
	c := findCategory(m.Categories, id)
	if c == nil {
		return nil
	}
	dishes, groups := map[string]bool{}, map[string]bool{}
	wantDishes(c, dishes)
	for i := range m.Dishes { // a combo's choices may be anywhere on the menu
		if d := &m.Dishes[i]; dishes[d.ID] {
			for _, p := range d.Parts {
				for _, x := range p.Choices {
					dishes[x.Dish] = true
				}
			}
		}
	}
	part := *m
	part.Categories, part.Dishes, part.Groups = []menu.Category{*c}, []menu.Dish{}, []menu.Group{}
	for i := range m.Dishes {
		if d := &m.Dishes[i]; dishes[d.ID] {
			part.Dishes = append(part.Dishes, *d)
			for _, g := range d.Groups {
				wantGroups(m, g, groups)
			}
		}
	}
	for i := range m.Groups {
		if groups[m.Groups[i].ID] {
			part.Groups = append(part.Groups, m.Groups[i])
		}
	}
	return &part
}

func findCategory(all []menu.Category, id string) *menu.Category {
	for i := range all {
		if all[i].ID == id {
			return &all[i]
		}
		if c := findCategory(all[i].Categories, id); c != nil {
			return c
		}
	}
	return nil
}

func wantDishes(c *menu.Category, want map[string]bool) {
	for _, d := range c.Dishes {
		want[d] = true
	}
	for i := range c.Categories {
		wantDishes(&c.Categories[i], want)
	}
}

// wantGroups wants a group and those that hang below its options.
func wantGroups(m *menu.Menu, id string, want map[string]bool) {
	if want[id] {
		return
	}
	want[id] = true
	i := slices.IndexFunc(m.Groups, func(g menu.Group) bool { return g.ID == id })
	if i < 0 {
		return
	}
	for _, o := range m.Groups[i].Options {
		for _, below := range o.Groups {
			wantGroups(m, below, want)
		}
	}
}

// staffSees says that who gets the menu with what is the kitchen's.
func staffSees(who *auth.Principal) bool { return !who.IsGuest() && !who.IsChannel() }

type menuParams struct {
	Store    string `path:"store" maxLength:"64" doc:"The store's id"`
	Depth    string `query:"depth" enum:"1" doc:"1: the categories without their dishes"`
	Category string `query:"category" doc:"One category, with all that its dishes refer to"`
}

// menuRoutes serves the menu without huma between: it is read more than all else.
func (s *Server) menuRoutes(m *http.ServeMux, api huma.API) {
	get := endpoint{method: "GET", path: "/v1/stores/{store}/menu", tag: "menu", permission: "rest:menu:read",
		remembers: true,
		summary:   "The published menu; the ETag is its version. While the store does not answer, it is the last one that was read here", reply: menu.Menu{}}
	m.HandleFunc(get.method+" "+get.path, func(w http.ResponseWriter, r *http.Request) {
		c := &call{w, r, nil, r.PathValue("store")}
		bad := s.enterCall(c, &get)
		if bad == nil {
			bad = s.getMenu(c)
		}
		if bad != nil {
			writeProblem(w, bad)
		}
	})
	describe[menuParams](api, &get)
}

func (s *Server) getMenu(c *call) *refusal.Refusal {
	part := menuPart{guests: !staffSees(c.who)}
	if c.Request.URL.RawQuery != "" {
		q := c.Request.URL.Query()
		part.category = q.Get("category")
		part.shallow = part.category == "" && q.Get("depth") == "1"
	}
	return s.sendMenu(c, part)
}

// menuOf is a store's published menu, or the last one that was sent while the store is away.
func (s *Server) menuOf(storeID string) (*menu.Menu, *refusal.Refusal) {
	if today := s.config.Engine.Today(storeID); today != nil {
		if today.Menu == nil {
			return nil, notFound("menu", storeID)
		}
		return today.Menu, nil
	}
	if m := s.menus.last(storeID); m != nil && s.exists(storeID) {
		return m, nil
	}
	return nil, s.away(storeID)
}

// sendMenu answers with a part of the call's store's menu, unless the caller has it.
func (s *Server) sendMenu(c *call, part menuPart) *refusal.Refusal {
	m, bad := s.menuOf(c.store)
	if bad != nil {
		return bad
	}
	part.zipped = strings.Contains(c.Request.Header.Get("Accept-Encoding"), "gzip")
	b := s.menus.get(c.store, m, part)
	if b == nil {
		return notFound("category", part.category)
	}
	etag := menu.ETag(m.Version)
	if part.guests {
		etag = `"` + strconv.FormatInt(m.Version, 10) + `g"`
	}
	h := c.ResponseWriter.Header()
	h.Set("Cache-Control", "private, no-cache")
	h.Set("Vary", "Authorization, Accept-Encoding")
	if !c.matches(etag) {
		if part.zipped {
			h.Set("Content-Encoding", "gzip")
		}
		c.json(http.StatusOK, b)
	}
	return nil
}
