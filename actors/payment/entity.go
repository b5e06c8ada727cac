// Package payment is one attempt to pay a bill.
//
//	created ──claim granted──▶ pending ──confirm──▶ succeeded ──refund──▶ succeeded
//	   └──claim refused──▶ failed     └──cancel──▶ cancelled
//
// Its one promise: an attempt is charged and credited once. What it asks for is first
// claimed from the bill, so two phones cannot pay the same money; cash and card
// terminals are confirmed by the staff.
package payment

import (
	"slices"
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
}

type (
	Failure struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	Refund struct {
		ID     string    `json:"id"`
		Amount int64     `json:"amount"`
		At     time.Time `json:"at"`
		Reason string    `json:"reason,omitzero"`
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
	// Confirm says that the cash was taken or the terminal has charged.
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
	// Rehome says that the table's session sits elsewhere now.
	Rehome struct {
		command.Header
		Table string
	}
	GiveBack struct {
		command.Header `json:"-"`
		Payment        string `json:"payment"`
		Amount         int64  `json:"amount"`
		Reason         string `json:"reason"`
		Note           string `json:"note,omitzero"`
	}
)

// Event is what happened to an attempt.
type Event interface{ event() }

type (
	Began struct {
		At       time.Time   `json:"at"`
		By       command.Who `json:"by"`
		Asked    command.ID  `json:"-"`
		ID       string      `json:"id"`
		Table    string      `json:"table,omitzero"`
		Order    string      `json:"order,omitzero"`
		Part     string      `json:"part,omitzero"`
		Provider string      `json:"provider"`
		Amount   int64       `json:"amount"`
		Tip      int64       `json:"tip"`
		Guest    bool        `json:"guest,omitzero"`
		Session  string      `json:"session,omitzero"`
	}
	WasClaimed struct {
		Currency string `json:"currency"`
	}
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

// Action is what the payer has to do next. Kind: none wait_staff; providers add qr,
// redirect, client_secret, jsapi.
type Action struct {
	Kind string `json:"kind"`
	Data string `json:"data,omitzero"`
}

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
}

var (
	ErrUnknown  = refusal.New(refusal.NotFound, "", "There is no such payment").With(refusal.Fields{Kind: "payment"})
	errState    = refusal.New(refusal.Conflict, "state", "The payment is not in a state for this")
	errProvider = &refusal.Refusal{Code: refusal.Unavailable, Message: "This way to pay is not set up here",
		Fields: refusal.Fields{What: "provider"}, AfterMS: 60_000}
	errManager = refusal.New(refusal.Forbidden, "", "Only a manager gives money back").With(refusal.Fields{Need: "payment.refund"})
	errStaff   = refusal.New(refusal.Forbidden, "", "Only the staff may").With(refusal.Fields{Need: "payment.confirm"})
)

// AmountMax bounds amounts and tips, in minor units.
const AmountMax = 1_000_000_000_000

func invalid(at, reason string) error {
	return refusal.Faults(refusal.Fault{At: at, Reason: reason})
}

// Decide answers a command with the events that follow from it, or a refusal.
func Decide(s State, c Command) ([]Event, Reply, error) {
	switch c := c.(type) {
	case *Create:
		return s.create(c)
	case *command.Tick:
		return nil, nil, nil
	case *command.Answered:
		return s.answered(c)
	}
	if s.ID == "" {
		return nil, nil, ErrUnknown.With(refusal.Fields{Kind: "payment", ID: idOf(c)})
	}
	switch c := c.(type) {
	case *Confirm:
		return s.confirm(c)
	case *Cancel:
		return s.cancel(c)
	case *GiveBack:
		return s.giveBack(c)
	case *Rehome:
		if s.Table == c.Table {
			return nil, nil, nil
		}
		return []Event{&WasRehomed{c.Table}}, nil, nil
	}
	panic("payment: unknown command")
}

func idOf(c Command) string {
	switch c := c.(type) {
	case *Confirm:
		return c.Payment
	case *Cancel:
		return c.Payment
	case *GiveBack:
		return c.Payment
	}
	return ""
}

func (s State) conflict() error {
	return errState.With(refusal.Fields{Kind: "payment", ID: s.ID, State: string(s.Status)})
}

func (s State) create(c *Create) ([]Event, Reply, error) {
	switch {
	case s.ID != "":
		return nil, ViewOf(s), nil
	case (c.Table == "") == (c.Order == ""):
		return nil, nil, invalid("/table", "required")
	case c.Amount < 1 || c.Amount > AmountMax:
		return nil, nil, invalid("/amount", "range")
	case c.Tip < 0 || c.Tip > AmountMax:
		return nil, nil, invalid("/tip", "range")
	}
	switch c.Provider {
	case "cash", "terminal":
	case "stripe", "wechat", "alipay":
		return nil, nil, errProvider
	default:
		return nil, nil, invalid("/provider", "range")
	}
	return []Event{&Began{At: c.At, By: c.By, Asked: c.ID, ID: string(c.ID), Table: c.Table, Order: c.Order, Part: c.Part,
		Provider: c.Provider, Amount: c.Amount, Tip: c.Tip, Guest: c.IsGuest(), Session: c.Session}}, command.Later{}, nil
}

func (s State) answered(c *command.Answered) ([]Event, Reply, error) {
	switch c.Duty.Do.(type) {
	case *bill.Claim:
		if s.Status != Created {
			return nil, nil, nil
		}
		if r := c.Refusal; r != nil {
			return []Event{&WasRefused{c.At, Failure{string(r.Code), r.Message}}}, command.Settled{ID: s.Asked, Refusal: r}, nil
		}
		e := &WasClaimed{c.Reply.(*bill.Ack).Currency}
		return []Event{e}, command.Settled{ID: s.Asked, Reply: ViewOf(Apply(s, e))}, nil
	case *bill.CallStaff:
		return []Event{&StaffCalled{}}, nil, nil
	case *bill.Unclaim:
		return []Event{&ClaimReturned{}}, nil, nil
	case *bill.Credit:
		return []Event{&WasCredited{}}, nil, nil
	case *bill.Refund:
		return []Event{&RefundBooked{int(c.Duty.N)}}, nil, nil
	case *store.PaymentTold:
		return []Event{&StoreTold{int(c.Duty.N)}}, nil, nil
	}
	return nil, nil, nil
}

func (s State) confirm(c *Confirm) ([]Event, Reply, error) {
	switch {
	case c.IsGuest():
		return nil, nil, errStaff
	case s.Status == Succeeded:
		return nil, ViewOf(s), nil
	case s.Status != Pending:
		return nil, nil, s.conflict()
	case c.Tendered < 0 || c.Tendered > AmountMax || c.Tendered > 0 && c.Tendered < s.Amount+s.Tip:
		return nil, nil, invalid("/tendered", "range")
	case len(c.Reference) > 200:
		return nil, nil, invalid("/reference", "length")
	}
	e := &Confirmed{c.At, c.By, c.Tendered, c.Reference}
	return []Event{e}, ViewOf(Apply(s, e)), nil
}

func (s State) cancel(c *Cancel) ([]Event, Reply, error) {
	switch {
	case c.IsGuest() && (!s.Guest || c.Session != s.Session):
		return nil, nil, refusal.New(refusal.Forbidden, "", "Not your payment").With(refusal.Fields{Need: "payment.cancel"})
	case s.Status == Cancelled || s.Status == Failed:
		return nil, ViewOf(s), nil
	case s.Status != Pending:
		return nil, nil, s.conflict()
	}
	e := &WasCancelled{c.At, c.By, c.Reason}
	return []Event{e}, ViewOf(Apply(s, e)), nil
}

func (s State) giveBack(c *GiveBack) ([]Event, Reply, error) {
	if !c.IsManager() {
		return nil, nil, errManager
	}
	if err := store.Of(&c.Header).NeedReason(c.Reason); err != nil {
		return nil, nil, err
	}
	switch {
	case s.Status != Succeeded:
		return nil, nil, s.conflict()
	case c.Amount < 1 || c.Amount > s.Amount+s.Tip-s.refunded():
		return nil, nil, invalid("/amount", "range")
	}
	e := &GaveBack{c.At, c.By, Refund{string(c.ID), c.Amount, c.At, c.Reason}}
	return []Event{e}, ViewOf(Apply(s, e)), nil
}

func (s State) refunded() (sum int64) {
	for _, r := range s.Refunds {
		sum += r.Amount
	}
	return sum
}

// Apply folds one fact into the state.
func Apply(s State, e Event) State {
	switch e := e.(type) {
	case *Began:
		s.ID, s.Table, s.Order, s.Part, s.Provider = e.ID, e.Table, e.Order, e.Part, e.Provider
		s.Amount, s.Tip, s.Guest, s.Session, s.By = e.Amount, e.Tip, e.Guest, e.Session, e.By
		s.Status, s.CreatedAt, s.Asked = Created, e.At, e.Asked
	case *WasClaimed:
		s.Status, s.Currency, s.Asked = Pending, e.Currency, ""
		s.Called = !s.Guest || s.Table == ""
	case *WasRefused:
		s.Status, s.Failure, s.DoneAt, s.Asked = Failed, &e.Failure, e.At, ""
		s.Unclaimed = true // nothing was claimed
	case *StaffCalled:
		s.Called = true
	case *Confirmed:
		s.Status, s.Tendered, s.Reference, s.By, s.DoneAt = Succeeded, e.Tendered, e.Reference, e.By, e.At
	case *WasCancelled:
		s.Status, s.DoneAt = Cancelled, e.At
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
	}
	return s
}

// Owes is what the bill and the store are still to hear.
func Owes(s State) (duties []Duty) {
	to := command.Target{Kind: "table", ID: s.Table}
	if s.Order != "" {
		to = command.Target{Kind: "order", ID: s.Order}
	}
	switch s.Status {
	case Created:
		return []Duty{{To: to, Do: &bill.Claim{Payment: s.ID, Part: s.Part, Provider: s.Provider, Amount: s.Amount, Tip: s.Tip,
			Guest: s.Guest, Session: s.Session}}}
	case Pending:
		if !s.Called {
			return []Duty{{To: to, Do: &bill.CallStaff{Payment: s.ID, By: s.By.Name}}}
		}
	case Failed, Cancelled:
		if !s.Unclaimed {
			return []Duty{{To: to, Do: &bill.Unclaim{Payment: s.ID, State: string(s.Status)}}}
		}
	case Succeeded:
		n, refunded := len(s.Refunds), s.refunded()
		switch {
		case !s.Credited:
			duties = append(duties, Duty{To: to, Do: &bill.Credit{Payment: s.ID, Part: s.Part, Provider: s.Provider, Amount: s.Amount, Tip: s.Tip}})
		case s.Returned < n:
			duties = append(duties, Duty{To: to, N: int64(n), Do: &bill.Refund{Payment: s.ID, Refunded: refunded, Reason: s.Refunds[n-1].Reason}})
		}
		if s.Told < n+1 {
			ofSale := min(refunded, s.Amount)
			duties = append(duties, Duty{To: command.Target{Kind: "store"}, N: int64(n + 1), Do: &store.PaymentTold{Payment: s.ID,
				Cash: s.Provider == "cash", Amount: s.Amount - ofSale, Tip: s.Tip - (refunded - ofSale)}})
		}
	}
	return duties
}

// Due is never: cash and terminals wait for a person.
func Due(State) time.Time { return time.Time{} }

// Over says that nothing will happen any more unless somebody asks.
func (s State) Over() bool {
	return s.ID == "" || s.Status != Created && s.Status != Pending && len(Owes(s)) == 0
}

// ViewOf is what others may see.
func ViewOf(s State) *View {
	v := &View{ID: s.ID, Table: s.Table, Order: s.Order, Part: s.Part, Provider: s.Provider, State: s.Status, Currency: s.Currency,
		Amount: s.Amount, Tip: s.Tip, Refunded: s.refunded(), Tendered: s.Tendered, Reference: s.Reference,
		CreatedAt: s.CreatedAt, DoneAt: s.DoneAt, Failure: s.Failure, Refunds: s.Refunds}
	if s.Tendered > 0 {
		change := s.Tendered - s.Amount - s.Tip
		v.Change = &change
	}
	if s.Status == Pending && s.Guest {
		v.Action = &Action{Kind: "wait_staff"}
	}
	if s.By.ID != "" {
		v.By = &s.By
	}
	return v
}
