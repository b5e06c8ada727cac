package membership

import (
	"bytes"
	"encoding/base64"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func start(t *testing.T, o Options) *Members {
	t.Helper()
	o.Bind, o.Log = "127.0.0.1:0", slog.New(slog.DiscardHandler)
	m, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func member(id, name string, at time.Time) Member {
	return Member{ID: id, Name: name, Address: "127.0.0.1:1", Route: "127.0.0.1:2", Version: "t", Start: at}
}

// until waits for a list that ok accepts.
func until(t *testing.T, m *Members, what string, ok func([]Member) bool) {
	t.Helper()
	signal := make(chan struct{}, 1)
	m.Changed(func() {
		select {
		case signal <- struct{}{}:
		default:
		}
	})
	deadline := time.After(20 * time.Second)
	for !ok(m.List()) {
		select {
		case <-signal:
		case <-deadline:
			t.Fatalf("%s did not come: %+v", what, m.List())
		}
	}
}

func names(n int) func([]Member) bool { return func(l []Member) bool { return len(l) == n } }

func TestJoinDrainLeave(t *testing.T) {
	key := bytes.Repeat([]byte{7}, 32)
	now := time.Now().Truncate(time.Millisecond)
	a := start(t, Options{Self: member("a1", "a", now), Keys: [][]byte{key}})
	b := start(t, Options{Self: member("b1", "b", now), Keys: [][]byte{key}, Join: []string{a.Address()}})
	until(t, a, "b", names(2))
	until(t, b, "a", names(2))
	if err := b.Drain(); err != nil {
		t.Fatal(err)
	}
	until(t, a, "b's drain", func(l []Member) bool { return len(l) == 2 && l[1].Draining })
	if err := b.Stop(); err != nil {
		t.Fatal(err)
	}
	until(t, a, "b's leave", names(1))
	// A later incarnation comes back under the name, by the seed alone.
	c := start(t, Options{Self: member("b2", "b", now.Add(time.Second)), Keys: [][]byte{key}, Join: []string{a.Address()}})
	until(t, a, "b2", func(l []Member) bool { return len(l) == 2 && l[1].ID == "b2" && !l[1].Draining })
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := a.Stop(); err != nil {
		t.Fatal(err)
	}
}

// A node that was lost without leaving is asked again though no seed names it.
func TestLostIsAskedAgain(t *testing.T) {
	now := time.Now()
	a := start(t, Options{Self: member("a1", "a", now)})
	defer a.Stop()
	b := start(t, Options{Self: member("b1", "b", now), Join: []string{a.Address()}})
	until(t, a, "b", names(2))
	address := b.Address()
	close(b.stop)
	b.done.Wait()
	if err := b.list.Shutdown(); err != nil { // as a crash: nobody is told
		t.Fatal(err)
	}
	until(t, a, "b's loss", names(1))
	o := Options{Self: member("b2", "b", now.Add(time.Second)), Bind: address, Log: slog.New(slog.DiscardHandler)}
	c, err := Start(o) // it has no seed: a must find it
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop()
	until(t, a, "b2", names(2))
}

func TestWrongKeyIsRefusedAndCounted(t *testing.T) {
	now := time.Now()
	a := start(t, Options{Self: member("a1", "a", now), Keys: [][]byte{bytes.Repeat([]byte{7}, 32)}})
	defer a.Stop()
	for _, keys := range [][][]byte{nil, {bytes.Repeat([]byte{8}, 32)}} {
		before := a.Strangers()
		b := start(t, Options{Self: member("x", "x", now), Keys: keys, Join: []string{a.Address()}})
		if n := len(b.List()); n != 1 {
			t.Errorf("the stranger sees %d nodes", n)
		}
		if n := len(a.List()); n != 1 {
			t.Errorf("the stranger is let in: %d nodes", n)
		}
		if a.Strangers() == before {
			t.Error("nothing was counted")
		}
		b.Stop()
	}
}

// A key is replaced while nodes run: they read by both, then write by the new one, then
// forget the old one. Nodes that are a step apart are one cluster.
func TestKeysAreReplaced(t *testing.T) {
	now := time.Now()
	old, new := bytes.Repeat([]byte{7}, 32), bytes.Repeat([]byte{8}, 32)
	steps := [][][]byte{{old}, {old, new}, {new, old}, {new}}
	for i := range steps[1:] {
		a := start(t, Options{Self: member("a1", "a", now), Keys: steps[i]})
		b := start(t, Options{Self: member("b1", "b", now), Keys: steps[i+1], Join: []string{a.Address()}})
		until(t, a, "b", names(2))
		until(t, b, "a", names(2))
		if n := a.Strangers() + b.Strangers(); n != 0 {
			t.Errorf("step %d: %d messages were refused", i, n)
		}
		b.Stop()
		a.Stop()
	}
}

func TestParseKeys(t *testing.T) {
	key := base64.StdEncoding.EncodeToString(make([]byte, 32))
	for text, want := range map[string]int{key + "\n": 1, key + "\n" + key: 2, "": 0, "no key": 0, key + "\n" + base64.StdEncoding.EncodeToString(make([]byte, 20)): 0} {
		if keys, err := ParseKeys(text); len(keys) != want || (err == nil) != (want > 0) {
			t.Errorf("%q: %d keys, %v", text, len(keys), err)
		}
	}
}

// What a node tells of itself has a limit, and strangers that tell nothing stay out.
func TestMetaLimit(t *testing.T) {
	x := member("a1", "a", time.Now())
	x.URL = strings.Repeat("u", 600)
	if _, err := Start(Options{Self: x, Bind: "127.0.0.1:0"}); err == nil || !strings.Contains(err.Error(), "512") {
		t.Fatalf("a node that tells too much: %v", err)
	}
	if _, err := parse([]byte(`{"i":"x"}`)); err == nil {
		t.Fatal("a node without name and address was let in")
	}
}
