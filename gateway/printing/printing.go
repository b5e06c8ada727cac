// Package printing drives the kitchen's printers: ESC/POS over TCP. It prints the job
// that a printer's durable view names (see actors/printer) and says what became of it.
//
// Its promise: before the first byte of a job leaves, that is durable, so that a job
// whose node died is known to be on paper perhaps, and is never sent again by itself.
// Only the node that has the store's cell sees the view, and drives the printer.
package printing

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/printer"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/store"
)

// Engine takes commands; Today is nil for stores whose cells are not here.
type Engine interface {
	Do(r *actors.Request)
	Today(store string) *store.Today
}

// Config makes a Driver. Engine is needed.
type Config struct {
	Engine Engine
	Within time.Duration // for a printer to say that a slip is printed: 15 s
	Again  time.Duration // first wait after a failure: 1 s; it grows to 30 times that
	Log    *slog.Logger
}

// Driver prints for the cells of its node.
type Driver struct {
	config Config
	ctx    context.Context
	stop   context.CancelFunc
	tasks  sync.WaitGroup

	mu       sync.Mutex
	printers map[key]*device
}

type key struct{ store, printer string }

// device is one printer: its goroutine prints one job after the other.
type device struct {
	key
	wake chan struct{} // a buffer of one
	view *printer.View // the newest; guarded by the driver
	v    int64
}

// NewDriver makes a driver. Stop ends it.
func NewDriver(c Config) *Driver {
	c.Within = cmp.Or(c.Within, 15*time.Second)
	c.Again = cmp.Or(c.Again, time.Second)
	if c.Log == nil {
		c.Log = slog.Default()
	}
	d := &Driver{config: c, printers: map[key]*device{}}
	d.ctx, d.stop = context.WithCancel(context.Background())
	return d
}

// Stop ends what is under way, whose outcome is then unsure, and waits for it.
func (d *Driver) Stop() {
	d.stop()
	d.tasks.Wait()
}

// Publish takes the newest views of cells of this node. It never blocks.
func (d *Driver) Publish(views []actors.View) {
	for i := range views {
		if v, ok := views[i].View.(*printer.View); ok {
			d.see(key{views[i].Store, v.ID}, views[i].V, v)
		}
	}
}

func (d *Driver) see(k key, v int64, view *printer.View) {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.printers[k]
	if p == nil {
		if view.Job == nil || d.ctx.Err() != nil {
			return
		}
		p = &device{key: k, wake: make(chan struct{}, 1)}
		d.printers[k] = p
		d.tasks.Go(func() { d.drive(p) })
	}
	if v < p.v {
		return
	}
	p.v, p.view = v, view
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// job is what the printer is to print now; nil: nothing.
func (d *Driver) job(p *device) *printer.Job {
	d.mu.Lock()
	defer d.mu.Unlock()
	return p.view.Job
}

// drive prints while the cell is here. A job that is found under way was another
// process's: nobody can say how much of it is on paper.
func (d *Driver) drive(p *device) {
	wait := time.Duration(0)
	for d.ctx.Err() == nil {
		j := d.job(p)
		today := d.config.Engine.Today(p.store)
		switch {
		case today == nil:
			d.mu.Lock()
			delete(d.printers, p.key)
			d.mu.Unlock()
			return
		case j == nil:
			d.pause(p, time.Minute)
			continue
		case j.State == "sending":
			d.report(p, j.Key, printer.Unsure, "the node ended while it was printing")
			d.pause(p, d.config.Again)
			continue
		}
		outcome, err := d.print(p, today, j)
		if err != nil {
			d.config.Log.Warn("printer", "store", p.store, "printer", p.printer, "job", j.Key, "outcome", string(outcome), "error", err)
		}
		if outcome == "" { // the cell did not take that it began: somebody else has it, or it comes again
			d.pause(p, d.config.Again)
			continue
		}
		told := ""
		if err != nil {
			told = plainly(err)
		}
		d.report(p, j.Key, outcome, told)
		if wait = min(max(2*wait, d.config.Again), 30*d.config.Again); outcome == printer.Printed {
			wait = 0
		} else {
			d.sleep(wait)
		}
		d.settled(p, j)
	}
}

// settled waits for the view that the report leads to.
func (d *Driver) settled(p *device, was *printer.Job) {
	deadline := time.Now().Add(d.config.Within)
	for d.ctx.Err() == nil && time.Now().Before(deadline) {
		if j := d.job(p); j == nil || j.Key != was.Key || j.Tries != was.Tries {
			return
		}
		d.pause(p, d.config.Again)
	}
}

func (d *Driver) pause(p *device, most time.Duration) {
	t := time.NewTimer(most)
	defer t.Stop()
	select {
	case <-d.ctx.Done():
	case <-p.wake:
	case <-t.C:
	}
}

func (d *Driver) sleep(most time.Duration) {
	t := time.NewTimer(most)
	defer t.Stop()
	select {
	case <-d.ctx.Done():
	case <-t.C:
	}
}

var (
	errPaper  = errors.New("no paper")
	errNoSuch = errors.New("the store's document has no such printer")
)

// print connects, looks whether there is paper, has it noted that the job begins, and
// only then sends it. What fails before that is tried again; after it, nobody knows
// until the printer says so.
func (d *Driver) print(p *device, today *store.Today, j *printer.Job) (printer.Outcome, error) {
	of, ok := today.Printer(p.printer)
	if !ok {
		return printer.Failed, errNoSuch
	}
	ctx, cancel := context.WithTimeout(d.ctx, d.config.Within)
	defer cancel()
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", of.Address)
	if err != nil {
		return printer.Failed, err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	if err := status(c); err != nil {
		return printer.Failed, err
	}
	if no := d.report(p, j.Key, printer.Began, ""); no != nil {
		return "", no
	}
	id := rand.Text()[:4]
	if _, err := c.Write(append(render(j, of, today), marker(id)...)); err != nil {
		return printer.Unsure, err
	}
	if err := answer(c, done(id)); err != nil {
		return printer.Unsure, err
	}
	return printer.Printed, nil
}

// status asks for the paper sensor.
func status(c net.Conn) error {
	if _, err := c.Write(paper); err != nil {
		return err
	}
	var b [1]byte
	if _, err := io.ReadFull(c, b[:]); err != nil {
		return err
	}
	if b[0]&0x60 != 0 {
		return errPaper
	}
	return nil
}

// answer reads until the printer has said want; a few bytes of status may come before.
func answer(c net.Conn, want []byte) error {
	var got []byte
	var b [64]byte
	for len(got) < 1<<10 {
		n, err := c.Read(b[:])
		if got = append(got, b[:n]...); bytes.Contains(got, want) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return errors.New("the printer talks nonsense")
}

// plainly says it for the people at the printer.
func plainly(err error) string {
	var timeout net.Error
	switch {
	case errors.Is(err, errPaper), errors.Is(err, errNoSuch):
		return err.Error()
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, net.ErrClosed):
		return "the printer does not answer"
	case errors.Is(err, io.EOF):
		return "the printer ended the connection"
	}
	return "the printer cannot be reached"
}

type once chan actors.Answer

func (o once) Reply(_ int64, a actors.Answer) { o <- a }

// report tells the printer's entity, and returns when that is durable.
func (d *Driver) report(p *device, job string, o printer.Outcome, why string) error {
	to := make(once, 1)
	d.config.Engine.Do(&actors.Request{Store: p.store, Target: command.Target{Kind: "printer", ID: p.printer}, ID: newID(), Principal: "printer",
		By: command.Who{ID: "printer", Name: "Printer"}, To: to, Command: &printer.Report{Printer: p.printer, Key: job, Outcome: o, Error: why}})
	select {
	case a := <-to:
		if a.Refusal != nil {
			return a.Refusal
		}
		return nil
	case <-time.After(d.config.Within):
		return &refusal.Refusal{Code: refusal.Unavailable, Message: "No answer in time"}
	}
}

// newID mints a UUIDv7.
func newID() command.ID {
	var b [16]byte
	rand.Read(b[6:])
	ms := time.Now().UnixMilli()
	for i := range 6 {
		b[i] = byte(ms >> (40 - 8*i))
	}
	b[6], b[8] = b[6]&0x0f|0x70, b[8]&0x3f|0x80
	return command.ID(fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]))
}
