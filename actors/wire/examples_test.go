package wire

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/order"
	"github.com/brigata/brigata/actors/payment"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/table"
)

// The files in testdata/examples are the examples of the payloads page, word for word.

func example(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "examples", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func same(t *testing.T, got, want []byte) {
	t.Helper()
	g, w := jsontext.Value(bytes.Clone(got)), jsontext.Value(bytes.Clone(want))
	if err := g.Canonicalize(); err != nil {
		t.Fatalf("%v: %s", err, got)
	}
	if err := w.Canonicalize(); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(g, w) {
		t.Fatalf("got\n%s\nwant\n%s", g, w)
	}
}

func into(t *testing.T, b []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(b, v, json.RejectUnknownMembers(true)); err != nil {
		t.Fatal(err)
	}
}

type frame struct {
	ID  int64          `json:"id"`
	Cmd string         `json:"cmd,omitzero"`
	CID command.ID     `json:"cid,omitzero"`
	D   jsontext.Value `json:"d,omitzero"`
	MS  int64          `json:"deadline_ms,omitzero"`
	OK  *struct {
		V   int64          `json:"v"`
		Dup bool           `json:"dup"`
		D   jsontext.Value `json:"d"`
	} `json:"ok,omitzero"`
	Err jsontext.Value `json:"err,omitzero"`
}

func TestExamples(t *testing.T) {
	files, err := filepath.Glob("testdata/examples/*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no examples", err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) {
			b := example(t, name)
			switch {
			case strings.HasPrefix(name, "command-"):
				var f frame
				into(t, b, &f)
				_, c, err := DecodeCommand(f.Cmd, f.CID, f.D)
				if err != nil {
					t.Fatal(err)
				}
				same(t, appendAny(nil, c), f.D)
			case strings.HasPrefix(name, "ok-"):
				var f frame
				into(t, b, &f)
				var reply any = new(payment.View)
				if name == "ok-7" {
					reply = new(order.PlaceReply)
				}
				into(t, f.OK.D, reply)
				same(t, AppendReply(nil, reply), f.OK.D)
			case strings.HasPrefix(name, "err-"):
				var f frame
				into(t, b, &f)
				var r refusal.Refusal
				if err := json.Unmarshal(f.Err, &r); err != nil {
					t.Fatal(err)
				}
				same(t, AppendRefusal(nil, &r), f.Err)
			default:
				exampleView(t, name, b)
			}
		})
	}
}

func exampleView(t *testing.T, name string, b []byte) {
	switch name {
	case "order":
		var v order.View
		into(t, b, &v)
		same(t, AppendOrder(nil, &v, Staff), b)
	case "table":
		var v table.View
		into(t, b, &v)
		same(t, AppendTable(nil, &v, Staff), b)
	case "menu":
		var m menu.Menu
		into(t, b, &m)
		same(t, AppendMenu(nil, m.Index(), Staff), b)
	case "store":
		c, m, _, err := DecodeStoreFile(b)
		if err != nil || m != nil {
			t.Fatal(m, err)
		}
		same(t, AppendStoreFile(nil, c, nil), bytes.Replace(b, []byte(",\n \"menu\":{}"), nil, 1))
	case "ticket":
		same(t, AppendTicket(nil, exampleTicket(t), &Ticket{Station: "wok"}), b)
	default:
		t.Fatalf("nobody reads %s", name)
	}
}

// exampleTicket is the order example with what its page leaves to the ticket's.
func exampleTicket(t *testing.T) *order.View {
	var v order.View
	into(t, example(t, "order"), &v)
	v.Label, v.WarnMS, v.LateMS = "T03", 300_000, 480_000
	v.Lines[0].Items[0].PrepMS, v.Lines[1].Items[0].PrepMS = 420_000, 360_000
	v.Lines[0].Allergens = []menu.Allergen{{ID: "peanut", Name: menu.Text{ZH: "花生", EN: "Peanut"}}}
	got := Tickets(nil, &v)
	if len(got) != 1 || got[0].Station != "wok" || got[0].Done || got[0].Key(v.ID) != "ticket/"+v.ID+".wok.0" {
		t.Fatalf("%+v", got)
	}
	return &v
}

func TestGuestsSeeLess(t *testing.T) {
	var v order.View
	into(t, example(t, "order"), &v)
	v.Ref, v.ReasonNote = "partner-7", "said the chef"
	v.Lines[0].Items[0].BumpedBy = &command.Who{ID: "cook", Name: "Cook"}
	v.Lines[0].Items[0].VoidReason = "quality"
	got := string(AppendOrder(nil, &v, Guests))
	for _, secret := range []string{`"lin"`, "stations", "fire_seq", "bumped_by", "void_reason", "reason_note", "partner-7", `"cook"`} {
		if strings.Contains(got, secret) {
			t.Errorf("guests see %s in %s", secret, got)
		}
	}
	var m menu.Menu
	into(t, example(t, "menu"), &m)
	got = string(AppendMenu(nil, m.Index(), Guests))
	for _, secret := range []string{"stations", "each", "prep_ms"} {
		if strings.Contains(got, `"`+secret+`"`) {
			t.Errorf("guests see %s in %s", secret, got)
		}
	}
	if !strings.Contains(got, "kung-pao-chicken") {
		t.Error(got)
	}
}

func TestTimesAndStrings(t *testing.T) {
	for _, at := range []time.Time{time.UnixMilli(0), time.UnixMilli(1_700_000_000_001), time.Date(2026, 1, 2, 3, 4, 5, 60_000_000, time.FixedZone("", 8*3600))} {
		if got, want := string(AppendTime(nil, at)), `"`+at.UTC().Format(TimeFormat)+`"`; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	for _, s := range []string{"", "宫保鸡丁", "a\"b\\c\nd\x00e", "\u2028"} {
		var back string
		if err := json.Unmarshal(AppendString(nil, s), &back); err != nil || back != s {
			t.Errorf("%q became %q, %v", s, back, err)
		}
	}
}

func TestBodyHash(t *testing.T) {
	hash := func(s string) [16]byte {
		h, err := BodyHash("order.place", []byte(s))
		if err != nil {
			t.Fatalf("%s: %v", s, err)
		}
		return h
	}
	alike := [][]string{
		{`{"a":1,"b":[1,2]}`, `{ "b":[ 1,2 ], "a":1.0 }`, `{"b":[1e0,2],"a":1}`},
		{`{"a":"é"}`, `{"a":"\u00e9"}`},
		{`{"a":-0}`, `{"a":0}`},
		{`{"a":1e2}`, `{"a":100}`},
	}
	seen := map[[16]byte]string{}
	for _, group := range alike {
		for _, s := range group {
			if hash(s) != hash(group[0]) {
				t.Errorf("%s and %s are the same body", s, group[0])
			}
		}
		seen[hash(group[0])] = group[0]
	}
	for _, s := range []string{`{}`, `[]`, `{"a":2,"b":[1,2]}`, `{"a":1,"b":[2,1]}`, `{"b":1,"a":[1,2]}`, `{"a":"1"}`, `{"a":1}`, `{"a":true}`,
		`{"a":null}`, `{"a":"true"}`, `{"a":[1]}`, `{"a":{"b":1}}`, `{"a":1.5}`, `{"a":-1}`, `{"a":{}}`, `{"a":[]}`, `{"a":""}`, `{"":"a"}`, `{"aa":"a","a":"aa"}`, `{"a":"aa","aa":"aa"}`} {
		if other, ok := seen[hash(s)]; ok {
			t.Errorf("%s and %s have one hash", s, other)
		}
		seen[hash(s)] = s
	}
	if a, _ := BodyHash("order.place", []byte("{}")); a == hash(`{"x":1}`) {
		t.Error("the name does not count")
	}
	for _, bad := range []string{"", "{", `{"a"`, `{"a":}`, `"`, strings.Repeat("[", 500)} {
		if _, err := BodyHash("x", []byte(bad)); err == nil {
			t.Errorf("%q has a hash", bad)
		}
	}
}

func TestDecodeCommandRefuses(t *testing.T) {
	const cid = command.ID("0192f3a1-7b2c-7d3e-8f40-5a6b7c8d9e0f")
	for _, c := range []struct{ name, d, code, reason string }{
		{"order.eat", `{}`, "bad_request", "unknown_command"},
		{"bill.split@table", `{}`, "bad_request", "unknown_command"},
		{"order.place", `{`, "bad_request", "json"},
		{"order.place", `{"type":"dine_in","type":"pickup"}`, "bad_request", "json"},
		{"order.place", "{\"note\":\"\xff\"}", "bad_request", "json"},
		{"order.place", `{"guests":"three"}`, "bad_request", "type"},
		{"order.place", `{"lines":[{"qty":1.5}]}`, "bad_request", "type"},
		{"order.place", `{"lines":[{"qty":99999999999999999999}]}`, "bad_request", "type"},
		{"item.bump", `{"order":"7"}`, "invalid", "id"},
		{"table.open", `{"table":"no such/name"}`, "invalid", "id"},
		{"stock.count", `{"qty":1}`, "invalid", "id"},
		{"stock.count", `{"dish":"a","option":"b"}`, "invalid", "id"},
		{"payment.confirm", `{"payment":"x"}`, "invalid", "id"},
	} {
		_, _, err := DecodeCommand(c.name, cid, []byte(c.d))
		r := refusal.Of(err)
		if r == nil || string(r.Code) != c.code || r.Fields.Reason != c.reason {
			t.Errorf("%s %s: %v", c.name, c.d, err)
		}
	}
	if to, _, err := DecodeCommand("bill.split", cid, []byte(`{"order":"`+string(cid)+`","mode":"even","count":2}`)); err != nil || to.Kind != "order" {
		t.Error(to, err)
	}
}

func FuzzDecodeCommand(f *testing.F) {
	for name := range commands {
		f.Add(name, []byte(`{}`))
	}
	files, _ := filepath.Glob("testdata/examples/command-*.json")
	for _, file := range files {
		b, _ := os.ReadFile(file)
		var in frame
		if json.Unmarshal(b, &in) == nil {
			f.Add(in.Cmd, []byte(in.D))
		}
	}
	f.Fuzz(func(t *testing.T, name string, d []byte) {
		_, c, err := DecodeCommand(name, "0192f3a1-7b2c-7d3e-8f40-5a6b7c8d9e0f", d)
		if err != nil {
			if refusal.Of(err) == nil {
				t.Fatalf("no refusal: %v", err)
			}
			return
		}
		if c == nil {
			t.Fatal("neither command nor refusal")
		}
		if _, err := BodyHash(name, d); err != nil {
			t.Fatalf("it decodes, but has no hash: %s", d)
		}
	})
}
