package actors

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/brigata/brigata/actors/journal"
	"github.com/brigata/brigata/actors/payment"
)

// Entry is a line of a provider's statement, or of our log: a charge, or with Refund
// what went back of one.
type Entry struct {
	Store   string // "": the statement does not say
	Payment string
	Refund  string
	Amount  int64     // minor units, tips included; of a refund what went back
	At      time.Time // of our log
	Differs string    // amount, currency: our log knows of a charge that is not what was asked for
	Asked   int64     // of such a charge
}

// line is what an entry is of.
type line struct{ payment, refund string }

func (e *Entry) line() line { return line{e.Payment, e.Refund} }

// Difference is where a provider's statement and our log part.
type Difference struct {
	Kind     string    `json:"kind" doc:"missing: the provider does not list it; extra: we do not have it as paid; amount; currency"`
	Provider string    `json:"provider"`
	Payment  string    `json:"payment"`
	Refund   string    `json:"refund,omitzero" doc:"It is of this refund, not of the charge"`
	Ours     int64     `json:"ours"`
	Theirs   int64     `json:"theirs"`
	At       time.Time `json:"at,omitzero" doc:"When we took note of it"`
}

// Statement is what a provider says, for Reconcile.
type Statement struct {
	Provider string
	Day      []Entry // of the day
	Around   []Entry // of the days about it: what is of this day by our clock may be of those by the provider's
	Own      bool    // the account is the store's alone: what names no store is its
}

// settledWithin is how much older than its charge or refund a payment may be to be
// missed; older ones are held to what the provider lists.
const settledWithin = 7 * 24 * time.Hour

// Reconcile holds our log to a provider's statement: every line of the day to what we
// have, and what we took note of in the period to the statement. Differences are sorted
// by payment.
func (r *Reports) Reconcile(ctx context.Context, s Statement) ([]Difference, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	ours, err := r.settled(ctx, s.Provider)
	if err != nil {
		return nil, err
	}
	var keys []journal.Key
	for _, e := range s.Day {
		keys = append(keys, keyOf(r.Store, kinds["payment"], e.Payment))
	}
	named := map[line]Entry{}
	err = r.payments(ctx, keys, func(p *payment.State) {
		for _, e := range entriesOf(p) {
			named[e.line()] = e
		}
	})
	if err != nil {
		return nil, err
	}
	var all []Difference
	listed := map[line]bool{}
	for _, e := range s.Day {
		mine, have := named[e.line()]
		d := Difference{Provider: s.Provider, Payment: e.Payment, Refund: e.Refund, Ours: mine.Amount, Theirs: e.Amount, At: mine.At}
		switch {
		case have && listed[e.line()], !have && (e.Store == r.Store || e.Store == "" && s.Own):
			d.Kind = "extra"
		case have && mine.Amount != e.Amount:
			d.Kind = "amount"
		}
		if listed[e.line()] = true; d.Kind != "" {
			all = append(all, d)
		}
	}
	for _, e := range s.Around {
		listed[e.line()] = true
	}
	for _, e := range ours {
		d := Difference{Kind: "missing", Provider: s.Provider, Payment: e.Payment, Refund: e.Refund, Ours: e.Amount, At: e.At}
		switch {
		case e.Differs != "": // whatever the statement says
			d.Kind, d.Ours, d.Theirs = e.Differs, e.Asked, e.Amount
		case listed[e.line()]:
			continue
		}
		all = append(all, d)
	}
	slices.SortStableFunc(all, func(a, b Difference) int { return strings.Compare(a.Payment+a.Refund, b.Payment+b.Refund) })
	return all, nil
}

// settled lists what our log has of a provider in the period.
func (r *Reports) settled(ctx context.Context, provider string) (all []Entry, err error) {
	left := r.Most
	if left == 0 {
		left = reportOrders
	}
	for before := journal.Since(r.To.Add(idSlack)); ; {
		keys, err := r.Journal.List(ctx, r.Store, kinds["payment"].id, before, archivePage)
		if err != nil || len(keys) == 0 {
			return all, err
		}
		err = r.payments(ctx, keys, func(p *payment.State) {
			for _, e := range entriesOf(p) {
				if p.Provider == provider && !e.At.Before(r.From) && e.At.Before(r.To) {
					all = append(all, e)
				}
			}
		})
		if err != nil {
			return nil, err
		}
		if left -= len(keys); left < 0 {
			return nil, errMuch
		}
		if before = keys[len(keys)-1]; idBefore(before, r.From.Add(-settledWithin)) {
			return all, nil
		}
	}
}

// payments folds some payments, a page at a time; what is not there is left out.
func (a Archive) payments(ctx context.Context, keys []journal.Key, yield func(*payment.State)) error {
	for page := range slices.Chunk(keys, archivePage) {
		stored, err := a.Journal.Load(ctx, page)
		if err != nil {
			return err
		}
		for i := range stored {
			e := &entity{kind: kinds["payment"]}
			if err := e.restore(&stored[i]); err != nil {
				return err
			}
			yield(e.machine.state().(*payment.State))
		}
	}
	return nil
}

// entriesOf is what was charged and given back of a payment.
func entriesOf(p *payment.State) (all []Entry) {
	switch asked := p.Amount + p.Tip; {
	case p.Mischarge != nil:
		all = append(all, Entry{Payment: p.ID, Amount: p.Mischarge.Amount, At: p.DoneAt, Differs: p.Failure.Code, Asked: asked})
	case p.Status == payment.Succeeded:
		all = append(all, Entry{Payment: p.ID, Amount: asked, At: p.DoneAt})
	}
	for _, x := range p.Refunds {
		if x.State != "" {
			continue
		}
		at := x.DoneAt
		if at.IsZero() {
			at = x.At
		}
		all = append(all, Entry{Payment: p.ID, Refund: x.ID, Amount: x.Amount, At: at})
	}
	return all
}
