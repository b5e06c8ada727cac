package actors

import (
	"time"

	"github.com/brigata/brigata/actors/command"
)

// Rules is one entity's rules with its state and without a host: what simulations and
// the stories of actors/story are made of. It belongs to one goroutine.
type Rules struct{ machine machine }

// RulesOf makes an entity of a kind that does not exist yet.
func RulesOf(kind string) Rules { return Rules{kinds[kind].make()} }

// Step takes a command: it returns the events that follow, and has folded them.
func (r Rules) Step(c command.Command) (events []any, reply any, err error) {
	return r.machine.step(c, nil)
}

// Replay folds an event.
func (r Rules) Replay(e any) { r.machine.replay(e) }

// Owes is what the entity owes others.
func (r Rules) Owes() []command.Duty { return r.machine.owes() }

// Due is when it next wants a Tick; zero: never.
func (r Rules) Due() time.Time { return r.machine.due() }

// State is a pointer to the kind's State, good until the next Step.
func (r Rules) State() any { return r.machine.state() }
