package actors

import (
	"fmt"
	"time"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/actors/wire"
)

// Fold is one entity as its log alone makes it, through the rules and nothing else of
// the host: what audits and simulations hold the host to.
type Fold struct {
	Kind, ID string
	V        int64 // slots folded
	rules    machine
}

// NewFold starts the fold of an entity, of a kind as the journal numbers it.
func NewFold(kind uint8) (*Fold, error) {
	k := kindsByID[kind]
	if k == nil {
		return nil, fmt.Errorf("actors: kind %d is not known", kind)
	}
	return &Fold{Kind: k.name, rules: k.make()}, nil
}

// Turn folds the next turn of the log. It panics on an event of another kind.
func (f *Fold) Turn(t *wire.Turn) {
	if t.Entity != "" {
		f.ID = t.Entity
	}
	for _, e := range t.Events {
		f.rules.replay(e)
	}
	f.V += int64(max(1, len(t.Events)))
}

// State is the fold so far: a pointer to the kind's State, good until the next Turn.
func (f *Fold) State() any { return f.rules.state() }

// Owes is what the entity owes others now.
func (f *Fold) Owes() []command.Duty { return f.rules.owes() }

// Due is when the entity next wants a Tick; zero: never.
func (f *Fold) Due() time.Time { return f.rules.due() }

// Live says that the entity is loaded when its cell opens.
func (f *Fold) Live() bool { return f.rules.live() }

// View is what others may see of it now, in a store of those values; nil while there is
// nothing to see.
func (f *Fold) View(t *store.Today) any { return f.rules.view(t, f.ID) }
