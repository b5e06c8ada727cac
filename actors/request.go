package actors

import (
	"time"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/wire"
)

// Request is a command for an entity, or, without a Command, a read of its view. The
// host keeps it until it has answered: it may not be changed meanwhile.
type Request struct {
	Store   string
	Target  command.Target // an empty ID of a store or menu means the store's own
	Command command.Command
	Name    string // of the command, and
	Data    []byte // its JSON, where a client sent it: what another node is told. Do copies it

	ID        command.ID // "" for reads, dry runs, and commands that are idempotent by themselves
	By        command.Who
	Channel   string
	Session   string
	Guest     string
	Body      [16]byte // hash of the canonical body: tells a repeat from another use of the id
	Principal string
	Dry       bool // everything is checked and priced, nothing is done
	Deadline  time.Time
	Trace     wire.Trace

	To  Replier
	Tag int64
}

// Replier takes the one answer to a request: on any goroutine, and without blocking.
type Replier interface {
	Reply(tag int64, a Answer)
}

// Answer is what became of a request: nothing is answered before it is durable.
type Answer struct {
	V       int64  // the entity's version
	Dup     bool   // it was answered before
	D       []byte // JSON of the reply
	View    any    // of a read: a pointer to the kind's View
	Live    bool   // of a read: it has not come to its end
	Refusal *refusal.Refusal
}

// View is an entity as it is published, in the order of its versions.
type View struct {
	Store  string
	Target command.Target
	V      int64
	View   any        // a pointer to the kind's View
	Live   bool       // false: it has come to its end, or is gone from memory
	At     time.Time  // of the turn that led to it; zero when the cell was opened
	Trace  wire.Trace // of the command that led to it
}
