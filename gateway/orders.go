package gateway

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/actors/workorder"
	"github.com/brigata/brigata/gateway/auth"
)

// Archive is what has been: lists and histories, for people to read. Items are JSON
// values as the staff see them, separated by commas. Errors that are refusals are
// answered as such.
type Archive interface {
	Orders(ctx context.Context, store string, q OrderQuery) (items []byte, next string, err error)
	History(ctx context.Context, store, order string) (items []byte, err error)
	WorkOrders(ctx context.Context, store string, q WorkOrderQuery) (list []*workorder.View, next string, err error)
	// Reports returns what makes a store's reports, without a period.
	Reports(store string) actors.Reports
}

// OrderQuery asks for a page of orders, the newest first. Zero values do not narrow.
type OrderQuery struct {
	State    string
	Table    string
	From, To time.Time // when it was placed: From ≤ placed < To
	Limit    int       // 1 to 200
	Cursor   string    // an earlier answer's next
}

var errNoArchive = &refusal.Refusal{Code: refusal.Unavailable, Message: "The archive cannot be read",
	Fields: refusal.Fields{What: "database"}, AfterMS: 1000}

const (
	archiveWithin = 10 * time.Second
	documentMax   = 2 << 20
)

// storeParams and the like are the parameters of operations.
type storeParams struct {
	Store string `path:"store" maxLength:"64" doc:"The store's id"`
}

type idParams struct {
	Store string `path:"store" maxLength:"64" doc:"The store's id"`
	ID    string `path:"id" maxLength:"64"`
}

type orderList struct {
	Store  string    `path:"store" maxLength:"64" doc:"The store's id"`
	Limit  int       `query:"limit" minimum:"1" maximum:"200" default:"50"`
	Cursor string    `query:"cursor" maxLength:"256" doc:"An earlier answer's next"`
	State  string    `query:"state" enum:"submitted,placed,accepted,closed,refused,expired,cancelled,voided"`
	Table  string    `query:"table" pattern:"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"`
	From   time.Time `query:"from" doc:"Placed at or after"`
	To     time.Time `query:"to" doc:"Placed before"`
}

func (s *Server) orderRoutes(api huma.API) {
	const tag = "orders"
	route(s, api, endpoint{method: "GET", path: "/v1/stores/{store}/orders", tag: tag, permission: "rest:orders:read",
		summary: "Orders, the newest first", reply: page[order.View]{}}, s.listOrders)
	route(s, api, endpoint{method: "POST", path: "/v1/stores/{store}/orders", tag: tag, permission: "order.place", status: http.StatusCreated,
		summary: "Place an order", body: order.Place{}, bodyNote: "As the data of order.place; the Idempotency-Key becomes the order's id",
		reply: outcome[order.PlaceReply]{}}, s.postOrder)
	route(s, api, endpoint{method: "GET", path: "/v1/stores/{store}/orders/{id}", tag: tag, permission: "rest:order:read",
		summary: "An order, with an ETag", reply: order.View{}}, s.getOrder)
	route(s, api, endpoint{method: "GET", path: "/v1/stores/{store}/orders/{id}/history", tag: tag, permission: "rest:history:read",
		summary: "What happened to an order", reply: page[happened]{}}, s.getHistory)
	route(s, api, endpoint{method: "POST", path: "/v1/stores/{store}/commands", tag: "commands",
		summary: "Any command", body: commandBody{}, reply: outcome[map[string]any]{}}, s.postCommand)
	item := api.OpenAPI().Components.Schemas.Map()["OrderItem"]
	delete(item.Properties, "prep_ms") // a ticket's; no view of an order has it
	item.Required = slices.DeleteFunc(item.Required, func(name string) bool { return name == "prep_ms" })
}

// page is a list as REST answers it. The types below describe; answers are appended.
type page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next" doc:"Cursor of the next page; empty when there is none"`
}

// outcome is what stands under ok.
type outcome[T any] struct {
	V   int64 `json:"v" doc:"The entity's version"`
	Dup bool  `json:"dup" doc:"It was done before: this is the first answer"`
	D   T     `json:"d"`
}

type happened struct {
	V    int64          `json:"v"`
	At   time.Time      `json:"at"`
	Type string         `json:"type"`
	By   *command.Who   `json:"by,omitempty"`
	CID  string         `json:"cid,omitempty"`
	D    map[string]any `json:"d"`
}

func (s *Server) listOrders(c *call, in *orderList) *refusal.Refusal {
	if s.config.Archive == nil {
		return errNoArchive
	}
	q := OrderQuery{State: in.State, Table: in.Table, Cursor: in.Cursor, Limit: in.Limit, From: in.From, To: in.To}
	ctx, cancel := context.WithTimeout(c.Context(), archiveWithin)
	defer cancel()
	var items []byte
	var next string
	err := s.archive.do(ctx, func(ctx context.Context) (err error) {
		items, next, err = s.config.Archive.Orders(ctx, c.store, q)
		return err
	})
	if err != nil {
		return s.fault("list orders", err)
	}
	c.json(http.StatusOK, appendItems(items, next))
	return nil
}

func (s *Server) getHistory(c *call, in *idParams) *refusal.Refusal {
	if s.config.Archive == nil {
		return errNoArchive
	}
	id := in.ID
	if !wire.IsUUID(id) {
		return notFound("order", id)
	}
	ctx, cancel := context.WithTimeout(c.Context(), archiveWithin)
	defer cancel()
	var items []byte
	err := s.archive.do(ctx, func(ctx context.Context) (err error) {
		items, err = s.config.Archive.History(ctx, c.store, id)
		return err
	})
	if err != nil {
		return s.fault("read a history", err)
	}
	c.json(http.StatusOK, appendItems(items, ""))
	return nil
}

func appendItems(items []byte, next string) []byte {
	b := append([]byte(`{"items":[`), items...)
	return append(wire.AppendString(append(b, `],"next":`...), next), '}')
}

// fault turns an error of the archive into an answer; one that nobody foresaw is logged.
func (s *Server) fault(what string, err error) *refusal.Refusal {
	switch r := refusal.Of(err); {
	case r != nil:
		return r
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return errNoArchive
	}
	s.log.Error("archive failed", "do", what, "error", err)
	return asRefusal(err)
}

func (s *Server) getOrder(c *call, in *idParams) *refusal.Refusal {
	v, version, bad := s.readOrder(c.Context(), c.who, c.store, in.ID)
	if bad != nil {
		return bad
	}
	c.ResponseWriter.Header().Set("Cache-Control", "private, no-cache")
	if !c.matches(`"` + strconv.FormatInt(version, 10) + `"`) {
		c.json(http.StatusOK, wire.AppendOrder(nil, v, audience(c.who)))
	}
	return nil
}

// hide does not tell those who see only their own what exists.
func hide(own bool, r *refusal.Refusal) *refusal.Refusal {
	if own && r.Code == refusal.NotFound {
		return forbidden("rest:order:read")
	}
	return r
}

func audience(who *auth.Principal) wire.Audience {
	if staffSees(who) {
		return wire.Staff
	}
	return wire.Guests
}

// readBody reads a request's body, up to most bytes.
func readBody(c *call, most int64) ([]byte, *refusal.Refusal) {
	b, err := io.ReadAll(http.MaxBytesReader(c.ResponseWriter, c.Body, most))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return nil, refusal.New(refusal.BadRequest, "too_large", "The body is too large")
	}
	if err != nil {
		return nil, refusal.New(refusal.BadRequest, "json", "The body ends early, or came too slowly")
	}
	return b, nil
}
