package gateway

import (
	"context"
	mathrand "math/rand/v2"
	"strconv"
	"time"

	"github.com/coder/websocket"

	"github.com/brigata/brigata/gateway/auth"
)

// crossing is how long commands are still taken after the bye: those that were sent
// before it was read.
const crossing = 150 * time.Millisecond

// byeWithin spreads the clients' return over this time, in milliseconds.
const byeWithin = 3000

// Drain ends the gateway: it is no longer ready, new sockets and calls are turned away,
// clients are told when to come back, commands that cross that and those under way get
// their answers, and then every socket is closed 4001. It returns when nothing of it runs any more; when
// ctx ends first, what is left is cut.
func (s *Server) Drain(ctx context.Context) error {
	if s.draining.Swap(true) {
		return s.tasks.wait(ctx)
	}
	open := s.all()
	for _, c := range open {
		c.reply(appendBye(closeDraining, 200+mathrand.Int64N(byeWithin)))
	}
	if len(open) > 0 {
		select {
		case <-time.After(crossing):
		case <-ctx.Done():
		}
	}
	s.refusing.Store(true)
	s.answerAll(ctx)
	for _, c := range s.all() {
		c.end(closeDraining)
	}
	s.streams.end(func(*auth.Principal) bool { return true }, errDraining)
	s.stopOnce.Do(func() { close(s.stop) })
	err := s.tasks.wait(ctx)
	if err != nil {
		for _, c := range s.all() {
			c.cut(closeDraining)
		}
	}
	return err
}

// answerAll waits until no command is under way, or for ctx.
func (s *Server) answerAll(ctx context.Context) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for s.admission.inflight.Load() > 0 {
		select {
		case <-tick.C:
			for _, c := range s.all() {
				c.expire(s.now())
			}
		case <-ctx.Done():
			return
		}
	}
}

func appendBye(code websocket.StatusCode, afterMS int64) []byte {
	b := strconv.AppendInt([]byte(`{"bye":{"code":`), int64(code), 10)
	b = strconv.AppendInt(append(b, `,"after_ms":`...), afterMS, 10)
	return append(b, "}}"...)
}
