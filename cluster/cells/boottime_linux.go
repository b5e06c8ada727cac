package cells

import "golang.org/x/sys/unix"

const bootTime = unix.CLOCK_BOOTTIME
