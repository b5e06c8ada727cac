package gateway

import (
	mathrand "math/rand/v2"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// sheds refuses a message when the node has too much to do, and says so. The connection
// is told to come back in once to twice the time that others are told, or all that were
// refused at once would be back at once; it is not read before, for refusing costs, too.
// What a guest or a partner sends all the same is refused as soon as it is read: a flood
// leaves nothing behind in the kernel that would go on when it is over.
func (c *session) sheds(id int64, of class, now time.Time) bool {
	bad := c.server.admission.would(of, now)
	early := c.early > 0 && of < staffWork
	switch {
	case bad == nil && !early:
		return false
	case bad == nil:
		bad = errBusy
		c.server.admission.shed[of].Add(1)
	}
	told := *bad
	told.AfterMS += mathrand.Int64N(bad.AfterMS)
	c.refuse(id, &told)
	if !early {
		c.rest = time.Duration(told.AfterMS) * time.Millisecond
	}
	return true
}

// onWire is how long a client's message of one frame is on the wire, in bytes.
func onWire(message int) int {
	const head, mask = 2, 4
	if message > 125 {
		return head + 2 + mask + message
	}
	return head + mask + message
}

// unread returns how many bytes wait in the kernel to be read.
func unread(tcp *net.TCPConn) (n int) {
	if tcp == nil {
		return 0
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return 0
	}
	raw.Control(func(fd uintptr) { n, _ = unix.IoctlGetInt(int(fd), unreadRequest) }) // 0 where it is not known
	return n
}
