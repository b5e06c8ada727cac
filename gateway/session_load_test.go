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
	n.admission.inflight.Store(floors[staffWork])
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

// Who is told to wait and does not is refused, and is considered again once that is read.
func TestRefusedForLoadCannotSendAhead(t *testing.T) {
	n := newNode(t, nil)
	c := n.guest("g1", "", "")
	n.admission.inflight.Store(admitFirst)
	g := c.reply(fmt.Sprintf(place, uuid(1)))
	if g.Err == nil || g.Err.Code != refusal.Overloaded {
		t.Fatalf("%+v", g.Err)
	}
	n.admission.inflight.Store(0) // from here on there is room
	for i := 2; i < 6; i++ {
		c.send(fmt.Sprintf(`{"id":%d,`+place+`}`, i, uuid(i)))
	}
	for i := 2; i < 6; i++ {
		if g := c.next(); *g.ID != int64(i) || g.Err == nil || g.Err.Code != refusal.Overloaded || g.Err.AfterMS < errBusy.AfterMS {
			t.Fatalf("%d: %+v", i, g)
		}
	}
	c.id = 5
	if g := c.reply(fmt.Sprintf(place, uuid(6))); g.Err == nil || g.Err.Code != refusal.Forbidden { // it is at no table
		t.Fatalf("what it sends after that: %+v", g.Err)
	}
}
