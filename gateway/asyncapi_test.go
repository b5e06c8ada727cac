package gateway

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/gateway/auth"
)

// The page that clients are made from names every command and topic there is, with the
// roles that may use it, and no others. The page is ours, so its layout may be relied on.
func TestAsyncAPI(t *testing.T) {
	page := string(asyncAPI)
	operations := page[strings.Index(page, "\noperations:\n"):strings.Index(page, "\ncomponents:\n")]
	roles := map[string]string{}
	name := ""
	for line := range strings.SplitSeq(operations, "\n") {
		if m := regexp.MustCompile(`^  ([a-z_.]+):$`).FindStringSubmatch(line); m != nil {
			name = m[1]
		}
		if r, ok := strings.CutPrefix(line, "    x-roles: ["); ok {
			roles[name] = strings.TrimSuffix(r, "]")
		}
	}
	known := map[string]bool{}
	for _, p := range auth.Permissions() {
		if strings.HasPrefix(p, "rest:") {
			continue
		}
		name := strings.Replace(p, ":", ".", 1)
		known[name] = true
		if want := strings.Join(whoMay(p), ", "); roles[name] != want {
			t.Errorf("%s is for [%s], the page says [%s]", p, want, roles[name])
		}
	}
	for _, c := range slices.Sorted(maps.Keys(roles)) {
		if !known[c] {
			t.Errorf("%s is no command", c)
		}
		if topic, ok := strings.CutPrefix(c, "topic."); ok {
			if !strings.Contains(page, "\n  "+c+":\n    address: '"+topic) {
				t.Errorf("the topic %s has no channel", topic)
			}
			continue
		}
		for _, part := range []string{"\n      " + c + ": {$ref: '#/components/messages/" + c + "'}\n", "\n    " + c + ":"} {
			if !strings.Contains(page, part) {
				t.Errorf("%s: no %q", c, part)
			}
		}
	}
	for c := range known {
		if strings.HasPrefix(c, "topic.") {
			continue
		}
		if !wire.KnownCommand(c) {
			t.Errorf("%s: not known on the wire", c)
		}
	}
	for code, text := range reasons {
		if text == "" || code < 4000 {
			t.Errorf("close code %d", code)
		}
	}
}

func whoMay(permission string) (roles []string) {
	for _, r := range []command.Role{command.Guest, command.Waiter, command.Cashier, command.Kitchen, command.Expo, command.Dispatcher,
		command.Manager, command.Admin, command.Device, command.Channel} {
		if auth.RoleMay(r, permission) {
			roles = append(roles, string(r))
		}
	}
	return roles
}
