package gateway

import (
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/payment"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/gateway/auth"
)

var errSessionOver = refusal.New(refusal.Closed, "", "The table is not open").With(refusal.Fields{Kind: "session"})

// owns refuses a command of somebody who reaches only what is their own, when it is for
// another's table or order. What is there and what is not are refused alike. Payments are
// left to their rules, which know who made them.
func (s *Server) owns(who *auth.Principal, name, storeID string, t command.Target, c command.Command) *refusal.Refusal {
	if who.Scope(name) != auth.Own {
		return nil
	}
	here := s.boards.TableOf(storeID, who.Session)
	if who.Session != "" && here == "" {
		return errSessionOver
	}
	at, id := "", ""
	switch c := c.(type) {
	case *order.Place:
		at = c.Table
	case *payment.Create:
		at, id = c.Table, c.Order
	default:
		switch t.Kind {
		case "table":
			at = t.ID
		case "order":
			id = t.ID
		}
	}
	if at != "" && at != here || id != "" && !s.boards.OwnsOrder(storeID, readerOf(who), id) {
		return forbidden(name)
	}
	return nil
}
