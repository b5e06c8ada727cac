// Package table is a table and the party that sits at it: who they are, their shared
// cart, whom they call, their orders and their bill.
//
//	free ──Open, or a staff order──▶ seated ──bill call──▶ bill_requested
//	  ▲                               ▲ │ └────────due 0──────▶ paid
//	  │                               └─┴──a further order──────┘ │
//	  └──Clear (clean)── dirty ◀──Clear──────────────────────────┘
//	Move: a session goes to a free table. Merge: it joins another's.
//	Phases of seated, derived: ordering, waiting, eating.
//
// Its one promise: a session's money is neither lost nor asked for twice, wherever the
// party sits.
package table

import (
	"time"

	"github.com/brigata/brigata/actors/bill"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/order"
)

// Status of a table; the zero value is free.
type Status string

const (
	Free          Status = "free"
	Seated        Status = "seated"
	BillRequested Status = "bill_requested"
	Paid          Status = "paid"
	Dirty         Status = "dirty"
)

// Session is one party's stay: what moves when the party does.
type Session struct {
	ID         string       `json:"id"`
	SeatedAt   time.Time    `json:"seated_at"`
	Guests     int          `json:"guests"`
	Server     *command.Who `json:"server,omitzero"`
	People     []Person     `json:"people"`
	CartV      int64        `json:"cart_v"`
	Cart       []CartLine   `json:"cart"`
	Calls      []Call       `json:"calls"`
	Orders     []Entry      `json:"orders"`
	Round      int          `json:"round"`
	Account    bill.Account `json:"account"`
	DiscountBP int64        `json:"discount_bp,omitzero"`
	Discount   int64        `json:"discount,omitzero"` // an amount, minor units
	Hurried    time.Time    `json:"hurried,omitzero"`
	Joined     []string     `json:"joined,omitzero"` // sessions that were merged into this one
	Bills      int          `json:"bills,omitzero"`  // how often its bill was printed
}

// State of a table.
type State struct {
	ID      string  `json:"id"`
	Status  Status  `json:"status"`
	Session Session `json:"session"`
	Past    []Entry `json:"past,omitzero"` // orders of cleared sessions that are still to be told
	Leaving *Leave  `json:"leaving,omitzero"`
	Rehome  []Moved `json:"rehome,omitzero"` // payments that are to be told where their table is now
	Came    []Came  `json:"came,omitzero"`   // the last move from each table, which may be sent again
	Slips   []Slip  `json:"slips,omitzero"`
	SlipN   int64   `json:"slip_n,omitzero"`
}

// Came is a session that came from another table.
type Came struct {
	From    string     `json:"from"`
	Asked   command.ID `json:"asked"`
	Session string     `json:"session"` // what it is part of here
}

// Moved is a payment that came with a session.
type Moved struct {
	Payment string `json:"payment"`
	N       int64  `json:"n"`
}

// Leave is a move or merge that waits for the other table.
type Leave struct {
	To    string     `json:"to"`
	Merge bool       `json:"merge"`
	Asked command.ID `json:"asked"`
}

// Person is a guest who has shown up with a phone. Color is a small number to tell
// people apart by.
type Person struct {
	Guest string `json:"guest"`
	Name  string `json:"name"`
	Color int    `json:"color"`
}

// CartLine is a line of the shared cart with its price.
type CartLine struct {
	menu.Line
	Name      menu.Text           `json:"name"`
	UnitPrice int64               `json:"unit_price"`
	Amount    int64               `json:"amount"`
	Options   []menu.PricedOption `json:"priced_options"`
	Parts     []menu.PricedPart   `json:"priced_parts"`
}

// Call is somebody asking for a person. Kind: waiter hurry bill.
type Call struct {
	ID      string    `json:"id"`
	Kind    string    `json:"kind"`
	Note    string    `json:"note,omitzero"`
	By      string    `json:"by"`
	At      time.Time `json:"at"`
	AckedAt time.Time `json:"acked_at,omitzero"`
	AckedBy string    `json:"acked_by,omitzero"`
	Guest   string    `json:"guest,omitzero"`
}

// Entry is one order of the session, as far as the table has heard.
type Entry struct {
	Order  string       `json:"order"`
	Round  int          `json:"round"`
	No     int          `json:"no"`
	Status order.Status `json:"status"` // submitted until the order tells
	At     time.Time    `json:"at"`
	Items  order.Counts `json:"items"`
	LateAt time.Time    `json:"late_at,omitzero"`
	Lines  []bill.Line  `json:"lines"`
	Cart   []CartLine   `json:"cart,omitzero"` // what it took from the cart, till it is placed
	Told   int64        `json:"told"`          // revision of the order that was heard last
	Of     int64        `json:"of"`            // revision of the lines
	Share  Share        `json:"share"`
	Rev    int64        `json:"rev"`   // of what the order should hear
	Heard  int64        `json:"heard"` // what it has heard
}

// Share is what an order is told of its table.
type Share struct {
	Table    string       `json:"table"`
	Session  string       `json:"session"`
	Guests   int          `json:"guests"`
	Server   *command.Who `json:"server,omitzero"`
	Hurried  time.Time    `json:"hurried,omitzero"`
	Clear    bool         `json:"clear,omitzero"`
	By       command.Who  `json:"by,omitzero"`
	Reason   string       `json:"reason,omitzero"`
	Discount int64        `json:"discount"`
	Allowed  int64        `json:"allowed"`
	Paid     int64        `json:"paid"`
	Refunded int64        `json:"refunded"`
	Totals   bill.Totals  `json:"totals"`
	Of       int64        `json:"of"`
}

// counts says that the order is on the bill.
func (e *Entry) counts() bool {
	switch e.Status {
	case order.Refused, order.Expired, order.Cancelled, order.Submitted:
		return false
	}
	return true
}

type (
	Command = command.Command
	Reply   = any
	Duty    = command.Duty
)

type (
	Open struct {
		command.Header `json:"-"`
		Table          string `json:"table"`
		Guests         int    `json:"guests"`
		Server         string `json:"server,omitzero"`
		Note           string `json:"note,omitzero"`
	}
	Clear struct {
		command.Header `json:"-"`
		Table          string `json:"table"`
		Reason         string `json:"reason,omitzero"`
		Clean          bool   `json:"clean,omitzero"`
		Note           string `json:"note,omitzero"`
	}
	// Go is a move to a free table, or a merge with a seated one.
	Go struct {
		command.Header `json:"-"`
		Merge          bool   `json:"-"`
		Table          string `json:"table"`
		To             string `json:"to"`
		Note           string `json:"note,omitzero"`
	}
	Ring struct {
		command.Header `json:"-"`
		Table          string `json:"table"`
		Kind           string `json:"kind"`
		Note           string `json:"note,omitzero"`
	}
	Ack struct {
		command.Header `json:"-"`
		Table          string `json:"table"`
		Call           string `json:"call"`
		Note           string `json:"note,omitzero"`
	}
	// SetCart puts a line into the shared cart; a quantity of 0 takes it out.
	SetCart struct {
		command.Header `json:"-"`
		Table          string `json:"table"`
		LineID         string `json:"line"`
		menu.Line
	}
	SplitBill struct {
		command.Header `json:"-"`
		Table          string `json:"table"`
		bill.Split
		Note string `json:"note,omitzero"`
	}
	DiscountBill struct {
		command.Header `json:"-"`
		Table          string `json:"table"`
		RateBP         int64  `json:"rate_bp,omitzero"`
		Amount         int64  `json:"amount,omitzero"`
		Reason         string `json:"reason,omitzero"`
		Note           string `json:"note,omitzero"`
	}
	// PrintBill prints the bill, or a part of it.
	PrintBill struct {
		command.Header `json:"-"`
		Table          string `json:"table"`
		Part           string `json:"part,omitzero"`
		Printer        string `json:"printer,omitzero"` // "": the one for bills
		Note           string `json:"note,omitzero"`
	}
	// OrderJoins and OrderTold carry what an order asks and tells.
	OrderJoins struct {
		command.Header
		order.Join
	}
	OrderTold struct {
		command.Header
		order.Tell
	}
	// Adopt asks a table to take a session over. It may come twice.
	Adopt struct {
		command.Header
		From    string
		To      string
		Merge   bool
		Session Session
		Asked   command.ID
	}
	Adopted struct{ Session string }
	// Heard is the answer to OrderTold.
	Heard struct{}
)

// Replies, as PAYLOADS names their fields.
type (
	OpenReply struct {
		Table   string `json:"table"`
		Session string `json:"session"`
		State   Status `json:"state"`
	}
	ClearReply struct {
		Table string `json:"table"`
		State Status `json:"state"`
	}
	GoReply struct {
		Table   string `json:"table"`
		To      string `json:"to"`
		Session string `json:"session"`
	}
	RingReply struct {
		Call string    `json:"call"`
		At   time.Time `json:"at"`
	}
	AckReply struct {
		Call    string    `json:"call"`
		AckedAt time.Time `json:"acked_at"`
	}
	CartReply struct {
		Table    string `json:"table"`
		CartV    int64  `json:"cart_v"`
		Subtotal int64  `json:"subtotal"`
	}
)
