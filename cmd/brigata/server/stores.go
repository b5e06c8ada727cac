package server

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/cluster/cells"
)

// once takes one answer.
type once chan actors.Answer

func (o once) Reply(_ int64, a actors.Answer) { o <- a }

var errLateAnswer = &refusal.Refusal{Code: refusal.Unavailable, Message: "No answer in time",
	Fields: refusal.Fields{What: "deadline"}, AfterMS: 1000}

// Apply loads a store document: its menu first, for stock takes its names from there.
// A document that was loaded before changes nothing. id, unless "", must be the document's.
func (n *Node) Apply(ctx context.Context, id string, doc []byte) ([]byte, *refusal.Refusal) {
	c, m, text, err := wire.DecodeStoreFile(doc)
	if err != nil {
		return nil, refusal.Of(err)
	}
	if id != "" && c.ID != id {
		return nil, refusal.Faults(refusal.Fault{At: "/id", Reason: "id"})
	}
	at, err := n.create(ctx, c.ID)
	switch {
	case err != nil:
		n.options.Log.Error("store not opened", "store", c.ID, "error", err)
		return nil, &refusal.Refusal{Code: refusal.Unavailable, Message: "The database does not answer",
			Fields: refusal.Fields{What: "database"}, AfterMS: 1000}
	case !at.Mine && n.joined == nil:
		return nil, &refusal.Refusal{Code: refusal.Moved, Message: "Another node has the store",
			Fields: refusal.Fields{What: "node"}, AfterMS: 1000}
	case !at.Mine:
		return n.joined.bring(at, c.ID, doc)
	}
	defer n.chains.hold(c)()
	if t := n.host.Today(c.ID); t != nil { // before the menu is loaded
		if no := store.CheckChange(t.Config, c, nil); no != nil {
			return nil, no
		}
	}
	switch {
	case m != nil:
		if a := n.do(ctx, c.ID, "menu", &menu.Load{Menu: m, Text: text, Seller: c}); a.Refusal != nil {
			return nil, a.Refusal
		}
	case c.MenuFrom != nil:
		if no := n.chains.first(ctx, c); no != nil {
			return nil, no
		}
	}
	a := n.do(ctx, c.ID, "store", &store.Configure{Config: c})
	if a.Refusal != nil {
		return nil, a.Refusal
	}
	if err := n.host.Flush(ctx); err != nil { // what the stock starts with, too
		return nil, errLateAnswer
	}
	if n.http != nil {
		if err := n.writeLocal(); err != nil {
			n.options.Log.Error("local.json not written", "error", err)
		}
	}
	return a.D, nil
}

// create sees to it that a store has a cell, open here or elsewhere.
func (n *Node) create(ctx context.Context, id string) (cells.Owner, error) {
	if r := n.placed.Load(); r != nil {
		return r.Create(ctx, id)
	}
	if err := n.host.Open(ctx, id); err != nil {
		return cells.Owner{}, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if at, had := slices.BinarySearch(n.stores, id); !had {
		n.stores = slices.Insert(n.stores, at, id)
	}
	return cells.Owner{Mine: true, Open: true}, nil
}

// do executes a command of the operator's.
func (n *Node) do(ctx context.Context, storeID, kind string, c command.Command) actors.Answer {
	got := make(once, 1)
	n.host.Do(&actors.Request{Store: storeID, Target: command.Target{Kind: kind, ID: storeID}, Command: c, ID: newID(),
		By: command.Who{ID: "system", Name: "Brigata", Role: command.Admin}, Principal: "system", To: got})
	select {
	case a := <-got:
		return a
	case <-ctx.Done():
		return actors.Answer{Refusal: errLateAnswer}
	}
}

// today returns the values of a store, wherever it is; nil when there is no such store.
func (n *Node) today(id string) *store.Today {
	if n.joined != nil {
		return n.joined.routes.Today(id)
	}
	return n.host.Today(id)
}

// document is a store's document as it stands; nil when there is no such store.
func (n *Node) document(id string) []byte {
	t := n.today(id)
	if t == nil {
		return nil
	}
	return wire.AppendStoreFile(nil, t.Config, t.Menu)
}

// newID mints a UUIDv7.
func newID() command.ID {
	var id [16]byte
	_, _ = rand.Read(id[6:])
	ms := uint64(time.Now().UnixMilli())
	binary.BigEndian.PutUint32(id[:4], uint32(ms>>16))
	binary.BigEndian.PutUint16(id[4:6], uint16(ms))
	id[6], id[8] = id[6]&0x0f|0x70, id[8]&0x3f|0x80
	h := hex.EncodeToString(id[:])
	return command.ID(h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:])
}
