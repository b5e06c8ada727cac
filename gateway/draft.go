package gateway

import (
	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/refusal"
)

// draftRoutes are for menus, which are larger than a socket's message may be.
func (s *Server) draftRoutes(api huma.API) {
	route(s, api, endpoint{method: "PUT", path: "/v1/stores/{store}/menu/draft", tag: "menu", permission: "menu.draft",
		summary: "Replace the menu's draft; guests see it once it is published", body: menu.Draft{}, bodyNote: "As the data of menu.draft",
		reply: outcome[menu.DraftReply]{}}, s.putDraft)
	route(s, api, endpoint{method: "POST", path: "/v1/stores/{store}/menu/publish", tag: "menu", permission: "menu.publish",
		summary: "Make the draft the next version", body: menu.Publish{}, bodyNote: "As the data of menu.publish",
		reply: outcome[menu.PublishReply]{}}, s.postPublish)
}

func (s *Server) putDraft(c *call, _ *storeParams) *refusal.Refusal {
	b, bad := readBody(c, documentMax)
	if bad != nil {
		return bad
	}
	return s.execute(c, &message{Cmd: "menu.draft", CID: c.Request.Header.Get("Idempotency-Key"), D: jsontext.Value(b)})
}

func (s *Server) postPublish(c *call, _ *storeParams) *refusal.Refusal {
	m, bad := s.body(c)
	if bad != nil {
		return bad
	}
	m.Cmd = "menu.publish"
	return s.execute(c, m)
}
