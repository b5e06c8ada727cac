package mqtt

import (
	"bufio"
	"bytes"
	"testing"
)

// FuzzPacket reads whatever comes as packets: none is longer than allowed, none reads beyond
// its end, and what is taken for a message is one that can be written and read again.
func FuzzPacket(f *testing.F) {
	f.Add([]byte("\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04name"))
	f.Add(appendMessage(nil, "brigata/walkin-1", []byte(`{"boot":1,"seq":1,"value":3}`)))
	f.Add([]byte("\x32\x0a\x00\x03a/1\x00\x07one"))
	f.Add([]byte("\x82\x0d\x00\x01\x00\x08alerts/+\x01"))
	f.Add([]byte("\xa2\x0c\x00\x02\x00\x08alerts/+"))
	f.Add([]byte("\x30\xff\xff\xff\x7f"))
	f.Fuzz(func(t *testing.T, b []byte) {
		const most = 1 << 10
		r := bufio.NewReader(bytes.NewReader(b))
		for {
			p, err := readPacket(r, most)
			if err != nil {
				return
			}
			if len(p.body) > most {
				t.Fatalf("a body of %d bytes", len(p.body))
			}
			switch p.kind {
			case connect:
				if g, err := p.body.greeting(); err == nil && len(g.client)+len(g.user)+len(g.password) > most {
					t.Fatalf("%+v", g)
				}
			case publish:
				m, err := p.message()
				if err != nil {
					continue
				}
				again, err := readPacket(bufio.NewReader(bytes.NewReader(appendMessage(nil, m.topic, m.body))), 2*most)
				if err != nil {
					t.Fatal(err)
				}
				if x, err := again.message(); err != nil || x.topic != m.topic || !bytes.Equal(x.body, m.body) {
					t.Fatalf("%+v became %+v: %v", m, x, err)
				}
				if !matches(m.topic, m.topic) || !matches("#", m.topic) {
					t.Fatalf("%q is not itself", m.topic)
				}
			case subscribe, unsubscribe:
				if _, list, err := p.filters(); err == nil && len(list) == 0 {
					t.Fatal("no filters, and no error")
				}
			}
		}
	})
}
