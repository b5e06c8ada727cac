// Package sim is a deterministic simulation: the rules, the host, the writer and the
// cells' protocol as they are, on a clock, a network and a database that are not real.
//
// One thing happens at a time. An event heap, keyed by time and counter, and one seeded
// source of randomness say which; every message between entities, every client's
// request and answer, every timer and every beginning, commit and answer of a database
// call is an event of its own, so between any two a process may die. A World plays a
// Plan; checks hold what leaves a node, and what is at rest in the end, to the log alone,
// folded by the rules.
//
// Its promise: the same plan plays the same run, to the last event. cmd/brigata-sim and
// tests call it.
package sim
