package terminal

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func TestWriteNodes(t *testing.T) {
	const server = `{"id":"7","name":"node-1","kind":"server","address":"http://x","version":"v","state":"alive","started_at":"2026-11-22T04:00:00.000Z","epoch":3,"lease_ms":2400,"cells":34,"stores":["demo"],"connections":812}`
	const box = `{"id":"edge-demo-edge-1","name":"edge-1","kind":"edge","state":"suspect","started_at":"2026-11-22T04:00:00.000Z","stores":["demo"],"store":"demo","link":"down","backlog":41,"model":"fused-1.0.0","clock_offset_ms":-3600000,"version":"v"}`
	for name, c := range map[string]struct {
		nodes string
		lines int
		last  []string
	}{
		"a server":      {server, 2, []string{"node-1", "alive", "34", "812", "3", "2400", "http://x", "7"}},
		"and its boxes": {server + "," + box, 5, []string{"edge-1", "demo", "suspect", "down", "41", "-3600000", "fused-1.0.0"}},
	} {
		var out bytes.Buffer
		if err := writeNodes(&out, []byte(`{"nodes":[`+c.nodes+`]}`)); err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		if len(lines) != c.lines {
			t.Fatalf("%s: %q", name, out.String())
		}
		got := strings.Fields(lines[len(lines)-1])
		for _, want := range c.last {
			if !slices.Contains(got, want) {
				t.Errorf("%s: %s is not in %q", name, want, got)
			}
		}
	}
	if writeNodes(new(bytes.Buffer), []byte("no")) == nil {
		t.Error("what is no JSON was written")
	}
}
