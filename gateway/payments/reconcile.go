package payments

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/store"
)

// Reconciliation is what became of holding our log to the statements of one day.
type Reconciliation struct {
	Date     string              `json:"date" doc:"A day of the calendar, in the store's zone"`
	Currency string              `json:"currency"`
	Held     []Held              `json:"held" doc:"What was compared"`
	Items    []actors.Difference `json:"items"`
}

// Held is one provider's statement.
type Held struct {
	Provider string `json:"provider"`
	Lines    int    `json:"lines" doc:"Lines of the day, of all stores of the account"`
	Amount   int64  `json:"amount" doc:"Charged less given back, of all stores of the account"`
}

const (
	dateForm = "2006-01-02"
	// edge is how far a provider's clock may be behind ours: what we took note of in the
	// last minutes of a day is of the next one.
	edge = 5 * time.Minute
	// ready is when, on the store's clock, every provider has its statement of the day before.
	ready = 11 * time.Hour
)

// Reconcile holds our log of one day of a store, in its zone, to the statement of every
// provider that it has an account at. A provider that cannot be asked fails the whole.
func (d *Driver) Reconcile(ctx context.Context, storeID string, t *store.Today, date string) (*Reconciliation, error) {
	day, err := time.ParseInLocation(dateForm, date, t.Zone)
	if err != nil {
		return nil, err
	}
	out := &Reconciliation{Date: date, Currency: t.Config.Currency, Held: []Held{}, Items: []actors.Difference{}}
	log := d.config.Reports(storeID)
	log.Zone, log.From, log.To = t.Zone, day.Add(-edge).UTC(), day.AddDate(0, 0, 1).Add(-edge).UTC()
	for _, name := range d.config.Accounts.Of(storeID) {
		s, err := d.statement(ctx, name, storeID, day)
		if err != nil {
			return nil, fmt.Errorf("the statement of %s: %w", name, err)
		}
		found, err := log.Reconcile(ctx, s)
		if err != nil {
			return nil, err
		}
		h := Held{Provider: name, Lines: len(s.Day)}
		for _, e := range s.Day {
			if h.Amount += e.Amount; e.Refund != "" {
				h.Amount -= 2 * e.Amount
			}
		}
		out.Held, out.Items = append(out.Held, h), append(out.Items, found...)
	}
	return out, nil
}

// statement reads a day, the day before it and, if there is one yet, the day after.
func (d *Driver) statement(ctx context.Context, name, storeID string, day time.Time) (s actors.Statement, err error) {
	p := d.config.Accounts.For(name, storeID)
	s = actors.Statement{Provider: name, Own: slices.ContainsFunc(d.config.Accounts, func(a Account) bool { return a.Name == name && a.Store == storeID })}
	if s.Day, err = p.Statement(ctx, day.Format(dateForm)); err != nil {
		return s, err
	}
	for _, days := range []int{-1, 1} {
		if d.config.Now().Before(day.AddDate(0, 0, days+1).Add(ready)) {
			continue
		}
		about, err := p.Statement(ctx, day.AddDate(0, 0, days).Format(dateForm))
		if err != nil {
			return s, err
		}
		s.Around = append(s.Around, about...)
	}
	return s, nil
}

// daily compares yesterday for the stores whose cells are here, once its statements are
// ready, until the driver stops. What it finds it logs; what fails it tries again at the
// next look. A store is compared once a day, and again if its node has changed since.
func (d *Driver) daily() {
	done := map[string]string{}
	look := time.NewTicker(d.config.Look)
	defer look.Stop()
	for {
		for _, id := range d.config.Stores() {
			t := d.config.Engine.Today(id)
			if t == nil || len(d.config.Accounts.Of(id)) == 0 {
				continue
			}
			now := t.Local(d.config.Now())
			date := now.AddDate(0, 0, -1).Format(dateForm)
			midnight := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, t.Zone)
			if done[id] != date && now.Sub(midnight) >= ready && d.yesterday(id, t, date) {
				done[id] = date
			}
		}
		select {
		case <-d.ctx.Done():
			return
		case <-look.C:
		}
	}
}

// loggedMax bounds the differences of one day that are logged one by one.
const loggedMax = 20

func (d *Driver) yesterday(id string, t *store.Today, date string) bool {
	ctx, cancel := context.WithTimeout(d.ctx, 5*time.Minute)
	defer cancel()
	log := d.config.Log.With("store", id, "date", date)
	out, err := d.Reconcile(ctx, id, t, date)
	if err != nil {
		if d.ctx.Err() == nil {
			log.Warn("payments not reconciled", "error", err)
		}
		return false
	}
	for _, x := range out.Items[:min(len(out.Items), loggedMax)] {
		log.Error("payment differs", "kind", x.Kind, "provider", x.Provider, "payment", x.Payment, "refund", x.Refund, "ours", x.Ours, "theirs", x.Theirs)
	}
	log.Info("payments reconciled", "differences", len(out.Items))
	return true
}
