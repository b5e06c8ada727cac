package boards

import (
	"slices"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/table"
	"github.com/brigata/brigata/actors/wire"
)

// Epoch is the node's, which positions in a topic belong to.
func (b *Boards) Epoch() string { return b.config.Epoch }

// TableOf returns the table at which a session is now, merged ones too; "" for none.
func (b *Boards) TableOf(storeID, session string) string {
	x := b.find(storeID)
	if x == nil || session == "" {
		return ""
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.sessions[session]
}

// OwnsOrder says that there is such an order, and that it is the client's to see.
func (b *Boards) OwnsOrder(storeID string, c *Client, id string) bool {
	x := b.find(storeID)
	if x == nil {
		return false
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	v := x.orders[id].view
	if v == nil {
		if t := x.ofOrder[id]; t != nil {
			v = t.order.view
		}
	}
	return v != nil && (!c.outside() || x.mine(c, v))
}

// Learn takes what the host has answered of a table, if it is newer than what is known.
func (b *Boards) Learn(storeID string, a actors.Answer) {
	v, ok := a.View.(*table.View)
	if !ok || v == nil {
		return
	}
	x := b.board(storeID)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.putTable(a.V, v)
}

// AppendFloor appends all tables of a store as the floor shows them, separated by commas.
func (b *Boards) AppendFloor(to []byte, storeID string) []byte {
	today := b.config.Today(storeID)
	if today == nil {
		return to
	}
	x, now := b.board(storeID), b.config.Now()
	x.mu.Lock()
	defer x.mu.Unlock()
	for i := range today.Config.Tables {
		at := &today.Config.Tables[i]
		v := x.tables[at.ID].view
		if v == nil {
			v = &table.View{ID: at.ID, State: table.Free}
		}
		if i > 0 {
			to = append(to, ',')
		}
		to = wire.AppendFloor(to, v, at, today.Config.Currency, now)
	}
	return to
}

// AppendStock appends all that is counted in a store, by name, separated by commas.
func (b *Boards) AppendStock(to []byte, storeID string) []byte {
	x := b.board(storeID)
	x.mu.Lock()
	defer x.mu.Unlock()
	ids := make([]string, 0, len(x.stocks))
	for id := range x.stocks {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for i, id := range ids {
		if i > 0 {
			to = append(to, ',')
		}
		to = wire.AppendString(append(to, `{"id":`...), id)
		if rest := wire.AppendView(nil, x.stocks[id].view, wire.Staff); len(rest) > 2 {
			to = append(append(to, ','), rest[1:]...)
		} else {
			to = append(to, '}')
		}
	}
	return to
}
