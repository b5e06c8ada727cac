package gateway

import (
	"reflect"
	"testing"

	"github.com/brigata/brigata/actors/wire"
)

// placing is a command as clients send it.
var placing = `{"id":10,"cmd":"order.place","cid":"` + uuid(1) + `","d":{"type":"pickup","lines":[{"dish":"mapo-tofu","qty":2},{"dish":"rice","qty":1,"note":"a } \" ]"}],"total":4200},"deadline_ms":10000}`

func TestQuickReadsWhatClientsSend(t *testing.T) {
	for _, s := range []string{
		placing,
		`{"id":1,"cmd":"item.bump","cid":"` + uuid(2) + `","store":"s1","d":{"order":"x","items":["1","2"]}}`,
		` { "id" : 7 , "cmd" : "menu.publish" , "cid" : "x" , "d" : { } } `,
		`{"cmd":"day.close","id":3}`,
	} {
		var m message
		if !m.quick([]byte(s)) {
			t.Errorf("not read: %s", s)
		}
		sameMessage(t, s)
	}
}

func TestQuickLeavesTheRestAlone(t *testing.T) {
	for _, s := range []string{
		``, `{`, `{}`, `[]`, `{"id":1}`, `{"cmd":"order.place"}`, `{"id":1,"cmd":"no.such"}`, `{"id":1,"id":1,"cmd":"day.close"}`,
		`{"id":01,"cmd":"day.close"}`, `{"id":-1,"cmd":"day.close"}`, `{"id":1.0,"cmd":"day.close"}`, `{"id":1e2,"cmd":"day.close"}`,
		`{"id":9999999999999999,"cmd":"day.close"}`, `{"id":1,"cmd":"day.close","dry":true}`, `{"id":1,"cmd":"day.close","x":1}`,
		`{"id":1,"cmd":"day.close","cid":"\u0031"}`, `{"id":1,"cmd":"day.close","cid":"é"}`, `{"id":1,"cmd":"day.close","d":null}`,
		`{"id":1,"cmd":"day.close","d":{"a":1}`, `{"id":1,"cmd":"day.close","d":{"a":"}`, `{"id":1,"cmd":"day.close"}x`, `{"id":1,"cmd":"day.close",}`,
	} {
		if (&message{}).quick([]byte(s)) {
			t.Errorf("read: %s", s)
		}
	}
}

// FuzzQuick: what quick reads is what json.Unmarshal reads, or what no decoder takes.
func FuzzQuick(f *testing.F) {
	f.Add(placing)
	f.Add(`{"id":1,"cmd":"day.close","cid":"x","d":{"a":[{}],"a":"\\"},"store":"s","deadline_ms":5}`)
	f.Fuzz(sameMessage)
}

func sameMessage(t *testing.T, s string) {
	var m message
	if !m.quick([]byte(s)) {
		return
	}
	want, err := decode([]byte(s))
	if err != nil {
		if m.check() == nil {
			t.Fatalf("%q: check sees nothing, and decoding says %v", s, err)
		}
		if _, _, err := wire.DecodeCommand(m.Cmd, "", m.D); err == nil && m.D != nil {
			t.Fatalf("%q is not JSON, and its command was taken", s)
		}
		return
	}
	if m.raw = nil; !reflect.DeepEqual(&m, want) {
		t.Fatalf("%q: %+v, want %+v", s, m, *want)
	}
}

func BenchmarkMessage(b *testing.B) {
	for _, c := range []struct {
		name string
		read func(*message) bool
	}{
		{"quick", func(m *message) bool { return m.quick([]byte(placing)) }},
		{"json", func(*message) bool { _, err := decode([]byte(placing)); return err == nil }},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				var m message
				if !c.read(&m) {
					b.Fatal("not read")
				}
			}
		})
	}
}
