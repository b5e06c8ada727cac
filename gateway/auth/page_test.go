package auth

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/brigata/brigata/actors/command"
)

var update = flag.Bool("update", false, "write docs/authorisation.md")

// The page of who may do what is made of the table; a change of the one shows in the other.
func TestAuthorisationPage(t *testing.T) {
	all := []command.Role{command.Guest, command.Waiter, command.Cashier, command.Kitchen, command.Expo, command.Dispatcher,
		command.Manager, command.Admin, command.Device, command.Channel}
	var b bytes.Buffer
	b.WriteString(`# Who may do what

Made from the table in gateway/auth/permissions.go by ` + "`go test ./gateway/auth -run Page -update`" + `; a test over a real
server tries every cell. ● in the stores that the token names; ○ there too, but only the own table and orders (of a
partner: the own orders); nothing: denied. In another store everything is denied. Roles can be changed, and further
ones made, at /v1/roles.

| |`)
	for _, r := range all {
		fmt.Fprintf(&b, " %s |", r)
	}
	b.WriteString("\n| --- |")
	for range all {
		b.WriteString(" :-: |")
	}
	for _, p := range Permissions() {
		fmt.Fprintf(&b, "\n| `%s` |", p)
		for _, r := range all {
			b.WriteString([]string{"  |", " ○ |", " ● |"}[RoleScope(r, p)])
		}
	}
	b.WriteString("\n")
	const page = "../../docs/authorisation.md"
	if *update {
		if err := os.WriteFile(page, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if is, err := os.ReadFile(page); err != nil || !bytes.Equal(is, b.Bytes()) {
		t.Fatalf("%s is not what the table says (%v): go test ./gateway/auth -run Page -update", page, err)
	}
}
