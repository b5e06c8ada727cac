package gateway

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/gateway/auth"
)

// Archive is what has been: lists and histories, for people to read. Items are JSON
// values as the staff see them, separated by commas. Errors that are refusals are
// answered as such.
type Archive interface {
	Orders(ctx context.Context, store string, q OrderQuery) (items []byte, next string, err error)
	History(ctx context.Context, store, order string) (items []byte, err error)
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
	cursorMax     = 256
	documentMax   = 2 << 20
)

var orderStates = []order.Status{order.Submitted, order.Placed, order.Accepted, order.Closed, order.Refused,
	order.Expired, order.Cancelled, order.Voided}

func (s *Server) listOrders(c *call) *refusal.Refusal {
	if s.config.Archive == nil {
		return errNoArchive
	}
	q := OrderQuery{State: c.FormValue("state"), Table: c.FormValue("table"), Cursor: c.FormValue("cursor")}
	var bad *refusal.Refusal
	if q.Limit, bad = limitOf(c); bad != nil {
		return bad
	}
	if q.From, bad = timeOf(c, "from"); bad != nil {
		return bad
	}
	if q.To, bad = timeOf(c, "to"); bad != nil {
		return bad
	}
	switch {
	case q.State != "" && !slices.Contains(orderStates, order.Status(q.State)):
		return refusal.Faults(refusal.Fault{At: "/state", Reason: "range"})
	case q.Table != "" && !menu.IsName(q.Table):
		return refusal.Faults(refusal.Fault{At: "/table", Reason: "id"})
	case len(q.Cursor) > cursorMax:
		return refusal.Faults(refusal.Fault{At: "/cursor", Reason: "length"})
	}
	ctx, cancel := context.WithTimeout(c.Context(), archiveWithin)
	defer cancel()
	items, next, err := s.config.Archive.Orders(ctx, c.store, q)
	if err != nil {
		return s.fault("list orders", err)
	}
	c.json(http.StatusOK, appendItems(items, next))
	return nil
}

func (s *Server) getHistory(c *call) *refusal.Refusal {
	if s.config.Archive == nil {
		return errNoArchive
	}
	id := c.PathValue("id")
	if !wire.IsUUID(id) {
		return notFound("order", id)
	}
	ctx, cancel := context.WithTimeout(c.Context(), archiveWithin)
	defer cancel()
	items, err := s.config.Archive.History(ctx, c.store, id)
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

func (s *Server) getOrder(c *call) *refusal.Refusal {
	id := c.PathValue("id")
	own := c.who.IsGuest() || c.who.IsChannel()
	if !wire.IsUUID(id) {
		return hide(own, notFound("order", id))
	}
	a := s.read(c.Context(), c.store, command.Target{Kind: "order", ID: id})
	if a.Refusal != nil {
		return hide(own, a.Refusal)
	}
	v, ok := a.View.(*order.View)
	if !ok || v == nil {
		return hide(own, notFound("order", id))
	}
	if !s.boards.Mine(c.store, readerOf(c.who), v) {
		return forbidden("rest:order:read")
	}
	c.ResponseWriter.Header().Set("Cache-Control", "private, no-cache")
	if !c.matches(`"` + strconv.FormatInt(a.V, 10) + `"`) {
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

func (s *Server) getStore(c *call) *refusal.Refusal {
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
func (s *Server) putStore(w http.ResponseWriter, r *http.Request) {
	c := &call{w, r, nil, r.PathValue("store")}
	if bad := s.loadStore(c); bad != nil {
		writeProblem(w, bad)
	}
}

func (s *Server) loadStore(c *call) *refusal.Refusal {
	if bad := s.check(c, "rest:stores:write"); bad != nil {
		return bad
	}
	switch {
	case s.draining.Load():
		return errDraining
	case s.config.Stores == nil:
		return notFound("resource", c.URL.Path)
	case !menu.IsName(c.store):
		return refusal.Faults(refusal.Fault{At: "/id", Reason: "id"})
	}
	doc, bad := readBody(c, documentMax)
	if bad != nil {
		return bad
	}
	reply, bad := s.config.Stores(c.Context(), c.store, doc)
	if bad != nil {
		return bad
	}
	c.json(http.StatusOK, reply)
	return nil
}

// readBody reads a request's body, up to most bytes.
func readBody(c *call, most int64) ([]byte, *refusal.Refusal) {
	b, err := io.ReadAll(http.MaxBytesReader(c.ResponseWriter, c.Body, most))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return nil, refusal.New(refusal.BadRequest, "too_large", "The body is too large")
	}
	if err != nil {
		return nil, refusal.New(refusal.BadRequest, "json", "The body ends early")
	}
	return b, nil
}
