package gateway

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"rsc.io/qr"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/table"
	"github.com/brigata/brigata/gateway/auth"
)

var errUnseated = refusal.New(refusal.Unauthenticated, "revoked", "The table was cleared")

// guestBody is a scanned code, exchanged for a token.
type guestBody struct {
	QR    string `json:"qr" doc:"The key in the table's code"`
	Guest string `json:"guest,omitempty" doc:"A UUIDv7 that the phone keeps to itself; the guest's id is derived from it"`
	Name  string `json:"name,omitempty" doc:"What the others at the table see"`
}

type codeParams struct {
	Store  string `path:"store" maxLength:"64" doc:"The store's id"`
	ID     string `path:"id" maxLength:"64"`
	Format string `query:"format" enum:"svg,png" default:"svg"`
	Rotate bool   `query:"rotate" doc:"A fresh code: the printed one opens nothing any more"`
	Base   string `query:"base" format:"uri" doc:"Where guests reach this server; this request's host by default"`
}

func (s *Server) guestRoutes(api huma.API) {
	route(s, api, endpoint{method: "POST", path: "/v1/guest", tag: "guests", public: true,
		summary: "Exchange a table's code for a token that is good while the table's session is open", body: guestBody{}, reply: auth.Grant{}}, accounts(s, s.postGuest))
	route(s, api, endpoint{method: "GET", path: "/v1/guest/menu", tag: "guests", public: true,
		summary: "The published menu of the store that a table's code is of, open or not; the ETag is its version", reply: menu.Menu{}}, accounts(s, s.getGuestMenu))
	route(s, api, endpoint{method: "POST", path: "/v1/stores/{store}/tables/{id}/qr", tag: "tables", permission: "rest:codes:write",
		summary: "A table's code with the guests' link; the link is in the header Link too", types: []string{"image/svg+xml", "image/png"}}, accounts(s, s.postCode))
}

func (s *Server) postGuest(ctx context.Context, c *call, _ *noParams) error {
	var in guestBody
	if bad := s.decode(c, &in); bad != nil {
		return bad
	}
	place, err := s.config.Accounts.FindTable(ctx, in.QR)
	if err != nil {
		return err
	}
	session, bad := s.sessionAt(ctx, place.Store, place.Table)
	if bad != nil {
		return bad
	}
	grant, err := s.config.Accounts.Guest(ctx, place, session, in.Guest, in.Name)
	if err != nil {
		return err
	}
	c.value(http.StatusOK, grant)
	return nil
}

type guestMenuParams struct {
	QR string `query:"qr" maxLength:"64" required:"true" doc:"The key in the table's code"`
}

// getGuestMenu shows the menu to who has scanned a code: a phone then need not wait for
// its token before it asks.
func (s *Server) getGuestMenu(ctx context.Context, c *call, in *guestMenuParams) error {
	place, err := s.config.Accounts.FindTable(ctx, in.QR)
	if err != nil {
		return err
	}
	c.store = place.Store
	if bad := s.sendMenu(c, menuPart{guests: true}); bad != nil {
		return bad
	}
	return nil
}

// sessionAt returns the session that is open at a table, or "". The boards know of it
// from then on, though its view may be on its way still.
func (s *Server) sessionAt(ctx context.Context, storeID, id string) (string, *refusal.Refusal) {
	if !s.exists(storeID) {
		return "", nil
	}
	a := s.read(ctx, guestCommands, storeID, command.Target{Kind: "table", ID: id})
	if a.Refusal != nil {
		if a.Refusal.Code == refusal.NotFound {
			return "", nil
		}
		return "", a.Refusal
	}
	v, ok := a.View.(*table.View)
	if !ok || v == nil {
		return "", nil
	}
	s.boards.Learn(storeID, a)
	switch v.State {
	case table.Seated, table.BillRequested, table.Paid:
		return v.Session, nil
	}
	return "", nil
}

// seated says that a guest's session is open, wherever its party sits now.
func (s *Server) seated(ctx context.Context, storeID, id, session string) (bool, *refusal.Refusal) {
	if s.boards.TableOf(storeID, session) != "" {
		return true, nil
	}
	if _, bad := s.sessionAt(ctx, storeID, id); bad != nil {
		return false, bad
	}
	return s.boards.TableOf(storeID, session) != "", nil
}

// seatedNow is seated for a token; when nobody can say, it holds: the rules look again.
func (s *Server) seatedNow(ctx context.Context, who *auth.Principal) bool {
	ok, bad := s.seated(ctx, who.Stores[0], who.Table, who.Session)
	return ok || bad != nil
}

// postCode draws a table's code.
func (s *Server) postCode(ctx context.Context, c *call, in *codeParams) error {
	if _, ok := s.config.Engine.Today(c.store).Table(in.ID); !ok {
		return notFound("table", in.ID)
	}
	key, err := s.config.Accounts.TableCode(ctx, auth.Place{Store: c.store, Table: in.ID}, in.Rotate)
	if err != nil {
		return err
	}
	link, bad := guestLink(c.Request, in.Base, key)
	if bad != nil {
		return bad
	}
	code, err := qr.Encode(link, qr.M)
	if err != nil {
		return refusal.Faults(refusal.Fault{At: "/base", Reason: "length"})
	}
	h := c.ResponseWriter.Header()
	h.Set("Link", "<"+link+`>; rel="item"`)
	h.Set("Cache-Control", "no-store")
	if in.Format == "png" {
		code.Scale = 10
		h.Set("Content-Type", "image/png")
		c.ResponseWriter.Write(code.PNG())
		return nil
	}
	h.Set("Content-Type", "image/svg+xml")
	c.ResponseWriter.Write(drawSVG(code))
	return nil
}

// guestLink is where a guest's phone goes.
func guestLink(r *http.Request, base, key string) (string, *refusal.Refusal) {
	if base == "" {
		base = "http://" + r.Host
		if r.TLS != nil {
			base = "https://" + r.Host
		}
	}
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || len(base) > 200 {
		return "", refusal.Faults(refusal.Fault{At: "/base", Reason: "range"})
	}
	return strings.TrimSuffix(base, "/") + "/t/" + key, nil
}

// drawSVG draws a code with the quiet zone of four modules that readers need.
func drawSVG(code *qr.Code) []byte {
	const quiet = 4
	var b strings.Builder
	size := strconv.Itoa(code.Size + 2*quiet)
	b.WriteString(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ` + size + ` ` + size + `" shape-rendering="crispEdges"><rect width="` +
		size + `" height="` + size + `" fill="#fff"/><path d="`)
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			n := 0
			for x+n < code.Size && code.Black(x+n, y) {
				n++
			}
			if n > 0 {
				b.WriteString("M" + strconv.Itoa(x+quiet) + " " + strconv.Itoa(y+quiet) + "h" + strconv.Itoa(n) + "v1h-" + strconv.Itoa(n) + "z")
				x += n
			}
		}
	}
	b.WriteString(`"/></svg>`)
	return []byte(b.String())
}
