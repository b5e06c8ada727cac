package auth

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/brigata/brigata/actors/command"
)

// Principal is somebody whose token holds. It does not change.
type Principal struct {
	User    string // sub; a guest's own id
	Name    string
	Stores  []string
	Roles   []command.Role
	Table   string // guests: the table of the code
	Session string // guests: the table session; it stays good after a move or a merge
	Channel string
	Expires time.Time

	table  *atomic.Pointer[roleTable]
	rank   command.Role
	id     string // see ID
	family string
	gen    int64
	from   time.Time // not before
}

// ranks orders the roles: who has several acts as the first of them.
var ranks = []command.Role{
	command.Admin, command.Manager, command.Waiter, command.Cashier, command.Expo, command.Kitchen,
	command.Dispatcher, command.Channel, command.Device, command.Guest,
}

// principal fails on a role that does not exist: it may be one of a later version, but
// nothing is known of what it may do.
func principal(c *Claims, table *atomic.Pointer[roleTable]) (*Principal, error) {
	p := &Principal{User: c.Subject, Name: c.Name, Stores: c.Store, Roles: c.Roles, Table: c.Table, Session: c.Session,
		Channel: c.Channel, Expires: c.ExpiresAt.Time, table: table, family: c.Family, gen: c.Gen, from: c.NotBefore.Time}
	known := *table.Load()
	for _, r := range c.Roles {
		if known[r] == nil {
			return nil, errSignature
		}
	}
	for _, r := range append(ranks[:len(ranks):len(ranks)], c.Roles...) { // one of the house's own makes staff
		if slices.Contains(p.Roles, r) {
			p.rank = r
			break
		}
	}
	if p.rank == "" {
		return nil, errSignature
	}
	if p.Channel == "" {
		p.Channel = p.defaultChannel()
	}
	p.id = p.ID()
	return p, nil
}

func (p *Principal) defaultChannel() string {
	switch {
	case p.rank != command.Guest:
		return "pos"
	case p.Table != "":
		return "qr"
	}
	return "web"
}

// IsGuest says that p sees and does only what guests may.
func (p *Principal) IsGuest() bool { return p.rank == command.Guest }

// IsChannel says that p is a partner, who sees its own orders only.
func (p *Principal) IsChannel() bool { return p.rank == command.Channel }

// Guest is the guest's own id, or "".
func (p *Principal) Guest() string {
	if p.IsGuest() {
		return p.User
	}
	return ""
}

// IsAdmin says that p may do everything.
func (p *Principal) IsAdmin() bool { return p.rank == command.Admin }

// Rank is the role that p acts as.
func (p *Principal) Rank() command.Role { return p.rank }

// Everywhere says that p's token names no stores: it is good in all.
func (p *Principal) Everywhere() bool { return len(p.Stores) == 1 && p.Stores[0] == everyStore }

// Several says that p must tell which store is meant.
func (p *Principal) Several() bool { return len(p.Stores) > 1 || p.Everywhere() }

// Who is p as views and histories show it.
func (p *Principal) Who() command.Who {
	return command.Who{ID: p.User, Name: p.Name, Role: p.rank}
}

// ID tells p from every other principal: command ids belong to one.
func (p *Principal) ID() string {
	switch {
	case p.id != "":
		return p.id
	case p.IsGuest():
		return "guest:" + p.User
	case p.IsChannel():
		return "channel:" + p.User
	}
	return "user:" + p.User
}

// In says that p's token is good in the store.
func (p *Principal) In(store string) bool { return p.Everywhere() || slices.Contains(p.Stores, store) }
