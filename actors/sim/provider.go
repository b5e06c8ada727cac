package sim

import (
	"fmt"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/payment"
)

// providerName is the one way to pay that is neither cash nor a terminal.
const providerName = "stripe"

// provider takes money outside of the house. Whatever it is asked how often, it charges
// once for a key, and gives back once for another.
type provider struct {
	world   *World
	charges map[string]*charge // by payment
	order   []string
}

type charge struct {
	amount  int64
	state   payment.Outcome
	notices int
	told    bool // the house has taken one
	refunds map[string]int64
}

// start opens a charge, which its payer pays some time, or never does.
func (p *provider) start(id string, amount int64) payment.Outcome {
	c := p.charges[id]
	if c == nil {
		c = &charge{amount: amount, state: payment.Started, refunds: map[string]int64{}, notices: len(p.order)}
		p.charges[id], p.order = c, append(p.order, id)
		becomes := []payment.Outcome{payment.Charged, payment.Charged, payment.Charged, payment.Declined, payment.Started}[p.world.rng.IntN(5)]
		slips := p.world.rng.IntN(3) == 0 // it is charged although it was cancelled
		p.world.after(p.world.between(0, 3*second), func() {
			if was := c.state; was == payment.Started || was == payment.Dropped && slips && becomes == payment.Charged {
				c.state = becomes
				p.notify(id, c)
			}
		})
	}
	return c.state
}

// notify tells one node after the other what became of a charge, until the one that has
// the cell has taken it.
func (p *provider) notify(id string, c *charge) {
	w := p.world
	n := w.nodes[c.notices%len(w.nodes)]
	c.notices++
	w.net(n, func() {
		if on := n.process; on != nil && !c.told {
			on.Go(func() {
				w.tell("provider: notifies node %d of %s: %s", n.index, short(id), c.state)
				c.told = n.cashier.report(&payment.Report{Payment: id, Outcome: c.state, Amount: c.amount}) || c.told
			})
		}
	})
	w.after(w.between(1*second, 2*second), func() {
		if !c.told && w.now < w.end()-5*second {
			p.notify(id, c)
		}
	})
}

// do is one call, at the provider.
func (p *provider) do(v *payment.View) (payment.Outcome, int64) {
	amount, c := v.Amount+v.Tip, p.charges[v.ID]
	switch w := v.Work; {
	case w.Do == "start", c == nil && w.Do == "query" && v.State == payment.Unknown:
		return p.start(v.ID, amount), amount
	case c == nil && w.Do == "cancel": // Stripe's driver opens it to close it: a start that comes late finds it closed
		p.charges[v.ID], p.order = &charge{amount: amount, state: payment.Dropped, refunds: map[string]int64{}}, append(p.order, v.ID)
		return payment.Dropped, 0
	case c == nil:
		return payment.Doubtful, 0
	case w.Do == "cancel":
		if c.state == payment.Started {
			c.state = payment.Dropped
		}
	case w.Do == "refund":
		if _, had := c.refunds[w.Refund]; !had {
			if c.state != payment.Charged || c.back()+w.Amount > c.amount {
				return payment.Declined, 0
			}
			c.refunds[w.Refund] = w.Amount
		}
		return payment.Charged, 0
	}
	return c.state, c.amount
}

func (c *charge) back() (sum int64) {
	for _, n := range c.refunds {
		sum += n
	}
	return sum
}

// cashier does the provider's work that the views of a process's payments name, as the
// driver of a real node does.
type cashier struct {
	process *process
	jobs    map[string]*job
}

type job struct {
	v    int64
	view *payment.View
}

// see takes the newest views.
func (c *cashier) see(views []actors.View) {
	for i := range views {
		v, ok := views[i].View.(*payment.View)
		if !ok || v.Provider != providerName {
			continue
		}
		j := c.jobs[v.ID]
		switch {
		case j != nil && views[i].V >= j.v:
			j.v, j.view = views[i].V, v
		case j == nil && v.Work != nil:
			j = &job{views[i].V, v}
			c.jobs[v.ID] = j
			c.process.Go(func() { c.work(j) })
		}
	}
}

// work calls the provider until a payment has no work left, or its cell has left.
func (c *cashier) work(j *job) {
	p, told := c.process, false
	defer delete(c.jobs, j.view.ID)
	for j.view.Work != nil && p.node.host.Today(storeID) != nil {
		did := *j.view
		outcome, amount := c.call(&did)
		if outcome == payment.Doubtful && (did.Work.Do != "start" || told) || outcome == payment.Started && did.State == payment.Pending {
			p.Wait(time.Duration(p.world.between(300*millisecond, 2*second))*time.Microsecond, func() bool { return j.view.Work == nil || *j.view.Work != *did.Work })
			continue
		}
		told = told || did.Work.Do == "start"
		before := j.v
		c.report(&payment.Report{Payment: did.ID, Refund: did.Work.Refund, Outcome: outcome, Amount: amount})
		p.Wait(500*time.Millisecond, func() bool { return j.v > before })
	}
}

// call asks the provider, over a network that loses questions and answers.
func (c *cashier) call(v *payment.View) (payment.Outcome, int64) {
	w, asked := c.process.world, *v.Work
	view := *v
	view.Work = &asked
	var outcome payment.Outcome
	var amount int64
	got := false
	if !w.chance(w.plan.Drop) {
		w.after(w.latency(), func() {
			o, n := w.provider.do(&view)
			w.tell("provider: %s %s %s: %s", asked.Do, short(view.ID), short(asked.Refund), o)
			if !w.chance(w.plan.Drop) {
				c.process.after(w.latency(), func() { outcome, amount, got = o, n, true })
			}
		})
	}
	if !c.process.Wait(time.Second, func() bool { return got }) {
		return payment.Doubtful, 0
	}
	if view.Work.Do == "refund" {
		amount = 0
	}
	return outcome, amount
}

// report brings a payment what its provider says, and reports whether that is durable.
func (c *cashier) report(r *payment.Report) (taken bool) {
	p, w := c.process, c.process.world
	w.reports++
	done := false
	p.node.host.Do(&actors.Request{Store: storeID, Target: command.Target{Kind: "payment", ID: r.Payment}, Command: r,
		ID: idAt(w.plan, w.now, 1_000_000+w.reports), By: command.Who{ID: "provider", Name: "Provider"}, Principal: "provider",
		Deadline: p.node.clock().Add(5 * time.Second), To: replier(func(_ int64, a actors.Answer) {
			done, taken = true, a.Refusal == nil
			p.after(0, func() {})
		})})
	p.Wait(5*time.Second, func() bool { return done })
	return taken
}

// ledger holds the provider's books to what the payments say (I8).
func (k *checks) ledger() {
	for _, id := range k.world.provider.order {
		c, e := k.world.provider.charges[id], k.byName[command.Target{Kind: "payment", ID: id}]
		if e == nil {
			k.fail("I8", "the provider was asked for payment %s, which does not exist", short(id))
			return
		}
		p := e.fold.State().(*payment.State)
		if (c.state == payment.Charged) != (p.Status == payment.Succeeded) || c.amount != p.Amount+p.Tip {
			k.fail("I8", "the provider has %s %d for payment %s, which is %s with %d", c.state, c.amount, short(id), p.Status, p.Amount+p.Tip)
		}
		k.givenBack(c, p)
	}
	for _, e := range k.entities("payment") {
		if p := e.fold.State().(*payment.State); p.Provider == providerName && p.Status == payment.Succeeded && k.world.provider.charges[p.ID] == nil {
			k.fail("I8", "payment %s succeeded, and its provider does not know it", short(p.ID))
		}
	}
}

func (k *checks) givenBack(c *charge, p *payment.State) {
	back := map[string]int64{}
	for _, r := range p.Refunds {
		switch r.State {
		case "pending":
			k.fail("I8", "refund %s of payment %s is still pending", short(r.ID), short(p.ID))
		case "":
			back[r.ID] = r.Amount
		}
	}
	if fmt.Sprint(back) != fmt.Sprint(c.refunds) {
		k.fail("I8", "payment %s gave back %v, its provider %v", short(p.ID), back, c.refunds)
	}
}
