package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/cmd/brigata/client"
	"github.com/brigata/brigata/cmd/brigata/demo"
	"github.com/brigata/brigata/gateway"
	"github.com/brigata/brigata/gateway/auth"
)

var roles = []command.Role{command.Guest, command.Waiter, command.Cashier, command.Kitchen, command.Expo, command.Dispatcher,
	command.Manager, command.Admin, command.Device, command.Channel}

// house is a node on a real port with two stores, and a party at T01 and at T02 of each.
type house struct {
	*Node
	t        *testing.T
	sessions map[string]string // by store/table
	orders   map[string]string // a held one, by store/table
}

const ownStore, otherStore = "demo", "demo-1"

func newHouse(t *testing.T) *house {
	h := limited(t, gateway.Limits{Rate: 1e6, Burst: 1e6, CallRate: 1e6, PerUser: 1000, UserRate: 1e6, AddressRate: 1e6, StoreRate: 1e6})
	if _, bad := h.Apply(context.Background(), otherStore, demo.Numbered(1)); bad != nil {
		t.Fatal(bad)
	}
	for _, s := range []string{ownStore, otherStore} {
		boss := h.dial(h.token("boss", command.Manager, s, ""))
		for _, table := range []string{"T01", "T02"} {
			var opened struct{ Session string }
			h.must(boss, "table.open", fmt.Sprintf(`{"table":%q,"guests":2}`, table), &opened)
			h.sessions[s+"/"+table] = opened.Session
			var placed struct{ Order string }
			h.must(boss, "order.place", fmt.Sprintf(`{"type":"dine_in","table":%q,"hold":true,"lines":[{"dish":"mapo-tofu","qty":1}]}`, table), &placed)
			h.orders[s+"/"+table] = placed.Order
		}
	}
	return h
}

// limited is a node with the demo store, and limits that a test can reach.
func limited(t *testing.T, l gateway.Limits) *house {
	t.Helper()
	n, err := Start(context.Background(), Options{Listen: "127.0.0.1:0", Data: t.TempDir(), Name: "n1", Demo: true, Out: io.Discard, Limits: l, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Stop(); err != nil {
			t.Error(err)
		}
	})
	return &house{Node: n, t: t, sessions: map[string]string{}, orders: map[string]string{}}
}

// token is one of store's; a guest's is for the session at the table.
func (h *house) token(user string, role command.Role, store, table string) string {
	c := auth.Subject(user, user, []string{store}, role)
	switch role {
	case command.Guest:
		c.Subject, c.Table, c.Session = string(newID()), table, h.sessions[store+"/"+table]
	case command.Channel:
		c.Channel = "meituan"
	}
	token, err := h.keys.Issue(c, time.Now(), time.Hour)
	if err != nil {
		h.t.Fatal(err)
	}
	return token
}

func (h *house) dial(token string) *client.Conn {
	h.t.Helper()
	c, err := client.Dial(h.t.Context(), h.URL(), token, "")
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(c.Close)
	return c
}

func (h *house) must(c *client.Conn, name, d string, into any) {
	h.t.Helper()
	m, err := c.Command(h.t.Context(), name, string(newID()), json.RawMessage(d), false)
	if err != nil || m.Err != nil {
		h.t.Fatalf("%s: %v %s", name, err, m.Raw)
	}
	var ok struct{ D json.RawMessage }
	if err := json.Unmarshal(m.OK, &ok); err != nil {
		h.t.Fatal(err)
	}
	if into != nil {
		if err := json.Unmarshal(ok.D, into); err != nil {
			h.t.Fatal(err)
		}
	}
}

// rest makes a call and returns its status, its problem if there is one, and its body.
func (h *house) rest(method, path, token, body string, header ...string) (int, gotProblem, string) {
	h.t.Helper()
	r, err := http.NewRequestWithContext(h.t.Context(), method, h.URL()+path, strings.NewReader(body))
	if err != nil {
		h.t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if method == http.MethodPost {
		r.Header.Set("Idempotency-Key", string(newID()))
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer w.Body.Close()
	b, err := io.ReadAll(w.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	var p gotProblem
	if w.StatusCode >= 400 && json.Unmarshal(b, &p) != nil {
		h.t.Fatalf("%s %s: %d %s", method, path, w.StatusCode, b)
	}
	return w.StatusCode, p, string(b)
}

type gotProblem struct {
	Code    string
	Retry   bool
	AfterMS int64 `json:"after_ms"`
	Fields  struct{ Reason, Need, Scope, At string }
}

// bodies are data of every command that its rules get to see; %T, %O and %U stand for a
// table, its order, and the id of something that is not there.
var bodies = map[string]string{
	"table.open": `{"table":"%T","guests":2}`, "table.clear": `{"table":"%T"}`, "table.move": `{"table":"%T","to":"T02"}`,
	"table.merge": `{"table":"%T","to":"%T"}`, "table.call": `{"table":"%T","kind":"waiter"}`, "table.ack": `{"table":"%T","call":"%U"}`,
	"cart.set":    `{"table":"%T","line":"x","dish":"mapo-tofu","qty":1}`,
	"order.place": `{"type":"dine_in","table":"%T","lines":[{"dish":"mapo-tofu","qty":1}]}`,
	"order.add":   `{"order":"%O","lines":[]}`, "order.accept": `{"order":"%O"}`, "order.reject": `{"order":"%O","reason":"none"}`,
	"order.cancel": `{"order":"%O","reason":"none"}`, "order.void": `{"order":"%O","reason":"none"}`,
	"item.hold": `{"order":"%O","items":["9"]}`, "item.fire": `{"order":"%O","items":["9"]}`, "item.start": `{"order":"%O","items":["9"]}`,
	"item.bump": `{"order":"%O","items":["9"]}`, "item.recall": `{"order":"%O","items":["9"]}`, "item.serve": `{"order":"%O","items":["9"]}`,
	"item.void": `{"order":"%O","items":["9"],"reason":"mistake"}`, "order.rush": `{"order":"%O","on":true}`,
	"order.hand_off": `{"order":"%O","to":"shelf"}`, "order.assign": `{"order":"%O","driver":{"id":"d","name":"D"}}`,
	"order.deliver": `{"order":"%O","delivery":"at_store"}`, "ticket.print": `{"order":"%O","station":"wok"}`,
	"stock.count": `{"dish":"none","qty":1}`, "stock.restock": `{"dish":"none","qty":1}`, "stock.out": `{"dish":"none","until":"manual"}`,
	"stock.in": `{"dish":"none"}`, "stock.hold": `{"dish":"none","reason":"other"}`, "stock.release": `{"dish":"none","reason":"other"}`,
	"bill.split": `{"table":"%T","mode":"none"}`, "bill.discount": `{"table":"%T","rate_bp":0,"reason":"comp"}`, "bill.print": `{"table":"%T"}`,
	"payment.create":  `{"table":"%T","provider":"cash","amount":99999999}`,
	"payment.confirm": `{"payment":"%U"}`, "payment.cancel": `{"payment":"%U"}`, "payment.refund": `{"payment":"%U","amount":1,"reason":"other"}`,
	"menu.draft": `{"base":-1,"menu":{}}`, "menu.publish": `{"draft_v":-1}`, "channel.pause": `{"channel":"none","reason":"other"}`,
	"day.close": `{"date":"2000-01-01","counted":0}`, "alert.ack": `{"sensor":"none"}`, "workorder.assign": `{"workorder":"%U","to":"x"}`,
	"workorder.done": `{"workorder":"%U","what":"x"}`, "sensor.calibrate": `{"sensor":"none","offset":0}`,
}

// TestAuthorisationMatrix makes every role send every command, for the own table and for
// another, in the own store and in another, over the socket and over REST: exactly what
// the table of permissions denies is denied.
func TestAuthorisationMatrix(t *testing.T) {
	h := newHouse(t)
	cells := 0
	for _, role := range roles {
		token := h.token("u-"+string(role), role, ownStore, "T01")
		socket := h.dial(token)
		for _, name := range auth.Permissions() {
			if strings.Contains(name, ":") {
				continue
			}
			if bodies[name] == "" {
				t.Fatalf("no data for %s", name)
			}
			for _, store := range []string{ownStore, otherStore} {
				for _, table := range []string{"T01", "T02", ""} {
					if table == "" && name != "order.place" {
						continue // of commands that may do without a table or order, it is one
					}
					cells++
					h.cell(socket, token, role, name, store, table)
				}
			}
		}
	}
	t.Logf("%d cells, each over the socket and over REST", cells)
}

// allowed is the table of permissions, for a table or order and a store.
func allowed(role command.Role, name, store, table string) bool {
	scope := auth.RoleScope(role, name)
	touches := strings.Contains(bodies[name], "%T") || strings.Contains(bodies[name], "%O")
	switch {
	case scope == auth.None || store != ownStore:
		return false
	case scope == auth.Store || !touches:
		return true
	case role == command.Channel:
		return name == "order.place" && table == "" // it has neither tables nor, here, orders
	}
	return table != "T02"
}

func (h *house) cell(c *client.Conn, token string, role command.Role, name, store, table string) {
	h.t.Helper()
	d := strings.NewReplacer("%T", table, "%O", h.orders[store+"/"+table], "%U", string(newID())).Replace(bodies[name])
	if table == "" {
		d = `{"type":"pickup","lines":[{"dish":"mapo-tofu","qty":1}]}`
	}
	want := allowed(role, name, store, table)
	m, err := c.CommandAt(h.t.Context(), store, name, string(newID()), json.RawMessage(d), false)
	if err != nil {
		h.t.Fatalf("%s %s: %v", role, name, err)
	}
	code, need := "", ""
	if m.Err != nil {
		var f struct{ Need string }
		json.Unmarshal(m.Err.Fields, &f)
		code, need = m.Err.Code, f.Need
	}
	known := wire.KnownCommand(name)
	if !known && code == "bad_request" {
		return // of a kind of entity that this node has not
	}
	if denied := code == "forbidden"; denied == want || code == "internal" {
		h.t.Errorf("socket: %s %s at %s/%s: %q %q, allowed is %v", role, name, store, table, code, need, want)
	}
	body, _ := json.Marshal(map[string]any{"cmd": name, "d": json.RawMessage(d)})
	status, p, _ := h.rest("POST", "/v1/stores/"+store+"/commands", token, string(body))
	if denied := status == http.StatusForbidden; denied == want || status >= 500 {
		h.t.Errorf("REST: %s %s at %s/%s: %d %+v, allowed is %v", role, name, store, table, status, p, want)
	}
}

// TestTopicsAndReads holds what may be read to the same table.
func TestTopicsAndReads(t *testing.T) {
	h := newHouse(t)
	for _, role := range roles {
		token := h.token("u-"+string(role), role, ownStore, "T01")
		c := h.dial(token)
		topics := map[string]bool{}
		for _, kind := range []string{"kitchen.all", "dispatch", "floor", "menu", "stock", "sensors", "store", "printers", "pass", "nodes"} {
			name, _, _ := strings.Cut(kind, ".")
			topics[kind] = auth.RoleScope(role, "topic:"+name) != auth.None
		}
		for _, table := range []string{"T01", "T02"} {
			for kind, topic := range map[string]string{"table": "table." + table, "order": "order." + h.orders[ownStore+"/"+table]} {
				scope := auth.RoleScope(role, "topic:"+kind)
				topics[topic] = scope == auth.Store || scope == auth.Own && role == command.Guest && table == "T01"
			}
		}
		for topic, want := range topics {
			subs, _, err := c.Subscribe(t.Context(), client.Sub{T: topic})
			if err != nil {
				t.Fatal(err)
			}
			if denied := subs[0].Err != nil && subs[0].Err.Code == "forbidden"; denied == want {
				t.Errorf("%s, %s: %+v, allowed is %v", role, topic, subs[0].Err, want)
			}
		}
		h.reads(role, token)
	}
}

func (h *house) reads(role command.Role, token string) {
	h.t.Helper()
	for _, store := range []string{ownStore, otherStore} {
		for path, permission := range map[string]string{"": "stores", "/menu": "menu", "/orders": "orders", "/tables": "tables", "/stock": "stock",
			"/orders/" + h.orders[store+"/T01"] + "/history": "history", "/tables/T01": "table", "/tables/T02": "table",
			"/orders/" + h.orders[store+"/T01"]: "order", "/orders/" + h.orders[store+"/T02"]: "order"} {
			scope := auth.RoleScope(role, "rest:"+permission+":read")
			want := scope != auth.None && store == ownStore
			if scope == auth.Own && (permission == "table" || permission == "order") {
				own := strings.HasSuffix(path, "T01") || strings.HasSuffix(path, h.orders[store+"/T01"])
				want = want && role == command.Guest && own
			}
			status, p, _ := h.rest("GET", "/v1/stores/"+store+path, token, "")
			if (status == http.StatusOK) != want || !want && status != http.StatusForbidden {
				h.t.Errorf("%s reads %s%s: %d %+v, allowed is %v", role, store, path, status, p, want)
			}
		}
	}
	for _, path := range []string{"/v1/users", "/v1/roles", "/v1/audit?store=" + ownStore} {
		permission := "rest:" + strings.TrimSuffix(strings.TrimPrefix(path, "/v1/"), "?store="+ownStore) + ":read"
		status, _, _ := h.rest("GET", path, token, "")
		if want := auth.RoleMay(role, permission); (status == http.StatusOK) != want {
			h.t.Errorf("%s reads %s: %d, allowed is %v", role, path, status, want)
		}
	}
}

// A guest's frames, and what a guest reads over REST, hold none of what is the staff's.
func TestGuestsSeeNothingOfTheStaffs(t *testing.T) {
	h := newHouse(t)
	boss := h.dial(h.token("lin-the-boss", command.Manager, ownStore, ""))
	guest := h.token("", command.Guest, ownStore, "T01")
	c := h.dial(guest)
	order := h.orders[ownStore+"/T01"]
	if subs, _, err := c.Subscribe(t.Context(), client.Sub{T: "table.T01"}, client.Sub{T: "order." + order}, client.Sub{T: "menu"}, client.Sub{T: "store"}); err != nil || subs[0].Err != nil || subs[1].Err != nil {
		t.Fatal(subs, err)
	}
	h.must(boss, "order.place", `{"type":"dine_in","table":"T01","note":"n","ref":"partner-7","lines":[{"dish":"kung-pao-chicken","qty":2}]}`, nil)
	h.must(boss, "item.fire", fmt.Sprintf(`{"order":%q,"items":["1"]}`, order), nil)
	h.must(boss, "item.start", fmt.Sprintf(`{"order":%q,"items":["1"]}`, order), nil)
	h.must(boss, "item.bump", fmt.Sprintf(`{"order":%q,"items":["1"]}`, order), nil)
	h.must(boss, "item.void", fmt.Sprintf(`{"order":%q,"items":["1"],"reason":"quality","note":"hair"}`, order), nil)
	var all bytes.Buffer
	for !bytes.Contains(all.Bytes(), []byte(`"voided"`)) {
		select {
		case m, ok := <-c.Pushes():
			if !ok {
				t.Fatal("the socket closed")
			}
			all.Write(m.Raw)
		case <-time.After(10 * time.Second):
			t.Fatalf("the void never came: %s", all.String())
		}
	}
	for _, path := range []string{"/menu", "/tables/T01", "/orders/" + order} {
		status, _, body := h.rest("GET", "/v1/stores/demo"+path, guest, "")
		if status != 200 {
			t.Fatal(path, status, body)
		}
		all.WriteString(body)
	}
	for _, secret := range []string{"lin-the-boss", `"stations"`, `"fire_seq"`, `"bumped_by"`, `"void_by"`, `"void_reason"`, `"reason_note"`, `"ref"`,
		`"each"`, `"prep_ms"`, `"hair"`, "partner-7"} {
		if strings.Contains(all.String(), secret) {
			t.Errorf("a guest sees %s", secret)
		}
	}
}
