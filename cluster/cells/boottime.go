package cells

import (
	"time"

	"golang.org/x/sys/unix"
)

// SinceBoot is the time since the machine started, counting the time that it was
// suspended: Go's own clock stands still then, and a lease does not.
func SinceBoot() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(bootTime, &t); err != nil {
		panic("cells: " + err.Error())
	}
	return time.Duration(t.Nano())
}
