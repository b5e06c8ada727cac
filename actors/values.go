package actors

import (
	"context"
	"time"

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
