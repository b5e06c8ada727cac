package webhooks_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/gateway/auth"
	"github.com/brigata/brigata/gateway/webhooks"
)

func same(a, b map[string][]int64) bool { return maps.EqualFunc(a, b, slices.Equal) }

// get waits until a webhook stands as is says. What is waited for is in the database, so
// it is looked at.
func (h *house) get(id, what string, is func(webhooks.Webhook) bool) webhooks.Webhook {
	h.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	tick := time.NewTicker(quick)
	defer tick.Stop()
	for {
		w, err := h.driver.Get(h.t.Context(), "demo", id)
		if err != nil {
			h.t.Fatal(err)
		}
		if is(w) {
			return w
		}
		if time.Now().After(deadline) {
			h.t.Fatalf("not in 20 s: %s: %+v", what, w)
		}
		<-tick.C
	}
}

func done(w webhooks.Webhook) bool { return w.Waiting == 0 && w.Late == 0 }

// A receiver that was away for long, while the node was stopped and started too, gets
// everything, in the sequence of each order, and signed.
func TestReceiverComesBack(t *testing.T) {
	onBoth(t, func(t *testing.T, db auth.Database) {
		h, r := newHouse(t, db, nil), newReceiver(t)
		w := h.hook(r)
		first := h.order()
		r.until("the first order", func() bool { return same(r.sequences(), h.want(first)) })
		r.leave()
		orders := []string{first}
		for range 12 {
			orders = append(orders, h.order())
		}
		h.get(w.ID, "it fails", func(w webhooks.Webhook) bool { return !w.Failing.IsZero() && w.Waiting > 0 })
		h.close()
		h.open()
		for _, id := range orders {
			h.cook(id)
		}
		h.get(w.ID, "it waits", func(w webhooks.Webhook) bool { return w.Error != "" && w.State == "active" })
		r.comeBack()
		r.until("everything", func() bool { return same(r.sequences(), h.want(orders...)) })
		w = h.get(w.ID, "its position", done)
		if w.Dead != 0 || !w.Failing.IsZero() || w.Taken.IsZero() || w.Error != "" {
			t.Errorf("%+v", w)
		}
		for _, c := range r.all() {
			if c.answered != http.StatusNoContent {
				t.Errorf("%s was answered %d", c.ID, c.answered)
			}
			if c.header.Get("Brigata-Id") != c.ID || !strings.HasPrefix(c.header.Get("Traceparent"), "00-0af7651916cd43dd8448eb211c80319c-") ||
				strings.Contains(c.header.Get("Traceparent"), "b7ad6b7169203331") || c.D.ID != c.Order {
				t.Errorf("%+v", c)
			}
		}
		h.get(w.ID, "nothing is late", func(webhooks.Webhook) bool { return h.driver.Lag() == 0 })
	})
}

// What was committed while nobody saw it, and even came to its end, is found.
func TestUnseen(t *testing.T) {
	onBoth(t, func(t *testing.T, db auth.Database) {
		h, r := newHouse(t, db, nil), newReceiver(t)
		before := h.order()
		for ms := time.Now().UnixMilli(); time.Now().UnixMilli() == ms; {
			runtime.Gosched() // what happens in the same millisecond is told
		}
		h.hook(r)
		seen := h.order()
		r.until("the first", func() bool { return same(r.sequences(), h.want(seen)) })
		h.deaf.Store(true)
		orders := []string{seen}
		for range 3 {
			id := h.order()
			h.send("order.void", `{"order":%q,"reason":"mistake"}`, id)
			orders = append(orders, id)
		}
		h.close()
		h.open()
		r.until("the rest", func() bool { return same(r.sequences(), h.want(orders...)) })
		if _, told := r.sequences()[before]; told {
			t.Error("what happened before there was a webhook was told")
		}
	})
}

// An event that is not taken holds up its order, and no other; in the end it is a dead
// letter, and its order goes on. Retried, the order is told from there on.
func TestOneOrderHoldsUpNoOther(t *testing.T) {
	onBoth(t, func(t *testing.T, db auth.Database) {
		h, r := newHouse(t, db, func(c *webhooks.Config) { c.Tries = 4 }), newReceiver(t)
		var bad atomic.Value
		bad.Store("")
		r.set(func(x told) int {
			if x.Order == bad.Load() && x.Type == "order.accepted" {
				return http.StatusInternalServerError
			}
			return http.StatusOK
		})
		h.away.Store(true) // so that all of it is there before anything is told
		w := h.hook(r)
		poor, fine := h.order(), h.order()
		bad.Store(poor)
		h.cook(poor)
		h.cook(fine)
		h.away.Store(false)
		r.until("the other order", func() bool { return slices.Equal(r.sequences()[fine], h.want(fine)[fine]) })
		w = h.get(w.ID, "a dead letter", func(w webhooks.Webhook) bool { return w.Dead == 1 && done(w) })
		letters, next, err := h.driver.Dead(t.Context(), "demo", w.ID, 0, 10)
		if err != nil || next != "" || len(letters) != 1 || letters[0].Type != "order.accepted" || letters[0].Tries != 4 || letters[0].Order != poor {
			t.Fatalf("%+v %q %v", letters, next, err)
		}
		all := h.want(poor)[poor]
		gap := slices.DeleteFunc(slices.Clone(all), func(seq int64) bool { return seq == letters[0].Seq })
		if got := r.sequences()[poor]; !slices.Equal(got, gap) {
			t.Errorf("told %v, not %v", got, gap)
		}
		bad.Store("")
		before := len(r.taken())
		if n, err := h.driver.Retry(t.Context(), "demo", w.ID, []string{letters[0].ID}); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		h.get(w.ID, "it is taken", func(w webhooks.Webhook) bool { return w.Dead == 0 && done(w) })
		var again []int64
		for _, c := range r.taken()[before:] {
			again = append(again, c.Seq)
		}
		if want := all[slices.Index(all, letters[0].Seq):]; !slices.Equal(again, want) {
			t.Errorf("told %v again, not %v", again, want)
		}
		if _, err := h.driver.Retry(t.Context(), "demo", w.ID, []string{letters[0].ID}); refusal.Of(err) == nil {
			t.Errorf("a letter that is not dead: %v", err)
		}
	})
}

// A webhook is told what it wants, again from where it wants; others ask for the same.
func TestReplayAndPoll(t *testing.T) {
	onBoth(t, func(t *testing.T, db auth.Database) {
		h, r := newHouse(t, db, nil), newReceiver(t)
		w := h.hook(r, "order.accepted", "item.ready")
		orders := []string{h.order(), h.order(), h.order()}
		for _, id := range orders {
			h.cook(id)
		}
		h.get(w.ID, "all is told", func(w webhooks.Webhook) bool { return done(w) && len(r.taken()) == 6 })
		if _, err := h.driver.Replay(t.Context(), "demo", w.ID, 0, time.Time{}); err != nil {
			t.Fatal(err)
		}
		h.get(w.ID, "all is told again", func(w webhooks.Webhook) bool { return done(w) && len(r.taken()) == 12 })
		half := r.taken()[3].At
		if _, err := h.driver.Replay(t.Context(), "demo", w.ID, 0, half); err != nil {
			t.Fatal(err)
		}
		h.get(w.ID, "some is told again", func(w webhooks.Webhook) bool { return done(w) && len(r.taken()) > 12 })
		bodies := map[string]string{}
		for _, c := range r.taken() {
			if old := bodies[c.ID]; old != "" && old != string(c.body) {
				t.Errorf("%s was told differently:\n%s\n%s", c.ID, old, c.body)
			}
			bodies[c.ID] = string(c.body)
		}
		if len(bodies) != 6 {
			t.Errorf("%d events", len(bodies))
		}
		polled, after := map[string][]int64{}, int64(0)
		for {
			items, next, err := h.driver.Events(t.Context(), "demo", webhooks.Query{After: after, Limit: 4})
			if err != nil {
				t.Fatal(err)
			}
			var list []json.RawMessage
			if err := json.Unmarshal(append(append([]byte("["), items...), ']'), &list); err != nil {
				t.Fatal(err)
			}
			for _, b := range list {
				var x told
				if err := json.Unmarshal(b, &x); err != nil {
					t.Fatal(err)
				}
				polled[x.Order] = append(polled[x.Order], x.Seq)
				if was := bodies[x.ID]; was != "" && was != string(b) {
					t.Errorf("%s is polled differently", x.ID)
				}
			}
			if after, err = webhooks.Cursor(next); err != nil {
				t.Fatal(err)
			}
			if len(list) == 0 {
				break
			}
		}
		if want := h.want(orders...); !same(polled, want) {
			t.Errorf("polled %v, not %v", polled, want)
		}
		if _, _, err := h.driver.Events(t.Context(), "demo", webhooks.Query{After: after + 1, Limit: 4}); refusal.Of(err) == nil {
			t.Errorf("a cursor that never was: %v", err)
		}
		if _, _, err := h.driver.Events(t.Context(), "elsewhere", webhooks.Query{Limit: 4}); refusal.Of(err) == nil {
			t.Errorf("a store without webhooks: %v", err)
		}
	})
}

// For a day both secrets sign; a test says what the receiver does with it.
func TestRotation(t *testing.T) {
	onBoth(t, func(t *testing.T, db auth.Database) {
		h, r := newHouse(t, db, nil), newReceiver(t)
		w := h.hook(r)
		fresh, until, err := h.driver.Rotate(t.Context(), "demo", w.ID)
		if err != nil || fresh == w.Secret || time.Until(until) < 23*time.Hour {
			t.Fatal(fresh, until, err)
		}
		for _, secret := range []string{w.Secret, fresh} {
			r.trust(secret)
			if got, err := h.driver.Test(t.Context(), "demo", w.ID); err != nil || !got.OK || got.Status != 204 {
				t.Errorf("%+v %v", got, err)
			}
		}
		r.trust("whsec_of_another")
		if got, err := h.driver.Test(t.Context(), "demo", w.ID); err != nil || got.OK || got.Status != http.StatusUnauthorized {
			t.Errorf("%+v %v", got, err)
		}
		list, err := h.driver.List(t.Context(), "demo")
		if err != nil || len(list) != 1 || list[0].Secret != "" {
			t.Errorf("%+v %v", list, err)
		}
		// A sender that is at work signs with both too.
		r.trust(fresh)
		id := h.order()
		r.until("the order", func() bool { return same(r.sequences(), h.want(id)) })
	})
}

// A receiver that wants no more is left alone, and so is one that takes nothing for long.
// Active again, it gets what came meanwhile.
func TestDisabled(t *testing.T) {
	for name, status := range map[string]int{"gone": http.StatusGone, "never": http.StatusBadRequest, "away": http.StatusBadGateway} {
		t.Run(name, func(t *testing.T) {
			h, r := newHouse(t, openDatabase(t, "sqlite"), func(c *webhooks.Config) { c.DisableAfter = 20 * quick }), newReceiver(t)
			r.set(func(told) int { return status })
			w := h.hook(r)
			first := h.order()
			w = h.get(w.ID, "it is disabled", func(w webhooks.Webhook) bool { return w.State == "disabled" })
			if w.Reason == "" || w.Failing.IsZero() {
				t.Errorf("%+v", w)
			}
			second := h.order()
			r.set(nil)
			active := "active"
			if _, err := h.driver.Change(t.Context(), "demo", w.ID, webhooks.Input{State: &active}); err != nil {
				t.Fatal(err)
			}
			r.until("both orders", func() bool { return same(r.sequences(), h.want(first, second)) })
		})
	}
}

// Two nodes on one database: who has the cell tells, and the other goes on from there.
func TestHandOver(t *testing.T) {
	onBoth(t, func(t *testing.T, db auth.Database) {
		h, r := newHouse(t, db, nil), newReceiver(t)
		w := h.hook(r)
		other := h.config
		var here atomic.Bool
		other.Archive, other.Here = h.archive(), func(string) bool { return here.Load() }
		next, err := webhooks.New(t.Context(), other)
		if err != nil {
			t.Fatal(err)
		}
		defer next.Stop()
		h.also.Store(next)
		defer h.also.Store(nil)
		var orders []string
		sender := ""
		for round := range 6 {
			h.away.Store(round%2 == 1)
			here.Store(round%2 == 1)
			h.get(w.ID, "another sends", func(webhooks.Webhook) bool {
				was := sender
				if err := db.QueryRow("SELECT sender FROM webhook_stores").Scan(&sender); err != nil {
					t.Fatal(err)
				}
				return sender != was
			})
			orders = append(orders, h.order(), h.order())
			h.cook(orders[len(orders)-1])
			r.until("the round's orders", func() bool { return same(r.sequences(), h.want(orders...)) })
			h.get(w.ID, "its position", done)
		}
		twice := map[string]int{}
		for _, c := range r.taken() {
			if twice[c.ID]++; twice[c.ID] > 1 {
				t.Errorf("%s was told twice, though nobody died", c.ID)
			}
		}
	})
}

func TestBadInput(t *testing.T) {
	h := newHouse(t, openDatabase(t, "sqlite"), func(c *webhooks.Config) { c.AllowPrivate = false })
	good := "https://partner.example/hooks"
	for name, in := range map[string]webhooks.Input{
		"no address":       {},
		"no scheme":        {URL: new("partner.example")},
		"plain":            {URL: new("http://partner.example/")},
		"another scheme":   {URL: new("file:///etc/passwd")},
		"no host":          {URL: new("https://:443/")},
		"a password":       {URL: new("https://a:b@partner.example/")},
		"a fragment":       {URL: new("https://partner.example/#x")},
		"too long":         {URL: new("https://partner.example/" + strings.Repeat("x", 2000))},
		"no events":        {URL: &good, Events: &[]string{}},
		"an unknown event": {URL: &good, Events: &[]string{"order.placed", "order.eaten"}},
		"a state":          {URL: &good, State: new("asleep")},
	} {
		if _, _, err := h.driver.Create(t.Context(), "demo", h.id(), "user:boss", in); refusal.Of(err) == nil || refusal.Of(err).Code != refusal.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	id := h.id()
	first, had, err := h.driver.Create(t.Context(), "demo", id, "user:boss", webhooks.Input{URL: &good})
	if err != nil || had || first.Secret == "" {
		t.Fatal(first, had, err)
	}
	if again, had, err := h.driver.Create(t.Context(), "demo", id, "user:boss", webhooks.Input{URL: &good}); err != nil || !had || again.Secret != "" {
		t.Error(again, had, err)
	}
	if _, _, err := h.driver.Create(t.Context(), "demo", id, "user:boss", webhooks.Input{URL: new("https://other.example")}); refusal.Of(err) == nil {
		t.Error("another webhook under the same key:", err)
	}
	for i := 1; ; i++ {
		if _, _, err := h.driver.Create(t.Context(), "demo", h.id(), "user:boss", webhooks.Input{URL: new("")}); err != nil {
			if refusal.Of(err) == nil || i != 20 {
				t.Error(i, err)
			}
			break
		}
	}
	if _, err := h.driver.Get(t.Context(), "elsewhere", id); refusal.Of(err) == nil || refusal.Of(err).Code != refusal.NotFound {
		t.Error("another store's webhook:", err)
	}
	if err := h.driver.Delete(t.Context(), "elsewhere", id); refusal.Of(err) == nil {
		t.Error("another store deletes it:", err)
	}
}
