package retrain

import (
	"fmt"
	"testing"

	"github.com/brigata/brigata/edge/model/fusion"
	"github.com/brigata/brigata/edge/model/shipped"
	"github.com/brigata/brigata/edge/model/synth"
)

// The watch says nothing while machines are as they were, and notices within 300 windows, of each
// way in which stores change, that they have; one that only makes the net wrong, too.
func TestTheWatchNoticesDrift(t *testing.T) {
	split := synth.NewStores
	split.Each = 6 // 720 windows
	net := shipped.Net()
	pass := net.NewPass(1)
	before := across(split)
	for _, k := range synth.Kinds {
		w := NewWatch()
		see := func(e fusion.Example) string { return w.See(fusion.Sure(pass.Read(e.Window)), net, e.Window) }
		for i, e := range before {
			if what := see(e); what != "" {
				t.Fatalf("an alarm about %s at window %d, before anything changes", what, i)
			}
		}
		drifted := split
		drifted.Drift, drifted.First, drifted.Each = k.Drift, 500, 3
		at, what := -1, ""
		for i, e := range across(drifted)[:300] {
			if what = see(e); what != "" {
				at = i
				break
			}
		}
		t.Logf("%s: alarm %d windows after, by %s", k.Name, at, what)
		if at < 0 {
			t.Errorf("%s: no alarm within 300 windows", k.Name)
		}
	}
}

// across are the windows of a split: one of each machine, then the next.
func across(s synth.Split) (list []fusion.Example) {
	all := s.Examples()
	for i := range s.Each {
		for at := i; at < len(all); at += s.Each {
			list = append(list, all[at])
		}
	}
	return list
}

// When machines are as they were before a change, or after it, once more, that is known some windows after
// the alarm; nothing is said where only one of the two times is known.
func TestTimesComeAgain(t *testing.T) {
	split := synth.NewStores
	split.Each = 3 // 360 windows
	net := shipped.Net()
	pass := net.NewPass(1)
	before := across(split)
	for _, k := range synth.Kinds {
		drifted := split
		drifted.Drift, drifted.First = k.Drift, 500
		after := across(drifted)
		w, s, copied, asked := NewWatch(), Seasons{}, false, 0
		play := func(list []fusion.Example) (is string) {
			for _, e := range list {
				if w.See(fusion.Sure(pass.Read(e.Window)), net, e.Window) != "" {
					s.End(w, copied)
				}
				now := w.Settled()
				if now == nil {
					continue
				}
				asked++
				nearest, known := s.Copied(now)
				if is = "before"; !known {
					is = "not known"
				} else if nearest {
					is = "learnt"
				}
			}
			return is
		}
		if is := play(before); is != "not known" {
			t.Errorf("%s: at first: %s", k.Name, is)
		}
		if is := play(after); is != "not known" {
			t.Errorf("%s: after the change: %s", k.Name, is)
		}
		copied = true
		for i, want := range []string{"before", "learnt", "before"} {
			list := before
			if want == "learnt" {
				list = after
			}
			if is := play(list); is != want {
				t.Errorf("%s: time %d is %q, want %q", k.Name, i, is, want)
			}
			copied = want == "learnt"
		}
		if asked < 5 {
			t.Errorf("%s: asked %d times", k.Name, asked)
		}
	}
}

// A case is in training or held out as a whole, about one in four is, and the oldest windows
// go when there are too many.
func TestRecent(t *testing.T) {
	r := new(Recent)
	for i := range 2 * Max {
		r.Add(fusion.Example{Class: i}, "machine", fmt.Sprint("case ", i/16))
	}
	train, held := r.parts()
	if len(train)+len(held) != Max || len(held) < Max/8 || len(held) > Max*3/8 {
		t.Fatalf("%d to train on, %d held out", len(train), len(held))
	}
	part := map[int]string{}
	for name, list := range map[string][]recent{"train": train, "held": held} {
		for _, e := range list {
			if e.Class < Max {
				t.Fatalf("window %d is there yet", e.Class)
			}
			if of := part[e.Class/16]; of != "" && of != name {
				t.Fatalf("case %d is in both parts", e.Class/16)
			}
			part[e.Class/16] = name
		}
	}
	if !r.Enough() || new(Recent).Enough() {
		t.Error("enough, or not")
	}
}
