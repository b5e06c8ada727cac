package terminal

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// Order places an order: brigata order --table T03 kung-pao-chicken=2 mapo-tofu+extra-rice.
type Order struct {
	Options
	Lines  []string `arg:"" help:"Dishes: NAME, NAME=QTY, NAME+OPTION+OPTION=QTY."`
	Table  string   `help:"Table, such as T03." short:"t"`
	Type   string   `help:"dine_in, pickup or delivery; dine_in when a table is given, else pickup." enum:"dine_in,pickup,delivery," default:""`
	Guests int      `help:"Guests at the table."`
	Note   string   `help:"Note for the kitchen."`
	Name   string   `help:"Whose order it is (pickup, delivery)."`
	Phone  string   `help:"Their telephone (pickup, delivery)."`
	Dry    bool     `help:"Check and price only; nothing is stored."`
}

type placed struct {
	Order    string `json:"order"`
	No       int    `json:"no"`
	State    string `json:"state"`
	Payment  string `json:"payment"`
	Currency string `json:"currency"`
	Discount int64  `json:"discount"`
	Service  int64  `json:"service"`
	Tax      int64  `json:"tax"`
	Total    int64  `json:"total"`
	Code     string `json:"code"`
	Promise  string `json:"promise_at"`
	PayBy    string `json:"pay_by"`
	Lines    []struct {
		ID     string `json:"id"`
		Unit   int64  `json:"unit_price"`
		Amount int64  `json:"amount"`
	} `json:"lines"`
}

// Run places the order and prints what came of it.
func (o *Order) Run(ctx context.Context) error {
	d, err := o.data()
	if err != nil {
		return err
	}
	return with(ctx, o.Options, func(s *session) error {
		var r placed
		if err := s.command(ctx, "order.place", d, o.Dry, &r); err != nil || o.JSON {
			return err
		}
		if o.Dry {
			fmt.Fprintf(s.out, "Would cost %s\n", money(r.Total, r.Currency))
		} else {
			fmt.Fprintf(s.out, "Order %d  %s  %s\n", r.No, words(r.State), money(r.Total, r.Currency))
		}
		for i, l := range r.Lines {
			fmt.Fprintf(s.out, "  %-40s %12s\n", o.Lines[i], money(l.Amount, r.Currency))
		}
		if r.Code != "" {
			fmt.Fprintln(s.out, "  pickup code", r.Code)
		}
		if r.PayBy != "" {
			fmt.Fprintln(s.out, "  to be paid by", clock(r.PayBy))
		}
		if r.Promise != "" {
			fmt.Fprintln(s.out, "  ready about", clock(r.Promise))
		}
		if r.Order != "" {
			fmt.Fprintln(s.out, " ", r.Order)
		}
		return nil
	})
}

func (o *Order) data() (map[string]any, error) {
	kind := o.Type
	switch {
	case kind == "" && o.Table != "":
		kind = "dine_in"
	case kind == "":
		kind = "pickup"
	}
	if kind == "dine_in" && o.Table == "" {
		return nil, Usage{"a dine_in order needs --table"}
	}
	d := map[string]any{"type": kind}
	if o.Table != "" {
		d["table"] = o.Table
	}
	if o.Guests > 0 {
		d["guests"] = o.Guests
	}
	if o.Note != "" {
		d["note"] = o.Note
	}
	if o.Name != "" || o.Phone != "" {
		d["contact"] = map[string]any{"name": o.Name, "phone": o.Phone}
	}
	lines := make([]any, 0, len(o.Lines))
	for _, arg := range o.Lines {
		l, err := parseLine(arg)
		if err != nil {
			return nil, err
		}
		lines = append(lines, l)
	}
	d["lines"] = lines
	return d, nil
}

// parseLine reads DISH[+OPTION…][=QTY].
func parseLine(arg string) (map[string]any, error) {
	name, qty, has := strings.Cut(arg, "=")
	n := 1
	if has {
		var err error
		if n, err = strconv.Atoi(qty); err != nil {
			return nil, Usage{fmt.Sprintf("%q: the quantity after = is not a number", arg)}
		}
	}
	parts := strings.Split(name, "+")
	l := map[string]any{"dish": parts[0], "qty": n}
	if len(parts) > 1 {
		options := make([]any, 0, len(parts)-1)
		for _, p := range parts[1:] {
			options = append(options, map[string]any{"option": p})
		}
		l["options"] = options
	}
	return l, nil
}
