package payments

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/sony/gobreaker/v2"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/payment"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/store"
)

// Engine takes commands; Today is nil for stores whose cells are not here.
type Engine interface {
	Do(r *actors.Request)
	Today(store string) *store.Today
}

// Config makes a Driver. Engine and Accounts are needed.
type Config struct {
	Engine   Engine
	Accounts Accounts
	AtOnce   int           // calls to one provider at a time: 8
	Most     int           // payments with work at one provider that are kept in memory: 16 384; the others' is read from the log when there is room
	Within   time.Duration // for one call: 10 s
	Poll     time.Duration // first wait between queries of an open payment: 2 s; it grows to 15 times that
	Log      *slog.Logger

	Live    func(ctx context.Context, store string) ([]actors.View, error) // a store's entities as the log has them; nil: what is beyond Most waits for the next opening of its cell
	Reports func(store string) actors.Reports                              // our log, to hold statements to; nil: nothing is reconciled
	Stores  func() []string                                                // to reconcile once a day, if their cells are here; with Reports
	Look    time.Duration                                                  // how often it is looked whether a day's statements are ready: 10 min
	Now     func() time.Time                                               // of those days; time.Now
}

// Driver does providers' work for the cells of its node.
type Driver struct {
	config Config
	stop   context.CancelFunc
	ctx    context.Context
	tasks  sync.WaitGroup
	lanes  map[string]*lane
}

// NewDriver starts the workers. Stop ends them.
func NewDriver(c Config) *Driver {
	c.AtOnce = cmp.Or(c.AtOnce, 8)
	c.Most = cmp.Or(c.Most, 16_384)
	c.Within = cmp.Or(c.Within, 10*time.Second)
	c.Poll = cmp.Or(c.Poll, 2*time.Second)
	c.Look = cmp.Or(c.Look, 10*time.Minute)
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	d := &Driver{config: c, lanes: map[string]*lane{}}
	d.ctx, d.stop = context.WithCancel(context.Background())
	for _, name := range c.Accounts.Names() {
		l := newLane(name, &c)
		d.lanes[name] = l
		for range c.AtOnce {
			d.tasks.Go(func() { d.work(l) })
		}
	}
	if c.Live != nil {
		d.tasks.Go(d.catchUp)
	}
	if c.Reports != nil {
		d.tasks.Go(d.daily)
	}
	return d
}

// Stop cancels the calls under way, whose outcome is asked for at the next start, and
// waits for the workers.
func (d *Driver) Stop() {
	d.stop()
	d.tasks.Wait()
}

// Publish takes the newest views of cells of this node. It never blocks. Payments of a
// provider that was taken out of the configuration wait.
func (d *Driver) Publish(views []actors.View) {
	for i := range views {
		if v, ok := views[i].View.(*payment.View); ok {
			if l := d.lanes[v.Provider]; l != nil {
				l.see(key{views[i].Store, v.ID}, views[i].V, v, !views[i].At.IsZero())
			}
		}
	}
}

// Forget drops the work of a store whose cell has left the node.
func (d *Driver) Forget(store string) {
	for _, l := range d.lanes {
		l.forget(store)
	}
}

// work does what comes due at one provider.
func (d *Driver) work(l *lane) {
	for d.ctx.Err() == nil {
		j, wait := l.next()
		if j != nil {
			l.rouse() // there may be more: another worker looks
			d.do(l, j)
			continue
		}
		t := time.NewTimer(wait)
		select {
		case <-d.ctx.Done():
		case <-l.wake:
		case <-t.C:
		}
		t.Stop()
	}
}

// catchUp reads from the log what was left out, once there is room for it.
func (d *Driver) catchUp() {
	look := time.NewTicker(5 * d.config.Poll)
	defer look.Stop()
	for {
		select {
		case <-d.ctx.Done():
			return
		case <-look.C:
		}
		for name, l := range d.lanes {
			for store, ok := l.again(); ok; store, ok = l.again() {
				views, err := d.config.Live(d.ctx, store)
				if l.read(name, store, views, err); err != nil {
					if d.ctx.Err() == nil {
						d.config.Log.Warn("payments not read", "store", store, "error", err)
					}
					break
				}
			}
		}
	}
}

// do calls the provider and brings the payment its answer.
func (d *Driver) do(l *lane, j *job) {
	again := time.Duration(0)
	defer func() { l.done(j, again) }()
	if d.config.Engine.Today(j.store) == nil { // the cell is elsewhere now, and so is the work
		d.Forget(j.store)
		return
	}
	p := d.config.Accounts.For(j.view.Provider, j.store)
	r := Declined("not_set_up", "This way to pay is not set up here")
	var err error
	if p != nil {
		r, err = l.breaker.Execute(func() (Result, error) { return d.call(p, j) })
	}
	open := errors.Is(err, gobreaker.ErrOpenState) || errors.Is(err, gobreaker.ErrTooManyRequests)
	switch {
	case err == nil:
	case errors.Is(err, ErrNone):
		r = Result{Outcome: payment.Doubtful}
	case open && j.view.Work.Do == "start" && j.tries == 0 && j.fresh:
		r = Declined("unavailable", "The provider cannot be reached; nothing was charged") // nothing was ever asked
	default:
		r = Result{Outcome: payment.Doubtful}
		if d.ctx.Err() != nil {
			return
		}
		d.config.Log.Warn("payment provider", "provider", j.view.Provider, "payment", j.payment, "do", j.view.Work.Do, "error", err)
	}
	again = d.wait(j, err != nil && !errors.Is(err, ErrNone))
	if r.Outcome == payment.Doubtful && j.view.Work.Do != "start" || r.Outcome == payment.Started && j.view.State == payment.Pending {
		return // the payment knows as much
	}
	no := d.report(j, r)
	switch {
	case no == nil:
	case no.Code.Retry():
		again = time.Duration(max(no.AfterMS, 200)) * time.Millisecond
	default:
		d.config.Log.Error("payment report refused", "provider", j.view.Provider, "payment", j.payment, "code", no.Code, "at", no.Fields.At, "reason", no.Fields.Reason)
	}
}

// call does one piece of work. What a provider has never heard of, though it was asked,
// is asked again under the same key.
func (d *Driver) call(p Provider, j *job) (Result, error) {
	ctx, cancel := context.WithTimeout(d.ctx, d.config.Within)
	defer cancel()
	v, w := j.view, j.view.Work
	c := Charge{Store: j.store, ID: v.ID, Amount: w.Total, Currency: w.Currency, Method: w.Method, ReturnURL: w.ReturnURL,
		OpenID: w.OpenID, Reference: v.Reference, ExpiresAt: v.CreatedAt.Add(payment.Within)}
	switch w.Do {
	case "start":
		return p.Start(ctx, c)
	case "cancel":
		return p.Cancel(ctx, c)
	case "refund":
		return p.Refund(ctx, c, Refund{w.Refund, w.Amount, w.Reason})
	}
	r, err := p.Query(ctx, c)
	if v.State == payment.Unknown && (errors.Is(err, ErrNone) || err == nil && r.Outcome == payment.Started && r.Action == nil) {
		return p.Start(ctx, c)
	}
	return r, err
}

// wait is how long till the next try: longer each time, and for errors not all at once.
func (d *Driver) wait(j *job, failed bool) time.Duration {
	w := min(d.config.Poll<<min(j.tries, 4), 15*d.config.Poll)
	if failed {
		w = w/2 + rand.N(w)
	}
	return w
}

// report tells a payment what its provider says.
func (d *Driver) report(j *job, r Result) *refusal.Refusal {
	c := Report(j.payment, j.view.Work.Refund, r)
	ctx, cancel := context.WithTimeout(d.ctx, d.config.Within)
	defer cancel()
	return Send(ctx, d.config.Engine, j.store, c)
}

// Report makes the command that tells a payment of a result.
func Report(id, refund string, r Result) *payment.Report {
	return &payment.Report{Payment: id, Refund: refund, Outcome: r.Outcome, Amount: r.Amount, Currency: r.Currency,
		Reference: r.Reference, Action: r.Action, Failure: r.Failure}
}

// By is who providers' words are noted as.
var By = command.Who{ID: "provider", Name: "Provider"}

var errNoAnswer = &refusal.Refusal{Code: refusal.Unavailable, Message: "No answer in time", Fields: refusal.Fields{What: "deadline"}, AfterMS: 500}

// answer takes the one answer to a report.
type answer chan actors.Answer

func (a answer) Reply(_ int64, x actors.Answer) { a <- x }

// Doer takes commands for stores wherever their cells are.
type Doer interface{ Do(r *actors.Request) }

// Send gives a report to the engine, and returns when it is durable.
func Send(ctx context.Context, e Doer, store string, c *payment.Report) *refusal.Refusal {
	to := make(answer, 1)
	deadline, _ := ctx.Deadline()
	d, err := json.Marshal(c)
	if err != nil {
		return refusal.New(refusal.Internal, "", err.Error())
	}
	e.Do(&actors.Request{Store: store, Target: command.Target{Kind: "payment", ID: c.Payment}, Command: c, Name: "payment.report", Data: d, ID: command.ID(newID()),
		By: By, Principal: "provider", Deadline: deadline, To: to})
	select {
	case a := <-to:
		return a.Refusal
	case <-ctx.Done():
		return errNoAnswer
	}
}
