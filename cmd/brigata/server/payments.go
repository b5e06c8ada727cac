package server

import (
	"net/http"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/gateway"
	"github.com/brigata/brigata/gateway/payments"
	"github.com/brigata/brigata/gateway/payments/accounts"
	"github.com/brigata/brigata/gateway/printing"
)

// tills reads which accounts the node has at payment providers.
func (n *Node) tills() (payments.Accounts, error) {
	if n.options.Payments == "" {
		return nil, nil
	}
	return accounts.Load(n.options.Payments)
}

// drive starts doing providers' and printers' work for the cells that are opened from now on.
func (n *Node) drive(tills payments.Accounts) {
	if len(tills) > 0 {
		log := archive{actors.Archive{Journal: n.journal}}
		n.payments = payments.NewDriver(payments.Config{Engine: n.host, Accounts: tills, Log: n.options.Log,
			Live: log.Live, Reports: log.Reports, Stores: n.Stores})
	}
	n.printing = printing.NewDriver(printing.Config{Engine: n.host, Log: n.options.Log})
}

// notifications takes what providers say; nil: there are none.
func (n *Node) notifications(e gateway.Engine) http.Handler {
	if n.payments == nil {
		return nil
	}
	return n.payments.Notifications(e)
}

// reconcile compares a store's payments with its providers' statements; nil: there are none.
func (n *Node) reconcile() gateway.Reconcile {
	if n.payments == nil {
		return nil
	}
	return n.payments.Reconcile
}
