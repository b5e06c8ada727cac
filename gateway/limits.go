package gateway

import (
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/brigata/brigata/gateway/feed"
)

// Limits bounds what one client may ask of the node. Zero means the default.
type Limits struct {
	Message       int           // bytes of a client's message: 16384
	Subscriptions int           // of a connection: 64
	Inflight      int           // unanswered commands of a connection: 32
	Rate          float64       // messages per second of a connection: 20
	Burst         int           // messages: 40
	InflightNode  int           // unanswered commands of the node: 20000
	Connections   int           // of the node: 20000
	PerAddress    int           // connections of one address: 1000 (a restaurant's guests share one)
	PerUser       int           // connections of one user: 32
	DialRate      int           // new sockets per second of one address: 200
	UserRate      int           // commands per second of a user, over all its connections: 300
	AddressRate   int           // commands per second of an address: 2000
	StoreRate     int           // commands per second of a store, without the kitchen's and payments: 2000
	AnswerWithin  time.Duration // what answers may take on average, or twice what they take in quiet times; the node admits less while they take longer: 4 ms; negative: never less
	CallRate      int           // REST requests per second of a principal: 100
	QueueBytes    int           // views that wait for a connection: 65536
	QueueFrames   int           // 512
	ReplyBytes    int           // replies that wait for a connection: 8 MiB
	ReplyFrames   int           // 1024
	HeaderWithin  time.Duration // a request's headers: 10 s
	RequestWithin time.Duration // a request with its body, but for streams: 30 s
	TakenWithin   time.Duration // an answer, with the time to make it, but for streams and backups: 2 min
	IdleWithin    time.Duration // a connection without a request: 2 min
	AuthWithin    time.Duration // 5 s
	Ping          time.Duration // 25 s, whole seconds
	WriteWithin   time.Duration // 10 s
	OverRefusals  int           // refusals in a row, for rate or as too early, before the connection is closed: 200
}

func def[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

func (l *Limits) ensureDefaults() {
	def(&l.Message, 16384)
	def(&l.Subscriptions, 64)
	def(&l.Inflight, 32)
	def(&l.Rate, 20)
	def(&l.Burst, 40)
	def(&l.InflightNode, 20000)
	def(&l.Connections, 20000)
	def(&l.PerAddress, 1000)
	def(&l.PerUser, 32)
	def(&l.DialRate, 200)
	def(&l.CallRate, 100)
	def(&l.UserRate, 300)
	def(&l.AddressRate, 2000)
	def(&l.StoreRate, 2000)
	def(&l.AnswerWithin, 4*time.Millisecond)
	def(&l.QueueBytes, 64<<10)
	def(&l.QueueFrames, 512)
	def(&l.ReplyBytes, 8<<20)
	def(&l.ReplyFrames, 1024)
	def(&l.HeaderWithin, 10*time.Second)
	def(&l.RequestWithin, 30*time.Second)
	def(&l.TakenWithin, 2*time.Minute)
	def(&l.IdleWithin, 2*time.Minute)
	def(&l.AuthWithin, 5*time.Second)
	def(&l.Ping, 25*time.Second)
	def(&l.WriteWithin, 10*time.Second)
	def(&l.OverRefusals, 200)
}

func (l *Limits) queue() feed.Limits {
	return feed.Limits{Bytes: l.QueueBytes, Frames: l.QueueFrames, ReplyBytes: l.ReplyBytes, ReplyFrames: l.ReplyFrames}
}

// counts holds how many connections there are, by whom. A connection is counted by its
// address from the start and by its user once it is known.
type counts struct {
	mu sync.Mutex
	by map[string]int
}

// take counts one more under key, unless that is over most.
func (c *counts) take(key string, most int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by[key] >= most {
		return false
	}
	if c.by == nil {
		c.by = map[string]int{}
	}
	c.by[key]++
	return true
}

func (c *counts) give(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by[key]--; c.by[key] <= 0 {
		delete(c.by, key)
	}
}

// address is where the request comes from, without the port. A proxy's header is not
// believed: anybody can write one.
func address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
