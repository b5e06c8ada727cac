package peers

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/cluster"
	"github.com/asynkron/protoactor-go/remote"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/actors/wire/pb"
	"github.com/brigata/brigata/cluster/certtest"
)

// world is who owns every store, for the nodes of a test.
type world struct{ owner atomic.Value }

func (w *world) Owner(string) string { s, _ := w.owner.Load().(string); return s }

func start(t *testing.T, w *world, t2 *tls.Config) *Peers {
	t.Helper()
	p, err := Start(Options{Bind: "127.0.0.1:0", Owner: w.Owner, TLS: t2, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	return p
}

func ask(p *Peers, address string, m *pb.Parcel, within time.Duration) (*pb.Parcel, error) {
	return requests{p}.try(address, m, within)
}

func read(id string) *pb.Parcel {
	return &pb.Parcel{Body: &pb.Parcel_Request{Request: &pb.Request{Store: "s", Kind: "order", Entity: id}}}
}

// echo answers with the entity's id.
func echo(m *pb.Parcel, answer func(*pb.Parcel)) {
	answer(&pb.Parcel{Body: &pb.Parcel_Answer{Answer: &pb.Answer{V: 1, D: []byte(m.GetRequest().GetEntity())}}})
}

func TestAskEachOther(t *testing.T) {
	w := &world{}
	a, b := start(t, w, nil), start(t, w, nil)
	if _, err := ask(b, a.Address(), read("x"), time.Second); !errors.Is(err, ErrDead) {
		t.Fatalf("before anybody takes questions: %v", err)
	}
	a.Handle(echo)
	b.Handle(echo)
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			from, to := a, b
			if i%2 == 0 {
				from, to = b, a
			}
			id := strings.Repeat("x", i+1)
			m, err := ask(from, to.Address(), read(id), 5*time.Second)
			if err != nil || string(m.GetAnswer().GetD()) != id {
				t.Errorf("%d: %v %v", i, m, err)
			}
		})
	}
	wg.Wait()
	if m, err := ask(a, a.Address(), read("self"), time.Second); err != nil || string(m.GetAnswer().D) != "self" {
		t.Errorf("a node asks itself: %v %v", m, err)
	}
	if a.Refused()+b.Refused() != 0 {
		t.Errorf("refused %d, %d", a.Refused(), b.Refused())
	}
}

func TestNoAnswer(t *testing.T) {
	w := &world{}
	a, b := start(t, w, nil), start(t, w, nil)
	a.Handle(func(*pb.Parcel, func(*pb.Parcel)) {})
	if _, err := ask(b, a.Address(), read("x"), 50*time.Millisecond); !errors.Is(err, ErrLate) {
		t.Fatalf("no answer is %v", err)
	}
	if _, err := ask(b, "127.0.0.1:9", read("x"), 5*time.Second); !errors.Is(err, ErrDead) {
		t.Fatalf("a dead address is %v", err)
	}
}

// A request follows the store, and what a handler that panics was asked is asked again.
func TestRequestFollowsTheStore(t *testing.T) {
	w := &world{}
	a, b := start(t, w, nil), start(t, w, nil)
	moved := wire.MarshalRefusal(&refusal.Refusal{Code: refusal.Moved})
	var tries atomic.Int32
	a.Handle(func(m *pb.Parcel, answer func(*pb.Parcel)) {
		switch tries.Add(1) {
		case 1:
			panic("a bug")
		case 2:
			w.owner.Store(b.Address())
			answer(&pb.Parcel{Body: &pb.Parcel_Answer{Answer: &pb.Answer{Refusal: moved}}})
		}
	})
	b.Handle(echo)
	if _, err := b.Request("s", "x", "order", read("x"), 30*time.Millisecond); !errors.Is(err, errNoOwner) {
		t.Fatalf("nobody has it: %v", err)
	}
	w.owner.Store(a.Address())
	m, err := b.Request("s", "x", "order", read("x"), 10*time.Second)
	if err != nil || string(m.GetAnswer().GetD()) != "x" || tries.Load() != 2 {
		t.Fatalf("%v %v after %d tries", m, err, tries.Load())
	}
	if a.Refused() != 1 {
		t.Errorf("the panic was not counted")
	}
	if _, err := b.cluster.RequestFuture("s/x", "order", read("x")); err == nil {
		t.Error("a future was made")
	}
	if _, err := b.cluster.Request("s/x", "order", "text", cluster.WithTimeout(time.Second)); err == nil {
		t.Error("a text was asked")
	}
}

// stream speaks gRPC to a node as a stranger, or a newer node, might.
func stream(t *testing.T, p *Peers, t2 *tls.Config) (remote.Remoting_ReceiveClient, error) {
	t.Helper()
	creds := insecure.NewCredentials()
	if t2 != nil {
		creds = credentials.NewTLS(t2)
	}
	conn, err := grpc.NewClient(p.Address(), grpc.WithTransportCredentials(creds), grpc.WithDefaultCallOptions(grpc.MaxCallSendMsgSize(1<<30)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return remote.NewRemotingClient(conn).Receive(context.Background())
}

func batch(p *Peers, target, typeName string, data []byte) *remote.RemoteMessage {
	return &remote.RemoteMessage{MessageType: &remote.RemoteMessage_MessageBatch{MessageBatch: &remote.MessageBatch{
		TypeNames: []string{typeName}, Targets: []*actor.PID{{Id: target, Address: p.self}}, Senders: []*actor.PID{{Id: answersID, Address: "127.0.0.1:9"}},
		Envelopes: []*remote.MessageEnvelope{{MessageData: data, Sender: 1}}}}}
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatal(what)
		}
		time.Sleep(time.Millisecond)
	}
}

// What is not known, malformed or too large ends no process and reaches nobody; what
// comes after it on the same stream is heard where the stream stands.
func TestUnknownAndMalformed(t *testing.T) {
	p := start(t, &world{}, nil)
	heard := make(chan string, 10)
	p.Handle(func(m *pb.Parcel, _ func(*pb.Parcel)) { heard <- m.GetRequest().GetEntity() })
	good, _ := proto.Marshal(read("good"))
	newer := []byte{0xba, 0x3e, 0} // field 999 of a Parcel
	s, err := stream(t, p, nil)
	if err != nil {
		t.Fatal(err)
	}
	bad, relayed := batch(p, questionsID, parcelName, good), batch(p, questionsID, parcelName, good)
	bad.GetMessageBatch().Envelopes[0].TypeId = 7
	relayed.GetMessageBatch().Targets[0].Address = "127.0.0.1:9"
	for i, m := range []*remote.RemoteMessage{
		batch(p, questionsID, "brigata.v9.Unheard", good), batch(p, "eventstream", parcelName, good), batch(p, questionsID, "actor.Stop", nil), bad, relayed,
		batch(p, questionsID, parcelName, newer),
	} {
		if err := s.Send(m); err != nil {
			t.Fatal(err)
		}
		waitFor(t, fmt.Sprintf("message %d was not counted: %d", i, p.Refused()), func() bool { return p.Refused() == int64(i)+1 })
	}
	if err := s.Send(batch(p, questionsID, parcelName, good)); err != nil {
		t.Fatal(err)
	}
	if got := <-heard; got != "good" {
		t.Fatalf("heard %q", got)
	}
	before := p.Refused()
	if err := s.Send(batch(p, questionsID, parcelName, []byte{0xff})); err != nil { // ends the stream, not the process
		t.Fatal(err)
	}
	if _, err := s.Recv(); err == nil {
		t.Fatal("a malformed parcel was taken")
	}
	if s, err = stream(t, p, nil); err != nil {
		t.Fatal(err)
	}
	s.Send(batch(p, questionsID, parcelName, make([]byte, messageMax+1)))
	waitFor(t, "an oversized message was not counted", func() bool { return p.Refused() > before })
	if len(heard) != 0 {
		t.Fatalf("heard %q", <-heard)
	}
}

func TestStrangersWithoutOurCertificate(t *testing.T) {
	load := func() *tls.Config {
		f, err := certtest.Write(t.TempDir(), ServerName)
		if err != nil {
			t.Fatal(err)
		}
		c, err := LoadTLS(f.CA, f.Cert, f.Key)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	ours, theirs := load(), load()
	w := &world{}
	a, b := start(t, w, ours), start(t, w, ours)
	a.Handle(echo)
	if m, err := ask(b, a.Address(), read("x"), 5*time.Second); err != nil || string(m.GetAnswer().GetD()) != "x" {
		t.Fatalf("nodes of one authority: %v %v", m, err)
	}
	half := theirs.Clone()
	half.RootCAs = ours.RootCAs // it trusts us, we do not trust it
	for name, c := range map[string]*tls.Config{"no TLS": nil, "another authority": theirs, "a certificate of another authority": half} {
		before := a.Strangers()
		s, err := stream(t, a, c)
		if err == nil {
			err = s.Send(batch(a, questionsID, parcelName, nil))
			if err == nil {
				_, err = s.Recv()
			}
		}
		if err == nil {
			t.Errorf("%s: let in", name)
		}
		waitFor(t, name+": not counted", func() bool { return a.Strangers() > before })
	}
	f, err := certtest.Write(t.TempDir(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := LoadTLS(f.CA, f.Cert, f.Key); err == nil {
		t.Error("a certificate for another name was loaded")
	}
}
