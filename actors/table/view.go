package table

import (
	"time"

	"github.com/brigata/brigata/actors/bill"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/order"
)

// View is a table as its guests and the staff see it; the bill comes with it.
type View struct {
	ID       string       `json:"id"`
	Name     string       `json:"name"`
	Area     string       `json:"area"`
	State    Status       `json:"state"`
	Session  string       `json:"session,omitzero"`
	SeatedAt time.Time    `json:"seated_at,omitzero"`
	Guests   int          `json:"guests,omitzero"`
	Server   *command.Who `json:"server,omitzero"`
	People   []Person     `json:"people"`
	Cart     Cart         `json:"cart"`
	Calls    []Call       `json:"calls"`
	Bill     *bill.View   `json:"bill,omitzero"`

	// For the floor only.
	Phase  string       `json:"phase,omitzero"`
	Orders []string     `json:"order_ids,omitzero"` // placed ones, of this session
	Items  order.Counts `json:"items,omitzero"`
	LateAt time.Time    `json:"late_at,omitzero"`
	Joined []string     `json:"joined,omitzero"` // sessions that were merged into this one

	account bill.Account
	totals  bill.Totals
	lines   []bill.Line
}

// Cart is the shared cart.
type Cart struct {
	V        int64      `json:"cart_v"`
	Subtotal int64      `json:"subtotal"`
	Lines    []CartLine `json:"lines"`
}

// ViewOf is what others may see. WithBill completes it.
func ViewOf(s State) *View {
	x := &s.Session
	v := &View{ID: s.ID, Name: s.ID, State: s.status(), Session: x.ID, SeatedAt: x.SeatedAt, Guests: x.Guests, Server: x.Server,
		People: x.People, Cart: Cart{x.CartV, x.cartTotal(), x.Cart}, Calls: x.Calls, Joined: x.Joined,
		account: x.Account, totals: x.totals(), lines: x.lines()}
	if v.People == nil {
		v.People = []Person{}
	}
	if v.Cart.Lines == nil {
		v.Cart.Lines = []CartLine{}
	}
	if v.Calls == nil {
		v.Calls = []Call{}
	}
	served := true
	for i := range x.Orders {
		e := &x.Orders[i]
		if !e.counts() {
			continue
		}
		v.Orders = append(v.Orders, e.Order)
		v.Items = v.Items.Plus(e.Items)
		if !e.LateAt.IsZero() && (v.LateAt.IsZero() || e.LateAt.Before(v.LateAt)) {
			v.LateAt = e.LateAt
		}
		served = served && e.Items.Held+e.Items.Queued+e.Items.Cooking+e.Items.Ready == 0
	}
	switch {
	case !s.occupied():
	case len(v.Orders) == 0:
		v.Phase = "ordering"
	case served:
		v.Phase = "eating"
	default:
		v.Phase = "waiting"
	}
	return v
}

// WithBill adds the bill in the store's currency.
func (v *View) WithBill(currency string, included bool) *View {
	v.Bill = bill.ViewOf(currency, included, v.Orders, v.totals, v.account, v.lines)
	return v
}
