package gen

import (
	"runtime"
	"testing"
	"time"
)

// growth is how many times as large the larger input of [GrowsLinearly] is.
const growth = 8

// GrowsLinearly fails t unless the processor time of run grows with the size n of
// its input as its size does: eight times the input may take three times as long as
// that again, and not the 64 times of what is quadratic. Time in which the machine
// does something else does not count where the system tells the time of one thread.
func GrowsLinearly(t testing.TB, what string, n int, run func(n int)) {
	t.Helper()
	const slack = 3 // for caches and the garbage collector
	small, large := least(n, run), least(growth*n, run)
	t.Logf("%s: %v, and %v for %d times as much", what, small, large, growth)
	if large > slack*growth*small {
		t.Errorf("%s: %v, and %v for %d times as much", what, small, large, growth)
	}
}

// least returns the least time of a few runs: the others met the garbage collector
// or a cold cache.
func least(n int, run func(n int)) (shortest time.Duration) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const floor = 100 * time.Microsecond // below which a clock tells nothing
	for i := range 4 {
		start := threadTime()
		run(n)
		if took := threadTime() - start; i == 0 || took < shortest {
			shortest = took
		}
	}
	return max(shortest, floor)
}
