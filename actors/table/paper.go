package table

import (
	"slices"
	"strconv"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/printer"
	"github.com/brigata/brigata/actors/store"
)

// Slip is a bill on its way to paper: its printer has it once every order on it has said
// what its lines are called, which the table does not keep.
type Slip struct {
	N       int64       `json:"n"`
	Printer string      `json:"printer"`
	Job     printer.Job `json:"job"`
	Unnamed []string    `json:"unnamed,omitzero"` // orders that are still to say
}

// slipsMax bounds the bills that wait for orders and printers to take them.
const slipsMax = 20

// printBill puts the bill, or a part of it, on paper.
func (t *turn) printBill(c *PrintBill) (Reply, error) {
	if err := t.guest(c.IsGuest(), c.Session); err != nil {
		return nil, err
	}
	return t.paper(c.Part, c.Printer)
}

func (t *turn) paper(part, named string) (Reply, error) {
	if len(t.s.Slips) >= slipsMax {
		return nil, t.state()
	}
	to, err := t.today.PrintsOn(named, t.today.BillPrinter)
	if err != nil {
		return nil, err
	}
	s := &t.s.Session
	lines := s.lines()
	b, err := printer.BillOf(t.s.Bill(t.today), part, lines)
	if err != nil {
		return nil, err
	}
	j := printer.Job{Kind: printer.Check, Order: lines[0].Order, No: s.entry(lines[0].Order).No, Label: t.s.ID, Type: store.DineIn,
		Copy: s.Bills + 1, Guests: s.Guests, At: t.h.At, Bill: b}
	if s.Server != nil {
		j.Server = s.Server.Name
	}
	j.Key = s.ID + "/bill" + strconv.Itoa(j.Copy)
	slip := Slip{N: t.s.SlipN + 1, Printer: to, Job: j}
	for _, l := range b.Lines {
		if !slices.Contains(slip.Unnamed, l.Order) {
			slip.Unnamed = append(slip.Unnamed, l.Order)
		}
	}
	t.do(&BillDue{slip})
	return &order.ReprintReply{Printer: to, Job: j.Key, Copy: j.Copy}, nil
}

// unnamed says that a slip waits for an order's names.
func (s *State) unnamed(order string) bool {
	return slices.ContainsFunc(s.Slips, func(x Slip) bool { return slices.Contains(x.Unnamed, order) })
}

// onPaper folds what becomes of bills on their way to paper.
func (s State) onPaper(e Event) State {
	s.Slips = slices.Clone(s.Slips)
	switch e := e.(type) {
	case *BillDue:
		s.Slips, s.SlipN, s.Session.Bills = append(s.Slips, e.Slip), e.Slip.N, e.Slip.Job.Copy
	case *BillNamed:
		for i := range s.Slips {
			x := &s.Slips[i]
			if !slices.Contains(x.Unnamed, e.Order) {
				continue
			}
			x.Unnamed = slices.DeleteFunc(slices.Clone(x.Unnamed), func(id string) bool { return id == e.Order })
			b := *x.Job.Bill
			b.Lines = slices.Clone(b.Lines)
			b.Name(e.Lines)
			x.Job.Bill = &b
		}
	case *BillTaken:
		s.Slips = slices.DeleteFunc(s.Slips, func(x Slip) bool { return x.N == e.N })
	}
	return s
}

// owes asks an order for names, then hands the slip to its printer.
func (x *Slip) owes(duties []Duty) []Duty {
	if len(x.Unnamed) > 0 {
		return append(duties, Duty{To: command.Target{Kind: "order", ID: x.Unnamed[0]}, N: x.N, Do: &order.NameLines{}})
	}
	return append(duties, Duty{To: command.Target{Kind: "printer", ID: x.Printer}, N: x.N, Do: &printer.Print{Printer: x.Printer, Job: x.Job}})
}

// named takes an order's names. One that has none, which cannot be, has blank lines.
func (t *turn) named(c *command.Answered) {
	if id := c.Duty.To.ID; t.s.unnamed(id) {
		e := &BillNamed{Order: id}
		if n, ok := c.Reply.(*order.Named); ok {
			e.Lines = n.Lines
		}
		t.do(e)
	}
}
