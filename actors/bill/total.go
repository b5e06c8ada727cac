// Package bill is the arithmetic of what is owed: totals with tax and service, splits
// whose parts sum to the total, and the account of who paid what. Tables and orders
// without a table keep a bill.
//
// Its promise: total = Σ parts, and due = total − paid + refunded, to the minor unit.
package bill

import (
	"slices"

	"github.com/brigata/brigata/actors/money"
	"github.com/brigata/brigata/actors/store"
)

// Line is a line of an order as a bill sees it; Amount is net of what was voided, in
// minor units.
type Line struct {
	Order    string `json:"order"`
	ID       string `json:"id"`
	Amount   int64  `json:"amount"`
	TaxClass string `json:"tax_class"`
	Seat     int    `json:"seat,omitzero"`
	Guest    string `json:"guest,omitzero"`
}

// Tax is one rate's share of a bill: Base is the net amount that Tax is on.
type Tax struct {
	Class  string `json:"class"`
	RateBP int64  `json:"rate_bp"`
	Base   int64  `json:"base"`
	Tax    int64  `json:"tax"`
}

// Totals of an order or of a table, in minor units. Tax is part of Total whether or
// not prices include it.
type Totals struct {
	Subtotal int64 `json:"subtotal"`
	Discount int64 `json:"discount"`
	Service  int64 `json:"service"`
	Tax      int64 `json:"tax"`
	Total    int64 `json:"total"`
	Taxes    []Tax `json:"taxes"`
}

// Total adds up lines. The discount, at most the subtotal, lowers every line in
// proportion before service and tax.
func Total(t *store.Today, orderType string, guests int, lines []Line, discount int64) Totals {
	var sum Totals
	for i := range lines {
		sum.Subtotal += lines[i].Amount
	}
	sum.Discount = max(0, min(discount, sum.Subtotal))
	var room [16]int64
	amounts := room[:0]
	for i := range lines {
		amounts = append(amounts, lines[i].Amount)
	}
	if sum.Discount > 0 {
		for i, d := range money.Apportion(sum.Discount, amounts) {
			amounts[i] -= d
		}
	}
	c := t.Config
	if s := &c.Service; s.RateBP > 0 && guests >= s.MinGuests && slices.Contains(s.Types, orderType) {
		sum.Service = money.BP(sum.Subtotal-sum.Discount, s.RateBP, c.Tax.Rounding)
	}
	taxed := groups{tax: &c.Tax}
	for i := range lines {
		taxed.add(lines[i].TaxClass, amounts[i])
	}
	if sum.Service > 0 {
		taxed.add(c.Service.TaxClass, sum.Service)
	}
	sum.Taxes, sum.Tax = taxed.done()
	sum.Total = sum.Subtotal - sum.Discount + sum.Service
	if !c.Tax.Included {
		sum.Total += sum.Tax
	}
	return sum
}

// Less takes w off the total and books it as discount; taxes shrink with the total.
func (t Totals) Less(w int64) Totals {
	if w = min(w, t.Total); w <= 0 {
		return t
	}
	left := t.Total - w
	taxes := make([]Tax, len(t.Taxes))
	t.Tax, taxes = 0, append(taxes[:0], t.Taxes...)
	for i := range taxes {
		taxes[i].Tax = money.MulDiv(taxes[i].Tax, left, t.Total, money.HalfUp)
		taxes[i].Base = money.MulDiv(taxes[i].Base, left, t.Total, money.HalfUp)
		t.Tax += taxes[i].Tax
	}
	t.Taxes, t.Discount, t.Total = taxes, t.Discount+w, left
	return t
}

// groups collects amounts by tax class, in the order in which classes first come.
type groups struct {
	tax  *store.Tax
	list []group
}

type group struct {
	class         string
	rate          int64
	gross, tax    int64
	roundedByLine bool
}

func (g *groups) add(class string, amount int64) {
	i := slices.IndexFunc(g.list, func(x group) bool { return x.class == class })
	if i < 0 {
		x := group{class: class, roundedByLine: g.tax.Scope == "line"}
		for _, c := range g.tax.Classes {
			if c.ID == class {
				x.rate = c.RateBP
			}
		}
		g.list = append(g.list, x)
		i = len(g.list) - 1
	}
	x := &g.list[i]
	x.gross += amount
	if x.roundedByLine {
		x.tax += g.of(amount, x.rate)
	}
}

// of is the tax on, or within, an amount.
func (g *groups) of(amount, rate int64) int64 {
	if g.tax.Included {
		return money.MulDiv(amount, rate, 10_000+rate, g.tax.Rounding)
	}
	return money.BP(amount, rate, g.tax.Rounding)
}

func (g *groups) done() (taxes []Tax, sum int64) {
	taxes = make([]Tax, 0, len(g.list))
	for _, x := range g.list {
		if !x.roundedByLine {
			x.tax = g.of(x.gross, x.rate)
		}
		base := x.gross
		if g.tax.Included {
			base -= x.tax
		}
		taxes = append(taxes, Tax{x.class, x.rate, base, x.tax})
		sum += x.tax
	}
	return taxes, sum
}

// Sum adds the totals of a table's orders; taxes of one class and rate are joined.
func Sum(all []Totals) Totals {
	var sum Totals
	sum.Taxes = []Tax{}
	for _, t := range all {
		sum.Subtotal += t.Subtotal
		sum.Discount += t.Discount
		sum.Service += t.Service
		sum.Tax += t.Tax
		sum.Total += t.Total
		for _, x := range t.Taxes {
			i := slices.IndexFunc(sum.Taxes, func(y Tax) bool { return y.Class == x.Class && y.RateBP == x.RateBP })
			if i < 0 {
				sum.Taxes = append(sum.Taxes, x)
				continue
			}
			sum.Taxes[i].Base += x.Base
			sum.Taxes[i].Tax += x.Tax
		}
	}
	return sum
}
