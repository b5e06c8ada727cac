package order_test

import (
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/brigata/brigata/actors/bill"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/story"
)

func TestTranscripts(t *testing.T) { story.Transcripts(t) }

// A payment that may claim, and asks again since it has not heard so, may yet when the order is off
// meanwhile, and hears that nothing is due. Another may not.
func TestAClaimThatComesAgain(t *testing.T) {
	c := story.New(t, story.Store)
	waiter := command.Who{ID: "w", Name: "W", Role: command.Waiter}
	id := c.ID()
	at := command.Target{Kind: "order", ID: string(id)}
	do := func(cmd command.Command) (any, error) {
		h := cmd.Head()
		if h.By, h.Channel = waiter, "pos"; h.ID == "" {
			h.ID = c.ID()
		}
		return c.Do(at, cmd)
	}
	place := &order.Place{Type: "pickup", Lines: []menu.Line{{Dish: "soup", Qty: 1}}, Contact: &order.Contact{Name: "A", Phone: "1"}}
	place.ID = id
	if _, err := do(place); err != nil {
		t.Fatal(err)
	}
	claim := func(payment string) (int64, error) {
		reply, err := do(&bill.Claim{Payment: payment, Provider: "stripe", Amount: 100, Tip: 20})
		if err != nil {
			return 0, err
		}
		return reply.(*bill.Ack).Back, nil
	}
	for range 2 {
		if back, err := claim("p1"); back != 0 || err != nil {
			t.Fatal(back, err)
		}
	}
	if _, err := do(&order.End{How: order.Cancelled, Order: string(id), Reason: "mistake"}); err != nil {
		t.Fatal(err)
	}
	if back, err := claim("p1"); back != 120 || err != nil {
		t.Errorf("%d goes back; %v", back, err)
	}
	if _, err := claim("p2"); refusal.Of(err) == nil || refusal.Of(err).Code != refusal.Conflict {
		t.Errorf("another claims: %v", err)
	}
	if _, err := do(&bill.Unclaim{Payment: "p1", State: "cancelled"}); err != nil {
		t.Fatal(err)
	}
	if _, err := claim("p1"); refusal.Of(err) == nil || refusal.Of(err).Code != refusal.Conflict {
		t.Errorf("one that is over claims: %v", err)
	}
}

// FuzzLines prices lines as a client may send them. Whatever they are: they are refused
// with a code, or they come to the sum of what each comes to, with an item for all that
// is to be made, and stock asked for what is counted.
func FuzzLines(f *testing.F) {
	for _, lines := range []string{
		`[{"dish":"tofu","qty":2,"options":[{"option":"rice","group":"extras","qty":3}],"seat":1,"allergies":["peanut"]}]`,
		`[{"id":"x","dish":"set","qty":3,"parts":[{"part":"main","dish":"duck"},{"part":"side","dish":"soup"}],"course":9,"hold":true}]`,
		`[{"dish":"feast","qty":1},{"dish":"wine","qty":999,"note":"少油"}]`,
		`[{"dish":"tofu","qty":-1}]`,
		`[{"dish":"tofu","qty":1,"options":[{"option":"rice","options":[{"option":"rice"}]}]}]`,
		`[]`,
	} {
		f.Add([]byte(lines))
	}
	c := story.New(f, story.Store)
	if _, err := c.Do(command.Target{Kind: "stock", ID: "dish/tofu"}, story.Count("tofu", 5)); err != nil {
		f.Fatal(err)
	}
	today := c.Today()
	f.Fuzz(func(t *testing.T, b []byte) {
		var lines []menu.Line
		if json.Unmarshal(b, &lines) != nil {
			return
		}
		p := &order.Place{Type: "delivery", Lines: lines}
		p.Header = command.Header{ID: "0192f3a1-7b2c-7d3e-8f40-000000000001", At: story.Noon, Today: today, Channel: "pos", By: command.Who{Role: command.Waiter}}
		reply, asks, err := order.Preview(today, p)
		if err != nil {
			if r := refusal.Of(err); r == nil || r.Code != refusal.Invalid || r.Fields.At == "" {
				t.Fatalf("%v", err)
			}
			return
		}
		var sum, tofu int64
		for i, l := range reply.Lines {
			if l.Amount != l.UnitPrice*int64(lines[i].Qty) || l.UnitPrice < 0 {
				t.Fatalf("%+v of %+v", l, lines[i])
			}
			sum += l.Amount
			if lines[i].Dish == "tofu" {
				tofu += int64(lines[i].Qty)
			}
		}
		if sum != reply.Total || reply.Tax < 0 || reply.Tax > sum || len(reply.Lines) != len(lines) || len(lines) > menu.LinesMax {
			t.Fatalf("lines come to %d: %+v", sum, reply)
		}
		for _, a := range asks {
			if a.Stock != "dish/tofu" || a.Want < tofu || a.Want < 1 {
				t.Fatalf("%+v", a)
			}
		}
		if len(asks) == 0 && tofu > 0 {
			t.Fatal("tofu is counted, and nobody asks for it")
		}
	})
}
