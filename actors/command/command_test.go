package command

import "testing"

func TestRoles(t *testing.T) {
	for role, is := range map[Role]struct{ guest, manager bool }{
		Guest: {true, false}, Waiter: {}, Cashier: {}, Kitchen: {}, Expo: {}, Dispatcher: {}, Manager: {false, true},
		Admin: {false, true}, Device: {}, Channel: {}, "": {},
	} {
		var c Command = &Tick{Header{By: Who{Role: role}}}
		if h := c.Head(); h.IsGuest() != is.guest || h.IsManager() != is.manager {
			t.Errorf("%q: guest %v, manager %v", role, h.IsGuest(), h.IsManager())
		}
	}
}
