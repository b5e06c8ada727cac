package terminal

import (
	"bytes"
	"strings"
	"testing"
)

func TestWriteNodes(t *testing.T) {
	var out bytes.Buffer
	err := writeNodes(&out, []byte(`{"nodes":[{"id":"7","name":"node-1","kind":"server","address":"http://x","version":"v","state":"alive","started_at":"2026-11-22T04:00:00.000Z","epoch":3,"lease_ms":2400,"cells":34,"stores":["demo"],"connections":812}]}`))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 {
		t.Fatalf("%q", out.String())
	}
	got := strings.Fields(lines[1])
	for _, want := range []string{"node-1", "alive", "server", "34", "812", "3", "2400", "http://x", "7"} {
		found := false
		for _, g := range got {
			found = found || g == want
		}
		if !found {
			t.Errorf("%s is not in %q", want, lines[1])
		}
	}
	if writeNodes(&out, []byte("no")) == nil {
		t.Error("what is no JSON was written")
	}
}
