package wire

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/actors/wire/pb"
	"github.com/brigata/brigata/actors/wire/roots"
)

// What one node shows, another shows the same: every field of a view survives, to the
// byte of its JSON.
func TestViewsBetweenNodes(t *testing.T) {
	kinds := []string{"store", "menu", "stock", "payment", "order", "table", "sensor", "workorder", "printer"}
	for i, r := range roots.Views {
		v := reflect.New(reflect.TypeOf(r).Elem())
		n := 0
		filled(v.Elem(), &n, 0)
		got, err := UnmarshalView(kinds[i], MarshalView(v.Interface()))
		if err != nil {
			t.Fatalf("%T: %v", r, err)
		}
		if !bytes.Equal(MarshalView(got), MarshalView(v.Interface())) {
			t.Errorf("%T: what was read is written in another way", r)
		}
		for _, a := range []Audience{Staff, Guests} {
			if here, there := AppendView(nil, v.Interface(), a), AppendView(nil, got, a); !bytes.Equal(here, there) {
				t.Errorf("%T here\n%s\nthere\n%s", r, here, there)
			}
		}
	}
	if _, err := UnmarshalView("robot", nil); err == nil {
		t.Error("a kind of a newer version was read")
	}
}

func TestValuesBetweenNodes(t *testing.T) {
	zone := func(string) (*time.Location, error) { return time.UTC, nil }
	var cfg store.Config
	var m menu.Menu
	n := 0
	filled(reflect.ValueOf(&cfg).Elem(), &n, 3)
	filled(reflect.ValueOf(&m).Elem(), &n, 3)
	paused := []store.Pause{{Channel: "web", Until: time.UnixMilli(5).UTC()}}
	in := store.State{Config: &cfg, Paused: paused}.Today(m.Index(), time.UTC, nil)
	b, err := proto.Marshal(StoreValues(in))
	if err != nil {
		t.Fatal(err)
	}
	var p pb.StoreValues
	if err := proto.Unmarshal(b, &p); err != nil {
		t.Fatal(err)
	}
	out, err := TodayOf(&p, zone)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(out.Config, in.Config) || !reflect.DeepEqual(out.Paused, paused) || out.Open != in.Open {
		t.Fatalf("%+v became %+v", in.Config, out.Config)
	}
	if !bytes.Equal(AppendMenu(nil, out.Menu, Staff), AppendMenu(nil, in.Menu, Staff)) {
		t.Fatal("the menu changed on its way")
	}
	in.Menu = nil
	if out, err = TodayOf(StoreValues(in), zone); err != nil || out.Menu != nil {
		t.Fatalf("no menu became %+v, %v", out.Menu, err)
	}
}

func TestRefusalsBetweenNodes(t *testing.T) {
	in := refusal.New(refusal.SoldOut, "r", "m").With(refusal.Fields{Dish: "x"})
	in.AfterMS = 7
	out, err := UnmarshalRefusal(MarshalRefusal(in))
	if err != nil || !reflect.DeepEqual(out, in) {
		t.Fatalf("%+v, %v", out, err)
	}
	if out, err := UnmarshalRefusal(MarshalRefusal(nil)); out != nil || err != nil {
		t.Fatalf("%+v, %v", out, err)
	}
	who, err := UnmarshalWho(MarshalWho(command.Who{ID: "lin", Role: command.Waiter}))
	if err != nil || who.Role != command.Waiter {
		t.Fatalf("%+v, %v", who, err)
	}
}
