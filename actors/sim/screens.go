package sim

import (
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/store"
)

// Screens are what stands behind the nodes of a run. They are told what nodes show, and change
// nothing of the run: it has the hash that it has without them.
type Screens interface {
	// Shown takes what one life of a node shows, as its host does, at the time of its clock.
	Shown(life any, now time.Time, today *store.Today, views []actors.View)
	// Rest is the end, for the life that has the store's cell: all that the log holds, at
	// its newest version, and what of it ended or was taken out when no life was there to show it. It says
	// what is wrong, if anything is.
	Rest(life any, now time.Time, today *store.Today, all, unseen []actors.View) string
}

// Watched is Run with screens behind the nodes: what they say is wrong is a violation of I9.
func Watched(p *Plan, s Screens) Result {
	w := newWorld(p, nil)
	w.screens = s
	w.guarded()
	return w.result()
}

// screensAtRest asks the screens of whoever has the store's cell.
func (k *checks) screensAtRest() {
	for _, n := range k.world.nodes {
		if n.keeping == nil || !n.keeping.answers(storeID) || k.violation != "" {
			continue
		}
		var all, unseen []actors.View
		for _, e := range k.order {
			view := e.fold.View(k.today)
			if view == nil {
				continue
			}
			if e.by == nil {
				return // nothing told the node of an intruder
			}
			v := actors.View{Store: storeID, Target: command.Target{Kind: e.fold.Kind, ID: e.fold.ID}, V: e.fold.V, View: view, Live: e.fold.Live()}
			all = append(all, v)
			if !v.Live && (e.by != n.process || e.by.lapsed) {
				unseen = append(unseen, v)
			}
		}
		if wrong := k.world.screens.Rest(n.process, n.clock(), n.host.Today(storeID), all, unseen); wrong != "" {
			k.fail("I9", "%s", wrong)
		}
	}
}
