package actors

// Engine runs actors, each on a mailbox of its own. Proto.Actor is one; a simulation
// brings another, which decides when each message is taken.
type Engine interface {
	// Spawn makes an actor's mailbox. It gives the actor nothing yet, so it may be
	// called under a lock.
	Spawn(Actor) Mailbox
	Stop()
}

// Actor is what an engine runs: an entity.
type Actor interface {
	// Receive takes one message, one after the other, in the order in which each
	// sender sent them.
	Receive(m any)
	// Settled comes after the last message that waited.
	Settled()
}

// Mailbox is where an actor's messages go.
type Mailbox interface {
	// Send never blocks. It may run the actor at once. The message is passed as it is, not
	// copied: nobody changes it from then on.
	Send(m any)
	// Release ends the actor: what is sent later is lost.
	Release()
}
