package e2e

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/brigata/brigata/cmd/brigata/client"
)

// collector takes spans as an OpenTelemetry collector does: OTLP over HTTP.
type collector struct {
	*httptest.Server
	mu    sync.Mutex
	spans []*tracepb.Span
	nodes map[*tracepb.Span]string // who told of each
	more  chan struct{}
}

func newCollector(t *testing.T) *collector {
	c := &collector{nodes: map[*tracepb.Span]string{}, more: make(chan struct{}, 1)}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("%s: %v", r.URL, err)
			return
		}
		c.take(t, b)
	}))
	t.Cleanup(c.Close)
	return c
}

// take reads an ExportTraceServiceRequest: repeated ResourceSpans at 1.
func (c *collector) take(t *testing.T, b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(b) > 0 {
		_, _, n := protowire.ConsumeTag(b)
		raw, m := protowire.ConsumeBytes(b[n:])
		var r tracepb.ResourceSpans
		if n < 0 || m < 0 || proto.Unmarshal(raw, &r) != nil {
			t.Error("the export cannot be read")
			return
		}
		node := ""
		for _, a := range r.Resource.GetAttributes() {
			if a.Key == "service.instance.id" {
				node = a.Value.GetStringValue()
			}
		}
		for _, s := range r.ScopeSpans {
			c.spans = append(c.spans, s.Spans...)
			for _, x := range s.Spans {
				c.nodes[x] = node
			}
		}
		b = b[n+m:]
	}
	select {
	case c.more <- struct{}{}:
	default:
	}
}

// wait returns the spans once enough says so.
func (c *collector) wait(t *testing.T, enough func([]*tracepb.Span) bool) []*tracepb.Span {
	t.Helper()
	spans, ok := c.within(20*time.Second, enough)
	if !ok {
		var names []string
		for _, s := range spans {
			names = append(names, s.Name)
		}
		t.Fatalf("only these spans came: %v", names)
	}
	return spans
}

// within returns the spans that came, and whether they were enough in that time.
func (c *collector) within(d time.Duration, enough func([]*tracepb.Span) bool) ([]*tracepb.Span, bool) {
	late := time.NewTimer(d)
	defer late.Stop()
	for {
		c.mu.Lock()
		spans := slices.Clone(c.spans)
		c.mu.Unlock()
		if enough(spans) {
			return spans, true
		}
		select {
		case <-c.more:
		case <-late.C:
			return spans, false
		}
	}
}

func named(spans []*tracepb.Span, name string) *tracepb.Span {
	for _, s := range spans {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// tracedOrder places an order from a phone that begins the trace.
func tracedOrder(t *testing.T, n *node, trace, phone string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, strings.Replace(n.url, "http", "ws", 1)+"/v1/ws", &websocket.DialOptions{
		Subprotocols: []string{"brigata.v1.json"}, HTTPHeader: http.Header{"Traceparent": {"00-" + trace + "-" + phone + "-01"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()
	for _, m := range []string{
		`{"id":1,"auth":{"token":"` + n.token + `","client":"phone","version":"1"}}`,
		`{"id":2,"cmd":"order.place","cid":"` + newID() + `","d":{"type":"dine_in","table":"T01","lines":[{"dish":"kung-pao-chicken","qty":1}]}}`,
	} {
		if err := ws.Write(ctx, websocket.MessageText, []byte(m)); err != nil {
			t.Fatal(err)
		}
		_, b, err := ws.Read(ctx)
		var r struct{ OK json.RawMessage }
		if err != nil || json.Unmarshal(b, &r) != nil || r.OK == nil {
			t.Fatalf("%s: %v", b, err)
		}
	}
}

// TestTrace follows one order from a phone's traceparent to the push and to a partner's
// server: one trace, and the transaction that made it durable linked to it.
func TestTrace(t *testing.T) {
	col := newCollector(t)
	n := startNode(t, t.TempDir(), "--otlp", col.URL, "--trace-share", "0", "--webhook-allow-private")
	newPartner(t).subscribe(n)
	const trace, phone = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	tracedOrder(t, n, trace, phone)
	want := []string{"order.place", "order turn", "stock turn", "table turn", "store turn", "gate", "push", "journal commit", "webhook order.placed"}
	spans := col.wait(t, func(s []*tracepb.Span) bool {
		return !slices.ContainsFunc(want, func(name string) bool { return named(s, name) == nil })
	})
	root := named(spans, "order.place")
	if hex.EncodeToString(root.TraceId) != trace || hex.EncodeToString(root.ParentSpanId) != phone {
		t.Errorf("the command is span %x below %x of trace %x", root.SpanId, root.ParentSpanId, root.TraceId)
	}
	for _, name := range want[1:7] {
		if s := named(spans, name); string(s.TraceId) != string(root.TraceId) || string(s.ParentSpanId) != string(root.SpanId) || s.EndTimeUnixNano < s.StartTimeUnixNano {
			t.Errorf("%s is not below the command: %v", name, s)
		}
	}
	if told := named(spans, want[8]); string(told.TraceId) != string(root.TraceId) || string(told.ParentSpanId) != string(root.SpanId) {
		t.Errorf("the partner is not told in the command's trace: %v", told)
	}
	commit := named(spans, "journal commit")
	if len(commit.Links) == 0 || string(commit.Links[0].SpanId) != string(root.SpanId) {
		t.Errorf("the transaction is not linked to the command: %v", commit)
	}
	// The metrics name the trace too, to whoever asks in OpenMetrics.
	r, err := http.NewRequest("GET", n.url+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "application/openmetrics-text; version=1.0.0")
	got, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	b, err := io.ReadAll(got.Body)
	exemplar := regexp.MustCompile(`brigata_command_duration_seconds_bucket\{[^}]*command="order.place"[^}]*\} 1 # \{[^}]*trace_id="` + trace)
	if err != nil || !exemplar.Match(b) {
		t.Errorf("no exemplar of the trace: %v", err)
	}
}

// TestTraceAcrossNodes follows an order whose phone is on one node and whose store is on
// another: one trace, with the way there and the way back to a board.
func TestTraceAcrossNodes(t *testing.T) {
	col := newCollector(t)
	url, err := newDatabase()
	if err != nil {
		t.Fatal(err)
	}
	first, second := gossipPort(t), gossipPort(t)
	nodes := []*node{
		startNode(t, t.TempDir(), "--database-url", url, "--name", "a", "--gossip", first, "--join", second, "--otlp", col.URL, "--trace-share", "0"),
		startNode(t, t.TempDir(), "--database-url", url, "--name", "b", "--gossip", second, "--join", first, "--otlp", col.URL, "--trace-share", "0"),
	}
	within(t, 20*time.Second, "the nodes see each other", func() bool {
		return states(t, nodes[0])["b"] == "alive" && states(t, nodes[1])["a"] == "alive"
	})
	for _, n := range nodes {
		got, _, err := n.dial(n.token, "board").Subscribe(t.Context(), client.Sub{T: "kitchen.all"})
		if err != nil || got[0].Err != nil {
			t.Fatalf("%+v %v", got, err)
		}
	}
	var of []*tracepb.Span
	crossed := false
	for attempt := 0; !crossed; attempt++ { // a board that is new heals by reading until the bus knows of it
		if attempt == 10 {
			var names []string
			for _, s := range of {
				names = append(names, s.Name)
			}
			t.Fatalf("only these spans came of the last order that crossed: %v", names)
		}
		traces := []string{fmt.Sprintf("4bf92f3577b34da6a3ce929d0e0e4%02da", attempt), fmt.Sprintf("4bf92f3577b34da6a3ce929d0e0e4%02db", attempt)} // one of the two crosses
		for i, n := range nodes {
			tracedOrder(t, n, traces[i], "00f067aa0ba902b7")
		}
		_, crossed = col.within(4*time.Second, func(all []*tracepb.Span) bool {
			for i, trace := range traces {
				of = of[:0:0]
				for _, s := range all {
					if hex.EncodeToString(s.TraceId) == trace {
						of = append(of, s)
					}
				}
				if named(of, "route") == nil {
					continue
				}
				here, there := []string{"a", "b"}[i], []string{"b", "a"}[i]
				told := map[string]bool{}
				col.mu.Lock()
				for _, s := range of {
					told[s.Name+" "+col.nodes[s]] = true
				}
				col.mu.Unlock()
				return told["order.place "+here] && told["route "+here] && told["order turn "+there] && told["gate "+there] &&
					told["push "+there] && told["bus "+here] && told["push "+here]
			}
			return false
		})
	}
	root := named(of, "order.place")
	for _, s := range of {
		if s != root && string(s.ParentSpanId) != string(root.SpanId) {
			t.Errorf("%s is not below the command", s.Name)
		}
	}
}

// TestTraceFromBox follows an alert from the box that raises it: one trace, with the sensor,
// its work order, the gate and the push.
func TestTraceFromBox(t *testing.T) {
	col := newCollector(t)
	hub := freePort(t)
	n := startNode(t, t.TempDir(), "--otlp", col.URL, "--trace-share", "0", "--edge-listen", hub)
	b := newBox(t, n, hub, "--believe")
	board, _, err := n.dial(n.token, "board").Subscribe(t.Context(), client.Sub{T: "sensors"})
	if err != nil || board[0].Err != nil {
		t.Fatalf("%+v %v", board, err)
	}
	began := time.Now().Add(-time.Hour)
	for minute := range 20 { // the walk-in's limit has a delay of ten
		body := fmt.Sprintf(`{"boot":1,"seq":%d,"at":%d,"value":9}`, minute+1, began.Add(time.Duration(minute)*time.Minute).UnixMilli())
		r, err := http.NewRequest("POST", "http://"+b.http+"/v1/readings/walkin-1", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.SetBasicAuth("kitchen", "a-long-secret")
		got, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		got.Body.Close()
		if got.StatusCode != http.StatusNoContent {
			t.Fatal(got.Status)
		}
	}
	want := []string{"sensor.note", "sensor turn", "workorder turn", "gate", "push"}
	var of []*tracepb.Span
	spans := col.wait(t, func(all []*tracepb.Span) bool {
		for _, s := range all {
			if of = slices.DeleteFunc(slices.Clone(all), func(x *tracepb.Span) bool { return string(x.TraceId) != string(s.TraceId) }); !slices.ContainsFunc(want, func(name string) bool { return named(of, name) == nil }) {
				return true
			}
		}
		return false
	})
	root := named(of, want[0])
	if len(root.ParentSpanId) == 0 {
		t.Error("the box did not begin it")
	}
	for _, s := range of {
		if s != root && string(s.ParentSpanId) != string(root.SpanId) {
			t.Errorf("%s is not below the reading", s.Name)
		}
	}
	linked := func(s *tracepb.Span) bool {
		return s.Name == "journal commit" && slices.ContainsFunc(s.Links, func(l *tracepb.Span_Link) bool { return string(l.TraceId) == string(root.TraceId) })
	}
	if !slices.ContainsFunc(spans, linked) {
		t.Error("no transaction is linked to the reading")
	}
}

// TestMetrics reads the metrics after an order, two refusals and a resume, and shows who may.
func TestMetrics(t *testing.T) {
	n := startNode(t, t.TempDir(), "--metrics-from", "192.0.2.0/24")
	n.terminal("order", "--table", "T01", "mapo-tofu")
	n.terminal("order", "--table", "T01", "no-such-dish")
	board := n.dial(n.token, "board")
	must(t, send(t, board, "stock.count", newID(), `{"dish":"kung-pao-chicken","qty":7}`))
	n.terminal("order", "--table", "T01", "kung-pao-chicken=8")
	subs, _, err := board.Subscribe(t.Context(), client.Sub{T: "kitchen.all"})
	if err != nil || subs[0].Mode != "snap" {
		t.Fatal(subs, err)
	}
	subs, _, err = n.dial(n.token, "board, again").Subscribe(t.Context(), client.Sub{T: "kitchen.all", E: subs[0].E, S: subs[0].S})
	if err != nil || subs[0].Mode != "delta" {
		t.Fatal(subs, err)
	}
	for _, c := range []struct {
		path, token string
		status      int
	}{
		{"/metrics", "", 401}, {"/metrics", n.roleToken("manager"), 403}, {"/metrics", n.token, 200},
		{"/debug/pprof/", n.roleToken("waiter"), 403}, {"/debug/pprof/goroutine", n.token, 200},
	} {
		r, err := http.NewRequest("GET", n.url+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if c.token != "" {
			r.Header.Set("Authorization", "Bearer "+c.token)
		}
		got, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(got.Body)
		got.Body.Close()
		if got.StatusCode != c.status {
			t.Errorf("%s: %d, want %d", c.path, got.StatusCode, c.status)
		}
		if c.path != "/metrics" || c.status != 200 {
			continue
		}
		for _, line := range []string{
			`brigata_command_duration_seconds_count{code="ok",command="order.place"} 1`,
			`brigata_command_duration_seconds_count{code="invalid",command="order.place"} 1`,
			`brigata_command_duration_seconds_count{code="sold_out",command="order.place"} 1`,
			`brigata_subscriptions_total{mode="delta"} 1`, `brigata_subscriptions_total{mode="snap"} 1`,
			"brigata_cells 1", "brigata_ready 1", `brigata_turns_total{kind="order"}`, "brigata_journal_commit_duration_seconds_bucket", "go_goroutines",
		} {
			if !strings.Contains(string(b), line) {
				t.Errorf("no %s in the metrics", line)
			}
		}
	}
}
