package journal

import (
	"encoding/hex"
	"testing"
	"time"
)

// TestKeys holds keys to what is in databases already.
func TestKeys(t *testing.T) {
	const id = "0192f3a1-7b2c-7d3e-8f40-5a6b7c8d9e0f"
	for _, c := range []struct {
		store string
		kind  uint8
		id    string
		timed bool
		want  string
	}{
		{"demo", 5, id, true, "0192f3a17b2c8d928b6f9f014a2656fb"},
		{"demo", 6, id, true, "0192f3a17b2c8a0db1a74b80577f187d"},
		{"other", 5, id, true, "0192f3a17b2c8b65b71aee49422cb5be"},
		{"demo", 4, "T03", false, "00000000000089ddb8b764d00b5d55ae"},
	} {
		k := KeyOf(c.store, c.kind, c.id, c.timed)
		if got := hex.EncodeToString(k[:]); got != c.want {
			t.Errorf("%s/%d/%s is %s, was %s", c.store, c.kind, c.id, got, c.want)
		}
		if k[6]>>4 != 8 || k[8]>>6 != 2 {
			t.Errorf("%x is no UUIDv8", k)
		}
	}
	at := time.UnixMilli(0x0192f3a17b2c)
	if k, least := KeyOf("demo", 5, id, true), Since(at); string(k[:6]) != string(least[:6]) {
		t.Errorf("%x is not at %x", k, least)
	}
}
