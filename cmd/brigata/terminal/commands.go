package terminal

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/brigata/brigata/cmd/brigata/client"
)

// Bump marks an order's fired items ready: brigata bump 42, or ORDER, or ORDER/ITEM.
type Bump struct {
	Options
	ID string `arg:"" help:"Order id, today's number, or ID/ITEM."`
}

// Run bumps.
func (b *Bump) Run(ctx context.Context) error {
	return with(ctx, b.Options, func(s *session) error {
		id, item, one := strings.Cut(b.ID, "/")
		id, err := s.orderID(ctx, id)
		if err != nil {
			return err
		}
		items := []string{item}
		if !one {
			o, err := s.order(ctx, id)
			if err != nil {
				return err
			}
			if items = fired(o); len(items) == 0 {
				return &client.Refused{Code: "conflict", Message: "nothing of this order has been fired"}
			}
		}
		var r struct {
			Items []struct {
				ID    string `json:"id"`
				State string `json:"state"`
			} `json:"items"`
		}
		if err := s.command(ctx, "item.bump", map[string]any{"order": id, "items": items}, false, &r); err != nil {
			return err
		}
		for _, i := range r.Items {
			fmt.Fprintf(s.out, "%-6s %s\n", i.ID, words(i.State))
		}
		return nil
	})
}

// fired lists the items that the kitchen has, in the order's own order.
func fired(o order) (items []string) {
	for _, l := range o.Lines {
		for _, i := range l.Items {
			if i.FireSeq > 0 && i.State != "voided" && i.State != "served" && i.State != "held" {
				items = append(items, i.ID)
			}
		}
	}
	return items
}

func (s *session) order(ctx context.Context, id string) (order, error) {
	sub, _, err := s.snapshot(ctx, "order."+id)
	if err != nil {
		return order{}, err
	}
	var e struct {
		D order `json:"d"`
	}
	if len(sub.D) == 0 {
		return e.D, &client.Refused{Code: "not_found", Message: "no order " + id}
	}
	err = json.Unmarshal(sub.D[0], &e)
	return e.D, err
}

// orderID turns today's number of an open order into its id; an id stays as it is.
func (s *session) orderID(ctx context.Context, id string) (string, error) {
	no, err := strconv.Atoi(id)
	if err != nil {
		return id, nil
	}
	for _, board := range []string{"kitchen.all", "dispatch"} {
		sub, _, err := s.snapshot(ctx, board)
		if err != nil {
			return "", err
		}
		for _, raw := range sub.D {
			var e struct {
				D struct {
					Order string `json:"order"`
					No    int    `json:"no"`
				} `json:"d"`
			}
			if json.Unmarshal(raw, &e) == nil && e.D.No == no {
				return e.D.Order, nil
			}
		}
	}
	return "", &client.Refused{Code: "not_found", Message: "no open order has number " + id + " today: give its id"}
}

// Stock shows a dish's stock, or changes it: brigata stock mapo-tofu --count 20.
type Stock struct {
	Options
	Dish    string `arg:"" help:"Dish, or option/NAME."`
	Count   *int   `help:"Portions that may still be sold from now."`
	Restock *int   `help:"Portions that came in."`
	Out     string `help:"Mark sold out until: manual, end_of_day or a time."`
	In      bool   `help:"Undo sold out."`
}

// Run shows, after changing when asked to.
func (c *Stock) Run(ctx context.Context) error {
	kind, name, ok := strings.Cut(c.Dish, "/")
	if !ok {
		kind, name = "dish", c.Dish
	}
	return with(ctx, c.Options, func(s *session) error {
		d := map[string]any{kind: name}
		cmd := ""
		switch {
		case c.Count != nil:
			cmd, d["qty"] = "stock.count", *c.Count
		case c.Restock != nil:
			cmd, d["qty"] = "stock.restock", *c.Restock
		case c.Out != "":
			cmd, d["until"] = "stock.out", c.Out
		case c.In:
			cmd = "stock.in"
		}
		if cmd == "" {
			return s.show(ctx, "stock", kind+"/"+name)
		}
		var r stockEntry
		if err := s.command(ctx, cmd, d, false, &r); err != nil || c.JSON {
			return err
		}
		fmt.Fprintf(s.out, "%s %s\n", name, strings.TrimSpace(r.String()))
		return nil
	})
}

// Get shows one entity as it stands: brigata get order ID.
type Get struct {
	Options
	Kind string `arg:"" enum:"order,table,stock" help:"order, table or stock."`
	ID   string `arg:"" help:"Order id or today's number, table, or dish."`
}

// Run prints the entity.
func (g *Get) Run(ctx context.Context) error {
	return with(ctx, g.Options, func(s *session) error {
		switch g.Kind {
		case "table":
			return s.table(ctx, g.ID)
		case "stock":
			key := g.ID
			if !strings.Contains(key, "/") {
				key = "dish/" + key
			}
			return s.show(ctx, "stock", key)
		}
		id, err := s.orderID(ctx, g.ID)
		if err != nil {
			return err
		}
		return s.show(ctx, "order."+id, "order/"+id)
	})
}

// table prints a table and then the orders of its session.
func (s *session) table(ctx context.Context, id string) error {
	sub, _, err := s.snapshot(ctx, "table."+id)
	if err != nil {
		return err
	}
	for _, raw := range sub.D {
		var e struct {
			K string          `json:"k"`
			D json.RawMessage `json:"d"`
		}
		switch {
		case s.o.JSON:
			fmt.Fprintln(s.out, string(raw))
		case json.Unmarshal(raw, &e) == nil:
			kind, _, _ := strings.Cut(e.K, "/")
			fmt.Fprintln(s.out, describe(kind, id, e.D))
		}
	}
	return nil
}

// show prints the element with that key of a topic, or in JSON mode its {k,s,v,d}.
func (s *session) show(ctx context.Context, topic, key string) error {
	sub, _, err := s.snapshot(ctx, topic)
	if err != nil {
		return err
	}
	for _, raw := range sub.D {
		var e struct {
			K string          `json:"k"`
			D json.RawMessage `json:"d"`
		}
		if json.Unmarshal(raw, &e) != nil || e.K != key {
			continue
		}
		kind, id, _ := strings.Cut(key, "/")
		if s.o.JSON {
			fmt.Fprintln(s.out, string(raw))
		} else {
			fmt.Fprintln(s.out, describe(kind, id, e.D))
		}
		return nil
	}
	return &client.Refused{Code: "not_found", Message: key + " is not on the board " + topic}
}
