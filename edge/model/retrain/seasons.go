package retrain

import "github.com/brigata/brigata/edge/model/fusion"

// Means are what each input of a net was on average over some time, in deviations; 0 of one that was not there.
type Means [fusion.Inputs]float32

// settled is how many windows tell what time it is.
const settled = 64

func (w *Watch) means() *Means {
	m := new(Means)
	for i, a := range w.inputs {
		m[i] = float32(a.Mean())
	}
	return m
}

// Settled returns, once after the start and after each alarm, what the inputs are since then; nil otherwise.
func (w *Watch) Settled() *Means {
	if w.seen != settled {
		return nil
	}
	return w.means()
}

// Seasons are two times that a box knows by its inputs: before machines changed, which the net is for
// that was made elsewhere, and the one whose changes its copy has learnt. Times come again, as
// summers do (recurring contexts; Widmer and Kubat, 1996).
type Seasons struct {
	Before *Means `json:"before,omitempty"`
	Learnt *Means `json:"learnt,omitempty"`
}

// End notes the time that the watch's alarm has just ended, and whether the copy judged in it.
func (s *Seasons) End(w *Watch, copied bool) {
	switch {
	case w.ended == nil:
	case copied:
		s.Learnt = w.ended
	case s.Before == nil:
		s.Before = w.ended
	}
}

// Copied says whether the copy is for a time of such inputs, rather than the net that was made
// elsewhere; known is false if it cannot be told.
func (s *Seasons) Copied(now *Means) (copied, known bool) {
	if s.Before == nil || s.Learnt == nil {
		return false, false
	}
	nearer := float32(0) // to Learnt than to Before, in squares
	for i, v := range now {
		b, l := s.Before[i], s.Learnt[i]
		if v != 0 && b != 0 && l != 0 {
			nearer += (v-b)*(v-b) - (v-l)*(v-l)
		}
	}
	return nearer > 0, true
}
