package e2e

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/brigata/brigata/actors/wire/pb/service"
	"github.com/brigata/brigata/actors/wire/pb/service/serviceconnect"
	"github.com/brigata/brigata/cmd/brigata/client"
	"github.com/brigata/brigata/gateway/auth"
)

// TestAudit has a waiter try everything that waiters may not, on the socket, over REST and
// gRPC, and a manager use what only managers may: every one of these is in the audit, with
// the permission that was missing or the reason that was given.
func TestAudit(t *testing.T) {
	onBoth(t, func(t *testing.T, start func(*testing.T) *node) {
		n := start(t)
		var admin grant
		n.login(t, http.StatusOK, &admin, map[string]string{"user": "admin", "password": n.oneTimePassword(t), "new_password": "a long one"})
		lin, mei := n.hire(t, admin, "lin", "waiter", ""), n.hire(t, admin, "mei", "manager", "")
		waiter, boss := n.dial(lin.Token, "tablet"), n.dial(mei.Token, "office")

		commands := map[string]int{}
		for _, name := range auth.Permissions() {
			if auth.RoleMay("waiter", name) || strings.Contains(name, ":") { // the rest are topics and reads
				continue
			}
			m := send(t, waiter, name, newID(), `{}`)
			if m.Err != nil && m.Err.Code == "bad_request" {
				continue // of a kind of entity that this node has not
			}
			refused(t, m, "forbidden")
			if status, _ := rest(t, n, lin.Token, "POST", "/v1/stores/demo/commands", fmt.Sprintf(`{"cmd":%q,"d":{}}`, name), nil); status != http.StatusForbidden {
				t.Errorf("%s over REST: %d", name, status)
			}
			commands[name] = 2
		}
		if len(commands) < 15 {
			t.Fatalf("waiters are denied %d commands only", len(commands))
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		if subs, _, err := waiter.Subscribe(ctx, client.Sub{T: "nodes"}); err != nil || subs[0].Err == nil {
			t.Fatal(subs, err)
		}
		for _, path := range []string{"/v1/users", "/debug/pprof/", "/v1/audit"} {
			if status, _ := rest(t, n, lin.Token, "GET", path, "", nil); status != http.StatusForbidden {
				t.Errorf("%s: %d", path, status)
			}
		}
		if status, _ := rest(t, n, admin.Token, "GET", "/debug/pprof/", "", nil); status != http.StatusOK {
			t.Fatal(status)
		}
		rpc := serviceconnect.NewOrderServiceClient(http.DefaultClient, n.url)
		get := connect.NewRequest(&service.GetOrderRequest{Store: "elsewhere", Order: newID()})
		get.Header().Set("Authorization", "Bearer "+lin.Token)
		if _, err := rpc.GetOrder(ctx, get); connect.CodeOf(err) != connect.CodePermissionDenied {
			t.Fatal(err)
		}
		forged := connect.NewRequest(&service.GetOrderRequest{Order: newID()})
		forged.Header().Set("Authorization", "Bearer a.b.c")
		if _, err := rpc.GetOrder(ctx, forged); connect.CodeOf(err) != connect.CodeUnauthenticated {
			t.Fatal(err)
		}
		if status, _ := rest(t, n, "a.b.c", "GET", "/v1/users", "", nil); status != http.StatusUnauthorized {
			t.Fatal(status)
		}
		r := dialRaw(t, n)
		r.says(`{"id":1,"auth":{"token":"a.b.c"}}`)
		n.login(t, http.StatusUnauthorized, nil, map[string]string{"user": "mei", "password": "guess"})

		must(t, send(t, waiter, "table.open", newID(), `{"table":"T01","guests":2}`))
		order := place(t, waiter, "T01")
		must(t, send(t, boss, "bill.discount", newID(), `{"table":"T01","rate_bp":1000,"reason":"comp"}`))
		must(t, send(t, boss, "order.void", newID(), fmt.Sprintf(`{"order":%q,"reason":"mistake"}`, order)))
		second := place(t, waiter, "T01")
		must(t, send(t, boss, "item.void", newID(), fmt.Sprintf(`{"order":%q,"items":["1"],"reason":"quality"}`, second)))

		for _, x := range []struct {
			query string
			want  entry
		}{
			{"who=user:lin&action=subscribe", entry{Outcome: "forbidden", Reason: "topic:nodes", Detail: "nodes"}},
			{"who=user:lin&action=rest:users:read", entry{Outcome: "forbidden", Reason: "rest:users:read", Detail: "GET /v1/users"}},
			{"who=user:lin&action=rest:profiles:read", entry{Outcome: "forbidden", Reason: "rest:profiles:read", Detail: "GET /debug/pprof/"}},
			{"who=user:admin&action=rest:profiles:read", entry{Outcome: "ok", Detail: "GET /debug/pprof/"}},
			{"who=user:lin&action=rest:audit:read", entry{Outcome: "forbidden", Reason: "rest:audit:read", Detail: "GET /v1/audit"}},
			{"who=user:lin&action=rest:order:read", entry{Outcome: "forbidden", Reason: "store:elsewhere", Detail: get.Msg.Order}},
			{"action=call", entry{Outcome: "unauthenticated", Reason: "signature"}},
			{"action=socket", entry{Outcome: "unauthenticated", Reason: "signature"}},
			{"who=user:mei&action=login", entry{Outcome: "unauthenticated", Reason: "signature"}},
			{"who=user:mei&action=bill.discount", entry{Outcome: "ok", Reason: "comp", Detail: "T01"}},
			{"who=user:mei&action=order.void", entry{Outcome: "ok", Reason: "mistake", Detail: order}},
			{"who=user:mei&action=item.void", entry{Outcome: "ok", Reason: "quality", Detail: second}},
			{"who=user:admin&action=rest:users:write", entry{Outcome: "ok", Detail: "POST /v1/users"}},
		} {
			within(t, 10*time.Second, fmt.Sprintf("%s: %+v", x.query, x.want), func() bool {
				return slices.ContainsFunc(audited(t, n, admin, x.query, 1), func(e entry) bool {
					return e.Outcome == x.want.Outcome && e.Reason == x.want.Reason && e.Detail == x.want.Detail && e.Address != ""
				})
			})
		}
		within(t, 10*time.Second, "every denied command is in the audit, twice", func() bool {
			missing := maps.Clone(commands)
			for _, e := range audited(t, n, admin, "who=user:lin&store=demo", 1) {
				if e.Outcome == "forbidden" && missing[e.Action] > 0 && e.Reason == e.Action && e.Role == "waiter" {
					missing[e.Action] -= e.N
				}
			}
			for _, n := range missing {
				if n != 0 {
					return false
				}
			}
			return true
		})
	})
}
