package sim

import (
	"time"

	"github.com/brigata/brigata/actors/journal"
	"github.com/brigata/brigata/actors/mutant"
	"github.com/brigata/brigata/actors/stock"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/persistence/memory"
)

// strike lets a fault happen.
func (w *World) strike(f Fault) {
	n := w.nodes[f.Node]
	w.faults++
	w.tell("FAULT %s of node %d", f.Kind, f.Node)
	switch f.Kind {
	case "crash", "respawn":
		n.crash(f.For)
	case "restart":
		n.restart()
	case "pause":
		if n.process != nil {
			n.process.paused = max(n.process.paused, w.now+f.For)
		}
	case "dbcut":
		n.toDB, n.fromDB = true, true
		w.after(f.For, func() { n.toDB, n.fromDB = false, false })
	case "dbmute":
		n.fromDB = true
		w.after(f.For, func() { n.fromDB = false })
	case "gwcut":
		n.cutOff = true
		w.after(f.For, func() { n.cutOff = false })
	case "dbcrash":
		w.db.crash(f.For)
	case "intruder":
		w.db.intrude()
	case "suspend": // the machine sleeps
		if n.process != nil {
			n.process.paused = max(n.process.paused, w.now+f.For)
		}
		if mutant.Is(mutant.FrozenClock) {
			n.frozen += time.Duration(f.For) * time.Microsecond
		}
	case "gossip":
		n.unseen = true
		w.after(f.For, func() { n.unseen = false })
	case "stray":
		n.strays = 1
	case "clock":
		n.offset += time.Duration(f.For) * time.Microsecond
	}
}

// heal ends all that is wrong.
func (w *World) heal() {
	w.tell("everything heals")
	w.healed = true
	w.db.up = true
	for _, n := range w.nodes {
		n.toDB, n.fromDB, n.cutOff, n.unseen = false, false, false, false
		if n.process == nil {
			n.start()
		} else {
			n.process.paused = 0
		}
	}
}

// intrude writes a legal event into a cell that is running, as somebody with a repair
// tool might: the cell must notice, and give way.
func (d *database) intrude() {
	all := d.world.checks.entities("stock")
	if !d.up || len(all) == 0 {
		return
	}
	e := all[d.world.rng.IntN(len(all))]
	if d.slots[slot{e.key, e.fold.V + 1}] > 0 {
		return
	}
	at := d.world.time().Truncate(time.Millisecond)
	if at.Before(e.at) {
		at = e.at
	}
	turn := &wire.Turn{At: at, Events: []any{&stock.Restocked{At: at, Qty: 1}}}
	b := &journal.Batch{Token: 1, Pos: 1, Rows: []journal.Row{{Key: e.key, Cell: storeID, Kind: e.kind, Seq: e.fold.V + 1, N: 1,
		Payload: wire.AppendTurn(nil, turn)}}}
	if d.rows.Open(memory.Options{}).Commit(b) == nil {
		d.world.checks.committed(nil, b)
	}
}
