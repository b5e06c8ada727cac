package peers

import (
	"runtime/debug"

	"github.com/asynkron/protoactor-go/actor"
	"google.golang.org/protobuf/proto"

	"github.com/brigata/brigata/actors/wire/pb"
)

// The ends of a node are processes and not actors: they have no mailbox, so nothing can
// be lost in one that stops (Proto.Actor drops what is queued behind a PoisonPill), and
// nothing waits in one without a bound: the host's mailboxes, which are behind them,
// refuse when they are full.
const (
	questionsID = "node"
	answersID   = "answers"
)

// questions takes what other nodes ask, on the goroutine of their connection.
type questions struct{ *Peers }

func (q questions) SendSystemMessage(*actor.PID, any) { q.refused.Add(1) } // nobody may stop or watch a node
func (questions) Stop(*actor.PID)                     {}

func (q questions) SendUserMessage(_ *actor.PID, message any) {
	_, m, sender := actor.UnwrapEnvelope(message)
	parcel, ok := m.(*pb.Parcel)
	h := q.handler.Load()
	if !ok || sender == nil {
		q.refused.Add(1)
		return
	}
	answer := func(a *pb.Parcel) { q.cluster.ActorSystem.Root.Send(sender, a) }
	if h == nil {
		q.cluster.ActorSystem.Root.Send(sender, &actor.DeadLetterResponse{})
		return
	}
	// A panic would end the connection, and with it what others have asked.
	defer func() {
		if v := recover(); v != nil {
			q.log.Error("question panicked", "value", v, "stack", string(debug.Stack()))
			q.refused.Add(1)
		}
	}()
	if parcel.Body == nil { // a newer node's: say so, it must not wait
		q.refused.Add(1)
		answer(&pb.Parcel{Body: &pb.Parcel_Unknown{Unknown: &pb.Unknown{}}})
		return
	}
	(*h)(parcel, answer)
}

// answers takes what comes back. The tag of the question is in the address.
type answers struct{ *Peers }

func (a answers) SendSystemMessage(*actor.PID, any) { a.refused.Add(1) }
func (answers) Stop(*actor.PID)                     {}

func (a answers) SendUserMessage(to *actor.PID, message any) {
	switch m := actor.UnwrapEnvelopeMessage(message).(type) {
	case *pb.Parcel:
		a.answered(to.RequestId, m, nil)
	case *actor.DeadLetterResponse:
		a.answered(to.RequestId, nil, ErrDead)
	default:
		a.refused.Add(1)
	}
}

// known says that a message may come in: everything else is Proto.Actor's own, which
// nodes do not use and strangers could.
func known(typeName string) bool { return typeName == parcelName || typeName == deadName }

var (
	parcelName = string(proto.MessageName(&pb.Parcel{}))
	deadName   = string(proto.MessageName(&actor.DeadLetterResponse{}))
)
