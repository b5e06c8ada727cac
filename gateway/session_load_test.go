package gateway

import (
	"fmt"
	"testing"
	"time"

	"github.com/brigata/brigata/actors/refusal"
)

// A connection that was refused for load is not read again before it may come back; one
// that was not is read at once.
func TestRefusedForLoadRests(t *testing.T) {
	n := newNode(t, nil)
	c, other := n.as("lin", "waiter"), n.as("kds", "kitchen")
	n.admission.inflight.Store(admitMin)
	g := c.reply(fmt.Sprintf(place, uuid(1)))
	if g.Err == nil || g.Err.Code != refusal.Overloaded || g.Err.AfterMS == 0 {
		t.Fatalf("%+v", g.Err)
	}
	n.admission.inflight.Store(0)
	began := time.Now()
	if g := other.reply(fmt.Sprintf(`"cmd":"item.bump","cid":%q,"d":{"order":%q,"items":["1"]}`, uuid(2), uuid(1))); g.Err != nil {
		t.Fatalf("the kitchen: %+v", g.Err)
	}
	if g := c.reply(fmt.Sprintf(place, uuid(1))); g.Err != nil {
		t.Fatalf("again: %+v", g.Err)
	}
	if rested := time.Since(began); rested < time.Duration(g.Err.AfterMS)*time.Millisecond/2 {
		t.Fatalf("it was read after %v", rested)
	}
}
