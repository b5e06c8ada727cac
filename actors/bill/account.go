package bill

import (
	"slices"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/money"
	"github.com/brigata/brigata/actors/refusal"
)

// Account is who paid what of a bill, and what is being paid right now. It is a
// value: its methods return the next one.
type Account struct {
	Payments []Payment `json:"payments"`
	Split    Split     `json:"split"`
	// Allowed is what refunds took off the bill beyond what was overpaid, minor units.
	Allowed int64 `json:"allowed"`
}

// Payment is one attempt as a bill sees it. States: pending succeeded failed cancelled.
type Payment struct {
	ID       string `json:"id"`
	Part     string `json:"part,omitzero"`
	Provider string `json:"provider"`
	State    string `json:"state"`
	Amount   int64  `json:"amount"`
	Tip      int64  `json:"tip"`
	Refunded int64  `json:"refunded"` // tips included
	Currency string `json:"currency"`
}

// What a payment asks of the bill it is for; tables and orders take them alike. Each
// may come twice.
type (
	// Claim sets an amount aside, so that two phones cannot pay the same money.
	Claim struct {
		command.Header
		Payment, Part, Provider string
		Amount, Tip             int64
		Guest                   bool   // a guest claims, of its own table or order
		GuestID                 string // who it is
		Session                 string // and where it sits
	}
	// Unclaim gives it back: the payment came to nothing. State says how.
	Unclaim struct {
		command.Header
		Payment, State string
	}
	// Credit books a payment that succeeded.
	Credit struct {
		command.Header
		Payment, Part, Provider string
		Amount, Tip             int64
	}
	// Refund books what went back so far; of the tip first is left to the tip.
	Refund struct {
		command.Header
		Payment  string
		Refunded int64 // in all, tips included
		Reason   string
	}
	// CallStaff asks for a person to take a guest's cash or card.
	CallStaff struct {
		command.Header
		Payment string
		By      string
	}
	// Ack says that the bill took note.
	Ack struct {
		Currency string
		Back     int64 // of a Credit, or of a Claim that comes again: what the bill has no use for, minor units
	}
)

var (
	ErrPaid = refusal.New(refusal.Conflict, "paid", "Nothing is due any more")
	ErrDue  = refusal.New(refusal.Conflict, "due", "That is more than what is due")
	// ErrOver says that the payment came to nothing before its claim arrived.
	ErrOver = refusal.New(refusal.Conflict, "state", "The payment is over").With(refusal.Fields{Kind: "payment", State: "cancelled"})
	ErrPart = refusal.Faults(refusal.Fault{At: "/part", Reason: "id"})
	// ErrSplit says that the split stands since somebody has begun to pay.
	ErrSplit = refusal.New(refusal.Conflict, "paid", "Somebody has begun to pay")
)

// Sums of an account in minor units; all but Tip exclude tips.
type Sums struct {
	Paid, Refunded, Pending, Tip, Due int64
}

// Sums adds up an account against a bill's total.
func (a Account) Sums(total int64) Sums {
	var s Sums
	for i := range a.Payments {
		p := &a.Payments[i]
		switch p.State {
		case "pending":
			s.Pending += p.Amount
		case "succeeded":
			refunded := min(p.Refunded, p.Amount)
			s.Paid += p.Amount
			s.Refunded += refunded
			s.Tip += p.Tip - (p.Refunded - refunded)
		}
	}
	s.Due = total - s.Paid + s.Refunded
	return s
}

// CanClaim says why an amount cannot be set aside; nil also when it already is.
func (a Account) CanClaim(c *Claim, total int64, parts []Part) *refusal.Refusal {
	switch a.Has(c.Payment) {
	case "pending", "succeeded":
		return nil
	case "failed", "cancelled":
		return ErrOver
	}
	s := a.Sums(total)
	switch free := s.Due - s.Pending; {
	case s.Due <= 0:
		return ErrPaid
	case c.Amount > free:
		return ErrDue.With(refusal.Fields{Due: max(free, 0)})
	case c.Part != "" && !slices.ContainsFunc(parts, func(p Part) bool { return p.ID == c.Part }):
		return ErrPart
	}
	return nil
}

func (a Account) find(payment string) int {
	return slices.IndexFunc(a.Payments, func(p Payment) bool { return p.ID == payment })
}

// Has says in which state a payment stands; "" when it is not known.
func (a Account) Has(payment string) string {
	if i := a.find(payment); i >= 0 {
		return a.Payments[i].State
	}
	return ""
}

// With puts p in place of the payment with its id, or adds it.
func (a Account) With(p Payment) Account {
	a.Payments = slices.Clone(a.Payments)
	if i := a.find(p.ID); i >= 0 {
		a.Payments[i] = p
	} else {
		a.Payments = append(a.Payments, p)
	}
	return a
}

// Payment returns the payment with that id as it stands.
func (a Account) Payment(id string) (Payment, bool) {
	if i := a.find(id); i >= 0 {
		return a.Payments[i], true
	}
	return Payment{}, false
}

// Begun says that somebody has paid or is paying: splits stand then.
func (a Account) Begun() bool {
	return slices.ContainsFunc(a.Payments, func(p Payment) bool { return p.State == "pending" || p.State == "succeeded" })
}

// Next is what a payment's message makes of its entry: ok is false when it changes nothing.
func (a Account) Next(c command.Command, currency string) (p Payment, ok bool) {
	switch c := c.(type) {
	case *Claim:
		if _, has := a.Payment(c.Payment); has {
			return p, false
		}
		return Payment{c.Payment, c.Part, c.Provider, "pending", c.Amount, c.Tip, 0, currency}, true
	case *Unclaim:
		p, has := a.Payment(c.Payment)
		if has && p.State != "pending" || has && p.State == c.State {
			return p, false
		}
		p.ID, p.State, p.Currency = c.Payment, c.State, currency // an unknown one leaves a tombstone
		return p, true
	case *Credit:
		p, has := a.Payment(c.Payment)
		if has && p.State == "succeeded" {
			return p, false
		}
		return Payment{c.Payment, c.Part, c.Provider, "succeeded", c.Amount, c.Tip, p.Refunded, currency}, true
	case *Refund:
		p, has := a.Payment(c.Payment)
		if !has || p.Refunded >= c.Refunded {
			return p, false
		}
		p.Refunded = c.Refunded
		return p, true
	}
	return p, false
}

// Over is how much of a refund is more than what was overpaid: it comes off the bill,
// for a refund never makes anything due again. total is what the bill came to before.
func (a Account) Over(p Payment, total int64) int64 {
	before := max(a.Sums(total).Due, 0)
	return max(a.With(p).Sums(total).Due-before, 0)
}

// View is a bill as everybody sees it.
type View struct {
	Currency    string   `json:"currency"`
	TaxIncluded bool     `json:"tax_included"`
	Orders      []string `json:"orders"`
	Subtotal    int64    `json:"subtotal"`
	Discount    int64    `json:"discount"`
	Service     int64    `json:"service"`
	Tax         int64    `json:"tax"`
	Total       int64    `json:"total"`
	Tip         int64    `json:"tip"`
	Pending     int64    `json:"pending"`
	Paid        int64    `json:"paid"`
	Refunded    int64    `json:"refunded"`
	Due         int64    `json:"due"`
	Taxes       []Tax    `json:"taxes"`
	Mode        string   `json:"mode"`
	Parts       []Part   `json:"parts"`
	// Payments that came to something, or still may.
	Payments []Payment `json:"payments"`
}

// ViewOf shows a bill: totals, the account and its split.
func ViewOf(currency string, included bool, orders []string, t Totals, a Account, lines []Line) *View {
	s := a.Sums(t.Total)
	v := &View{Currency: currency, TaxIncluded: included, Orders: orders, Subtotal: t.Subtotal, Discount: t.Discount,
		Service: t.Service, Tax: t.Tax, Total: t.Total, Tip: s.Tip, Pending: s.Pending, Paid: s.Paid,
		Refunded: s.Refunded, Due: s.Due, Taxes: t.Taxes, Mode: a.Split.Mode, Parts: a.Parts(lines, t.Total),
		Payments: []Payment{}}
	if v.Taxes == nil {
		v.Taxes = []Tax{}
	}
	if v.Orders == nil {
		v.Orders = []string{}
	}
	if v.Mode == "" {
		v.Mode = "none"
	}
	for _, p := range a.Payments {
		if p.State == "pending" || p.State == "succeeded" {
			v.Payments = append(v.Payments, p)
		}
	}
	return v
}

// Parts are those of the account's split with what was paid of each. A split that the
// bill has outgrown (a line is gone) has no parts until it is made again.
func (a Account) Parts(lines []Line, total int64) []Part {
	parts, bad := Parts(a.Split, lines, total)
	if bad != nil {
		return []Part{}
	}
	for _, p := range a.Payments {
		i := slices.IndexFunc(parts, func(x Part) bool { return x.ID == p.Part })
		if i < 0 || p.State != "succeeded" {
			continue
		}
		parts[i].Paid += p.Amount - min(p.Refunded, p.Amount)
		parts[i].Tip += p.Tip
		parts[i].Due = parts[i].Amount - parts[i].Paid
	}
	return parts
}

// Pending says that somebody is paying right now.
func (a Account) Pending() bool {
	return slices.ContainsFunc(a.Payments, func(p Payment) bool { return p.State == "pending" })
}

// Off is what a discount comes to, in minor units: a rate of the subtotal, or an amount.
func Off(rateBP, amount, subtotal int64) (int64, error) {
	switch {
	case rateBP < 0 || rateBP > 10_000 || rateBP > 0 && amount != 0:
		return 0, invalid("/rate_bp", "range")
	case amount < 0 || amount > subtotal:
		return 0, invalid("/amount", "range")
	case rateBP > 0:
		return money.BP(subtotal, rateBP, money.HalfUp), nil
	}
	return amount, nil
}
