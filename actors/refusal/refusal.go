// Package refusal is the vocabulary for saying no. A refusal is an answer to the
// caller, with a stable code; any other error is a fault for the operator.
package refusal

import (
	"errors"
	"time"
)

// Code says what kind of no, for machines. Codes are wire values: append only.
type Code string

const (
	BadRequest      Code = "bad_request"
	Unauthenticated Code = "unauthenticated"
	Forbidden       Code = "forbidden"
	NotFound        Code = "not_found"
	Conflict        Code = "conflict"
	StalePrice      Code = "stale_price"
	SoldOut         Code = "sold_out"
	Closed          Code = "closed"
	Invalid         Code = "invalid"
	RateLimited     Code = "rate_limited"
	Overloaded      Code = "overloaded"
	Unavailable     Code = "unavailable"
	Moved           Code = "moved"
	Internal        Code = "internal"
)

// Retry says that the same command, under the same id, may succeed later.
func (c Code) Retry() bool {
	return c == RateLimited || c == Overloaded || c == Unavailable || c == Moved
}

// Outcome says that a refusal with this code is an outcome of its command: it is
// recorded before it is answered, and a repeat gets the same one. So is every no that an
// entity's rules say, for what is invalid or forbidden may depend on how it stands, and
// a repeat on its way must not be done after all. What only says "later" is not.
func (c Code) Outcome() bool {
	switch c {
	case NotFound, Conflict, StalePrice, SoldOut, Closed, Invalid, Forbidden:
		return true
	}
	return false
}

// Refusal is a rule that said no.
type Refusal struct {
	Code    Code   `json:"code"`
	Message string `json:"message"` // for people, in English
	Fields  Fields `json:"fields"`
	AfterMS int64  `json:"after_ms"` // when to try again; > 0 whenever Code.Retry
}

func (r *Refusal) Error() string { return r.Message }

// Is makes errors.Is compare code and reason, so a test can name a refusal without its fields.
func (r *Refusal) Is(target error) bool {
	t, ok := target.(*Refusal)
	return ok && t.Code == r.Code && t.Fields.Reason == r.Fields.Reason
}

// Fields are the particulars of a refusal; each code uses a few of them.
type Fields struct {
	At          string      `json:"at,omitzero"` // JSON pointer into the command's data
	Reason      string      `json:"reason,omitzero"`
	Need        string      `json:"need,omitzero"` // the permission that is missing
	Kind        string      `json:"kind,omitzero"`
	ID          string      `json:"id,omitzero"`
	State       string      `json:"state,omitzero"`
	V           int64       `json:"v,omitzero"`
	CartV       int64       `json:"cart_v,omitzero"`
	DraftV      int64       `json:"draft_v,omitzero"`
	Due         int64       `json:"due,omitzero"` // minor units
	Dish        string      `json:"dish,omitzero"`
	Option      string      `json:"option,omitzero"`
	Left        *int64      `json:"left,omitzero"` // portions
	Total       *int64      `json:"total,omitzero"`
	Currency    string      `json:"currency,omitzero"`
	MenuVersion int64       `json:"menu_version,omitzero"`
	Lines       []LinePrice `json:"lines,omitzero"`
	Items       []Item      `json:"items,omitzero"`
	OpensAt     time.Time   `json:"opens_at,omitzero"`
	Min         *int64      `json:"min,omitzero"`
	Max         *int64      `json:"max,omitzero"`
	Errors      []Fault     `json:"errors,omitzero"` // at most 20
	Scope       string      `json:"scope,omitzero"`
	What        string      `json:"what,omitzero"`
	Trace       string      `json:"trace,omitzero"`
}

// LinePrice is the right price of one line of a command that named another.
type LinePrice struct {
	ID        string `json:"id"`
	UnitPrice int64  `json:"unit_price"` // minor units
	Amount    int64  `json:"amount"`     // minor units
}

// Item is one thing that stands in the way: a dish or option that is short, or an
// order item in the wrong state.
type Item struct {
	ID     string   `json:"id,omitzero"`
	State  string   `json:"state,omitzero"`
	Dish   string   `json:"dish,omitzero"`
	Option string   `json:"option,omitzero"`
	Left   *int64   `json:"left,omitzero"`
	Lines  []string `json:"lines,omitzero"`
}

// Fault is one thing that is invalid in a command.
type Fault struct {
	At     string `json:"at"` // JSON pointer into the command's data
	Reason string `json:"reason"`
	Min    *int64 `json:"min,omitzero"`
	Max    *int64 `json:"max,omitzero"`
}

// New returns a refusal to keep in a package-level variable and compare with errors.Is.
func New(code Code, reason, message string) *Refusal {
	return &Refusal{Code: code, Message: message, Fields: Fields{Reason: reason}}
}

// With returns a copy of r whose fields are f; an empty f.Reason keeps r's.
func (r *Refusal) With(f Fields) *Refusal {
	c := *r
	if f.Reason == "" {
		f.Reason = r.Fields.Reason
	}
	c.Fields = f
	return &c
}

// Of returns err as a refusal, or nil when it is a fault.
func Of(err error) *Refusal {
	if r, ok := errors.AsType[*Refusal](err); ok {
		return r
	}
	return nil
}

// Faults makes the invalid refusal of one or more faults; the first one is repeated at the top.
func Faults(faults ...Fault) *Refusal {
	if len(faults) > 20 {
		faults = faults[:20]
	}
	f := faults[0]
	return &Refusal{Code: Invalid, Message: "Not valid: " + f.At + " " + f.Reason,
		Fields: Fields{At: f.At, Reason: f.Reason, Min: f.Min, Max: f.Max, Errors: faults}}
}
