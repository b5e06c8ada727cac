package order

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/brigata/brigata/actors/bill"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/refusal"
)

func cut(stock string) (kind, id string, ok bool) { return strings.Cut(stock, "/") }

func soldOutText(m *menu.Menu, i refusal.Item) string {
	name := i.Dish + i.Option
	if d, ok := m.Dish(i.Dish); ok {
		name = d.Name.EN
	} else if o, ok := m.Option(i.Option); ok {
		name = o.Name.EN
	}
	if *i.Left > 0 {
		return fmt.Sprintf("Only %d %s left", *i.Left, name)
	}
	return name + " is sold out"
}

// add asks for the stock of more lines; they join the order when all of it is there.
func (t *turn) add(c *Add) (Reply, error) {
	if err := t.in(Placed, Accepted); err != nil {
		return nil, err
	}
	if t.s.Adding != nil {
		return nil, errState.With(refusal.Fields{Kind: "order", ID: t.s.ID, State: "adding"})
	}
	lines, totals, err := t.added(c)
	if err != nil {
		return nil, err
	}
	asks := []Take(nil)
	if t.s.LaterAt.IsZero() {
		asks = t.asks(lines)
	}
	t.do(&LinesSent{At: c.At, By: c.By, Asked: c.ID, Lines: lines, Ask: asks})
	if len(asks) > 0 {
		return command.Later{}, nil
	}
	t.do(&LinesAdded{c.At, totals})
	t.settle()
	return t.placeReply(), nil
}

// added prices the lines of an addition. Their ids go on where the order's ended.
func (t *turn) added(c *Add) ([]Line, bill.Totals, error) {
	if len(t.s.Lines)+len(c.Lines) > menu.LinesMax {
		return nil, bill.Totals{}, invalid("/lines", "length")
	}
	lines := slices.Clone(c.Lines)
	for i := range lines {
		if lines[i].ID == "" {
			lines[i].ID = strconv.Itoa(len(t.s.Lines) + i + 1)
		}
		if slices.ContainsFunc(t.s.Lines, func(l Line) bool { return l.ID == lines[i].ID }) {
			return nil, bill.Totals{}, invalid("/lines/"+strconv.Itoa(i)+"/id", "id")
		}
	}
	p := &Place{Header: c.Header, Type: t.s.Type, Guests: t.s.Guests, Total: c.Total}
	p.ID, p.Channel = command.ID(t.s.ID), t.s.Channel
	out, totals, err := t.price(p, lines, nil, t.s.Lines)
	for l := range out {
		for i := range out[l].Items {
			out[l].Items[i].AddedAt = command.At(c.At)
		}
	}
	return out, totals, err
}

// finishAdding takes the lines in, or lets go what was taken for them.
func (t *turn) finishAdding() Reply {
	asked := t.s.Adding.Asked
	no := t.soldOut()
	if no == nil {
		totals := bill.Total(t.today, t.s.Type, t.s.Guests, appendBillLines(t.s.billLines(), t.s.ID, t.s.Adding.Lines), t.s.Off)
		t.do(&LinesAdded{t.h.At, totals.Less(t.s.Allowed)})
		t.settle()
		return command.Settled{ID: asked, Reply: t.placeReply()}
	}
	t.dropAdding()
	return command.Settled{ID: asked, Refusal: no}
}

// dropAdding lets go of an addition, and says whose it was.
func (t *turn) dropAdding() (asked command.ID) {
	if t.s.Adding == nil {
		return ""
	}
	asked = t.s.Adding.Asked
	var back []Take
	for _, a := range t.asks(t.s.Adding.Lines) {
		i := slices.IndexFunc(t.s.Takes, func(x Take) bool { return x.Stock == a.Stock })
		if i < 0 {
			continue
		}
		k := t.s.Takes[i]
		back = append(back, Take{Stock: k.Stock, Want: k.Had, Rev: k.Rev + 1, Back: true})
	}
	t.do(&LinesRefused{back})
	return asked
}

// tooLate answers whoever added to an order that ended before its stock had answered; ""
// is nobody.
func (t *turn) tooLate(asked command.ID) Reply {
	if asked == "" {
		return nil
	}
	return command.Settled{ID: asked, Refusal: errState.With(refusal.Fields{Kind: "order", ID: t.s.ID, State: string(t.s.State)})}
}

// PreviewAdd prices an addition without making it.
func PreviewAdd(s State, c *Add) (*PlaceReply, []Take, error) {
	if s.ID == "" {
		return nil, nil, ErrUnknown.With(refusal.Fields{Kind: "order", ID: c.Order})
	}
	events, _, err := Decide(s, c)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range events {
		s = Apply(s, e)
	}
	var asks []Take
	if s.Adding != nil {
		asks = events[0].(*LinesSent).Ask
		s.Lines = append(slices.Clone(s.Lines), s.Adding.Lines...)
		t := &turn{s: &s, h: &c.Header, today: storeOf(c)}
		s.total(bill.Total(t.today, s.Type, s.Guests, s.billLines(), s.Off).Less(s.Allowed))
	}
	return placeReply(&s), asks, nil
}

// flagShort marks the items of a scheduled order whose stock was not there on its day:
// they are flagged, never dropped.
func (t *turn) flagShort() {
	var items []string
	for i := range t.s.Takes {
		k := &t.s.Takes[i]
		if k.Denied == nil {
			continue
		}
		for l := range t.s.Lines {
			line := &t.s.Lines[l]
			if line.takes(k.Stock) == 0 {
				continue
			}
			for j := range line.Items {
				if line.Items[j].Flag == "" && line.Items[j].live() {
					items = append(items, line.Items[j].ID)
				}
			}
		}
	}
	if len(items) > 0 {
		t.do(&Shorted{items})
	}
}

const dishHeld = "dish_held"

// flagDish marks what nobody has begun to cook when its dish is held, and takes the mark
// away when the hold is over.
func (t *turn) flagDish(c *FlagDish) {
	if t.s.State.Final() {
		return
	}
	from, to := "", dishHeld
	if !c.Held {
		from, to = dishHeld, ""
	}
	items := t.s.every(func(i *Item) bool {
		return i.Dish == c.Dish && i.Flag == from && (!c.Held || i.State == Held || i.State == Queued)
	})
	if len(items) > 0 {
		t.do(&DishFlagged{items, to})
	}
}
