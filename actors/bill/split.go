package bill

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/brigata/brigata/actors/money"
	"github.com/brigata/brigata/actors/refusal"
)

// Split says how a bill is divided. Mode: none items seats guests even amounts.
type Split struct {
	Mode  string `json:"mode"`
	Count int    `json:"count,omitzero"` // even: 2 to 20
	Parts []Want `json:"parts,omitzero"` // items, amounts
}

// Want is a part that somebody asked for.
type Want struct {
	Guest  string     `json:"guest,omitzero"`
	Lines  []Fraction `json:"lines,omitzero"`
	Amount int64      `json:"amount,omitzero"`
}

// Fraction is a share of a line: Num of Den; zero means 1.
type Fraction struct {
	Order string `json:"order"`
	Line  string `json:"line"`
	Num   int64  `json:"num,omitzero"`
	Den   int64  `json:"den,omitzero"`
}

// Part is what one payer is asked for.
type Part struct {
	ID     string  `json:"id"`
	Guest  string  `json:"guest,omitzero"`
	Amount int64   `json:"amount"`
	Tip    int64   `json:"tip"`
	Paid   int64   `json:"paid"`
	Due    int64   `json:"due"`
	Lines  []Share `json:"lines"`
}

// Share is a part's share of a line; Amount is before discount, service and tax.
type Share struct {
	Order  string `json:"order"`
	Line   string `json:"line"`
	Num    int64  `json:"num"`
	Den    int64  `json:"den"`
	Amount int64  `json:"amount"`
}

const (
	countMax = 20
	denMax   = 20
	partsMax = 50
)

func invalid(at, reason string) *refusal.Refusal {
	return refusal.Faults(refusal.Fault{At: at, Reason: reason})
}

// Parts divides total as s says. Whatever the lines' own amounts, the parts sum to
// total: discount, service and excluded tax are spread by largest remainder, and what
// remains goes to the last part.
func Parts(s Split, lines []Line, total int64) ([]Part, *refusal.Refusal) {
	switch s.Mode {
	case "", "none":
		return []Part{}, nil
	case "even":
		if s.Count < 2 || s.Count > countMax {
			return nil, invalid("/count", "range")
		}
		return fixed(money.Even(total, s.Count), nil), nil
	case "amounts":
		return s.amounts(total)
	case "seats":
		return byKey(lines, total, func(l Line) string {
			if l.Seat == 0 {
				return ""
			}
			return strconv.Itoa(l.Seat + 1000) // sorts as a number
		}, false)
	case "guests":
		return byKey(lines, total, func(l Line) string { return l.Guest }, true)
	case "items":
		return s.items(lines, total)
	}
	return nil, invalid("/mode", "range")
}

func fixed(amounts []int64, guests []string) []Part {
	parts := make([]Part, len(amounts))
	for i, a := range amounts {
		parts[i] = Part{ID: "p" + strconv.Itoa(i+1), Amount: a, Due: a, Lines: []Share{}}
		if i < len(guests) {
			parts[i].Guest = guests[i]
		}
	}
	return parts
}

func (s Split) amounts(total int64) ([]Part, *refusal.Refusal) {
	if len(s.Parts) == 0 || len(s.Parts) > partsMax {
		return nil, invalid("/parts", "length")
	}
	amounts, guests, rest := []int64{}, []string{}, total
	for i, w := range s.Parts {
		if w.Amount <= 0 || w.Amount > rest {
			return nil, invalid("/parts/"+strconv.Itoa(i)+"/amount", "range")
		}
		amounts, guests, rest = append(amounts, w.Amount), append(guests, w.Guest), rest-w.Amount
	}
	if rest > 0 {
		amounts = append(amounts, rest)
	}
	return fixed(amounts, guests), nil
}

// pile collects the shares of the parts that are being made.
type pile struct {
	guest  string
	shares []Share
}

// byKey makes a part for each key; lines without one are shared evenly by all, or
// make a last part of their own.
func byKey(lines []Line, total int64, key func(Line) string, shared bool) ([]Part, *refusal.Refusal) {
	keys := []string{}
	for _, l := range lines {
		if k := key(l); k != "" && !slices.Contains(keys, k) {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
	piles := make([]pile, len(keys), len(keys)+1)
	nobody := pile{}
	for i, k := range keys {
		if shared {
			piles[i].guest = k
		}
	}
	for _, l := range lines {
		i := slices.Index(keys, key(l))
		switch {
		case i >= 0:
			piles[i].shares = append(piles[i].shares, Share{l.Order, l.ID, 1, 1, l.Amount})
		case shared && len(keys) > 0:
			for j, a := range money.Even(l.Amount, len(keys)) {
				piles[j].shares = append(piles[j].shares, Share{l.Order, l.ID, 1, int64(len(keys)), a})
			}
		default:
			nobody.shares = append(nobody.shares, Share{l.Order, l.ID, 1, 1, l.Amount})
		}
	}
	if len(nobody.shares) > 0 || len(piles) == 0 {
		piles = append(piles, nobody)
	}
	return heap(piles, total), nil
}

// items makes the parts that were asked for and a last one of what nobody named.
func (s Split) items(lines []Line, total int64) ([]Part, *refusal.Refusal) {
	if len(s.Parts) == 0 || len(s.Parts) > partsMax {
		return nil, invalid("/parts", "length")
	}
	used := make([]rational, len(lines))
	given := make([]int64, len(lines))
	piles := make([]pile, 0, len(s.Parts)+1)
	for i, w := range s.Parts {
		p := pile{guest: w.Guest}
		for j, f := range w.Lines {
			at := "/parts/" + strconv.Itoa(i) + "/lines/" + strconv.Itoa(j)
			share, bad := take(f, lines, used, given, at)
			if bad != nil {
				return nil, bad
			}
			p.shares = append(p.shares, share)
		}
		piles = append(piles, p)
	}
	var rest pile
	for i, l := range lines {
		switch u := used[i].or0(); {
		case u.num == 0:
			rest.shares = append(rest.shares, Share{l.Order, l.ID, 1, 1, l.Amount})
		case u.num < u.den:
			rest.shares = append(rest.shares, Share{l.Order, l.ID, u.den - u.num, u.den, l.Amount - given[i]})
		}
	}
	if len(rest.shares) > 0 {
		piles = append(piles, rest)
	}
	return heap(piles, total), nil
}

// take books a fraction of a line. The one that completes the line takes what is left
// of its amount.
func take(f Fraction, lines []Line, used []rational, given []int64, at string) (Share, *refusal.Refusal) {
	f.Num, f.Den = max(f.Num, 0), max(f.Den, 0)
	if f.Num == 0 && f.Den == 0 {
		f.Num, f.Den = 1, 1
	}
	i := slices.IndexFunc(lines, func(l Line) bool { return l.Order == f.Order && l.ID == f.Line })
	if i < 0 {
		return Share{}, invalid(at, "id")
	}
	if f.Den < 1 || f.Den > denMax || f.Num < 1 || f.Num > f.Den {
		return Share{}, invalid(at, "range")
	}
	used[i] = used[i].or0().plus(rational{f.Num, f.Den})
	amount := money.MulDiv(lines[i].Amount, f.Num, f.Den, money.Down)
	switch {
	case used[i].num > used[i].den:
		return Share{}, invalid(at, "too_many")
	case used[i].num == used[i].den:
		amount = lines[i].Amount - given[i]
	}
	given[i] += amount
	return Share{f.Order, f.Line, f.Num, f.Den, amount}, nil
}

// heap makes parts of piles: each is asked for its shares' part of the total.
func heap(piles []pile, total int64) []Part {
	weights := make([]int64, len(piles))
	guests := make([]string, len(piles))
	for i, p := range piles {
		guests[i] = p.guest
		for _, s := range p.shares {
			weights[i] += s.Amount
		}
	}
	parts := fixed(money.Apportion(total, weights), guests)
	for i := range parts {
		if piles[i].shares != nil {
			parts[i].Lines = piles[i].shares
		}
	}
	return parts
}

// rational is an exact fraction; denominators stay small (at most lcm(1…20)).
type rational struct{ num, den int64 }

func (r rational) or0() rational {
	if r.den == 0 {
		return rational{0, 1}
	}
	return r
}

func (r rational) plus(o rational) rational {
	n, d := r.num*o.den+o.num*r.den, r.den*o.den
	g := gcd(n, d)
	return rational{n / g, d / g}
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return max(a, 1)
}
