package wire

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/idmap"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/wire/pb"
	"github.com/brigata/brigata/actors/wire/roots"
)

var update = flag.Bool("update", false, "write the golden bytes of events that have none")

// filled gives every field of a struct a value that tells it from the others.
func filled(v reflect.Value, n *int, depth int) {
	*n++
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("s%d", *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*n) - 3)
	case reflect.Float64:
		v.SetFloat(float64(*n) + 0.5)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		filled(v.Elem(), n, depth)
	case reflect.Slice:
		if depth > 6 {
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			filled(v.Index(i), n, depth+1)
		}
	case reflect.Array:
		for i := range v.Len() {
			filled(v.Index(i), n, depth+1)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range 2 {
			k, x := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			filled(k, n, depth+1)
			filled(x, n, depth+1)
			v.SetMapIndex(k, x)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.UnixMilli(1_700_000_000_000 + int64(*n)).UTC()))
			return
		}
		if m, ok := v.Addr().Interface().(*idmap.Map[int64]); ok {
			*m = m.With(fmt.Sprintf("k%d", *n), int64(*n)).With(fmt.Sprintf("l%d", *n), 0)
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() || v.Type().Field(i).Anonymous {
				filled(v.Field(i), n, depth+1)
			}
		}
	}
}

func sampleEvent(e any) any {
	v := reflect.New(reflect.TypeOf(e).Elem())
	n := 0
	filled(v.Elem(), &n, 0)
	return v.Interface()
}

// TestGoldenEvents holds every event to the bytes it was first written with, and the
// hand-made codec to what protobuf itself makes of event.proto.
func TestGoldenEvents(t *testing.T) {
	for _, e := range roots.Events {
		name := strings.NewReplacer("*", "", ".", "_").Replace(fmt.Sprintf("%T", e))
		t.Run(name, func(t *testing.T) {
			event := sampleEvent(e)
			b := appendEvent(nil, event)
			file := filepath.Join("testdata", "events", name+".hex")
			want, err := os.ReadFile(file)
			if os.IsNotExist(err) && *update {
				os.MkdirAll(filepath.Dir(file), 0o755)
				if err := os.WriteFile(file, []byte(hex.EncodeToString(b)+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
				want, err = os.ReadFile(file)
			}
			if err != nil {
				t.Fatal(err)
			}
			golden, err := hex.DecodeString(strings.TrimSpace(string(want)))
			if err != nil {
				t.Fatal(err)
			}
			old, err := decodeEvent(golden)
			if err != nil {
				t.Fatalf("the golden bytes do not decode: %v", err)
			}
			again, err := decodeEvent(b)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(again, event) {
				t.Fatalf("decode(encode(e)) is\n%+v, not\n%+v", again, event)
			}
			if bytes.Equal(golden, b) != reflect.DeepEqual(old, event) {
				t.Fatalf("golden bytes decode to\n%+v", old)
			}
			var m pb.Event
			if err := proto.Unmarshal(b, &m); err != nil {
				t.Fatalf("protobuf does not read it: %v", err)
			}
			p, err := proto.Marshal(&m)
			if err != nil {
				t.Fatal(err)
			}
			if back, err := decodeEvent(p); err != nil || !reflect.DeepEqual(back, event) {
				t.Fatalf("what protobuf writes decodes to\n%+v, %v", back, err)
			}
		})
	}
}

func TestSnapshots(t *testing.T) {
	for _, s := range roots.States {
		v := reflect.New(reflect.TypeOf(s).Elem())
		n := 0
		filled(v.Elem(), &n, 0)
		in := Snapshot{Entity: "x", State: v.Interface(), V: 9, At: time.UnixMilli(5).UTC(), Answers: []Answered{
			{ID: "a", Body: [16]byte{1}, Principal: "p", V: 3, At: time.UnixMilli(4).UTC(), Reply: []byte("{}")},
			{ID: "b", At: time.UnixMilli(4).UTC(), Refusal: refusal.New(refusal.Closed, "r", "m"), Later: true}}}
		out, err := DecodeSnapshot(AppendSnapshot(nil, &in), reflect.New(v.Type().Elem()).Interface())
		if err != nil {
			t.Fatalf("%T: %v", s, err)
		}
		a, b := AppendSnapshot(nil, &in), AppendSnapshot(nil, &out)
		if !bytes.Equal(a, b) {
			t.Errorf("%T: what was read is written in another way", s)
		}
	}
}

func TestTurns(t *testing.T) {
	a := Turn{At: time.UnixMilli(77).UTC(), ID: "c", Body: [16]byte{9}, Principal: "p", By: command.Who{ID: "lin"},
		Trace: ParseTrace("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"), Entity: "e",
		Events: []any{sampleEvent(roots.Events[2])}, Answer: Replied, Reply: []byte(`{"a":1}`)}
	b := Turn{At: time.UnixMilli(78).UTC(), Answers: "c", Refusal: refusal.New(refusal.SoldOut, "", "no")}
	got, err := DecodeBlock(AppendTurn(AppendTurn(nil, &a), &b))
	if err != nil || len(got) != 2 || !reflect.DeepEqual(got[0], a) || !reflect.DeepEqual(got[1], b) {
		t.Fatalf("%+v, %v", got, err)
	}
	if got[0].Trace.String() != "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" {
		t.Fatal(got[0].Trace.String())
	}
	for _, bad := range []string{"", "00-", "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		"00-00000000000000000000000000000000-b7ad6b7169203331-01", "00-0af7651916cd43dd8448eb211c8031zz-b7ad6b7169203331-01"} {
		if ParseTrace(bad) != (Trace{}) {
			t.Errorf("%q is taken for a trace", bad)
		}
	}
}

func TestUnknownEvent(t *testing.T) {
	b, at := open(nil, 999<<3|2)
	if _, err := decodeEvent(shut(append(b, "future"...), at)); err == nil || !strings.Contains(err.Error(), "999") {
		t.Fatalf("an event of a newer version: %v", err)
	}
}

func FuzzDecodeBlock(f *testing.F) {
	for _, e := range roots.Events {
		f.Add(AppendTurn(nil, &Turn{At: time.UnixMilli(1).UTC(), Events: []any{sampleEvent(e)}}))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		turns, err := DecodeBlock(b)
		if err != nil {
			return
		}
		var out []byte
		for i := range turns {
			out = AppendTurn(out, &turns[i])
		}
		again, err := DecodeBlock(out)
		if err != nil || len(again) != len(turns) {
			t.Fatalf("%d turns became %d, %v", len(turns), len(again), err)
		}
	})
}
