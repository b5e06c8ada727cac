package refusal

import (
	"errors"
	"fmt"
	"testing"
)

// Every code is either an outcome of its command, or says "later", or is of form: never two.
func TestCodes(t *testing.T) {
	outcome := []Code{NotFound, Conflict, StalePrice, SoldOut, Closed, Invalid, Forbidden}
	later := []Code{RateLimited, Overloaded, Unavailable, Moved}
	form := []Code{BadRequest, Unauthenticated, Internal}
	for _, c := range []struct {
		codes          []Code
		outcome, retry bool
	}{{outcome, true, false}, {later, false, true}, {form, false, false}} {
		for _, code := range c.codes {
			if code.Outcome() != c.outcome || code.Retry() != c.retry {
				t.Errorf("%s: outcome %v, retry %v", code, code.Outcome(), code.Retry())
			}
		}
	}
}

func TestIsComparesCodeAndReason(t *testing.T) {
	state, paid := New(Conflict, "state", "no"), New(Conflict, "paid", "no")
	given := state.With(Fields{Kind: "order", ID: "a"})
	if given.Fields.Reason != "state" || state.Fields.Kind != "" {
		t.Errorf("%+v of %+v", given.Fields, state.Fields)
	}
	wrapped := fmt.Errorf("cell: %w", given)
	if !errors.Is(wrapped, state) || errors.Is(wrapped, paid) || errors.Is(wrapped, New(Invalid, "state", "")) {
		t.Error("code and reason are what counts")
	}
	if Of(wrapped) != given || Of(errors.New("disk")) != nil || Of(nil) != nil {
		t.Error("a fault is no refusal")
	}
}

func TestFaultsNameTheFirstAndAtMostTwenty(t *testing.T) {
	lo := int64(1)
	faults := []Fault{{At: "/a", Reason: "range", Min: &lo}}
	for range 30 {
		faults = append(faults, Fault{At: "/b", Reason: "id"})
	}
	r := Faults(faults...)
	if r.Code != Invalid || r.Fields.At != "/a" || r.Fields.Reason != "range" || r.Fields.Min != &lo || len(r.Fields.Errors) != 20 {
		t.Errorf("%+v", r)
	}
}
