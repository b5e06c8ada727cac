package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A file of elec2's form, in which prices follow the demand and then the opposite of it, is
// measured; without a file the report says so.
func TestElec(t *testing.T) {
	r, price := rand.New(rand.NewPCG(1, 2)), 0.5
	var b strings.Builder
	b.WriteString("date,day,period,nswprice,nswdemand,vicprice,vicdemand,transfer,class\n")
	for i := range 6000 {
		demand, last := r.Float64(), price
		if i < 3000 {
			price = 0.5*price + 0.5*demand
		} else {
			price = 0.5*price + 0.5*(1-demand)
		}
		class := "DOWN"
		if price > last {
			class = "UP"
		}
		fmt.Fprintf(&b, "%.6f,%d,%.6f,%.6f,%.6f,0.003467,0.422915,0.414912,%s\n", float64(i)/6000, 1+i/48%7, float64(i%48)/47, last, demand, class)
	}
	dir := t.TempDir()
	e := EdgeModels{Parts: []string{"elec"}, Elec: filepath.Join(dir, "elec.csv"), Markdown: filepath.Join(dir, "report.md")}
	if err := os.WriteFile(e.Elec, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	measured := func() string {
		t.Helper()
		if err := e.Run(); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(e.Markdown)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	text, accuracy := measured(), map[string]float64{}
	for line := range strings.Lines(text) {
		if c := strings.Split(line, "|"); len(c) == 6 && c[4] != " ---: " {
			var v float64
			if _, err := fmt.Sscan(c[2], &v); err == nil {
				accuracy[strings.TrimSpace(c[1])] = v
			}
		}
	}
	forest, tree := accuracy["adaptive random forest, 10 trees, fast"], accuracy["Hoeffding tree"]
	if len(accuracy) != 5 || forest < 0.85 || forest <= tree || !strings.Contains(text, "6000 rows of 8 numbers") {
		t.Errorf("%s", text)
	}
	e.Elec = ""
	if text := measured(); !strings.Contains(text, "not measured") {
		t.Errorf("%s", text)
	}
}
