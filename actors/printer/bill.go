package printer

import (
	"slices"

	"github.com/brigata/brigata/actors/bill"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/refusal"
)

// Bill is what a bill's slip says. Sums, taxes, payments and parts are of the whole bill.
type Bill struct {
	bill.View
	Part  string `json:"part,omitzero"` // the part that it is of; "": all
	Lines []Line `json:"lines"`
}

// Line is a line of a bill: Num of Den of it, where it is shared. Amounts are before
// discount, service and tax, in minor units.
type Line struct {
	Order  string    `json:"order"`
	ID     string    `json:"id"`
	Name   menu.Text `json:"name"`
	Qty    int       `json:"qty,omitzero"` // 0: not known
	Num    int64     `json:"num,omitzero"`
	Den    int64     `json:"den,omitzero"`
	Amount int64     `json:"amount"`
	Whole  int64     `json:"whole,omitzero"` // what all of a shared line comes to
}

var (
	errNoBill = refusal.New(refusal.NotFound, "", "Nothing was ordered").With(refusal.Fields{Kind: "bill"})
	errPart   = refusal.Faults(refusal.Fault{At: "/part", Reason: "id"})
)

// BillOf is a bill, or a part of it, before its lines have names.
func BillOf(v *bill.View, part string, lines []bill.Line) (*Bill, error) {
	b := &Bill{View: *v, Part: part}
	if len(lines) == 0 {
		return nil, errNoBill
	}
	shares := []bill.Share(nil)
	if part != "" {
		i := slices.IndexFunc(v.Parts, func(p bill.Part) bool { return p.ID == part })
		if i < 0 {
			return nil, errPart
		}
		shares = v.Parts[i].Lines
	}
	for _, l := range lines {
		line := Line{Order: l.Order, ID: l.ID, Amount: l.Amount}
		if len(shares) > 0 {
			i := slices.IndexFunc(shares, func(s bill.Share) bool { return s.Order == l.Order && s.Line == l.ID })
			if i < 0 {
				continue
			}
			if s := shares[i]; s.Den > 1 {
				line.Num, line.Den, line.Whole = s.Num, s.Den, l.Amount
			}
			line.Amount = shares[i].Amount
		}
		b.Lines = append(b.Lines, line)
	}
	return b, nil
}

// Name gives lines the names that their order has for them. One that has changed in
// between is without a quantity: the amount is what the bill asks for. What was taken off
// is on no bill.
func (b *Bill) Name(of []Line) {
	b.Lines = slices.DeleteFunc(b.Lines, func(l Line) bool {
		return l.Amount == 0 && slices.ContainsFunc(of, func(n Line) bool { return n.Order == l.Order && n.ID == l.ID && n.Qty == 0 })
	})
	for i := range b.Lines {
		l := &b.Lines[i]
		for _, n := range of {
			if n.Order != l.Order || n.ID != l.ID {
				continue
			}
			l.Name = n.Name
			if n.Amount == l.Amount && l.Den == 0 || n.Amount == l.Whole {
				l.Qty = n.Qty
			}
		}
	}
}
