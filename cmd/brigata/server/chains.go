package server

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/actors/wire"
)

// chains keeps the menus of the stores that are here, and sell from another store's, up
// with that one. Each is loaded into its store as a version of its own: it outlives a node,
// and the other store need not answer for this one to sell.
type chains struct {
	node   *Node
	wake   chan struct{}
	ctx    context.Context
	cancel context.CancelFunc
	tasks  sync.WaitGroup

	// loading is held by whoever loads a menu, and all of it by who loads a document: the
	// menu and the configuration that asks for it are two commands.
	loading sync.RWMutex

	mu      sync.Mutex
	follows map[string]made // stores that are here
}

// made is what a store's menu was last made of.
type made struct {
	config *store.Config
	menu   *menu.Menu
}

const (
	// chainsEach is how often all are looked at, whatever was heard.
	chainsEach = 30 * time.Second
	// chainsAgain is how soon what failed is tried again.
	chainsAgain = time.Second
	chainsMax   = 32 // menus loaded at a time
	chainIn     = 5 * time.Second
)

func newChains(n *Node) *chains {
	c := &chains{node: n, wake: make(chan struct{}, 1), follows: map[string]made{}}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.tasks.Go(c.run)
	return c
}

// Stop ends it.
func (c *chains) Stop() {
	c.cancel()
	c.tasks.Wait()
}

// publish takes the views of cells that are here. It does not block.
func (c *chains) publish(views []actors.View) {
	for i := range views {
		v := &views[i]
		switch v.Target.Kind {
		case "menu":
			c.renewed(v.Store)
		case "store":
			c.configured(v.Store)
		}
	}
}

// configured notes a store that sells from another's menu.
func (c *chains) configured(id string) {
	t := c.node.host.Today(id)
	if t == nil || t.MenuStore() == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if had, ok := c.follows[id]; !ok || had.config != t.Config {
		c.follows[id] = had
		c.kick()
	}
}

// renewed hears that a store's menu may have changed.
func (c *chains) renewed(string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.follows) > 0 {
		c.kick()
	}
}

func (c *chains) kick() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *chains) run() {
	timer := time.NewTimer(chainsEach)
	defer timer.Stop()
	for {
		select {
		case <-c.wake:
		case <-timer.C:
		case <-c.ctx.Done():
			return
		}
		next := chainsEach
		if !c.pass() {
			next = chainsAgain
		}
		timer.Reset(next)
	}
}

// pass brings every menu up that is behind. It reports false if that is to be tried again.
func (c *chains) pass() bool {
	c.mu.Lock()
	ids := make([]string, 0, len(c.follows))
	for id := range c.follows {
		ids = append(ids, id)
	}
	c.mu.Unlock()
	var (
		wg    sync.WaitGroup
		gate  = make(chan struct{}, chainsMax)
		again atomic.Bool
		menus = map[string]*menu.Menu{} // looked up once: a node that does not answer is waited for
	)
	for _, id := range ids {
		t := c.node.host.Today(id)
		if t == nil || t.MenuStore() == "" {
			c.forget(id)
			continue
		}
		of := t.MenuStore()
		m, known := menus[of]
		if !known {
			m = c.menu(of)
			menus[of] = m
		}
		gate <- struct{}{}
		wg.Go(func() {
			defer func() { <-gate }()
			if !c.follow(id, m) {
				again.Store(true)
			}
		})
	}
	wg.Wait()
	return !again.Load()
}

// menu is a store's published menu; nil if there is none, or nobody says.
func (c *chains) menu(id string) *menu.Menu {
	t := c.node.today(id)
	if t == nil {
		return nil
	}
	return t.Menu
}

// follow makes a store's menu of m, unless it is. It reports false if that is to be tried
// again.
func (c *chains) follow(id string, m *menu.Menu) bool {
	c.loading.RLock()
	defer c.loading.RUnlock()
	t := c.node.host.Today(id)
	if t == nil || t.MenuStore() == "" {
		c.forget(id)
		return true
	}
	now := made{t.Config, m}
	c.mu.Lock()
	done := c.follows[id] == now
	c.mu.Unlock()
	if done {
		return true
	}
	ctx, cancel := context.WithTimeout(c.ctx, chainIn)
	defer cancel()
	if no := c.load(ctx, t.Config, m); no != nil {
		c.node.options.Log.Warn("menu does not follow", "store", id, "of", t.MenuStore(), "error", no)
		if no == errNoMenu { // its node's word that it has wakes us
			return true
		}
		if no.Code.Retry() {
			return false
		}
	}
	c.mu.Lock()
	c.follows[id] = now
	c.mu.Unlock()
	return true
}

func (c *chains) forget(id string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.follows, id)
}

var errNoMenu = &refusal.Refusal{Code: refusal.Unavailable, Message: "The store that the menu is of has published none, or does not answer",
	Fields: refusal.Fields{What: "node"}, AfterMS: chainsAgain.Milliseconds()}

// load makes the menu that a configuration asks for of m.
func (c *chains) load(ctx context.Context, config *store.Config, m *menu.Menu) *refusal.Refusal {
	switch {
	case m == nil:
		return errNoMenu
	case m.Currency != config.Currency:
		return refusal.Faults(refusal.Fault{At: "/menu_from/store", Reason: "currency"})
	}
	own := m.With(&config.MenuFrom.Overrides)
	return c.node.do(ctx, config.ID, "menu",
		&menu.Load{Menu: own, Text: wire.MenuText(own), From: config.MenuFrom.Store, Of: m.Version, Seller: config}).Refusal
}

// hold keeps menus from being loaded until the document of c is, if that or the one before
// asks for another store's.
func (c *chains) hold(config *store.Config) (release func()) {
	if t := c.node.host.Today(config.ID); config.MenuFrom == nil && (t == nil || t.MenuStore() == "") {
		return func() {}
	}
	c.loading.Lock()
	return c.loading.Unlock
}

// first loads the menu of a document before the rest of it, for stock takes its names from
// there. One that is not to be had yet comes later; a store that does not exist has none.
func (c *chains) first(ctx context.Context, config *store.Config) *refusal.Refusal {
	of := config.MenuFrom.Store
	if !slices.Contains(c.node.Stores(), of) {
		return refusal.New(refusal.NotFound, "", "There is no such store").With(refusal.Fields{Kind: "store", ID: of})
	}
	no := c.load(ctx, config, c.menu(of))
	if no == errNoMenu {
		return nil
	}
	return no
}
