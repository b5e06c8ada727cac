package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// command does one over HTTP and returns the code with which it was refused; "": it was done.
func command(t *testing.T, n *node, cid, cmd, d string) string {
	t.Helper()
	r, err := http.NewRequest("POST", n.url+"/v1/stores/demo/commands", strings.NewReader(fmt.Sprintf(`{"cmd":%q,"d":%s}`, cmd, d)))
	if err != nil {
		t.Error(err)
		return "?"
	}
	r.Header.Set("Authorization", "Bearer "+n.token)
	r.Header.Set("Idempotency-Key", cid)
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Error(err)
		return "?"
	}
	defer w.Body.Close()
	var no struct{ Code string }
	if err := json.NewDecoder(w.Body).Decode(&no); err != nil {
		t.Error(err)
	}
	if w.StatusCode < 300 {
		return ""
	}
	return no.Code
}

// TestRefundsAtOnce has managers give money back at the same moment: as much goes back as
// there was, and one refund that is sent twice goes back once.
func TestRefundsAtOnce(t *testing.T) {
	t.Parallel()
	n, till, banks := paidByAll(t)
	must(t, send(t, till, "stock.count", newID(), `{"dish":"mapo-tofu","unlimited":true}`))
	for name, c := range map[string]struct {
		amounts func(total int64) [2]int64
		same    bool
		go2     int // of the two
	}{
		"more than there is":    {func(total int64) [2]int64 { return [2]int64{total*2/3 + 1, total*2/3 + 1} }, false, 1},
		"as much as there is":   {func(total int64) [2]int64 { return [2]int64{total / 2, total - total/2} }, false, 2},
		"the same one, twice":   {func(total int64) [2]int64 { return [2]int64{total / 3, total / 3} }, true, 1},
		"all of it, both times": {func(total int64) [2]int64 { return [2]int64{total, total} }, false, 1},
	} {
		t.Run(name, func(t *testing.T) {
			for _, bank := range banks {
				t.Run(bank.Name, func(t *testing.T) {
					x := owing(t, n, till, bank)
					x.charged()
					within(t, 20*time.Second, "it is paid", func() bool { return x.bill().Paid == x.total })
					amounts, cids, codes := c.amounts(x.total), [2]string{newID(), newID()}, [2]string{}
					if c.same {
						cids[1] = cids[0]
					}
					var both sync.WaitGroup
					for i := range 2 {
						both.Go(func() {
							codes[i] = command(t, n, cids[i], "payment.refund", fmt.Sprintf(`{"payment":%q,"amount":%d,"reason":"quality"}`, x.payment, amounts[i]))
						})
					}
					both.Wait()
					var back int64
					for _, r := range bank.Charge(x.payment).Refunds {
						back += r.Amount
					}
					want := amounts[0]
					if c.go2 == 2 {
						want += amounts[1]
					}
					if got := len(bank.Charge(x.payment).Refunds); got != c.go2 || back != want {
						t.Errorf("%d refunds of %d in all, want %d of %d", got, back, c.go2, want)
					}
					no := 0
					for _, code := range codes {
						switch code {
						case "":
						case "invalid":
							no++
						default:
							t.Errorf("refused as %q", code)
						}
					}
					if done := 2 - no; done != c.go2 && !c.same || c.same && no > 0 {
						t.Errorf("%v", codes)
					}
					within(t, 20*time.Second, "the bill has what went back", func() bool { return x.bill().Refunded == back })
				})
			}
		})
	}
}

// TestSplitAtTheProviders splits a bill that does not divide, and has its parts paid with
// tips, one of them in pieces, through every provider: each is asked for as many fen as
// the bill says, and all of it together is the bill and the tips.
func TestSplitAtTheProviders(t *testing.T) {
	t.Parallel()
	n, till, banks := paidByAll(t)
	must(t, send(t, till, "order.place", newID(), `{"type":"dine_in","table":"T05","lines":[{"dish":"mapo-tofu","qty":1},{"dish":"plum-juice","qty":1}]}`))
	must(t, send(t, till, "bill.discount", newID(), `{"table":"T05","amount":1,"reason":"other"}`)) // 39.99
	var split struct {
		D struct {
			Total int64
			Parts []struct {
				ID     string
				Amount int64
			}
		}
	}
	if err := json.Unmarshal(send(t, till, "bill.split", newID(), `{"table":"T05","mode":"even","count":4}`).OK, &split); err != nil || len(split.D.Parts) != 4 || split.D.Total%4 == 0 {
		t.Fatalf("%+v %v", split, err)
	}
	type piece struct{ amount, tip int64 }
	var asked, tips int64
	for i, part := range split.D.Parts {
		bank := banks[i%3]
		pieces := []piece{{part.Amount, int64(101 * i)}}
		if i == 3 {
			pieces = []piece{{1, 0}, {part.Amount - 100, 1}, {99, 9}}
		}
		for _, x := range pieces {
			id := newID()
			must(t, send(t, till, "payment.create", id, fmt.Sprintf(`{"table":"T05","part":%q,"provider":%q,"amount":%d,"tip":%d}`, part.ID, bank.Name, x.amount, x.tip)))
			if c := bank.Charge(id); c.Amount != x.amount+x.tip {
				t.Errorf("%s is asked for %d, the bill for %d and %d", bank.Name, c.Amount, x.amount, x.tip)
			}
			if !bank.Pay(id) {
				t.Errorf("%s: it cannot be paid", bank.Name)
			}
			if status, err := bank.Notify(t.Context(), n.url+"/v1/payments/"+bank.Name+"/notify", id); err != nil || status != http.StatusOK {
				t.Errorf("%d %v", status, err)
			}
			asked, tips = asked+x.amount, tips+x.tip
		}
	}
	var charged int64
	for _, b := range banks {
		for _, c := range b.Charges() {
			charged += c.Amount
		}
	}
	if asked != split.D.Total || charged != asked+tips {
		t.Errorf("the bill is %d, its parts %d, tips %d, and %d were charged", split.D.Total, asked, tips, charged)
	}
	await(t, till, "table.T05", "table/T05", func(d string) bool {
		return strings.Contains(d, fmt.Sprintf(`"tip":%d,"pending":0,"paid":%d,"refunded":0,"due":0`, tips, split.D.Total))
	})
}
