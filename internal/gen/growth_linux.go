package gen

import (
	"syscall"
	"time"
	"unsafe"
)

// threadTime returns the processor time that this thread has used. Package syscall has
// getrusage, but many kernels round its times to ticks of milliseconds.
func threadTime() time.Duration {
	const thread = 3 // CLOCK_THREAD_CPUTIME_ID
	var now syscall.Timespec
	if _, _, err := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, thread, uintptr(unsafe.Pointer(&now)), 0); err != 0 {
		panic(err)
	}
	return time.Duration(now.Nano())
}
