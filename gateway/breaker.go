package gateway

import (
	"context"
	"time"

	"github.com/sony/gobreaker/v2"

	"github.com/brigata/brigata/actors/refusal"
)

// breaker stands before a database that people wait for: after some failures in a row
// nobody waits, until one try succeeds again.
type breaker struct {
	*gobreaker.TwoStepCircuitBreaker[struct{}]
}

const (
	breakerFailures = 5
	breakerOpen     = 5 * time.Second
)

func newBreaker(name string) breaker {
	return breaker{gobreaker.NewTwoStepCircuitBreaker[struct{}](gobreaker.Settings{Name: name, Timeout: breakerOpen,
		ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= breakerFailures }})}
}

// Breakers tells, by name, the state of what keeps this node from asking in vain: 0 closed,
// 1 trying again, 2 open.
func (s *Server) Breakers() map[string]func() int64 {
	all := map[string]func() int64{}
	for _, b := range []breaker{s.accounts, s.archive} {
		all[b.Name()] = func() int64 { return int64(b.State()) }
	}
	return all
}

// do runs f. A refusal is an answer, and so is a caller who went; all else is a failure.
func (b breaker) do(ctx context.Context, f func(ctx context.Context) error) error {
	done, err := b.Allow()
	if err != nil {
		return errDatabase
	}
	err = f(ctx)
	if refusal.Of(err) != nil || context.Cause(ctx) == context.Canceled {
		done(nil)
	} else {
		done(err)
	}
	return err
}
