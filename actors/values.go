package actors

import (
	"context"
	"fmt"
	"time"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/journal"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/store"
)

// Today reads a store's values as the journal has them: for nodes that do not have the
// store and cannot ask the one that does. nil: there is no such store.
func (a Archive) Today(ctx context.Context, storeID string) (*store.Today, error) {
	s, m := &entity{kind: kinds["store"]}, &entity{kind: kinds["menu"]}
	keys := []journal.Key{keyOf(storeID, s.kind, storeID), keyOf(storeID, m.kind, storeID)}
	stored, err := a.Journal.Load(ctx, keys)
	if err != nil {
		return nil, err
	}
	for i := range stored {
		e := s
		if stored[i].Head.Key == keys[1] {
			e = m
		}
		if err := e.restore(&stored[i]); err != nil {
			return nil, err
		}
	}
	if s.machine == nil {
		return nil, nil
	}
	is := s.machine.state().(*store.State)
	if is.Config == nil {
		return nil, nil
	}
	var published *menu.Menu
	if m.machine != nil {
		published = m.machine.state().(*menu.State).Menu
	}
	zone, err := time.LoadLocation(is.Config.Zone)
	if err != nil {
		return nil, err
	}
	return is.Today(published, zone, nil), nil
}

// Live folds everything of a store that its cell would open with, as views in no order.
// Nothing acts: it is for audits.
func (a Archive) Live(ctx context.Context, storeID string) (views []View, err error) {
	t, err := a.Today(ctx, storeID)
	if err != nil {
		return nil, err
	}
	err = a.Journal.Open(ctx, storeID, func(s journal.Stored) error {
		k := kindsByID[s.Head.Kind]
		if k == nil {
			return fmt.Errorf("%w: entity %x is of kind %d", journal.ErrNewer, s.Head.Key, s.Head.Kind)
		}
		e := &entity{kind: k, target: command.Target{Kind: k.name}}
		if err := e.restore(&s); err != nil {
			return fmt.Errorf("%s %q: %w", k.name, e.target.ID, err)
		}
		if v := e.machine.view(t, e.target.ID); v != nil {
			views = append(views, View{Store: storeID, Target: e.target, V: e.seq, View: v, Live: true})
		}
		return nil
	})
	return views, err
}
