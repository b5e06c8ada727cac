package bill

import (
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/brigata/brigata/actors/money"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/store"
)

func shop(change func(*store.Config)) *store.Today {
	c := &store.Config{ID: "s", Tax: store.Tax{Included: true, Rounding: money.HalfUp, Scope: "rate_group",
		Classes: []store.TaxClass{{ID: "food", RateBP: 600}, {ID: "alcohol", RateBP: 1300}}},
		Service: store.Service{Types: []string{"dine_in"}, TaxClass: "food"}}
	if change != nil {
		change(c)
	}
	return &store.Today{Config: c}
}

func food(id string, amount int64) Line {
	return Line{Order: "o", ID: id, Amount: amount, TaxClass: "food"}
}

func TestTotal(t *testing.T) {
	three := []Line{food("1", 7600), food("2", 3000), food("3", 4200)}
	for _, c := range []struct {
		name                                      string
		change                                    func(*store.Config)
		guests                                    int
		lines                                     []Line
		discount                                  int64
		subtotal, wantDiscount, service, tax, sum int64
	}{
		{"the page's example", nil, 3, three, 0, 14800, 0, 0, 838, 14800},
		{"a discount lowers the tax", nil, 3, three, 4800, 14800, 4800, 0, 566, 10000},
		{"no more than there is", nil, 3, three, 99999, 14800, 14800, 0, 0, 0},
		{"tax on top", func(c *store.Config) { c.Tax.Included = false }, 3, three, 0, 14800, 0, 0, 888, 15688},
		{"service for large parties", func(c *store.Config) { c.Service.RateBP, c.Service.MinGuests = 1000, 3 }, 3, three, 0, 14800, 0, 1480, 922, 16280},
		{"not for small ones", func(c *store.Config) { c.Service.RateBP, c.Service.MinGuests = 1000, 4 }, 3, three, 0, 14800, 0, 0, 838, 14800},
		{"rounded by line", func(c *store.Config) { c.Tax.Scope = "line" }, 1, []Line{food("1", 9), food("2", 9)}, 0, 18, 0, 0, 2, 18},
		{"rounded by rate", nil, 1, []Line{food("1", 9), food("2", 9)}, 0, 18, 0, 0, 1, 18},
		{"rounded down", func(c *store.Config) { c.Tax.Rounding = money.Down }, 1, []Line{food("1", 100)}, 0, 100, 0, 0, 5, 100},
		{"two rates", nil, 1, []Line{food("1", 10600), {ID: "2", Amount: 11300, TaxClass: "alcohol"}}, 0, 21900, 0, 0, 1900, 21900},
		{"nothing", nil, 0, nil, 0, 0, 0, 0, 0, 0},
	} {
		got := Total(shop(c.change), "dine_in", c.guests, c.lines, c.discount)
		if got.Subtotal != c.subtotal || got.Discount != c.wantDiscount || got.Service != c.service || got.Tax != c.tax || got.Total != c.sum {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

func TestLess(t *testing.T) {
	was := Total(shop(nil), "dine_in", 1, []Line{food("1", 10600)}, 0)
	is := was.Less(5300)
	if is.Total != 5300 || is.Discount != 5300 || is.Tax != 300 || was.Total != 10600 || was.Taxes[0].Tax != 600 {
		t.Errorf("%+v, was %+v", is, was)
	}
	if all := was.Less(99999); all.Total != 0 || all.Tax != 0 {
		t.Errorf("%+v", all)
	}
}

func TestSplits(t *testing.T) {
	lines := []Line{{Order: "o", ID: "1", Amount: 7600, Seat: 1, Guest: "a"}, {Order: "o", ID: "2", Amount: 3000, Seat: 2, Guest: "b"}, {Order: "o", ID: "3", Amount: 4200}}
	line := func(id string, num, den int64) Fraction { return Fraction{"o", id, num, den} }
	for _, c := range []struct {
		name  string
		split Split
		want  []int64 // nil: refused
	}{
		{"none", Split{Mode: "none"}, []int64{}},
		{"even", Split{Mode: "even", Count: 3}, []int64{4933, 4933, 4934}},
		{"even alone", Split{Mode: "even", Count: 1}, nil},
		{"even of a crowd", Split{Mode: "even", Count: 21}, nil},
		{"amounts", Split{Mode: "amounts", Parts: []Want{{Amount: 5000}, {Amount: 800}}}, []int64{5000, 800, 9000}},
		{"amounts beyond it", Split{Mode: "amounts", Parts: []Want{{Amount: 14801}}}, nil},
		{"amounts of nothing", Split{Mode: "amounts", Parts: []Want{{Amount: 0}}}, nil},
		{"seats, and who has none", Split{Mode: "seats"}, []int64{7600, 3000, 4200}},
		{"guests share what is nobody's", Split{Mode: "guests"}, []int64{9700, 5100}},
		{"the page's example", Split{Mode: "items", Parts: []Want{{Lines: []Fraction{line("1", 1, 1)}}, {Lines: []Fraction{line("2", 0, 0), line("3", 1, 2)}}}}, []int64{7600, 5100, 2100}},
		{"thirds", Split{Mode: "items", Parts: []Want{{Lines: []Fraction{line("3", 1, 3)}}, {Lines: []Fraction{line("3", 1, 3)}}, {Lines: []Fraction{line("3", 1, 3)}}}}, []int64{1400, 1400, 1400, 10600}},
		{"more than a line", Split{Mode: "items", Parts: []Want{{Lines: []Fraction{line("3", 2, 3)}}, {Lines: []Fraction{line("3", 1, 2)}}}}, nil},
		{"an unknown line", Split{Mode: "items", Parts: []Want{{Lines: []Fraction{line("9", 1, 1)}}}}, nil},
		{"too fine", Split{Mode: "items", Parts: []Want{{Lines: []Fraction{line("3", 1, 21)}}}}, nil},
		{"negative", Split{Mode: "items", Parts: []Want{{Lines: []Fraction{line("3", -1, 2)}}}}, nil},
		{"nonsense", Split{Mode: "thirds"}, nil},
	} {
		parts, no := Parts(c.split, lines, 14800)
		if (no != nil) != (c.want == nil) || no != nil && no.Code != refusal.Invalid {
			t.Errorf("%s: %v", c.name, no)
			continue
		}
		var got []int64
		for i, p := range parts {
			got = append(got, p.Amount)
			if p.ID != "p"+string(rune('1'+i)) {
				t.Errorf("%s: part %d is %s", c.name, i, p.ID)
			}
		}
		if len(got) != len(c.want) {
			t.Errorf("%s: %v", c.name, got)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%s: %v, want %v", c.name, got, c.want)
				break
			}
		}
	}
}

func TestSplitsSumToTheBill(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 6).Draw(t, "lines")
		lines := make([]Line, n)
		var subtotal int64
		for i := range lines {
			lines[i] = Line{Order: "o", ID: string(rune('a' + i)), Amount: rapid.Int64Range(0, 9999).Draw(t, "amount"),
				Seat: rapid.IntRange(0, 3).Draw(t, "seat"), Guest: rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, "guest")}
			subtotal += lines[i].Amount
		}
		total := subtotal + rapid.Int64Range(-subtotal, 2000).Draw(t, "service or discount")
		s := Split{Mode: rapid.SampledFrom([]string{"even", "seats", "guests", "items", "amounts"}).Draw(t, "mode"), Count: rapid.IntRange(2, 20).Draw(t, "count")}
		for range rapid.IntRange(1, 4).Draw(t, "parts") {
			w := Want{Amount: rapid.Int64Range(1, 3000).Draw(t, "want")}
			for range rapid.IntRange(0, 2).Draw(t, "shares") {
				w.Lines = append(w.Lines, Fraction{"o", string(rune('a' + rapid.IntRange(0, n-1).Draw(t, "line"))), 1, rapid.Int64Range(2, 20).Draw(t, "den")})
			}
			s.Parts = append(s.Parts, w)
		}
		parts, no := Parts(s, lines, total)
		if no != nil {
			return
		}
		var sum int64
		shared := map[string]int64{}
		for _, p := range parts {
			sum += p.Amount
			for _, x := range p.Lines {
				shared[x.Line] += x.Amount
			}
		}
		if sum != total {
			t.Fatalf("%s: parts come to %d of %d", s.Mode, sum, total)
		}
		if s.Mode == "seats" || s.Mode == "guests" || s.Mode == "items" {
			for _, l := range lines {
				if shared[l.ID] != l.Amount {
					t.Fatalf("%s: shares of line %s come to %d of %d", s.Mode, l.ID, shared[l.ID], l.Amount)
				}
			}
		}
	})
}

func TestAccount(t *testing.T) {
	var a Account
	claim := &Claim{Payment: "1", Provider: "cash", Amount: 700, Tip: 50}
	if no := a.CanClaim(claim, 1000, nil); no != nil {
		t.Fatal(no)
	}
	p, ok := a.Next(claim, "CNY")
	if !ok || p.State != "pending" {
		t.Fatal(p, ok)
	}
	a = a.With(p)
	if _, again := a.Next(claim, "CNY"); again {
		t.Error("a claim came twice and counts twice")
	}
	if no := a.CanClaim(&Claim{Payment: "2", Amount: 301}, 1000, nil); !errors.Is(no, ErrDue) || no.Fields.Due != 300 {
		t.Errorf("%+v", no)
	}
	if no := a.CanClaim(&Claim{Payment: "2", Amount: 1, Part: "p9"}, 1000, nil); !errors.Is(no, ErrPart) {
		t.Errorf("%+v", no)
	}
	p, _ = a.Next(&Credit{Payment: "1", Provider: "cash", Amount: 700, Tip: 50}, "CNY")
	a = a.With(p)
	if s := a.Sums(1000); s != (Sums{Paid: 700, Tip: 50, Due: 300}) {
		t.Errorf("%+v", s)
	}
	if p, ok := a.Next(&Unclaim{Payment: "1", State: "cancelled"}, "CNY"); ok {
		t.Errorf("a payment that succeeded was given back: %+v", p)
	}
	// A refund: the tip goes last, and nothing becomes due again.
	p, _ = a.Next(&Refund{Payment: "1", Refunded: 100}, "CNY")
	if over := a.Over(p, 1000); over != 100 {
		t.Errorf("%d", over)
	}
	if over := a.Over(p, 600); over != 0 {
		t.Errorf("it was overpaid by 100, and %d comes off the bill", over)
	}
	p, _ = a.Next(&Refund{Payment: "1", Refunded: 750}, "CNY")
	a = a.With(p)
	if s := a.Sums(0); s != (Sums{Paid: 700, Refunded: 700}) {
		t.Errorf("%+v", s)
	}
	// What was cancelled before its claim arrived is over.
	p, _ = a.Next(&Unclaim{Payment: "9", State: "cancelled"}, "CNY")
	if no := a.With(p).CanClaim(&Claim{Payment: "9", Amount: 1}, 1000, nil); !errors.Is(no, ErrOver) {
		t.Errorf("%+v", no)
	}
	if no := a.With(Payment{ID: "3", State: "succeeded", Amount: 1000}).CanClaim(&Claim{Payment: "4", Amount: 1}, 1000, nil); !errors.Is(no, ErrPaid) {
		t.Errorf("%+v", no)
	}
}
