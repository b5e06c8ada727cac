package doctor

import "golang.org/x/sys/unix"

// inStep asks the kernel whether a time service keeps the clock.
func inStep() (bool, error) {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	return state != unix.TIME_ERROR && t.Status&unix.STA_UNSYNC == 0, err
}
