package measure

import (
	"time"

	"golang.org/x/sys/unix"
)

// threadTime returns how long the calling thread has run on a processor.
func threadTime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		panic("measure: Linux has no clock of the thread: " + err.Error())
	}
	return time.Duration(t.Nano())
}
