package cells

import "golang.org/x/sys/unix"

// The monotonic clock of Darwin goes on while the machine sleeps.
const bootTime = unix.CLOCK_MONOTONIC
