package wire

import (
	"reflect"
	"testing"

	"github.com/go-json-experiment/json"

	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/order"
)

const placing = `{"type":"dine_in","table":"T03","lines":[{"id":"a","dish":"mapo-tofu","qty":2,"seat":1,"note":"hot",` +
	`"options":[{"group":"size","option":"large"},{"option":"rice","qty":2}]},{"dish":"tea","qty":1}],"total":8800,"menu_version":3,"guests":2}`

func TestQuickPlace(t *testing.T) {
	for _, d := range []string{placing, ` { "type" : "pickup" , "lines" : [ { "dish" : "tea" , "qty" : 1 } ] } `} {
		if !quickPlace([]byte(d), &order.Place{}) {
			t.Errorf("not read: %s", d)
		}
		samePlace(t, d)
	}
	for _, d := range []string{
		`{"type":"pickup","type":"pickup"}`, `{"type":"pickup","other":1}`, `{"type":"pickup","lines":[{"dish":"a","dish":"b"}]}`,
		`{"type":"pickup"`, `{"type":"pickup"}{}`, `{"type":"pickup",}`, `{"type":"\u0061"}`, "{\"type\":\"\xff\"}", `{"total":01}`, `{"total":1.5}`,
		`{"total":-1}`, `{"total":null}`, `{"lines":[{"dish":"a","qty":1},]}`, `{"lines":{}}`, `[]`, ``, `{"guests":9999999999999999}`,
	} {
		if quickPlace([]byte(d), &order.Place{}) {
			t.Errorf("read: %s", d)
		}
	}
}

// FuzzQuickPlace: what the quick decoder reads is what the other one reads.
func FuzzQuickPlace(f *testing.F) {
	f.Add(placing)
	f.Add(`{"lines":[{"options":[{"option":"a","qty":0}]}],"total":0}`)
	f.Fuzz(samePlace)
}

func samePlace(t *testing.T, d string) {
	got, want := order.Place{Lines: make([]menu.Line, 0, linesRoom)}, order.Place{Lines: make([]menu.Line, 0, linesRoom)}
	if !quickPlace([]byte(d), &got) {
		return
	}
	if err := json.Unmarshal([]byte(d), &want); err != nil {
		t.Fatalf("%q was read, and is wrong: %v", d, err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%q: %+v, want %+v", d, got, want)
	}
}
