package gateway

import (
	"slices"

	"github.com/coder/websocket"
)

// Close codes of PROTOCOL §3. After 40xx a client reconnects and resumes; after 45xx
// it does not.
const (
	closeDraining     websocket.StatusCode = 4001
	closeError        websocket.StatusCode = 4002
	closeSlow         websocket.StatusCode = 4003
	closeNoPong       websocket.StatusCode = 4004
	closeExpired      websocket.StatusCode = 4005
	closeResync       websocket.StatusCode = 4006
	closeRate         websocket.StatusCode = 4007
	closeBadToken     websocket.StatusCode = 4500
	closeBadRequest   websocket.StatusCode = 4501
	closeNoAuth       websocket.StatusCode = 4502
	closeRevoked      websocket.StatusCode = 4503
	closeTooMany      websocket.StatusCode = 4504
	closeSubprotocol  websocket.StatusCode = 4505
	closeReplaced     websocket.StatusCode = 4506
	closeDisconnected websocket.StatusCode = 1005 // the client went
)

// reasons go into the close frame, for people.
var reasons = map[websocket.StatusCode]string{
	closeDraining:    "draining",
	closeError:       "server error",
	closeSlow:        "too slow",
	closeNoPong:      "no pong",
	closeExpired:     "token expired",
	closeResync:      "stale; come back",
	closeRate:        "rate",
	closeBadToken:    "bad token",
	closeBadRequest:  "bad request",
	closeNoAuth:      "no auth in time",
	closeRevoked:     "revoked",
	closeTooMany:     "too many connections",
	closeSubprotocol: "subprotocol " + subprotocol + " is needed",
	closeReplaced:    "replaced by a newer session",
}

// CloseCodes lists the codes that the node closes sockets with, ascending.
func CloseCodes() (codes []int) {
	for code := range reasons {
		codes = append(codes, int(code))
	}
	slices.Sort(codes)
	return codes
}
