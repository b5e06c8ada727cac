package gateway

import "golang.org/x/sys/unix"

const (
	unreadRequest = 0x4004667f // FIONREAD
	hungUp        = unix.POLLHUP
)
