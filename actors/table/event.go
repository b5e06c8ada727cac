package table

import (
	"time"

	"github.com/brigata/brigata/actors/bill"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/printer"
)

// Event is what happened at a table.
type Event interface{ event() }

type (
	Opened struct {
		At      time.Time    `json:"at"`
		By      command.Who  `json:"by"`
		Table   string       `json:"table"`
		Session string       `json:"session"`
		Guests  int          `json:"guests"`
		Server  *command.Who `json:"server,omitzero"`
	}
	Cleared struct {
		At     time.Time   `json:"at"`
		By     command.Who `json:"by"`
		Reason string      `json:"reason,omitzero"`
	}
	Cleaned struct {
		At time.Time   `json:"at"`
		By command.Who `json:"by"`
	}
	PersonCame struct {
		Person Person `json:"person"`
	}
	Rang struct {
		Call Call `json:"call"`
	}
	CallAcked struct {
		At   time.Time   `json:"at"`
		By   command.Who `json:"by"`
		Call string      `json:"call"`
	}
	CartChanged struct {
		Line    CartLine `json:"line"`
		Removed bool     `json:"removed,omitzero"`
	}
	// OrderJoined is an order that the session has taken, with the cart if it took that.
	OrderJoined struct {
		Order string `json:"order"`
		Round int    `json:"round"`
		Cart  bool   `json:"cart,omitzero"`
	}
	// OrderChanged is what an order told.
	OrderChanged struct {
		Order  string       `json:"order"`
		Rev    int64        `json:"rev"`
		Status order.Status `json:"status"`
		No     int          `json:"no"`
		At     time.Time    `json:"at"`
		Items  order.Counts `json:"items"`
		LateAt time.Time    `json:"late_at,omitzero"`
		Bill   bool         `json:"bill,omitzero"` // Lines are given
		Lines  []bill.Line  `json:"lines,omitzero"`
	}
	// OrderHeard says which revision an order has heard.
	OrderHeard struct {
		Order string `json:"order"`
		Rev   int64  `json:"rev"`
	}
	// Reckoned is what each order on the bill comes to, and what was paid of it.
	Reckoned struct {
		Orders []Reckoning `json:"orders"`
	}
	Reckoning struct {
		Order    string      `json:"order"`
		Discount int64       `json:"discount,omitzero"`
		Allowed  int64       `json:"allowed,omitzero"`
		Paid     int64       `json:"paid,omitzero"`
		Refunded int64       `json:"refunded,omitzero"`
		Totals   bill.Totals `json:"totals"`
		Of       int64       `json:"of"`
	}
	SplitSet struct {
		At    time.Time   `json:"at"`
		By    command.Who `json:"by"`
		Split bill.Split  `json:"split"`
	}
	DiscountSet struct {
		At     time.Time   `json:"at"`
		By     command.Who `json:"by"`
		RateBP int64       `json:"rate_bp,omitzero"`
		Amount int64       `json:"amount,omitzero"`
		Reason string      `json:"reason,omitzero"`
	}
	PaymentNoted struct {
		Payment bill.Payment `json:"payment"`
		Allowed int64        `json:"allowed,omitzero"`
		Reason  string       `json:"reason,omitzero"`
	}
	LeaveBegan struct {
		At    time.Time   `json:"at"`
		By    command.Who `json:"by"`
		To    string      `json:"to"`
		Merge bool        `json:"merge,omitzero"`
		Asked command.ID  `json:"asked"`
	}
	LeaveEnded struct {
		Done bool `json:"done"` // the session is gone; otherwise it stays
	}
	// SessionCame is a session that moved here, or joined the one here.
	SessionCame struct {
		At      time.Time  `json:"at"`
		Table   string     `json:"table"`
		From    string     `json:"from"`
		Merge   bool       `json:"merge,omitzero"`
		Session Session    `json:"session"`
		Asked   command.ID `json:"asked,omitzero"` // of the move: a table sends it until it is answered
	}
	PaymentRehomed struct {
		Payment string `json:"payment"`
		N       int64  `json:"n"`
	}
	// BillDue is a bill that is to be on paper.
	BillDue struct {
		Slip Slip `json:"slip"`
	}
	// BillNamed is what an order calls its lines.
	BillNamed struct {
		Order string         `json:"order"`
		Lines []printer.Line `json:"lines"`
	}
	// BillTaken says that the printer has it.
	BillTaken struct {
		N int64 `json:"n"`
	}
)

func (*BillDue) event()        {}
func (*BillNamed) event()      {}
func (*BillTaken) event()      {}
func (*Opened) event()         {}
func (*Cleared) event()        {}
func (*Cleaned) event()        {}
func (*PersonCame) event()     {}
func (*Rang) event()           {}
func (*CallAcked) event()      {}
func (*CartChanged) event()    {}
func (*OrderJoined) event()    {}
func (*OrderChanged) event()   {}
func (*OrderHeard) event()     {}
func (*Reckoned) event()       {}
func (*SplitSet) event()       {}
func (*DiscountSet) event()    {}
func (*PaymentNoted) event()   {}
func (*LeaveBegan) event()     {}
func (*LeaveEnded) event()     {}
func (*SessionCame) event()    {}
func (*PaymentRehomed) event() {}
