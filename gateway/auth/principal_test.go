package auth

import (
	"testing"

	"github.com/brigata/brigata/actors/command"
)

// TestIDsTellPrincipalsApart: the same name in another role is somebody else, and an id
// is put together the same way whether or not it was before.
func TestIDsTellPrincipalsApart(t *testing.T) {
	for role, want := range map[command.Role]string{command.Guest: "guest:x", command.Channel: "channel:x", command.Waiter: "user:x"} {
		p := &Principal{User: "x", rank: role}
		if got := p.ID(); got != want {
			t.Errorf("%s is %q, want %q", role, got, want)
		}
		if p.id = p.ID(); p.ID() != want {
			t.Errorf("%s is %q the second time, want %q", role, p.ID(), want)
		}
	}
}
