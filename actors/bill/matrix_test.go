package bill_test

import (
	"testing"

	"github.com/brigata/brigata/actors/bill"
	"github.com/brigata/brigata/actors/story"
)

// TestEveryClaimOnEveryAccount: of a bill of 1000, payment a is the one that claims.
func TestEveryClaimOnEveryAccount(t *testing.T) {
	account := func(payments ...bill.Payment) func() bill.Account {
		return func() (a bill.Account) {
			for _, p := range payments {
				a = a.With(p)
			}
			return a
		}
	}
	of := func(id, state string, amount, refunded int64) bill.Payment {
		return bill.Payment{ID: id, State: state, Amount: amount, Refunded: refunded}
	}
	claim := func(c bill.Claim) bill.Claim { c.Payment = "a"; return c }
	parts := []bill.Part{{ID: "p1", Amount: 400}, {ID: "p2", Amount: 600}}
	story.Matrix(t, `
		          open     claimed  part     paid     refunded failed   again over
		all       -        conflict conflict conflict conflict -        -     conflict
		rest      -        -        -        conflict -        -        -     conflict
		too-much  conflict conflict conflict conflict conflict conflict -     conflict
		tip       -        -        -        conflict -        -        -     conflict
		part      -        -        -        conflict -        -        -     conflict
		part-none invalid  invalid  invalid  conflict invalid  invalid  -     conflict
	`, map[string]func() bill.Account{
		"open":     account(),
		"claimed":  account(of("b", "pending", 700, 0)),
		"part":     account(of("b", "succeeded", 700, 0)),
		"paid":     account(of("b", "succeeded", 1000, 0)),
		"refunded": account(of("b", "succeeded", 1000, 400)),
		"failed":   account(of("b", "failed", 700, 0), of("c", "cancelled", 700, 0)),
		"again":    account(of("a", "pending", 1000, 0)),
		"over":     account(of("a", "cancelled", 100, 0)),
	}, map[string]bill.Claim{
		"all":       claim(bill.Claim{Amount: 1000}),
		"rest":      claim(bill.Claim{Amount: 300}),
		"too-much":  claim(bill.Claim{Amount: 1001}),
		"tip":       claim(bill.Claim{Amount: 300, Tip: 5000}),
		"part":      claim(bill.Claim{Amount: 300, Part: "p1"}),
		"part-none": claim(bill.Claim{Amount: 300, Part: "p3"}),
	}, func(a bill.Account, c bill.Claim) error {
		if no := a.CanClaim(&c, 1000, parts); no != nil {
			return no
		}
		return nil
	})
}

// TestEverySplitOfEveryBill: line 1 is of seat 1 and guest x, line 2 is nobody's.
func TestEverySplitOfEveryBill(t *testing.T) {
	type check struct {
		lines []bill.Line
		total int64
	}
	two := []bill.Line{{Order: "o", ID: "1", Amount: 700, Seat: 1, Guest: "x"}, {Order: "o", ID: "2", Amount: 300}}
	items := func(all ...bill.Fraction) bill.Split {
		return bill.Split{Mode: "items", Parts: []bill.Want{{Lines: all}}}
	}
	amounts := func(all ...int64) (s bill.Split) {
		s.Mode = "amounts"
		for _, a := range all {
			s.Parts = append(s.Parts, bill.Want{Amount: a})
		}
		return s
	}
	story.Matrix(t, `
		               empty   two     free
		none           -       -       -
		nonsense       invalid invalid invalid
		even           -       -       -
		even-one       invalid invalid invalid
		even-crowd     invalid invalid invalid
		even-minus     invalid invalid invalid
		seats          -       -       -
		guests         -       -       -
		amounts        invalid -       invalid
		amounts-short  invalid -       invalid
		amounts-over   invalid invalid invalid
		amounts-zero   invalid invalid invalid
		amounts-minus  invalid invalid invalid
		amounts-none   invalid invalid invalid
		amounts-many   invalid invalid invalid
		items          invalid -       -
		items-half     invalid -       -
		items-unknown  invalid invalid invalid
		items-twice    invalid invalid invalid
		items-over     invalid invalid invalid
		items-minus    invalid invalid invalid
		items-too-fine invalid invalid invalid
		items-none     invalid invalid invalid
	`, map[string]func() check{
		"empty": func() check { return check{} },
		"two":   func() check { return check{two, 1000} },
		"free":  func() check { return check{two, 0} },
	}, map[string]bill.Split{
		"none":           {Mode: "none"},
		"nonsense":       {Mode: "thirds"},
		"even":           {Mode: "even", Count: 2},
		"even-one":       {Mode: "even", Count: 1},
		"even-crowd":     {Mode: "even", Count: 21},
		"even-minus":     {Mode: "even", Count: -2},
		"seats":          {Mode: "seats"},
		"guests":         {Mode: "guests"},
		"amounts":        amounts(400, 600),
		"amounts-short":  amounts(400),
		"amounts-over":   amounts(400, 601),
		"amounts-zero":   amounts(0),
		"amounts-minus":  amounts(-1),
		"amounts-none":   amounts(),
		"amounts-many":   amounts(make([]int64, 51)...),
		"items":          items(bill.Fraction{Order: "o", Line: "1"}),
		"items-half":     items(bill.Fraction{Order: "o", Line: "1", Num: 1, Den: 2}),
		"items-unknown":  items(bill.Fraction{Order: "o", Line: "9"}),
		"items-twice":    items(bill.Fraction{Order: "o", Line: "1"}, bill.Fraction{Order: "o", Line: "1"}),
		"items-over":     items(bill.Fraction{Order: "o", Line: "1", Num: 3, Den: 2}),
		"items-minus":    items(bill.Fraction{Order: "o", Line: "1", Num: -1, Den: 2}),
		"items-too-fine": items(bill.Fraction{Order: "o", Line: "1", Num: 1, Den: 21}),
		"items-none":     {Mode: "items"},
	}, func(c check, s bill.Split) error {
		if _, no := bill.Parts(s, c.lines, c.total); no != nil {
			return no
		}
		return nil
	})
}
