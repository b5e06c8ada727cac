package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
)

// history is every call of every client, with when it was made and answered.
type history struct {
	mu       sync.Mutex
	began    time.Time
	ops      map[string][]porcupine.Operation // by store/dish or store/order
	orders   map[string]int                   // store/id → number, acknowledged
	payments map[string]bool                  // store/id of those that succeeded
	repeats  int
	differ   []string // store/id of commands that were answered in two ways
	calls    []took
	refusals map[string]int
}

// took is how long a command took, as its client saw it.
type took struct {
	store      string
	call, back time.Duration
	failed     int
	known      bool
}

// Operations on a dish's stock and on an order, and what they found.
type (
	stockOp struct {
		kind string // count take restock
		qty  int
	}
	orderOp struct {
		kind string // place rush read
		on   bool
	}
	outcome struct{ known, ok, on bool }
)

func (h *history) now() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.began.IsZero() {
		h.began = time.Now()
	}
	return time.Since(h.began)
}

func (h *history) add(client int, key string, op any, a answer) {
	out := outcome{known: a.known || a.back > 0 && a.cid == "", ok: a.ok}
	if o, is := op.(orderOp); is && o.kind == "read" {
		out.on = o.on
	}
	back := int64(a.back)
	if !out.known { // it may take effect at any later time
		back = math.MaxInt64
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ops == nil {
		h.ops = map[string][]porcupine.Operation{}
	}
	h.ops[key] = append(h.ops[key], porcupine.Operation{ClientId: client, Input: op, Call: int64(a.call), Output: out, Return: back})
}

func (h *history) placed(store string, a answer) {
	var d struct{ No int }
	_ = json.Unmarshal(a.d, &d) // 0 is no number: the audit finds it
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.orders == nil {
		h.orders = map[string]int{}
	}
	h.orders[store+"/"+a.cid] = d.No
}

func (h *history) paid(store, id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.payments == nil {
		h.payments = map[string]bool{}
	}
	h.payments[store+"/"+id] = true
}

// repeated holds the answer of a repeated command to the first one.
func (h *history) repeated(store string, first, again answer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !again.known {
		return
	}
	h.repeats++
	if first.ok != again.ok || first.code != again.code || first.ok && string(first.d) != string(again.d) {
		h.differ = append(h.differ, store+"/"+first.cid)
	}
}

func (h *history) took(store string, a *answer) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls = append(h.calls, took{store, a.call, a.back, a.failed, a.known})
}

func (h *history) refused(code string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.refusals == nil {
		h.refusals = map[string]int{}
	}
	h.refusals[code]++
}

// unanswered counts the commands that were given up.
func (h *history) unanswered() (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.calls {
		if !c.known {
			n++
		}
	}
	return n
}

// story tells a history, for people.
func (h *history) story(key string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	ops := slices.SortedFunc(slices.Values(h.ops[key]), func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
	var b strings.Builder
	fmt.Fprintf(&b, "%s:\n", key)
	for _, o := range ops {
		back := "never"
		if o.Return != math.MaxInt64 {
			back = time.Duration(o.Return).Round(time.Millisecond).String()
		}
		fmt.Fprintf(&b, "  %v to %s, client %d: %+v found %+v\n", time.Duration(o.Call).Round(time.Millisecond), back, o.ClientId, o.Input, o.Output)
	}
	return b.String()
}

// acked counts the commands that were answered for good.
func (h *history) acked() (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.calls {
		if c.known {
			n++
		}
	}
	return n
}

// window is what clients saw between two times.
type window struct {
	failed  int           // commands that needed more than one try
	longest time.Duration // from call to answer
	again   time.Duration // until every store had answered a command that was sent after from
	silent  int           // stores that did not
}

func (h *history) between(from, to time.Duration, stores []string) (w window) {
	h.mu.Lock()
	defer h.mu.Unlock()
	first := map[string]time.Duration{}
	for _, c := range h.calls {
		if c.back < from || c.call > to {
			continue
		}
		if c.failed > 0 {
			w.failed++
		}
		w.longest = max(w.longest, c.back-c.call)
		// One that was sent before and answered after counts as well: it waited.
		if at, ok := first[c.store]; c.known && (!ok || c.back < at) && (c.call >= from || c.failed > 0) {
			first[c.store] = c.back
		}
	}
	for _, s := range stores {
		at, ok := first[s]
		if !ok {
			w.silent++
			continue
		}
		w.again = max(w.again, at-from)
	}
	return w
}

// checkIn bounds the search for one linearization.
const checkIn = 10 * time.Second

// felt is from when on a wait counts as one: a store that answers sooner had nothing to
// recover from.
const felt = 500 * time.Millisecond

// waits is how long each store's clients waited at most, in ms and by the kind of fault,
// for each that they felt: between it and the next one a command failed at first, or took
// long.
func (h *history) waits(faults []fault, to time.Duration) map[string][]int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := map[string][]int64{}
	for i, f := range faults {
		end := to
		if i+1 < len(faults) {
			end = faults[i+1].at
		}
		longest := map[string]time.Duration{}
		for _, c := range h.calls {
			if c.back >= f.at && c.call < end && (c.failed > 0 || c.back-c.call > felt) {
				longest[c.store] = max(longest[c.store], c.back-max(c.call, f.at))
			}
		}
		for _, d := range longest {
			all[f.kind] = append(all[f.kind], d.Milliseconds())
		}
	}
	return all
}

// linearizable checks every history by itself; it returns the dishes and the orders whose
// are not, and how many took too long to tell.
func (h *history) linearizable() (dishes, orders []string, unknown int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for key, ops := range h.ops {
		model, bad := stockModel, &dishes
		if _, is := ops[0].Input.(orderOp); is {
			model, bad = orderModel, &orders
		}
		switch porcupine.CheckOperationsTimeout(model, ops, checkIn) {
		case porcupine.Illegal:
			*bad = append(*bad, key)
		case porcupine.Unknown:
			unknown++
		}
	}
	slices.Sort(dishes)
	slices.Sort(orders)
	return dishes, orders, unknown
}

// stockModel: what is taken was there, and who was told that it is sold out found less
// than he asked for.
var stockModel = porcupine.Model{
	Init: func() any { return -1 }, // not counted yet
	Step: func(state, input, output any) (bool, any) {
		left, op, out := state.(int), input.(stockOp), output.(outcome)
		switch {
		case op.kind == "count":
			return true, op.qty
		case left < 0:
			return out.ok || !out.known, left
		case op.kind == "restock":
			if out.ok || !out.known {
				left += op.qty
			}
			return true, left
		case out.known && !out.ok:
			return left < op.qty, left
		case !out.known && left < op.qty: // it was refused, and nobody heard of it
			return true, left
		}
		return left >= op.qty, left - op.qty
	},
}

// orderModel: an order is there from when it is placed, and urgent as the last command
// made it.
var orderModel = porcupine.Model{
	Init: func() any { return [2]bool{} }, // exists, urgent
	Step: func(state, input, output any) (bool, any) {
		s, op, out := state.([2]bool), input.(orderOp), output.(outcome)
		switch op.kind {
		case "place":
			return true, [2]bool{true, false}
		case "rush":
			if out.ok || !out.known {
				s[1] = op.on
			}
			return s[0], s
		}
		if !out.ok {
			return !s[0], s
		}
		return s[0] && s[1] == out.on, s
	},
}
