package server

import (
	"context"
	"fmt"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/gateway/webhooks"
)

// openWebhooks starts telling partners of the orders in cells that are opened from now on.
func (n *Node) openWebhooks(ctx context.Context) (err error) {
	n.webhooks, err = webhooks.New(ctx, webhooks.Config{Database: n.side, Archive: actors.Archive{Journal: n.journal},
		Here: func(store string) bool { return n.host.Today(store) != nil }, AllowPrivate: n.options.WebhookAllowPrivate,
		Hooks: n.told.Webhooks(), Log: n.options.Log})
	if err != nil {
		return fmt.Errorf("open the webhooks: %w", err)
	}
	return nil
}
