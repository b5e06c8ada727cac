package payment

import (
	"slices"
	"time"

	"github.com/brigata/brigata/actors/command"
)

// Event is what happened to an attempt. Events are append-only: a new meaning is a new
// event.
type Event interface{ event() }

type (
	Began struct {
		At        time.Time   `json:"at"`
		By        command.Who `json:"by"`
		Asked     command.ID  `json:"-"`
		ID        string      `json:"id"`
		Table     string      `json:"table,omitzero"`
		Order     string      `json:"order,omitzero"`
		Part      string      `json:"part,omitzero"`
		Provider  string      `json:"provider"`
		Amount    int64       `json:"amount"`
		Tip       int64       `json:"tip"`
		Guest     bool        `json:"guest,omitzero"`
		Session   string      `json:"session,omitzero"`
		GuestID   string      `json:"guest_id,omitzero"`
		Method    string      `json:"method,omitzero"`
		ReturnURL string      `json:"return_url,omitzero"`
		OpenID    string      `json:"openid,omitzero"`
	}
	// WasClaimed says that the bill has set the amount aside.
	WasClaimed struct {
		Currency string `json:"currency"`
	}
	// WasRefused says that it has not.
	WasRefused struct {
		At      time.Time `json:"at"`
		Failure Failure   `json:"failure"`
	}
	StaffCalled struct{}
	Confirmed   struct {
		At        time.Time   `json:"at"`
		By        command.Who `json:"by"`
		Tendered  int64       `json:"tendered,omitzero"`
		Reference string      `json:"reference,omitzero"`
	}
	WasCancelled struct {
		At     time.Time   `json:"at"`
		By     command.Who `json:"by"`
		Reason string      `json:"reason,omitzero"`
	}
	ClaimReturned struct{}
	WasCredited   struct{}
	GaveBack      struct {
		At     time.Time   `json:"at"`
		By     command.Who `json:"by"`
		Refund Refund      `json:"refund"`
	}
	RefundBooked struct {
		N int `json:"n"`
	}
	StoreTold struct {
		N int `json:"n"`
	}
	WasRehomed struct {
		Table string `json:"table"`
	}
	// WasStarted says that the provider waits for the payer.
	WasStarted struct {
		At        time.Time `json:"at"`
		Reference string    `json:"reference,omitzero"`
		Action    *Action   `json:"action,omitzero"`
	}
	// WasDoubted says that the provider was asked, and nobody can say what it did.
	WasDoubted struct {
		At time.Time `json:"at"`
	}
	// WasCharged says that the provider has the money.
	WasCharged struct {
		At        time.Time `json:"at"`
		Reference string    `json:"reference,omitzero"`
	}
	// WasMischarged says that the provider has taken something else than was asked for.
	WasMischarged struct {
		At        time.Time `json:"at"`
		Reference string    `json:"reference,omitzero"`
		Took      Mischarge `json:"took"`
		Failure   Failure   `json:"failure"` // its code: amount, currency
	}
	// WasDeclined says that the provider will not have it.
	WasDeclined struct {
		At      time.Time `json:"at"`
		Failure Failure   `json:"failure"`
	}
	// CancelAsked says that the provider is to cancel it.
	CancelAsked struct {
		At     time.Time   `json:"at"`
		By     command.Who `json:"by,omitzero"`
		Asked  command.ID  `json:"asked,omitzero"`
		Reason string      `json:"reason,omitzero"`
	}
	// QueryAsked says that somebody wants to know at once.
	QueryAsked struct {
		At time.Time   `json:"at"`
		By command.Who `json:"by"`
	}
	// RefundEnded is what became of a refund at the provider.
	RefundEnded struct {
		At      time.Time `json:"at"`
		Refund  string    `json:"refund"`
		Failure *Failure  `json:"failure,omitzero"` // nil: it is given back
	}
)

func (*Began) event()         {}
func (*WasClaimed) event()    {}
func (*WasRefused) event()    {}
func (*StaffCalled) event()   {}
func (*Confirmed) event()     {}
func (*WasCancelled) event()  {}
func (*ClaimReturned) event() {}
func (*WasCredited) event()   {}
func (*GaveBack) event()      {}
func (*RefundBooked) event()  {}
func (*StoreTold) event()     {}
func (*WasRehomed) event()    {}
func (*WasStarted) event()    {}
func (*WasDoubted) event()    {}
func (*WasCharged) event()    {}
func (*WasMischarged) event() {}
func (*WasDeclined) event()   {}
func (*CancelAsked) event()   {}
func (*QueryAsked) event()    {}
func (*RefundEnded) event()   {}

// Apply folds one fact into the state.
func Apply(s State, e Event) State {
	switch e := e.(type) {
	case *Began:
		s.ID, s.Table, s.Order, s.Part, s.Provider = e.ID, e.Table, e.Order, e.Part, e.Provider
		s.Amount, s.Tip, s.Guest, s.Session, s.By = e.Amount, e.Tip, e.Guest, e.Session, e.By
		s.GuestID, s.Method, s.ReturnURL, s.OpenID = e.GuestID, e.Method, e.ReturnURL, e.OpenID
		s.Status, s.CreatedAt, s.Asked = Created, e.At, e.Asked
		if s.provided() {
			s.ExpiresAt = e.At.Add(Within)
		}
	case *WasClaimed:
		s.Currency, s.Claimed = e.Currency, true
		if s.Called = s.provided() || !s.Guest || s.Table == ""; !s.provided() {
			s.Status, s.Asked = Pending, ""
		}
	case *WasRefused:
		s.Status, s.Failure, s.DoneAt, s.Asked = Failed, &e.Failure, e.At, ""
		s.Unclaimed = true // nothing was claimed
	case *StaffCalled:
		s.Called = true
	case *Confirmed:
		s.Status, s.Tendered, s.Reference, s.By, s.DoneAt = Succeeded, e.Tendered, e.Reference, e.By, e.At
	case *ClaimReturned:
		s.Unclaimed = true
	case *WasCredited:
		s.Credited = true
	case *GaveBack:
		s.Refunds = append(slices.Clone(s.Refunds), e.Refund)
	case *RefundBooked:
		s.Returned = e.N
	case *StoreTold:
		s.Told = e.N
	case *WasRehomed:
		s.Table = e.Table
	default:
		s = s.reported(e)
	}
	return s
}

// reported folds what providers say, and what they are asked.
func (s State) reported(e Event) State {
	switch e := e.(type) {
	case *WasStarted:
		s.Status, s.Reference, s.Action, s.Asked = Pending, e.Reference, e.Action, ""
	case *WasDoubted:
		s.Status, s.Asked = Unknown, ""
	case *WasCharged:
		s = s.ended(Succeeded, e.At)
		s.Failure, s.Reference = nil, e.Reference
	case *WasMischarged:
		s = s.ended(Failed, e.At)
		s.Failure, s.Reference, s.Mischarge = &e.Failure, e.Reference, &e.Took
	case *WasDeclined:
		s = s.ended(Failed, e.At)
		s.Failure = &e.Failure
	case *WasCancelled:
		s = s.ended(Cancelled, e.At)
	case *CancelAsked:
		s.Cancelling, s.CancelID = true, e.Asked
	case *QueryAsked:
		s.Asks++
	case *RefundEnded:
		s.Refunds = slices.Clone(s.Refunds)
		for i := range s.Refunds {
			if s.Refunds[i].ID == e.Refund {
				s.Refunds[i].State, s.Refunds[i].DoneAt = "", e.At
				if e.Failure != nil {
					s.Refunds[i].State = "failed"
				}
			}
		}
	}
	return s
}

func (s State) ended(as Status, at time.Time) State {
	s.Status, s.DoneAt, s.Asked, s.CancelID, s.Cancelling, s.Action = as, at, "", "", false, nil
	return s
}
