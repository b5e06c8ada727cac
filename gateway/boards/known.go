package boards

import (
	"slices"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/printer"
	"github.com/brigata/brigata/actors/sensor"
	"github.com/brigata/brigata/actors/stock"
	"github.com/brigata/brigata/actors/table"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/actors/workorder"
)

// Known returns the newest published view of each entity of a store that lives, in no
// order: what another node needs to show the same boards.
func (b *Boards) Known(storeID string) []actors.View {
	x := b.find(storeID)
	if x == nil {
		return nil
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	all := make([]actors.View, 0, len(x.orders)+len(x.tables)+len(x.stocks)+len(x.probes)+len(x.works)+2)
	add := func(kind, id string, v int64, view any) {
		all = append(all, actors.View{Store: storeID, Target: command.Target{Kind: kind, ID: id}, V: v, View: view, Live: true})
	}
	for id, o := range x.orders {
		if o.live {
			add("order", id, o.v, o.view)
		}
	}
	for id, t := range x.tables {
		add("table", id, t.v, t.view)
	}
	for id, s := range x.stocks {
		add("stock", id, s.v, s.view)
	}
	for id, p := range x.probes {
		if p.live {
			add("sensor", id, p.v, p.view)
		}
	}
	for id, w := range x.works {
		add("workorder", id, w.v, w.view)
	}
	for id, p := range x.papers {
		add("printer", id, p.v, p.view)
	}
	if x.store.view != nil {
		add("store", storeID, x.store.v, x.store.view)
	}
	if x.menu.view != nil {
		add("menu", storeID, x.menu.v, x.menu.view)
	}
	return all
}

// Stores lists the stores of which anything is known, and whether somebody watches them.
func (b *Boards) Stores() map[string]bool {
	b.mu.RLock()
	defer b.mu.RUnlock()
	all := make(map[string]bool, len(b.stores))
	for id, x := range b.stores {
		x.mu.Lock()
		if len(x.topics) > 0 || x.store.view != nil || len(x.orders)+len(x.tables)+len(x.stocks)+len(x.probes)+len(x.works)+len(x.papers) > 0 {
			all[id] = len(x.topics) > 0
		}
		x.mu.Unlock()
	}
	return all
}

// Forget drops what is known of a store that nobody watches: it lives elsewhere. It says
// whether it did.
func (b *Boards) Forget(storeID string) bool {
	x := b.find(storeID)
	if x == nil {
		return true
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.topics) > 0 {
		return false
	}
	x.orders, x.tables, x.stocks = map[string]held[order.View]{}, map[string]held[table.View]{}, map[string]held[stock.View]{}
	x.probes, x.works, x.sessions = map[string]held[sensor.View]{}, map[string]held[workorder.View]{}, map[string]string{}
	x.papers, x.seen = map[string]held[printer.View]{}, map[string]*wire.Pass{}
	x.store.view, x.menu.view = nil, nil
	x.store.v, x.menu.v = 0, 0
	return true
}

// ShowNodes brings the nodes of the cluster onto every topic nodes. v ascends.
func (b *Boards) ShowNodes(v int64, all []wire.Node) {
	b.nodes.Store(&nodeList{v, slices.Clone(all)})
	b.mu.RLock()
	defer b.mu.RUnlock()
	for _, x := range b.stores {
		x.mu.Lock()
		if x.nodes != nil {
			x.putNodes(b.nodes.Load())
		}
		x.mu.Unlock()
	}
}

type nodeList struct {
	v   int64
	all []wire.Node
}

func (b *board) putNodes(l *nodeList) {
	if l == nil {
		return
	}
	here := map[string]bool{}
	for i := range l.all {
		key := "node/" + l.all[i].ID
		here[key] = true
		b.nodes.put(key, l.v, &l.all[i])
	}
	for _, key := range b.nodes.Keys() {
		if !here[key] {
			b.nodes.Delete(key)
		}
	}
}
