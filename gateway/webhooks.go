package gateway

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/gateway/webhooks"
)

var errNoWebhooks = refusal.New(refusal.NotFound, "", "This node keeps no webhooks").With(refusal.Fields{Kind: "resource"})

type deadList struct {
	Store  string `path:"store" maxLength:"64" doc:"The store's id"`
	ID     string `path:"id" maxLength:"64"`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
	Cursor string `query:"cursor" maxLength:"20" doc:"An earlier answer's next"`
}

type eventList struct {
	Store string `path:"store" maxLength:"64" doc:"The store's id"`
	After string `query:"after" maxLength:"20" doc:"An earlier answer's next; the oldest that is kept by default"`
	Type  string `query:"type" maxLength:"40"`
	Limit int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

// event is what is told, as it is described.
type event struct {
	ID    string         `json:"id" doc:"The same each time that it is told"`
	Store string         `json:"store"`
	Type  string         `json:"type"`
	Order string         `json:"order"`
	Seq   int64          `json:"seq" doc:"Rises with the events of an order, with gaps"`
	At    time.Time      `json:"at"`
	D     map[string]any `json:"d" doc:"The order as it stood then"`
}

type replayBody struct {
	After string    `json:"after,omitempty" doc:"A cursor"`
	From  time.Time `json:"from,omitzero" doc:"Or: what happened at or after this time"`
}

type retryBody struct {
	IDs []string `json:"ids,omitempty" maxItems:"100" doc:"Of events; all by default"`
}

type retried struct {
	Retried int64 `json:"retried"`
}

type rotated struct {
	Secret      string    `json:"secret"`
	FormerUntil time.Time `json:"former_until" doc:"Until then the former secret signs too"`
}

func (s *Server) webhookRoutes(api huma.API) {
	const all, one, tag = "/v1/stores/{store}/webhooks", "/v1/stores/{store}/webhooks/{id}", "webhooks"
	const reads, writes = "rest:webhooks:read", "rest:webhooks:write"
	route(s, api, endpoint{method: "GET", path: all, tag: tag, permission: reads,
		summary: "Webhooks, and how each stands", reply: page[webhooks.Webhook]{}}, hooked(s, s.listWebhooks))
	route(s, api, endpoint{method: "POST", path: all, tag: tag, permission: writes, status: http.StatusCreated, body: webhooks.Input{},
		bodyNote: "The Idempotency-Key becomes its id", summary: "Have a server told of orders from now on", reply: webhooks.Webhook{}}, hooked(s, s.postWebhook))
	route(s, api, endpoint{method: "GET", path: one, tag: tag, permission: reads,
		summary: "A webhook, and how it stands", reply: webhooks.Webhook{}}, hooked(s, s.getWebhook))
	route(s, api, endpoint{method: "PUT", path: one, tag: tag, permission: writes, body: webhooks.Input{},
		summary: "Change a webhook; what is absent stays", reply: webhooks.Webhook{}}, hooked(s, s.putWebhook))
	route(s, api, endpoint{method: "DELETE", path: one, tag: tag, permission: writes, status: http.StatusNoContent,
		summary: "End a webhook"}, hooked(s, s.deleteWebhook))
	route(s, api, endpoint{method: "POST", path: one + "/secret", tag: tag, permission: writes,
		summary: "Another secret; for a day the former one signs too", reply: rotated{}}, hooked(s, s.postWebhookSecret))
	route(s, api, endpoint{method: "POST", path: one + "/test", tag: tag, permission: writes,
		summary: "Call the receiver with webhook.test", reply: webhooks.Tested{}}, s.testWebhook)
	route(s, api, endpoint{method: "POST", path: one + "/replay", tag: tag, permission: writes, body: replayBody{},
		summary: "Tell it again from a cursor or a time on", reply: webhooks.Webhook{}}, hooked(s, s.postReplay))
	route(s, api, endpoint{method: "GET", path: one + "/dead-letters", tag: tag, permission: reads,
		summary: "Events that were given up", reply: page[webhooks.DeadLetter]{}}, hooked(s, s.listDead))
	route(s, api, endpoint{method: "POST", path: one + "/dead-letters/retry", tag: tag, permission: writes, body: retryBody{},
		summary: "Tell the orders of dead letters again, from there on", reply: retried{}}, hooked(s, s.postRetry))
	route(s, api, endpoint{method: "GET", path: "/v1/stores/{store}/events", tag: tag, permission: "rest:events:read",
		summary: "What happened to orders, as it is told: for those who rather ask", reply: page[event]{}}, s.listEvents)
}

// hooked gives a handler a bounded time, and answers what goes wrong in it.
func hooked[I any](s *Server, h func(ctx context.Context, c *call, in *I) error) func(*call, *I) *refusal.Refusal {
	return func(c *call, in *I) *refusal.Refusal {
		if s.config.Webhooks == nil {
			return errNoWebhooks
		}
		ctx, cancel := context.WithTimeout(c.Context(), accountsWithin)
		defer cancel()
		if err := s.accounts.do(ctx, func(ctx context.Context) error { return h(ctx, c, in) }); err != nil {
			return s.accountsFault(c.Request.Method+" "+c.URL.Path, err)
		}
		return nil
	}
}

func (s *Server) listWebhooks(ctx context.Context, c *call, in *storeParams) error {
	list, err := s.config.Webhooks.List(ctx, in.Store)
	if err != nil {
		return err
	}
	c.value(http.StatusOK, &page[webhooks.Webhook]{list, ""})
	return nil
}

func (s *Server) postWebhook(ctx context.Context, c *call, in *storeParams) error {
	id := c.Request.Header.Get("Idempotency-Key")
	if !wire.IsUUID(id) {
		return refusal.New(refusal.BadRequest, "missing", "The Idempotency-Key must be a UUIDv7").With(refusal.Fields{At: "/cid"})
	}
	var body webhooks.Input
	if bad := s.decode(c, &body); bad != nil {
		return bad
	}
	w, had, err := s.config.Webhooks.Create(ctx, in.Store, id, c.who.ID(), body)
	if err != nil {
		return err
	}
	status := http.StatusCreated
	if had {
		status = http.StatusOK
		c.ResponseWriter.Header().Set("Dup", "true")
	}
	c.value(status, &w)
	return nil
}

func (s *Server) getWebhook(ctx context.Context, c *call, in *idParams) error {
	w, err := s.config.Webhooks.Get(ctx, in.Store, in.ID)
	return answered(c, &w, err)
}

// answered answers with v, unless err.
func answered(c *call, v any, err error) error {
	if err == nil {
		c.value(http.StatusOK, v)
	}
	return err
}

func (s *Server) putWebhook(ctx context.Context, c *call, in *idParams) error {
	var body webhooks.Input
	if bad := s.decode(c, &body); bad != nil {
		return bad
	}
	w, err := s.config.Webhooks.Change(ctx, in.Store, in.ID, body)
	return answered(c, &w, err)
}

func (s *Server) deleteWebhook(ctx context.Context, c *call, in *idParams) error {
	err := s.config.Webhooks.Delete(ctx, in.Store, in.ID)
	if err == nil {
		c.WriteHeader(http.StatusNoContent)
	}
	return err
}

func (s *Server) postWebhookSecret(ctx context.Context, c *call, in *idParams) error {
	secret, until, err := s.config.Webhooks.Rotate(ctx, in.Store, in.ID)
	return answered(c, &rotated{secret, until}, err)
}

// testWebhook waits for the receiver as long as a delivery does, and longer than for a
// database.
func (s *Server) testWebhook(c *call, in *idParams) *refusal.Refusal {
	if s.config.Webhooks == nil {
		return errNoWebhooks
	}
	t, err := s.config.Webhooks.Test(c.Context(), in.Store, in.ID)
	if err != nil {
		return s.accountsFault("test a webhook", err)
	}
	c.value(http.StatusOK, &t)
	return nil
}

func (s *Server) postReplay(ctx context.Context, c *call, in *idParams) error {
	var body replayBody
	if bad := s.decode(c, &body); bad != nil {
		return bad
	}
	if (body.After == "") == body.From.IsZero() {
		return refusal.Faults(refusal.Fault{At: "/after", Reason: "missing"})
	}
	after, err := webhooks.Cursor(body.After)
	if err != nil {
		return err
	}
	w, err := s.config.Webhooks.Replay(ctx, in.Store, in.ID, after, body.From)
	return answered(c, &w, err)
}

func (s *Server) listDead(ctx context.Context, c *call, in *deadList) error {
	after, err := webhooks.Cursor(in.Cursor)
	if err != nil {
		return refusal.Faults(refusal.Fault{At: "/cursor", Reason: "type"})
	}
	list, next, err := s.config.Webhooks.Dead(ctx, in.Store, in.ID, after, in.Limit)
	return answered(c, &page[webhooks.DeadLetter]{list, next}, err)
}

func (s *Server) postRetry(ctx context.Context, c *call, in *idParams) error {
	var body retryBody
	if bad := s.decode(c, &body); bad != nil {
		return bad
	}
	if len(body.IDs) > 100 {
		return refusal.Faults(refusal.Fault{At: "/ids", Reason: "too_many"})
	}
	n, err := s.config.Webhooks.Retry(ctx, in.Store, in.ID, body.IDs)
	return answered(c, &retried{n}, err)
}

func (s *Server) listEvents(c *call, in *eventList) *refusal.Refusal {
	if s.config.Webhooks == nil {
		return errNoWebhooks
	}
	after, err := webhooks.Cursor(in.After)
	if err != nil {
		return refusal.Of(err)
	}
	ctx, cancel := context.WithTimeout(c.Context(), archiveWithin)
	defer cancel()
	var items []byte
	var next string
	err = s.archive.do(ctx, func(ctx context.Context) (err error) {
		items, next, err = s.config.Webhooks.Events(ctx, in.Store, webhooks.Query{After: after, Type: in.Type, Limit: in.Limit})
		return err
	})
	if err != nil {
		return s.fault("list events", err)
	}
	c.json(http.StatusOK, appendItems(items, next))
	return nil
}
