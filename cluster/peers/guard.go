package peers

import (
	"context"
	"crypto/tls"
	"net"
	"time"

	"github.com/asynkron/protoactor-go/remote"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"
)

func (p *Peers) serverOptions() []grpc.ServerOption {
	o := []grpc.ServerOption{
		grpc.MaxRecvMsgSize(messageMax), grpc.MaxSendMsgSize(messageMax),
		grpc.StreamInterceptor(p.guardStream), grpc.UnaryInterceptor(p.guardUnary),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
	}
	if p.options.TLS != nil {
		o = append(o, grpc.Creds(counted{credentials.NewTLS(p.options.TLS), p}))
	}
	return o
}

func dialOptions(t *tls.Config) []grpc.DialOption {
	creds := insecure.NewCredentials()
	if t != nil {
		creds = credentials.NewTLS(t)
	}
	return []grpc.DialOption{
		grpc.WithTransportCredentials(creds),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(messageMax), grpc.MaxCallSendMsgSize(messageMax)),
		grpc.WithConnectParams(grpc.ConnectParams{MinConnectTimeout: time.Second,
			Backoff: backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 2, Jitter: 0.2, MaxDelay: time.Second}}),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 3 * time.Second, PermitWithoutStream: true}),
	}
}

// counted counts handshakes that failed: peers without a certificate of ours.
type counted struct {
	credentials.TransportCredentials
	*Peers
}

func (c counted) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	secure, info, err := c.TransportCredentials.ServerHandshake(conn)
	if err != nil {
		c.strangers.Add(1)
	}
	return secure, info, err
}

func (c counted) Clone() credentials.TransportCredentials {
	return counted{c.TransportCredentials.Clone(), c.Peers}
}

// guardUnary refuses Proto.Actor's diagnostics, which panic.
func (p *Peers) guardUnary(context.Context, any, *grpc.UnaryServerInfo, grpc.UnaryHandler) (any, error) {
	p.refused.Add(1)
	return nil, status.Error(codes.Unimplemented, "not offered")
}

// guardStream keeps a stream's faults to the stream: Proto.Actor's reader panics at a
// type that it does not know, which would end the process.
func (p *Peers) guardStream(srv any, s grpc.ServerStream, _ *grpc.StreamServerInfo, next grpc.StreamHandler) (err error) {
	defer func() {
		if v := recover(); v != nil {
			p.refused.Add(1)
			p.log.Error("stream of a peer panicked", "value", v)
			err = status.Error(codes.InvalidArgument, "malformed")
		}
	}()
	err = next(srv, &guarded{s, p})
	if code := status.Code(err); code == codes.ResourceExhausted || code == codes.InvalidArgument {
		p.refused.Add(1) // too large, or malformed
	}
	return err
}

// guarded lets only our own messages through.
type guarded struct {
	grpc.ServerStream
	*Peers
}

func (g *guarded) RecvMsg(m any) error {
	if err := g.ServerStream.RecvMsg(m); err != nil {
		return err
	}
	r, ok := m.(*remote.RemoteMessage)
	if !ok {
		return status.Error(codes.InvalidArgument, "not a message")
	}
	b := r.GetMessageBatch()
	if b == nil {
		return nil
	}
	kept := b.Envelopes[:0]
	for _, e := range b.Envelopes {
		if g.whole(e, b) && known(b.TypeNames[e.TypeId]) {
			kept = append(kept, e)
		} else {
			g.refused.Add(1)
		}
	}
	b.Envelopes = kept
	return nil
}

// whole says that an envelope refers to what is there, and to this node's own ends: a
// message to any other process, such as Proto.Actor's event stream, could inject a
// topology, and one to another node would be passed on in our name.
func (p *Peers) whole(e *remote.MessageEnvelope, b *remote.MessageBatch) bool {
	if e == nil || e.SerializerId != 0 || e.TypeId < 0 || int(e.TypeId) >= len(b.TypeNames) ||
		e.Target < 0 || int(e.Target) >= len(b.Targets) || e.Sender < 0 || int(e.Sender) > len(b.Senders) {
		return false
	}
	t := b.Targets[e.Target]
	return t != nil && t.Address == p.self && (t.Id == questionsID || t.Id == answersID)
}
