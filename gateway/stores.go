package gateway

import (
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/stock"
	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/actors/table"
	"github.com/brigata/brigata/actors/wire"
)

// storeDocument is a store file: its configuration, and the menu beside it.
type storeDocument struct {
	store.Config
	Menu *menu.Menu `json:"menu,omitempty"`
}

// storeName is a store in a list.
type storeName struct {
	ID       string    `json:"id"`
	Name     menu.Text `json:"name"`
	Zone     string    `json:"zone"`
	Currency string    `json:"currency"`
	Open     bool      `json:"open"`
}

type noParams struct{}

func (s *Server) storeRoutes(api huma.API) {
	const tag = "stores"
	route(s, api, endpoint{method: "GET", path: "/v1/stores", tag: tag, permission: "rest:stores:read",
		summary: "The stores that the token is good for", reply: page[storeName]{}}, s.listStores)
	route(s, api, endpoint{method: "POST", path: "/v1/stores", tag: tag, permission: "rest:stores:write", status: http.StatusCreated,
		summary: "Load a store from its document", body: storeDocument{}, reply: loaded{}}, s.postStore)
	route(s, api, endpoint{method: "GET", path: "/v1/stores/{store}", tag: tag, permission: "rest:stores:read",
		summary: "A store's document", reply: storeDocument{}}, s.getStore)
	route(s, api, endpoint{method: "PUT", path: "/v1/stores/{store}", tag: tag, permission: "rest:stores:write", anyStore: true,
		summary: "Load or replace a store; counts, orders and tables in use stay", body: storeDocument{}, reply: loaded{}}, s.putStore)
	route(s, api, endpoint{method: "GET", path: "/v1/stores/{store}/tables", tag: "tables", permission: "rest:tables:read",
		summary: "All tables, as the floor shows them", reply: page[map[string]any]{}}, s.listTables)
	route(s, api, endpoint{method: "GET", path: "/v1/stores/{store}/tables/{id}", tag: "tables", permission: "rest:table:read",
		summary: "A table with its cart and bill, with an ETag", reply: table.View{}}, s.getTable)
	route(s, api, endpoint{method: "POST", path: "/v1/stores/{store}/tables", tag: "tables", permission: "table.open", status: http.StatusCreated,
		summary: "Seat a table", body: table.Open{}, bodyNote: "As the data of table.open", reply: outcome[table.OpenReply]{}}, s.openTable)
	route(s, api, endpoint{method: "GET", path: "/v1/stores/{store}/stock", tag: "stock", permission: "rest:stock:read",
		summary: "What is counted, out or held", reply: page[stocked]{}}, s.listStock)
}

type loaded struct {
	Store string `json:"store"`
}

// stocked is a dish's or option's stock in a list.
type stocked struct {
	ID string `json:"id" doc:"dish/<name> or option/<name>"`
	stock.View
}

func (s *Server) listStores(c *call, _ *noParams) *refusal.Refusal {
	ids := c.who.Stores
	if c.who.Everywhere() && s.config.StoreNames != nil {
		ids = s.config.StoreNames()
	}
	list := page[storeName]{Items: []storeName{}}
	for _, id := range ids {
		if t := s.config.Engine.Today(id); t != nil {
			list.Items = append(list.Items, storeName{id, t.Config.Name, t.Config.Zone, t.Config.Currency, t.Open})
		}
	}
	c.value(http.StatusOK, &list)
	return nil
}

func (s *Server) getStore(c *call, _ *storeParams) *refusal.Refusal {
	var b []byte
	if s.config.StoreDocument != nil {
		b = s.config.StoreDocument(c.store)
	}
	if b == nil {
		return notFound("store", c.store)
	}
	c.json(http.StatusOK, b)
	return nil
}

// putStore loads a store, which need not exist yet.
func (s *Server) putStore(c *call, _ *storeParams) *refusal.Refusal {
	if !menu.IsName(c.store) {
		return refusal.Faults(refusal.Fault{At: "/id", Reason: "id"})
	}
	return s.loadStore(c, http.StatusOK)
}

func (s *Server) postStore(c *call, _ *noParams) *refusal.Refusal {
	return s.loadStore(c, http.StatusCreated)
}

func (s *Server) loadStore(c *call, status int) *refusal.Refusal {
	switch {
	case s.draining.Load():
		return errDraining
	case s.config.Stores == nil:
		return notFound("resource", c.URL.Path)
	}
	doc, bad := readBody(c, documentMax)
	if bad != nil {
		return bad
	}
	reply, bad := s.config.Stores(c.Context(), c.store, doc)
	if bad != nil {
		return bad
	}
	c.json(status, reply)
	return nil
}

func (s *Server) listTables(c *call, _ *storeParams) *refusal.Refusal {
	c.json(http.StatusOK, appendItems(s.boards.AppendFloor(nil, c.store), ""))
	return nil
}

func (s *Server) getTable(c *call, in *idParams) *refusal.Refusal {
	if c.who.IsGuest() && s.boards.TableOf(c.store, c.who.Session) != in.ID {
		return forbidden("rest:table:read")
	}
	if _, ok := s.config.Engine.Today(c.store).Table(in.ID); !ok {
		return notFound("table", in.ID)
	}
	a := s.read(c.Context(), readClass(c.who), c.store, command.Target{Kind: "table", ID: in.ID})
	if a.Refusal != nil {
		return a.Refusal
	}
	v, ok := a.View.(*table.View)
	if !ok || v == nil {
		return notFound("table", in.ID)
	}
	c.ResponseWriter.Header().Set("Cache-Control", "private, no-cache")
	if !c.matches(`"` + strconv.FormatInt(a.V, 10) + `"`) {
		c.json(http.StatusOK, wire.AppendTable(nil, v, audience(c.who)))
	}
	return nil
}

func (s *Server) openTable(c *call, _ *storeParams) *refusal.Refusal {
	m, bad := s.body(c)
	if bad != nil {
		return bad
	}
	m.Cmd = "table.open"
	return s.execute(c, m)
}

func (s *Server) listStock(c *call, _ *storeParams) *refusal.Refusal {
	c.json(http.StatusOK, appendItems(s.boards.AppendStock(nil, c.store), ""))
	return nil
}
