package order

import (
	"time"

	"github.com/brigata/brigata/actors/bill"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/printer"
)

type (
	// Place makes an order of lines, or of a table's whole shared cart.
	Place struct {
		command.Header `json:"-"`
		Type           string      `json:"type"`
		Table          string      `json:"table,omitzero"`
		Lines          []menu.Line `json:"lines,omitzero"`
		Cart           *int64      `json:"cart,omitzero"` // the cart_v that the client saw
		Total          *int64      `json:"total,omitzero"`
		MenuVersion    int64       `json:"menu_version,omitzero"`
		Guests         int         `json:"guests,omitzero"`
		DueAt          time.Time   `json:"due_at,omitzero"`
		Hold           bool        `json:"hold,omitzero"`
		Note           string      `json:"note,omitzero"`
		Contact        *Contact    `json:"contact,omitzero"`
		Ref            string      `json:"ref,omitzero"`
	}
	// Add adds lines to an order that is not over.
	Add struct {
		command.Header `json:"-"`
		Order          string      `json:"order"`
		Lines          []menu.Line `json:"lines"`
		Total          *int64      `json:"total,omitzero"`
		Note           string      `json:"note,omitzero"`
	}
	Accept struct {
		command.Header `json:"-"`
		Order          string    `json:"order"`
		PromiseAt      time.Time `json:"promise_at,omitzero"`
		Note           string    `json:"note,omitzero"`
	}
	// End is reject, cancel or void.
	End struct {
		command.Header `json:"-"`
		How            Status `json:"-"` // Refused, Cancelled, Voided
		Order          string `json:"order"`
		Reason         string `json:"reason,omitzero"`
		Note           string `json:"note,omitzero"`
	}
	// Change takes items to another state: held queued cooking ready served, and
	// recall, which is back to cooking.
	Change struct {
		command.Header `json:"-"`
		To             ItemState `json:"-"`
		Recall         bool      `json:"-"`
		Order          string    `json:"order"`
		Items          []string  `json:"items,omitzero"`
		Course         *int      `json:"course,omitzero"`
		Station        string    `json:"station,omitzero"`
		Note           string    `json:"note,omitzero"`
	}
	// VoidItems takes items off the order; Qty only with a single item.
	VoidItems struct {
		command.Header `json:"-"`
		Order          string   `json:"order"`
		Items          []string `json:"items"`
		Reason         string   `json:"reason,omitzero"`
		Qty            int      `json:"qty,omitzero"`
		Note           string   `json:"note,omitzero"`
	}
	Rush struct {
		command.Header `json:"-"`
		Order          string `json:"order"`
		On             bool   `json:"on"`
		Note           string `json:"note,omitzero"`
	}
	// FlagDish tells an order that food of a dish is held, or not any more.
	FlagDish struct {
		command.Header
		Dish string
		Held bool
	}
	// PrintBill prints the bill, or a part of it.
	PrintBill struct {
		command.Header `json:"-"`
		Order          string `json:"order"`
		Part           string `json:"part,omitzero"`
		Printer        string `json:"printer,omitzero"` // "": the one for bills
		Note           string `json:"note,omitzero"`
	}
	// NameLines asks what an order's lines are called, for a bill on paper.
	NameLines struct{ command.Header }
	// Reprint prints a ticket once more: of a station, or all of them as the expo has it.
	Reprint struct {
		command.Header `json:"-"`
		Order          string `json:"order"`
		Station        string `json:"station"`
		Course         int    `json:"course,omitzero"`
		Printer        string `json:"printer,omitzero"` // "": the station's
		Note           string `json:"note,omitzero"`
	}
	// HandOff takes what is ready from the pass. To: shelf guest driver table.
	HandOff struct {
		command.Header `json:"-"`
		Order          string `json:"order"`
		To             string `json:"to"`
		Shelf          string `json:"shelf,omitzero"`
		Code           string `json:"code,omitzero"`
		Override       bool   `json:"override,omitzero"`
		Reason         string `json:"reason,omitzero"`
		Note           string `json:"note,omitzero"`
	}
	Assign struct {
		command.Header `json:"-"`
		Order          string    `json:"order"`
		Driver         *Driver   `json:"driver"`
		EtaAt          time.Time `json:"eta_at,omitzero"`
		Note           string    `json:"note,omitzero"`
	}
	Deliver struct {
		command.Header `json:"-"`
		Order          string    `json:"order"`
		Delivery       string    `json:"delivery"`
		EtaAt          time.Time `json:"eta_at,omitzero"`
		Reason         string    `json:"reason,omitzero"`
		Note           string    `json:"note,omitzero"`
	}
	// SplitBill divides the bill of an order without a table.
	SplitBill struct {
		command.Header `json:"-"`
		Order          string `json:"order"`
		bill.Split
		Note string `json:"note,omitzero"`
	}
	// DiscountBill lowers it; zero of both removes the discount.
	DiscountBill struct {
		command.Header `json:"-"`
		Order          string `json:"order"`
		RateBP         int64  `json:"rate_bp,omitzero"`
		Amount         int64  `json:"amount,omitzero"`
		Reason         string `json:"reason,omitzero"`
		Note           string `json:"note,omitzero"`
	}
)

// What an order and its table tell one another.
type (
	// Join asks a table to take the order; with Cart it takes the table's cart along.
	Join struct {
		Order   string
		Table   string
		Guest   bool   // placed by a guest
		Session string // the guest's
		GuestID string
		Guests  int
		By      command.Who
		Cart    *int64
	}
	// Welcome is the table's answer.
	Welcome struct {
		Session string
		Label   string
		Round   int
		Guests  int
		Server  *command.Who
		Lines   []CartLine // of the cart
	}
	// CartLine is a line of the shared cart with whose it is.
	CartLine struct {
		menu.Line
		Name  string
		Color *int
	}
	// Tell says how the order stands. Bill is nil when the table knows it already.
	Tell struct {
		Order   string
		Rev     int64
		Status  Status
		No      int
		Round   int
		At      time.Time // placed
		Items   Counts
		LateAt  time.Time // when its oldest open ticket is late; zero: none is open
		Done    bool      // it has come to its end
		HasBill bool
		Bill    bill.Totals
		Lines   []bill.Line
	}
	// Counts is how many live items are in which state, by portions.
	Counts struct {
		Held    int `json:"held"`
		Queued  int `json:"queued"`
		Cooking int `json:"cooking"`
		Ready   int `json:"ready"`
		Served  int `json:"served"`
	}
	// TableSays is what the order takes from its table: who sits there, and its share
	// of the account. Rev tells a late one from a new one.
	TableSays struct {
		command.Header
		Rev      int64
		Table    string
		Label    string
		Session  string
		Guests   int
		Server   *command.Who
		Discount int64 // before tax
		Allowed  int64 // after tax
		Totals   bill.Totals
		Of       int64 // revision of the order's bill that Totals were reckoned from
		Paid     int64
		Refunded int64
		Hurried  time.Time
		Clear    bool // the table was cleared: what is ready is served, and the order ends
		ByWho    command.Who
		Reason   string
	}
	// Noted is the answer to TableSays.
	Noted struct{}
	// Named is the answer to NameLines; Amount as the order has it now.
	Named struct{ Lines []printer.Line }
)

// Replies, as PAYLOADS names their fields.
type (
	PlaceReply struct {
		Order     string      `json:"order"`
		No        int         `json:"no"`
		State     Status      `json:"state"`
		Payment   string      `json:"payment"`
		Currency  string      `json:"currency"`
		Subtotal  int64       `json:"subtotal"`
		Discount  int64       `json:"discount"`
		Service   int64       `json:"service"`
		Tax       int64       `json:"tax"`
		Total     int64       `json:"total"`
		Lines     []LinePrice `json:"lines"`
		Code      string      `json:"code,omitzero"`
		PromiseAt time.Time   `json:"promise_at,omitzero"`
		PayBy     time.Time   `json:"pay_by,omitzero"`
	}
	LinePrice struct {
		ID        string `json:"id"`
		UnitPrice int64  `json:"unit_price"`
		Amount    int64  `json:"amount"`
	}
	AcceptReply struct {
		Order     string    `json:"order"`
		State     Status    `json:"state"`
		PromiseAt time.Time `json:"promise_at,omitzero"`
	}
	EndReply struct {
		Order   string   `json:"order"`
		State   Status   `json:"state"`
		Payment string   `json:"payment"`
		Refunds []string `json:"refunds"` // payments of which something must go back
	}
	ItemsReply struct {
		Order string        `json:"order"`
		Items []ItemChanged `json:"items"`
		Total *int64        `json:"order_total,omitzero"`
	}
	ItemChanged struct {
		ID      string    `json:"id"`
		State   ItemState `json:"state"`
		FireSeq int       `json:"fire_seq"`
	}
	RushReply struct {
		Order string `json:"order"`
		Rush  bool   `json:"rush"`
	}
	ReprintReply struct {
		Printer string `json:"printer"`
		Job     string `json:"job"`
		Copy    int    `json:"copy"`
	}
	HandOffReply struct {
		Order    string `json:"order"`
		State    Status `json:"state"`
		Delivery string `json:"delivery,omitzero"`
	}
	DeliverReply struct {
		Order    string `json:"order"`
		Delivery string `json:"delivery"`
	}
)

// Plus adds up two orders' counts.
func (c Counts) Plus(o Counts) Counts {
	return Counts{c.Held + o.Held, c.Queued + o.Queued, c.Cooking + o.Cooking, c.Ready + o.Ready, c.Served + o.Served}
}
