package edge

import (
	"context"
	"slices"
	"time"
)

const (
	// reorderFor is how long a reading waits for those before it: a device that connects
	// again may send something new before what was not acknowledged.
	reorderFor = 3 * time.Second
	// earlyMax is how many may wait, of one sensor.
	earlyMax = 256
)

// early is a reading that waits for those before it.
type early struct {
	*sample
	in   *batch
	came time.Time
}

// compare orders readings as the device has numbered them.
func (s *sample) compare(o *sample) int {
	if s.boot != o.boot {
		return int(min(1, max(-1, s.boot-o.boot)))
	}
	return int(min(1, max(-1, s.seq-o.seq)))
}

// place puts a reading among those that wait; false if it was there, or has been taken.
func (t *twin) place(s *sample, in *batch, now time.Time) bool {
	if s.boot < t.boot || s.boot == t.boot && s.seq <= t.seq {
		return false
	}
	i, found := slices.BinarySearchFunc(t.early, s, func(e early, s *sample) int { return e.compare(s) })
	if !found {
		t.early = slices.Insert(t.early, i, early{s, in, now})
	}
	return !found
}

// next says that nothing is missing before the reading.
func (t *twin) next(s *sample) bool {
	return s.boot == t.boot && s.seq == t.seq+1 || s.boot != t.boot && s.seq == 1
}

// drain takes those whose turn has come: nothing is missing before them, or they have
// waited for long enough.
func (p *pipeline) drain(ctx context.Context, t *twin, now time.Time) error {
	for len(t.early) > 0 {
		e := t.early[0]
		if !t.next(e.sample) && len(t.early) <= earlyMax && now.Sub(e.came) < reorderFor {
			return nil
		}
		if err := p.take(ctx, t, e.sample, e.in); err != nil {
			return err
		}
		t.early = slices.Delete(t.early, 0, 1)
	}
	return nil
}
