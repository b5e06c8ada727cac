// Package payments takes money through providers: Stripe, WeChat Pay, Alipay, behind
// one interface. It decides nothing about an order or a bill: it does the work that a
// payment's durable view names (see actors/payment) and brings back what the provider
// says, from its answers and from its notifications.
//
// Its promises: a provider is called only for work that is durable, under the payment's
// or the refund's own id, by the node that has the store's cell; an unknown outcome is
// asked for and never guessed; a notification counts only with the provider's signature;
// a provider that is slow or down holds up no other. cmd makes one Driver per node.
package payments

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/payment"
)

// Charge is what a provider is asked to take.
type Charge struct {
	Store     string
	ID        string // the payment's: the key of everything that is done for it
	Amount    int64  // tip included, minor units
	Currency  string // ISO 4217
	Method    string // card, native, jsapi
	ReturnURL string
	OpenID    string
	Reference string // the provider's own, once it has one
	ExpiresAt time.Time
}

// Refund is what of it is to go back. Its ID is the key of that call.
type Refund struct {
	ID     string
	Amount int64
	Reason string
}

// Result is what a provider says of a charge, or of a refund: Charged means that it is
// given back then.
type Result struct {
	Outcome   payment.Outcome
	Amount    int64  // charged
	Currency  string // of it; "": not told
	Reference string
	Action    *payment.Action
	Failure   *payment.Failure
}

// Notice is a verified notification.
type Notice struct {
	Store, Payment string
	Refund         string // "": of the charge
	Result
}

// Provider is one account at one of them. Errors mean that the outcome is not known,
// but for ErrNone. Calls are safe to repeat.
type Provider interface {
	// Start asks for the money. Repeated, it changes nothing.
	Start(ctx context.Context, c Charge) (Result, error)
	// Query says how a charge stands; ErrNone: the provider has never heard of it.
	Query(ctx context.Context, c Charge) (Result, error)
	// Cancel makes sure that it will not be charged any more: Dropped, or Charged if it
	// was already.
	Cancel(ctx context.Context, c Charge) (Result, error)
	// Refund gives back; Doubtful: it is under way.
	Refund(ctx context.Context, c Charge, r Refund) (Result, error)
	// Notice verifies and reads a notification; body is the request's. ErrIgnored: it is
	// genuine and says nothing that matters.
	Notice(r *http.Request, body []byte) (Notice, error)
	// Acknowledge tells the provider that its notification has done its work, or, with
	// an error, to send it again.
	Acknowledge(w http.ResponseWriter, err error)
	// Statement lists what the provider has charged and given back on a date of the
	// account's zone.
	Statement(ctx context.Context, date string) ([]Entry, error)
}

// Entry is a line of a provider's statement, without a time.
type Entry = actors.Entry

var (
	ErrNone    = errors.New("the provider does not know the payment")
	ErrIgnored = errors.New("nothing that matters")
	// ErrForged says that a notification does not carry the account's signature.
	ErrForged = errors.New("not signed by the provider")
)

// Declined makes a result of what a provider refused for good.
func Declined(code, message string) Result {
	return Result{Outcome: payment.Declined, Failure: &payment.Failure{Code: code, Message: message}}
}

// Account joins a provider's account with who uses it.
type Account struct {
	Name     string // stripe, wechat, alipay
	Store    string // "": every store that has none of its own
	Provider Provider
}

// Accounts are all of a node.
type Accounts []Account

// Names lists the providers that there are.
func (a Accounts) Names() (names []string) {
	seen := map[string]bool{}
	for _, x := range a {
		if !seen[x.Name] {
			seen[x.Name] = true
			names = append(names, x.Name)
		}
	}
	return names
}

// Of lists the providers at which a store has an account.
func (a Accounts) Of(store string) []string {
	return slices.DeleteFunc(a.Names(), func(name string) bool { return a.For(name, store) == nil })
}

// For finds a store's account at a provider; nil: it has none.
func (a Accounts) For(name, store string) Provider {
	var any Provider
	for _, x := range a {
		switch {
		case x.Name != name:
		case x.Store == store:
			return x.Provider
		case x.Store == "":
			any = x.Provider
		}
	}
	return any
}
