package server

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	reflection "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/wire/pb/service"
	"github.com/brigata/brigata/gateway"
)

// retryIn is when a refused call says that it may be made again; an error that says
// nothing of it fails the test.
func retryIn(t *testing.T, err error, code connect.Code, refusal string) time.Duration {
	t.Helper()
	wantStatus(t, err, code, refusal)
	var e *connect.Error
	errors.As(err, &e)
	for _, d := range e.Details() {
		if v, err := d.Value(); err == nil {
			if x, ok := v.(*service.Error); ok && x.Retry && x.AfterMs > 0 {
				return time.Duration(x.AfterMs) * time.Millisecond
			}
		}
	}
	t.Fatalf("%v does not say when to come back", err)
	return 0
}

// A caller that floods the service is told resource_exhausted and when to come back, on
// calls, in streams, and by how many streams it holds; another caller is served.
func TestServiceLimits(t *testing.T) {
	h := limited(t, gateway.Limits{CallRate: 10, PerUser: 3, Inflight: 2})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	waiter := h.service(h.token("lin", command.Waiter, "demo", ""))
	get := func() error {
		_, err := waiter.GetOrder(ctx, connect.NewRequest(&service.GetOrderRequest{Order: string(newID())}))
		return err
	}
	var refused error
	for i := 0; refused == nil; i++ {
		switch err := get(); connect.CodeOf(err) {
		case connect.CodeNotFound:
		case connect.CodeResourceExhausted:
			refused = err
		default:
			t.Fatal(err)
		}
		if i > 1000 {
			t.Fatal("a thousand calls are not too many")
		}
	}
	wait := retryIn(t, refused, connect.CodeResourceExhausted, "rate_limited")
	other := h.service(h.token("ann", command.Expo, "demo", ""))
	if _, err := other.GetOrder(ctx, connect.NewRequest(&service.GetOrderRequest{Order: string(newID())})); connect.CodeOf(err) != connect.CodeNotFound {
		t.Fatalf("another caller: %v", err)
	}
	<-time.After(wait)
	if err := get(); connect.CodeOf(err) != connect.CodeNotFound {
		t.Fatalf("after %v: %v", wait, err)
	}

	// Orders that come in one stream count each.
	boss := h.service(h.token("boss", command.Manager, "demo", ""))
	places := boss.PlaceOrders(ctx)
	const orders = 200
	for range orders {
		if err := places.Send(&service.PlaceOrderRequest{Cid: string(newID()), Type: "pickup", Lines: []*service.Line{{Dish: "plum-juice", Qty: 1}}}); err != nil {
			t.Fatal(err)
		}
	}
	answer, err := places.CloseAndReceive()
	if err != nil {
		t.Fatal(err)
	}
	done, shed := 0, 0
	for _, r := range answer.Msg.Results {
		switch e := r.Error; {
		case e == nil:
			done++
		case e.Code == "rate_limited" && e.Retry && e.AfterMs > 0:
			shed++
		default:
			t.Fatalf("%+v", e)
		}
	}
	if done < 30 || shed == 0 || done+shed != orders {
		t.Fatalf("%d done, %d refused", done, shed)
	}

	// So many streams, and no more.
	for range 3 {
		s := other.Session(ctx)
		if err := s.Send(&service.SessionRequest{Id: 1}); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Receive(); err != nil {
			t.Fatal(err)
		}
		defer s.CloseResponse()
		defer s.CloseRequest()
	}
	watch, err := other.WatchOrders(ctx, connect.NewRequest(&service.WatchOrdersRequest{}))
	if err == nil && !watch.Receive() {
		err = watch.Err()
	}
	retryIn(t, err, connect.CodeResourceExhausted, "rate_limited")
}

// stranger calls the service as a tool does that has never seen its .proto: it asks the
// server for it.
type stranger struct {
	*grpc.ClientConn
	t *testing.T
}

// learn asks the server for everything that a symbol needs.
func (s *stranger) learn(ctx context.Context, symbol string) protoreflect.ServiceDescriptor {
	s.t.Helper()
	stream, err := reflection.NewServerReflectionClient(s).ServerReflectionInfo(ctx)
	if err != nil {
		s.t.Fatal(err)
	}
	defer stream.CloseSend()
	set, had := &descriptorpb.FileDescriptorSet{}, map[string]bool{}
	ask := func(r *reflection.ServerReflectionRequest) []*descriptorpb.FileDescriptorProto {
		if err := stream.Send(r); err != nil {
			s.t.Fatal(err)
		}
		a, err := stream.Recv()
		if err != nil || a.GetErrorResponse() != nil {
			s.t.Fatal(err, a.GetErrorResponse())
		}
		var files []*descriptorpb.FileDescriptorProto
		for _, b := range a.GetFileDescriptorResponse().GetFileDescriptorProto() {
			f := &descriptorpb.FileDescriptorProto{}
			if err := proto.Unmarshal(b, f); err != nil {
				s.t.Fatal(err)
			}
			files = append(files, f)
		}
		return files
	}
	queue := ask(&reflection.ServerReflectionRequest{MessageRequest: &reflection.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: symbol}})
	for len(queue) > 0 {
		f := queue[0]
		queue = queue[1:]
		if had[f.GetName()] {
			continue
		}
		had[f.GetName()] = true
		set.File = append(set.File, f)
		for _, name := range f.Dependency {
			if !had[name] {
				queue = append(queue, ask(&reflection.ServerReflectionRequest{MessageRequest: &reflection.ServerReflectionRequest_FileByFilename{FileByFilename: name}})...)
			}
		}
	}
	files, err := protodesc.NewFiles(set)
	if err != nil {
		s.t.Fatal(err)
	}
	d, err := files.FindDescriptorByName(protoreflect.FullName(symbol))
	if err != nil {
		s.t.Fatal(err)
	}
	return d.(protoreflect.ServiceDescriptor)
}

// TestServiceReflects calls the service with grpc-go and nothing but what its reflection
// says, as grpcurl does, and asks for its health as a cluster's probes do.
func TestServiceReflects(t *testing.T) {
	h := newHouse(t)
	cc, err := grpc.NewClient(strings.TrimPrefix(h.URL(), "http://"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer cc.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	health := grpc_health_v1.NewHealthClient(cc)
	for name, want := range map[string]bool{"": true, "brigata.v1.OrderService": true, "brigata.v1.Nothing": false} {
		is, err := health.Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: name})
		if (err == nil && is.Status == grpc_health_v1.HealthCheckResponse_SERVING) != want {
			t.Errorf("%q: %v %v", name, is, err)
		}
	}
	s := &stranger{ClientConn: cc, t: t}
	d := s.learn(ctx, "brigata.v1.OrderService")
	var methods []string
	for i := range d.Methods().Len() {
		methods = append(methods, string(d.Methods().Get(i).Name()))
	}
	if got := strings.Join(methods, " "); got != "GetOrder WatchOrders PlaceOrders Session" {
		t.Fatal(got)
	}
	get := d.Methods().ByName("GetOrder")
	in, out := dynamicpb.NewMessage(get.Input()), dynamicpb.NewMessage(get.Output())
	order := h.orders[ownStore+"/T01"]
	if err := protojson.Unmarshal(fmt.Appendf(nil, `{"store":"demo","order":%q}`, order), in); err != nil {
		t.Fatal(err)
	}
	path := "/" + string(d.FullName()) + "/GetOrder"
	if err := cc.Invoke(ctx, path, in, out); err == nil || !strings.Contains(err.Error(), "Unauthenticated") {
		t.Fatalf("without a token: %v", err)
	}
	authorised := metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+h.token("lin", command.Waiter, ownStore, ""))
	if err := cc.Invoke(authorised, path, in, out); err != nil {
		t.Fatal(err)
	}
	if text := protojson.Format(out); !strings.Contains(text, order) || !strings.Contains(text, "accepted") {
		t.Fatal(text)
	}
}
