package sim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/actors/wire"
)

// chain plays one client's steps.
type chain struct {
	world  *World
	steps  []Step
	at     int
	values map[string]string
	done   func()
}

func (c *chain) next() {
	if c.at == len(c.steps) {
		if c.done != nil {
			c.done()
		}
		return
	}
	s := c.steps[c.at]
	c.at++
	c.world.after(s.Wait, func() {
		call := &call{world: c.world, step: s, d: c.fill(s.D)}
		call.then = func(a *actors.Answer) {
			if a != nil {
				c.learn(a)
			}
			if !s.Ignore {
				c.next()
			}
		}
		call.begin()
		if s.Ignore {
			c.next()
		}
	})
}

var variable = regexp.MustCompile(`\$[a-z_]+`)

// fill puts in what earlier answers said.
func (c *chain) fill(d string) string {
	if !strings.Contains(d, "$") {
		return d
	}
	return variable.ReplaceAllStringFunc(d, func(name string) string {
		if v := c.values[name[1:]]; v != "" {
			return v
		}
		return "1"
	})
}

func (c *chain) learn(a *actors.Answer) {
	if c.values == nil || !bytes.Contains(a.D, []byte(`"total"`)) && !bytes.Contains(a.D, []byte(`"cart_v"`)) {
		return
	}
	var got map[string]any
	if json.Unmarshal(a.D, &got) != nil {
		return
	}
	for _, k := range []string{"total", "cart_v"} {
		if v, ok := got[k].(float64); ok {
			c.values[k] = fmt.Sprint(int64(v))
		}
	}
}

// call sends one command, or read, until it is answered.
type call struct {
	world *World
	step  Step
	d     string
	body  [16]byte

	to       int // node
	try      int
	retried  int     // the try that has been given up
	floors   []int64 // of a read: the version that was durable when each try began
	finished bool
	then     func(*actors.Answer) // nil: the phone has died
}

func (c *call) isRead() bool { return c.step.ID == "" }

func (c *call) begin() {
	if c.step.Tries == 0 {
		c.world.clients++
	}
	c.to = c.world.rng.IntN(len(c.world.nodes))
	if !c.isRead() && !c.loads() {
		var err error
		if c.body, err = wire.BodyHash(c.step.Cmd, []byte(c.d)); err != nil {
			panic(err)
		}
	}
	c.send()
}

func (c *call) send() {
	w := c.world
	if c.finished {
		return
	}
	if c.try++; c.step.Tries > 0 && c.try > c.step.Tries {
		c.finished = true
		w.after(0, func() { c.then(nil) })
		return
	}
	if c.isRead() {
		c.floors = append(c.floors, w.checks.durable(c.step.Read))
	}
	n, try := w.nodes[c.to], c.try
	w.net(n, func() { n.arrive(c, try) })
	w.after(w.between(500*millisecond, 900*millisecond), func() { c.again(try, 0) })
}

// again gives a try up for the next one.
func (c *call) again(try int, wait int64) {
	if c.finished || c.retried >= try {
		return
	}
	c.retried = try
	c.to = c.world.rng.IntN(len(c.world.nodes))
	c.world.after(wait, c.send)
}

// answered takes an answer that has come in.
func (c *call) answered(try int, a *actors.Answer) {
	w := c.world
	if a.Refusal != nil && a.Refusal.Code.Retry() {
		c.again(try, w.between(20*millisecond, 120*millisecond))
		return
	}
	if c.finished {
		return
	}
	c.finished = true
	if c.step.Tries == 0 {
		w.clients--
		w.heard = w.now
	}
	if w.story != nil {
		w.tell("%s is answered %s", c, sayAnswer(a))
	}
	c.then(a)
}

func (c *call) loads() bool { return c.step.Cmd == "menu.load" || c.step.Cmd == "store.configure" }

// target is the entity that the call is for.
func (c *call) decode() (t command.Target, cmd command.Command, err error) {
	if !c.loads() {
		return wire.DecodeCommand(c.step.Cmd, c.step.ID, []byte(c.d))
	}
	f := &c.world.file
	if f.config == nil {
		if f.config, f.menu, f.text, err = wire.DecodeStoreFile([]byte(c.world.plan.Document)); err != nil {
			panic(err)
		}
	}
	if c.step.Cmd == "menu.load" {
		return command.Target{Kind: "menu"}, &menu.Load{Menu: f.menu, Text: f.text}, nil
	}
	return command.Target{Kind: "store"}, &store.Configure{Config: f.config}, nil
}

// file is the store's document; the rules change nothing of it.
type file struct {
	config *store.Config
	menu   *menu.Menu
	text   string
}

// request is the call as a gateway hands it to the host: decoded anew each time, for
// the host keeps what it is given.
func (c *call) request(now time.Time) *actors.Request {
	r := &actors.Request{Store: storeID, Channel: "pos", Principal: c.principal(), Deadline: now.Add(5 * time.Second)}
	r.By = command.Who{ID: "lin", Name: "Lin", Role: c.step.By}
	if c.step.By == "" {
		r.By.Role = command.Manager
	}
	if c.isRead() {
		r.Target = c.step.Read
		return r
	}
	t, cmd, err := c.decode()
	if err != nil {
		panic(fmt.Sprintf("%s: %v", c, err))
	}
	r.Target, r.Command, r.ID, r.Body = t, cmd, c.step.ID, c.body
	return r
}

func (c *call) principal() string {
	if c.step.By2 {
		return "another"
	}
	return "tester"
}

func (c *call) String() string {
	if c.isRead() {
		return fmt.Sprintf("read %s %s", c.step.Read.Kind, short(c.step.Read.ID))
	}
	return fmt.Sprintf("%s %s %s", c.step.Cmd, short(string(c.step.ID)), c.d)
}

// short is the end of an id, which is what tells it from others here.
func short(id string) string {
	if len(id) == 36 {
		return "…" + strings.TrimLeft(id[24:], "0")
	}
	return id
}

func sayAnswer(a *actors.Answer) string {
	switch {
	case a.Refusal != nil:
		return fmt.Sprintf("%s %s (v%d, repeat %v)", a.Refusal.Code, a.Refusal.Fields.Reason, a.V, a.Dup)
	case a.View != nil:
		return fmt.Sprintf("v%d", a.V)
	}
	return fmt.Sprintf("v%d %s (repeat %v)", a.V, a.D, a.Dup)
}
