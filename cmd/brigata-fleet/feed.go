package main

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/brigata/brigata/cmd/brigata/client"
)

// screens are clients that show a topic of a store all the while, each from a node of its
// own, as a kitchen does: what they were pushed, and resumed where a socket broke, must
// in the end be what the log says.
type screens struct {
	fleet  *fleet
	all    []*screen
	cancel context.CancelFunc
	tasks  sync.WaitGroup
}

// screen is one of them.
type screen struct {
	store, topic string
	token        string
	at           int // node

	mu    sync.Mutex
	epoch string
	seq   int64
	holds map[string]any
	live  bool // subscribed
	back  int  // sequences that did not ascend
}

// watched is how many stores are on screens.
const watched = 6

func startScreens(f *fleet, stores []string) (*screens, error) {
	x := &screens{fleet: f}
	ctx, cancel := context.WithCancel(context.Background())
	x.cancel = cancel
	for i, s := range stores[:min(len(stores), watched)] {
		token, err := f.token("screen-"+s, "manager", s)
		if err != nil {
			return nil, err
		}
		for k, topic := range []string{"kitchen.all", "stock"} {
			x.all = append(x.all, &screen{store: s, topic: topic, token: token, at: (i + k) % len(f.nodes), holds: map[string]any{}})
		}
	}
	for _, s := range x.all {
		x.tasks.Go(func() { s.run(ctx, f) })
	}
	return x, nil
}

func (x *screens) stop() {
	x.cancel()
	x.tasks.Wait()
}

func (s *screen) run(ctx context.Context, f *fleet) {
	for ctx.Err() == nil {
		s.show(ctx, f.nodes[s.at])
		s.mu.Lock()
		s.live = false
		s.mu.Unlock()
		s.at = (s.at + 1) % len(f.nodes)
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// silent is how long a screen waits for a push or a ping.
const silent = 3 * time.Second

// show follows the topic at a node until the connection ends, or is dead.
func (s *screen) show(ctx context.Context, n *node) {
	in, cancel := context.WithTimeout(ctx, silent)
	defer cancel()
	c, err := client.Dial(in, n.url(), s.token, "screen-"+s.topic)
	if err != nil {
		return
	}
	defer func() { go c.Close() }() // a dead peer's takes its time
	got, _, err := c.Subscribe(in, client.Sub{T: s.topic, E: s.epoch, S: s.seq})
	if err != nil || got[0].Err != nil {
		return
	}
	s.subscribed(&got[0])
	alive := time.NewTicker(silent)
	defer alive.Stop()
	probe := client.Sub{T: "menu"}
	for {
		select {
		case m, ok := <-c.Pushes():
			if !ok || m.Bye != nil || m.End != nil {
				return
			}
			s.take(&m)
		case <-alive.C:
			// Asking for something else is what tells a dead connection from a silent one.
			in, cancel := context.WithTimeout(ctx, silent)
			got, _, err := c.Subscribe(in, probe)
			cancel()
			if err != nil || got[0].Err != nil {
				return
			}
			probe.E, probe.S = got[0].E, got[0].S
		case <-ctx.Done():
			return
		}
	}
}

type held struct {
	K   string
	D   any
	Del bool
}

func (s *screen) subscribed(r *client.SubReply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Mode == "snap" {
		clear(s.holds)
	}
	s.apply(r.D)
	s.epoch, s.seq, s.live = r.E, r.S, true
}

func (s *screen) take(m *client.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case m.T != s.topic:
		return
	case m.Snap != nil:
		clear(s.holds)
		s.apply(m.Snap)
		s.epoch, s.seq = m.E, m.S
		return
	case m.S <= s.seq:
		s.back++
	}
	s.seq = m.S
	s.apply([]json.RawMessage{m.Raw})
}

func (s *screen) apply(all []json.RawMessage) {
	for _, b := range all {
		var e held
		switch {
		case json.Unmarshal(b, &e) != nil:
			s.back++
		case e.Del:
			delete(s.holds, e.K)
		default:
			s.holds[e.K] = e.D
		}
	}
}

// differs says what is wrong on the screen, or "".
func (s *screen) differs(l *ledger) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, _ := json.Marshal(s.holds)
	switch {
	case s.back > 0:
		return fmt.Sprintf("%s/%s went back", s.store, s.topic)
	case !s.live:
		return fmt.Sprintf("%s/%s is not connected", s.store, s.topic)
	case string(b) != l.expected(s.store, s.topic):
		return fmt.Sprintf("%s/%s differs on a screen", s.store, s.topic)
	}
	return ""
}
