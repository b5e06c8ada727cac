// Package actors is the host: it runs the pure rules of the entities as actors, keeps
// what they decide in the cell's log, and holds everything that leaves a cell until
// the log is durable up to it.
//
// Its promises: no reply and no view before what it depends on is durable; one
// outcome for each command id; an entity's mailbox is the only writer of its state.
// The gateway and the cluster call it; it knows the journal's interface and no
// database.
package actors
