package edge

import (
	"testing"
	"time"

	"github.com/brigata/brigata/actors/sensor"
	"github.com/brigata/brigata/actors/store"
)

func TestStuckProbe(t *testing.T) {
	p := &twin{set: store.Sensor{Kind: "temperature"}}
	at := time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)
	for i := range int64(40) {
		p.take(&sample{boot: 1, seq: i + 1, at: at.Add(time.Duration(i) * time.Minute), value: 3.25, health: sensor.OK}, 0, "", at)
		r, _ := p.close(byRules)
		if stuck := r.Health == sensor.Stuck; stuck != (i >= 30) {
			t.Fatalf("minute %d: %s", i, r.Health)
		}
	}
	p.take(&sample{boot: 1, seq: 41, at: at.Add(41 * time.Minute), value: 3.26, health: sensor.OK}, 0, "", at)
	if r, _ := p.close(byRules); r.Health == sensor.Stuck {
		t.Error("it moves again")
	}
}

func byRules(w *Window, _ time.Time) Verdict { return Rules{}.Judge(w) }
