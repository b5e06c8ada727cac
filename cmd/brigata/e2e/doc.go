// Package e2e holds the end-to-end tests: the built binary, its real sockets, and a
// real database, driven over the public protocol.
package e2e
