package gateway

import "golang.org/x/sys/unix"

const (
	unreadRequest = unix.TIOCINQ
	hungUp        = unix.POLLRDHUP
)
