package server

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/workorder"
	"github.com/brigata/brigata/gateway"
	"github.com/brigata/brigata/persistence/sqlite"
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

// backup sends a copy of the SQLite database, made while it is in use. A Postgres has
// tools of its own for that: nil.
func (n *Node) backup() http.Handler {
	j, ok := n.journal.(*sqlite.Journal)
	if !ok {
		return nil
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		dir, err := os.MkdirTemp(n.options.Data, ".backup-*")
		if err == nil {
			defer os.RemoveAll(dir)
			file := filepath.Join(dir, "brigata.db")
			if err = j.Backup(r.Context(), file); err == nil {
				w.Header().Set("Content-Disposition", `attachment; filename="brigata-`+time.Now().UTC().Format("20060102T150405Z")+`.db"`)
				w.Header().Set("Content-Type", "application/vnd.sqlite3")
				http.ServeFile(w, r, file)
				return
			}
		}
		n.options.Log.Error("backup", "error", err)
		http.Error(w, "the backup failed; the node's log says why", http.StatusInternalServerError)
	})
}
