package routes

import (
	"errors"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/actors/wire/pb"
)

// Serve takes a request that another node brings, for a cell that should be here. It
// never blocks.
func (e *Engine) Serve(q *pb.Request, answer func(*pb.Parcel)) {
	to := replier{q.Kind, answer}
	if e.config.Host.Today(q.Store) == nil { // here no more, or not yet: never "not found"
		to.Reply(0, actors.Answer{Refusal: errMoved})
		return
	}
	r, err := request(q)
	if err != nil {
		no := refusal.Of(err)
		if no == nil || no.Fields.Reason == "unknown_command" { // of a newer node: one that knows it may have the store later
			no = errNode
		}
		to.Reply(0, actors.Answer{Refusal: no})
		return
	}
	r.To = to
	e.config.Host.Do(r)
}

// replier sends an answer back.
type replier struct {
	kind string
	send func(*pb.Parcel)
}

func (r replier) Reply(_ int64, a actors.Answer) {
	p := &pb.Answer{V: a.V, Dup: a.Dup, D: a.D, Refusal: wire.MarshalRefusal(a.Refusal)}
	if a.View != nil {
		p.Kind, p.View, p.Live = r.kind, wire.MarshalView(a.View), a.Live
	}
	r.send(&pb.Parcel{Body: &pb.Parcel_Answer{Answer: p}})
}

// request reads a request, and its command as strictly as a client's.
func request(q *pb.Request) (*actors.Request, error) {
	r := &actors.Request{Store: q.Store, Target: command.Target{Kind: q.Kind, ID: q.Entity}, Name: q.Cmd, Data: q.D,
		ID: command.ID(q.Cid), Channel: q.Channel, Session: q.Session, Guest: q.Guest, Principal: q.Principal, Dry: q.Dry,
		Deadline: time.Now().Add(time.Duration(q.WithinMs) * time.Millisecond), Trace: wire.ParseTrace(q.Trace)}
	var err error
	if len(q.By) > 0 {
		if r.By, err = wire.UnmarshalWho(q.By); err != nil {
			return nil, err
		}
	}
	if q.Cmd == "" {
		return r, nil
	}
	if len(q.Body) != len(r.Body) {
		return nil, errors.New("routes: a command without its hash")
	}
	copy(r.Body[:], q.Body)
	target, c, err := wire.DecodeCommand(q.Cmd, r.ID, q.D)
	if err != nil {
		return nil, err
	}
	r.Target, r.Command = target, c
	return r, nil
}

// Answer reads what another node answered.
func Answer(m *pb.Parcel) (a actors.Answer, err error) {
	p := m.GetAnswer()
	if p == nil {
		return a, errors.New("routes: not an answer")
	}
	a.V, a.Dup, a.D, a.Live = p.V, p.Dup, p.D, p.Live
	if a.Refusal, err = wire.UnmarshalRefusal(p.Refusal); err != nil {
		return a, err
	}
	if p.Kind != "" {
		a.View, err = wire.UnmarshalView(p.Kind, p.View)
	}
	return a, err
}
