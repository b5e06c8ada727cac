package server

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/wire/pb/service"
	"github.com/brigata/brigata/actors/wire/pb/service/serviceconnect"
)

// service is a gRPC client with a token, over HTTP/2 without TLS.
func (h *house) service(token string) serviceconnect.OrderServiceClient {
	p := new(http.Protocols)
	p.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: p}
	h.t.Cleanup(transport.CloseIdleConnections)
	return serviceconnect.NewOrderServiceClient(&http.Client{Transport: transport}, h.URL(), connect.WithGRPC(),
		connect.WithInterceptors(bearer(token)))
}

// bearer sends a token with every call.
type bearer string

func (b bearer) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, r connect.AnyRequest) (connect.AnyResponse, error) {
		r.Header().Set("Authorization", "Bearer "+string(b))
		return next(ctx, r)
	}
}

func (b bearer) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return func(ctx context.Context, s connect.Spec) connect.StreamingClientConn {
		c := next(ctx, s)
		c.RequestHeader().Set("Authorization", "Bearer "+string(b))
		return c
	}
}

func (b bearer) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return next
}

func wantStatus(t *testing.T, err error, code connect.Code, refusal string) {
	t.Helper()
	var e *connect.Error
	if !errors.As(err, &e) || e.Code() != code {
		t.Fatalf("%v, want %v", err, code)
	}
	for _, d := range e.Details() {
		if v, err := d.Value(); err == nil {
			if x, ok := v.(*service.Error); ok && x.Code == refusal {
				return
			}
		}
	}
	t.Fatalf("%v has no detail %s", err, refusal)
}

func anOrder(cid, dish string, total int64) *service.PlaceOrderRequest {
	return &service.PlaceOrderRequest{Cid: cid, Type: "dine_in", Table: "T01", Total: &total, Lines: []*service.Line{{Dish: dish, Qty: 1}}}
}

func TestServiceUnary(t *testing.T) {
	h := newHouse(t)
	ctx := t.Context()
	order := h.orders[ownStore+"/T01"]
	get := &service.GetOrderRequest{Order: order}
	for _, bad := range []string{"", "a.b.c"} {
		_, err := h.service(bad).GetOrder(ctx, connect.NewRequest(get))
		wantStatus(t, err, connect.CodeUnauthenticated, "unauthenticated")
	}
	waiter := h.service(h.token("lin", command.Waiter, ownStore, ""))
	got, err := waiter.GetOrder(ctx, connect.NewRequest(get))
	if err != nil {
		t.Fatal(err)
	}
	if o := got.Msg; o.Id != order || o.Table != "T01" || o.State != "accepted" || o.Total == 0 || !strings.Contains(string(o.Json), `"stations"`) {
		t.Fatalf("%+v", o)
	}
	_, err = waiter.GetOrder(ctx, connect.NewRequest(&service.GetOrderRequest{Order: string(newID())}))
	wantStatus(t, err, connect.CodeNotFound, "not_found")
	_, err = waiter.GetOrder(ctx, connect.NewRequest(&service.GetOrderRequest{Store: otherStore, Order: order}))
	wantStatus(t, err, connect.CodePermissionDenied, "forbidden")
	guest := h.service(h.token("", command.Guest, ownStore, "T01"))
	if own, err := guest.GetOrder(ctx, connect.NewRequest(get)); err != nil || strings.Contains(string(own.Msg.Json), `"stations"`) {
		t.Fatal(own, err)
	}
	_, err = guest.GetOrder(ctx, connect.NewRequest(&service.GetOrderRequest{Order: h.orders[ownStore+"/T02"]}))
	wantStatus(t, err, connect.CodePermissionDenied, "forbidden")
}

func TestServicePlaceOrders(t *testing.T) {
	h := newHouse(t)
	c := h.service(h.token("lin", command.Waiter, ownStore, "")).PlaceOrders(t.Context())
	first := string(newID())
	for _, r := range []*service.PlaceOrderRequest{anOrder(first, "mapo-tofu", 2800), anOrder(string(newID()), "mapo-tofu", 1),
		anOrder(string(newID()), "no-such-dish", 0), anOrder(first, "mapo-tofu", 2800)} {
		if err := c.Send(r); err != nil {
			t.Fatal(err)
		}
	}
	all, err := c.CloseAndReceive()
	if err != nil {
		t.Fatal(err)
	}
	r := all.Msg.Results
	if len(r) != 4 || r[0].Error != nil || r[0].Duplicate || r[0].Cid != first || !strings.Contains(string(r[0].Json), first) {
		t.Fatalf("%+v", r)
	}
	if r[1].Error.GetCode() != "stale_price" || !strings.Contains(string(r[1].Error.Fields), "2800") || r[2].Error.GetCode() != "invalid" {
		t.Fatalf("%+v %+v", r[1], r[2])
	}
	if r[3].Error != nil || !r[3].Duplicate || string(r[3].Json) != string(r[0].Json) {
		t.Fatalf("a repeat: %+v", r[3])
	}
}

// next skips to an event of the order that a test waits for.
func next(t *testing.T, s *connect.ServerStreamForClient[service.OrderEvent], ok func(*service.OrderEvent) bool) *service.OrderEvent {
	t.Helper()
	for s.Receive() {
		if e := s.Msg(); ok(e) {
			return e
		}
	}
	t.Fatalf("the stream ended: %v", s.Err())
	return nil
}

func TestServiceWatchResumes(t *testing.T) {
	h := newHouse(t)
	boss := h.dial(h.token("boss", command.Manager, ownStore, ""))
	expo := h.service(h.token("ann", command.Expo, ownStore, ""))
	order := h.orders[ownStore+"/T01"]
	ctx, cut := context.WithCancel(t.Context())
	s, err := expo.WatchOrders(ctx, connect.NewRequest(&service.WatchOrdersRequest{Orders: []string{order}}))
	if err != nil {
		t.Fatal(err)
	}
	next(t, s, func(e *service.OrderEvent) bool { return e.Id == order && e.Snapshot })
	h.must(boss, "order.rush", `{"order":"`+order+`","on":true}`, nil)
	last := next(t, s, func(e *service.OrderEvent) bool {
		return strings.Contains(string(e.Json), `"rush":true`) && !e.Snapshot
	})
	cut()
	for s.Receive() {
	}
	h.must(boss, "item.fire", `{"order":"`+order+`","items":["1"]}`, nil)
	held := []*service.Position{{Topic: last.Topic, Epoch: last.Epoch, Seq: last.Seq}}
	s, err = expo.WatchOrders(t.Context(), connect.NewRequest(&service.WatchOrdersRequest{Orders: []string{order}, Held: held}))
	if err != nil {
		t.Fatal(err)
	}
	e := next(t, s, func(e *service.OrderEvent) bool { return e.Id == order })
	if e.Snapshot || e.Seq <= last.Seq || e.Version <= last.Version || !strings.Contains(string(e.Json), `"queued"`) {
		t.Fatalf("%+v after %+v", e, last)
	}
	s.Close()

	guest := h.service(h.token("", command.Guest, ownStore, "T01"))
	s, err = guest.WatchOrders(t.Context(), connect.NewRequest(&service.WatchOrdersRequest{Orders: []string{h.orders[ownStore+"/T02"]}}))
	for err == nil && s.Receive() {
		t.Fatal("a guest watches another's order")
	}
	if err == nil {
		err = s.Err()
	}
	wantStatus(t, err, connect.CodePermissionDenied, "forbidden")
}

// A stream that shows a store ends as a socket does when the boards cannot be held to the
// store's node any more; one of another store goes on.
func TestServiceStaleBoards(t *testing.T) {
	h := newHouse(t)
	order := h.orders[ownStore+"/T01"]
	expo := h.service(h.token("ann", command.Expo, ownStore, ""))
	watch, err := expo.WatchOrders(t.Context(), connect.NewRequest(&service.WatchOrdersRequest{Orders: []string{order}}))
	if err != nil {
		t.Fatal(err)
	}
	next(t, watch, func(e *service.OrderEvent) bool { return e.Id == order })
	session := expo.Session(t.Context())
	if err := session.Send(&service.SessionRequest{Id: 1, Request: &service.SessionRequest_Watch{Watch: &service.WatchOrdersRequest{Orders: []string{order}}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := session.Receive(); err != nil {
		t.Fatal(err)
	}
	h.gateway.Stale(otherStore)
	h.must(h.dial(h.token("boss", command.Manager, ownStore, "")), "order.rush", `{"order":"`+order+`","on":true}`, nil)
	next(t, watch, func(e *service.OrderEvent) bool { return strings.Contains(string(e.Json), `"rush":true`) })
	h.gateway.Stale(ownStore)
	for watch.Receive() {
	}
	wantStatus(t, watch.Err(), connect.CodeUnavailable, "unavailable")
	for err = nil; err == nil; {
		_, err = session.Receive()
	}
	wantStatus(t, err, connect.CodeUnavailable, "unavailable")
}

func TestServiceSession(t *testing.T) {
	h := newHouse(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	s := h.service(h.token("ann", command.Expo, ownStore, "")).Session(ctx)
	order := h.orders[ownStore+"/T01"]
	for _, r := range []*service.SessionRequest{
		{Id: 1, Request: &service.SessionRequest_Watch{Watch: &service.WatchOrdersRequest{Orders: []string{order}}}},
		{Id: 2, Request: &service.SessionRequest_Command{Command: &service.Command{Cmd: "order.rush", Cid: string(newID()), D: []byte(`{"order":"` + order + `","on":true}`)}}},
		{Id: 3, Request: &service.SessionRequest_Command{Command: &service.Command{Cmd: "order.void", Cid: string(newID()), D: []byte(`{"order":"` + order + `","reason":"mistake"}`)}}},
		{Id: 4},
	} {
		if err := s.Send(r); err != nil {
			t.Fatal(err)
		}
	}
	var snapshot, pushed, done, denied, odd bool
	for !(snapshot && pushed && done && denied && odd) {
		r, err := s.Receive()
		if err != nil {
			t.Fatal(err)
		}
		switch x := r.Response.(type) {
		case *service.SessionResponse_Event:
			snapshot = snapshot || r.Id == 1 && x.Event.Snapshot
			pushed = pushed || r.Id == 1 && strings.Contains(string(x.Event.Json), `"rush":true`)
		case *service.SessionResponse_Done:
			done = done || r.Id == 2 && x.Done.Version > 0
		case *service.SessionResponse_Error:
			denied = denied || r.Id == 3 && x.Error.Code == "forbidden"
			odd = odd || r.Id == 4 && x.Error.Code == "bad_request"
		}
	}
	if err := s.CloseRequest(); err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := s.Receive(); err != nil {
			break // the end, once all is answered
		}
	}
}

// A stream whose client only waits ends with the node, and says why.
func TestServiceDrains(t *testing.T) {
	h := newHouse(t)
	s := h.service(h.token("ann", command.Expo, ownStore, "")).Session(t.Context())
	if err := s.Send(&service.SessionRequest{Id: 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Receive(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := s.Receive()
		ended <- err
	}()
	if err := h.gateway.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, <-ended, connect.CodeUnavailable, "moved")
}
