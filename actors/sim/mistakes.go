package sim

import (
	"slices"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/journal"
	"github.com/brigata/brigata/actors/mutant"
	"github.com/brigata/brigata/actors/wire"
)

// This file holds the mutants on the simulation's side of the host: a database and a
// publisher that do something wrong.

// misnap spoils the snapshots of a batch.
func misnap(b *journal.Batch) {
	for i := range b.Heads {
		h := &b.Heads[i]
		switch {
		case mutant.Is(mutant.SnapshotNotLive):
			h.Live = false
		case mutant.Is(mutant.SnapshotStale):
			stale(h)
		case mutant.Is(mutant.SnapshotWithoutAnswers), mutant.Is(mutant.SnapshotOneAhead), mutant.Is(mutant.SnapshotOtherAnswer):
			f, err := actors.NewFold(h.Kind)
			if err != nil {
				return
			}
			s, err := wire.DecodeSnapshot(h.State, f.State())
			if err != nil {
				return
			}
			s.State = f.State()
			switch {
			case mutant.Is(mutant.SnapshotOneAhead):
				s.V++
			case mutant.Is(mutant.SnapshotWithoutAnswers):
				s.Answers = nil
			case len(s.Answers) > 0:
				s.Answers[0].Reply = []byte("{}")
			}
			h.State = wire.AppendSnapshot(nil, &s)
		}
	}
}

// snapped is the newest state of each entity that SnapshotStale has seen.
var snapped = map[journal.Key]any{}

// stale puts the state of the snapshot before into one.
func stale(h *journal.Head) {
	f, err := actors.NewFold(h.Kind)
	if err != nil {
		return
	}
	s, err := wire.DecodeSnapshot(h.State, f.State())
	if err != nil {
		return
	}
	was, had := snapped[h.Key]
	snapped[h.Key] = f.State()
	if had {
		s.State = was
		h.State = wire.AppendSnapshot(nil, &s)
	}
}

// misload spoils what an entity is loaded from.
func misload(s *journal.Stored) {
	switch {
	case mutant.Is(mutant.TailIgnored) && len(s.Head.State) > 0:
		s.Tail = nil
	case mutant.Is(mutant.AnswersForgotten):
		for i := range s.Tail {
			turns, err := wire.DecodeBlock(s.Tail[i].Payload)
			if err != nil {
				return
			}
			s.Tail[i].Payload = nil
			for j := range turns {
				if len(turns[j].Events) > 0 {
					turns[j].ID, turns[j].Answer = "", wire.None
				}
				s.Tail[i].Payload = wire.AppendTurn(s.Tail[i].Payload, &turns[j])
			}
		}
	}
}

// opens says whether an entity is found when its cell opens.
func (d *database) opens(s *journal.Stored) bool {
	misload(s)
	switch {
	case mutant.Is(mutant.HeadsBySnapshot): // a first block makes no head
		return s.Head.Seq > 0
	case mutant.Is(mutant.HeadNotRevived): // a later block does not make it live again
		return !d.closed[s.Head.Key]
	}
	return true
}

// writeApart commits a batch in two transactions: the second may never come.
func (c *conn) writeApart(b *journal.Batch) error {
	half := len(b.Rows) / 2
	first, rest := *b, *b
	first.Rows, first.Heads = b.Rows[:half], nil
	rest.Rows = b.Rows[half:]
	if mutant.Is(mutant.TwoWriters) {
		first.Rows, rest.Rows = b.Rows[half:], b.Rows[:half]
	}
	if err := c.store.Commit(&first); err != nil {
		return err
	}
	c.db.world.checks.committed(c.process, &first)
	if c.db.world.chance(0.1) {
		return errTimeout // the connection broke in between
	}
	if err := c.store.Commit(&rest); err != nil {
		return err
	}
	c.db.world.checks.committed(c.process, &rest)
	return nil
}

// misshow spoils what is published.
func misshow(views []actors.View) []actors.View {
	switch {
	case mutant.Every(20, mutant.PushLost):
		return nil
	case mutant.Is(mutant.PushOlder) && len(views) > 0:
		v := views[0]
		if had, ok := shown[v.Target.ID]; ok {
			views = append(slices.Clone(views), had)
		}
		shown[v.Target.ID] = v
	case mutant.Is(mutant.PushClosedUnseen):
		return slices.DeleteFunc(slices.Clone(views), func(v actors.View) bool { return !v.Live })
	case mutant.Is(mutant.PushVersionAhead), mutant.Is(mutant.PushOverAsLive):
		views = slices.Clone(views)
		for i := range views {
			if mutant.Is(mutant.PushVersionAhead) {
				views[i].V++
			}
			views[i].Live = views[i].Live || mutant.Is(mutant.PushOverAsLive)
		}
	}
	return views
}

// shown is what PushOlder shows again.
var shown = map[string]actors.View{}
