package actors_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/persistence/memory"
)

// week is what the log itself says of one: a fold of its own over the events' JSON, that
// knows nothing of the rules.
type week struct {
	hours, channels map[string]actors.Sale
	portions        map[string]int // by dish, without what was voided
	total, tax      int64
	voided          map[string]int           // portions by reason
	took            map[string][]int64       // ms from the last fire to ready, by station
	out             map[string]time.Duration // by dish
	days            map[string]map[string]store.Sum
}

type event struct {
	At   time.Time
	Type string
	D    struct {
		Channel, As, Provider, Date string
		To, Reason                  string
		Amount, Tip                 int64
		Lines                       []struct {
			ID, Dish string
			Qty      int
			Items    []struct {
				ID       string
				Qty      int
				Stations []string
			}
		}
		Items  json.RawMessage
		Totals *struct{ Total, Tax int64 }
		Refund json.RawMessage
	}
}

func weekOf(t *testing.T, a actors.Archive, zone *time.Location) *week {
	t.Helper()
	var b bytes.Buffer
	if err := a.Export(context.Background(), "demo", &b); err != nil {
		t.Fatal(err)
	}
	logs := map[string][]event{}
	for lines := json.NewDecoder(&b); lines.More(); {
		var l struct {
			Kind, ID string
			Events   []event
		}
		if err := lines.Decode(&l); err != nil {
			t.Fatal(err)
		}
		if l.Kind == "order" || l.Kind == "payment" || l.Kind == "stock" {
			logs[l.Kind+l.ID] = append(logs[l.Kind+l.ID], l.Events...)
		}
	}
	w := &week{voided: map[string]int{}, took: map[string][]int64{}, out: map[string]time.Duration{}, hours: map[string]actors.Sale{}, channels: map[string]actors.Sale{}, portions: map[string]int{}, days: map[string]map[string]store.Sum{}}
	for id, log := range logs {
		switch id[0] {
		case 'o':
			w.order(t, log, zone)
			w.cooked(t, log)
		case 'p':
			w.payment(t, log, zone)
		default:
			w.soldOut(strings.TrimPrefix(id, "stockdish/"), log)
		}
	}
	return w
}

// cooked adds how long each item took.
func (w *week) cooked(t *testing.T, log []event) {
	stations, fired := map[string][]string{}, map[string]time.Time{}
	for _, e := range log {
		switch {
		case e.Type == "sent":
			for _, l := range e.D.Lines {
				stations[l.Items[0].ID] = l.Items[0].Stations
			}
		case e.Type == "moved":
			var items []string
			if err := json.Unmarshal(e.D.Items, &items); err != nil {
				t.Fatal(err)
			}
			for _, id := range items {
				switch e.D.To {
				case "queued":
					fired[id] = e.At
				case "ready":
					for _, s := range stations[id] {
						w.took[s] = append(w.took[s], e.At.Sub(fired[id]).Milliseconds())
					}
				}
			}
		}
	}
}

// soldOut adds for how long a dish could not be had.
func (w *week) soldOut(dish string, log []event) {
	var since time.Time
	for _, e := range log {
		switch {
		case e.Type == "went_out" && since.IsZero():
			since = e.At
		case e.Type == "came_in" && !since.IsZero():
			w.out[dish] += e.At.Sub(since)
			since = time.Time{}
		}
	}
}

func (w *week) order(t *testing.T, log []event, zone *time.Location) {
	var sale actors.Sale
	var channel string
	var placed time.Time
	qty, dish := map[string]int{}, map[string]string{}
	off := false
	for _, e := range log {
		if e.D.Totals != nil {
			sale.Amount, sale.Tax = e.D.Totals.Total, e.D.Totals.Tax
		}
		switch e.Type {
		case "sent":
			channel = e.D.Channel
			for _, l := range e.D.Lines {
				qty[l.Items[0].ID], dish[l.Items[0].ID] = l.Qty, l.Dish
			}
		case "was_placed":
			placed = e.At
		case "items_voided":
			var items []struct {
				ID  string
				Qty int
			}
			if err := json.Unmarshal(e.D.Items, &items); err != nil {
				t.Fatal(err)
			}
			for _, i := range items {
				qty[i.ID] -= i.Qty
				w.voided[e.D.Reason] += i.Qty
			}
		case "ended":
			if e.D.As == "voided" {
				for _, n := range qty {
					w.voided[e.D.Reason] += n
				}
			}
			off = e.D.As != "closed"
		}
	}
	if off || placed.IsZero() {
		return
	}
	w.total, w.tax = w.total+sale.Amount, w.tax+sale.Tax
	for id, n := range qty {
		sale.Qty += n
		w.portions[dish[id]] += n
	}
	hour := placed.In(zone).Format("2006-01-02 15:00 -07:00")
	for sums, key := range map[*map[string]actors.Sale]string{&w.hours: hour, &w.channels: channel} {
		s := (*sums)[key]
		s.Orders, s.Qty, s.Amount, s.Tax = s.Orders+1, s.Qty+sale.Qty, s.Amount+sale.Amount, s.Tax+sale.Tax
		(*sums)[key] = s
	}
}

func (w *week) payment(t *testing.T, log []event, zone *time.Location) {
	var provider, date string
	var amount, tip int64
	for _, e := range log {
		switch e.Type {
		case "began":
			provider, amount, tip = e.D.Provider, e.D.Amount, e.D.Tip
		case "confirmed":
			date = e.At.In(zone).Add(-5 * time.Hour).Format(time.DateOnly)
		case "gave_back":
			var r struct{ Amount int64 }
			if err := json.Unmarshal(e.D.Refund, &r); err != nil {
				t.Fatal(err)
			}
			of := min(r.Amount, amount)
			amount, tip = amount-of, tip-(r.Amount-of)
		}
	}
	if date == "" {
		return
	}
	if w.days[date] == nil {
		w.days[date] = map[string]store.Sum{}
	}
	s := w.days[date][provider]
	w.days[date][provider] = store.Sum{Provider: provider, Payments: s.Payments + 1, Amount: s.Amount + amount, Tip: s.Tip + tip}
}

// generate has the house live through a week of a seed: orders to go and at tables, paid
// in cash or by card, some voided, expired or given back, and every day closed. It returns
// by how much each day's cash was off.
func generate(h *house, seed uint64) map[string]int64 {
	rnd := rand.New(rand.NewPCG(seed, 0))
	dishes := []string{"smashed-cucumber", "spiced-beef-shank", "rabbit-dice", "tofu-skin-salad", "pickled-vegetables"}
	zone := h.node.Today("demo").Zone
	off := map[string]int64{}
	for range 7 {
		h.ok("stock.out", `{"dish":"lotus-root-salad","until":"manual","reason":"other"}`)
		time.Sleep(time.Duration(1+rnd.IntN(200)) * time.Second)
		h.ok("stock.in", `{"dish":"lotus-root-salad"}`)
		for range 25 {
			h.channel = []string{"pos", "web", "meituan"}[rnd.IntN(3)]
			lines := ""
			for i := range 1 + rnd.IntN(3) {
				lines += fmt.Sprintf(`,{"id":"l%d","dish":%q,"qty":%d}`, i, dishes[rnd.IntN(len(dishes))], 1+rnd.IntN(4))
			}
			to := `"type":"pickup"`
			if rnd.IntN(4) == 0 {
				to = `"type":"dine_in","table":"T01"`
			}
			id := h.order(`{%s,"lines":[%s]}`, to, lines[1:])
			pay(h, rnd, id, to)
			cooks := time.Duration(1+rnd.IntN(900)) * time.Second
			time.Sleep(cooks)
			h.send(h.id(), "item.bump", fmt.Sprintf(`{"order":%q,"items":["l0"]}`, id)) // refused, where it was not fired or is off
			time.Sleep(time.Duration(10+rnd.IntN(30))*time.Minute - cooks/2)
		}
		h.ok("table.clear", `{"table":"T01","reason":"guest_left","clean":true}`)
		now := time.Now().In(zone)
		date := now.Add(-5 * time.Hour).Format(time.DateOnly)
		off[date] = int64(rnd.IntN(400) - 200)
		var closed struct{ Expected, Difference int64 }
		h.ok("table.open", `{"table":"T01","guests":2}`)
		h.ok("table.clear", `{"table":"T01","clean":true}`)
		expected := drawer(h, date)
		if err := json.Unmarshal([]byte(h.ok("day.close", `{"date":%q,"counted":%d}`, date, expected+off[date])), &closed); err != nil {
			h.t.Fatal(err)
		}
		if closed.Expected != expected || closed.Difference != off[date] {
			h.t.Errorf("%s: %+v, the log says %d and %d", date, closed, expected, off[date])
		}
		time.Sleep(time.Until(time.Date(now.Year(), now.Month(), now.Day()+1, 8, 0, 0, 0, zone)))
	}
	return off
}

// pay lets an order be paid, or not, and something go wrong with it.
func pay(h *house, rnd *rand.Rand, id, to string) {
	total := h.seesOrder(id).Total
	fate := rnd.IntN(10)
	if fate == 0 { // nobody comes; what is to go expires
		return
	}
	of := fmt.Sprintf(`"order":%q`, id)
	if to != `"type":"pickup"` {
		if fate < 4 {
			h.ok("item.void", `{"order":%q,"items":["l0"],"qty":1,"reason":"quality"}`, id)
			return
		}
		of = `"table":"T01"`
	}
	p := string(h.id())
	h.must(h.send(command.ID(p), "payment.create", fmt.Sprintf(`{%s,"provider":%q,"amount":%d,"tip":%d}`, of, []string{"cash", "terminal"}[rnd.IntN(2)], total, 100*rnd.IntN(4))))
	h.ok("payment.confirm", `{"payment":%q}`, p)
	switch fate {
	case 1:
		h.ok("payment.refund", `{"payment":%q,"amount":%d,"reason":"quality"}`, p, 1+rnd.Int64N(total))
	case 2:
		h.ok("order.void", `{"order":%q,"reason":"mistake"}`, id)
		h.ok("payment.refund", `{"payment":%q,"amount":%d,"reason":"mistake"}`, p, total)
	}
}

// drawer is what the log says should be there in cash.
func drawer(h *house, date string) int64 {
	if err := h.node.Flush(context.Background()); err != nil {
		h.t.Fatal(err)
	}
	cash := weekOf(h.t.(*testing.T), actors.Archive{Journal: h.db.Open(memory.Options{})}, h.node.Today("demo").Zone).days[date]["cash"]
	return cash.Amount + cash.Tip
}

// A generated week's reports are what sums over its log say, by a fold of their own.
func TestReportsOfAGeneratedWeek(t *testing.T) {
	for _, seed := range []uint64{1, 2} {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t)
				from := time.Now().UTC()
				off := generate(h, seed)
				a := actors.Archive{Journal: h.db.Open(memory.Options{})}
				r := actors.Reports{Archive: a, Store: "demo", Zone: h.node.Today("demo").Zone, From: from.Add(-4 * time.Hour), To: time.Now().Add(-4 * time.Hour)}
				w := weekOf(t, a, r.Zone)
				w.hold(t, &r)
				w.holdDays(t, &r, off)
			})
		})
	}
}

func (w *week) hold(t *testing.T, r *actors.Reports) {
	t.Helper()
	ctx := context.Background()
	for by, want := range map[string]map[string]actors.Sale{"hour": w.hours, "channel": w.channels} {
		rows, err := r.Sales(ctx, by)
		if err != nil || len(rows) != len(want) {
			t.Fatalf("by %s: %d rows, the log has %d: %v", by, len(rows), len(want), err)
		}
		for _, x := range rows {
			y := want[x.Key]
			if y.Key = x.Key; x != y {
				t.Errorf("by %s: %+v, the log says %+v", by, x, y)
			}
		}
	}
	rows, err := r.Sales(ctx, "dish")
	if err != nil {
		t.Fatal(err)
	}
	var total, tax int64
	for _, x := range rows {
		total, tax = total+x.Amount, tax+x.Tax
		if x.Qty != w.portions[x.Key] {
			t.Errorf("%s: %d portions, the log says %d", x.Key, x.Qty, w.portions[x.Key])
		}
	}
	if total != w.total || tax != w.tax || total == 0 {
		t.Errorf("by dish: %d, tax %d; the log says %d and %d", total, tax, w.total, w.tax)
	}
	voids, err := r.Voids(ctx)
	if err != nil {
		t.Fatal(err)
	}
	voided := map[string]int{}
	for _, v := range voids {
		voided[v.Reason] += v.Qty
	}
	if !maps.Equal(voided, w.voided) || voided["quality"] == 0 || voided["mistake"] == 0 {
		t.Errorf("portions voided: %v, the log says %v", voided, w.voided)
	}
	w.holdKitchen(t, r)
}

// holdKitchen compares how long items took, and dishes could not be had.
func (w *week) holdKitchen(t *testing.T, r *actors.Reports) {
	t.Helper()
	preps, err := r.PrepTimes(context.Background())
	if err != nil || len(preps) != len(w.took) || len(preps) == 0 {
		t.Fatalf("%+v %v, the log has %d stations", preps, err, len(w.took))
	}
	for _, x := range preps {
		all := w.took[x.Station]
		rank := func(p int) int64 { // the least that p of a hundred do not exceed
			for _, ms := range slices.Sorted(slices.Values(all)) {
				within := 0
				for _, other := range all {
					if other <= ms {
						within++
					}
				}
				if within*100 >= p*len(all) {
					return ms
				}
			}
			return 0
		}
		if want := (actors.Prep{Station: x.Station, Count: len(all), P50MS: rank(50), P90MS: rank(90), P99MS: rank(99)}); x != want || x.P50MS == x.P99MS {
			t.Errorf("%+v, the log says %+v", x, want)
		}
	}
	outs, err := r.Availability(context.Background(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range outs {
		if o.OutMS != w.out[o.Dish].Milliseconds() {
			t.Errorf("%+v, the log says %v", o, w.out[o.Dish])
		}
	}
	if len(outs) != len(w.out) || w.out["lotus-root-salad"] == 0 {
		t.Errorf("%+v, the log says %v", outs, w.out)
	}
}

func (w *week) holdDays(t *testing.T, r *actors.Reports, off map[string]int64) {
	t.Helper()
	days, err := r.Days(context.Background())
	if err != nil || len(days) != 7 {
		t.Fatalf("%d days: %v", len(days), err)
	}
	for _, d := range days {
		want := slices.SortedFunc(maps.Values(w.days[d.Date]), func(a, b store.Sum) int { return cmp.Compare(a.Provider, b.Provider) })
		slices.SortFunc(d.Providers, func(a, b store.Sum) int { return cmp.Compare(a.Provider, b.Provider) })
		if !slices.Equal(d.Providers, want) || len(want) != 2 {
			t.Errorf("%s: %+v, the log says %+v", d.Date, d.Providers, want)
		}
		if !d.Closed || d.Difference != off[d.Date] || d.Sales != want[0].Amount+want[1].Amount || d.Tips != want[0].Tip+want[1].Tip || d.Expected != want[0].Amount+want[0].Tip {
			t.Errorf("%+v, the cash was off by %d, the log says %+v", d, off[d.Date], want)
		}
	}
}
