package order

import (
	"time"

	"github.com/brigata/brigata/actors/bill"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/refusal"
)

// Event is what happened to an order. Events are append-only: a new meaning is a new
// event.
type Event interface{ event() }

type (
	// Sent is an order as it came: priced, and nothing promised yet.
	Sent struct {
		At          time.Time   `json:"at"`
		By          command.Who `json:"by"`
		Asked       command.ID  `json:"asked"`
		ID          string      `json:"id"`
		Type        string      `json:"type"`
		Channel     string      `json:"channel"`
		Table       string      `json:"table,omitzero"`
		Session     string      `json:"session,omitzero"`
		Guest       bool        `json:"guest,omitzero"`
		GuestID     string      `json:"guest_id,omitzero"`
		Guests      int         `json:"guests,omitzero"`
		FromCart    bool        `json:"from_cart,omitzero"`
		CartV       int64       `json:"cart_v,omitzero"`
		WantTotal   *int64      `json:"want_total,omitzero"`
		Hold        bool        `json:"hold,omitzero"`
		Note        string      `json:"note,omitzero"`
		Contact     *Contact    `json:"contact,omitzero"`
		Ref         string      `json:"ref,omitzero"`
		DueAt       time.Time   `json:"due_at,omitzero"`
		LaterAt     time.Time   `json:"reserves_at,omitzero"` // when it may ask for stock; zero: at once
		MenuVersion int64       `json:"menu_version"`
		Currency    string      `json:"currency"`
		TaxIncluded bool        `json:"tax_included"`
		WarnMS      int64       `json:"warn_ms"`
		LateMS      int64       `json:"late_ms"`
		AutoFireMS  int64       `json:"auto_fire_ms"`
		Lines       []Line      `json:"lines"`
		Totals      bill.Totals `json:"totals"`
		Ask         []Take      `json:"ask"` // stock to be asked
	}
	// TableTook says that the table has taken the order; with the lines of its cart.
	TableTook struct {
		Session string       `json:"session"`
		Label   string       `json:"label"`
		Round   int          `json:"round"`
		Guests  int          `json:"guests"`
		Server  *command.Who `json:"server,omitzero"`
		Lines   []Line       `json:"lines,omitzero"`
		Totals  *bill.Totals `json:"totals,omitzero"`
		Ask     []Take       `json:"ask,omitzero"`
	}
	// StockGave says that a stock has agreed to what was asked with that revision.
	StockGave struct {
		Stock string `json:"stock"`
		Rev   int64  `json:"rev"`
	}
	// StockDenied says that it has not.
	StockDenied struct {
		Stock string `json:"stock"`
		Rev   int64  `json:"rev"`
		Left  int64  `json:"left"`
	}
	// TableDenied says that the table does not take the order.
	TableDenied struct {
		Refusal *refusal.Refusal `json:"refusal"`
	}
	WasPlaced struct {
		At    time.Time `json:"at"`
		No    int       `json:"no"`
		Date  string    `json:"date"`
		Code  string    `json:"code,omitzero"`
		PayBy time.Time `json:"pay_by,omitzero"`
		Auto  bool      `json:"auto_accept,omitzero"`
	}
	WasAccepted struct {
		At        time.Time   `json:"at"`
		By        command.Who `json:"by,omitzero"`
		PromiseAt time.Time   `json:"promise_at,omitzero"`
	}
	// Ended is refused, expired, cancelled, voided or closed.
	Ended struct {
		At     time.Time   `json:"at"`
		By     command.Who `json:"by,omitzero"`
		As     Status      `json:"as"`
		Reason string      `json:"reason,omitzero"`
		Note   string      `json:"note,omitzero"`
	}
	// Moved takes items to a state; fire counts up their fire_seq.
	Moved struct {
		At     time.Time   `json:"at"`
		By     command.Who `json:"by,omitzero"`
		To     ItemState   `json:"to"`
		Recall bool        `json:"recall,omitzero"`
		Items  []string    `json:"items"`
	}
	// ItemsVoided takes portions of items off.
	ItemsVoided struct {
		At     time.Time    `json:"at"`
		By     command.Who  `json:"by"`
		Reason string       `json:"reason,omitzero"`
		Note   string       `json:"note,omitzero"`
		Items  []VoidedItem `json:"items"`
		Totals bill.Totals  `json:"totals"`
		Return []Return     `json:"return,omitzero"` // portions of lines whose stock goes back
		Ask    []Take       `json:"ask,omitzero"`
	}
	VoidedItem struct {
		ID  string `json:"id"`
		Qty int    `json:"qty"`
	}
	Return struct {
		Line string `json:"line"`
		Qty  int    `json:"qty"`
	}
	// VoidSeen says that the kitchen has seen what was voided.
	VoidSeen struct {
		Items []string `json:"items"`
	}
	RushSet struct {
		At time.Time   `json:"at"`
		By command.Who `json:"by"`
		On bool        `json:"on"`
	}
	LeftPass struct {
		At         time.Time   `json:"at"`
		By         command.Who `json:"by"`
		To         string      `json:"to"`
		Shelf      string      `json:"shelf,omitzero"`
		Delivery   string      `json:"delivery,omitzero"`
		Overridden bool        `json:"overridden,omitzero"`
		Reason     string      `json:"reason,omitzero"`
	}
	DriverSet struct {
		At     time.Time   `json:"at"`
		By     command.Who `json:"by"`
		Driver Driver      `json:"driver"`
		EtaAt  time.Time   `json:"eta_at,omitzero"`
	}
	DeliverySet struct {
		At       time.Time   `json:"at"`
		By       command.Who `json:"by"`
		Delivery string      `json:"delivery"`
		EtaAt    time.Time   `json:"eta_at,omitzero"`
		Reason   string      `json:"reason,omitzero"`
	}
	// LinesSent is an addition that waits for its stock.
	LinesSent struct {
		At    time.Time   `json:"at"`
		By    command.Who `json:"by"`
		Asked command.ID  `json:"asked"`
		Lines []Line      `json:"lines"`
		Ask   []Take      `json:"ask"`
	}
	LinesAdded struct {
		At     time.Time   `json:"at"`
		Totals bill.Totals `json:"totals"`
	}
	LinesRefused struct {
		Ask []Take `json:"ask"` // what goes back
	}
	// DayCame says that a scheduled order's business day has begun: it asks for its stock.
	DayCame struct {
		Ask []Take `json:"ask"`
	}
	// Shorted flags items for which there was no stock on their day.
	Shorted struct {
		Items []string `json:"items"`
	}
	// DishFlagged marks items that nobody has begun to cook: their dish is held; an empty
	// flag takes the mark away.
	DishFlagged struct {
		Items []string `json:"items"`
		Flag  string   `json:"flag,omitzero"`
	}
	// TableKnows says up to which revision the table was told.
	TableKnows struct {
		Rev int64 `json:"rev"`
	}
	// TableSaid is what the table said of who sits there and of its account.
	TableSaid struct {
		At       time.Time    `json:"at"`
		Rev      int64        `json:"rev"`
		Table    string       `json:"table"`
		Label    string       `json:"label"`
		Session  string       `json:"session"`
		Hurried  time.Time    `json:"hurried_at,omitzero"`
		Guests   int          `json:"guests"`
		Server   *command.Who `json:"server,omitzero"`
		Discount int64        `json:"discount,omitzero"`
		Allowed  int64        `json:"allowed,omitzero"`
		Paid     int64        `json:"paid,omitzero"`
		Refunded int64        `json:"refunded,omitzero"`
		Totals   bill.Totals  `json:"totals"`
	}
	// PaymentNoted is a payment of an order without a table.
	PaymentNoted struct {
		Payment bill.Payment `json:"payment"`
		Allowed int64        `json:"allowed,omitzero"` // in all
		Totals  bill.Totals  `json:"totals"`
	}
	SplitSet struct {
		At    time.Time   `json:"at"`
		By    command.Who `json:"by"`
		Split bill.Split  `json:"split"`
	}
	DiscountSet struct {
		At     time.Time   `json:"at"`
		By     command.Who `json:"by"`
		Off    int64       `json:"off"`
		Reason string      `json:"reason,omitzero"`
		Totals bill.Totals `json:"totals"`
	}
	// PaidLate says that it was paid in full after it expired, and asks for its stock again.
	PaidLate struct {
		At  time.Time `json:"at"`
		Ask []Take    `json:"ask,omitzero"`
	}
	// Revived says that it stands again as it was placed.
	Revived struct {
		At time.Time `json:"at"`
	}
	// StayedExpired says that it cannot: what it has got of its stock goes back, and so does
	// the money.
	StayedExpired struct {
		At time.Time `json:"at"`
	}
	// ReturnAsked says that a payment has been told that the order is off.
	ReturnAsked struct {
		Payment string `json:"payment"`
		N       int64  `json:"n"` // 1 while it was pending, 2 once it had succeeded
	}
	// SlipsDue are slips of paper for the kitchen's printers.
	SlipsDue struct {
		Slips []Slip `json:"slips"`
	}
	// SlipTaken says that its printer has it.
	SlipTaken struct {
		N int64 `json:"n"`
	}
	// WrittenOff is what a cleared table left unpaid: it comes off the bill.
	WrittenOff struct {
		At      time.Time   `json:"at"`
		By      command.Who `json:"by"`
		Reason  string      `json:"reason,omitzero"`
		Allowed int64       `json:"allowed"` // in all
		Totals  bill.Totals `json:"totals"`
	}
)

func (*ReturnAsked) event()   {}
func (*PaidLate) event()      {}
func (*Revived) event()       {}
func (*StayedExpired) event() {}
func (*SlipsDue) event()      {}
func (*SlipTaken) event()     {}
func (*WrittenOff) event()    {}
func (*Sent) event()          {}
func (*TableTook) event()     {}
func (*StockGave) event()     {}
func (*StockDenied) event()   {}
func (*TableDenied) event()   {}
func (*WasPlaced) event()     {}
func (*WasAccepted) event()   {}
func (*Ended) event()         {}
func (*Moved) event()         {}
func (*ItemsVoided) event()   {}
func (*VoidSeen) event()      {}
func (*RushSet) event()       {}
func (*LeftPass) event()      {}
func (*DriverSet) event()     {}
func (*DeliverySet) event()   {}
func (*LinesSent) event()     {}
func (*LinesAdded) event()    {}
func (*LinesRefused) event()  {}
func (*DayCame) event()       {}
func (*Shorted) event()       {}
func (*DishFlagged) event()   {}
func (*TableKnows) event()    {}
func (*TableSaid) event()     {}
func (*PaymentNoted) event()  {}
func (*SplitSet) event()      {}
func (*DiscountSet) event()   {}
