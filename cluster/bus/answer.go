package bus

import (
	"cmp"
	"slices"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/actors/wire/pb"
)

const (
	listMax  = 2000 // entities on a page
	fetchMax = 128  // views in an answer
	standMax = 500  // stores in a question
)

var (
	errBusy = wire.MarshalRefusal(&refusal.Refusal{Code: refusal.Overloaded, Message: "The node is busy", Fields: refusal.Fields{What: "node"}, AfterMS: 500})
	errGone = wire.MarshalRefusal(&refusal.Refusal{Code: refusal.Moved, Message: "The store is not here", Fields: refusal.Fields{What: "node"}, AfterMS: 100})
)

// Serve answers another node's question about stores that are here. It does not block,
// and reports false if the question is none of its own.
func (b *Bus) Serve(m *pb.Parcel, answer func(*pb.Parcel)) bool {
	switch q := m.Body.(type) {
	case *pb.Parcel_Stand:
		answer(b.stand(q.Stand)) // a few map look-ups
		return true
	case *pb.Parcel_List, *pb.Parcel_Fetch, *pb.Parcel_Values:
	default:
		return false
	}
	select {
	case b.work <- struct{}{}:
	default:
		answer(&pb.Parcel{Body: &pb.Parcel_Answer{Answer: &pb.Answer{Refusal: errBusy}}})
		return true
	}
	b.spawn(func() {
		defer func() { <-b.work }()
		switch q := m.Body.(type) {
		case *pb.Parcel_List:
			answer(b.list(q.List))
		case *pb.Parcel_Fetch:
			answer(b.fetch(q.Fetch))
		case *pb.Parcel_Values:
			answer(b.values(q.Values))
		}
	})
	return true
}

func (b *Bus) stand(q *pb.Stand) *pb.Parcel {
	a := &pb.Stands{}
	now := time.Now()
	for i, id := range q.Stores[:min(len(q.Stores), standMax)] {
		s := &pb.StandOf{Source: b.config.Self}
		if t := b.config.Here(id); t != nil {
			s.Here = true
			b.mu.Lock()
			o := b.outlet(id)
			if i < len(q.Watch) && q.Watch[i] { // before n is read: from here on it is told
				o.watchers[q.Node] = now
			}
			b.valued(id, o)
			s.N, s.Values = o.n, o.values
			b.mu.Unlock()
		}
		a.Of = append(a.Of, s)
	}
	return &pb.Parcel{Body: &pb.Parcel_Stands{Stands: a}}
}

// unwatch forgets nodes that have not said for long that they watch.
func (b *Bus) unwatch(now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, o := range b.outlets {
		for node, at := range o.watchers {
			if now.Sub(at) > watchedFor {
				delete(o.watchers, node)
			}
		}
	}
}

// key orders the entities of a store.
func key(t command.Target) string { return t.Kind + "/" + t.ID }

func (b *Bus) list(q *pb.List) *pb.Parcel {
	a := &pb.Listed{}
	if b.config.Here(q.Store) == nil {
		a.Refusal = errGone
		return &pb.Parcel{Body: &pb.Parcel_Listed{Listed: a}}
	}
	known := b.config.Boards.Known(q.Store)
	known = slices.DeleteFunc(known, func(v actors.View) bool { return key(v.Target) <= q.After })
	slices.SortFunc(known, func(x, y actors.View) int { return cmp.Compare(key(x.Target), key(y.Target)) })
	if len(known) > listMax {
		known, a.More = known[:listMax], true
	}
	for i := range known {
		a.Of = append(a.Of, &pb.Held{Kind: known[i].Target.Kind, Id: known[i].Target.ID, V: known[i].V})
	}
	return &pb.Parcel{Body: &pb.Parcel_Listed{Listed: a}}
}

func (b *Bus) fetch(q *pb.Fetch) *pb.Parcel {
	a := &pb.Views{}
	if b.config.Here(q.Store) == nil {
		a.Refusal = errGone
		return &pb.Parcel{Body: &pb.Parcel_Views{Views: a}}
	}
	want := map[command.Target]bool{}
	for _, h := range q.Of[:min(len(q.Of), fetchMax)] {
		want[command.Target{Kind: h.Kind, ID: h.Id}] = true
	}
	known := b.config.Boards.Known(q.Store)
	for i := range known {
		if want[known[i].Target] {
			a.Of = append(a.Of, viewOf(&known[i], b.config.Self, 0))
		}
	}
	return &pb.Parcel{Body: &pb.Parcel_Views{Views: a}}
}

func (b *Bus) values(q *pb.Values) *pb.Parcel {
	b.mu.Lock()
	o := b.outlet(q.Store)
	b.valued(q.Store, o)
	n := o.values
	b.mu.Unlock()
	t := b.config.Here(q.Store)
	if t == nil {
		return &pb.Parcel{Body: &pb.Parcel_StoreValues{StoreValues: &pb.StoreValues{Refusal: errGone}}}
	}
	p := wire.StoreValues(t)
	p.N, p.Source = n, b.config.Self
	return &pb.Parcel{Body: &pb.Parcel_StoreValues{StoreValues: p}}
}
