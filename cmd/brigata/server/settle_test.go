package server

import (
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/persistence/pgtest"
	"github.com/brigata/brigata/persistence/postgres"
)

// Boards that show an order which has ended, as those do of a cell that was lost before it could
// show so, are put right when the cell is open again: here the node is fenced, and takes a
// new lease. What lives stays.
func TestSettle(t *testing.T) {
	pg, err := pgtest.Start(pgtest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pg.Stop() })
	n, err := Start(t.Context(), Options{Listen: "127.0.0.1:0", Data: t.TempDir(), DatabaseURL: pg.URL(), Name: "n", Demo: true, Out: io.Discard,
		Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Stop() })
	do := func(name, d string) string {
		t.Helper()
		id := newID()
		target, c, err := wire.DecodeCommand(name, id, []byte(d))
		if err != nil {
			t.Fatal(err)
		}
		told := make(chan actors.Answer, 1)
		n.host.Do(&actors.Request{Store: demoStore, Target: target, Command: c, ID: id, Principal: "lin", Channel: "pos",
			By: command.Who{ID: "lin", Name: "Lin", Role: command.Manager}, To: tellFunc(func(a actors.Answer) { told <- a })})
		if a := <-told; a.Refusal != nil {
			t.Fatalf("%s: %v", name, a.Refusal)
		}
		return target.ID
	}
	shown := func() map[string]actors.View {
		all := map[string]actors.View{}
		for _, v := range n.gateway.Known(demoStore) {
			if v.Target.Kind == "order" {
				all[v.Target.ID] = v
			}
		}
		return all
	}
	const pickup = `{"type":"pickup","lines":[{"dish":"mapo-tofu","qty":1}]}`
	lives, ended := do("order.place", pickup), do("order.place", pickup)
	await(t, "both are shown", func() bool { return len(shown()) == 2 })
	ghost := shown()[ended]
	do("order.cancel", `{"order":"`+ended+`","reason":"mistake"}`)
	await(t, "one has gone", func() bool { return len(shown()) == 1 })
	n.gateway.Publish([]actors.View{ghost})
	if len(shown()) != 2 {
		t.Fatal("there is no ghost")
	}

	j := n.journal.(*postgres.Journal)
	await(t, "the node is fenced", func() bool { // unless it renews its lease in between
		l, err := j.Self(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		fenced, err := j.Fence(t.Context(), l)
		return err == nil && fenced
	})
	await(t, "the ghost has gone", func() bool { return len(shown()) == 1 })
	if _, is := shown()[lives]; !is {
		t.Fatal("what lives is not shown any more")
	}
}

func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	for until := time.Now().Add(20 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("not within 20 s: " + what)
		}
	}
}
