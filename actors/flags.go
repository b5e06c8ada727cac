package actors

import (
	"maps"
	"slices"
	"strings"

	"github.com/brigata/brigata/actors/stock"
)

// flagged tells the orders in memory when food of a dish is held, or not any more.
func (c *cell) flagged(id string, v *stock.View) {
	dish, ok := strings.CutPrefix(id, "dish/")
	if !ok || v == nil {
		return
	}
	held := v.Mode == stock.Held
	c.mu.Lock()
	changed := c.held[dish] != held
	if changed && held {
		c.held[dish] = true
	} else if changed {
		delete(c.held, dish)
	}
	c.mu.Unlock()
	if !changed {
		return
	}
	for _, e := range c.all() {
		if e.kind.name == "order" {
			e.tell(flag{dish, held})
		}
	}
}

// flags tells an order that has come into memory which dishes are held.
func (c *cell) flags(e *entity) {
	if e.kind.name != "order" {
		return
	}
	c.mu.Lock()
	dishes := slices.Sorted(maps.Keys(c.held))
	c.mu.Unlock()
	for _, d := range dishes {
		e.tell(flag{d, true})
	}
}
