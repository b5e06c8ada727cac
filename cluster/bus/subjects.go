package bus

import "github.com/brigata/brigata/actors/command"

// Every subject on the bus is made here, and nowhere else.

const (
	// version stands first: another meaning is another version.
	version = "v1."
	nodes   = version + "_nodes." // no store's name begins so
	allOf   = ".>"
)

// subject is where the views of an entity go: v1.<store>.<kind>.<id>. None of the three
// can hold a dot or a wildcard: stores, tables, dishes and options are names, orders and
// payments UUIDs.
func subject(store string, t command.Target) string {
	return version + store + "." + t.Kind + "." + t.ID
}

// subjectsOf matches the views of all of a store.
func subjectsOf(store string) string { return version + store + allOf }

// valuesOf is where it is told that a store's values changed.
func valuesOf(store string) string { return version + store + ".values" }

// statusOf is where a node tells how it is, and statuses matches all.
func statusOf(id string) string { return nodes + id }

const statuses = nodes + "*"
