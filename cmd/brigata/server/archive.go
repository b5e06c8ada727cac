package server

import (
	"context"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/workorder"
	"github.com/brigata/brigata/gateway"
)

// archive gives the gateway what has been, in the gateway's words.
type archive struct{ actors.Archive }

func (a archive) Orders(ctx context.Context, storeID string, q gateway.OrderQuery) (items []byte, next string, err error) {
	return a.Archive.Orders(ctx, storeID, actors.OrderQuery{State: order.Status(q.State), Table: q.Table, From: q.From, To: q.To,
		Limit: q.Limit, Cursor: q.Cursor})
}

func (a archive) WorkOrders(ctx context.Context, storeID string, q gateway.WorkOrderQuery) ([]*workorder.View, string, error) {
	return a.Archive.WorkOrders(ctx, storeID, actors.WorkOrderQuery{State: workorder.Status(q.State), From: q.From, To: q.To, Limit: q.Limit, Cursor: q.Cursor})
}

func (a archive) Reports(storeID string) actors.Reports {
	return actors.Reports{Archive: a.Archive, Store: storeID}
}
