package edge

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/edge/credentials"
	"github.com/brigata/brigata/edge/link"
)

// After a start messages come again that are in windows on the stream, for one before them is
// in none: they make no other window, and no device has lost any. What it does skip later is counted.
func TestWhatComesAgainIsNotLost(t *testing.T) {
	dir := t.TempDir()
	authority, err := credentials.LoadAuthority(filepath.Join(dir, "boxes.pem"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := authority.Mint("s1", "box", []string{"127.0.0.1:1"}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	var settings link.Settings
	for _, id := range []string{"a", "b"} {
		settings.Sensors = append(settings.Sensors, store.Sensor{ID: id, Kind: "temperature"})
	}
	text, err := json.Marshal(&settings)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "settings.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	var later atomic.Int64 // than it is
	now := func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
	start := func() *Box {
		b, err := Start(t.Context(), Options{Credentials: c, Data: dir, Window: time.Hour, Slack: -1, Now: now, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { b.Stop() })
		return b
	}
	says := func(sensor string, seq int, defrost bool) item {
		return item{sensor: sensor, came: time.Now(), body: fmt.Appendf(nil, `{"boot":1,"seq":%d,"value":3,"defrost":%v}`, seq, defrost)}
	}
	put := func(b *Box, list ...item) {
		t.Helper()
		if _, err := b.js.Publish(t.Context(), rawSubject, encodeBatch(list)); err != nil {
			t.Fatal(err)
		}
	}
	is := func(what string, ok func() bool) {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("never: " + what)
			}
		}
	}
	b := start()
	put(b, says("a", 1, false), says("b", 1, false)) // b's window holds it on the disk
	put(b, says("a", 2, false))
	put(b, says("a", 3, true)) // ends a's window
	is("a window on the stream", func() bool { return b.Report().Backlog == 1 })
	if err := b.Stop(); err != nil {
		t.Fatal(err)
	}
	later.Add(int64(time.Minute))
	b = start()
	is("what comes again", func() bool { later.Add(int64(reorderFor)); return b.Report().Taken == 4 })
	if r := b.Report(); r.Lost != 0 || r.Backlog != 1 {
		t.Errorf("%d are called lost that are on the stream, which has %d windows", r.Lost, r.Backlog)
	}
	put(b, says("a", 6, true))
	is("what is new", func() bool { later.Add(int64(reorderFor)); return b.Report().Taken == 5 })
	if r := b.Report(); r.Lost != 2 {
		t.Errorf("%d are called lost", r.Lost)
	}
}
