package gateway

import (
	"encoding/csv"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/brigata/brigata/actors"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/sensor"
	"github.com/brigata/brigata/actors/store"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/actors/workorder"
)

// sensorNode has a walk-in with one probe, and an engine that answers for its series.
func sensorNode(t *testing.T) *node {
	n := newNode(t, func(c *Config) { c.Archive = &fakeArchive{} })
	c := *n.engine.today["s1"].Config
	c.Name.EN = "Brigata"
	c.Sensors = []store.Sensor{{ID: "walkin-1", Kind: "temperature", Asset: "walk-in", Limits: store.Limits{Low: -1, High: 5}},
		{ID: "untold", Kind: "temperature", Asset: "walk-in"}, {ID: "door-1", Kind: "door", Asset: "walk-in"}}
	n.engine.today["s1"] = store.State{Config: &c}.Today(nil, time.UTC, nil)
	n.engine.views["s1/sensor/walkin-1"] = actors.View{V: 4, View: &sensor.View{ID: "walkin-1", State: sensor.Alert, Dishes: []string{}}}
	n.engine.views["s1/workorder/"+uuid(7)] = actors.View{V: 2, View: &workorder.View{ID: uuid(7), State: workorder.Opened}}
	n.engine.onCommand(func(r *actors.Request) {
		q, ok := r.Command.(*sensor.Query)
		if !ok || !r.Dry || r.ID != "" {
			t.Errorf("%T", r.Command)
		}
		a := actors.Answer{Refusal: notFound("sensor", r.Target.ID)}
		if q.Sensor == "walkin-1" {
			a = actors.Answer{D: wire.AppendReply(nil, &sensor.SeriesReply{Unit: "C", StepMS: q.StepMS, Items: []sensor.Point{
				{At: start, Min: 2, Max: 4, Avg: 3, N: 60}, {At: start.Add(time.Hour), Min: 2, Max: 9, Avg: 7, N: 60}}})}
		}
		r.To.Reply(r.Tag, a)
	})
	return n
}

func TestSensorsOverREST(t *testing.T) {
	n := sensorNode(t)
	cook, waiter := n.token("chen", "kitchen", nil), n.token("lin", "waiter", nil)
	var list struct {
		Items []struct{ ID, State string }
	}
	if w := n.call("GET", "/v1/stores/s1/sensors", cook, ""); json.Unmarshal([]byte(w.body), &list) != nil || len(list.Items) != 1 || list.Items[0].State != "alert" {
		t.Fatal(w.body)
	}
	w := n.call("GET", "/v1/stores/s1/sensors/walkin-1", cook, "")
	if w.StatusCode != 200 || w.Header.Get("ETag") != `"4"` {
		t.Fatal(w.Status, w.body)
	}
	if w := n.call("GET", "/v1/stores/s1/sensors/walkin-1", cook, "", "If-None-Match", `"4"`); w.StatusCode != 304 {
		t.Fatal(w.Status)
	}
	if w := n.call("GET", "/v1/stores/s1/sensors/walkin-1/series?step_ms=300000&from=2026-11-22T00:00:00Z", cook, ""); !strings.Contains(w.body, `"step_ms":300000`) || !strings.Contains(w.body, `"max":9`) {
		t.Fatal(w.body)
	}
	if w := n.call("GET", "/v1/stores/s1/workorders?state=open&limit=5", cook, ""); !strings.Contains(w.body, uuid(7)) || !strings.Contains(w.body, `"next":"n2"`) {
		t.Fatal(w.body)
	}
	if w := n.call("GET", "/v1/stores/s1/workorders/"+uuid(7), cook, ""); w.StatusCode != 200 {
		t.Fatal(w.body)
	}
	for _, x := range []struct {
		path, token string
		status      int
		code        refusal.Code
	}{
		{"sensors", waiter, 403, refusal.Forbidden},
		{"workorders", waiter, 403, refusal.Forbidden},
		{"reports/haccp", cook, 403, refusal.Forbidden},
		{"sensors/a%2Fb", cook, 404, refusal.NotFound},
		{"sensors/ghost", cook, 404, refusal.NotFound},
		{"sensors/ghost/series", cook, 404, refusal.NotFound},
		{"sensors/walkin-1/series?from=yesterday", cook, 422, refusal.Invalid},
		{"sensors/walkin-1/series?step_ms=x", cook, 422, refusal.Invalid},
		{"workorders?state=lost", cook, 422, refusal.Invalid},
		{"workorders?limit=0", cook, 422, refusal.Invalid},
		{"workorders?state=done", cook, 500, refusal.Internal},
		{"workorders/7", cook, 404, refusal.NotFound},
	} {
		n.wantProblem(n.call("GET", "/v1/stores/s1/"+x.path, x.token, ""), x.status, x.code)
	}
}

func TestHACCP(t *testing.T) {
	n := sensorNode(t)
	boss := n.token("lin", "manager", nil)
	w := n.call("GET", "/v1/stores/s1/reports/haccp?from=2026-11-22T00:00:00Z", boss, "")
	rows, err := csv.NewReader(strings.NewReader(w.body)).ReadAll()
	if err != nil || !strings.HasPrefix(w.Header.Get("Content-Type"), "text/csv") {
		t.Fatalf("%v: %s", err, w.body)
	}
	want := [][]string{
		haccpHeader,
		{"hour", local(start), "walk-in", "walkin-1", "C", "2.0", "4.0", "3.0", "60", "-1.0", "5.0", "ok", "", ""},
		{"hour", local(start.Add(time.Hour)), "walk-in", "walkin-1", "C", "2.0", "9.0", "7.0", "60", "-1.0", "5.0", "outside", "", ""},
		{"action", "2026-11-22 04:00 +00:00", "walk-in", "walkin-1", "", "", "", "", "", "", "", "open", "", "alert: limit"},
		{"action", "2026-11-22 04:00 +00:00", "walk-in", "walkin-1", "", "", "", "", "", "", "", "open", "chen", "'=1+1"},
		{"action", "2026-11-22 05:00 +00:00", "walk-in", "walkin-1", "", "", "", "", "", "", "", "done", "lin", "discard: " + longWhat},
	}
	if !reflect.DeepEqual(rows, want) {
		t.Errorf("%q", rows)
	}
	w = n.call("GET", "/v1/stores/s1/reports/haccp?format=pdf&from=2026-11-22T00:00:00Z&to=2026-11-23T00:00:00Z", boss, "")
	if w.StatusCode != 200 || w.Header.Get("Content-Type") != "application/pdf" {
		t.Fatalf("%s: %d bytes", w.Status, len(w.body))
	}
	lines := readSheet(t, []byte(w.body))
	read := strings.Join(lines, "\n")
	for _, line := range []string{
		"HACCP temperature log",
		"Brigata   2026-11-22 00:00 +00:00  to  2026-11-23 00:00 +00:00",
		"time|sensor|asset|min|max|avg|readings|low|high|verdict",
		local(start) + "|walkin-1|walk-in|2.0|4.0|3.0|60|-1.0|5.0|ok",
		local(start.Add(time.Hour)) + "|walkin-1|walk-in|2.0|9.0|7.0|60|-1.0|5.0|outside",
		"Work order " + uuid(7) + ", walk-in, walkin-1: open",
		"2026-11-22 04:00 +00:00|walkin-1|alert: limit",
		"2026-11-22 04:00 +00:00|walkin-1|chen|=1+1",
		"Work order " + uuid(8) + ", walk-in, walkin-1: done",
	} {
		if !slices.Contains(lines, line) {
			t.Errorf("no %q in\n%s", line, read)
		}
	}
	_, said, ok := strings.Cut(read, "|lin|")
	if !ok || strings.ReplaceAll(said, "\n", " ") != "discard: "+longWhat || strings.Count(said, "\n") < 3 {
		t.Errorf("what was done is read back as %q", said)
	}
	for _, bad := range []string{"format=doc", "from=2020-01-01T00:00:00Z", "to=2020-01-01T00:00:00Z&from=2021-01-01T00:00:00Z"} {
		n.wantProblem(n.call("GET", "/v1/stores/s1/reports/haccp?"+bad, boss, ""), 422, refusal.Invalid)
	}
}

func local(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 -07:00") }
