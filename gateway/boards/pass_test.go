package boards

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/brigata/brigata/actors/wire"
)

// What a camera sees is shown to those who look and to those who come later, and goes when it
// is old. A store that nobody has asked for learns nothing of it.
func TestPass(t *testing.T) {
	k := newKit(t)
	cold := 48.5
	saw := func(id string, dishes float64) {
		k.ShowPass("s1", &wire.Pass{ID: id, Asset: "pass", Dishes: dishes, Cold: &cold, At: k.now})
	}
	saw("cam", 1)
	if k.find("s1") != nil {
		t.Fatal("a store was made of a picture")
	}
	early := k.open("pass", Client{})
	early.want("before any picture")
	saw("cam", 2)
	saw("cam-2", 0)
	early.want("two cameras", "pass/cam", "pass/cam-2")
	k.now = k.now.Add(time.Second)
	saw("cam", 3)
	var p wire.Pass
	if err := json.Unmarshal(early.shown["pass/cam"], &p); err != nil || p.Dishes != 3 || p.Cold == nil || *p.Cold != cold || !p.At.Equal(k.now) {
		t.Errorf("%s, %v", early.shown["pass/cam"], err)
	}
	k.now = k.now.Add(wire.PassFor - time.Second)
	k.Sweep(k.now)
	early.want("one is old", "pass/cam")
	late := k.open("pass", Client{})
	late.want("for those who come later", "pass/cam")
	k.now = k.now.Add(time.Second)
	k.Sweep(k.now)
	early.want("all are old")
	late.want("all are old")
	if b := k.find("s1"); len(b.seen) != 0 {
		t.Error("what is old is kept")
	}
}
