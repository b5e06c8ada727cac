package terminal

import (
	"fmt"
	"strings"
)

// tableView is a table on its own topic: who sits there, what is in the cart, what is due.
type tableView struct {
	ID     string `json:"id"`
	State  string `json:"state"`
	Guests int    `json:"guests"`
	Server struct {
		Name string `json:"name"`
	} `json:"server"`
	People []struct {
		Name string `json:"name"`
	} `json:"people"`
	Cart struct {
		Subtotal int64 `json:"subtotal"`
		Lines    []struct {
			Name   text  `json:"name"`
			Qty    int   `json:"qty"`
			Amount int64 `json:"amount"`
		} `json:"lines"`
	} `json:"cart"`
	Calls []struct {
		Kind    string `json:"kind"`
		By      string `json:"by"`
		At      string `json:"at"`
		Note    string `json:"note"`
		AckedAt string `json:"acked_at"`
	} `json:"calls"`
	Bill struct {
		Currency string   `json:"currency"`
		Orders   []string `json:"orders"`
		Discount int64    `json:"discount"`
		Service  int64    `json:"service"`
		Tax      int64    `json:"tax"`
		Total    int64    `json:"total"`
		Tip      int64    `json:"tip"`
		Pending  int64    `json:"pending"`
		Paid     int64    `json:"paid"`
		Refunded int64    `json:"refunded"`
		Due      int64    `json:"due"`
		Parts    []struct {
			ID     string `json:"id"`
			Amount int64  `json:"amount"`
			Due    int64  `json:"due"`
		} `json:"parts"`
	} `json:"bill"`
}

func (t tableView) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Table %s  %s", t.ID, words(t.State))
	if t.Guests > 0 {
		b.WriteString("  " + count(t.Guests, "guest"))
	}
	if t.Server.Name != "" {
		b.WriteString("  server " + t.Server.Name)
	}
	for _, c := range t.Calls {
		fmt.Fprintf(&b, "\n  call    %s  %s %s", c.Kind, clock(c.At), c.By)
		if c.Note != "" {
			fmt.Fprintf(&b, "  “%s”", c.Note)
		}
		if c.AckedAt != "" {
			b.WriteString("  seen")
		}
	}
	for _, l := range t.Cart.Lines {
		fmt.Fprintf(&b, "\n  cart    %2d × %-36s %12s", l.Qty, l.Name, money(l.Amount, t.Bill.Currency))
	}
	t.bill(&b)
	return b.String()
}

func (t tableView) bill(b *strings.Builder) {
	c := t.Bill.Currency
	if len(t.Bill.Orders) == 0 {
		return
	}
	fmt.Fprintf(b, "\n  bill    %s  total %s  due %s", count(len(t.Bill.Orders), "order"), money(t.Bill.Total, c), money(t.Bill.Due, c))
	for _, x := range []struct {
		name   string
		amount int64
	}{{"discount", t.Bill.Discount}, {"service", t.Bill.Service}, {"tax", t.Bill.Tax}, {"paid", t.Bill.Paid},
		{"pending", t.Bill.Pending}, {"refunded", t.Bill.Refunded}, {"tips", t.Bill.Tip}} {
		if x.amount != 0 {
			fmt.Fprintf(b, "  %s %s", x.name, money(x.amount, c))
		}
	}
	if len(t.Bill.Parts) < 2 {
		return
	}
	for _, p := range t.Bill.Parts {
		fmt.Fprintf(b, "\n  part    %-4s %12s  due %s", p.ID, money(p.Amount, c), money(p.Due, c))
	}
}
