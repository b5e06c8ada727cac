// Package wire is everything that leaves the rules as bytes: the journal's payloads
// (protobuf), the JSON of commands, replies, views and refusals, and trace context.
//
// Its one promise: what was ever written can be read. Fields and events have numbers
// that are never used again. A number beyond all that this version knows is an error,
// ErrNewer, that names it: to skip it would lose it with the next snapshot.
package wire

//go:generate go run ./gen
//go:generate go -C ../../.ci/protogen run . ../../actors/wire
