package gateway

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/gateway/auth"
)

// visitors limits the rate of those who have no connection to count by: REST callers
// and addresses that open sockets.
type visitors struct {
	rate  rate.Limit
	burst int

	mu sync.Mutex
	by map[string]*rate.Limiter
}

// visitorsMax bounds the table. Over it, everybody unknown shares one limiter.
const visitorsMax = 20000

func (v *visitors) allow(key string, now time.Time) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	l := v.by[key]
	if l == nil {
		if len(v.by) >= visitorsMax {
			key = ""
			l = v.by[key]
		}
		if l == nil {
			l = rate.NewLimiter(v.rate, v.burst)
			if v.by == nil {
				v.by = map[string]*rate.Limiter{}
			}
			v.by[key] = l
		}
	}
	return l.AllowN(now, 1)
}

// sweep forgets who has not come for so long that its limit is full again.
func (v *visitors) sweep(now time.Time) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for key, l := range v.by {
		if l.TokensAt(now) >= float64(v.burst) {
			delete(v.by, key)
		}
	}
}

// paces limit the rate of commands, whichever way they come: of a user over all its
// connections, of an address, and of a store.
type paces struct{ users, addresses, stores visitors }

func (p *paces) init(l *Limits) {
	pace := func(each int) visitors { return visitors{rate: rate.Limit(each), burst: 2 * each} }
	p.users, p.addresses, p.stores = pace(l.UserRate), pace(l.AddressRate), pace(l.StoreRate)
}

func (p *paces) sweep(now time.Time) {
	p.users.sweep(now)
	p.addresses.sweep(now)
	p.stores.sweep(now)
}

// allow says that a command is in time. A store's own rush never holds up its kitchen.
func (p *paces) allow(who *auth.Principal, address, store string, of class, now time.Time) *refusal.Refusal {
	switch {
	case !p.users.allow(who.ID(), now):
		return tooMany("user")
	case of >= guestPayments:
		return nil
	case !p.addresses.allow(address, now):
		return tooMany("address")
	case !p.stores.allow(store, now):
		return tooMany("store")
	}
	return nil
}
