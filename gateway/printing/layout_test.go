package printing_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/brigata/brigata/actors/bill"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/printer"
	"github.com/brigata/brigata/actors/story"
	"github.com/brigata/brigata/actors/table"
	"github.com/brigata/brigata/gateway/printing/fake"
)

var layouts = flag.Bool("layouts", false, "write what is on paper now into testdata")

var clock = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d`)

// TestLayouts prints an expo's ticket, what can be carried out, a bill, a part of one and
// one of an order without a table, on each paper and in each encoding, and holds what a
// person would read to testdata. Nothing is wider than the paper.
func TestLayouts(t *testing.T) {
	for _, x := range []struct {
		mm, columns int
		encoding    string
	}{{80, 48, "gb18030"}, {58, 32, "gb18030"}, {80, 48, "utf8"}, {58, 32, "utf8"}} {
		name := fmt.Sprintf("%d-%s", x.mm, x.encoding)
		t.Run(name, func(t *testing.T) {
			k := newKitchen(t)
			pass := newPrinter(t)
			doc := strings.NewReplacer("127.0.0.1:1", k.p1.Address, "127.0.0.1:2", k.p2.Address, `127.0.0.1:3","paper_mm":58,"encoding":"gb18030"`,
				fmt.Sprintf(`%s","paper_mm":%d,"encoding":%q`, pass.Address, x.mm, x.encoding)).Replace(string(story.Pass()))
			k.load(strings.NewReplacer(`"name":{"en":"Tofu"}`, `"name":{"zh":"麻婆豆腐","en":"Mapo Tofu with minced pork and Sichuan pepper"}`,
				`"name":{"en":"Soup"}`, `"name":{"zh":"酸辣汤"}`).Replace(doc))
			printed := func(n int) {
				k.until("p3", func(v *printer.View) bool { return v.Queued == 0 && len(pass.Slips()) == n })
			}
			first := k.ask("order", &order.Place{Type: "dine_in", Table: "T1", Guests: 3, Note: "先上凉菜", Lines: []menu.Line{
				{Dish: "tofu", Qty: 2, Seat: 1, Note: "少油，微辣", Options: []menu.Pick{{Option: "rice", Qty: 2}}}, {Dish: "soup", Qty: 12}, {Dish: "wine", Qty: 1}}})
			printed(1)
			k.ask("order", &order.Change{Order: first, To: order.Ready, Items: []string{"1", "2", "3"}})
			printed(2)
			k.ask("table", &table.PrintBill{Table: "T1"})
			printed(3)
			k.ask("table", &table.SplitBill{Table: "T1", Split: bill.Split{Mode: "items",
				Parts: []bill.Want{{Lines: []bill.Fraction{{Order: first, Line: "1", Num: 1, Den: 2}, {Order: first, Line: "2"}}}}}})
			k.ask("table", &table.PrintBill{Table: "T1", Part: "p1"})
			printed(4)
			alone := k.ask("order", &order.Place{Type: "pickup", Contact: &order.Contact{Name: "A", Phone: "1"}, Lines: []menu.Line{{Dish: "wine", Qty: 1}}})
			k.ask("order", &order.PrintBill{Order: alone})
			printed(5)
			var got strings.Builder
			for _, slip := range pass.Slips() {
				text, err := fake.Read(slip, x.columns)
				if err != nil {
					t.Error(err)
				}
				got.WriteString(clock.ReplaceAllString(text, "2026-11-23 12:00"))
			}
			file := filepath.Join("testdata", name+".txt")
			if *layouts {
				if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if want, err := os.ReadFile(file); err != nil || got.String() != string(want) {
				t.Errorf("%v\non paper is\n%s\nnot\n%s", err, got.String(), want)
			}
		})
	}
}
