package gateway

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"connectrpc.com/connect"
	"connectrpc.com/grpchealth"
	"connectrpc.com/grpcreflect"
	"github.com/go-json-experiment/json"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/actors/wire/pb/service"
	"github.com/brigata/brigata/actors/wire/pb/service/serviceconnect"
	"github.com/brigata/brigata/gateway/auth"
)

// placesMax bounds what one PlaceOrders may send: its answer holds all results.
const placesMax = 1000

// orderService is brigata.v1.OrderService: the gateway for other services, over gRPC,
// gRPC-Web and Connect.
type orderService struct{ server *Server }

var _ serviceconnect.OrderServiceHandler = (*orderService)(nil)

// serviceRoutes adds the service, its health and its reflection.
func (s *Server) serviceRoutes(m *http.ServeMux) {
	options := connect.WithHandlerOptions(connect.WithReadMaxBytes(s.limits.Message), connect.WithInterceptors(&entrance{s}))
	path, handler := serviceconnect.NewOrderServiceHandler(&orderService{s}, options)
	m.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), controllerKey{}, http.NewResponseController(w))))
	})
	m.Handle(grpchealth.NewHandler((*health)(s)))
	reflector := grpcreflect.NewStaticReflector(serviceconnect.OrderServiceName, grpchealth.HealthV1ServiceName)
	m.Handle(grpcreflect.NewHandlerV1(reflector))
	m.Handle(grpcreflect.NewHandlerV1Alpha(reflector))
}

// health answers as /readyz does.
type health Server

func (h *health) Check(_ context.Context, r *grpchealth.CheckRequest) (*grpchealth.CheckResponse, error) {
	if r.Service != "" && r.Service != serviceconnect.OrderServiceName {
		return nil, connect.NewError(connect.CodeNotFound, errors.New("there is no such service"))
	}
	if (*Server)(h).readiness() != nil {
		return &grpchealth.CheckResponse{Status: grpchealth.StatusNotServing}, nil
	}
	return &grpchealth.CheckResponse{Status: grpchealth.StatusServing}, nil
}

// entrance lets calls in whose token is good, and ends them when it is no more.
type entrance struct{ server *Server }

// caller is who calls the service.
type caller struct {
	who     *auth.Principal
	address string
	trace   wire.Trace
	end     context.CancelCauseFunc // ends the call, and says why
}

type (
	callerKey     struct{}
	controllerKey struct{}
)

func callerOf(ctx context.Context) caller { return ctx.Value(callerKey{}).(caller) }

func (e *entrance) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, r connect.AnyRequest) (connect.AnyResponse, error) {
		ctx, leave, bad := e.server.admitService(ctx, r.Header(), r.Peer().Addr, false)
		if bad != nil {
			return nil, statusOf(bad)
		}
		defer leave()
		return next(ctx, r)
	}
}

func (e *entrance) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

func (e *entrance) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, c connect.StreamingHandlerConn) error {
		ctx, leave, bad := e.server.admitService(ctx, c.RequestHeader(), c.Peer().Addr, true)
		if bad != nil {
			return statusOf(bad)
		}
		defer leave()
		err := next(ctx, c)
		if why := refusal.Of(context.Cause(ctx)); why != nil {
			return statusOf(why)
		}
		return err
	}
}

// admitService checks a call's token and counts it among its user's connections. The
// context ends, with the reason, when the token does or the node drains. A stream may
// speak until then, and is not held to a request's time.
func (s *Server) admitService(ctx context.Context, h http.Header, peer string, stream bool) (context.Context, func(), *refusal.Refusal) {
	if s.draining.Load() {
		return nil, nil, errDraining
	}
	from := peer
	if host, _, err := net.SplitHostPort(peer); err == nil {
		from = host
	}
	token, _ := strings.CutPrefix(h.Get("Authorization"), "Bearer ")
	who, err := s.config.Keys.Verify(token, s.now())
	if err == nil {
		err = s.storesOf(who)
	}
	if err != nil {
		s.stats.BadTokens.Add(1)
		bad := asRefusal(err)
		s.auditDenied(s.entry(nil, from, "", "call"), bad)
		return nil, nil, bad
	}
	key := "user " + who.ID()
	switch {
	case !s.callers.allow(who.ID(), s.now()):
		return nil, nil, tooMany("user")
	case !s.counts.take(key, s.limits.PerUser):
		return nil, nil, tooMany("user")
	}
	c := caller{who: who, address: from, trace: wire.ParseTrace(h.Get("traceparent"))}
	ctx, cancel := context.WithCancelCause(ctx)
	c.end = cancel
	ctx = context.WithValue(ctx, callerKey{}, c)
	leave := s.streams.join(who, cancel)
	rc := ctx.Value(controllerKey{}).(*http.ResponseController)
	if stream {
		rc.SetReadDeadline(time.Time{})
		rc.SetWriteDeadline(time.Time{})
	}
	unblocked := make(chan struct{})
	stop := context.AfterFunc(ctx, func() { // a handler that waits for its client hears of nothing else
		rc.SetReadDeadline(time.Unix(1, 0))
		close(unblocked)
	})
	return ctx, func() {
		if !stop() {
			<-unblocked // the response may not be touched once the handler has returned
		}
		leave()
		cancel(nil)
		s.counts.give(key)
	}, nil
}

// streams are the calls under way.
type streams struct {
	mu  sync.Mutex
	all map[*stream]struct{}
}

type stream struct {
	who    *auth.Principal
	cancel context.CancelCauseFunc
}

func (x *streams) join(who *auth.Principal, cancel context.CancelCauseFunc) (leave func()) {
	one := &stream{who, cancel}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.all == nil {
		x.all = map[*stream]struct{}{}
	}
	x.all[one] = struct{}{}
	return func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		delete(x.all, one)
	}
}

// end ends the calls of those who match.
func (x *streams) end(match func(*auth.Principal) bool, why *refusal.Refusal) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for one := range x.all {
		if match(one.who) {
			one.cancel(why)
		}
	}
}

// codes is the one table from refusals to gRPC.
var codes = map[refusal.Code]connect.Code{
	refusal.BadRequest: connect.CodeInvalidArgument, refusal.Unauthenticated: connect.CodeUnauthenticated,
	refusal.Forbidden: connect.CodePermissionDenied, refusal.NotFound: connect.CodeNotFound,
	refusal.Conflict: connect.CodeFailedPrecondition, refusal.StalePrice: connect.CodeFailedPrecondition,
	refusal.SoldOut: connect.CodeFailedPrecondition, refusal.Closed: connect.CodeFailedPrecondition,
	refusal.Invalid: connect.CodeInvalidArgument, refusal.RateLimited: connect.CodeResourceExhausted,
	refusal.Overloaded: connect.CodeUnavailable, refusal.Unavailable: connect.CodeUnavailable,
	refusal.Moved: connect.CodeUnavailable, refusal.Internal: connect.CodeInternal,
}

func statusOf(r *refusal.Refusal) error {
	code, ok := codes[r.Code]
	if !ok {
		code = connect.CodeUnknown
	}
	err := connect.NewError(code, errors.New(r.Message))
	if detail, bad := connect.NewErrorDetail(errorOf(r)); bad == nil {
		err.AddDetail(detail)
	}
	return err
}

func errorOf(r *refusal.Refusal) *service.Error {
	fields, err := json.Marshal(&r.Fields)
	if err != nil {
		fields = []byte("{}")
	}
	return &service.Error{Code: string(r.Code), Message: r.Message, Fields: fields, Retry: r.Code.Retry(), AfterMs: r.AfterMS}
}

func (o *orderService) GetOrder(ctx context.Context, r *connect.Request[service.GetOrderRequest]) (*connect.Response[service.Order], error) {
	const permission = "rest:order:read"
	s, c := o.server, callerOf(ctx)
	var v *order.View
	var version int64
	storeID, bad := chooseStore(c.who, r.Msg.Store)
	if bad == nil && !c.who.May(permission) {
		bad = forbidden(permission)
	}
	if bad == nil {
		v, version, bad = s.readOrder(ctx, c.who, storeID, r.Msg.Order)
	}
	if bad != nil {
		e := s.entry(c.who, c.address, storeID, permission)
		e.Detail = r.Msg.Order
		s.auditDenied(e, bad)
		return nil, statusOf(bad)
	}
	return connect.NewResponse(&service.Order{Store: storeID, Id: v.ID, Version: version, No: int64(v.No), Type: string(v.Type), Channel: v.Channel,
		Table: v.Table, State: string(v.State), Progress: string(v.Progress), Payment: string(v.Payment), Currency: v.Currency,
		Total: v.Total, Paid: v.Paid, Json: wire.AppendOrder(nil, v, audience(c.who))}), nil
}

// readOrder returns an order that who may see.
func (s *Server) readOrder(ctx context.Context, who *auth.Principal, storeID, id string) (*order.View, int64, *refusal.Refusal) {
	own := who.IsGuest() || who.IsChannel()
	if !wire.IsUUID(id) {
		return nil, 0, hide(own, notFound("order", id))
	}
	a := s.read(ctx, readClass(who), storeID, command.Target{Kind: "order", ID: id})
	if a.Refusal != nil {
		return nil, 0, hide(own, a.Refusal)
	}
	v, ok := a.View.(*order.View)
	if !ok || v == nil {
		return nil, 0, hide(own, notFound("order", id))
	}
	if !s.boards.Mine(storeID, readerOf(who), v) {
		return nil, 0, forbidden("rest:order:read")
	}
	return v, a.V, nil
}

func (o *orderService) PlaceOrders(ctx context.Context, in *connect.ClientStream[service.PlaceOrderRequest]) (*connect.Response[service.PlaceOrdersResponse], error) {
	var all service.PlaceOrdersResponse
	c := callerOf(ctx)
	for in.Receive() {
		if len(all.Results) == placesMax {
			return nil, statusOf(refusal.New(refusal.BadRequest, "too_large", "Too many orders in one call"))
		}
		one := &service.PlaceOrderResult{Cid: in.Msg().Cid}
		a := o.command(ctx, c, placeMessage(in.Msg()))
		if a.Refusal != nil {
			one.Error = errorOf(a.Refusal)
		} else {
			one.Duplicate, one.Json = a.Dup, a.D
		}
		all.Results = append(all.Results, one)
	}
	if err := in.Err(); err != nil {
		return nil, err
	}
	return connect.NewResponse(&all), nil
}

// command runs one command of a stream: each counts against its sender's rate.
func (o *orderService) command(ctx context.Context, c caller, m *message) actors.Answer {
	if !o.server.callers.allow(c.who.ID(), o.server.now()) {
		return actors.Answer{Refusal: tooMany("user")}
	}
	return o.server.run(ctx, c.who, c.address, m, c.trace)
}

// placeData is the data of order.place.
type placeData struct {
	Type        string        `json:"type,omitzero"`
	Table       string        `json:"table,omitzero"`
	Lines       []placeLine   `json:"lines,omitzero"`
	Total       *int64        `json:"total,omitzero"`
	MenuVersion int64         `json:"menu_version,omitzero"`
	Note        string        `json:"note,omitzero"`
	Ref         string        `json:"ref,omitzero"`
	Contact     *placeContact `json:"contact,omitzero"`
}

type placeContact struct {
	Name    string `json:"name,omitzero"`
	Phone   string `json:"phone,omitzero"`
	Address string `json:"address,omitzero"`
}

type placeLine struct {
	ID        string        `json:"id,omitzero"`
	Dish      string        `json:"dish"`
	Qty       int32         `json:"qty"`
	Options   []placeOption `json:"options,omitzero"`
	Parts     []placePart   `json:"parts,omitzero"`
	Note      string        `json:"note,omitzero"`
	Seat      int32         `json:"seat,omitzero"`
	Course    int32         `json:"course,omitzero"`
	Allergies []string      `json:"allergies,omitzero"`
}

type placeOption struct {
	Option string `json:"option"`
	Group  string `json:"group,omitzero"`
	Qty    int32  `json:"qty,omitzero"`
}

type placePart struct {
	Part    string        `json:"part"`
	Dish    string        `json:"dish"`
	Options []placeOption `json:"options,omitzero"`
}

// placeMessage is the command order.place of a typed request.
func placeMessage(r *service.PlaceOrderRequest) *message {
	d := placeData{Type: r.Type, Table: r.Table, Total: r.Total, MenuVersion: r.MenuVersion, Note: r.Note, Ref: r.Ref}
	if c := r.Contact; c != nil {
		d.Contact = &placeContact{c.Name, c.Phone, c.Address}
	}
	for _, l := range r.Lines {
		line := placeLine{ID: l.Id, Dish: l.Dish, Qty: l.Qty, Options: placeOptions(l.Options), Note: l.Note, Seat: l.Seat, Course: l.Course, Allergies: l.Allergies}
		for _, p := range l.Parts {
			line.Parts = append(line.Parts, placePart{p.Part, p.Dish, placeOptions(p.Options)})
		}
		d.Lines = append(d.Lines, line)
	}
	b, err := json.Marshal(&d)
	if err != nil {
		b = []byte("null") // text that is no UTF-8: refused as such
	}
	return &message{Cmd: "order.place", CID: r.Cid, Store: r.Store, D: b}
}

func placeOptions(all []*service.Option) (out []placeOption) {
	for _, o := range all {
		out = append(out, placeOption{o.Option, o.Group, o.Qty})
	}
	return out
}
