package gateway

import (
	"bytes"
	mathrand "math/rand/v2"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/actors/wire"
	"github.com/brigata/brigata/gateway/auth"
	"github.com/brigata/brigata/gateway/feed"
)

// patience is how a session's reader treats who does not wait. It is the reader's, but for nap.
type patience struct {
	over  int           // refusals in a row for rate, or as too early
	rest  time.Duration // before the next message is read
	ahead bool          // what comes during the rest comes too early
	early int           // bytes of such, still to be read
	turn  int           // messages of such that were read since the last rest
	no    refused       // is told when the frame has been handled
	timer *time.Timer   // of its rests, since the first one
	nap   atomic.Pointer[time.Timer]
}

// refused is a message that the node has too much to do for.
type refused struct {
	id  int64
	bad *refusal.Refusal // nil: none
}

const (
	// earlyEach is how many messages that came too early are read before their connection
	// rests again.
	earlyEach = 4
	// readSooner is how long before the time that a client was told it is read again: its
	// message must not be taken for one that came too early as the reader woke late.
	readSooner = 50 * time.Millisecond
	// refuseWithin is how long a refusal for load may take. It is less than what is told.
	refuseWithin = 200 * time.Millisecond
)

// sheds says that the node has too much to do for a message, if it has; the reader refuses it
// then, with refuseLate.
func (c *session) sheds(id int64, bad *refusal.Refusal) bool {
	if bad == nil {
		return false
	}
	if c.no.bad != nil { // two of one frame
		c.refuseAfter(0)
	}
	c.no = refused{id, bad}
	return true
}

// refuseLate tells what the frame that was just handled is refused. The connection is told
// to come back in once to twice the time that others are told, or all that were refused at
// once would be back at once; it is not read before, for refusing costs, too. It is told
// a little later, or a thousand that come at once would cost the node at once.
func (c *session) refuseLate() {
	late := mathrand.N(refuseWithin)
	c.naps(late)
	c.refuseAfter(late)
}

func (c *session) refuseAfter(late time.Duration) {
	c.rest, c.ahead = c.putOff(c.no.id, c.no.bad, late), true
	c.no = refused{}
}

// tooEarly refuses what a guest or a partner sent although it was told to wait. Nothing is
// looked up for it, and after a few such messages the connection rests again: it costs no
// more when it sends more, and what is not read stays with who sent it.
func (c *session) tooEarly(who *auth.Principal, m *message) bool {
	of := staffWork
	switch {
	case m.Cmd != "":
		of = classOf(who, m.Cmd)
	case m.Sub != nil:
		of = readClass(who)
	}
	if of >= staffWork {
		return false
	}
	c.server.admission.shed[of].Add(1)
	rest := c.putOff(m.ID, errBusy, 0)
	if c.turn++; c.turn >= earlyEach {
		c.rest, c.ahead = rest, true
	}
	c.overdoes()
	return true
}

// notNow is what is said of load, from behind the id up to the time: under a flood that is most
// of what is said at all.
var notNow = map[*refusal.Refusal][]byte{errBusy: upToTime(errBusy), errStalled: upToTime(errStalled)}

func upToTime(r *refusal.Refusal) []byte {
	b := wire.AppendRefusal([]byte(`,"err":`), r)
	return b[:bytes.LastIndexByte(b, ':')+1]
}

// putOff refuses a message for load, so much later than it came, and returns how long its
// connection is to rest.
func (c *session) putOff(id int64, bad *refusal.Refusal, late time.Duration) time.Duration {
	after := bad.AfterMS + mathrand.Int64N(bad.AfterMS) - late.Milliseconds()
	var room [64]byte
	head := strconv.AppendInt(append(room[:0], `{"id":`...), id, 10)
	tail := append(strconv.AppendInt(room[len(head):len(head)], after, 10), "}}"...)
	c.answer(&feed.Frame{Head: string(head), Body: notNow[bad], Tail: string(tail)})
	return time.Duration(after)*time.Millisecond - readSooner
}

// slows has a guest or a partner wait that was refused for a rate. What it sends meanwhile is
// in time when it is read: so what it sends has the pace that it may have.
func (c *session) slows(who *auth.Principal, bad *refusal.Refusal) {
	if bad.Code == refusal.RateLimited && readClass(who) == guestReads {
		c.rest = max(c.rest, time.Duration(bad.AfterMS)*time.Millisecond-readSooner)
	}
}

// overdoes counts a refusal, and closes the connection that was given nothing else for long.
func (c *session) overdoes() {
	if c.over++; c.over > c.server.limits.OverRefusals {
		c.end(closeRate)
	}
}

// waits holds the reader until the connection may be read again, two seconds at most, or is
// to be closed. It reports false when a guest or a partner has gone meanwhile: what it left
// behind came too early, and nobody waits for an answer.
func (c *session) waits() bool {
	c.naps(c.rest)
	n, gone := unread(c.tcp)
	if c.ahead {
		c.early = max(c.early, n) // what was read of the kernel already, or what is in it
	} else {
		c.early = 0
	}
	c.rest, c.ahead, c.turn = 0, false, 0
	return !gone || readClass(c.principal()) != guestReads
}

// naps holds the reader for d, or until rouse.
func (c *session) naps(d time.Duration) {
	if c.timer == nil {
		c.timer = time.NewTimer(d)
	} else {
		c.timer.Reset(d)
	}
	c.nap.Store(c.timer)
	if c.closing.Load() == 0 { // else rouse may have come before nap
		<-c.timer.C
	}
	c.nap.Store(nil)
	c.timer.Stop()
}

// rouse ends the reader's rest. closing is set before.
func (c *session) rouse() {
	if t := c.nap.Load(); t != nil {
		t.Reset(0)
	}
}

// onWire is how long a client's message of one frame is on the wire, in bytes.
func onWire(message int) int {
	const head, mask = 2, 4
	if message > 125 {
		return head + 2 + mask + message
	}
	return head + mask + message
}

// unread returns how many bytes wait in the kernel to be read, and whether the client has
// closed its end.
func unread(tcp *net.TCPConn) (n int, gone bool) {
	if tcp == nil {
		return 0, false
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return 0, true
	}
	raw.Control(func(fd uintptr) {
		n, _ = unix.IoctlGetInt(int(fd), unreadRequest) // 0 where it is not known
		p := []unix.PollFd{{Fd: int32(fd), Events: hungUp}}
		unix.Poll(p, 0)
		gone = p[0].Revents&(hungUp|unix.POLLHUP|unix.POLLERR) != 0
	})
	return n, gone
}
