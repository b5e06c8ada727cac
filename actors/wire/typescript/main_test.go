package main

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/stock"
	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/actors/table"
	"github.com/brigata/brigata/actors/wire"
)

// fits reports every member of v that an interface lacks, and every one it promises that v lacks.
func (m *model) fits(t *testing.T, at, name string, v any) {
	t.Helper()
	got, ok := v.(map[string]any)
	if !ok {
		t.Errorf("%s is %T, not a %s", at, v, name)
		return
	}
	for k := range got {
		if !slices.ContainsFunc(m.fields[name], func(f field) bool { return f.name == k }) {
			t.Errorf("%s.%s: %s has no such member", at, k, name)
		}
	}
	for _, f := range m.fields[name] {
		x, there := got[f.name]
		if !there {
			if !f.optional {
				t.Errorf("%s.%s: %s promises it", at, f.name, name)
			}
			continue
		}
		m.fitsType(t, at+"."+f.name, f.ts, x)
	}
}

func (m *model) fitsType(t *testing.T, at, ts string, x any) {
	t.Helper()
	elem, isArray := strings.CutSuffix(ts, "[]")
	list, _ := x.([]any)
	switch {
	case isArray && x != nil && list == nil:
		t.Errorf("%s is %T, not %s", at, x, ts)
	case isArray:
		for _, e := range list {
			m.fitsType(t, at+"[]", elem, e)
		}
	case m.fields[ts] != nil:
		m.fits(t, at, ts, x)
	case m.enums[ts] != nil:
		if s, _ := x.(string); !slices.Contains(m.enums[ts], s) {
			t.Errorf("%s: %v is not a %s", at, x, ts)
		}
	case ts == "number":
		if _, ok := x.(float64); !ok {
			t.Errorf("%s is %T, not a number", at, x)
		}
	case strings.HasPrefix(ts, `"`):
		if s, _ := x.(string); !strings.Contains(ts, `"`+s+`"`) {
			t.Errorf("%s: %v is none of %s", at, x, ts)
		}
	}
}

func decode(t *testing.T, b []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatalf("%v in %s", err, b)
	}
}

func example(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("../testdata/examples/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestViewsFit holds the browser's types to what the appenders write.
func TestViewsFit(t *testing.T) {
	m := build()
	now := time.Date(2026, 11, 22, 4, 40, 0, 0, time.UTC)
	check := func(name string, b []byte) {
		t.Helper()
		var v any
		decode(t, b, &v)
		m.fits(t, name, name, v)
	}
	var o order.View
	decode(t, example(t, "order"), &o)
	o.Label, o.WarnMS, o.LateMS, o.HurriedAt = "T03", 300_000, 480_000, now
	o.Contact, o.Driver, o.Shelf = &order.Contact{Name: "A", Phone: "1"}, &order.Driver{Name: "D"}, "4"
	o.Lines[0].Allergens = []menu.Allergen{{ID: "peanut", Name: menu.Text{EN: "Peanut"}}}
	o.Lines[0].Items[0].AddedAt, o.Lines[0].Items[0].VoidAt, o.Lines[0].Items[0].Flag = command.At(now), command.At(now), "short"
	for _, a := range []wire.Audience{wire.Staff, wire.Guests} {
		check("Order", wire.AppendOrder(nil, &o, a))
	}
	for _, ticket := range wire.Tickets(nil, &o) {
		check("Ticket", wire.AppendTicket(nil, &o, &ticket))
	}
	check("Dispatch", wire.AppendDispatch(nil, &o))
	var x table.View
	decode(t, example(t, "table"), &x)
	one := 1
	x.Cart.Lines[0].Course, x.Cart.Lines[0].Note = &one, "less oil"
	check("Table", wire.AppendTable(nil, &x, wire.Staff))
	check("Floor", wire.AppendFloor(nil, &x, &store.Table{ID: "T03", Shape: "rect"}, "CNY", now))
	check("Availability", wire.AppendAvailability(nil, &stock.View{Mode: stock.Counted, Left: 2, LowAt: 5}))
	check("Stock", wire.AppendView(nil, &stock.View{Mode: stock.Out, Until: now, Reason: "x"}, wire.Staff))
	check("Menu", example(t, "menu"))
	var f struct {
		OK struct {
			D any `json:"d"`
		} `json:"ok"`
	}
	decode(t, example(t, "ok-7"), &f)
	m.fits(t, "PlaceReply", "OrderPlaceReply", f.OK.D)
}

// TestCommandsAreTyped fails when a command is added whose data or reply the browser would not know.
func TestCommandsAreTyped(t *testing.T) {
	for _, name := range wire.Commands() {
		if len(commandTypes(name)) == 0 {
			t.Errorf("%s takes nothing known", name)
		}
		if replies[name] == nil {
			t.Errorf("%s: add the type of its reply to replies", name)
		}
	}
}

func TestGeneratedIsCurrent(t *testing.T) {
	b, err := os.ReadFile("../../../web/src/lib/wire.ts")
	if err != nil {
		t.Fatal(err)
	}
	if string(b) != string(generate()) {
		t.Error("web/src/lib/wire.ts is stale: run make gen")
	}
}
