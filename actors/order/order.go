// Package order is one order, from the moment it is sent to the moment it is closed.
// It has three axes that never decide for one another.
//
//	Order     submitted ─▶ placed ─▶ accepted ─▶ closed
//	             │           ├─▶ expired   (pay-first, unpaid at its deadline) ─▶ placed (charged after
//	             │           │              all, and its stock is still there; else the money goes back)
//	             └─▶ refused ◀┤            (sold out, menu or table said no; rejected by the store)
//	                         ├─▶ cancelled (before anything was ever fired)
//	                         └── accepted ─▶ voided (after; a manager with a reason)
//	Item      held ⇄ queued ─▶ cooking ─▶ ready ─▶ served; recall: ready, served ─▶ cooking;
//	          voided from any
//	Payment   unpaid ─▶ partly_paid ─▶ paid ─▶ partly_refunded ─▶ refunded, from what was paid
//
// Progress (sent, accepted, cooking, ready, served) is derived from the items. Every
// step that is not drawn is refused.
//
// Its one promise: an order has exactly one fate, and takes its stock all or nothing.
package order

import (
	"time"

	"github.com/brigata/brigata/actors/bill"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/refusal"
)

// Status is the first axis.
type Status string

const (
	Submitted Status = "submitted"
	Placed    Status = "placed"
	Accepted  Status = "accepted"
	Closed    Status = "closed"
	Refused   Status = "refused"
	Expired   Status = "expired"
	Cancelled Status = "cancelled"
	Voided    Status = "voided"
)

// Final says that the status never changes again, but for Expired when money comes late.
func (s Status) Final() bool {
	switch s {
	case Closed, Refused, Expired, Cancelled, Voided:
		return true
	}
	return false
}

// ItemState is the second axis, for each item.
type ItemState string

const (
	Held    ItemState = "held"
	Queued  ItemState = "queued"
	Cooking ItemState = "cooking"
	Ready   ItemState = "ready"
	Served  ItemState = "served"
	Void    ItemState = "voided"
)

// Line is a line with what the kitchen makes of it.
type Line struct {
	ID         string              `json:"id"`
	Dish       string              `json:"dish"`
	Name       menu.Text           `json:"name"`
	Qty        int                 `json:"qty"`
	VoidQty    int                 `json:"void_qty"`
	UnitPrice  int64               `json:"unit_price"`
	Amount     int64               `json:"amount"` // of what is not voided
	TaxClass   string              `json:"tax_class"`
	Seat       int                 `json:"seat,omitzero"`
	Course     int                 `json:"course,omitzero"`
	Note       string              `json:"note,omitzero"`
	Guest      string              `json:"guest,omitzero"`
	GuestName  string              `json:"guest_name,omitzero"`
	GuestColor *int                `json:"guest_color,omitzero"`
	Hold       bool                `json:"hold,omitzero"`
	Allergies  []string            `json:"allergies"`
	Allergens  []menu.Allergen     `json:"allergens,omitzero"` // of Allergies, by name
	Options    []menu.PricedOption `json:"options"`
	Parts      []menu.PricedPart   `json:"parts"`
	Items      []Item              `json:"items"`
	Takes      []menu.Take         `json:"takes,omitzero"`
	Returned   int                 `json:"returned,omitzero"` // portions whose stock went back
}

// Item is one thing to make.
type Item struct {
	ID         string          `json:"id"`
	Dish       string          `json:"dish"`
	Name       menu.Text       `json:"name"`
	Combo      *menu.Text      `json:"combo,omitzero"`
	Part       int             `json:"part,omitzero"` // 1 + index into its line's parts
	Qty        int             `json:"qty"`
	VoidQty    int             `json:"void_qty"`
	State      ItemState       `json:"state"`
	Stations   []string        `json:"stations"`
	Course     int             `json:"course,omitzero"`
	FireSeq    int             `json:"fire_seq"`
	Hold       bool            `json:"hold,omitzero"`   // waits for somebody to fire it
	Bumped     bool            `json:"bumped,omitzero"` // a voided one: the kitchen has seen it
	PrepMS     int64           `json:"prep_ms"`
	FiredAt    command.Instant `json:"fired_at,omitzero"`
	StartedAt  command.Instant `json:"started_at,omitzero"`
	ReadyAt    command.Instant `json:"ready_at,omitzero"`
	ServedAt   command.Instant `json:"served_at,omitzero"`
	VoidAt     command.Instant `json:"void_at,omitzero"`
	AddedAt    command.Instant `json:"added_at,omitzero"`
	FireAt     command.Instant `json:"fire_at,omitzero"`
	VoidReason string          `json:"void_reason,omitzero"`
	VoidBy     *command.Who    `json:"void_by,omitzero"`
	BumpedBy   *command.Who    `json:"bumped_by,omitzero"`
	Flag       string          `json:"flag,omitzero"` // short, dish_held
}

// live items are those that somebody still gets.
func (i *Item) live() bool { return i.State != Void }

// Contact is whom to call; the order's own guest and the staff see it.
type Contact struct {
	Name    string `json:"name"`
	Phone   string `json:"phone"`
	Address string `json:"address,omitzero"`
}

// Driver brings a delivery.
type Driver struct {
	ID    string `json:"id,omitzero"`
	Name  string `json:"name"`
	Phone string `json:"phone,omitzero"`
}

// View is an order as the staff see it, and what tickets and the dispatch board are
// made of. Guests get less.
type View struct {
	ID          string       `json:"id"`
	No          int          `json:"no"`
	Date        string       `json:"date"`
	Type        string       `json:"type"`
	Channel     string       `json:"channel"`
	Table       string       `json:"table,omitzero"`
	Session     string       `json:"session,omitzero"`
	Round       int          `json:"round,omitzero"`
	Guests      int          `json:"guests,omitzero"`
	State       Status       `json:"state"`
	Progress    string       `json:"progress"`
	Payment     string       `json:"payment"`
	Rush        bool         `json:"rush"`
	Note        string       `json:"note,omitzero"`
	Server      *command.Who `json:"server,omitzero"`
	MenuVersion int64        `json:"menu_version"`
	Currency    string       `json:"currency"`
	TaxIncluded bool         `json:"tax_included"`
	Subtotal    int64        `json:"subtotal"`
	Discount    int64        `json:"discount"`
	Service     int64        `json:"service"`
	Tax         int64        `json:"tax"`
	Total       int64        `json:"total"`
	Paid        int64        `json:"paid"`
	Refunded    int64        `json:"refunded"`
	Taxes       []bill.Tax   `json:"taxes"`
	PlacedAt    time.Time    `json:"placed_at,omitzero"`
	AcceptedAt  time.Time    `json:"accepted_at,omitzero"`
	PromiseAt   time.Time    `json:"promise_at,omitzero"`
	ClosedAt    time.Time    `json:"closed_at,omitzero"`
	DueAt       time.Time    `json:"due_at,omitzero"`
	PayBy       time.Time    `json:"pay_by,omitzero"`
	Code        string       `json:"code,omitzero"`
	Contact     *Contact     `json:"contact,omitzero"`
	Ref         string       `json:"ref,omitzero"`
	Reason      string       `json:"reason,omitzero"`
	ReasonNote  string       `json:"reason_note,omitzero"`
	Shelf       string       `json:"shelf,omitzero"`
	Driver      *Driver      `json:"driver,omitzero"`
	Delivery    string       `json:"delivery,omitzero"`
	EtaAt       time.Time    `json:"eta_at,omitzero"`
	Lines       []Line       `json:"lines"`

	// For boards only.
	Label        string       `json:"label,omitzero"`         // the table's name
	WarnMS       int64        `json:"warn_ms,omitzero"`       // after the first fire
	LateMS       int64        `json:"late_ms,omitzero"`       // after the first fire
	HandedOff    bool         `json:"handed_off,omitzero"`    // it left the pass
	OverriddenBy *command.Who `json:"overridden_by,omitzero"` // who let it go with a station still open
	By           command.Who  `json:"by,omitzero"`            // who placed it
	HurriedAt    time.Time    `json:"hurried_at,omitzero"`
	GuestID      string       `json:"guest_id,omitzero"` // whose it is, of an order without a table
}

// State is the view and what the outside does not see.
type State struct {
	View

	Asked      command.ID       `json:"asked,omitzero"` // of the command that waits for its answer
	Guest      bool             `json:"guest,omitzero"` // placed by a guest
	CartV      int64            `json:"cart_v,omitzero"`
	FromCart   bool             `json:"from_cart,omitzero"`
	HoldAll    bool             `json:"hold_all,omitzero"`
	WantSum    *int64           `json:"want_total,omitzero"` // the client's total, of a cart that is still to be priced
	Later      bool             `json:"later,omitzero"`      // reserves on a later business date
	LaterAt    time.Time        `json:"later_at,omitzero"`   // when that begins
	Joined     bool             `json:"joined,omitzero"`     // the table has answered
	Reviving   bool             `json:"reviving,omitzero"`   // expired, paid after all: asks for its stock again
	Takes      []Take           `json:"stock,omitzero"`
	Adding     *Adding          `json:"adding,omitzero"`
	TableNo    *refusal.Refusal `json:"table_refusal,omitzero"` // the table said no
	Auto       bool             `json:"auto_accept,omitzero"`
	AutoFireMS int64            `json:"auto_fire_ms"`

	Rev     int64        `json:"rev"`      // of what the table should know
	BillRev int64        `json:"bill_rev"` // of its bill's part
	ToldRev int64        `json:"told_rev"` // what it knows
	Heard   int64        `json:"heard"`    // revision of what it said last
	Account bill.Account `json:"account"`  // of an order without a table
	Returns []Returned   `json:"returns,omitzero"`
	Slips   []Slip       `json:"slips,omitzero"`   // that printers are still to have
	Printed []string     `json:"printed,omitzero"` // what was put on slips so far
	SlipN   int64        `json:"slip_n,omitzero"`
	Copies  int          `json:"copies,omitzero"` // number of the last reprint
	Bills   int          `json:"bills,omitzero"`  // how often its bill was printed
	Off     int64        `json:"off"`             // discount before tax, minor units
	Allowed int64        `json:"allowed"`         // taken off after tax

	// own says that nobody else has Lines: they are as they were priced, and no view was
	// made of them. Only then, and only where nothing can be refused any more, is an item
	// changed in place.
	own bool
	// alone says the same of Takes, which no view shows.
	alone bool
}

// Returned is a payment that was told to give its money back.
type Returned struct {
	Payment string `json:"payment"`
	N       int64  `json:"n"`
}

// Take is what an order wants of one stock, and whether the stock has agreed.
type Take struct {
	Stock  string `json:"stock"`
	Want   int64  `json:"want"`
	Had    int64  `json:"had,omitzero"` // before an addition that may be refused
	Rev    int64  `json:"rev"`
	Done   bool   `json:"done,omitzero"`
	Back   bool   `json:"back,omitzero"`   // Want is less than was asked before
	Denied *int64 `json:"denied,omitzero"` // how many were left
}

// Adding is an addition that waits for its stock.
type Adding struct {
	Asked command.ID  `json:"asked"`
	At    time.Time   `json:"at"`
	By    command.Who `json:"by"`
	Lines []Line      `json:"lines"`
}

type (
	Command = command.Command
	Reply   = any
	Duty    = command.Duty
)
