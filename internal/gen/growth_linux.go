package gen

import (
	"syscall"
	"time"
	"unsafe"
)

// threadTime returns how much processor time this thread has taken. Package syscall
// has getrusage, but many kernels round what that tells to ticks of milliseconds.
func threadTime() time.Duration {
	const thread = 3 // CLOCK_THREAD_CPUTIME_ID
	var now syscall.Timespec
	if _, _, err := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, thread, uintptr(unsafe.Pointer(&now)), 0); err != 0 {
		panic(err)
	}
	return time.Duration(now.Nano())
}
