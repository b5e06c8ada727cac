package retrain

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/brigata/brigata/edge/model/fusion"
	"github.com/brigata/brigata/edge/model/shipped"
	"github.com/brigata/brigata/edge/model/synth"
)

// Of machines that have aged, a net is right of more windows when it knows what was found of each; of
// one that nothing was found of it says what it said.
func TestOffsetsCorrectWhatANetGetsWrongOfAMachine(t *testing.T) {
	split := synth.NewStores
	split.To, split.Drift, split.First = split.From+5, synth.Drift{Age: 1}, 500
	var found, others []recent
	for i, s := range split.Make() {
		x := recent{fusion.Example{Window: s.Window, Class: s.Class}, fmt.Sprint(s.Store, "/", s.Unit), uint64(i)}
		if i%2 == 0 {
			found = append(found, x)
		} else {
			others = append(others, x)
		}
	}
	net := shipped.Net()
	o := offsets(net, found)
	if len(o) != 20 {
		t.Fatalf("offsets of %d machines", len(o))
	}
	right, surprise := Learnt{Net: net}.judge(others)
	rightWith, surpriseWith := Learnt{net, o}.judge(others)
	if t.Logf("right of %.3f, with offsets of %.3f", right, rightWith); rightWith < right+0.02 || surpriseWith >= surprise {
		t.Errorf("of %d: %.3f right, with offsets %.3f; surprised by %.3f, %.3f", len(others), right, rightWith, surprise, surpriseWith)
	}
	p := slices.Clone(net.NewPass(1).Read(others[0].Window))
	same := slices.Clone(p)
	if o.Apply("another", same); !slices.Equal(p, same) {
		t.Errorf("of another machine it says %v in place of %v", same, p)
	}
	o.Apply(others[0].machine, p)
	sum := 0.0
	for _, v := range p {
		sum += float64(v)
	}
	if math.Abs(sum-1) > 1e-5 {
		t.Errorf("probabilities add up to %v", sum)
	}
}

// A case counts once, however many windows it has; one that the net was sure of moves hardly anything,
// and what was a surprise less than a nat.
func TestAnOffsetIsAsLargeAsWhatWasFound(t *testing.T) {
	sure := said{[]float64{math.Log(0.02), math.Log(0.98)}, 1, 1}
	wrong := said{sure.logs, 0, 1}
	if b := offset([]said{sure}, 2); math.Abs(float64(b[1])) > 0.02 {
		t.Errorf("what was known moves it by %v", b)
	}
	once := offset([]said{wrong}, 2)
	if once[0] < 0.4 || once[0] > 1 || math.Abs(float64(once[0]+once[1])) > 1e-5 {
		t.Errorf("what was a surprise moves it by %v", once)
	}
	half := said{wrong.logs, 0, 0.5}
	if b := offset([]said{half, half}, 2); math.Abs(float64(b[0]-once[0])) > 1e-5 {
		t.Errorf("two windows of a case move it by %v, one by %v", b, once)
	}
	if b := offset([]said{wrong, wrong}, 2); b[0] < once[0]+0.2 {
		t.Errorf("two cases move it by %v, one by %v", b, once)
	}
}
