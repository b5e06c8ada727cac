package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/brigata/brigata/cmd/brigata/demo"
	"github.com/brigata/brigata/gateway/printing/fake"
)

// on is on how many slips an order's number is, or a part of it.
func on(p *fake.Printer, no int) (n int) {
	for _, j := range p.Jobs() {
		if bytes.Contains(j, fmt.Appendf(nil, "#%d\n", no)) {
			n++
		}
	}
	return n
}

// printing is the demo store with a printer at the wok.
func printing(t *testing.T, address string) string {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal(demo.Store(), &doc); err != nil {
		t.Fatal(err)
	}
	doc["printers"] = []any{map[string]any{"id": "p-wok", "address": address, "paper_mm": 80, "encoding": "gb18030"}}
	for _, s := range doc["stations"].([]any) {
		if s := s.(map[string]any); s["id"] == "wok" {
			s["printer"] = "p-wok"
		}
	}
	b, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "store.json")
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestKilledWhilePrinting kills the node again and again while a slip is on its way to
// paper, with others behind it: each order is on paper at most once, and one that may
// not be there as a whole is shown.
func TestKilledWhilePrinting(t *testing.T) {
	onBoth(t, func(t *testing.T, start func(*testing.T) *node) {
		p, err := fake.New()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.Close)
		n := start(t)
		document, err := os.ReadFile(printing(t, p.Address))
		if err != nil {
			t.Fatal(err)
		}
		if status, body := rest(t, n, n.token, "PUT", "/v1/stores/demo", string(document), nil); status >= 300 {
			t.Fatalf("%d %s", status, body)
		}
		cut, orders := map[int]bool{}, 0
		for range 3 {
			p.Hold(true)
			c := n.dial(n.token, "till")
			for range 3 {
				place(t, c, "T01")
				orders++
			}
			<-p.Begun
			cut[orders-2] = true
			n.kill()
			p.Hold(false)
			n = start(t)
			await(t, n.dial(n.token, "pass"), "printers", "printer/p-wok", func(d string) bool { return strings.Contains(d, `"queued":0`) })
		}
		var v struct {
			Unsure []struct{ Order string }
			State  string
		}
		view(t, n.dial(n.token, "pass"), "printers", "printer/p-wok", &v)
		if len(v.Unsure) != len(cut) {
			t.Errorf("%d slips may be on paper, the board shows %+v", len(cut), v)
		}
		for no := 1; no <= orders; no++ {
			if got := on(p, no); got != 1 {
				t.Errorf("order %d is on %d slips", no, got)
			}
		}
	})
}
