package payments

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/payment"
)

var one = key{"s", "p1"}

func to(do, refund string) *payment.View {
	return &payment.View{ID: "p1", Provider: "stripe", State: payment.Unknown, Work: &payment.Work{Do: do, Refund: refund}}
}

func over() *payment.View {
	return &payment.View{ID: "p1", Provider: "stripe", State: payment.Succeeded}
}

func testLane(most int) *lane {
	return newLane("stripe", &Config{Most: most, Poll: time.Minute, Log: slog.New(slog.DiscardHandler)})
}

// does takes the next job, which must be to do that; "": there must be none.
func (l *lane) does(t *testing.T, do string) *job {
	t.Helper()
	j, _ := l.next()
	switch {
	case j == nil && do != "":
		t.Fatalf("nothing is due, want %s", do)
	case j != nil && j.view.Work.Do != do:
		t.Fatalf("%s is due, want %q", j.view.Work.Do, do)
	}
	return j
}

// A payment is worked for by one worker at a time, though its work ends, its store is
// forgotten, or new work comes while a call is under way.
func TestOneCallAtATime(t *testing.T) {
	for name, meanwhile := range map[string]func(l *lane){
		"the work ends":   func(l *lane) { l.see(one, 2, over(), true) },
		"it is forgotten": func(l *lane) { l.forget("s") },
	} {
		t.Run(name, func(t *testing.T) {
			l := testLane(10)
			l.see(one, 1, to("query", ""), true)
			asking := l.does(t, "query")
			meanwhile(l)
			l.does(t, "")
			l.see(one, 3, to("refund", "r1"), true)
			l.does(t, "")
			l.done(asking, time.Hour)
			giving := l.does(t, "refund")
			if l.does(t, ""); giving.tries != 0 {
				t.Errorf("%d tries of new work", giving.tries)
			}
			l.see(one, 4, over(), true)
			if l.done(giving, 0); len(l.jobs) != 0 {
				t.Errorf("%d jobs are kept of a payment that is over", len(l.jobs))
			}
		})
	}
}

func TestOldViewsChangeNothing(t *testing.T) {
	l := testLane(10)
	l.see(one, 5, to("refund", "r1"), true)
	l.see(one, 4, over(), true)
	l.see(one, 3, to("query", ""), true)
	l.does(t, "refund")
}

// A store of which work was left out is read again when there is room; what was seen
// while it is read is newer than what the log had.
func TestNoRoom(t *testing.T) {
	l := testLane(2)
	for i, id := range []string{"p1", "p2", "p3", "p4"} {
		v := to("query", "")
		v.ID = id
		l.see(key{"s", id}, int64(i+1), v, true)
	}
	if len(l.jobs) != 2 {
		t.Fatalf("%d jobs", len(l.jobs))
	}
	if _, ok := l.again(); ok {
		t.Fatal("there is no room yet")
	}
	l.see(one, 9, over(), true)
	if store, ok := l.again(); !ok || store != "s" {
		t.Fatalf("%q %v", store, ok)
	}
	l.read("stripe", "s", nil, errors.New("down"))
	store, ok := l.again()
	if !ok {
		t.Fatal("after an error it is not read again")
	}
	if _, ok := l.again(); ok {
		t.Fatal("it is read twice")
	}
	done := over()
	done.ID = "p3"
	l.see(key{"s", "p3"}, 10, done, true)
	var log []actors.View
	for i, id := range []string{"p1", "p2", "p3", "p4"} {
		v := to("query", "")
		if v.ID = id; id == "p1" {
			v = over()
		}
		log = append(log, actors.View{Store: "s", V: int64(i + 3), View: v})
	}
	l.read("stripe", store, log, nil)
	if _, p3 := l.jobs[key{"s", "p3"}]; p3 || len(l.jobs) != 2 || l.jobs[key{"s", "p4"}] == nil {
		t.Errorf("%v", l.jobs)
	}
}
