package sim

import (
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/brigata/brigata/actors/mutant"
)

func TestMain(m *testing.M) {
	debug.SetGCPercent(Garbage)
	os.Exit(m.Run())
}

// TestRepeats: the same seed plays the same run.
func TestRepeats(t *testing.T) {
	for seed := uint64(1); seed <= 20; seed++ {
		a, b := Run(NewPlan(seed, Options{}), nil), Run(NewPlan(seed, Options{}), nil)
		if a != b {
			t.Fatalf("seed %d came to %+v, then to %+v", seed, a, b)
		}
	}
	if a, b := Run(NewPlan(1, Options{}), nil), Run(NewPlan(2, Options{}), nil); a.Hash == b.Hash {
		t.Fatal("two seeds have one hash")
	}
}

func TestSeeds(t *testing.T) {
	total := Seeds(t.Context(), 1, 150, Options{}, 2)
	if total.Failed != nil {
		t.Fatalf("seed %d: %s", total.Failed.Seed, total.Violation)
	}
	if total.Answers < 10_000 || total.Faults < 1000 {
		t.Fatalf("hardly anything happened: %+v", total)
	}
}

// TestShrink: what fails goes on failing of the same, with less.
func TestShrink(t *testing.T) {
	m, _ := Named("credit-lost")
	mutant.Turn(m.is)
	defer mutant.Turn(mutant.Off)
	p := Seeds(t.Context(), 1, 50, Options{}, 1).Failed
	if p == nil {
		t.Fatal("nothing fails")
	}
	q := Shrink(p)
	if invariant(Run(q, nil).Violation) != invariant(Run(p, nil).Violation) || q.size() > p.size()/4 {
		t.Fatalf("from %d to %d:\n%s", p.size(), q.size(), q)
	}
}

// TestMutants: a few of each kind are noticed; make sim hunts all.
func TestMutants(t *testing.T) {
	for _, name := range []string{"reply-early", "lost-is-failure", "body-ignored", "move-taken-twice", "snapshot-without-answers",
		"bump-fires-again", "claim-unchecked", "push-lost", "heads-by-snapshot", "claim-over-live"} {
		m, ok := Named(name)
		if total := m.Hunt(200, time.Time{}); !ok || total.Failed == nil {
			t.Errorf("%s survives %d runs", name, total.Runs)
		}
	}
}

func BenchmarkSeed(b *testing.B) {
	b.ReportAllocs()
	for i := range b.N {
		if r := Run(NewPlan(uint64(1+i%200), Options{}), nil); r.Violation != "" {
			b.Fatalf("seed %d: %s", r.Seed, r.Violation)
		}
	}
}

func TestSweep(t *testing.T) {
	if total := Sweep(1, 2); total.Failed != nil || total.Runs < 100 {
		t.Fatalf("killed at step %d of %d: %s", total.Runs, total.Runs, total.Violation)
	}
}

// TestDocumented: the document lists every mutant as the code has it.
func TestDocumented(t *testing.T) {
	doc, err := os.ReadFile("../../docs/simulation.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range Mutants {
		if row := fmt.Sprintf("| %s | %s | %s |\n", m.Name, m.Breaks, m.Kills); !strings.Contains(string(doc), row) {
			t.Errorf("docs/simulation.md has no row %s", row)
		}
	}
}
