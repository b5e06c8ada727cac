package sim

import (
	"testing"
	"time"
)

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
	total := Seeds(1, 150, Options{}, time.Time{})
	if total.Failed != nil {
		t.Fatalf("seed %d: %s", total.Failed.Seed, total.Violation)
	}
	if total.Answers < 10_000 || total.Faults < 1000 {
		t.Fatalf("hardly anything happened: %+v", total)
	}
}

func TestSweep(t *testing.T) {
	if total := Sweep(1); total.Failed != nil || total.Runs < 100 {
		t.Fatalf("killed at step %d of %d: %s", total.Runs, total.Runs, total.Violation)
	}
}
