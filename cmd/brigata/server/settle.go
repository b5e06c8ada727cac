package server

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/command"
)

const (
	settleEach  = 64 // entities that are read at once
	settleAgain = time.Second
	settleTries = 60
)

// settling looks what ended in stores whose cells are opened here again.
type settling struct {
	ctx    context.Context
	end    context.CancelFunc
	tasks  sync.WaitGroup
	mu     sync.Mutex
	opened map[string]bool // stores whose cells were open here
}

func (s *settling) init() {
	s.ctx, s.end = context.WithCancel(context.Background())
	s.opened = map[string]bool{}
}

func (s *settling) stop() {
	s.mu.Lock()
	s.end()
	s.mu.Unlock()
	s.tasks.Wait()
}

// run runs f, unless the node stops.
func (s *settling) run(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() == nil {
		s.tasks.Go(f)
	}
}

// reopened notes that a store's cell was opened, and says whether it had been open before.
func (s *settling) reopened(storeID string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.opened[storeID]
	s.opened[storeID] = true
	return was
}

// settle has the boards shown what ended since the store was last shown here: its cell has shown
// all that lives, and they may still show more. It does not block.
func (n *Node) settle(storeID string) {
	n.settling.run(func() {
		var left []command.Target
		for _, v := range n.gateway.Known(storeID) {
			switch v.Target.Kind {
			case "order", "workorder", "sensor": // the others do not end
				left = append(left, v.Target)
			}
		}
		for try := 1; ; try++ {
			left = n.showEnded(storeID, left)
			if len(left) == 0 || n.host.Today(storeID) == nil { // whoever opens it next sees to it
				return
			}
			if try == settleTries {
				n.options.Log.Error("boards may show what has ended", "store", storeID, "entities", len(left))
				return
			}
			select {
			case <-time.After(settleAgain):
			case <-n.settling.ctx.Done():
				return
			}
		}
	})
}

// showEnded reads entities, shows those that have ended, and returns those that were not read.
// What lives is not shown: it was, and may have ended since it was read.
func (n *Node) showEnded(storeID string, all []command.Target) (left []command.Target) {
	type answer struct {
		of command.Target
		actors.Answer
	}
	for some := range slices.Chunk(all, settleEach) {
		answers := make(chan answer, len(some))
		for _, t := range some {
			n.host.Do(&actors.Request{Store: storeID, Target: t, Deadline: time.Now().Add(readIn),
				To: tellFunc(func(a actors.Answer) { answers <- answer{t, a} })})
		}
		var ended []actors.View
		for range some {
			select {
			case a := <-answers:
				switch {
				case a.Refusal != nil && a.Refusal.Code.Retry():
					left = append(left, a.of)
				case a.View != nil && !a.Live:
					ended = append(ended, actors.View{Store: storeID, Target: a.of, V: a.V, View: a.View})
				}
			case <-n.settling.ctx.Done():
				return nil
			}
		}
		n.show(ended)
	}
	return left
}
