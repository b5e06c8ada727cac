// Package payment is one attempt to pay a bill.
//
//	created ──claim granted (cash, terminal), started (a provider)──▶ pending
//	   │                                     pending ──confirmed, charged──▶ succeeded
//	   │                                        └──cancelled, expired──▶ cancelled
//	   ├──claim refused, declined──▶ failed
//	   └──nobody can say──▶ unknown ──asked──▶ pending, succeeded, failed, cancelled
//	cancelled, failed ──charged after all──▶ succeeded, and goes back where the bill has no use for it
//	any but succeeded ──another amount or currency charged──▶ failed, and all of that goes back
//	succeeded: refunds, each pending ──▶ done or failed at a provider; done at once without one
//
// Its one promise: an attempt is charged and credited once. What it asks for is first
// claimed from the bill, so two phones cannot pay the same money. Cash and card
// terminals are confirmed by the staff. A provider is called by the node of the cell,
// for Work that the view names and that is durable by then, always under the payment's
// or the refund's own id: an unknown outcome is asked for, and asking again is safe.
package payment

import (
	"time"

	"github.com/brigata/brigata/actors/bill"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/store"
)

// Status is how far an attempt came.
type Status string

const (
	Created   Status = "created"
	Pending   Status = "pending"
	Succeeded Status = "succeeded"
	Failed    Status = "failed"
	Cancelled Status = "cancelled"
	Unknown   Status = "unknown"
)

// Within is how long a provider's payment may stay open.
const Within = 15 * time.Minute

// AmountMax bounds amounts and tips, in minor units.
const AmountMax = 1_000_000_000_000

// State of one attempt; its zero value does not exist.
type State struct {
	ID        string
	Table     string // one of Table and Order
	Order     string
	Part      string
	Provider  string
	Status    Status
	Currency  string
	Amount    int64
	Tip       int64
	Guest     bool // a guest pays
	Session   string
	By        command.Who
	Tendered  int64
	Reference string
	Failure   *Failure
	Refunds   []Refund
	CreatedAt time.Time
	DoneAt    time.Time

	Asked     command.ID // of the create command while it waits for its answer
	Called    bool
	Unclaimed bool
	Credited  bool
	Returned  int // refunds that the bill knows of
	Told      int // times that the store was told

	GuestID    string
	Method     string
	ReturnURL  string
	OpenID     string
	Claimed    bool // the bill has set the amount aside
	Action     *Action
	ExpiresAt  time.Time
	Cancelling bool       // the provider is to cancel it
	CancelID   command.ID // of the cancel command while it waits for its answer
	Asks       int        // times that somebody wanted to know at once
	Mischarge  *Mischarge // charged in place of what was asked; it goes back
}

type (
	Failure struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	// Refund gives money back. Its State: "" done, pending, failed.
	Refund struct {
		ID     string    `json:"id"`
		Amount int64     `json:"amount"`
		At     time.Time `json:"at"`
		Reason string    `json:"reason,omitzero"`
		State  string    `json:"state,omitzero"`
		DoneAt time.Time `json:"done_at,omitzero"` // at a provider
	}
	// Mischarge is what a provider took in place of what it was asked for.
	Mischarge struct {
		Amount   int64  `json:"amount"`
		Currency string `json:"currency"`
	}
	// Action is what the payer has to do next. Kind: none wait_staff qr redirect
	// client_secret jsapi.
	Action struct {
		Kind   string            `json:"kind"`
		Data   string            `json:"data,omitzero"`
		Params map[string]string `json:"params,omitzero"`
	}
	// Work is what a provider is to be asked now. Do: start query cancel refund.
	Work struct {
		Do        string
		Method    string
		ReturnURL string
		OpenID    string
		Total     int64 // to charge, or charged; tip included
		Currency  string
		Asks      int    // a change says: at once
		Refund    string // its id: the key of that call
		Amount    int64  // of the refund
		Reason    string
	}
)

type (
	Command = command.Command
	Reply   = any
	Duty    = command.Duty
)

type (
	Create struct {
		command.Header `json:"-"`
		Table          string `json:"table,omitzero"`
		Order          string `json:"order,omitzero"`
		Part           string `json:"part,omitzero"`
		Provider       string `json:"provider"`
		Amount         int64  `json:"amount"`
		Tip            int64  `json:"tip,omitzero"`
		Method         string `json:"method,omitzero"`
		ReturnURL      string `json:"return_url,omitzero"`
		OpenID         string `json:"openid,omitzero"`
		Note           string `json:"note,omitzero"`
	}
	// Confirm says that the cash was taken or the terminal has charged; a provider is
	// asked at once.
	Confirm struct {
		command.Header `json:"-"`
		Payment        string `json:"payment"`
		Reference      string `json:"reference,omitzero"`
		Tendered       int64  `json:"tendered,omitzero"`
		Note           string `json:"note,omitzero"`
	}
	Cancel struct {
		command.Header `json:"-"`
		Payment        string `json:"payment"`
		Reason         string `json:"reason,omitzero"`
		Note           string `json:"note,omitzero"`
	}
	GiveBack struct {
		command.Header `json:"-"`
		Payment        string `json:"payment"`
		Amount         int64  `json:"amount"`
		Reason         string `json:"reason"`
		Note           string `json:"note,omitzero"`
	}
	// Rehome says that the table's session sits elsewhere now.
	Rehome struct {
		command.Header
		Table string
	}
	// Return says that what it pays for is off: what was not paid yet is cancelled, what
	// was goes back, where a provider can do that.
	Return struct {
		command.Header
		Reason string
	}
	// Report is what a provider says of the attempt, or of one of its refunds. It may come
	// twice, late, and in any order.
	Report struct {
		command.Header `json:"-"`
		Payment        string   `json:"payment"`
		Refund         string   `json:"refund,omitzero"`
		Outcome        Outcome  `json:"outcome"`
		Amount         int64    `json:"amount,omitzero"`    // charged, minor units; 0: not told
		Currency       string   `json:"currency,omitzero"`  // of it; "": not told
		Reference      string   `json:"reference,omitzero"` // the provider's own
		Action         *Action  `json:"action,omitzero"`
		Failure        *Failure `json:"failure,omitzero"`
	}
)

// Outcome is what a provider's answer comes to.
type Outcome string

const (
	Started  Outcome = "started"  // it waits for the payer
	Charged  Outcome = "charged"  // of a refund: it is given back
	Declined Outcome = "declined" // it never will be
	Dropped  Outcome = "cancelled"
	Doubtful Outcome = "unknown"
)

// View is an attempt as its payer and the staff see it.
type View struct {
	ID        string       `json:"id"`
	Table     string       `json:"table,omitzero"`
	Order     string       `json:"order,omitzero"`
	Part      string       `json:"part,omitzero"`
	Provider  string       `json:"provider"`
	State     Status       `json:"state"`
	Currency  string       `json:"currency,omitzero"`
	Amount    int64        `json:"amount"`
	Tip       int64        `json:"tip"`
	Refunded  int64        `json:"refunded"`
	Tendered  int64        `json:"tendered,omitzero"`
	Change    *int64       `json:"change,omitzero"`
	Reference string       `json:"reference,omitzero"`
	CreatedAt time.Time    `json:"created_at"`
	DoneAt    time.Time    `json:"done_at,omitzero"`
	ExpiresAt time.Time    `json:"expires_at,omitzero"`
	Action    *Action      `json:"action,omitzero"`
	Failure   *Failure     `json:"failure,omitzero"`
	Refunds   []Refund     `json:"refunds,omitzero"`
	By        *command.Who `json:"by,omitzero"`

	Work *Work `json:"-"` // for the node of its cell
}

// provided says that a provider takes the money.
func (s *State) provided() bool { return s.Provider != "cash" && s.Provider != "terminal" }

// open says that it may still come to something by itself.
func (s *State) open() bool {
	return s.Status == Created || s.Status == Pending || s.Status == Unknown
}

// refunded is what went back, tips included.
func (s *State) refunded() (sum int64) {
	for _, r := range s.Refunds {
		if r.State == "" {
			sum += r.Amount
		}
	}
	return sum
}

// total is what is to be charged or, where the provider took something else, was.
func (s *State) total() (amount int64, currency string) {
	if m := s.Mischarge; m != nil {
		return m.Amount, m.Currency
	}
	return s.Amount + s.Tip, s.Currency
}

// kept says that the provider has, or had, money of it.
func (s *State) kept() bool { return s.Status == Succeeded || s.Mischarge != nil }

// left is what could still go back.
func (s *State) left() int64 {
	left, _ := s.total()
	for _, r := range s.Refunds {
		if r.State != "failed" {
			left -= r.Amount
		}
	}
	return left
}

// returned is how many refunds went back, and the reason of the last one.
func (s *State) returned() (n int, reason string) {
	for _, r := range s.Refunds {
		if r.State == "" {
			n, reason = n+1, r.Reason
		}
	}
	return n, reason
}

// work is what the provider is to be asked next; nil: nothing.
func (s *State) work() *Work {
	if !s.provided() {
		return nil
	}
	w := &Work{Method: s.Method, ReturnURL: s.ReturnURL, OpenID: s.OpenID, Asks: s.Asks}
	w.Total, w.Currency = s.total()
	switch {
	case s.open() && s.Cancelling:
		w.Do = "cancel"
	case s.Status == Created && s.Claimed:
		w.Do = "start"
	case s.Status == Pending || s.Status == Unknown:
		w.Do = "query"
	case s.kept():
		for _, r := range s.Refunds {
			if r.State == "pending" {
				w.Do, w.Refund, w.Amount, w.Reason = "refund", r.ID, r.Amount, r.Reason
				return w
			}
		}
		return nil
	default:
		return nil
	}
	return w
}

// Owes is what the bill and the store are still to hear.
func Owes(s State) (duties []Duty) {
	to := command.Target{Kind: "table", ID: s.Table}
	if s.Order != "" {
		to = command.Target{Kind: "order", ID: s.Order}
	}
	switch s.Status {
	case Created:
		if !s.Claimed {
			return []Duty{{To: to, Do: &bill.Claim{Payment: s.ID, Part: s.Part, Provider: s.Provider, Amount: s.Amount, Tip: s.Tip,
				Guest: s.Guest, GuestID: s.GuestID, Session: s.Session}}}
		}
	case Pending:
		if !s.Called {
			return []Duty{{To: to, Do: &bill.CallStaff{Payment: s.ID, By: s.By.Name}}}
		}
	case Failed, Cancelled:
		if !s.Unclaimed {
			return []Duty{{To: to, Do: &bill.Unclaim{Payment: s.ID, State: string(s.Status)}}}
		}
	case Succeeded:
		n, reason := s.returned()
		refunded := s.refunded()
		switch {
		case !s.Credited:
			duties = append(duties, Duty{To: to, Do: &bill.Credit{Payment: s.ID, Part: s.Part, Provider: s.Provider, Amount: s.Amount, Tip: s.Tip}})
		case s.Returned < n:
			duties = append(duties, Duty{To: to, N: int64(n), Do: &bill.Refund{Payment: s.ID, Refunded: refunded, Reason: reason}})
		}
		if s.Told < n+1 {
			ofSale := min(refunded, s.Amount)
			duties = append(duties, Duty{To: command.Target{Kind: "store"}, N: int64(n + 1), Do: &store.PaymentTold{Payment: s.ID,
				Provider: s.Provider, Amount: s.Amount - ofSale, Tip: s.Tip - (refunded - ofSale)}})
		}
	}
	return duties
}

// Due is when a provider's payment has been open for too long; cash and terminals wait
// for a person.
func Due(s State) time.Time {
	if s.provided() && s.open() && !s.Cancelling {
		return s.ExpiresAt
	}
	return time.Time{}
}

// Over says that nothing will happen any more unless somebody asks.
func (s *State) Over() bool { return s.ID == "" || !s.open() && s.work() == nil && len(Owes(*s)) == 0 }

// ViewOf is what others may see.
func ViewOf(s State) *View {
	v := &View{ID: s.ID, Table: s.Table, Order: s.Order, Part: s.Part, Provider: s.Provider, State: s.Status, Currency: s.Currency,
		Amount: s.Amount, Tip: s.Tip, Refunded: s.refunded(), Tendered: s.Tendered, Reference: s.Reference, CreatedAt: s.CreatedAt,
		DoneAt: s.DoneAt, Failure: s.Failure, Refunds: s.Refunds, Work: s.work()}
	if s.Tendered > 0 {
		change := s.Tendered - s.Amount - s.Tip
		v.Change = &change
	}
	switch {
	case s.Status != Pending:
	case s.provided():
		v.Action, v.ExpiresAt = s.Action, s.ExpiresAt
	case s.Guest:
		v.Action = &Action{Kind: "wait_staff"}
	}
	if s.By.ID != "" {
		v.By = &s.By
	}
	return v
}

var (
	ErrUnknown  = refusal.New(refusal.NotFound, "", "There is no such payment").With(refusal.Fields{Kind: "payment"})
	errState    = refusal.New(refusal.Conflict, "state", "The payment is not in a state for this")
	errProvider = &refusal.Refusal{Code: refusal.Unavailable, Message: "This way to pay is not set up here",
		Fields: refusal.Fields{What: "provider"}, AfterMS: 60_000}
	errManager = refusal.New(refusal.Forbidden, "", "Only a manager gives money back").With(refusal.Fields{Need: "payment.refund"})
	errStaff   = refusal.New(refusal.Forbidden, "", "Only the staff may").With(refusal.Fields{Need: "payment.confirm"})
	errYours   = refusal.New(refusal.Forbidden, "", "Not your payment").With(refusal.Fields{Need: "payment.cancel"})
	errCreate  = refusal.New(refusal.Forbidden, "", "Not your payment").With(refusal.Fields{Need: "payment.create"})
)
