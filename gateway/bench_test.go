package gateway

import (
	"runtime"
	"testing"
)

// BenchmarkIdleConnection reports what a connection costs that has said who it is and
// then waits, with both ends in this process and the client's end left out.
func BenchmarkIdleConnection(b *testing.B) {
	n := newNode(b, func(c *Config) { c.Limits = Limits{PerUser: 100_000, DialRate: 100_000, PerAddress: 100_000} })
	const all = 1000
	token := n.token("kds", "kitchen", nil)
	for b.Loop() {
		clients := make([]*client, all)
		for i := range clients {
			clients[i] = n.dial()
		}
		before := inUse()
		for _, c := range clients {
			c.send(`{"id":1,"auth":{"token":"` + token + `"}}`)
			c.next()
			c.send(`{"id":2,"sub":[{"t":"kitchen.wok"}]}`)
			c.next()
			c.rest = nil
		}
		entered := inUse() - before
		for _, c := range clients {
			c.ws.CloseNow()
		}
		eventually(b, "all are gone", func() bool { return n.Connections() == 0 })
		both := before + entered - inUse()
		b.ReportMetric(float64(both)/all, "B/pair")       // both ends of the socket
		b.ReportMetric(float64(entered)/all, "B/session") // of it: who it is and a subscription
	}
}

func inUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}
