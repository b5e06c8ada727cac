package gateway

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
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
